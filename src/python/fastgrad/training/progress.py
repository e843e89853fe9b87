"""A bar that shows how far a fit has come, where tqdm is installed and somebody looks."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

from fastgrad._extras import require

__all__ = ["Progress"]


class Progress:
    """The bar; silent when `progress` says so."""

    def __init__(self, progress: Any) -> None:
        if progress not in (True, False, "auto"):
            raise ValueError(f"progress must be True, False or 'auto', got {progress!r}")
        wanted = progress is True or (progress == "auto" and _is_watched())
        self._tqdm: Any = require("tqdm.auto", "demo").tqdm if wanted else None
        self._bar: Any = None

    def start(self, total: int, unit: str) -> None:
        """Show it."""
        if self._tqdm is not None:
            self._bar = self._tqdm(total=total, desc="fit", unit=unit)

    def update(self, values: dict[str, float]) -> None:
        """One further."""
        if self._bar is not None:
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()}, refresh=False)
            self._bar.update()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


def _is_watched() -> bool:
    if importlib.util.find_spec("tqdm") is None:
        return False
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
