"""The operations, by NumPy's names: functions of tensors, arrays and numbers that record and differentiate.

``import fastgrad.numpy as np`` in place of NumPy works for what is here; the same functions are ``fg.sin``,
``fg.where``, and so on. Array arguments give tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgrad import _elementwise
from fastgrad._native import core

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from fastgrad._core import Tensor
    from fastgrad._core.ops import *  # noqa: F403

_ops = core.ops

# Every elementwise operation, as the compiled core lists them: adding one needs no line here.
globals().update({name: getattr(_ops, name) for name in core.elementwise_table})

sum = _ops.sum
mean = _ops.mean
max = amax = _ops.max
min = amin = _ops.min
logsumexp = _ops.logsumexp
matmul = _ops.matmul
reshape = _ops.reshape
transpose = _ops.transpose
broadcast_to = _ops.broadcast_to
concatenate = _ops.concatenate
astype = _ops.astype
take = _ops.take

# Those made of others.
deg2rad = _elementwise.deg2rad
rad2deg = _elementwise.rad2deg
round = _elementwise.round
sinc = _elementwise.sinc
nan_to_num = _elementwise.nan_to_num
xlogy = _elementwise.xlogy
xlog1py = _elementwise.xlog1py
log_expit = _elementwise.log_expit

# Second names that NumPy and the field use.
absolute = _ops.abs
true_divide = _ops.divide
pow = _ops.power
expit = _ops.sigmoid
asin = _ops.arcsin
acos = _ops.arccos
atan = _ops.arctan
atan2 = _ops.arctan2
asinh = _ops.arcsinh
acosh = _ops.arccosh
atanh = _ops.arctanh
mod = _ops.remainder
positive = _ops.identity
around = round
radians = deg2rad
degrees = rad2deg


def dot(a: Any, b: Any) -> Tensor:
    """Product of vectors and matrices, as ``numpy.dot`` for one and two dimensions.

    Parameters
    ----------
    a, b : array_like
        Shapes (n,), (m, n) or () each.

    Returns
    -------
    Tensor
        Shape of ``numpy.dot(a, b)``.

    Raises
    ------
    ValueError
        If the shapes do not fit, or an operand has more than two dimensions.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.dot([1.0, 2.0], [3.0, 4.0]).item()
    11.0
    """
    a, b = _as_tensor(a), _as_tensor(b)
    if a.ndim > 2 or b.ndim > 2:
        raise ValueError(
            f"dot: expected at most 2 dimensions, got shapes {a.shape} and {b.shape}; use matmul"
        )
    if a.ndim == 0 or b.ndim == 0:
        return _ops.multiply(a, b)
    return _ops.matmul(a, b)


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
    tensors = [_as_tensor(part) for part in parts]
    if not tensors:
        raise ValueError("stack: expected at least one part, got none")
    shape = tensors[0].shape
    for i, t in enumerate(tensors):
        if t.shape != shape:
            raise ValueError(f"stack: part 0 has shape {shape}, part {i} has {t.shape}; all must agree")
    ndim = len(shape) + 1
    if not -ndim <= axis < ndim:
        raise ValueError(f"stack: axis {axis} is out of range for {ndim} dimensions")
    place = axis % ndim
    grown = (*shape[:place], 1, *shape[place:])
    return _ops.concatenate([_ops.reshape(t, grown) for t in tensors], place)


def _as_tensor(x: Any) -> Tensor:
    return x if isinstance(x, core.Tensor) else core.Tensor(x)


def __getattr__(name: str) -> Callable[..., Tensor]:
    raise AttributeError(
        f"fastgrad.numpy has no function {name!r}; NumPy's own works on arrays, not on tensors"
    )
