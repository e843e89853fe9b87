"""Early stopping: when the monitored loss has not become better for a number of epochs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgrad.optim.optimizer import checked_number

__all__ = ["EarlyStopping"]

_DEFAULTS = {"patience": 10, "min_delta": 0.0, "monitor": None, "restore_best": True}


class EarlyStopping:
    """Follows the best epoch so far; without `early_stopping` it stops nothing and restores nothing."""

    def __init__(self, early_stopping: Any, has_validation: bool) -> None:
        usual = "val_loss" if has_validation else "loss"
        if early_stopping is None:
            settings: dict[str, Any] = {**_DEFAULTS, "patience": None, "restore_best": False}
        elif isinstance(early_stopping, (int, np.integer)) and not isinstance(early_stopping, bool):
            settings = {**_DEFAULTS, "patience": early_stopping}
        elif isinstance(early_stopping, dict):
            unknown = sorted(set(early_stopping) - set(_DEFAULTS))
            if unknown:
                raise ValueError(
                    f"early_stopping has no setting {unknown[0]!r}; it has {', '.join(_DEFAULTS)}"
                )
            settings = {**_DEFAULTS, **early_stopping}
        else:
            raise TypeError(
                "early_stopping must be a number of epochs (the patience) or a dict with "
                f"{', '.join(_DEFAULTS)}, got {type(early_stopping).__name__}"
            )
        patience = settings["patience"]
        if patience is not None:
            if isinstance(patience, bool) or not isinstance(patience, (int, np.integer)):
                raise TypeError(f"early_stopping: patience must be an int, got {type(patience).__name__}")
            if patience < 1:
                raise ValueError(f"early_stopping: patience must be at least 1, got {patience}")
        self.monitor = settings["monitor"] or usual
        if self.monitor not in {"loss", "val_loss"}:
            raise ValueError(f"early_stopping: monitor must be 'val_loss' or 'loss', got {self.monitor!r}")
        if self.monitor == "val_loss" and not has_validation:
            raise ValueError("early_stopping: monitor='val_loss' needs validation_data")
        self.patience = patience
        self.restores = bool(settings["restore_best"])
        self._min_delta = checked_number("early_stopping: min_delta", settings["min_delta"])
        self._best = math.inf
        self._waited = 0
        self.best_epoch: int | None = None

    def is_better(self, epoch: int, values: dict[str, float]) -> bool:
        """Take in what an epoch came to; whether it is the best so far."""
        value = values[self.monitor]
        if value < self._best - self._min_delta or (self.best_epoch is None and not math.isnan(value)):
            self._best, self.best_epoch, self._waited = value, epoch, 0
            return True
        self._waited += 1
        return False

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self.patience is not None and self._waited >= self.patience
