"""LRScheduler: what all schedules of learning rates share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from fastgrad.optim.optimizer import Optimizer

__all__ = ["LRScheduler", "checked_count"]


class LRScheduler:
    """What schedules share: `step` after each epoch, or each batch, sets ``group["lr"]`` of every group.

    Every rate is a formula of the first one and the number of steps, so that no rounding adds up. It replaces
    what stands in the group: use one schedule for an optimizer.

    Attributes
    ----------
    last_epoch : int
        How many steps were taken.
    base_lrs : list of float
        The learning rates at first, one a group.

    Examples
    --------
    >>> import fastgrad as fg
    >>> optimizer = fg.optim.SGD([fg.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> schedule = fg.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(3):
    ...     finite = optimizer.step()
    ...     schedule.step()
    >>> optimizer.lr, schedule.get_last_lr(), schedule.last_epoch
    (0.25, [0.25], 3)
    """

    # Attributes that are no part of the state.
    _not_state: ClassVar[tuple[str, ...]] = ("optimizer",)

    def __init__(self, optimizer: Optimizer) -> None:
        given: Any = optimizer
        if not isinstance(given, Optimizer):
            raise TypeError(f"optimizer must be a fastgrad.optim.Optimizer, got {type(given).__name__}")
        self.optimizer = optimizer
        self.base_lrs = [float(group["lr"]) for group in optimizer.param_groups]
        self.last_epoch = 0

    def _rates(self) -> list[float]:
        """Return the learning rates of the groups after `last_epoch` steps; subclasses write it."""
        raise NotImplementedError

    def _apply(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.base_lrs):
            raise ValueError(
                f"the optimizer has {len(groups)} parameter groups, the schedule is for {len(self.base_lrs)}"
            )
        for group, rate in zip(groups, self._rates(), strict=True):
            group["lr"] = rate

    def step(self) -> None:
        """Go on by one step; the optimizer's own comes before it."""
        self.last_epoch += 1
        self._apply()

    def get_last_lr(self) -> list[float]:
        """Return the learning rates now, one a group."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return all but the optimizer, as copies: numbers, texts and lists of them.

        Returns
        -------
        dict
            What `load_state_dict` takes.
        """
        return {
            name: list(value) if isinstance(value, list) else value
            for name, value in vars(self).items()
            if name not in self._not_state
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, and set the learning rates; nothing changes when it does not fit.

        Parameters
        ----------
        state_dict : mapping
            Of a schedule of the same class over as many parameter groups.

        Raises
        ------
        ValueError
            When names or the number of groups differ.
        """
        before = self.state_dict()
        if set(state_dict) != set(before):
            raise ValueError(
                f"state_dict of {type(self).__name__} must hold {', '.join(before)}; "
                f"got {', '.join(state_dict)}"
            )
        vars(self).update({name: list(v) if isinstance(v, list) else v for name, v in state_dict.items()})
        try:
            self._apply()
        except ValueError:
            vars(self).update(before)
            raise

    def __repr__(self) -> str:
        return f"{type(self).__name__}(last_epoch={self.last_epoch}, lr={self.get_last_lr()})"


def checked_count(name: str, value: Any) -> int:
    """Return a number of steps as an int, or raise naming it."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)
