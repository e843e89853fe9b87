"""Gradients of tensors that were already computed, in PyTorch's style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastgrad._native import core

if TYPE_CHECKING:
    from fastgrad._core import Tensor


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of the sum of `outputs` with respect to `inputs`; no `.grad` is touched.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
        One number each, unless `grad_outputs` weighs them.
    inputs : Tensor or sequence of Tensor
        Tensors that require a gradient, leaves or computed.
    grad_outputs : Tensor, array, or sequence of them or None, optional
        Gradient of each output, of the output's shape.
    retain_graph : bool, optional
        Keep saved values for another backward. Defaults to `create_graph`.
    create_graph : bool, default False
        Make the gradients differentiable themselves.
    allow_unused : bool, default False
        Give None for inputs that no output depends on, instead of an error.

    Returns
    -------
    tuple of Tensor
        One per input, of its shape and dtype.

    Raises
    ------
    GradientError
        If an input does not require a gradient, is not used (without `allow_unused`), or saved values are
        gone.
    ValueError
        If an output is not one number and has no gradient in `grad_outputs`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.tensor(3.0, requires_grad=True)
    >>> (g,) = fg.autograd.grad(x**2, x)
    >>> g.item()
    6.0
    """
    outs, ins = _tensors(outputs, "outputs"), _tensors(inputs, "inputs")
    if grad_outputs is None:
        seeds: list[Any] = [None] * len(outs)
    elif isinstance(grad_outputs, (list, tuple)):
        seeds = list(grad_outputs)
    else:
        seeds = [grad_outputs]
    flows = core.gradients(
        outs, seeds, ins, create_graph if retain_graph is None else retain_graph, create_graph
    )
    for i, flow in enumerate(flows):
        if flow is None and not allow_unused:
            raise core.GradientError(
                f"input {i} was not used to compute the outputs; pass allow_unused=True to get None for it"
            )
    if core.is_recording() and not create_graph:
        flows = [flow if flow is None else flow.detach() for flow in flows]
    return tuple(flows)


def _tensors(given: Any, name: str) -> list[Tensor]:
    if isinstance(given, core.Tensor):
        return [given]
    if isinstance(given, (list, tuple)) or hasattr(given, "__next__"):
        return list(given)
    raise TypeError(f"{name} must be a tensor or a sequence of tensors, got {type(given).__name__}")
