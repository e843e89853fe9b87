"""Schedules of one formula: any function, steps, exponentials, a line, a cosine."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

from fastgrad.optim.lr_scheduler.base import LRScheduler, checked_count
from fastgrad.optim.optimizer import Optimizer, checked_number

__all__ = ["CosineAnnealingLR", "ExponentialLR", "LambdaLR", "LinearLR", "MultiStepLR", "StepLR"]


class LambdaLR(LRScheduler):
    """The first learning rate times a function of the number of steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates to set.
    lr_lambda : callable, or a sequence of them
        From the number of steps to the factor; a sequence holds one for each parameter group.

    Examples
    --------
    >>> import fastgrad as fg
    >>> optimizer = fg.optim.SGD([fg.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> schedule = fg.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 / (1.0 + step))
    >>> schedule.step()
    >>> optimizer.lr
    0.25
    """

    _not_state = ("optimizer", "lr_lambdas")

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        super().__init__(optimizer)
        count = len(self.base_lrs)
        functions = tuple(lr_lambda) if isinstance(lr_lambda, Sequence) else (lr_lambda,) * count
        if len(functions) != count:
            raise ValueError(f"lr_lambda has {len(functions)} functions, expected {count}, one a group")
        self.lr_lambdas = functions
        self._apply()

    def _rates(self) -> list[float]:
        return [
            base * float(f(self.last_epoch)) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)
        ]


class StepLR(LRScheduler):
    """Times `gamma` every `step_size` steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates to set.
    step_size : int
        At least 1.
    gamma : float
        The factor.

    Examples
    --------
    >>> import fastgrad as fg
    >>> optimizer = fg.optim.SGD([fg.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> schedule = fg.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    >>> schedule.step()
    >>> optimizer.lr
    0.25
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer)
        self.step_size = checked_count("step_size", step_size)
        self.gamma = checked_number("gamma", gamma)
        self._apply()

    def _rates(self) -> list[float]:
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Times `gamma` at each of some steps.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates to set.
    milestones : sequence of int
        Numbers of steps, in any order.
    gamma : float
        The factor.

    Examples
    --------
    >>> import fastgrad as fg
    >>> optimizer = fg.optim.SGD([fg.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> schedule = fg.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)
    >>> rates = []
    >>> for _ in range(4):
    ...     schedule.step()
    ...     rates.append(optimizer.lr)
    >>> rates
    [0.25, 0.25, 0.125, 0.125]
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        super().__init__(optimizer)
        self.milestones = sorted(checked_count(f"milestones[{i}]", m) for i, m in enumerate(milestones))
        self.gamma = checked_number("gamma", gamma)
        self._apply()

    def _rates(self) -> list[float]:
        passed = bisect_right(self.milestones, self.last_epoch)
        return [base * self.gamma**passed for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """Times `gamma` at every step.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates to set.
    gamma : float
        The factor.

    Examples
    --------
    >>> import fastgrad as fg
    >>> optimizer = fg.optim.SGD([fg.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> schedule = fg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> schedule.step()
    >>> optimizer.lr
    0.25
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        super().__init__(optimizer)
        self.gamma = checked_number("gamma", gamma)
        self._apply()

    def _rates(self) -> list[float]:
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class LinearLR(LRScheduler):
    """Times a factor that moves in a straight line, and then stays: to warm up, or to fade out.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates to set.
    start_factor, end_factor : float
        The factor at first, above 0, and after `total_iters` steps.
    total_iters : int
        At least 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> optimizer = fg.optim.SGD([fg.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> schedule = fg.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> rates = [optimizer.lr]
    >>> for _ in range(3):
    ...     schedule.step()
    ...     rates.append(optimizer.lr)
    >>> rates
    [0.25, 0.375, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3.0,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        super().__init__(optimizer)
        self.start_factor = checked_number("start_factor", start_factor)
        self.end_factor = checked_number("end_factor", end_factor)
        self.total_iters = checked_count("total_iters", total_iters)
        if not 0.0 < self.start_factor <= 1.0 or self.end_factor > 1.0:
            raise ValueError(
                f"start_factor must be above 0 and at most 1 and end_factor from 0 to 1, got {start_factor} "
                f"and {end_factor}"
            )
        self._apply()

    def _rates(self) -> list[float]:
        done = min(self.last_epoch, self.total_iters) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * done
        return [base * factor for base in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """Down along half a wave of the cosine, from the first learning rate to `eta_min`, and then up again.

    After t steps it is ``eta_min + (base - eta_min) * (1 + cos(pi * t / T_max)) / 2``.

    Parameters
    ----------
    optimizer : Optimizer
        Whose learning rates to set.
    T_max : int
        Steps to the least one.
    eta_min : float
        The least learning rate.

    Notes
    -----
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, as PyTorch has
    it, without the restarts.

    Examples
    --------
    >>> import fastgrad as fg
    >>> optimizer = fg.optim.SGD([fg.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> schedule = fg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> schedule.step()
    >>> optimizer.lr
    0.25
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        super().__init__(optimizer)
        self.T_max = checked_count("T_max", T_max)
        self.eta_min = checked_number("eta_min", eta_min)
        self._apply()

    def _rates(self) -> list[float]:
        height = 0.5 * (1.0 + math.cos(math.pi * (self.last_epoch % (2 * self.T_max)) / self.T_max))
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]
