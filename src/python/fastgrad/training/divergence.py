"""Saying where a fit that diverged left the finite numbers, and whether its learning rate was too large."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad import random
from fastgrad._grad_mode import no_grad
from fastgrad._native import core
from fastgrad.curvature import largest_curvature
from fastgrad.training.recording import Modes, record_loss

if TYPE_CHECKING:
    from fastgrad._core import Tensor
    from fastgrad.nn.module import Module
    from fastgrad.optim.optimizer import Optimizer
    from fastgrad.training.losses import BatchLoss

__all__ = ["StableRate", "Start", "explain"]

# What a verdict on the learning rate may cost.
_MOST_ROWS = 1024
_MOST_SECONDS = 1.0
_ACCURACY = 1e-3


class Start:
    """The parameters that a fit began with, kept where its optimizer knows which rates are stable."""

    def __init__(self, optimizer: Optimizer, clips: bool) -> None:
        self._optimizer = optimizer
        groups = optimizer.param_groups
        # Several rates have no one bound, and steps that are clipped none at all.
        known = len(groups) == 1 and not clips and optimizer._stable_lr(groups[0], 1.0) is not None
        self._params = [p for p in groups[0]["params"] if p.requires_grad] if known else []
        self._numbers = [p.detach().numpy().copy() for p in self._params]

    def stable_rate(
        self, model: Module, loss: BatchLoss, batch: Sequence[Tensor], weighted: bool
    ) -> StableRate | None:
        """The largest one on that batch; None where nothing can be said, or not in a second."""
        rows = [array[:_MOST_ROWS] for array in batch]
        # Whatever goes wrong in here, the fit has diverged and that has to be told.
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            # What draws is another function at each call; Dropout is none in evaluation mode.
            with Modes(model, training=False):
                program = record_loss(loss, model, rows, weighted, differentiable=True).program
            if program.draws:
                return None
            curvature, exact = largest_curvature(
                lambda numbers: program.inline(rows, self._params, numbers)[0],
                self._numbers,
                _ACCURACY,
                _MOST_SECONDS,
            )
            lr = self._optimizer._stable_lr(self._optimizer.param_groups[0], curvature)
            return None if lr is None else StableRate(lr, curvature, exact, int(rows[0].shape[0]))
        return None


@dataclasses.dataclass(frozen=True)
class StableRate:
    """The largest stable learning rate, and what it follows from."""

    lr: float
    curvature: float
    exact: bool
    rows: int

    def verdict(self, lr: float) -> str:
        """Whether a rate is beyond it, and what to try."""
        where = "at any parameters" if self.exact else "at the parameters that the fit began with"
        bound = (
            f"{self.lr:.4g}, the largest stable rate {where} (the largest curvature of the loss of "
            f"{self.rows} samples of that batch is {self.curvature:.4g})"
        )
        if lr > self.lr:
            return f"lr={lr:g} is beyond {bound}; try a smaller learning rate than that"
        return (
            f"lr={lr:g} is within {bound}, so the rate alone does not explain it: look at the scale of the "
            "data and at where the loss gets steeper on the way"
        )


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
    stable: StableRate | None,
    draws: tuple[int, int],
) -> str:
    """Return a message. The model stands before the step that failed, in training mode.

    `rows` says which of the data set the batch is made of, `worst` is its loss, `draws` where the random
    numbers of the step begin.
    """
    text = f"training diverged at {where}: the loss of its batch was {worst:.6g}"
    advice = f"try a smaller learning rate than {lr:g}: a tenth of it is a good next guess"
    if stable is not None:
        advice = stable.verdict(lr)
    found = core.train.first_not_finite(program, list(batch), *draws)
    if found is None:
        # The gradients are finite too: the update was too long.
        return f"{text}, and the update made parameters infinite or NaN; {advice}"
    op, number, shape, position = found
    sample = f", sample {rows[position[0]]}" if position and shape[0] == len(rows) else ""
    if op == "input":
        name = ("X", "y", "sample_weight")[number] if number < 3 else f"array {number}"
        value = float(batch[number].numpy()[position])
        place = f"{name}[{_at(rows, position)}]"
        return f"{text}; the data are not finite: {place} is {value}, which no learning rate makes up for"
    if op == "captured":
        return f"{text}; a parameter or constant of the model is not finite (shape {shape}, at {position})"
    layer = _first_layer(model, loss, batch, weighted, draws)
    place = f" in {layer}" if layer else ""
    first = f"the first result that is not finite is of '{op}'{place} (shape {shape}{sample})"
    return f"{text}; {first}; {advice}"


def _at(rows: Sequence[int], position: tuple[int, ...]) -> str:
    return ", ".join(str(i) for i in (rows[position[0]], *position[1:]))


def _first_layer(
    model: Module, loss: BatchLoss, batch: Sequence[Tensor], weighted: bool, draws: tuple[int, int]
) -> str:
    """The innermost module whose output is not finite first, or the loss, or the backward pass."""
    found: list[str] = []
    before = random.get_state()
    random.set_state(draws)
    try:
        with _watched(model, found), no_grad():
            value = loss(model, batch, weighted)
    finally:
        random.set_state(before)
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
