"""Sets of numbers, and numbers sorted only so far. What values decide the size of is not for recordings."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.counting import values_of
from fastgrad._functions.shapes import ravel
from fastgrad._native import core
from fastgrad._operands import as_tensor, place_of

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "argpartition",
    "intersect1d",
    "isin",
    "lexsort",
    "partition",
    "setdiff1d",
    "setxor1d",
    "trim_zeros",
    "union1d",
    "unique",
    "unique_values",
]

_ops = core.ops


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """Return each number once, in ascending order.

    Parameters
    ----------
    ar : array_like
        Any shape. Not while recording: how much comes out depends on values.
    return_index, return_inverse, return_counts : bool, default False
        Return also where the first of each stands, which of the results each number is, how often it occurs.
    axis : int, optional
        Compare slices along an axis; by default the numbers stand in one row.
    equal_nan : bool, default True
        Whether all NaN are one number.
    sorted : bool, default True
        As NumPy has it; results are always sorted.

    Returns
    -------
    Tensor, or tuple of Tensor
        A gradient flows to the first of equal numbers.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.unique([3.0, 1.0, 3.0]).tolist()
    [1.0, 3.0]
    """
    del sorted
    t = as_tensor(ar)
    _, places, inverse, counts = np.unique(
        values_of(t, "unique"), True, True, True, axis=axis, equal_nan=equal_nan
    )
    values = _ops.take(t, places, axis)
    asked = zip((return_index, return_inverse, return_counts), (places, inverse, counts), strict=True)
    more = [core.Tensor(which) for wanted, which in asked if wanted]
    return (values, *more) if more else values


def unique_values(x: Any) -> Tensor:
    """Return each number once, in ascending order; every NaN by itself.

    Parameters
    ----------
    x
        As for `unique`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.unique_values([3.0, 1.0, 3.0]).tolist()
    [1.0, 3.0]
    """
    values: Tensor = unique(x, equal_nan=False)
    return values


def union1d(ar1: Any, ar2: Any) -> Tensor:
    """Return the numbers that are in one or the other, each once, in ascending order.

    Parameters
    ----------
    ar1, ar2
        As for `unique`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.union1d([1.0, 3.0], [2.0, 3.0]).tolist()
    [1.0, 2.0, 3.0]
    """
    joined: Tensor = unique(_ops.concatenate([ravel(ar1), ravel(ar2)]))
    return joined


def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """Return the numbers that are in both, each once, in ascending order.

    Parameters
    ----------
    ar1, ar2
        As for `unique`. Gradients flow to the first.
    assume_unique : bool, default False
        Whether both have no number twice.
    return_indices : bool, default False
        Return also where they stand in each.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.intersect1d([1.0, 3.0], [2.0, 3.0]).tolist()
    [3.0]
    """
    first = ravel(ar1)
    _, of_first, of_second = np.intersect1d(
        values_of(first, "intersect1d"), values_of(ravel(ar2), "intersect1d"), assume_unique, True
    )
    values = _ops.take(first, of_first)
    return (values, core.Tensor(of_first), core.Tensor(of_second)) if return_indices else values


def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Tensor:
    """Return the numbers of the first that are not in the second, each once, in ascending order.

    Parameters
    ----------
    ar1, ar2
        As for `unique`.
    assume_unique : bool, default False
        Whether both have no number twice; then those of the first keep their order.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.setdiff1d([1.0, 3.0], [2.0, 3.0]).tolist()
    [1.0]
    """
    first = ravel(ar1)
    values = values_of(first, "setdiff1d")
    places = np.arange(values.size) if assume_unique else np.unique(values, return_index=True)[1]
    return _ops.take(first, places[~np.isin(values[places], values_of(ravel(ar2), "setdiff1d"))])


def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Tensor:
    """Return the numbers that are in one of two but not in both, each once, in ascending order.

    Parameters
    ----------
    ar1, ar2
        As for `unique`.
    assume_unique : bool, default False
        As NumPy has it; makes no difference.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.setxor1d([1.0, 3.0], [2.0, 3.0]).tolist()
    [1.0, 2.0]
    """
    del assume_unique
    both = _ops.concatenate([ravel(unique(ar1)), ravel(unique(ar2))])
    _, places, counts = np.unique(
        values_of(both, "setxor1d"), return_index=True, return_counts=True, equal_nan=False
    )
    return _ops.take(both, places[counts == 1])


def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: str | None = None,
) -> Tensor:
    """Return which numbers are among others.

    Parameters
    ----------
    element : array_like
        Any shape.
    test_elements : array_like
        The others, any shape.
    assume_unique : bool, default False
        As NumPy has it; makes no difference.
    invert : bool, default False
        Return which are not.
    kind : str, optional
        As NumPy has it; makes no difference.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.isin([1.0, 2.0], [2.0, 3.0]).tolist()
    [False, True]
    """
    del assume_unique, kind
    t, others = as_tensor(element).detach(), ravel(test_elements).detach()
    if others.size == 0:
        return core.Tensor(np.full(t.shape, invert))
    ordered = _ops.sort(others, 0)
    place = _ops.minimum(_ops.searchsorted(ordered, t), others.size - 1)
    return (_ops.not_equal if invert else _ops.equal)(_ops.take(ordered, place), t)


def trim_zeros(filt: Any, trim: str = "fb") -> Tensor:
    """Return a row of numbers without zeros at its ends.

    Parameters
    ----------
    filt : array_like
        (n,). Not while recording: how much comes out depends on values.
    trim : {"fb", "f", "b"}
        At the front, at the back, or both.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.trim_zeros([0.0, 1.0, 0.0, 2.0, 0.0]).tolist()
    [1.0, 0.0, 2.0]
    """
    t = as_tensor(filt)
    if t.ndim != 1:
        raise ValueError(f"trim_zeros: expected one dimension, got shape {t.shape}")
    ends = trim.lower()
    if not ends or set(ends) - {"f", "b"}:
        raise ValueError(f"trim_zeros: trim must be 'f', 'b' or 'fb', got {trim!r}")
    places = np.flatnonzero(values_of(t, "trim_zeros"))
    if places.size == 0:
        return t[:0]
    return t[places[0] if "f" in ends else 0 : places[-1] + 1 if "b" in ends else t.size]


def partition(a: Any, kth: Any, axis: int | None = -1) -> Tensor:
    """Return numbers in an order in which number `kth` stands where it does when all are sorted.

    Parameters
    ----------
    a : array_like
        At least one dimension.
    kth : int or sequence of int
        Which; before it none is larger, behind it none is smaller.
    axis : int or None, default -1
        The axis to go along; of all numbers in one row when None.

    Returns
    -------
    Tensor
        All of them sorted, which is such an order. (NumPy leaves both parts in no order that is said.)

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.partition([3.0, 1.0, 2.0], 1)[1].item()
    2.0
    """
    t = _with_place(a, kth, axis, "partition")
    return _ops.sort(t, 0 if axis is None else axis)


def argpartition(a: Any, kth: Any, axis: int | None = -1) -> Tensor:
    """Return the places of the numbers of `partition`.

    Parameters
    ----------
    a, kth, axis
        As for `partition`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.argpartition([3.0, 1.0, 2.0], 1)[1].item()
    2
    """
    t = _with_place(a, kth, axis, "argpartition")
    return _ops.argsort(t, 0 if axis is None else axis)


def _with_place(a: Any, kth: Any, axis: int | None, op: str) -> Tensor:
    t = ravel(a) if axis is None else as_tensor(a)
    size = t.shape[place_of(0 if axis is None else axis, t.ndim, op)]
    for k in np.atleast_1d(np.asarray(kth)).tolist():
        if not -size <= index(k) < size:
            raise ValueError(f"{op}: kth={k} is out of range for an axis of size {size}")
    return t


def lexsort(keys: Any, axis: int = -1) -> Tensor:
    """Return the places that sort by several keys: by the last one, equals by the one before it, and so on.

    Parameters
    ----------
    keys : sequence of array_like, or array_like
        Keys of one shape; of a tensor, along its first axis.
    axis : int, default -1
        The axis of each key to sort along.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.lexsort([[1.0, 0.0, 2.0], [5.0, 5.0, 4.0]]).tolist()
    [2, 1, 0]
    """
    parts = [as_tensor(key).detach() for key in keys]
    if not parts:
        raise ValueError("lexsort: expected at least one key, got none")
    for i, key in enumerate(parts):
        if key.shape != parts[0].shape:
            raise ValueError(
                f"lexsort: key 0 has shape {parts[0].shape}, key {i} has {key.shape}; all must agree"
            )
    order = _ops.argsort(parts[0], axis)
    for key in parts[1:]:
        again = _ops.argsort(_ops.take_along_axis(key, order, axis), axis)
        order = _ops.take_along_axis(order, again, axis)
    return order
