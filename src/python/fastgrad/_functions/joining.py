"""Tensors joined, cut, repeated and padded."""

from __future__ import annotations

from itertools import pairwise
from operator import index
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.shapes import atleast_1d, atleast_2d, ravel
from fastgrad._native import core
from fastgrad._operands import as_tensor, filled, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "array_split",
    "column_stack",
    "hsplit",
    "hstack",
    "pad",
    "repeat",
    "split",
    "stack",
    "tile",
    "vsplit",
    "vstack",
]

_ops = core.ops


def stack(parts: Sequence[Any], axis: int = 0) -> Tensor:
    """Values of one shape, joined along a new axis.

    Parameters
    ----------
    parts : sequence of array_like
        At least one, all of one shape.
    axis : int, default 0
        Where the new axis stands in the result.

    Returns
    -------
    Tensor
        One dimension more than the parts.

    Raises
    ------
    ValueError
        If there are no parts, or their shapes differ.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.stack([1.0, 2.0]).shape
    (2,)
    """
    tensors = [as_tensor(part) for part in parts]
    if not tensors:
        raise ValueError("stack: expected at least one part, got none")
    shape = tensors[0].shape
    for i, t in enumerate(tensors):
        if t.shape != shape:
            raise ValueError(f"stack: part 0 has shape {shape}, part {i} has {t.shape}; all must agree")
    place = place_of(axis, len(shape) + 1, "stack")
    grown = (*shape[:place], 1, *shape[place:])
    return _ops.concatenate([_ops.reshape(t, grown) for t in tensors], place)


def hstack(tup: Sequence[Any]) -> Tensor:
    """Return the parts side by side: joined along the second axis, or the only one.

    Parameters
    ----------
    tup : sequence of array_like
        At least one.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.hstack([[[1.0], [2.0]], [[3.0], [4.0]]]).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    parts = [atleast_1d(part) for part in tup]
    return _ops.concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1)


def vstack(tup: Sequence[Any]) -> Tensor:
    """Return the parts one below the other: joined along the first axis, rows where they have only one.

    Parameters
    ----------
    tup : sequence of array_like
        At least one.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.vstack([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    return _ops.concatenate([atleast_2d(part) for part in tup], 0)


def column_stack(tup: Sequence[Any]) -> Tensor:
    """Return the parts side by side as the columns of a matrix.

    Parameters
    ----------
    tup : sequence of array_like
        One dimension (a column) or two (several) each.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.column_stack([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    parts = [as_tensor(part) for part in tup]
    return _ops.concatenate([_ops.reshape(t, (-1, 1)) if t.ndim < 2 else t for t in parts], 1)


def array_split(ary: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Return the parts of a tensor, as equal in size as can be.

    Parameters
    ----------
    ary : array_like
        At least one dimension.
    indices_or_sections : int or sequence of int
        How many parts, or where to cut.
    axis : int, default 0
        The axis to cut.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [part.tolist() for part in fg.array_split([1.0, 2.0, 3.0], 2)]
    [[1.0, 2.0], [3.0]]
    """
    return _cut(ary, indices_or_sections, axis, "array_split")


def split(ary: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Return the parts of a tensor, all of one size unless it is said where to cut.

    Parameters
    ----------
    ary : array_like
        At least one dimension.
    indices_or_sections : int or sequence of int
        How many parts, or where to cut.
    axis : int, default 0
        The axis to cut.

    Raises
    ------
    ValueError
        If the axis does not divide into so many equal parts.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [part.tolist() for part in fg.split([1.0, 2.0, 3.0, 4.0], [1, 3])]
    [[1.0], [2.0, 3.0], [4.0]]
    """
    return _cut(ary, indices_or_sections, axis, "split", equal=True)


def hsplit(ary: Any, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Return the parts of a tensor side by side: cut along the second axis, or the only one.

    Parameters
    ----------
    ary : array_like
        At least one dimension.
    indices_or_sections : int or sequence of int
        As for `split`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [part.tolist() for part in fg.hsplit([[1.0, 2.0]], 2)]
    [[[1.0]], [[2.0]]]
    """
    t = as_tensor(ary)
    return _cut(t, indices_or_sections, 0 if t.ndim == 1 else 1, "hsplit", equal=True)


def vsplit(ary: Any, indices_or_sections: int | Sequence[int]) -> list[Tensor]:
    """Return the parts of a tensor one below the other: cut along the first axis.

    Parameters
    ----------
    ary : array_like
        At least two dimensions.
    indices_or_sections : int or sequence of int
        As for `split`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [part.tolist() for part in fg.vsplit([[1.0], [2.0]], 2)]
    [[[1.0]], [[2.0]]]
    """
    t = as_tensor(ary)
    if t.ndim < 2:
        raise ValueError(f"vsplit: expected at least 2 dimensions, got shape {t.shape}")
    return _cut(t, indices_or_sections, 0, "vsplit", equal=True)


def _cut(ary: Any, parts: Any, axis: int, op: str, equal: bool = False) -> list[Tensor]:
    t = as_tensor(ary)
    place = place_of(axis, t.ndim, op)
    size = t.shape[place]
    if isinstance(parts, int | np.integer):
        if parts < 1:
            raise ValueError(f"{op}: expected at least 1 part, got {parts}")
        if equal and size % parts:
            raise ValueError(
                f"{op}: axis {place} of shape {t.shape} does not divide into {parts} equal parts"
            )
        cuts = np.cumsum([0] + [size // parts + (i < size % parts) for i in range(parts)]).tolist()
    else:
        cuts = [0, *map(index, parts), size]
    before = (slice(None),) * place
    return [t[(*before, slice(start, stop))] for start, stop in pairwise(cuts)]


def repeat(a: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Return each number several times, one after the other.

    Parameters
    ----------
    a : array_like
        Any shape.
    repeats : int or array_like of int
        How often: all, or each place along the axis.
    axis : int, optional
        By default the numbers stand in one row.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.repeat([1.0, 2.0], 2).tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    t = ravel(a) if axis is None else as_tensor(a)
    place = place_of(0 if axis is None else axis, t.ndim, "repeat")
    size = t.shape[place]
    times = np.asarray(repeats)
    if times.dtype.kind not in "iu" or times.ndim > 1 or times.size not in {1, size}:
        raise ValueError(
            f"repeat: expected one integer, or {size} for axis {place} of shape {t.shape}, got {repeats!r}"
        )
    if np.any(times < 0):
        raise ValueError(f"repeat: repeats must not be negative, got {repeats!r}")
    if times.size == 1:
        return _copies(t, place + 1, place, int(times.item()))
    return _ops.take(t, np.repeat(np.arange(size), times), place)


def tile(A: Any, reps: int | Sequence[int]) -> Tensor:
    """Return copies of a tensor next to one another.

    Parameters
    ----------
    A : array_like
        Any shape.
    reps : int or sequence of int
        How many along each of the last axes; more than the tensor has axes give it new ones.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.tile([1.0, 2.0], (2, 2)).tolist()
    [[1.0, 2.0, 1.0, 2.0], [1.0, 2.0, 1.0, 2.0]]
    """
    t = as_tensor(A)
    counts = [index(n) for n in reps] if isinstance(reps, tuple | list) else [index(reps)]  # type: ignore[arg-type]
    if any(n < 0 for n in counts):
        raise ValueError(f"tile: reps must not be negative, got {reps}")
    counts = [1] * (t.ndim - len(counts)) + counts
    t = _ops.reshape(t, [1] * (len(counts) - t.ndim) + list(t.shape))
    for place, times in enumerate(counts):
        t = _copies(t, place, place, times)
    return t


def _copies(t: Tensor, cut: int, place: int, times: int) -> Tensor:
    """Everything from axis `cut` on several times, which makes axis `place` so much larger."""
    if times == 1:
        return t
    shape = t.shape
    outer, inner = int(np.prod(shape[:cut])), int(np.prod(shape[cut:]))
    copies = _ops.broadcast_to(_ops.reshape(t, (outer, 1, inner)), (outer, times, inner))
    return _ops.reshape(copies, (*shape[:place], shape[place] * times, *shape[place + 1 :]))


def pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Tensor:
    """Return a tensor with more numbers around it.

    Parameters
    ----------
    array : array_like
        Any shape.
    pad_width : int or sequence
        How many before and after: ``n``, ``(before, after)``, or a pair for every axis.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        What to add: a constant; the number at the edge; the numbers mirrored at the edge, without it or with
        it; those from the other end.
    constant_values : number or sequence, default 0
        The constant, given as `pad_width` is.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.pad([1.0, 2.0, 3.0], (1, 2), mode="reflect").tolist()
    [2.0, 1.0, 2.0, 3.0, 2.0, 1.0]
    """
    t = as_tensor(array)
    if mode not in {"constant", "edge", "reflect", "symmetric", "wrap"}:
        raise ValueError(f"pad: mode must be constant, edge, reflect, symmetric or wrap, got {mode!r}")
    widths = _pairs(pad_width, t, "pad_width")
    if widths.dtype.kind not in "iu" or np.any(widths < 0):
        raise ValueError(f"pad: pad_width must be integers that are not negative, got {pad_width!r}")
    constants = _pairs(constant_values, t, "constant_values")
    for place, (width, ends) in enumerate(zip(widths.tolist(), constants, strict=True)):
        if width == [0, 0]:
            continue
        if mode == "constant":
            added = [
                filled(t, value, (*t.shape[:place], n, *t.shape[place + 1 :]))
                for n, value in zip(width, ends, strict=True)
            ]
            t = _ops.concatenate([added[0], t, added[1]], place)
        else:
            at = np.pad(np.arange(t.shape[place]), width, mode=mode)  # type: ignore[call-overload]
            t = _ops.take(t, at, place)
    return t


def _pairs(given: Any, t: Tensor, what: str) -> Any:
    """A value for both ends of every axis, as NumPy's pad reads it: (ndim, 2)."""
    try:
        return np.broadcast_to(np.asarray(given), (t.ndim, 2))
    except ValueError:
        raise ValueError(
            f"pad: {what} must be one, a pair, or a pair for each axis of shape {t.shape}, got {given!r}"
        ) from None
