"""Import optional packages when they are used, and say which extra brings one that is missing."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["require"]


def require(module: str, extra: str) -> Any:
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
        Full name of the module, such as ``"matplotlib.colors"``.
    extra : str
        The extra of fastgrad that brings the package.

    Returns
    -------
    module
        The module named last: ``require("matplotlib.colors", ...)`` gives ``matplotlib.colors``.

    Raises
    ------
    ImportError
        When the package is not installed; the message holds the command that installs it.

    Examples
    --------
    >>> from fastgrad._extras import require
    >>> require("json.decoder", extra="demo").__name__
    'json.decoder'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ImportError(
            f'{package} is not installed and this needs it: pip install "fastgrad[{extra}]"', name=package
        ) from None
