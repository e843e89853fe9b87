"""Recording a step of training, and the loss alone, for native replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastgrad._grad_mode import grad_mode
from fastgrad._native import core

if TYPE_CHECKING:
    from fastgrad._core import Tensor
    from fastgrad.nn.module import Module
    from fastgrad.training.losses import BatchLoss

__all__ = ["Modes", "record_loss", "record_step"]


class Modes:
    """Context that puts a model in training or evaluation mode, and each of its parts back at the end."""

    def __init__(self, model: Module, training: bool) -> None:
        self._model = model
        self._training = training
        self._before: list[tuple[Module, bool]] = []

    def __enter__(self) -> None:
        self._before = [(module, module.training) for module in self._model.modules()]
        self._model.train(self._training)

    def __exit__(self, *exception: object) -> None:
        for module, mode in self._before:
            module.training = mode


def record_step(
    loss: BatchLoss, model: Module, params: Sequence[Tensor], examples: Sequence[Any], weighted: bool
) -> core.train.RecordedStep:
    """Record the loss of a batch like `examples`, and gradients of the parameters that require them."""
    learned: list[int] = []

    def run(batch: list[Tensor]) -> list[Tensor]:
        value = loss(model, batch, weighted)
        wanted = [i for i, param in enumerate(params) if param.requires_grad]
        flows: list[Tensor | None] = [None]
        if value.requires_grad and wanted:
            flows = core.gradients([value], [None], [params[i] for i in wanted], False, False)
        outputs = [value]
        for i, gradient in zip(wanted, flows, strict=False):
            if gradient is not None:
                learned.append(i)
                # In the order of the parameter's memory, where the optimizer reads it without rearranging.
                outputs.append(core.ops.transpose(gradient, core.train.memory_order(params[i])))
        if not learned:
            raise ValueError(
                "the loss depends on no parameter that the optimizer holds and that requires a gradient"
            )
        return outputs

    with grad_mode(True):
        program = core.record(run, examples)
    return core.train.RecordedStep(program, learned, len(examples) - 1 if weighted else -1)


def record_loss(
    loss: BatchLoss, model: Module, examples: Sequence[Any], weighted: bool, differentiable: bool = False
) -> core.train.RecordedStep:
    """Record the loss of a batch alone; gradients of it pass when its program is inlined, if wanted."""
    with grad_mode(differentiable):
        program = core.record(lambda batch: [loss(model, batch, weighted)], examples)
    return core.train.RecordedStep(program, [], len(examples) - 1 if weighted else -1)
