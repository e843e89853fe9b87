"""Load the compiled core, or say in a sentence why it cannot be loaded and what to do."""

from __future__ import annotations

try:
    import fastgrad._core as core

    if not hasattr(core, "Tensor"):  # the folder of its stubs, which Python takes for a namespace package
        raise ModuleNotFoundError(name="fastgrad._core")
except ModuleNotFoundError as error:
    if error.name != "fastgrad._core":
        raise
    import sys
    from pathlib import Path

    here = Path(__file__).resolve().parent
    others = sorted(path.name for path in here.glob("_core*") if path.suffix in {".so", ".pyd"})
    hint = f" There is one for another Python or platform: {', '.join(others)}." if others else ""
    raise ImportError(
        f"fastgrad's compiled core is missing: no _core for {sys.implementation.cache_tag} on {sys.platform} "
        f"in {here}.{hint} Reinstall the package: 'python -m pip install --force-reinstall fastgrad', "
        "or 'python -m pip install .' in a checkout."
    ) from None
except ImportError as error:
    raise ImportError(f"fastgrad's compiled core is there but does not load: {error}") from error

__all__ = ["core"]
