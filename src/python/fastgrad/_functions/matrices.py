"""Diagonals and triangles of matrices, grids, and constants in the shape of another tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.joining import pad
from fastgrad._functions.shapes import moveaxis
from fastgrad._native import core
from fastgrad._operands import as_tensor, filled, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import DTypeLike

    from fastgrad._core import Tensor

__all__ = [
    "diag",
    "diagonal",
    "full_like",
    "meshgrid",
    "ones_like",
    "trace",
    "tril",
    "triu",
    "zeros_like",
]

_ops = core.ops


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the numbers whose places along two axes differ by an offset, along a last axis.

    Parameters
    ----------
    a : array_like
        At least two dimensions.
    offset : int, default 0
        How far above the main diagonal; below it where negative.
    axis1, axis2 : int
        Rows and columns; the first two axes by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.diagonal([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [1.0, 4.0]
    """
    t = as_tensor(a)
    if t.ndim < 2:
        raise ValueError(f"diagonal: expected at least 2 dimensions, got shape {t.shape}")
    first, second = places_of((axis1, axis2), t.ndim, "diagonal")
    if second != first + 1:
        t, first = moveaxis(t, (first, second), (-2, -1)), t.ndim - 2
    rows, columns = t.shape[first], t.shape[first + 1]
    count = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    start = (offset if offset >= 0 else -offset * columns) if count else 0
    flat = _ops.reshape(t, (*t.shape[:first], rows * columns, *t.shape[first + 2 :]))
    step = columns + 1
    picked = flat[
        (*[slice(None)] * first, slice(start, start + max(0, count - 1) * step + min(count, 1), step))
    ]
    return moveaxis(picked, first, -1)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the sum of a diagonal.

    Parameters
    ----------
    a : array_like
        At least two dimensions.
    offset, axis1, axis2 : int
        Which: as for `diagonal`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.trace([[1.0, 2.0], [3.0, 4.0]]).item()
    5.0
    """
    return _ops.sum(diagonal(a, offset, axis1, axis2), -1)


def diag(v: Any, k: int = 0) -> Tensor:
    """Return the diagonal of a matrix, or a matrix of zeros with these numbers on its diagonal.

    Parameters
    ----------
    v : array_like
        Two dimensions, or one.
    k : int, default 0
        How far above the main diagonal; below it where negative.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.diag([1.0, 2.0]).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    t = as_tensor(v)
    if t.ndim == 2:
        return diagonal(t, k)
    if t.ndim != 1:
        raise ValueError(f"diag: expected 1 or 2 dimensions, got shape {t.shape}")
    size = t.shape[0] + abs(k)
    line = pad(t, (0, abs(k)))
    across = _ops.reshape(line, (size, 1) if k >= 0 else (1, size))
    return _chosen(np.eye(size, k=k, dtype=bool), across, filled(t, 0))


def tril(m: Any, k: int = 0) -> Tensor:
    """Return matrices with zeros above a diagonal.

    Parameters
    ----------
    m : array_like
        (..., rows, columns)
    k : int, default 0
        The last diagonal that stays.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.tril([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 0.0], [3.0, 4.0]]
    """
    t = as_tensor(m)
    return _chosen(_triangle(t, k, "tril"), t, filled(t, 0))


def triu(m: Any, k: int = 0) -> Tensor:
    """Return matrices with zeros below a diagonal.

    Parameters
    ----------
    m : array_like
        (..., rows, columns)
    k : int, default 0
        The first diagonal that stays.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.triu([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 2.0], [0.0, 4.0]]
    """
    t = as_tensor(m)
    return _chosen(_triangle(t, k - 1, "triu"), filled(t, 0), t)


def _chosen(mask: Any, inside: Tensor, outside: Tensor) -> Tensor:
    """Both of one dtype, which bools keep here."""
    return _ops.astype(_ops.where(mask, inside, outside), inside.dtype)


def _triangle(t: Tensor, k: int, op: str) -> Any:
    if t.ndim == 0:
        raise ValueError(f"{op}: expected at least 1 dimension, got shape ()")
    return np.tri(t.shape[-2] if t.ndim > 1 else t.shape[-1], t.shape[-1], k, bool)


def meshgrid(*xi: Any, indexing: str = "xy", sparse: bool = False) -> tuple[Tensor, ...]:
    """Return the coordinates of a grid, one tensor for each of its axes.

    Parameters
    ----------
    *xi : array_like
        The coordinates along each axis, in one dimension.
    indexing : {"xy", "ij"}, default "xy"
        Whether the first goes along the second axis of the results, as in a picture, or along the first.
    sparse : bool, default False
        Leave size 1 where a coordinate does not change.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x, y = fg.meshgrid([1.0, 2.0, 3.0], [4.0, 5.0])
    >>> x.shape, y.tolist()
    ((2, 3), [[4.0, 4.0, 4.0], [5.0, 5.0, 5.0]])
    """
    if indexing not in {"xy", "ij"}:
        raise ValueError(f"meshgrid: indexing must be xy or ij, got {indexing!r}")
    lines = [as_tensor(x) for x in xi]
    places = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        places[:2] = [1, 0]
    shape = [1] * len(lines)
    for place, line in zip(places, lines, strict=True):
        shape[place] = line.size
    grid = []
    for place, line in zip(places, lines, strict=True):
        thin = _ops.reshape(line, [line.size if i == place else 1 for i in range(len(lines))])
        grid.append(thin if sparse else _ops.broadcast_to(thin, shape))
    return tuple(grid)


def full_like(
    a: Any, fill_value: Any, dtype: DTypeLike | None = None, shape: int | Sequence[int] | None = None
) -> Tensor:
    """Return one number everywhere, in the shape and dtype of another tensor.

    Parameters
    ----------
    a : array_like
        Gives shape and dtype.
    fill_value : array_like
        What to fill with; anything that broadcasts to the shape. Gradients flow to a tensor.
    dtype : dtype, optional
        Another dtype.
    shape : int or tuple of int, optional
        Another shape.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.full_like([1.0, 2.0], 0.5).tolist()
    [0.5, 0.5]
    """
    t = as_tensor(a)
    value = _ops.astype(as_tensor(fill_value), t.dtype if dtype is None else dtype)
    return _ops.broadcast_to(value, t.shape if shape is None else shape)


def zeros_like(a: Any, dtype: DTypeLike | None = None, shape: int | Sequence[int] | None = None) -> Tensor:
    """Return zeros, in the shape and dtype of another tensor.

    Parameters
    ----------
    a : array_like
        Gives shape and dtype.
    dtype : dtype, optional
        Another dtype.
    shape : int or tuple of int, optional
        Another shape.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.zeros_like([1.0, 2.0]).tolist()
    [0.0, 0.0]
    """
    return full_like(a, 0, dtype, shape)


def ones_like(a: Any, dtype: DTypeLike | None = None, shape: int | Sequence[int] | None = None) -> Tensor:
    """Return ones, in the shape and dtype of another tensor.

    Parameters
    ----------
    a : array_like
        Gives shape and dtype.
    dtype : dtype, optional
        Another dtype.
    shape : int or tuple of int, optional
        Another shape.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.ones_like([1.0, 2.0]).tolist()
    [1.0, 1.0]
    """
    return full_like(a, 1, dtype, shape)
