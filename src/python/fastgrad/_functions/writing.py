"""NumPy's functions that write into what they are given: item assignment, under their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.editing import resize
from fastgrad._functions.grids import unravel_index
from fastgrad._functions.shapes import ravel
from fastgrad._native import core
from fastgrad._operands import as_tensor, place_of

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask"]

_ops = core.ops


def _written(a: Any, op: str) -> Tensor:
    if not isinstance(a, core.Tensor):
        raise TypeError(
            f"{op}: writes into a tensor, got {type(a).__name__}, in which a gradient would be lost; make it "
            "with fastgrad.numpy.zeros or fastgrad.numpy.array"
        )
    return a


def copyto(dst: Tensor, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Write numbers into a tensor: ``dst[...] = src``.

    Parameters
    ----------
    dst : Tensor
        What is written to.
    src : array_like
        Broadcast to its shape. Gradients flow to it.
    casting : str
        As NumPy has it; assignment decides.
    where : array_like of bool, default True
        Where to write.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.zeros(3)
    >>> fg.copyto(x, 5.0, where=[True, False, True])
    >>> x.tolist()
    [5.0, 0.0, 5.0]
    """
    del casting
    dst = _written(dst, "copyto")
    dst[...] = src if where is True else _ops.where(where, src, dst)


def put(a: Tensor, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write numbers to places of a tensor, counted in one row.

    Parameters
    ----------
    a : Tensor
        What is written to.
    ind : array_like of int
        The places.
    v : array_like
        The numbers, from the beginning again where there are more places; nothing is written where there is
        none. Gradients flow to them.
    mode : {"raise", "wrap", "clip"}
        What to do with places that are out of range.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.zeros((2, 2))
    >>> fg.put(x, [0, 3], [1.0, 2.0])
    >>> x.tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    a = _written(a, "put")
    at = ravel(ind)
    if mode == "wrap":
        at = _ops.remainder(at, a.size)
    elif mode == "clip":
        at = _ops.clip(at, 0, a.size - 1)
    elif mode != "raise":
        raise ValueError(f"put: mode must be raise, wrap or clip, got {mode!r}")
    numbers = ravel(v)
    if at.size and numbers.size:
        a[unravel_index(at, a.shape)] = resize(numbers, at.size)


def putmask(a: Tensor, mask: Any, values: Any) -> None:
    """Write numbers to where a mask holds, each from its own place.

    Parameters
    ----------
    a : Tensor
        What is written to.
    mask : array_like of bool
        Of its shape.
    values : array_like
        In one row, from the beginning again where there are fewer than in `a`. Gradients flow to them.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.zeros(3)
    >>> fg.putmask(x, [True, False, True], [1.0, 2.0, 3.0])
    >>> x.tolist()
    [1.0, 0.0, 3.0]
    """
    a = _written(a, "putmask")
    where, numbers = _mask_of(a, mask, "putmask"), ravel(values)
    if numbers.size:
        a[...] = _ops.where(where, resize(numbers, a.shape), a)


def place(arr: Tensor, mask: Any, vals: Any) -> None:
    """Write numbers to where a mask holds, one after the other.

    Parameters
    ----------
    arr : Tensor
        What is written to.
    mask : array_like of bool
        Of its shape.
    vals : array_like
        In one row, from the beginning again where there are more places. Gradients flow to them.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.zeros(3)
    >>> fg.place(x, [True, False, True], [1.0, 2.0])
    >>> x.tolist()
    [1.0, 0.0, 2.0]
    """
    arr = _written(arr, "place")
    where, numbers = _mask_of(arr, mask, "place"), ravel(vals)
    if numbers.size == 0:
        raise ValueError("place: expected at least one number to write, got none")
    nth = _ops.remainder(_ops.subtract(_ops.cumsum(where, None), 1), numbers.size)
    arr[...] = _ops.where(where, _ops.reshape(_ops.take(numbers, nth), arr.shape), arr)


def _mask_of(a: Tensor, mask: Any, op: str) -> Tensor:
    where = _ops.astype(as_tensor(mask), bool)
    if where.size != a.size:
        raise ValueError(f"{op}: the mask has shape {where.shape}, expected {a.shape}")
    return _ops.reshape(where, a.shape)


def fill_diagonal(a: Tensor, val: Any, wrap: bool = False) -> None:
    """Write numbers to the main diagonal.

    Parameters
    ----------
    a : Tensor
        What is written to: at least two dimensions, of one size where there are more.
    val : array_like
        In one row, from the beginning again where the diagonal is longer. Gradients flow to it.
    wrap : bool, default False
        Whether the diagonal of a tall matrix begins anew below its square part.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.zeros((2, 2))
    >>> fg.fill_diagonal(x, [1.0, 2.0])
    >>> x.tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    a = _written(a, "fill_diagonal")
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise ValueError(f"fill_diagonal: expected two dimensions, or more of one size, got shape {a.shape}")
    step = 1 + sum(int(np.prod(a.shape[i:])) for i in range(1, a.ndim))
    end = a.size if wrap or a.ndim > 2 else min(a.size, a.shape[1] * a.shape[1])
    places = np.arange(0, end, step)
    numbers = ravel(val)
    if numbers.size == 0:
        raise ValueError("fill_diagonal: expected at least one number to write, got none")
    if places.size:
        a[np.unravel_index(places, a.shape)] = resize(numbers, places.size)


def put_along_axis(arr: Tensor, indices: Any, values: Any, axis: int | None) -> None:
    """Write numbers to a place each along an axis: the opposite of `take_along_axis`.

    Parameters
    ----------
    arr : Tensor
        What is written to.
    indices : array_like of int
        As many dimensions; sizes of 1 are broadcast, but for the axis.
    values : array_like
        Broadcast to the shape of the indices. Gradients flow to them.
    axis : int or None
        The axis; of all numbers in one row when None.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.zeros((2, 3))
    >>> fg.put_along_axis(x, [[2], [0]], 7.0, 1)
    >>> x.tolist()
    [[0.0, 0.0, 7.0], [7.0, 0.0, 0.0]]
    """
    target, at = _written(arr, "put_along_axis"), as_tensor(indices)
    if axis is None:
        if at.ndim != 1:
            raise ValueError(f"put_along_axis: indices have shape {at.shape}, expected one dimension")
        target[unravel_index(at, target.shape)] = values
        return
    along = place_of(axis, target.ndim, "put_along_axis")
    if at.ndim != target.ndim:
        raise ValueError(
            f"put_along_axis: indices have shape {at.shape}, expected as many dimensions as {target.shape}"
        )
    places: list[Any] = []
    for i, size in enumerate(target.shape):
        line = [-1 if i == k else 1 for k in range(target.ndim)]
        places.append(at if i == along else np.arange(size).reshape(line))
    target[tuple(places)] = values
