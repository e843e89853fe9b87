"""Reductions and scans that pass over NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.reductions import nanmean, nansum, positive_power
from fastgrad._functions.shapes import moveaxis
from fastgrad._functions.statistics import between, shares_of, sorted_rows
from fastgrad._native import core
from fastgrad._operands import as_floating, as_tensor, filled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nanvar",
]

_ops = core.ops


def nanmax(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the largest of the numbers that are not NaN; NaN where there are none.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    keepdims : bool, default False
        Leave them in the result, with size 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanmax([1.0, float("nan"), 2.0]).item()
    2.0
    """
    return _extreme(_ops.max, a, axis, keepdims, -np.inf)


def nanmin(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the smallest of the numbers that are not NaN; NaN where there are none.

    Parameters
    ----------
    a, axis, keepdims
        As for `nanmax`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanmin([1.0, float("nan"), 2.0]).item()
    1.0
    """
    return _extreme(_ops.min, a, axis, keepdims, np.inf)


def _extreme(op: Any, a: Any, axis: Any, keepdims: bool, in_place_of_nan: float) -> Tensor:
    t = as_tensor(a)
    if t.dtype.kind != "f":
        return op(t, axis, keepdims)  # type: ignore[no-any-return]
    known = _ops.equal(t, t)
    value = op(_ops.where(known, t, filled(t, in_place_of_nan)), axis, keepdims)
    return _ops.where(_ops.greater(_ops.sum(known, axis, keepdims), 0), value, filled(t, np.nan))


def nanargmax(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return where the first of the largest numbers stands that are not NaN.

    Parameters
    ----------
    a, axis, keepdims
        As for `nanmax`.

    Returns
    -------
    Tensor
        int64; -1 where all numbers are NaN (NumPy raises an error).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanargmax([1.0, float("nan"), 2.0]).item()
    2
    """
    return _place(_ops.argmax, a, axis, keepdims, -np.inf)


def nanargmin(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return where the first of the smallest numbers stands that are not NaN.

    Parameters
    ----------
    a, axis, keepdims
        As for `nanmax`.

    Returns
    -------
    Tensor
        int64; -1 where all numbers are NaN (NumPy raises an error).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanargmin([1.0, float("nan"), 2.0]).item()
    0
    """
    return _place(_ops.argmin, a, axis, keepdims, np.inf)


def _place(op: Any, a: Any, axis: Any, keepdims: bool, in_place_of_nan: float) -> Tensor:
    t = as_tensor(a)
    if t.dtype.kind != "f":
        return op(t, axis, keepdims)  # type: ignore[no-any-return]
    known = _ops.equal(t, t)
    place = op(_ops.where(known, t, filled(t, in_place_of_nan)), axis, keepdims)
    return _ops.where(_ops.greater(_ops.sum(known, axis, keepdims), 0), place, -1)


def nanprod(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the product of the numbers that are not NaN.

    Parameters
    ----------
    a, axis, keepdims
        As for `nanmax`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanprod([3.0, float("nan"), 2.0]).item()
    6.0
    """
    return _ops.prod(_without_nan(a, 1), axis, keepdims)


def nancumsum(a: Any, axis: int | None = None) -> Tensor:
    """Return running sums of the numbers that are not NaN.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int, optional
        The axis to go along; by default the numbers stand in one row.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nancumsum([1.0, float("nan"), 2.0]).tolist()
    [1.0, 1.0, 3.0]
    """
    return _ops.cumsum(_without_nan(a, 0), axis)


def nancumprod(a: Any, axis: int | None = None) -> Tensor:
    """Return running products of the numbers that are not NaN.

    Parameters
    ----------
    a, axis
        As for `nancumsum`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nancumprod([3.0, float("nan"), 2.0]).tolist()
    [3.0, 3.0, 6.0]
    """
    return _ops.cumprod(_without_nan(a, 1), axis)


def _without_nan(a: Any, in_place: float) -> Tensor:
    t = as_tensor(a)
    return _ops.where(_ops.equal(t, t), t, filled(t, in_place)) if t.dtype.kind == "f" else t


def nanvar(
    a: Any, axis: int | Sequence[int] | None = None, ddof: float = 0, keepdims: bool = False
) -> Tensor:
    """Return the mean squared distance from the mean, of the numbers that are not NaN.

    Parameters
    ----------
    a, axis, keepdims
        As for `nanmax`.
    ddof : float, default 0
        What is taken from the count of numbers before dividing by it. NaN where nothing is left.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanvar([1.0, float("nan"), 3.0]).item()
    1.0
    """
    t = as_floating(a)
    known = _ops.equal(t, t)
    apart = _ops.where(known, _ops.subtract(t, nanmean(t, axis, True)), filled(t, 0))
    total = nansum(_ops.square(apart), axis, keepdims)
    count = _ops.astype(_ops.sum(known, axis, keepdims), t.dtype)
    left = _ops.subtract(count, ddof)
    return _ops.divide(total, _ops.where(_ops.greater(left, 0.0), left, np.nan))


def nanstd(
    a: Any, axis: int | Sequence[int] | None = None, ddof: float = 0, keepdims: bool = False
) -> Tensor:
    """Return the standard deviation of the numbers that are not NaN: the square root of `nanvar`.

    Parameters
    ----------
    a, axis, ddof, keepdims
        As for `nanvar`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanstd([1.0, float("nan"), 3.0]).item()
    1.0
    """
    return positive_power(nanvar(a, axis, ddof, keepdims), 0.5)


def nanmedian(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the number in the middle of the sorted ones that are not NaN, or the mean of the two there.

    Parameters
    ----------
    a, axis, keepdims
        As for `nanmax`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanmedian([5.0, float("nan"), 1.0, 2.0]).item()
    2.0
    """
    rows, shape = sorted_rows(a, axis, keepdims, "nanmedian")
    count = _ops.sum(_ops.equal(rows, rows), -1, True)
    middle = [_ops.floor_divide(_ops.maximum(_ops.subtract(count, 1), 0), 2), _ops.floor_divide(count, 2)]
    last = rows.shape[-1] - 1
    places = _ops.concatenate([middle[0], _ops.minimum(middle[1], last)], -1)
    return _ops.reshape(_ops.mean(_ops.take_along_axis(rows, places, -1), -1), shape)


def nanquantile(
    a: Any,
    q: Any,
    axis: int | Sequence[int] | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """Return the numbers that a share `q` of the others that are not NaN is below.

    Parameters
    ----------
    a, axis, keepdims
        As for `nanmax`.
    q : float or array_like
        Shares from 0 to 1: numbers, through which no gradient flows.
    method : {"linear", "lower", "higher", "midpoint", "nearest"}
        What to take between two of the sorted numbers.

    Returns
    -------
    Tensor
        The axes of `q` first.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanquantile([1.0, float("nan"), 2.0, 3.0], [0.25, 1.0]).tolist()
    [1.5, 3.0]
    """
    return _picked(a, shares_of(q, method, "nanquantile"), axis, method, keepdims, "nanquantile")


def nanpercentile(
    a: Any,
    q: Any,
    axis: int | Sequence[int] | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """Return the numbers that `q` percent of the others that are not NaN are below.

    Parameters
    ----------
    a, axis, method, keepdims
        As for `nanquantile`.
    q : float or array_like
        Percentages from 0 to 100.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nanpercentile([1.0, float("nan"), 2.0, 3.0], 25).item()
    1.5
    """
    return _picked(a, shares_of(q, method, "nanpercentile", 100), axis, method, keepdims, "nanpercentile")


def _picked(a: Any, shares: Any, axis: Any, method: str, keepdims: bool, op: str) -> Tensor:
    rows, shape = sorted_rows(a, axis, keepdims, op)
    count = _ops.sum(_ops.equal(rows, rows), -1, True)
    at = _ops.multiply(_ops.maximum(_ops.subtract(count, 1), 0), shares.reshape(-1))  # (..., shares)
    low = _ops.floor(at)
    part = {
        "linear": lambda: at - low,
        "lower": lambda: low * 0.0,
        "higher": lambda: _ops.ceil(at) - low,
        "midpoint": lambda: _ops.where(_ops.equal(at, low), 0.0, 0.5),
        "nearest": lambda: _ops.rint(at) - low,
    }[method]()
    places = _ops.astype(low, np.int64)
    behind = _ops.minimum(places + 1, _ops.maximum(count - 1, 0))
    below, above = _ops.take_along_axis(rows, places, -1), _ops.take_along_axis(rows, behind, -1)
    found = moveaxis(between(below, above, _ops.astype(part, rows.dtype)), -1, 0)
    return _ops.reshape(found, (*shares.shape, *shape))
