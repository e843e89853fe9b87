"""Saying where a fit that diverged left the finite numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad._grad_mode import no_grad
from fastgrad._native import core

if TYPE_CHECKING:
    from fastgrad._core import Tensor
    from fastgrad.nn.module import Module
    from fastgrad.training.losses import BatchLoss

__all__ = ["explain"]


def explain(
    model: Module,
    loss: BatchLoss,
    program: Any,
    batch: Sequence[Tensor],
    rows: Sequence[int],
    weighted: bool,
    where: str,
    worst: float,
    lr: float,
) -> str:
    """Return a message. The model stands before the step that failed, in training mode.

    `rows` says which of the data set the batch is made of, `worst` is its loss.
    """
    text = f"training diverged at {where}: the loss of its batch was {worst:.6g}"
    advice = f"try a smaller learning rate than {lr:g}: a tenth of it is a good next guess"
    found = core.train.first_not_finite(program, list(batch))
    if found is None:
        # The gradients are finite too: the update was too long.
        return f"{text}, and the update made parameters infinite or NaN; {advice}"
    op, number, shape, position = found
    sample = f", sample {rows[position[0]]}" if position and shape[0] == len(rows) else ""
    if op == "input":
        name = ("X", "y", "sample_weight")[number] if number < 3 else f"array {number}"
        value = float(batch[number].numpy()[position])
        return f"{text}; the data are not finite: {name}[{_at(rows, position)}] is {value}"
    if op == "captured":
        return f"{text}; a parameter or constant of the model is not finite (shape {shape}, at {position})"
    layer = _first_layer(model, loss, batch, weighted)
    place = f" in {layer}" if layer else ""
    first = f"the first result that is not finite is of '{op}'{place} (shape {shape}{sample})"
    return f"{text}; {first}; {advice}"


def _at(rows: Sequence[int], position: tuple[int, ...]) -> str:
    return ", ".join(str(i) for i in (rows[position[0]], *position[1:]))


def _first_layer(model: Module, loss: BatchLoss, batch: Sequence[Tensor], weighted: bool) -> str:
    """The innermost module whose output is not finite first, or the loss, or the backward pass."""
    found: list[str] = []
    with _watched(model, found), no_grad():
        value = loss(model, batch, weighted)
    if found:
        return found[0]
    return "the loss" if not np.isfinite(value.numpy()).all() else "the gradients"


@contextlib.contextmanager
def _watched(model: Module, found: list[str]) -> Iterator[None]:
    """While it lasts, each module looks at its output."""

    def looking(forward: Any, label: str) -> Any:
        def looked_at(*inputs: Any, **keywords: Any) -> Any:
            output = forward(*inputs, **keywords)
            if isinstance(output, core.Tensor) and not np.isfinite(output.detach().numpy()).all():
                found.append(label)
            return output

        return looked_at

    changed = []
    for name, module in model.named_modules():
        label = f"{name} ({type(module).__name__})" if name else type(module).__name__
        if "forward" not in vars(module):
            object.__setattr__(module, "forward", looking(module.forward, label))
            changed.append(module)
    try:
        yield
    finally:
        for module in changed:
            object.__delattr__(module, "forward")
