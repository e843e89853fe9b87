"""Axes added, dropped, exchanged and reversed: operations that only read the same numbers in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._native import core
from fastgrad._operands import as_tensor, place_of, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "moveaxis",
    "ravel",
    "roll",
    "rot90",
    "squeeze",
    "swapaxes",
]

_ops = core.ops


def ravel(a: Any) -> Tensor:
    """Return all numbers in one row, in the order of the last axis first.

    Parameters
    ----------
    a : array_like
        Any shape.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.ravel([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return _ops.reshape(a, -1)


def squeeze(a: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return the numbers without axes of size 1.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int, optional
        Which to drop; by default all that have size 1.

    Raises
    ------
    ValueError
        If an axis to drop has another size than 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.squeeze([[[1.0], [2.0]]]).shape
    (2,)
    """
    t = as_tensor(a)
    if axis is None:
        return _ops.reshape(t, [size for size in t.shape if size != 1])
    dropped = places_of(axis, t.ndim, "squeeze")
    for place in dropped:
        if t.shape[place] != 1:
            raise ValueError(
                f"squeeze: axis {place} of shape {t.shape} has size {t.shape[place]}, expected 1"
            )
    return _ops.reshape(t, [size for place, size in enumerate(t.shape) if place not in dropped])


def expand_dims(a: Any, axis: int | Sequence[int]) -> Tensor:
    """Return the numbers with new axes of size 1.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis : int or tuple of int
        Where the new axes stand in the result.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.expand_dims([1.0, 2.0], (0, -1)).shape
    (1, 2, 1)
    """
    t = as_tensor(a)
    count = len(axis) if isinstance(axis, tuple | list) else 1
    added = places_of(axis, t.ndim + count, "expand_dims")
    sizes = iter(t.shape)
    return _ops.reshape(t, [1 if place in added else next(sizes) for place in range(t.ndim + count)])


def swapaxes(a: Any, axis1: int, axis2: int) -> Tensor:
    """Return the numbers with two axes exchanged.

    Parameters
    ----------
    a : array_like
        Any shape.
    axis1, axis2 : int
        The two.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.swapaxes([[[1.0, 2.0]]], 0, 2).shape
    (2, 1, 1)
    """
    t = as_tensor(a)
    first, second = place_of(axis1, t.ndim, "swapaxes"), place_of(axis2, t.ndim, "swapaxes")
    axes = list(range(t.ndim))
    axes[first], axes[second] = second, first
    return _ops.transpose(t, axes)


def moveaxis(a: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return the numbers with some axes in other places, the rest in their order.

    Parameters
    ----------
    a : array_like
        Any shape.
    source, destination : int or sequence of int
        The axes, and where each stands in the result.

    Raises
    ------
    ValueError
        If they are not equally many, or an axis is named twice.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.moveaxis([[[1.0, 2.0]]], 2, 0).shape
    (2, 1, 1)
    """
    t = as_tensor(a)
    come_from = places_of(source, t.ndim, "moveaxis")
    go_to = places_of(destination, t.ndim, "moveaxis")
    if len(come_from) != len(go_to):
        raise ValueError(f"moveaxis: source names {len(come_from)} axes, destination {len(go_to)}")
    axes = [place for place in range(t.ndim) if place not in come_from]
    for to, place in sorted(zip(go_to, come_from, strict=True)):
        axes.insert(to, place)
    return _ops.transpose(t, axes) if axes else t


def turned(t: Tensor, axes: Sequence[int]) -> Tensor:
    """The tensor itself where all axes stay in their places, else transposed."""
    return t if list(axes) == list(range(t.ndim)) else _ops.transpose(t, axes)


def flip(m: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return the numbers in reverse order along axes.

    Parameters
    ----------
    m : array_like
        Any shape.
    axis : int or tuple of int, optional
        By default all.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.flip([[1.0, 2.0], [3.0, 4.0]], axis=1).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    t = as_tensor(m)
    reversed_ = places_of(axis, t.ndim, "flip")
    return t[tuple(slice(None, None, -1 if place in reversed_ else 1) for place in range(t.ndim))]


def fliplr(m: Any) -> Tensor:
    """Return the numbers in reverse order along the second axis.

    Parameters
    ----------
    m : array_like
        At least two dimensions.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fliplr([[1.0, 2.0]]).tolist()
    [[2.0, 1.0]]
    """
    t = as_tensor(m)
    if t.ndim < 2:
        raise ValueError(f"fliplr: expected at least 2 dimensions, got shape {t.shape}")
    return flip(t, 1)


def flipud(m: Any) -> Tensor:
    """Return the numbers in reverse order along the first axis.

    Parameters
    ----------
    m : array_like
        At least one dimension.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.flipud([1.0, 2.0]).tolist()
    [2.0, 1.0]
    """
    t = as_tensor(m)
    if t.ndim < 1:
        raise ValueError("flipud: expected at least 1 dimension, got shape ()")
    return flip(t, 0)


def rot90(m: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Return the numbers turned by quarter circles in the plane of two axes.

    Parameters
    ----------
    m : array_like
        At least two dimensions.
    k : int, default 1
        How many quarters, from the first axis towards the second.
    axes : (int, int), default (0, 1)
        The two.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.rot90([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    t = as_tensor(m)
    plane = places_of(tuple(axes), t.ndim, "rot90")
    if len(plane) != 2:
        raise ValueError(f"rot90: expected two axes, got {tuple(axes)}")
    first, second = plane
    if k % 4 == 0:
        return t
    if k % 4 == 2:
        return flip(t, plane)
    return flip(swapaxes(t, first, second), first) if k % 4 == 1 else swapaxes(flip(t, first), first, second)


def roll(a: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Return the numbers moved along axes; what leaves at one end comes in at the other.

    Parameters
    ----------
    a : array_like
        Any shape.
    shift : int or tuple of int
        By how many places.
    axis : int or tuple of int, optional
        One for every shift. By default the numbers move as if they stood in one row.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.roll([1.0, 2.0, 3.0], 1).tolist()
    [3.0, 1.0, 2.0]
    """
    t = as_tensor(a)
    if axis is None:
        return _ops.reshape(roll(ravel(t), shift, 0), t.shape)
    try:
        moves = np.broadcast(np.asarray(shift), np.asarray(axis))
    except ValueError:
        raise ValueError(f"roll: shift {shift} and axis {axis} do not go together") from None
    for by, along in moves:
        place = place_of(int(along), t.ndim, "roll")
        cut = int(by) % max(t.shape[place], 1)
        if cut:
            before = (slice(None),) * place
            t = _ops.concatenate([t[(*before, slice(-cut, None))], t[(*before, slice(None, -cut))]], place)
    return t


def atleast_1d(*arys: Any) -> Any:
    """Return each with at least one axis.

    Parameters
    ----------
    *arys : array_like
        Any shapes.

    Returns
    -------
    Tensor, or tuple of Tensor where there are several

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.atleast_1d(1.0).shape
    (1,)
    """
    return _each(arys, lambda t: _ops.reshape(t, 1) if t.ndim == 0 else t)


def atleast_2d(*arys: Any) -> Any:
    """Return each with at least two axes: numbers in one dimension become a row.

    Parameters
    ----------
    *arys : array_like
        Any shapes.

    Returns
    -------
    Tensor, or tuple of Tensor where there are several

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.atleast_2d([1.0, 2.0]).shape
    (1, 2)
    """
    return _each(arys, lambda t: _ops.reshape(t, (1, t.size)) if t.ndim < 2 else t)


def atleast_3d(*arys: Any) -> Any:
    """Return each with at least three axes: (n,) becomes (1, n, 1), and (m, n) becomes (m, n, 1).

    Parameters
    ----------
    *arys : array_like
        Any shapes.

    Returns
    -------
    Tensor, or tuple of Tensor where there are several

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.atleast_3d([1.0, 2.0]).shape
    (1, 2, 1)
    """

    def grown(t: Tensor) -> Tensor:
        if t.ndim > 2:
            return t
        return _ops.reshape(t, (*t.shape, 1) if t.ndim == 2 else (1, t.size, 1))

    return _each(arys, grown)


def _each(arrays: Sequence[Any], f: Any) -> Any:
    results = tuple(f(as_tensor(x)) for x in arrays)
    return results[0] if len(results) == 1 else results
