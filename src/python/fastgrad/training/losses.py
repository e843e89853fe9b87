"""What `loss` and `objective` say, as one number for a batch."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastgrad._native import core
from fastgrad.nn import functional
from fastgrad.nn.module import Module

if TYPE_CHECKING:
    from fastgrad._core import Tensor

__all__ = ["BatchLoss"]

_ALIASES = {"mae": "l1"}
# Losses whose target is a class, and not shaped as the output.
_OF_CLASSES = {"cross_entropy", "nll_loss", "CrossEntropyLoss", "NLLLoss"}
# Modules whose target is shaped as the output; so it is for the functions that are not of classes.
_ELEMENTWISE = {"MSELoss", "L1Loss"}


class BatchLoss:
    """The loss of a model on a batch: (inputs, targets), then weights of the samples if there are any.

    With an objective, a batch is whatever that takes beside the model.
    """

    def __init__(self, loss: Any, objective: Callable[..., Any] | None = None) -> None:
        if objective is not None:
            if not callable(objective):
                raise TypeError(f"objective must be a function, got {type(objective).__name__}")
            if loss != "mse":
                raise ValueError("give a loss or an objective, not both")
        self.objective = objective
        self._loss = _named(loss) if isinstance(loss, str) else loss
        if not callable(self._loss):
            raise TypeError(f"loss must be a name, a module or a function, got {type(loss).__name__}")
        self._is_module = isinstance(self._loss, Module)
        # A function like those of nn.functional.
        self._reduces = not self._is_module and "reduction" in _parameters(self._loss)
        self.name = getattr(type(self._loss) if self._is_module else self._loss, "__name__", "loss")
        self.of_classes = self.name in _OF_CLASSES
        self._is_elementwise = self._reduces or self.name in _ELEMENTWISE
        self._classes: int | None = None  # what the model tells apart, once it has been seen

    def __call__(self, model: Module, batch: Sequence[Tensor], weighted: bool) -> Tensor:
        """Return one number, of shape ()."""
        if self.objective is not None:
            return _scalar(self.objective(model, *batch), "objective")
        output = model(batch[0])
        if not isinstance(output, core.Tensor):
            raise TypeError(
                f"the model returned a {type(output).__name__}; a loss takes one tensor, and an "
                "objective(model, *batch) whatever there is"
            )
        if self.of_classes and output.ndim > 1:
            self._classes = output.shape[1]
        target = self._fitting_target(output, batch[1])
        if weighted:
            return self._weighted(self._losses(output, target, per_sample=True), batch[2], output.shape[0])
        losses = self._losses(output, target, per_sample=False)
        return losses.mean() if losses.ndim else losses

    def check_classes(self, y: Tensor, name: str) -> None:
        """Refuse classes that the model, which has been recorded, does not have."""
        if self._classes is None or y.dtype.kind != "i":
            return
        classes = y.numpy()
        if getattr(self._loss, "ignore_index", None) is not None:
            classes = classes[classes != self._loss.ignore_index]
        if classes.size == 0:
            return
        low, high = int(classes.min()), int(classes.max())
        if low < 0 or high >= self._classes:
            raise ValueError(
                f"{name} holds class {low if low < 0 else high}, expected 0 to {self._classes - 1}: the "
                f"model gives {self._classes} scores a sample"
            )

    def _losses(self, output: Tensor, target: Tensor, per_sample: bool) -> Tensor:
        if self._reduces:
            losses = self._loss(output, target, reduction="none")
        else:
            loss = self._loss
            if per_sample and self._is_module and getattr(loss, "reduction", None) == "mean":
                if any(getattr(loss, name, None) is not None for name in ("weight", "ignore_index")):
                    raise ValueError(
                        f"{self.name} has weights of its own, which do not go with sample_weight; multiply "
                        "them into sample_weight"
                    )
                loss = copy.copy(loss)
                loss.reduction = "none"
            losses = loss(output, target)
        if not isinstance(losses, core.Tensor):
            raise TypeError(f"{self.name} returned a {type(losses).__name__}; expected a tensor")
        return losses

    def _weighted(self, losses: Tensor, weights: Tensor, rows: int) -> Tensor:
        """sum(weight * loss) / sum(weight), a sample's loss being the mean over its outputs."""
        if losses.ndim == 0 or losses.shape[0] != rows:
            raise ValueError(
                f"sample_weight needs the loss of each sample, but {self.name} returned shape {losses.shape} "
                f"for {rows} samples; return shape ({rows},), or make the module with reduction='none'"
            )
        if losses.ndim > 1:
            losses = losses.reshape(rows, losses.size // rows).mean(axis=-1)
        weights = weights.astype(losses.dtype)
        return (losses * weights).sum() / weights.sum()

    def _fitting_target(self, output: Tensor, target: Tensor) -> Tensor:
        """The target, (n,) made (n, 1) where the model gives that; refuse what cannot be meant."""
        if output.ndim == 0:
            return target
        if self.of_classes:  # a column of a table holds classes as well
            is_column = output.ndim == 2 and target.shape == (output.shape[0], 1)
            return target.reshape(output.shape[0]) if is_column else target
        if output.shape == (*target.shape, 1):
            return target.reshape(output.shape)
        one_a_sample = target.ndim == 1 or target.shape[1:] == (1,)
        if self._is_elementwise and one_a_sample and target.dtype.kind in "ib" and _columns(output) > 1:
            raise ValueError(
                f"y holds one integer a sample ({target.dtype}) and the model gives {_columns(output)} "
                f"numbers: for class labels use loss='cross_entropy'; {self.name} needs as many in y"
            )
        if self._is_elementwise and output.shape != target.shape:
            raise ValueError(
                f"y does not fit the model: for {output.shape[0]} samples the model gives shape "
                f"{output.shape} and y has {target.shape}; {self.name} needs the same shape"
            )
        return target


def _named(name: str) -> Any:
    known = {}
    for key, function in vars(functional).items():
        if key.startswith("_") or not inspect.isfunction(function):
            continue
        parameters = _parameters(function)
        required = [p for p in parameters.values() if p.default is inspect.Parameter.empty]
        if "reduction" in parameters and len(required) == 2:
            known[key] = function
    wanted = _ALIASES.get(name, name)
    for key in (f"{wanted}_loss", wanted):
        if key in known:
            return known[key]
    names = sorted(key.removesuffix("_loss") for key in known)
    raise ValueError(f"loss {name!r} is unknown; expected one of {', '.join(names)}, a module or a function")


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # of a builtin
        return {}


def _columns(output: Tensor) -> int:
    return int(output.shape[-1]) if output.ndim > 1 else 1


def _scalar(value: Any, what: str) -> Tensor:
    if not isinstance(value, core.Tensor):
        raise TypeError(f"the {what} returned a {type(value).__name__}; expected a tensor of one number")
    if value.size != 1:
        raise ValueError(f"the {what} returned shape {value.shape}; expected one number")
    return value.reshape(())
