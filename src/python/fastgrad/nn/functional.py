"""Activations and losses as functions, with PyTorch's signatures: the public names."""

from __future__ import annotations

import math
from typing import Any

import fastgrad.numpy as fnp
from fastgrad._native import core
from fastgrad.nn.class_losses import binary_cross_entropy_with_logits, cross_entropy, nll_loss
from fastgrad.nn.losses import (
    gaussian_nll_loss,
    huber_loss,
    l1_loss,
    mse_loss,
    pinball_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from fastgrad.nn.module import as_input

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "elu",
    "gaussian_nll_loss",
    "gelu",
    "hardtanh",
    "huber_loss",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "pinball_loss",
    "poisson_nll_loss",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]


def relu(input: Any) -> core.Tensor:
    """Return max(input, 0), elementwise; its derivative at 0 is 0.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.relu(fg.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return core.ops.relu(as_input(input, None))


def tanh(input: Any) -> core.Tensor:
    """Return the hyperbolic tangent, elementwise.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.tanh(fg.tensor([0.0])).tolist()
    [0.0]
    """
    return core.ops.tanh(as_input(input, None))


def sigmoid(input: Any) -> core.Tensor:
    """Return the logistic function 1 / (1 + exp(-input)), elementwise.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.sigmoid(fg.tensor([0.0])).tolist()
    [0.5]
    """
    return core.ops.sigmoid(as_input(input, None))


def softplus(input: Any, beta: float = 1.0, threshold: float | None = None) -> core.Tensor:
    """Return log(1 + exp(beta * input)) / beta, elementwise: a smooth relu.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    beta : float
        How sharp the bend is.
    threshold : float, optional
        Where ``beta * input`` is larger, return the input itself, as PyTorch does above 20. By default the
        formula is used everywhere: it does not overflow here.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.nn.functional.softplus(fg.tensor(0.0)).item(), 6)
    0.693147
    """
    x = as_input(input, None)
    if beta == 1.0 and threshold is None:
        return core.ops.softplus(x)
    scaled = x * beta
    smooth = core.ops.softplus(scaled) / beta
    return smooth if threshold is None else core.ops.where(scaled > threshold, x, smooth)


def gelu(input: Any, approximate: str = "none") -> core.Tensor:
    """Return input * Phi(input), elementwise: Phi is the standard normal distribution function.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    approximate : {"none", "tanh"}
        With "tanh" it is ``input * (1 + tanh(sqrt(2 / pi) * (input + 0.044715 * input**3))) / 2``, less than
        0.001 from it: for models that were trained so.

    Raises
    ------
    ValueError
        When `approximate` is unknown.

    Notes
    -----
    Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.nn.functional.gelu(fg.tensor(1.0)).item(), 6)
    0.841345
    """
    x = as_input(input, None)
    if approximate == "none":
        return core.ops.gelu(x)
    if approximate != "tanh":
        raise ValueError(f"gelu: approximate must be none or tanh, got {approximate!r}")
    return 0.5 * x * (1.0 + core.ops.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def silu(input: Any) -> core.Tensor:
    """Return input * sigmoid(input), elementwise; also called swish.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.nn.functional.silu(fg.tensor(1.0)).item(), 6)
    0.731059
    """
    return core.ops.silu(as_input(input, None))


def elu(input: Any, alpha: float = 1.0) -> core.Tensor:
    """Return the input where it is above 0, else alpha * (exp(input) - 1); its derivative at 0 is alpha.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    alpha : float or Tensor
        What it tends to far below 0, but for the sign. Gradients flow to a tensor that requires them.

    Notes
    -----
    Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units
    (ELUs)", ICLR 2016.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.elu(fg.tensor([-1000.0, 2.0]), alpha=0.5).tolist()
    [-0.5, 2.0]
    """
    return core.ops.elu(as_input(input, None), alpha)


def leaky_relu(input: Any, negative_slope: float = 0.01) -> core.Tensor:
    """Return the input where it is above 0, else negative_slope * input; its derivative at 0 is the slope.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    negative_slope : float or Tensor
        The slope below 0. Gradients flow to a tensor that requires them.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.leaky_relu(fg.tensor([-4.0, 2.0]), 0.5).tolist()
    [-2.0, 2.0]
    """
    return core.ops.leaky_relu(as_input(input, None), negative_slope)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> core.Tensor:
    """Return the input held between two numbers; the derivative is 0 on them, as in PyTorch.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    min_val, max_val : float
        The lowest and the highest value.

    Raises
    ------
    ValueError
        When `min_val` is not below `max_val`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.hardtanh(fg.tensor([-4.0, 0.5, 4.0])).tolist()
    [-1.0, 0.5, 1.0]
    """
    if not min_val < max_val:
        raise ValueError(f"hardtanh: min_val must be below max_val, got {min_val} and {max_val}")
    x = as_input(input, None)
    return core.ops.where(x <= min_val, min_val, core.ops.where(x >= max_val, max_val, x))


def relu6(input: Any) -> core.Tensor:
    """Return the input held between 0 and 6; its derivative at 0 and 6 is 0.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.relu6(fg.tensor([-1.0, 2.0, 8.0])).tolist()
    [0.0, 2.0, 6.0]
    """
    return hardtanh(input, 0.0, 6.0)


def softsign(input: Any) -> core.Tensor:
    """Return input / (1 + abs(input)), elementwise; its derivative at 0 is 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.softsign(fg.tensor([-1.0, 3.0])).tolist()
    [-0.5, 0.75]
    """
    x = as_input(input, None)
    return x / (1.0 + core.ops.abs(x))


def mish(input: Any) -> core.Tensor:
    """Return input * tanh(softplus(input)), elementwise.

    Notes
    -----
    Misra, "Mish: a self regularized non-monotonic activation function", 2019.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.nn.functional.mish(fg.tensor(1.0)).item(), 6)
    0.865098
    """
    x = as_input(input, None)
    return x * core.ops.tanh(core.ops.softplus(x))


def logsigmoid(input: Any) -> core.Tensor:
    """Return log(1 / (1 + exp(-input))), elementwise, without overflow.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.logsigmoid(fg.tensor([-1000.0])).tolist()
    [-1000.0]
    """
    return fnp.log_expit(as_input(input, None))


def log_softmax(input: Any, dim: int = -1) -> core.Tensor:
    """Return input - log(sum(exp(input))) along an axis, without overflow.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    dim : int
        The axis whose exponentials sum to 1; the last one by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.log_softmax(fg.tensor([0.0, 0.0])).tolist()
    [-0.6931471805599453, -0.6931471805599453]
    """
    return fnp.log_softmax(as_input(input, None), dim)


def softmax(input: Any, dim: int = -1) -> core.Tensor:
    """Return exp(input) / sum(exp(input)) along an axis, without overflow.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    dim : int
        The axis that sums to 1; the last one by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.softmax(fg.tensor([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    return fnp.softmax(as_input(input, None), dim)


def linear(input: Any, weight: core.Tensor, bias: core.Tensor | None = None) -> core.Tensor:
    """Return ``input @ weight.T + bias``.

    Parameters
    ----------
    input : Tensor or array_like
        (..., in)
    weight : Tensor
        (out, in)
    bias : Tensor, optional
        (out,)

    Returns
    -------
    Tensor
        (..., out)

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.linear([[1.0, 2.0]], fg.tensor([[3.0, 4.0]])).tolist()
    [[11.0]]
    """
    x = as_input(input, weight.dtype)
    try:
        product = x @ weight.T
    except ValueError:
        raise ValueError(
            f"linear: input has shape {x.shape}, expected (..., {weight.shape[-1]}) for a weight of shape "
            f"{weight.shape}"
        ) from None
    return product if bias is None else product + bias
