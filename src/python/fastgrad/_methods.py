"""Methods of Tensor that are functions written in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import fastgrad.numpy as fnp
from fastgrad._native import core

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastgrad._core import Tensor


def flatten(a: Tensor) -> Tensor:
    """All numbers in one row."""
    return fnp.ravel(a)


def searchsorted(a: Tensor, v: Any, side: str = "left", sorter: Any = None) -> Tensor:
    """Where values go in these sorted numbers."""
    return fnp.searchsorted(a, v, side, sorter)


def take(a: Tensor, indices: Any, axis: int | None = None) -> Tensor:
    """Numbers at integer indices along an axis, of the flattened tensor when None."""
    return fnp.take(a, indices, axis)


def clip(a: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """Held between min and max; None leaves a side open."""
    if min is None:
        return a if max is None else fnp.minimum(a, max)
    return fnp.maximum(a, min) if max is None else fnp.clip(a, min, max)


def any(a: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether a number is not zero, over axes."""
    return fnp.any(a, axis, keepdims)


def all(a: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Whether no number is zero, over axes."""
    return fnp.all(a, axis, keepdims)


# The functions whose first argument is the tensor, and whose others are those of NumPy's method.
_ALIKE = "diagonal dot ravel repeat squeeze std swapaxes trace var"

_METHODS: dict[str, Callable[..., Any]] = {
    "all": all,
    "any": any,
    "clip": clip,
    "flatten": flatten,
    "searchsorted": searchsorted,
    "take": take,
    **{name: getattr(fnp, name) for name in _ALIKE.split()},
}


def install() -> None:
    """Gives them to the Tensor type."""
    for name, method in _METHODS.items():
        setattr(core.Tensor, name, method)
