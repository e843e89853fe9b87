"""What training loops do with gradients before a step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastgrad._native import core
from fastgrad.optim.optimizer import checked_number

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def clip_grad_norm_(
    parameters: core.Tensor | Iterable[core.Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> core.Tensor:
    """Scale all gradients by one factor, so that their norm, as of one vector, is at most `max_norm`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Whose `grad` to scale; those without one are passed over.
    max_norm : float
        The largest norm.
    norm_type : float
        Which norm: 2, another positive number, or infinity for the largest absolute value.
    error_if_nonfinite : bool
        Whether to raise when the norm is infinite or NaN; else the gradients then become 0 or NaN.

    Returns
    -------
    Tensor
        The norm before, ().

    Raises
    ------
    ValueError
        When `max_norm` is negative or not a number, `norm_type` not above 0, or as `error_if_nonfinite` says.

    Notes
    -----
    Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013. The
    factor is ``min(1, max_norm / (norm + 1e-6))``, as
    `PyTorch <https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html>`_ has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> fg.nn.utils.clip_grad_norm_([w], max_norm=1.0)
    tensor(10.)
    >>> [round(slope, 6) for slope in w.grad.tolist()]
    [0.6, 0.8]
    """
    largest = checked_number("max_norm", max_norm)
    if not norm_type > 0:
        raise ValueError(f"norm_type must be above 0, got {norm_type}")
    clipped = _with_gradient(parameters)
    if not clipped:
        return core.Tensor(0.0)
    gradients = [parameter.grad for parameter in clipped]
    norm = core.train.gradient_norm(gradients) if norm_type == 2 else math.inf
    if not math.isfinite(norm):
        norm = _norm(np.array([_norm(gradient.numpy(), norm_type) for gradient in gradients]), norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise ValueError(f"the norm of the gradients is {norm}, so they cannot be clipped")
    factor = largest / (norm + 1e-6)
    if not factor >= 1.0:
        for parameter in clipped:
            parameter.grad = parameter.grad * factor
    return core.Tensor(np.array(norm, dtype=np.result_type(*[p.grad.dtype for p in clipped])))


def clip_grad_value_(parameters: core.Tensor | Iterable[core.Tensor], clip_value: float) -> None:
    """Hold every number of all gradients between -clip_value and clip_value.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Whose `grad` to clip; those without one are passed over.
    clip_value : float
        The largest absolute value.

    Raises
    ------
    ValueError
        When `clip_value` is negative or not a number.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor([3.0, -0.1], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> fg.nn.utils.clip_grad_value_([w], 0.5)
    >>> w.grad.tolist()
    [0.5, -0.2]
    """
    largest = checked_number("clip_value", clip_value)
    for parameter in _with_gradient(parameters):
        parameter.grad = core.ops.clip(parameter.grad, -largest, largest)


def _with_gradient(parameters: Any) -> list[Any]:
    listed = [parameters] if isinstance(parameters, core.Tensor) else list(parameters)
    for i, parameter in enumerate(listed):
        if not isinstance(parameter, core.Tensor):
            raise TypeError(f"parameters[{i}] must be a tensor, got {type(parameter).__name__}")
    return [parameter for parameter in listed if parameter.grad is not None]


def _norm(numbers: np.ndarray[Any, Any], p: float) -> float:
    # In double precision, and relative to the largest, so that no power overflows or is lost.
    sizes = np.abs(numbers.astype(np.float64))
    largest = float(np.max(sizes, initial=0.0))
    if p == math.inf or largest == 0.0 or not math.isfinite(largest):
        return largest
    return float(largest * np.sum((sizes / largest) ** p) ** (1.0 / p))
