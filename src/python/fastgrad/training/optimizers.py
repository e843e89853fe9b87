"""What `optimizer` and `lr` say, as an Optimizer over the parameters of a model."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastgrad import optim
from fastgrad.nn.module import Module
from fastgrad.optim.optimizer import Optimizer, checked_number

if TYPE_CHECKING:
    from fastgrad._core import Tensor

__all__ = ["as_optimizer", "checked_max_norm", "checked_model", "named_optimizer", "trained_params"]


def as_optimizer(optimizer: Any, model: Module, lr: float | None) -> Optimizer:
    """Make or check the optimizer. One that was passed in does not get the rate yet."""
    if isinstance(optimizer, Optimizer):
        made = optimizer
    else:
        params = [param for param in model.parameters() if param.requires_grad]
        if not params:
            raise ValueError("the model has no parameters that require a gradient: there is nothing to train")
        rate: dict[str, Any] = {} if lr is None else {"lr": lr}
        if optimizer is None or isinstance(optimizer, str):
            made = named_optimizer(optimizer)(params, **rate)
        elif isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
            made = optimizer(params, **rate)
        elif callable(optimizer):
            made = optimizer(params)
            if not isinstance(made, Optimizer):
                raise TypeError(
                    f"optimizer returned a {type(made).__name__}; a factory takes the parameters and returns "
                    "a fastgrad.optim.Optimizer"
                )
        else:
            raise TypeError(
                "optimizer must be a name, a fastgrad.optim.Optimizer or a function that makes one of "
                f"parameters, got {type(optimizer).__name__}"
            )
    if type(made)._rule is Optimizer._rule:
        raise TypeError(
            f"{type(made).__name__} has no native rule; write the loop with backward() and optimizer.step()"
        )
    of_model = {id(param) for param in model.parameters()}
    if not any(id(param) in of_model for param in trained_params(made)):
        raise ValueError(
            "the optimizer holds none of the model's parameters; make it after model.to(...), from this "
            "model's parameters()"
        )
    return made


def trained_params(optimizer: Optimizer) -> Sequence[Tensor]:
    """All parameters of an optimizer, in the order of its tables."""
    return [param for group in optimizer.param_groups for param in group["params"]]


def checked_max_norm(clip_grad_norm: float | None) -> float:
    """What gradients are clipped to; 0 when they are not."""
    if clip_grad_norm is None:
        return 0.0
    norm = checked_number("clip_grad_norm", clip_grad_norm)
    if norm == 0.0:
        raise ValueError("clip_grad_norm must be above 0, got 0")
    return norm


def checked_model(model: Any) -> Module:
    """Return a model, or raise saying what is there instead."""
    if not isinstance(model, Module):
        raise TypeError(f"model must be a fastgrad.nn.Module, got {type(model).__name__}")
    return model


def named_optimizer(name: str | None) -> type[Optimizer]:
    """The class of a name; Adam by default."""
    name = "adam" if name is None else name
    known = {
        key.lower(): value
        for key, value in vars(optim).items()
        if inspect.isclass(value) and issubclass(value, Optimizer) and value._rule is not Optimizer._rule
    }
    if name.lower() not in known:
        raise ValueError(f"optimizer {name!r} is unknown; expected one of {', '.join(sorted(known))}")
    return known[name.lower()]
