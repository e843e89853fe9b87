"""Where numbers are not zero, and how many fall where; some of it reads values, which a recording has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.shapes import flip, ravel
from fastgrad._native import core
from fastgrad._operands import as_floating, as_tensor

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "argwhere",
    "bincount",
    "digitize",
    "flatnonzero",
    "histogram",
    "histogram2d",
    "histogram_bin_edges",
    "histogramdd",
    "nonzero",
]

_ops = core.ops


def values_of(x: Any, op: str) -> np.ndarray[Any, Any]:
    """The numbers, for functions whose result has a shape that depends on them."""
    t = as_tensor(x).detach()
    try:
        return t.numpy()
    except core.RecordingError as refused:
        raise core.RecordingError(
            f"{op}: what comes out depends on values, which a recording does not have; call it outside of "
            "the function that is recorded"
        ) from refused


def nonzero(a: Any) -> tuple[Tensor, ...]:
    """Return where numbers are not zero: for each axis the places along it.

    Parameters
    ----------
    a : array_like
        At least one dimension. Not while recording: how many places there are depends on values.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nonzero([1.0, 0.0, 2.0])[0].tolist()
    [0, 2]
    """
    values = values_of(a, "nonzero")
    if values.ndim == 0:
        raise ValueError("nonzero: expected at least 1 dimension, got shape ()")
    return tuple(core.Tensor(places) for places in np.nonzero(values))


def argwhere(a: Any) -> Tensor:
    """Return where numbers are not zero: a row of places for each.

    Parameters
    ----------
    a : array_like
        Any shape. Not while recording: how many places there are depends on values.

    Returns
    -------
    Tensor
        int64 (count, ndim)

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.argwhere([[1.0, 0.0], [0.0, 2.0]]).tolist()
    [[0, 0], [1, 1]]
    """
    return core.Tensor(np.argwhere(values_of(a, "argwhere")))


def flatnonzero(a: Any) -> Tensor:
    """Return where numbers are not zero, all of them in one row.

    Parameters
    ----------
    a : array_like
        Any shape. Not while recording: how many places there are depends on values.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.flatnonzero([[1.0, 0.0], [0.0, 2.0]]).tolist()
    [0, 3]
    """
    return core.Tensor(np.flatnonzero(values_of(a, "flatnonzero")))


def bincount(x: Any, weights: Any = None, minlength: int = 0, *, length: int | None = None) -> Tensor:
    """Return how often each integer from 0 on occurs, or the sum of the weights where it does.

    Parameters
    ----------
    x : array_like of int
        (n,), not negative.
    weights : array_like, optional
        (n,): what each adds. Gradients flow to them.
    minlength : int, default 0
        The least size of the result; it is larger by what the largest of `x` asks for.
    length : int, optional
        The size of the result, whatever `x` is: needed while recording. NumPy has no such argument.

    Returns
    -------
    Tensor
        int64, or of the dtype of the weights.

    Raises
    ------
    IndexError
        Where an integer is beyond `length`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.bincount([0, 2, 2]).tolist(), fg.bincount([0, 2, 2], [0.5, 1.0, 2.0]).tolist()
    ([1, 0, 2], [0.5, 0.0, 3.0])
    """
    at = as_tensor(x)
    if at.ndim != 1 or at.dtype.kind == "f":
        raise TypeError(f"bincount: expected integers of shape (n,), got {at.dtype} of shape {at.shape}")
    at = _ops.astype(at, np.int64)
    if length is None or not core.is_recording():
        values = values_of(at, "bincount without length=")
        if values.size and values.min() < 0:
            raise ValueError(f"bincount: integers must not be negative, got {values.min()}")
        if length is None:
            length = int(values.max(initial=-1)) + 1
    length = max(length, minlength)
    at = _ops.where(_ops.less(at, 0), length, at)  # out of range, where it can only be seen in a replay
    return _counted(at, weights, length, "bincount")


def _counted(at: Tensor, weights: Any, length: int, op: str) -> Tensor:
    if weights is None:
        ones = core.Tensor(np.ones(at.shape))
        return _ops.astype(_ops.scatter_add(ones, at, length), np.int64)
    added = as_tensor(weights)
    if added.shape != at.shape:
        raise ValueError(f"{op}: weights have shape {added.shape}, expected {at.shape}, one for each number")
    added = as_floating(added)
    return _ops.scatter_add(added, at, length)


def digitize(x: Any, bins: Any, right: bool = False) -> Tensor:
    """Return in which bin numbers are: 0 before the first edge, n behind the last.

    Parameters
    ----------
    x : array_like
        Any shape.
    bins : array_like
        (n,): edges, in ascending or descending order.
    right : bool, default False
        Whether a bin has its right edge, and not its left one.

    Returns
    -------
    Tensor
        int64, of the shape of `x`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.digitize([0.5, 1.0, 9.0], [0.0, 1.0, 2.0]).tolist()
    [1, 2, 3]
    """
    edges = as_tensor(bins)
    if edges.ndim != 1:
        raise ValueError(f"digitize: bins have shape {edges.shape}, expected one dimension")
    side = "left" if right else "right"
    ascending = _ops.searchsorted(edges, x, side)
    if edges.size < 2:
        return ascending
    # Of edges in descending order the bins are counted from the other end.
    mirrored = _ops.searchsorted(flip(edges), x, side)
    return _ops.where(_ops.greater(edges[0], edges[-1]), _ops.subtract(edges.size, mirrored), ascending)


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Tensor:
    """Return the edges of the bins that `histogram` counts in.

    Parameters
    ----------
    a, bins, range, weights
        As for `histogram`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.histogram_bin_edges([0.0, 1.0, 4.0], 4).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    if isinstance(bins, str):
        values = values_of(a, f"histogram_bin_edges with bins={bins!r}")
        return core.Tensor(np.histogram_bin_edges(values, bins, range, weights))
    edges = as_tensor(bins)
    if edges.ndim == 1:
        if not core.is_recording() and np.any(np.diff(edges.detach().numpy()) < 0):
            raise ValueError("histogram: edges must be in ascending order")
        return edges
    if edges.ndim != 0 or edges.dtype.kind == "f" or edges.item() < 1:
        raise ValueError(f"histogram: bins must be a positive integer, edges (n,) or a name, got {bins!r}")
    return _equal_bins(ravel(a), int(edges.item()), range)


def _equal_bins(t: Tensor, count: int, limits: Any) -> Tensor:
    t = t.detach()
    if limits is not None:
        first, last = map(float, limits)
        if not (np.isfinite(first) and np.isfinite(last) and first <= last):
            raise ValueError(f"histogram: range must be finite and in ascending order, got {limits!r}")
        kind = t.dtype if t.dtype.kind == "f" else np.float64
        low, high = core.Tensor(np.asarray(first, kind)), core.Tensor(np.asarray(last, kind))
    elif t.size == 0:
        low, high = core.Tensor(np.asarray(0.0)), core.Tensor(np.asarray(1.0))
    else:
        t = as_floating(t)
        low, high = _ops.min(t), _ops.max(t)
        if not core.is_recording() and not (np.isfinite(low.item()) and np.isfinite(high.item())):
            raise ValueError(
                f"histogram: bins reach from {low.item()} to {high.item()}, which is not finite; give range="
            )
    alone = _ops.equal(low, high)
    low, high = _ops.where(alone, low - 0.5, low), _ops.where(alone, high + 0.5, high)
    width = _ops.divide(_ops.subtract(high, low), count)
    inner = _ops.add(_ops.multiply(np.arange(count, dtype=low.dtype), width), low)
    return _ops.concatenate([inner, _ops.reshape(high, 1)])


def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Tensor, Tensor]:
    """Return how many numbers are in each bin, and the edges of the bins.

    Parameters
    ----------
    a : array_like
        Any shape; no gradient flows to it.
    bins : int, array_like or str
        How many bins of one width, or the edges, in ascending order, or the name of a rule of NumPy's for
        the width (which reads values: not while recording).
    range : (float, float), optional
        The first and the last edge; by default the smallest and the largest number.
    density : bool, optional
        Divide by the width of each bin and by the sum, so that the integral is 1.
    weights : array_like, optional
        What each number adds. Gradients flow to them.

    Returns
    -------
    counts : Tensor
        (n,), int64 without weights and density. A bin has its left edge, the last one both.
    edges : Tensor
        (n + 1,)

    Examples
    --------
    >>> import fastgrad as fg
    >>> counts, edges = fg.histogram([0.5, 1.0, 1.5, 2.0], [0.0, 1.0, 2.0])
    >>> counts.tolist()
    [1, 3]
    """
    t = ravel(a)
    edges = histogram_bin_edges(t, bins, range, weights)
    n = edges.shape[0] - 1
    counts = _counted(_bin_of(t, edges), None if weights is None else ravel(weights), n + 1, "histogram")[:n]
    if density:
        counts = counts / (edges[1:] - edges[:-1]) / _ops.sum(counts)
    return counts, edges


def _bin_of(t: Tensor, edges: Tensor) -> Tensor:
    """The bin of each number, or the number of bins where it is in none."""
    n = edges.shape[0] - 1
    t, edges = t.detach(), edges.detach()
    place = _ops.minimum(_ops.searchsorted(edges, t, "right") - 1, n - 1)
    within = _ops.greater_equal(t, edges[0]) & _ops.less_equal(t, edges[n])
    return _ops.where(within, place, n)


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Tensor, list[Tensor]]:
    """Return how many points are in each cell of a grid, and the edges along each of its axes.

    Parameters
    ----------
    sample : array, tensor, or sequence of array_like
        (points, d); or, in a sequence, the coordinates of all points one after the other, each (points,).
    bins : int, or sequence of int and array_like
        As for `histogram`, for all axes or each.
    range : sequence, optional
        For each axis the first and last edge, or None.
    density, weights
        As for `histogram`.

    Returns
    -------
    counts : Tensor
        One axis for each coordinate; float64, or of the dtype of the weights.
    edges : list of Tensor

    Examples
    --------
    >>> import fastgrad as fg
    >>> counts, edges = fg.histogramdd([[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]], 2)
    >>> counts.tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    if isinstance(sample, list | tuple) and sample and as_tensor(sample[0]).ndim == 1:
        axes = [as_tensor(x) for x in sample]
    else:
        points = as_tensor(sample)
        if points.ndim < 2:
            points = _ops.reshape(points, (points.size, 1))
        axes = [points[:, i] for i in np.arange(points.shape[1])]
    d = len(axes)
    every = list(bins) if _length_of(bins) is not None else [bins] * d
    limits = [None] * d if range is None else list(range)
    if len(every) != d or len(limits) != d:
        raise ValueError(f"histogramdd: bins and range must be one for each of {d} axes")
    edges = [histogram_bin_edges(x, b, r) for x, b, r in zip(axes, every, limits, strict=True)]
    place: Any = 0
    for x, edge in zip(axes, edges, strict=True):
        place = place * edge.shape[0] + _bin_of(x, edge)
    sizes = [edge.shape[0] for edge in edges]
    counts = _ops.reshape(_counted(place, weights, int(np.prod(sizes)), "histogramdd"), sizes)
    counts = counts[tuple(slice(0, size - 1) for size in sizes)]
    counts = counts if weights is not None else _ops.astype(counts, np.float64)
    if density:
        total = _ops.sum(counts)
        for axis, edge in enumerate(edges):
            width = _ops.reshape(edge[1:] - edge[:-1], [-1 if i == axis else 1 for i in np.arange(d)])
            counts = counts / width
        counts = counts / total
    return counts, edges


def _length_of(bins: Any) -> int | None:
    """How many there are, or None of a single number or name."""
    if isinstance(bins, str):
        return None
    try:
        return len(bins)
    except TypeError:
        return None


def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return how many points of a plane are in each cell of a grid, and the edges along both axes.

    Parameters
    ----------
    x, y : array_like
        (points,) each.
    bins : int, array_like, or two of either
        For both axes, or for each.
    range, density, weights
        As for `histogramdd`.

    Returns
    -------
    counts, x_edges, y_edges : Tensor

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.histogram2d([0.0, 1.0, 1.0], [0.0, 1.0, 0.0], 2)[0].tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    both = bins if _length_of(bins) == 2 else [bins, bins]
    counts, edges = histogramdd([as_tensor(x), as_tensor(y)], list(both), range, density, weights)
    return counts, edges[0], edges[1]
