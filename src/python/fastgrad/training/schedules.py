"""What `lr` and `scheduler` say: the rate to begin with, and what moves it after each epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgrad.optim.optimizer import Optimizer

__all__ = ["as_schedule"]


def as_schedule(scheduler: Any, optimizer: Optimizer, lr: float | None) -> Callable[[float], None]:
    """Set the rate and return a function of the monitored loss; the optimizer is as before when it raises."""
    is_made = hasattr(scheduler, "step") and not isinstance(scheduler, type)
    if is_made and lr is not None:
        raise ValueError("lr does not go with a scheduler that has read it already; set the optimizer's own")
    before = [dict(group) for group in optimizer.param_groups]
    try:
        if lr is not None:
            optimizer.lr = lr
        return _stepping(scheduler if is_made else _made(scheduler, optimizer), optimizer)
    except BaseException:
        for group, old in zip(optimizer.param_groups, before, strict=True):
            group.update(old)
        raise


def _made(scheduler: Any, optimizer: Optimizer) -> Any:
    if scheduler is None:
        return None
    made = scheduler(optimizer) if callable(scheduler) else scheduler
    if not hasattr(made, "step"):
        raise TypeError(
            "scheduler must be one of fastgrad.optim.lr_scheduler, or a function that makes one of the "
            f"optimizer, got {type(scheduler).__name__}"
        )
    return made


def _stepping(made: Any, optimizer: Optimizer) -> Callable[[float], None]:
    if made is None:
        return lambda _: None
    if getattr(made, "optimizer", optimizer) is not optimizer:
        raise ValueError("scheduler belongs to another optimizer; pass that one as optimizer, or a function")
    parameters = list(inspect.signature(made.step).parameters.values())
    takes_metric = bool(parameters) and parameters[0].default is inspect.Parameter.empty
    step: Callable[[float], None] = made.step if takes_metric else lambda _: made.step()
    return step
