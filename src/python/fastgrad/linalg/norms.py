"""Norms of vectors and matrices, and the rank and condition that singular values tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.reductions import positive_power
from fastgrad._functions.shapes import moveaxis
from fastgrad._native import core
from fastgrad._operands import as_tensor, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["cond", "matrix_norm", "matrix_rank", "norm", "vector_norm"]

_ops = core.ops


def norm(
    x: Any,
    ord: float | str | None = None,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Return the length of vectors, or a norm of matrices.

    Parameters
    ----------
    x : array_like
        Any shape; one or two dimensions where `ord` is given and `axis` is not.
    ord : {None, 2, 1, inf, -inf, 0, float, "fro", "nuc"}
        Of vectors: the root of the sum of squares (None, 2), the sum (1), the largest (inf) or smallest
        (-inf) absolute value, how many are not zero (0), the p-th root of the sum of p-th powers. Of
        matrices: the root of the sum of squares (None, "fro"), the largest or smallest sum of absolute values
        of a column (1, -1) or row (inf, -inf), the largest or smallest singular value (2, -2), the sum of all
        singular values ("nuc").
    axis : int or (int, int), optional
        The axis of the vectors, or the two of the matrices. By default all axes.
    keepdims : bool, default False
        Leave the axes in the result, with size 1.

    Returns
    -------
    Tensor
        A root of a sum is flat where all numbers are 0: its gradient there is 0.

    Raises
    ------
    ValueError
        If there is no such norm of so many axes.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.norm([3.0, 4.0]).item()
    5.0
    """
    t = as_tensor(x)
    if t.dtype.kind != "f":
        t = _ops.astype(t, np.float64)
    places = places_of(axis, t.ndim, "norm")
    if ord is None and (axis is None or len(places) <= 2):
        return _euclidean(t, places, keepdims)
    if len(places) == 1:
        return _of_vectors(t, ord, places[0], keepdims)
    if len(places) == 2:
        return _of_matrices(t, ord, places, keepdims)
    raise ValueError(f"norm: expected one or two axes, got axis={axis} for shape {t.shape}")


def _euclidean(t: Tensor, axes: int | tuple[int, ...], keepdims: bool) -> Tensor:
    return positive_power(_ops.sum(_ops.square(t), axes, keepdims), 0.5)


def _of_vectors(t: Tensor, ord: Any, axis: int, keepdims: bool) -> Tensor:
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is for matrices, got one axis")
    if ord == 2:
        return _euclidean(t, axis, keepdims)
    if ord == 0:
        return _ops.astype(_ops.count_nonzero(t, axis, keepdims), t.dtype)
    size = _ops.abs(t)
    if ord == 1:
        return _ops.sum(size, axis, keepdims)
    if abs(ord) == np.inf:
        return (_ops.max if ord > 0 else _ops.min)(size, axis, keepdims)
    return positive_power(_ops.sum(_ops.power(size, float(ord)), axis, keepdims), 1.0 / ord)


def _of_matrices(t: Tensor, ord: Any, places: tuple[int, ...], keepdims: bool) -> Tensor:
    if ord == "fro":
        return _euclidean(t, places, keepdims)
    if ord in {2, -2, "nuc"}:
        return _of_singular_values(t, ord, places, keepdims)
    if ord not in {1, -1, np.inf, -np.inf}:
        raise ValueError(
            f"norm: ord={ord!r} is no norm of matrices; expected 'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        )
    rows, columns = places
    along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _ops.sum(_ops.abs(t), along, True)
    chosen = (_ops.max if ord > 0 else _ops.min)(sums, over, True)
    return chosen if keepdims else _ops.sum(chosen, places)


def _of_singular_values(t: Tensor, ord: Any, places: tuple[int, ...], keepdims: bool) -> Tensor:
    values = core.linalg.svdvals(moveaxis(t, places, (-2, -1)))
    value = _ops.sum(values, -1) if ord == "nuc" else (_ops.max if ord > 0 else _ops.min)(values, -1)
    if not keepdims:
        return value
    return _ops.reshape(value, [1 if axis in places else size for axis, size in enumerate(t.shape)])


def vector_norm(
    x: Any, /, *, axis: int | Sequence[int] | None = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """Return the length of vectors.

    Parameters
    ----------
    x : array_like
        Any shape.
    axis : int or sequence of int, optional
        The axes that make up a vector; all by default.
    keepdims : bool, default False
        Leave the axes in the result, with size 1.
    ord : float, default 2
        As for `norm` of vectors.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.vector_norm([[3.0, 0.0], [0.0, 4.0]]).item()
    5.0
    """
    t = as_tensor(x)
    places = places_of(axis, t.ndim, "vector_norm")
    others = tuple(i for i in range(t.ndim) if i not in places)
    kept = tuple(t.shape[i] for i in others)
    row = _ops.reshape(_ops.transpose(t, (*others, *places)) if t.ndim else t, (*kept, -1))
    value = norm(row, ord, -1)
    if not keepdims:
        return value
    return _ops.reshape(value, [1 if i in places else size for i, size in enumerate(t.shape)])


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: float | str | None = "fro") -> Tensor:
    """Return a norm of the matrices in the last two axes.

    Parameters
    ----------
    x : array_like
        (..., m, n)
    keepdims : bool, default False
        Leave the axes in the result, with size 1.
    ord : {"fro", "nuc", 1, -1, 2, -2, inf, -inf}
        As for `norm` of matrices.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.matrix_norm([[1.0, 2.0], [3.0, 4.0]], ord=1).item()
    6.0
    """
    return norm(x, ord, (-2, -1), keepdims)


def cond(x: Any, p: float | str | None = None) -> Tensor:
    """Return the condition number of matrices.

    Parameters
    ----------
    x : array_like
        (..., m, n); square unless p is None, 2 or -2.
    p : {None, 2, -2, "fro", "nuc", 1, -1, inf, -inf}
        The largest singular value over the smallest (None, 2), the other way round (-2), or the norm `p` of
        the matrix times that of its inverse.

    Raises
    ------
    numpy.linalg.LinAlgError
        If an inverse is needed and there is none.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.cond([[4.0, 0.0], [0.0, 2.0]]).item()
    2.0
    """
    if p is not None and p not in {2, -2}:
        t = as_tensor(x)
        return norm(t, p, (-2, -1)) * norm(core.linalg.inv(t), p, (-2, -1))
    values = core.linalg.svdvals(x)
    first, last = values[..., 0], values[..., -1]
    return last / first if p == -2 else first / last


def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Tensor:
    """Return how many singular values of matrices are not zero.

    Parameters
    ----------
    A : array_like
        (..., m, n), or fewer dimensions: then 1, or 0 where all numbers are.
    tol : array_like, optional
        Singular values up to this count as zero.
    hermitian : bool, default False
        Accepted as NumPy does; makes no difference.
    rtol : array_like, optional
        The same as a fraction of the largest singular value; by default the rounding of the dtype times the
        larger of m and n.

    Returns
    -------
    Tensor
        int64 (...), without gradient.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]).item()
    1
    """
    del hermitian
    t = as_tensor(A).detach()
    if t.ndim < 2:
        return _ops.astype(_ops.max(t != 0), np.int64)
    if tol is not None and rtol is not None:
        raise ValueError("matrix_rank: give tol or rtol, not both")
    values = core.linalg.svdvals(t)
    if tol is not None:
        limit = as_tensor(tol)
    else:
        fraction = as_tensor(np.finfo(values.dtype).eps * max(t.shape[-2:]) if rtol is None else rtol)
        limit = _ops.max(values, -1) * fraction
    return _ops.sum(values > _ops.reshape(limit, (*limit.shape, 1)), -1)
