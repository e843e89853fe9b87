"""Systems of equations, inverses and determinants."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastgrad._native import core
from fastgrad._operands import as_tensor, places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "LstsqResult",
    "SlogdetResult",
    "cholesky",
    "det",
    "inv",
    "lstsq",
    "pinv",
    "slogdet",
    "solve",
    "solve_triangular",
    "tensorinv",
    "tensorsolve",
]

_linalg = core.linalg
_ops = core.ops


class SlogdetResult(NamedTuple):
    """What `slogdet` gives: the determinant is ``sign * exp(logabsdet)``.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.slogdet([[2.0, 0.0], [0.0, -1.0]]).sign.item()
    -1.0
    """

    sign: Tensor
    logabsdet: Tensor


class LstsqResult(NamedTuple):
    """What `lstsq` gives.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.lstsq([[1.0], [1.0]], [1.0, 3.0]).x.numpy().round(6).tolist()
    [2.0]
    """

    x: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


def solve(a: Any, b: Any) -> Tensor:
    """Solve ``a x = b``.

    Parameters
    ----------
    a : array_like
        (..., n, n)
    b : array_like
        (n,), or (..., n, k); leading axes broadcast.

    Returns
    -------
    Tensor
        (n,), or (..., n, k). By Gaussian elimination with partial pivoting.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is exactly singular.
    ValueError
        If shapes do not fit.

    Notes
    -----
    With a gradient g of x, that of b is ``solve(a.T, g)``, and that of a is ``-solve(a.T, g) x.T``: Giles,
    *An extended collection of matrix derivative results for forward and reverse mode algorithmic
    differentiation* (2008).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 8.0]).tolist()
    [1.0, 2.0]
    """
    return _on_columns(_linalg.solve, a, b, "solve")


def solve_triangular(
    a: Any, b: Any, lower: bool = False, trans: bool | int | str = 0, unit_diagonal: bool = False
) -> Tensor:
    """Solve ``a x = b`` for a triangle `a`.

    Parameters
    ----------
    a : array_like
        (..., n, n); what is on the other side of the diagonal is not read.
    b : array_like
        (n,), or (..., n, k); leading axes broadcast.
    lower : bool, default False
        Whether the lower triangle is meant; else the upper one.
    trans : {0, 1, 'N', 'T'}
        Solve with the transposed triangle if 1 or 'T'.
    unit_diagonal : bool, default False
        Take the diagonal for ones, without reading it.

    Returns
    -------
    Tensor
        (n,), or (..., n, k). No gradient flows to what is not read.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a number on the diagonal is 0.
    ValueError
        If shapes do not fit.

    Notes
    -----
    The signature is that of `scipy.linalg.solve_triangular`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.solve_triangular([[2.0, 2.0], [9.0, 4.0]], [4.0, 4.0]).tolist()
    [1.0, 1.0]
    """
    if trans not in {0, 1, "N", "T"}:
        raise ValueError(f"solve_triangular: trans must be 0, 1, 'N' or 'T', got {trans!r}")
    transposed = trans in {1, "T"}

    def solved(left: Any, right: Any) -> Tensor:
        return _linalg.solve_triangular(left, right, lower, transposed, unit_diagonal)

    return _on_columns(solved, a, b, "solve_triangular")


def _on_columns(solver: Callable[[Any, Any], Tensor], a: Any, b: Any, name: str) -> Tensor:
    a, b = as_tensor(a), as_tensor(b)
    if b.ndim == 0:
        raise ValueError(f"{name}: expected b of shape (n,) or (..., n, k), got a single number")
    if b.ndim == 1:
        x = solver(a, _ops.reshape(b, (*b.shape, 1)))
        return _ops.reshape(x, x.shape[:-1])
    if a.ndim != 2 or b.ndim == 2 or a.shape[-1] != b.shape[-2]:
        return solver(a, b)
    # One matrix for all: its factors are found once, the right sides beside one another.
    n, k = b.shape[-2:]
    order = (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1)
    back = (*range(1, b.ndim - 1), 0, b.ndim - 1)
    beside = _ops.reshape(_ops.transpose(b, order), (n, b.size // max(n, 1) if n else 0))
    return _ops.transpose(_ops.reshape(solver(a, beside), (n, *b.shape[:-2], k)), back)


def inv(a: Any) -> Tensor:
    """Return the inverse of matrices.

    Parameters
    ----------
    a : array_like
        (..., n, n)

    Returns
    -------
    Tensor
        (..., n, n). With a gradient g of it, that of a is ``-inv(a).T g inv(a).T`` (Giles 2008).

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is exactly singular.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    return _linalg.inv(a)


def det(a: Any) -> Tensor:
    """Return the determinant of matrices.

    Parameters
    ----------
    a : array_like
        (..., n, n)

    Returns
    -------
    Tensor
        (...). Its gradient is the matrix of cofactors, which singular matrices have as well; second
        derivatives need an inverse, and raise `numpy.linalg.LinAlgError` where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.grad(fg.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]])).round(6)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    return _linalg.det(a)


def slogdet(a: Any) -> SlogdetResult:
    """Return the sign of the determinant and the logarithm of its absolute value.

    Parameters
    ----------
    a : array_like
        (..., n, n)

    Returns
    -------
    SlogdetResult
        ``(sign, logabsdet)``, each (...): 0 and -inf of a singular matrix. No gradient flows through the
        sign; that of logabsdet is ``inv(a).T``, and a singular matrix, which has none, raises
        `numpy.linalg.LinAlgError` when it is asked for.

    Examples
    --------
    >>> import fastgrad as fg
    >>> sign, logabsdet = fg.linalg.slogdet([[1.0, 0.0], [0.0, 1.0]])
    >>> sign.item(), logabsdet.item()
    (1.0, 0.0)
    """
    both = _linalg.slogdet(a)
    return SlogdetResult(both.detach()[..., 0], both[..., 1])


def cholesky(a: Any, *, upper: bool = False) -> Tensor:
    """Return the Cholesky factor of symmetric positive definite matrices.

    Parameters
    ----------
    a : array_like
        (..., n, n); the upper triangle is not read.
    upper : bool, default False
        Return U with ``U.T U = a`` instead, and do not read the lower triangle.

    Returns
    -------
    Tensor
        The lower L with ``L L.T = a``. The gradient is that by a symmetric matrix, and symmetric.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is not positive definite.

    Notes
    -----
    Rule: Murray, *Differentiation of the Cholesky decomposition* (2016), section 3.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.cholesky([[4.0, 2.0], [2.0, 2.0]]).tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    if not upper:
        return _linalg.cholesky(a)
    t = as_tensor(a)
    if t.ndim < 2:
        return _linalg.cholesky(t)
    return _turned(_linalg.cholesky(_turned(t)))


def _turned(t: Tensor) -> Tensor:
    return _ops.transpose(t, (*range(t.ndim - 2), t.ndim - 1, t.ndim - 2))


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Tensor:
    """Return the pseudo-inverse of Moore and Penrose.

    Parameters
    ----------
    a : array_like
        (..., m, n)
    rcond, rtol : array_like, optional
        Singular values up to this fraction of the largest count as zero; by default the rounding of the
        dtype times the larger of m and n. One or the other. (NumPy's default for `rcond`, 1e-15, is less than
        float32 can tell from noise.)
    hermitian : bool, default False
        Accepted as NumPy does; makes no difference.

    Returns
    -------
    Tensor
        (..., n, m)

    Notes
    -----
    Rule: Golub and Pereyra, *The differentiation of pseudo-inverses and nonlinear least squares problems
    whose variables separate* (1973). It holds where the rank stays the same near `a`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.pinv([[1.0], [1.0]]).numpy().round(6).tolist()
    [[0.5, 0.5]]
    """
    del hermitian
    t = as_tensor(a)
    if rcond is not None and rtol is not None:
        raise ValueError("pinv: rcond and rtol mean the same; give one of them")
    cutoff = rcond if rtol is None else rtol
    return _linalg.pinv(t, _default_cutoff(t) if cutoff is None else cutoff)


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Solve ``tensordot(a, x, x.ndim) = b``.

    Parameters
    ----------
    a : array_like
        The axes of `b`, then those of x, as many numbers each.
    b : array_like
        Any shape.
    axes : sequence of int, optional
        Axes of `a` to move behind the others first.

    Returns
    -------
    Tensor
        The axes of `a` behind those of `b`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If there is no such x, or more than one.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.tensorsolve([[[2.0, 0.0]], [[0.0, 4.0]]], [2.0, 8.0]).tolist()
    [[1.0, 2.0]]
    """
    left, right = as_tensor(a), as_tensor(b)
    if axes is not None:
        behind = places_of(tuple(axes), left.ndim, "tensorsolve")
        left = _ops.transpose(left, [*[i for i in range(left.ndim) if i not in behind], *behind])
    shape = left.shape[right.ndim :]
    size = prod(shape)
    if left.size != size * size or right.size != size:
        raise np.linalg.LinAlgError(
            "tensorsolve: the axes of a must be those of b and as many numbers again, got shapes "
            f"{left.shape} and {right.shape}"
        )
    return _ops.reshape(solve(_ops.reshape(left, (size, size)), _ops.reshape(right, size)), shape)


def tensorinv(a: Any, ind: int = 2) -> Tensor:
    """Return the inverse of the product ``x -> tensordot(a, x, ind)``.

    Parameters
    ----------
    a : array_like
        As many numbers along the first `ind` axes as along the others.
    ind : int, default 2
        At least 1.

    Returns
    -------
    Tensor
        The last axes of `a` first.

    Raises
    ------
    numpy.linalg.LinAlgError
        If there is none.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.tensorinv([[[2.0, 0.0]], [[0.0, 4.0]]], 1).tolist()
    [[[0.5, 0.0], [0.0, 0.25]]]
    """
    t = as_tensor(a)
    if ind < 1:
        raise ValueError(f"tensorinv: ind must be at least 1, got {ind}")
    front, back = t.shape[:ind], t.shape[ind:]
    if prod(front) != prod(back):
        raise np.linalg.LinAlgError(
            f"tensorinv: the first {ind} axes of shape {t.shape} must have as many numbers as the others"
        )
    return _ops.reshape(inv(_ops.reshape(t, (prod(front), prod(back)))), (*back, *front))


def _default_cutoff(t: Tensor) -> float:
    """The rounding errors of singular values, as a fraction of the largest."""
    dtype = t.dtype if t.dtype.kind == "f" else np.dtype(np.float64)
    return float(np.finfo(dtype).eps) * max(t.shape[-2:], default=1)


def lstsq(a: Any, b: Any, rcond: Any = None) -> LstsqResult:
    """Solve ``a x = b`` in the sense of least squares.

    Parameters
    ----------
    a : array_like
        (..., m, n)
    b : array_like
        (m,), or (..., m, k)
    rcond : float, optional
        Singular values up to this fraction of the largest count as zero; by default, and where it is
        negative, the rounding of the dtype (times the larger of m and n if None).

    Returns
    -------
    LstsqResult
        ``(x, residuals, rank, singular_values)``: x (n,) or (..., n, k), the shortest one if there are
        several; the sum of squares of ``b - a x`` of each column where m > n, else an empty tensor (NumPy
        gives an empty one where the rank is below n, too); the rank, int64 (...); the singular values of a,
        (..., min(m, n)).

    Notes
    -----
    x is ``pinv(a) b``, and its gradient that of the pseudo-inverse: see `pinv`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x, residuals, rank, s = fg.linalg.lstsq([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0])
    >>> x.numpy().round(6).tolist(), rank.item()
    ([1.0, 2.0], 2)
    """
    t, right = as_tensor(a), as_tensor(b)
    if t.ndim < 2 or right.ndim == 0 or t.shape[-2] != right.shape[-1 if right.ndim == 1 else -2]:
        raise ValueError(
            f"lstsq: expected a (..., m, n) and b (m,) or (..., m, k), got shapes {t.shape} and {right.shape}"
        )
    rows, columns = t.shape[-2:]
    cutoff = _default_cutoff(t) if rcond is None else rcond
    if rcond is not None and rcond < 0:
        cutoff = _default_cutoff(t) / max(rows, columns, 1)
    x = _ops.matmul(_linalg.pinv(t, cutoff), right)
    values = _linalg.svdvals(t)
    held = values.detach()
    rank = _ops.sum(held > held[..., :1] * cutoff, -1)
    if rows > columns:
        residuals = _ops.sum(_ops.square(right - _ops.matmul(t, x)), -1 if right.ndim == 1 else -2)
        residuals = _ops.reshape(residuals, (1,)) if right.ndim == 1 and t.ndim == 2 else residuals
    else:
        residuals = as_tensor(np.zeros(0, x.dtype))
    return LstsqResult(x, residuals, rank, values)
