"""ReduceLROnPlateau: a lower learning rate once a measure has stopped getting better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastgrad.optim.lr_scheduler.base import LRScheduler
from fastgrad.optim.optimizer import Optimizer, checked_number

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Times `factor` when a measure, given to `step`, was not better for more than `patience` steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates to lower.
    mode : {"min", "max"}
        Whether a lower or a higher measure is better.
    factor : float
        Below 1.
    patience : int
        How many steps without a better measure are let pass.
    threshold : float
        How much better counts.
    threshold_mode : {"rel", "abs"}
        Whether that is a part of the best measure, or a difference from it.
    cooldown : int
        How many steps are let pass after each reduction, whatever the measure.
    min_lr : float or sequence of float
        Where it ends, for all groups or each.
    eps : float
        A smaller change is not made.

    Raises
    ------
    ValueError
        When an argument is out of range or `min_lr` has another length than the groups.

    Notes
    -----
    As `PyTorch <https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html>`_
    has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> optimizer = fg.optim.SGD([fg.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> schedule = fg.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(optimizer)
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be min or max, got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode must be rel or abs, got {threshold_mode!r}")
        if checked_number("factor", factor) >= 1.0:
            raise ValueError(f"factor must be from 0 to below 1, got {factor}")
        count = len(self.base_lrs)
        floors = list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * count
        if len(floors) != count:
            raise ValueError(f"min_lr has {len(floors)} numbers, expected {count}, one a parameter group")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor = float(factor)
        self.patience, self.cooldown = int(patience), int(cooldown)
        self.threshold, self.eps = checked_number("threshold", threshold), checked_number("eps", eps)
        self.min_lrs = [checked_number(f"min_lr[{i}]", floor) for i, floor in enumerate(floors)]
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Take notice of a measure: a number, or a tensor of one."""
        current = float(metrics)
        self.last_epoch += 1
        if self._better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0

    def _better(self, current: float) -> bool:
        sign = 1.0 if self.mode == "min" else -1.0
        if self.threshold_mode == "rel":
            return sign * current < sign * self.best * (1.0 - sign * self.threshold)
        return sign * current < sign * self.best - self.threshold

    def _reduce(self) -> None:
        for group, floor in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            reduced = max(group["lr"] * self.factor, floor)
            if group["lr"] - reduced > self.eps:
                group["lr"] = reduced

    def _apply(self) -> None:
        """Nothing: the learning rates are no formula of the state, and belong to the optimizer's."""
