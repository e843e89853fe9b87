"""Numbers picked by their order or place, differences of neighbours, and interpolation between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.shapes import flip
from fastgrad._native import core
from fastgrad._operands import as_tensor, filled, place_of

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["compress", "diff", "interp", "top_k", "trapezoid"]

_ops = core.ops


def top_k(x: Any, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    """Return the k largest numbers along an axis, largest first, and where they stand.

    Parameters
    ----------
    x : array_like
        At least one dimension.
    k : int
        How many: at most the size of the axis.
    axis : int, default -1
        The axis to look along.

    Returns
    -------
    values, indices : Tensor
        Of equal numbers the first comes first; NaN counts as the largest.

    Examples
    --------
    >>> import fastgrad as fg
    >>> values, indices = fg.top_k([3.0, 1.0, 4.0], 2)
    >>> values.tolist(), indices.tolist()
    ([4.0, 3.0], [2, 0])
    """
    t = as_tensor(x)
    place = place_of(axis, t.ndim, "top_k")
    size = t.shape[place]
    if not 0 <= k <= size:
        raise ValueError(
            f"top_k: k must be between 0 and {size}, the size of axis {axis} of shape {t.shape}, got {k}"
        )
    ascending = _ops.argsort(flip(t, place), place)  # of equals, the first one last
    largest = flip(ascending, place)[(*[slice(None)] * place, slice(0, k))]
    indices = _ops.subtract(size - 1, largest)
    return _ops.take_along_axis(t, indices, place), indices


def compress(condition: Any, a: Any, axis: int | None = None) -> Tensor:
    """Return the slices along an axis where a condition holds.

    Parameters
    ----------
    condition : array_like of bool
        (n,): at most the size of the axis. Not while recording: how much it takes depends on its values.
    a : array_like
        Any shape.
    axis : int, optional
        By default the numbers stand in one row.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.compress([True, False, True], [1.0, 2.0, 3.0]).tolist()
    [1.0, 3.0]
    """
    mask = _ops.astype(as_tensor(condition), bool)
    if mask.ndim != 1:
        raise ValueError(f"compress: condition has shape {mask.shape}, expected one dimension")
    return _ops.take(a, core.Tensor(np.arange(mask.size))[mask], axis)


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """Return the differences of neighbours along an axis.

    Parameters
    ----------
    a : array_like
        At least one dimension.
    n : int, default 1
        How many times differences are taken.
    axis : int, default -1
        The axis to go along.
    prepend, append : array_like, optional
        Numbers to stand before and after: a single one, or of the shape of `a` but for the axis.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.diff([1.0, 4.0, 9.0]).tolist()
    [3.0, 5.0]
    """
    t = as_tensor(a)
    place = place_of(axis, t.ndim, "diff")
    if n < 0:
        raise ValueError(f"diff: n must not be negative, got {n}")
    if n == 0:
        return t
    parts = [_as_slice(prepend, t, place), t, _as_slice(append, t, place)]
    t = _ops.concatenate([part for part in parts if part is not None], place)
    minus = _ops.not_equal if t.dtype == bool else _ops.subtract
    before = (slice(None),) * place
    for _ in range(n):
        t = minus(t[(*before, slice(1, None))], t[(*before, slice(None, -1))])
    return t


def _as_slice(x: Any, like: Tensor, place: int) -> Tensor | None:
    if x is None:
        return None
    t = as_tensor(x)
    return t if t.ndim else _ops.broadcast_to(t, (*like.shape[:place], 1, *like.shape[place + 1 :]))


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    """Return the integral along an axis of the straight lines between numbers.

    Parameters
    ----------
    y : array_like
        At least one dimension.
    x : array_like, optional
        Where the numbers stand: of the size of the axis, or of the shape of `y`.
    dx : float, default 1
        Their distance, where `x` is not given.
    axis : int, default -1
        The axis to integrate along.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.trapezoid([1.0, 2.0, 3.0]).item()
    4.0
    """
    t = as_tensor(y)
    place = place_of(axis, t.ndim, "trapezoid")
    step: Any = dx
    if x is not None:
        points = as_tensor(x)
        step = diff(points, axis=place if points.ndim > 1 else 0)
        if points.ndim == 1:
            step = _ops.reshape(step, (-1, *[1] * (t.ndim - place - 1)))
    before = (slice(None),) * place
    pairs = _ops.add(t[(*before, slice(1, None))], t[(*before, slice(None, -1))])
    return _ops.sum(_ops.divide(_ops.multiply(step, pairs), 2.0), place)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Tensor:
    """Return the values at `x` of the straight lines between points.

    Parameters
    ----------
    x : array_like
        Where to look: any shape.
    xp, fp : array_like
        (n,): places in ascending order, and the values there.
    left, right : array_like, optional
        The values before the first place and after the last; by default those of the first and last point.

    Returns
    -------
    Tensor
        Gradients flow to all arguments; at a point, the slope in `x` is that of the line behind it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.interp([0.5, 9.0], [0.0, 1.0, 2.0], [0.0, 10.0, 30.0]).tolist()
    [5.0, 30.0]
    """
    at, places, values = as_tensor(x), as_tensor(xp), as_tensor(fp)
    if places.ndim != 1 or places.shape != values.shape or places.size == 0:
        raise ValueError(
            f"interp: xp and fp have shapes {places.shape} and {values.shape}, expected one (n,)"
        )
    if places.dtype.kind != "f":
        places = _ops.astype(places, np.float64)
    last = places.size - 1
    if last == 0:
        steps = filled(places, 0, (1,))
    else:
        width = places[1:] - places[:-1]
        steps = (values[1:] - values[:-1]) / _ops.where(_ops.equal(width, 0), 1, width)
    # Of each place the line that begins at the point before it, the last line at the last point, too; what
    # lies outside is brought to the ends first, where a value is that of the end to the bit.
    slopes = _ops.concatenate([steps, steps[-1:]]) if last else steps
    near = _ops.clip(at, places[0], places[last])
    before = _ops.subtract(_ops.searchsorted(places, near, "right"), 1)
    inside = _ops.add(
        _ops.take(values, before),
        _ops.multiply(_ops.take(slopes, before), _ops.subtract(near, _ops.take(places, before))),
    )
    if left is not None:
        inside = _ops.where(_ops.less(at, places[0]), left, inside)
    if right is not None:
        inside = _ops.where(_ops.greater(at, places[last]), right, inside)
    return inside
