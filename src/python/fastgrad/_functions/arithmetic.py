"""Further elementwise functions of NumPy that are made of others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.picking import diff
from fastgrad._native import core
from fastgrad._operands import as_floating, as_tensor, filled, place_of

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "angle",
    "divmod",
    "fabs",
    "fix",
    "float_power",
    "fmax",
    "fmin",
    "i0",
    "ldexp",
    "logaddexp2",
    "modf",
    "real_if_close",
    "unwrap",
]

_ops = core.ops

fix = _ops.trunc


def fabs(x: Any) -> Tensor:
    """Return absolute values, as real numbers.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fabs([-1, 2]).tolist()
    [1.0, 2.0]
    """
    return _ops.abs(as_floating(x))


def float_power(x1: Any, x2: Any) -> Tensor:
    """Return powers, in float64.

    Parameters
    ----------
    x1, x2 : array_like
        Bases and exponents, broadcast with one another.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.float_power([2, 3], -1).tolist()
    [0.5, 0.3333333333333333]
    """
    return _ops.power(_ops.astype(as_tensor(x1), np.float64), _ops.astype(as_tensor(x2), np.float64))


def fmax(x1: Any, x2: Any) -> Tensor:
    """Return the larger of two numbers, the other one where one is NaN. Equals share the gradient.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fmax([1.0, float("nan")], [3.0, 2.0]).tolist()
    [3.0, 2.0]
    """
    return _of_numbers(_ops.maximum, x1, x2)


def fmin(x1: Any, x2: Any) -> Tensor:
    """Return the smaller of two numbers, the other one where one is NaN. Equals share the gradient.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fmin([1.0, float("nan")], [3.0, 2.0]).tolist()
    [1.0, 2.0]
    """
    return _of_numbers(_ops.minimum, x1, x2)


def _of_numbers(op: Any, x1: Any, x2: Any) -> Tensor:
    a, b = as_tensor(x1), as_tensor(x2)
    if a.dtype.kind != "f" and b.dtype.kind != "f":
        return op(a, b)  # type: ignore[no-any-return]
    return op(_ops.where(_ops.isnan(a), b, a), _ops.where(_ops.isnan(b), a, b))  # type: ignore[no-any-return]


def logaddexp2(x1: Any, x2: Any) -> Tensor:
    """Return log2(2**x1 + 2**x2), without overflow.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.logaddexp2(2000.0, 2000.0).item(), 6)
    2001.0
    """
    two = math.log(2.0)
    return _ops.logaddexp(_ops.multiply(x1, two), _ops.multiply(x2, two)) * (1.0 / two)


def modf(x: Any) -> tuple[Tensor, Tensor]:
    """Return the fractional parts of numbers and their whole parts, both with the sign of the number.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [part.tolist() for part in fg.modf([1.5, -0.25])]
    [[0.5, -0.25], [1.0, -0.0]]
    """
    t = as_floating(x)
    infinite = _ops.isinf(t)
    fraction = _ops.fmod(_ops.where(infinite, filled(t, 0), t), 1.0)
    return _ops.where(infinite, _ops.copysign(filled(t, 0), t), fraction), _ops.trunc(t)


def divmod(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    """Return whole quotients and remainders: `floor_divide` and `remainder`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [part.item() for part in fg.divmod(7.5, 2.0)]
    [3.0, 1.5]
    """
    a, b = as_tensor(x1), as_tensor(x2)
    return _ops.floor_divide(a, b), _ops.remainder(a, b)


def ldexp(x1: Any, x2: Any) -> Tensor:
    """Return x1 * 2**x2.

    Parameters
    ----------
    x1 : array_like
        Any shape.
    x2 : array_like of int
        Exponents: no gradient flows through them. Exact where the result is a normal number.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.ldexp([1.5, 3.0], [1, -2]).tolist()
    [3.0, 0.75]
    """
    t, exponent = as_floating(x1), as_tensor(x2)
    if exponent.dtype.kind == "f":
        raise TypeError(f"ldexp: exponents must be integers, got {exponent.dtype}")
    # In three steps, for a power of two alone may be out of range where the result is not: from the least
    # number to the largest it takes less than this.
    most = 2200 if t.dtype == np.float64 else 300
    exponent = _ops.clip(exponent, -most, most)
    third = _ops.floor_divide(exponent, 3)
    for step in (third, third, _ops.subtract(exponent, _ops.multiply(third, 2))):
        t = _ops.multiply(t, _ops.astype(_ops.exp2(step), t.dtype))
    return t


def real_if_close(a: Any, tol: float = 100) -> Tensor:
    """Return the numbers as they are: tensors are real.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.real_if_close([1.0, 2.0]).tolist()
    [1.0, 2.0]
    """
    del tol
    return as_tensor(a)


def angle(z: Any, deg: bool = False) -> Tensor:
    """Return the angles of real numbers: pi where one is negative, else 0; no gradient flows.

    Parameters
    ----------
    z : array_like
        Any shape.
    deg : bool, default False
        In degrees.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.angle([-2.0, 1.0], deg=True).tolist()
    [180.0, 0.0]
    """
    turned = _ops.arctan2(0.0, as_floating(z).detach())
    return _ops.multiply(turned, 180.0 / math.pi) if deg else turned


def unwrap(p: Any, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Tensor:
    """Return the numbers with multiples of a period added, so that neighbours are less than half of it apart.

    Parameters
    ----------
    p : array_like
        At least one dimension; integers become float64.
    discont : float, optional
        Leave jumps below this as they are; by default, and at least, half of the period.
    axis : int, default -1
        The axis to go along.
    period : float, default 2 * pi

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.unwrap([0.0, 3.0, 4.0], period=4.0).tolist()
    [0.0, -1.0, 0.0]
    """
    t = as_floating(p)
    place = place_of(axis, t.ndim, "unwrap")
    step = diff(t.detach(), axis=place)
    half = period / 2
    folded = _ops.remainder(step + half, period) - half
    folded = _ops.where(_ops.equal(folded, -half) & (step > 0), half, folded)
    added = _ops.where(_ops.abs(step) < (half if discont is None else discont), 0.0, folded - step)
    first = filled(t, 0, (*t.shape[:place], min(t.shape[place], 1), *t.shape[place + 1 :]))
    return _ops.add(t, _ops.concatenate([first, _ops.cumsum(_ops.astype(added, t.dtype), place)], place))


# I0(x) = sum of (x / 2)**(2 k) / k!**2, to x = 20 within rounding, since all terms are positive.
_I0_SERIES = [1.0 / math.factorial(k) ** 2 for k in range(44)]
# sqrt(2 pi x) exp(-x) I0(x) in powers of 1 / (8 x), from x = 20 on: Abramowitz and Stegun, 9.7.1.
_I0_FAR = [math.prod((2 * i - 1) ** 2 for i in range(1, k + 1)) / math.factorial(k) for k in range(29)]
_I0_FROM = 20.0


def i0(x: Any) -> Tensor:
    """Return the modified Bessel function of the first kind of order 0.

    Parameters
    ----------
    x : array_like
        Any shape; integers become float64.

    Notes
    -----
    The power series below 20, where all its terms are positive, the asymptotic series from there on:
    Abramowitz and Stegun, *Handbook of Mathematical Functions*, 9.6.12 and 9.7.1. Derivatives are those of
    the series.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.i0(1.0).item(), 12)
    1.266065877752
    """
    t = as_floating(x)
    near = _ops.abs(t) < _I0_FROM
    quarter = _ops.square(_ops.where(near, t, filled(t, 0)) * 0.5)
    small = _horner(_I0_SERIES, quarter)
    size = _ops.abs(_ops.where(near, filled(t, _I0_FROM), t))
    # The power of e in two halves, of which neither overflows where the value does not.
    root = _ops.exp(size * 0.5)
    large = root * (_horner(_I0_FAR, 0.125 / size) / _ops.sqrt(size * (2.0 * math.pi))) * root
    return _ops.where(near, small, large)


def _horner(coefficients: list[float], x: Tensor) -> Tensor:
    value = x * coefficients[-1] + coefficients[-2]
    for c in coefficients[-3::-1]:
        value = value * x + c
    return value
