"""Elementwise functions that are made of others, by NumPy's and SciPy's names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._native import core
from fastgrad._operands import as_tensor

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["deg2rad", "log_expit", "nan_to_num", "rad2deg", "round", "sinc", "xlog1py", "xlogy"]

_ops = core.ops


def round(a: Any, decimals: int = 0) -> Tensor:
    """Round to so many decimals, ties to even; the derivative is 0.

    Parameters
    ----------
    a : array_like
        Any shape.
    decimals : int, default 0
        Places after the point; before it where negative.

    Returns
    -------
    Tensor
        Of the dtype of `a`.

    Notes
    -----
    As ``numpy.round``: ``rint(a * 10**decimals) / 10**decimals``, so that the last place may be off where
    the product is rounded.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.round([0.125, -1.5, 2.5], 2).tolist(), fg.round([-1.5, 2.5]).tolist()
    ([0.12, -1.5, 2.5], [-2.0, 2.0])
    """
    return as_tensor(a).round(decimals)


def deg2rad(x: Any) -> Tensor:
    """Convert degrees to radians: x * (pi / 180).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.deg2rad(180.0).item()
    3.141592653589793
    """
    return _ops.multiply(x, math.pi / 180.0)


def rad2deg(x: Any) -> Tensor:
    """Convert radians to degrees: x * (180 / pi).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.rad2deg(3.141592653589793).item()
    180.0
    """
    return _ops.multiply(x, 180.0 / math.pi)


# sin(r) / r in powers of -r**2: to r = pi / 4 it is exact, and so are derivatives up to the fourth.
_SINC_SERIES = [1.0 / math.factorial(2 * k + 1) for k in range(10)]


def sinc(x: Any) -> Tensor:
    """Return sin(pi * x) / (pi * x), and 1 at 0, where derivatives of every order are right too.

    Parameters
    ----------
    x : array_like
        Any shape; integers become float64.

    Returns
    -------
    Tensor
        Within 4 units of the last place, next to its zeros too.

    Notes
    -----
    Below 1/4 in magnitude the power series in x ** 2; beyond, the sine of what is left of x after its nearest
    integer, which is exact.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.sinc([0.0, 0.5]).tolist()
    [1.0, 0.6366197723675814]
    """
    x = _ops.multiply(x, 1.0)
    small = _ops.abs(x) < 0.25
    near = _ops.where(small, x, 0.0)
    square = near * near * (-(math.pi**2))
    series = square * _SINC_SERIES[-1] + _SINC_SERIES[-2]
    for c in _SINC_SERIES[-3::-1]:
        series = series * square + c
    far = _ops.where(small, 0.5, x)
    whole = _ops.rint(far)
    sign = 1.0 - 2.0 * _ops.remainder(whole, 2.0)
    return _ops.where(small, series, sign * _ops.sin((far - whole) * math.pi) / (far * math.pi))


def nan_to_num(
    x: Any,
    copy: bool = True,  # noqa: ARG001 - NumPy's; the result is always new
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Tensor:
    """Replace NaN and infinities by numbers; no gradient passes where one was replaced.

    Parameters
    ----------
    x : array_like
        Any shape.
    copy : bool
        As NumPy's function has it; the result is always new.
    nan : float, default 0.0
        In place of NaN.
    posinf, neginf : float, optional
        In place of infinity and its negative; by default the largest number of the dtype, and the lowest.

    Returns
    -------
    Tensor
        Of the dtype and shape of `x`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nan_to_num([float("nan"), 1.0, float("inf")], posinf=9.0).tolist()
    [0.0, 1.0, 9.0]
    """
    x = as_tensor(x)
    if x.dtype.kind != "f":
        return _ops.identity(x)
    limits = np.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    infinite = _ops.where(x > 0, high, low)
    replaced = _ops.where(_ops.isnan(x), nan, _ops.astype(infinite, x.dtype))
    return _ops.where(_ops.isfinite(x), x, _ops.astype(replaced, x.dtype))


def xlogy(x: Any, y: Any) -> Tensor:
    """Return x * log(y), and 0 where x is 0 and y is 0, negative or infinite; the slopes are 0 there.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.xlogy([0.0, 2.0], [0.0, 1.0]).tolist()
    [0.0, 0.0]
    """
    x, y = as_tensor(x), as_tensor(y)
    without = (x == 0) & ((y <= 0) | (y == math.inf))
    return _ops.multiply(x, _ops.log(_ops.where(without, 1, y)))


def xlog1py(x: Any, y: Any) -> Tensor:
    """Return x * log1p(y), and 0 where x is 0 and y is at most -1 or infinite; the slopes are 0 there.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.xlog1py([0.0, 2.0], [-1.0, 0.0]).tolist()
    [0.0, 0.0]
    """
    x, y = as_tensor(x), as_tensor(y)
    without = (x == 0) & ((y <= -1) | (y == math.inf))
    return _ops.multiply(x, _ops.log1p(_ops.where(without, 0, y)))


def log_expit(x: Any) -> Tensor:
    """Return log(1 / (1 + exp(-x))), the logarithm of the logistic function, without overflow.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.log_expit([-1000.0, 1000.0]).tolist()
    [-1000.0, -0.0]
    """
    return -_ops.softplus(-as_tensor(x))
