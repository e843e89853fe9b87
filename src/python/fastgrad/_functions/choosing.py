"""Values chosen by conditions, and functions applied along axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.editing import broadcast_arrays
from fastgrad._functions.grids import indices
from fastgrad._functions.joining import stack
from fastgrad._functions.shapes import expand_dims, moveaxis
from fastgrad._native import core
from fastgrad._operands import as_tensor, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["apply_along_axis", "apply_over_axes", "choose", "fromfunction", "piecewise", "select"]

_ops = core.ops


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    """Return numbers of several choices, each of the first whose condition holds.

    Parameters
    ----------
    condlist : sequence of array_like of bool
        The conditions.
    choicelist : sequence of array_like
        As many choices; all are broadcast with one another.
    default : array_like, default 0
        Where no condition holds.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.arange(4.0)
    >>> fg.select([x < 1, x > 2], [x - 10.0, x + 10.0], 5.0).tolist()
    [-10.0, 5.0, 5.0, 13.0]
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"select: expected as many conditions as choices, got {len(condlist)} and {len(choicelist)}"
        )
    chosen = as_tensor(default) if not isinstance(default, int | float) else default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        chosen = _ops.where(condition, choice, chosen)
    return as_tensor(chosen)


def choose(a: Any, choices: Any, mode: str = "raise") -> Tensor:
    """Return numbers of several choices, each of the one whose place is given.

    Parameters
    ----------
    a : array_like of int
        Which choice.
    choices : sequence of array_like
        All are broadcast with one another and with `a`.
    mode : {"raise", "wrap", "clip"}
        What to do with places that are out of range.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.choose([1, 0], [[1.0, 2.0], [3.0, 4.0]]).tolist()
    [3.0, 2.0]
    """
    parts = [as_tensor(choice) for choice in choices]
    which = as_tensor(a)
    if mode == "wrap":
        which = _ops.remainder(which, len(parts))
    elif mode == "clip":
        which = _ops.clip(which, 0, len(parts) - 1)
    elif mode == "raise":
        which = _ops.where(_ops.less(which, 0), len(parts), which)  # negative ones are out of range, too
    else:
        raise ValueError(f"choose: mode must be raise, wrap or clip, got {mode!r}")
    which, *parts = broadcast_arrays(which, *parts)
    return _ops.take_along_axis(stack(parts), expand_dims(which, 0), 0)[0]


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Tensor:
    """Return values of several functions, each where its condition holds.

    Parameters
    ----------
    x : array_like
        What the functions are of.
    condlist : sequence of array_like of bool
        The conditions; where several hold, the last counts.
    funclist : sequence of callable or number
        As many functions, and one more for where no condition holds (0 else).
    *args, **kw
        Handed to the functions.

    Returns
    -------
    Tensor
        Of the dtype of `x`. Every function is called once, with all of `x`; where its value is not taken, no
        gradient flows through it, but a slope that is not finite there becomes NaN.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.tensor([-2.0, 3.0])
    >>> fg.piecewise(x, [x < 0, x >= 0], [lambda t: -t, lambda t: t * t]).tolist()
    [2.0, 9.0]
    """
    t = as_tensor(x)
    listed = isinstance(condlist, list | tuple) and len(condlist) > 0 and np.ndim(condlist[0]) > 0
    if not listed and (t.ndim == 0 or np.ndim(condlist) < 2) and not _are_numbers(condlist, t):
        condlist = [condlist]
    conditions = [_ops.astype(as_tensor(c), bool) for c in condlist]
    if len(funclist) not in {len(conditions), len(conditions) + 1}:
        raise ValueError(
            f"piecewise: expected {len(conditions)} or {len(conditions) + 1} functions for "
            f"{len(conditions)} conditions, got {len(funclist)}"
        )

    def value(f: Any) -> Tensor:
        return _ops.astype(as_tensor(f(t, *args, **kw) if callable(f) else f), t.dtype)

    result = value(funclist[-1] if len(funclist) > len(conditions) else 0)
    for condition, f in zip(conditions, funclist, strict=False):
        result = _ops.where(condition, value(f), result)
    return _ops.broadcast_to(result, t.shape)


def _are_numbers(condlist: Any, t: Tensor) -> bool:
    """Whether it is a list of conditions for a single number, one for each function."""
    return t.ndim == 0 and isinstance(condlist, list | tuple)


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Tensor:
    """Return what a function makes of the rows of numbers along an axis.

    Parameters
    ----------
    func1d : callable
        Of a tensor (n,). It is called once and recorded, as by `vmap`, and must not read values.
    axis : int
        The axis of size n.
    arr : array_like
        At least one dimension.
    *args, **kwargs
        Handed to the function.

    Returns
    -------
    Tensor
        The axes of what the function gives, in place of the axis.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.apply_along_axis(fg.sum, 1, [[1.0, 2.0], [3.0, 4.0]]).tolist()
    [3.0, 7.0]
    """
    from fastgrad.batching import vmap

    t = as_tensor(arr)
    place = place_of(axis, t.ndim, "apply_along_axis")
    others = [size for i, size in enumerate(t.shape) if i != place]
    if prod(others) == 0:
        raise ValueError(f"apply_along_axis: there are no rows along axis {axis} of shape {t.shape}")
    rows = _ops.reshape(moveaxis(t, place, -1), (prod(others), t.shape[place]))
    values = as_tensor(vmap(lambda row: as_tensor(func1d(row, *args, **kwargs)))(rows))
    made = values.shape[1:]
    values = _ops.reshape(values, (*others, *made))
    last = range(len(others), values.ndim)
    return moveaxis(values, tuple(last), tuple(range(place, place + len(made)))) if made else values


def apply_over_axes(func: Callable[[Any, int], Any], a: Any, axes: int | Sequence[int]) -> Tensor:
    """Return what a function makes of several axes, one after the other.

    Parameters
    ----------
    func : callable
        Called as ``func(a, axis)``; may drop the axis, which is put back with size 1.
    a : array_like
        Any shape.
    axes : int or sequence of int

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.apply_over_axes(fg.sum, [[1.0, 2.0], [3.0, 4.0]], (0, 1)).tolist()
    [[10.0]]
    """
    t = as_tensor(a)
    for axis in axes if isinstance(axes, list | tuple) else [axes]:
        place = place_of(axis, t.ndim, "apply_over_axes")  # type: ignore[arg-type]
        value = as_tensor(func(t, place))
        if value.ndim == t.ndim - 1:
            value = expand_dims(value, place)
        if value.ndim != t.ndim:
            raise ValueError(
                f"apply_over_axes: the function made shape {value.shape} of {t.shape}, expected as many "
                "dimensions, or one less"
            )
        t = value
    return t


def fromfunction(function: Callable[..., Any], shape: Sequence[int], *, dtype: Any = float, **kw: Any) -> Any:
    """Return what a function makes of the places of a grid.

    Parameters
    ----------
    function : callable
        Of one tensor for each axis: the places along it.
    shape : sequence of int
        Sizes of the grid.
    dtype : dtype, default float
        Of the places.
    **kw
        Handed to the function.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fromfunction(lambda i, j: i + 10.0 * j, (2, 2)).tolist()
    [[0.0, 10.0], [1.0, 11.0]]
    """
    return function(*indices(shape, dtype), **kw)
