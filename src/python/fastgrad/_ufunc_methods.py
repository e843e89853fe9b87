"""Methods of NumPy's ufuncs on tensors: np.add.reduce(t), np.maximum.accumulate(t), np.add.outer(a, b)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._native import core
from fastgrad._operands import as_tensor, place_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastgrad._core import Tensor

_ops = core.ops

_REDUCTIONS = {
    np.add: _ops.sum,
    np.multiply: _ops.prod,
    np.maximum: _ops.max,
    np.minimum: _ops.min,
    np.logaddexp: _ops.logsumexp,
    np.logical_and: _ops.all,
    np.logical_or: _ops.any,
}
_SCANS = {np.add: _ops.cumsum, np.multiply: _ops.cumprod}
_JOINED = {np.maximum: _ops.maximum, np.minimum: _ops.minimum, np.logaddexp: _ops.logaddexp}


def method_of(ufunc: Any, method: str, op: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """What `ufunc.method` is on tensors, or None; `op` is the ufunc itself."""
    if method == "reduce" and ufunc in _REDUCTIONS:
        return lambda a, axis=0, keepdims=False: _REDUCTIONS[ufunc](a, axis, bool(keepdims))
    if method == "accumulate" and ufunc in _SCANS:
        return lambda a, axis=0: _SCANS[ufunc](a, axis)
    if method == "accumulate" and ufunc in _JOINED:
        return lambda array, axis=0: _accumulated(_JOINED[ufunc], array, axis)
    if method == "outer" and ufunc.nin == 2 and op is not None:
        return lambda a, b: op(_with_axes_behind(a, as_tensor(b).ndim), b)
    return None


def _accumulated(join: Callable[[Tensor, Tensor], Tensor], array: Any, axis: int) -> Tensor:
    """In log2(n) steps, each over twice as many numbers as the one before."""
    t = as_tensor(array)
    place = place_of(axis, t.ndim, "accumulate")
    before = (slice(None),) * place
    shift = 1
    while shift < t.shape[place]:
        later = join(t[(*before, slice(shift, None))], t[(*before, slice(None, -shift))])
        t = _ops.concatenate([t[(*before, slice(None, shift))], later], place)
        shift *= 2
    return t


def _with_axes_behind(a: Any, count: int) -> Tensor:
    t = as_tensor(a)
    return _ops.reshape(t, (*t.shape, *[1] * count))
