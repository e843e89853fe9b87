"""First values of parameters, written in place, with PyTorch's names and formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastgrad import random
from fastgrad._native import core

__all__ = [
    "calculate_gain",
    "constant_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0)}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return how much larger weights must be for the activations to keep their variance.

    Parameters
    ----------
    nonlinearity : {"linear", "sigmoid", "tanh", "relu", "leaky_relu"}
        What follows the weights.
    param : float, optional
        The slope below 0 of "leaky_relu", 0.01 by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.nn.init.calculate_gain("relu"), 4)
    1.4142
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + slope**2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(f"nonlinearity must be one of {known}, got {nonlinearity!r}")
    return _GAINS[nonlinearity]


def constant_(tensor: core.Tensor, val: float) -> core.Tensor:
    """Fill a tensor with one number, in place, and return it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.init.constant_(fg.nn.Linear(2, 1).bias, 0.5).tolist()
    [0.5]
    """
    core.assign(tensor, np.full(tensor.shape, val, tensor.dtype))
    return tensor


def zeros_(tensor: core.Tensor) -> core.Tensor:
    """Fill a tensor with zeros, in place, and return it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.init.zeros_(fg.tensor([1.0, 2.0]))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def ones_(tensor: core.Tensor) -> core.Tensor:
    """Fill a tensor with ones, in place, and return it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.init.ones_(fg.tensor([3.0, 4.0]))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def uniform_(tensor: core.Tensor, a: float = 0.0, b: float = 1.0) -> core.Tensor:
    """Fill a tensor with numbers from the uniform distribution on [a, b), in place, and return it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> (fg.nn.init.uniform_(fg.tensor([5.0, 6.0]), 0.0, 0.5) < 0.5).tolist()
    [True, True]
    """
    return _take(tensor, random.uniform(tensor.shape, a, b, dtype=tensor.dtype))


def normal_(tensor: core.Tensor, mean: float = 0.0, std: float = 1.0) -> core.Tensor:
    """Fill a tensor with numbers from the normal distribution, in place, and return it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.init.normal_(fg.tensor([1.0, 2.0]), mean=3.0, std=0.0)
    tensor([3., 3.])
    """
    return _take(tensor, random.normal(tensor.shape, mean, std, dtype=tensor.dtype))


def kaiming_uniform_(
    tensor: core.Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> core.Tensor:
    """Fill a weight (out, in) uniformly so that relu-like activations keep their variance [1]_; return it.

    Parameters
    ----------
    tensor : Tensor
        (out, in) or (out, in, d1, ...)
    a : float
        The slope below 0 of the "leaky_relu" that follows.
    mode : {"fan_in", "fan_out"}
        Whether the variance is kept going forward or backward.
    nonlinearity : str
        As in `calculate_gain`.

    References
    ----------
    .. [1] He et al., "Delving Deep into Rectifiers", ICCV 2015.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> weight = fg.nn.init.kaiming_uniform_(fg.nn.Linear(6, 3).weight)
    >>> bool(np.abs(weight.detach().numpy()).max() <= 1.0)
    True
    """
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: core.Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> core.Tensor:
    """Fill a weight (out, in) as `kaiming_uniform_` does, from the normal distribution; return it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.init.kaiming_normal_(fg.nn.Linear(6, 3).weight).shape
    (3, 6)
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def xavier_uniform_(tensor: core.Tensor, gain: float = 1.0) -> core.Tensor:
    """Fill a weight (out, in) uniformly with variance gain**2 * 2 / (in + out) [1]_; return it.

    References
    ----------
    .. [1] Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
       AISTATS 2010.

    Examples
    --------
    >>> import fastgrad as fg
    >>> weight = fg.nn.init.xavier_uniform_(fg.nn.Linear(4, 2).weight)
    >>> bool(abs(weight.detach().numpy()).max() <= 1.0)
    True
    """
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: core.Tensor, gain: float = 1.0) -> core.Tensor:
    """Fill a weight (out, in) as `xavier_uniform_` does, from the normal distribution; return it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.init.xavier_normal_(fg.nn.Linear(6, 3).weight).shape
    (3, 6)
    """
    fan_in, fan_out = _fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)))


def _fans(tensor: core.Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError(f"tensor must have shape (out, in) or (out, in, d1, ...), got {tensor.shape}")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _kaiming_std(tensor: core.Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode must be fan_in or fan_out, got {mode!r}")
    fan = _fans(tensor)[mode == "fan_out"]
    if fan == 0:
        raise ValueError(f"tensor of shape {tensor.shape} has no {mode}: a size is 0")
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _take(tensor: core.Tensor, values: Any) -> core.Tensor:
    core.assign(tensor, values.numpy())
    return tensor
