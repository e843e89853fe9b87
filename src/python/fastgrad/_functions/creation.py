"""Tensors made from nothing or from parts, where NumPy's own functions see no tensor and make arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad._functions.joining import stack
from fastgrad._functions.matrices import full_like
from fastgrad._native import core
from fastgrad.tensors import asarray, tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from fastgrad._core import Tensor

__all__ = [
    "arange",
    "array",
    "asarray",
    "copy",
    "empty",
    "empty_like",
    "eye",
    "full",
    "identity",
    "linspace",
    "ones",
    "tri",
    "zeros",
]

Shape = int | tuple[int, ...]


def zeros(shape: Shape, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros, to be filled by item assignment with values that gradients pass through.

    Parameters
    ----------
    shape : int or tuple of int
    dtype : dtype, optional
        float64 by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> def sum_of_powers(x):
    ...     powers = fg.zeros(4)
    ...     for k in range(4):
    ...         powers[k] = x**k
    ...     return powers.sum()
    >>> float(fg.grad(sum_of_powers)(2.0))
    17.0
    """
    return tensor(np.zeros(shape, dtype or np.float64))


def ones(shape: Shape, dtype: DTypeLike | None = None) -> Tensor:
    """Ones, as `zeros`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.ones(2)
    tensor([1., 1.])
    """
    return tensor(np.ones(shape, dtype or np.float64))


def empty(shape: Shape, dtype: DTypeLike | None = None) -> Tensor:
    """The same as `zeros`: no number of a tensor is left unset.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.empty(2)
    tensor([0., 0.])
    """
    return zeros(shape, dtype)


def empty_like(prototype: Any, dtype: DTypeLike | None = None, shape: Shape | None = None) -> Tensor:
    """The same as `zeros_like`: no number of a tensor is left unset.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.empty_like(fg.ones((2, 3))).shape
    (2, 3)
    """
    return full_like(prototype, 0, dtype=dtype, shape=shape)


def full(shape: Shape, fill_value: Any, dtype: DTypeLike | None = None) -> Tensor:
    """One value everywhere; gradients pass to it.

    Parameters
    ----------
    shape : int or tuple of int
    fill_value : array_like or Tensor
        Broadcast to the shape.
    dtype : dtype, optional
        That of the value by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> float(fg.grad(lambda x: fg.full((2, 3), x).sum())(1.0))
    6.0
    """
    value = fill_value if isinstance(fill_value, core.Tensor) else tensor(np.asarray(fill_value))
    sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    return core.ops.broadcast_to(value if dtype is None else value.astype(dtype), sizes)


def array(object: ArrayLike | Tensor | Sequence[Any], dtype: DTypeLike | None = None) -> Tensor:
    """A tensor of what is given: numbers, arrays, tensors, or nested sequences of them, joined.

    Parameters
    ----------
    object : array_like, Tensor or nested sequence
        Parts of a sequence must have the same shape. Gradients pass to tensors in it.
    dtype : dtype, optional
        By default the common one of the parts.

    Raises
    ------
    ValueError
        When parts differ in shape.

    Examples
    --------
    >>> import fastgrad as fg
    >>> def rotated(angle):
    ...     c, s = fg.cos(angle), fg.sin(angle)
    ...     return fg.array([[c, -s], [s, c]]) @ fg.array([1.0, 2.0])
    >>> fg.jacobian(rotated)(0.0)
    array([-2.,  1.])
    """
    made = _joined(object) if _holds_tensor(object) else tensor(np.asarray(object))
    return made if dtype is None else made.astype(dtype)


def copy(a: Any) -> Tensor:
    """A copy that passes gradients; what is written to it does not reach `a`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.zeros(2)
    >>> y = fg.copy(x)
    >>> y[0] = 5.0
    >>> x
    tensor([0., 0.])
    """
    return a.copy() if isinstance(a, core.Tensor) else array(a)


def arange(*limits: float, dtype: DTypeLike | None = None) -> Tensor:
    """``arange([start,] stop[, step])`` of numbers, as NumPy's.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.arange(1.0, 2.0, 0.25)
    tensor([1.  , 1.25, 1.5 , 1.75])
    """
    return tensor(np.arange(*limits, dtype=dtype))


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: DTypeLike | None = None
) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop`; gradients pass to both.

    Parameters
    ----------
    start, stop : number or Tensor
        Of shape ().
    num : int
        At least 0.
    endpoint : bool
        Whether `stop` is the last of them.
    dtype : dtype, optional
        float64 by default, or that of the ends.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.jacobian(lambda end: fg.linspace(0.0, end, 5))(8.0)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    if not _holds_tensor([start, stop]):
        return tensor(np.linspace(start, stop, num, endpoint=endpoint, dtype=dtype))
    weight = np.linspace(0.0, 1.0, num, endpoint=endpoint)
    made: Tensor = start * tensor(1.0 - weight) + stop * tensor(weight)
    return made if dtype is None else made.astype(dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """Ones on the k-th diagonal of an (N, M) matrix, zeros elsewhere.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return tensor(np.eye(N, M, k, dtype or np.float64))


def identity(n: int, dtype: DTypeLike | None = None) -> Tensor:
    """The (n, n) identity matrix.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.identity(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """Ones at and below the k-th diagonal of an (N, M) matrix, zeros above.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.tri(2)
    tensor([[1., 0.],
            [1., 1.]])
    """
    return tensor(np.tri(N, M, k, dtype or np.float64))


def _holds_tensor(nested: Any) -> bool:
    if isinstance(nested, list | tuple):
        return any(map(_holds_tensor, nested))
    return isinstance(nested, core.Tensor)


def _joined(nested: Any) -> Any:
    if isinstance(nested, list | tuple):
        return (
            stack([_joined(part) for part in nested]) if _holds_tensor(nested) else tensor(np.asarray(nested))
        )
    return nested.copy() if isinstance(nested, core.Tensor) else nested
