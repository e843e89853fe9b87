"""Products, powers and the exponential of matrices, and NumPy's further names in its linalg."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions import contractions, correlation, matrices, shapes
from fastgrad._native import core
from fastgrad._operands import as_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "cross",
    "diagonal",
    "expm",
    "matmul",
    "matrix_power",
    "matrix_transpose",
    "multi_dot",
    "outer",
    "tensordot",
    "trace",
    "vecdot",
]

_linalg = core.linalg
_ops = core.ops

matmul = _ops.matmul
outer = contractions.outer
tensordot = contractions.tensordot


def expm(a: Any) -> Tensor:
    """Return the exponential of matrices.

    Parameters
    ----------
    a : array_like
        (..., n, n)

    Returns
    -------
    Tensor
        (..., n, n). Computed in double precision, whatever the dtype.

    Notes
    -----
    Scaling and squaring with the Pade approximant of degree 13, in NumPy: Higham, *The scaling and squaring
    method for the matrix exponential revisited* (2005). The gradient is the derivative L(a.T, g) along g, a
    block of the exponential of a matrix of twice the size: Mathias, *A chain rule for matrix functions and
    applications* (1996).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).numpy().round(6).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return _linalg.expm(a)


def matrix_power(a: Any, n: int) -> Tensor:
    """Return an integer power of square matrices.

    Parameters
    ----------
    a : array_like
        (..., m, m)
    n : int
        The power, by repeated squaring; of the inverse where it is negative.

    Raises
    ------
    numpy.linalg.LinAlgError
        If n is negative and a matrix singular.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 3).tolist()
    [[1.0, 3.0], [0.0, 1.0]]
    """
    t, n = as_tensor(a), index(n)
    if t.ndim < 2 or t.shape[-1] != t.shape[-2]:
        raise ValueError(f"matrix_power: expected a square matrix (..., m, m), got shape {t.shape}")
    if n < 0:
        t, n = _linalg.inv(t), -n
    if n == 0:
        return _ops.broadcast_to(core.Tensor(np.eye(t.shape[-1], dtype=t.dtype)), t.shape)
    result: Tensor | None = None
    for bit in reversed(f"{n:b}"):
        if bit == "1":
            result = t if result is None else _ops.matmul(result, t)
        if n > 1:
            t = _ops.matmul(t, t)
        n //= 2
    return _ops.identity(result if result is not None else t)


def multi_dot(arrays: Sequence[Any]) -> Tensor:
    """Return the product of several matrices, in the order of multiplication that costs least.

    Parameters
    ----------
    arrays : sequence of array_like
        Two or more matrices; the first may be a row (n,) and the last a column (n,).

    Notes
    -----
    The order is found by dynamic programming: Cormen et al., *Introduction to Algorithms*, section 15.2.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.multi_dot([[1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]], [3.0, 4.0]]).item()
    11.0
    """
    parts = [as_tensor(a) for a in arrays]
    if len(parts) < 2:
        raise ValueError(f"multi_dot: expected at least two matrices, got {len(parts)}")
    row, column = parts[0].ndim == 1, parts[-1].ndim == 1
    if row:
        parts[0] = _ops.reshape(parts[0], (1, -1))
    if column:
        parts[-1] = _ops.reshape(parts[-1], (-1, 1))
    for number, part in enumerate(parts):
        if part.ndim != 2:
            raise ValueError(f"multi_dot: expected matrices, got shape {part.shape} at place {number}")
    result = _product(parts, 0, len(parts) - 1, _cheapest([*[p.shape[0] for p in parts], parts[-1].shape[1]]))
    shape = [size for size, dropped in zip(result.shape, (row, column), strict=True) if not dropped]
    return _ops.reshape(result, shape) if row or column else result


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut the product of matrices i to j; matrix i is (sizes[i], sizes[i + 1])."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cut = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = [
                cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)
            ]
            cost[i, j] = min(costs)
            cut[i, j] = i + costs.index(cost[i, j])
    return cut


def _product(parts: list[Tensor], i: int, j: int, cut: dict[tuple[int, int], int]) -> Tensor:
    if i == j:
        return parts[i]
    k = cut[i, j]
    return _ops.matmul(_product(parts, i, k, cut), _product(parts, k + 1, j, cut))


def diagonal(x: Any, /, *, offset: int = 0) -> Tensor:
    """Return a diagonal of the matrices in the last two axes.

    Parameters
    ----------
    x : array_like
        (..., m, n)
    offset : int, default 0
        How far above the main diagonal; below it where negative.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.diagonal([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [1.0, 4.0]
    """
    return matrices.diagonal(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0) -> Tensor:
    """Return the sum of a diagonal of the matrices in the last two axes.

    Parameters
    ----------
    x : array_like
        (..., m, n)
    offset : int, default 0
        As for `diagonal`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.trace([[1.0, 2.0], [3.0, 4.0]]).item()
    5.0
    """
    return matrices.trace(x, offset, -2, -1)


def matrix_transpose(x: Any, /) -> Tensor:
    """Return the matrices in the last two axes transposed.

    Parameters
    ----------
    x : array_like
        (..., m, n)

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.matrix_transpose([[1.0, 2.0]]).tolist()
    [[1.0], [2.0]]
    """
    return correlation.matrix_transpose(x)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Tensor:
    """Return the cross product of vectors in three dimensions.

    Parameters
    ----------
    x1, x2 : array_like
        Vectors along an axis of size 3; the other axes broadcast.
    axis : int, default -1
        That axis.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    return contractions.cross(x1, x2, axis=axis)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Tensor:
    """Return the products of vectors along an axis.

    Parameters
    ----------
    x1, x2 : array_like
        Broadcast with one another, but for that axis.
    axis : int, default -1
        The axis of the vectors.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).tolist()
    [3.0, 7.0]
    """
    return correlation.vecdot(shapes.moveaxis(x1, axis, -1), shapes.moveaxis(x2, axis, -1))
