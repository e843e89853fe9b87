"""Operands, axes and constants, as the operations written in Python take them."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._native import core

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor


def as_tensor(x: Any) -> Tensor:
    """`x` itself if it is a tensor, else one with its numbers."""
    return x if isinstance(x, core.Tensor) else core.Tensor(x)


def as_floating(x: Any) -> Tensor:
    """The same of float32 or float64: integers and truth values become float64."""
    t = as_tensor(x)
    return t if t.dtype.kind == "f" else core.ops.astype(t, np.float64)


def filled(like: Tensor, value: Any, shape: Sequence[int] = ()) -> Tensor:
    """One number everywhere, of the dtype of `like`."""
    return core.ops.broadcast_to(core.Tensor(np.asarray(value).astype(like.dtype)), shape)


def place_of(axis: int, ndim: int, op: str) -> int:
    """An axis as one from the front; `op` is named where it is out of range."""
    if not -ndim <= index(axis) < ndim:
        raise ValueError(f"{op}: axis {axis} is out of range for {ndim} dimension{'' if ndim == 1 else 's'}")
    return index(axis) % ndim


def places_of(axes: int | Sequence[int] | None, ndim: int, op: str) -> tuple[int, ...]:
    """Some axes, each once, as ones from the front; all of them where `axes` is None."""
    if axes is None:
        return tuple(range(ndim))
    given = tuple(axes) if isinstance(axes, tuple | list) else (axes,)
    places = tuple(place_of(axis, ndim, op) for axis in given)
    if len(set(places)) < len(places):
        raise ValueError(f"{op}: an axis is named twice in {given}")
    return places
