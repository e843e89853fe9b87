"""Numbers inserted, deleted and appended, blocks put together, and NumPy's further names for views."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.joining import split, vstack
from fastgrad._functions.matrices import diag
from fastgrad._functions.picking import compress
from fastgrad._functions.shapes import atleast_3d, moveaxis, ravel
from fastgrad._native import core
from fastgrad._operands import as_tensor, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "append",
    "block",
    "broadcast_arrays",
    "broadcast_shapes",
    "delete",
    "diagflat",
    "dsplit",
    "dstack",
    "extract",
    "insert",
    "resize",
    "rollaxis",
    "row_stack",
    "unstack",
]

_ops = core.ops

row_stack = vstack


def append(arr: Any, values: Any, axis: int | None = None) -> Tensor:
    """Return a tensor with more numbers behind its own.

    Parameters
    ----------
    arr, values : array_like
        Alike in shape but for the axis.
    axis : int, optional
        Where to join; by default both stand in one row.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.append([1.0, 2.0], 3.0).tolist()
    [1.0, 2.0, 3.0]
    """
    if axis is None:
        return _ops.concatenate([ravel(arr), ravel(values)])
    return _ops.concatenate([as_tensor(arr), as_tensor(values)], axis)


def delete(arr: Any, obj: Any, axis: int | None = None) -> Tensor:
    """Return a tensor without some slices along an axis.

    Parameters
    ----------
    arr : array_like
        Any shape.
    obj : int, slice, or array_like of int or bool
        Which to leave out: numbers, not tensors that are being recorded.
    axis : int, optional
        By default the numbers stand in one row.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.delete([1.0, 2.0, 3.0], 1).tolist()
    [1.0, 3.0]
    """
    t = ravel(arr) if axis is None else as_tensor(arr)
    place = place_of(0 if axis is None else axis, t.ndim, "delete")
    return _ops.take(t, np.delete(np.arange(t.shape[place]), _places(obj)), place)


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Tensor:
    """Return a tensor with more slices along an axis.

    Parameters
    ----------
    arr : array_like
        Any shape.
    obj : int, slice, or array_like of int or bool
        Before which slices to insert: numbers, not tensors that are being recorded.
    values : array_like
        What to insert, of the dtype of `arr` then; broadcast where one value is for several places.
    axis : int, optional
        By default the numbers stand in one row.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.insert([1.0, 2.0, 3.0], 1, 9.0).tolist()
    [1.0, 9.0, 2.0, 3.0]
    """
    t = ravel(arr) if axis is None else as_tensor(arr)
    place = place_of(0 if axis is None else axis, t.ndim, "insert")
    size = t.shape[place]
    at = _places(obj)
    at = np.arange(size)[at] if isinstance(at, slice) else np.asarray(at)
    if at.dtype.kind == "f" and at.size:
        raise TypeError(f"insert: places must be integers, got {at.dtype}")
    at = np.flatnonzero(at) if at.dtype == bool else at.astype(np.int64)
    if at.ndim > 1:
        raise ValueError(f"insert: obj has shape {at.shape}, expected one dimension at most")
    if np.any((at < -size) | (at > size)):
        raise IndexError(f"insert: obj={obj!r} is out of range for axis {place} of shape {t.shape}")
    at = np.where(at < 0, at + size, at)
    added = _ops.astype(as_tensor(values), t.dtype)
    added = _ops.reshape(added, [1] * (t.ndim - added.ndim) + list(added.shape))
    if at.size == 1:
        # One place for all values; of a single number they stand along the first axis, as NumPy has it.
        added = moveaxis(added, 0, place) if at.ndim == 0 else added
        count = added.shape[place]
        at = np.repeat(at, count)
    else:
        count = at.size
    added = _ops.broadcast_to(added, (*t.shape[:place], count, *t.shape[place + 1 :]))
    order = np.argsort(at, kind="stable")
    places = np.arange(size)
    joined = _ops.concatenate([t, added], place)
    return _ops.take(joined, np.insert(places, at[order], size + order), place)


def _places(obj: Any) -> Any:
    """What says where, as NumPy's."""
    if isinstance(obj, core.Tensor):
        return obj.detach().numpy()
    return obj


def resize(a: Any, new_shape: int | Sequence[int]) -> Tensor:
    """Return the numbers in another shape, from the beginning again where more are needed.

    Parameters
    ----------
    a : array_like
        Any shape.
    new_shape : int or sequence of int

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.resize([1.0, 2.0], 5).tolist()
    [1.0, 2.0, 1.0, 2.0, 1.0]
    """
    sizes = (new_shape,) if isinstance(new_shape, int | np.integer) else tuple(new_shape)
    if any(size < 0 for size in sizes):
        raise ValueError(f"resize: sizes must not be negative, got {new_shape}")
    t, total = ravel(a), int(np.prod(sizes))
    if t.size == 0:
        return core.Tensor(np.zeros(sizes, t.dtype))
    return _ops.reshape(t[:total] if total <= t.size else _ops.take(t, np.arange(total) % t.size), sizes)


def extract(condition: Any, arr: Any) -> Tensor:
    """Return the numbers where a condition holds, in one row.

    Parameters
    ----------
    condition : array_like of bool
        Of as many numbers. Not while recording: how much it takes depends on values.
    arr : array_like
        Any shape.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.extract([[True, False]], [[1.0, 2.0]]).tolist()
    [1.0]
    """
    mask = ravel(condition) if isinstance(condition, core.Tensor) else np.ravel(condition)
    return compress(mask, ravel(arr))


def block(arrays: Any) -> Tensor:
    """Put a tensor together from blocks.

    Parameters
    ----------
    arrays : nested lists of array_like
        Those of the innermost lists stand side by side along the last axis, those of the lists around along
        the axis before it, and so on.

    Examples
    --------
    >>> import fastgrad as fg
    >>> one = fg.ones((1, 1))
    >>> fg.block([[one, 0 * one], [0 * one, one]]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    depth, leaves = _depth_of(arrays), list(_leaves_of(arrays))
    ndim = max([depth, *[leaf.ndim for leaf in leaves]])

    def joined(part: Any, below: int) -> Tensor:
        if not isinstance(part, list):
            t = as_tensor(part)
            return _ops.reshape(t, [1] * (ndim - t.ndim) + list(t.shape))
        return _ops.concatenate([joined(inner, below - 1) for inner in part], ndim - below)

    return joined(arrays, depth)


def _depth_of(arrays: Any) -> int:
    if not isinstance(arrays, list):
        return 0
    depths = {_depth_of(part) for part in arrays}
    if len(depths) != 1:
        raise ValueError("block: lists must be nested equally deep, and none may be empty")
    return 1 + depths.pop()


def _leaves_of(arrays: Any) -> Any:
    if isinstance(arrays, list):
        for part in arrays:
            yield from _leaves_of(part)
    else:
        yield as_tensor(arrays)


def dstack(tup: Sequence[Any]) -> Tensor:
    """Return the parts one behind the other: joined along the third axis.

    Parameters
    ----------
    tup : sequence of array_like
        At least one; (n,) becomes (1, n, 1) and (m, n) becomes (m, n, 1).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.dstack([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[[1.0, 3.0], [2.0, 4.0]]]
    """
    return _ops.concatenate([atleast_3d(part) for part in tup], 2)


def dsplit(ary: Any, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Return the parts of a tensor, cut along the third axis.

    Parameters
    ----------
    ary : array_like
        At least three dimensions.
    indices_or_sections : int or sequence of int
        As for `split`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [part.tolist() for part in fg.dsplit([[[1.0, 2.0]]], 2)]
    [[[[1.0]]], [[[2.0]]]]
    """
    t = as_tensor(ary)
    if t.ndim < 3:
        raise ValueError(f"dsplit: expected at least 3 dimensions, got shape {t.shape}")
    return split(t, indices_or_sections, 2)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the slices along an axis.

    Parameters
    ----------
    x : array_like
        At least one dimension.
    axis : int, default 0

    Examples
    --------
    >>> import fastgrad as fg
    >>> [part.tolist() for part in fg.unstack([[1.0, 2.0], [3.0, 4.0]])]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    t = as_tensor(x)
    place = place_of(axis, t.ndim, "unstack")
    front = moveaxis(t, place, 0)
    return tuple(front[i] for i in range(t.shape[place]))


def broadcast_shapes(*args: int | Sequence[int]) -> tuple[int, ...]:
    """Return the shape that shapes are broadcast to together.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    return np.broadcast_shapes(*args)


def broadcast_arrays(*args: Any) -> tuple[Tensor, ...]:
    """Return all broadcast to one shape.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [t.tolist() for t in fg.broadcast_arrays([1.0, 2.0], 3.0)]
    [[1.0, 2.0], [3.0, 3.0]]
    """
    tensors = [as_tensor(x) for x in args]
    shape = np.broadcast_shapes(*[t.shape for t in tensors])
    return tuple(_ops.broadcast_to(t, shape) for t in tensors)


def diagflat(v: Any, k: int = 0) -> Tensor:
    """Return a matrix of zeros with these numbers, in one row, on its diagonal.

    Parameters
    ----------
    v : array_like
        Any shape.
    k : int, default 0
        How far above the main diagonal; below it where negative.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.diagflat([[1.0, 2.0]]).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    return diag(ravel(v), k)


def rollaxis(a: Any, axis: int, start: int = 0) -> Tensor:
    """Return the numbers with one axis moved to before another. `moveaxis` says it more clearly.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int
        Which.
    start : int, default 0
        Before which it then stands: from 0 to the number of axes.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.rollaxis([[[1.0, 2.0]]], 2).shape
    (2, 1, 1)
    """
    t = as_tensor(a)
    place = place_of(axis, t.ndim, "rollaxis")
    before = start + t.ndim if start < 0 else start
    if not 0 <= before <= t.ndim:
        raise ValueError(f"rollaxis: start={start} is out of range for {t.ndim} dimensions")
    return moveaxis(t, place, before - 1 if place < before else before)
