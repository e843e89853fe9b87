"""Spread, weighted means and quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.reductions import positive_power
from fastgrad._functions.shapes import moveaxis
from fastgrad._native import core
from fastgrad._operands import as_tensor, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["average", "median", "percentile", "ptp", "quantile", "std", "var"]

_ops = core.ops


def var(a: Any, axis: int | Sequence[int] | None = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Return the mean squared distance from the mean.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    ddof : float, default 0
        What is taken from the count of numbers before dividing by it: 1 for an unbiased estimate.
    keepdims : bool, default False
        Leave the axes in the result, with size 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.var([1.0, 3.0]).item()
    1.0
    """
    t = as_tensor(a)
    centre = _ops.mean(t, axis, True)
    total = _ops.sum(_ops.square(_ops.subtract(t, centre)), axis, keepdims)
    return _ops.divide(total, max(t.size / max(centre.size, 1) - ddof, 0.0))


def std(a: Any, axis: int | Sequence[int] | None = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Return the standard deviation: the square root of `var`. It is flat where all numbers are equal.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    ddof : float, default 0
        As for `var`.
    keepdims : bool, default False
        Leave the axes in the result, with size 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.std([1.0, 3.0]).item()
    1.0
    """
    return positive_power(var(a, axis, ddof, keepdims), 0.5)


def ptp(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the largest number less the smallest.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    keepdims : bool, default False
        Leave the axes in the result, with size 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.ptp([4.0, 1.0, 3.0]).item()
    3.0
    """
    t = as_tensor(a)
    return _ops.subtract(_ops.max(t, axis, keepdims), _ops.min(t, axis, keepdims))


def average(
    a: Any,
    axis: int | Sequence[int] | None = None,
    weights: Any = None,
    returned: bool = False,
    keepdims: bool = False,
) -> Any:
    """Return the mean, with weights: sum(weights * a) / sum(weights).

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    weights : array_like, optional
        One for each number, or for each place along the axes. Weights that sum to 0 give NaN or infinity.
    returned : bool, default False
        Return the sum of the weights, too.
    keepdims : bool, default False
        Leave the axes in the result, with size 1.

    Returns
    -------
    Tensor, or tuple of two where `returned`

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.average([1.0, 4.0], weights=[2.0, 1.0]).item()
    2.0
    """
    t = as_tensor(a)
    if weights is None:
        mean = _ops.mean(t, axis, keepdims)
        count = np.full(mean.shape, t.size / max(mean.size, 1), mean.dtype)
        return (mean, core.Tensor(count)) if returned else mean
    w = _ops.broadcast_to(_along(as_tensor(weights), t, axis), t.shape)
    total = _ops.sum(w, axis, keepdims)
    mean = _ops.divide(_ops.sum(_ops.multiply(t, w), axis, keepdims), total)
    return (mean, _ops.astype(total, mean.dtype)) if returned else mean


def _along(weights: Tensor, t: Tensor, axis: int | Sequence[int] | None) -> Tensor:
    if weights.shape == t.shape:
        return weights
    places = places_of(axis, t.ndim, "average")
    if axis is None or weights.shape != tuple(t.shape[place] for place in places):
        raise ValueError(
            f"average: weights have shape {weights.shape}, expected that of a, {t.shape}, "
            f"or the sizes of the axes to reduce, axis={axis}"
        )
    inwards = [place for _, place in sorted((place, i) for i, place in enumerate(places))]
    shape = [size if place in places else 1 for place, size in enumerate(t.shape)]
    return _ops.reshape(_ops.transpose(weights, inwards), shape)


def median(a: Any, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Tensor:
    """Return the number in the middle of the sorted ones, or the mean of the two there. NaN where one is NaN.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    keepdims : bool, default False
        Leave the axes in the result, with size 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.median([5.0, 1.0, 2.0]).item()
    2.0
    """
    rows, shape = rows_of(a, axis, keepdims, "median")
    n = rows.shape[-1]
    middle = _ops.mean(_of_ranks(rows, np.unique([(n - 1) // 2, n // 2])), -1)
    return _ops.reshape(_unless_nan(middle, _ops.max(rows, -1)), shape)


def quantile(
    a: Any,
    q: Any,
    axis: int | Sequence[int] | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """Return the numbers that a share `q` of the others is below. NaN where one is NaN.

    Parameters
    ----------
    a : array_like
        Any shape.
    q : float or array_like
        Shares from 0 to 1: numbers, through which no gradient flows.
    axis : int or tuple of int, optional
        The axes to reduce; by default all.
    method : {"linear", "lower", "higher", "midpoint", "nearest"}
        What to take between two of the sorted numbers.
    keepdims : bool, default False
        Leave the axes in the result, with size 1.

    Returns
    -------
    Tensor
        The axes of `q` first.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.quantile([1.0, 2.0, 3.0], [0.25, 1.0]).tolist()
    [1.5, 3.0]
    """
    return _quantile(a, shares_of(q, method, "quantile"), axis, method, keepdims, "quantile")


def _quantile(a: Any, shares: Any, axis: Any, method: str, keepdims: bool, op: str) -> Tensor:
    rows, shape = rows_of(a, axis, keepdims, op)
    at = shares * (rows.shape[-1] - 1)
    low = np.floor(at)
    part = {
        "linear": at - low,
        "lower": np.zeros_like(at),
        "higher": np.ceil(at) - low,
        "midpoint": np.where(at == low, 0.0, 0.5),
        "nearest": np.rint(at) - low,
    }[method].astype(rows.dtype)
    places = low.astype(np.int64)
    behind = np.minimum(places + 1, rows.shape[-1] - 1)
    ranks = np.unique([places, behind])
    some = _of_ranks(rows, ranks)
    below = _ops.take(some, np.searchsorted(ranks, places), -1)
    above = _ops.take(some, np.searchsorted(ranks, behind), -1)
    last = _ops.reshape(_ops.max(rows, -1), (*rows.shape[:-1], *[1] * shares.ndim))
    found = moveaxis(
        _unless_nan(between(below, above, part), last),
        tuple(range(rows.ndim - 1, rows.ndim - 1 + shares.ndim)),
        tuple(range(shares.ndim)),
    )
    return _ops.reshape(found, (*shares.shape, *shape))


def percentile(
    a: Any,
    q: Any,
    axis: int | Sequence[int] | None = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Tensor:
    """Return the numbers that `q` percent of the others are below. NaN where one is NaN.

    Parameters
    ----------
    a, axis, method, keepdims
        As for `quantile`.
    q : float or array_like
        Percentages from 0 to 100.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.percentile([1.0, 2.0, 3.0], 25).item()
    1.5
    """
    return _quantile(a, shares_of(q, method, "percentile", 100), axis, method, keepdims, "percentile")


def shares_of(q: Any, method: str, op: str, whole: int = 1) -> np.ndarray[Any, Any]:
    """`q` as shares from 0 to 1, and the method checked."""
    shares: np.ndarray[Any, Any] = np.asarray(q, np.float64) / whole
    if not np.all((shares >= 0) & (shares <= 1)):
        raise ValueError(f"{op}: q must be between 0 and {whole}, got {q!r}")
    if method not in {"linear", "lower", "higher", "midpoint", "nearest"}:
        raise ValueError(f"{op}: method must be linear, lower, higher, midpoint or nearest, got {method!r}")
    return shares


def between(below: Tensor, above: Tensor, part: Any) -> Tensor:
    """A part of the way from one to the other, which both ends meet."""
    step = _ops.subtract(above, below)
    return _ops.where(
        part < 0.5,
        _ops.add(below, _ops.multiply(step, part)),
        _ops.subtract(above, _ops.multiply(step, 1 - part)),
    )


def _of_ranks(rows: Tensor, ranks: Any) -> Tensor:
    """The numbers along the last axis that have these ranks, which are few or all are sorted."""
    if len(ranks) > 8:
        return _ops.take(_ops.sort(rows, -1), ranks, -1)
    places = _ops.places_of_ranks(rows, ranks.tolist())
    return _ops.take_along_axis(rows, places, -1)


def sorted_rows(a: Any, axis: Any, keepdims: bool, op: str) -> tuple[Tensor, list[int]]:
    """As `rows_of`, the numbers sorted."""
    rows, shape = rows_of(a, axis, keepdims, op)
    return _ops.sort(rows, -1), shape


def rows_of(a: Any, axis: Any, keepdims: bool, op: str) -> tuple[Tensor, list[int]]:
    """The numbers of each reduced part along a last axis, and the shape of the result."""
    t = as_tensor(a)
    if t.dtype.kind != "f":
        t = _ops.astype(t, np.float64)
    places = places_of(axis, t.ndim, op)
    kept = [place for place in range(t.ndim) if place not in places]
    count = int(np.prod([t.shape[place] for place in places]))
    if count == 0:
        raise ValueError(f"{op}: there are no numbers along axis {axis} of shape {t.shape}")
    rows = _ops.reshape(_ops.transpose(t, [*kept, *places]), [*[t.shape[place] for place in kept], count])
    shape = [
        1 if place in places else size for place, size in enumerate(t.shape) if keepdims or place in kept
    ]
    return rows, shape


def _unless_nan(value: Tensor, last: Tensor) -> Tensor:
    """`value`, but NaN where the last one of the order is NaN."""
    last = last.detach()
    return _ops.where(_ops.equal(last, last), value, np.asarray(np.nan, value.dtype))
