"""Sums without NaN, softmax: reductions made of other operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgrad._native import core
from fastgrad._operands import as_tensor, filled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["log_softmax", "nanmean", "nansum", "softmax"]

_ops = core.ops


def nansum(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the sum of the numbers that are not NaN.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int, optional
        The axes to add up over; by default all.
    keepdims : bool, default False
        Leave them in the result, with size 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nansum([1.0, float("nan"), 2.0]).item()
    3.0
    """
    t = as_tensor(a)
    return _ops.sum(_ops.where(_ops.equal(t, t), t, filled(t, 0)), axis, keepdims)


def nanmean(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the mean of the numbers that are not NaN.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int, optional
        The axes to take the mean over; by default all.
    keepdims : bool, default False
        Leave them in the result, with size 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanmean([1.0, float("nan"), 2.0]).item()
    1.5
    """
    t = as_tensor(a)
    total = nansum(t, axis, keepdims)
    count = _ops.sum(_ops.equal(t, t), axis, keepdims)
    return _ops.divide(total, _ops.astype(count, total.dtype))


def log_softmax(x: Any, axis: int | Sequence[int] | None = -1) -> Tensor:
    """Return x - log(sum(exp(x))) along an axis, without overflow.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int or tuple of int, optional
        Where the exponentials sum to 1: along the last axis by default, over all numbers when None.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.log_softmax([0.0, 0.0]).tolist()
    [-0.6931471805599453, -0.6931471805599453]
    """
    t = as_tensor(x)
    return _ops.subtract(t, _ops.logsumexp(t, axis, True))


def softmax(x: Any, axis: int | Sequence[int] | None = -1) -> Tensor:
    """Return exp(x) / sum(exp(x)) along an axis, without overflow.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int or tuple of int, optional
        Where the result sums to 1: along the last axis by default, over all numbers when None.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.softmax([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    return _ops.exp(log_softmax(x, axis))


def positive_power(x: Tensor, exponent: float) -> Tensor:
    """Numbers from 0 on, to a power; flat at 0, where the slope of a root has no finite value."""
    above = _ops.greater(x, 0.0)
    base = _ops.where(above, x, 1.0)
    power = _ops.sqrt(base) if exponent == 0.5 else _ops.power(base, exponent)
    return _ops.where(above, power, _ops.multiply(x, 0.0))
