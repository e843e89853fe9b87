"""QR factors, eigenvalues, singular values."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fastgrad._complex_tensor import ComplexTensor
from fastgrad._native import core
from fastgrad._operands import as_tensor
from fastgrad.linalg.systems import _turned

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "EigResult",
    "EighResult",
    "QRResult",
    "SVDResult",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "qr",
    "svd",
    "svdvals",
]

_linalg = core.linalg
_ops = core.ops


class QRResult(NamedTuple):
    """What `qr` gives.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.qr([[2.0, 0.0], [0.0, 1.0]]).R.shape
    (2, 2)
    """

    Q: Tensor
    R: Tensor


class EigResult(NamedTuple):
    """What `eig` gives.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.eig([[2.0, 0.0], [0.0, 1.0]]).eigenvalues.real.tolist()
    [2.0, 1.0]
    """

    eigenvalues: ComplexTensor
    eigenvectors: ComplexTensor


class EighResult(NamedTuple):
    """What `eigh` gives.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.eigh([[2.0, 0.0], [0.0, 1.0]]).eigenvalues.tolist()
    [1.0, 2.0]
    """

    eigenvalues: Tensor
    eigenvectors: Tensor


class SVDResult(NamedTuple):
    """What `svd` gives.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.svd([[2.0, 0.0], [0.0, 1.0]]).S.tolist()
    [2.0, 1.0]
    """

    U: Tensor
    S: Tensor
    Vh: Tensor


def qr(a: Any, mode: str = "reduced") -> Any:
    """Factor matrices into Q with orthonormal columns and an upper triangle R.

    Parameters
    ----------
    a : array_like
        (..., m, n)
    mode : {"reduced", "complete", "r"}
        Whether to return both factors, both with a square Q, or R.

    Returns
    -------
    QRResult or Tensor
        ``(Q, R)``, (..., m, k) and (..., k, n) with k = min(m, n), ``Q R = a``, and m in place of k if
        complete; or R. Signs are LAPACK's, as NumPy's and PyTorch's: numbers on the diagonal of R may be
        negative.

    Raises
    ------
    numpy.linalg.LinAlgError
        In the gradient, where the first k columns of `a` are linearly dependent: R is singular there, and Q
        no differentiable function of `a`.

    Notes
    -----
    Rule: Walter and Lehmann, *Algorithmic differentiation of linear algebra functions with application in
    optimum experimental design* (2010); for m < n it is applied to the first m columns, the others of R being
    ``Q.T`` times those of `a`. The further columns of a complete Q are not determined but for the space that
    they span: gradients are right for functions of that.

    Examples
    --------
    >>> import fastgrad as fg
    >>> q, r = fg.linalg.qr([[3.0, 1.0], [4.0, 2.0]])
    >>> (q @ r).numpy().round(6).tolist()
    [[3.0, 1.0], [4.0, 2.0]]
    """
    if mode not in {"reduced", "complete", "r"}:
        raise ValueError(f"qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}")
    t = as_tensor(a)
    if mode == "complete" and t.ndim >= 2 and t.shape[-2] > t.shape[-1]:
        m = t.shape[-2]
        flat = _linalg.qr_complete(t)
        return QRResult(
            _ops.reshape(flat[..., : m * m], (*t.shape[:-2], m, m)), _ops.reshape(flat[..., m * m :], t.shape)
        )
    both = _linalg.qr(t)
    rows = t.shape[-2]
    r = _turned(both[..., rows:, :])
    return r if mode == "r" else QRResult(both[..., :rows, :], r)


def _lower_triangle(a: Any, uplo: str, name: str) -> Tensor:
    """The matrix whose lower triangle is the one that is meant."""
    if uplo.upper() not in {"L", "U"}:
        raise ValueError(f"{name}: UPLO must be 'L' or 'U', got {uplo!r}")
    t = as_tensor(a)
    return t if uplo.upper() == "L" or t.ndim < 2 else _turned(t)


def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Find the eigenvalues and eigenvectors of symmetric matrices.

    Parameters
    ----------
    a : array_like
        (..., n, n)
    UPLO : {"L", "U"}
        Which triangle is read. The gradient is that by a symmetric matrix, and symmetric.

    Returns
    -------
    EighResult
        ``(eigenvalues, eigenvectors)``: (..., n) in ascending order, and (..., n, n) with the vectors in
        columns, whose signs are LAPACK's.

    Raises
    ------
    numpy.linalg.LinAlgError
        If LAPACK finds no eigenvalues, as of numbers that are not finite.

    Notes
    -----
    Rule: Giles (2008), section 3.1. Vectors of equal eigenvalues are not determined, and take no gradient
    from turning into one another: where eigenvalues are equal their differences count as infinite. So
    gradients through eigenvalues are right there, and those through vectors are where the function does not
    depend on which vectors of their space are chosen, and lets the values of such vectors be equal. Next to
    such points gradients through vectors are as large as one over the gap. PyTorch and JAX give infinities or
    NaN there.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.eigh([[2.0, 1.0], [1.0, 2.0]]).eigenvalues.numpy().round(6).tolist()
    [1.0, 3.0]
    """
    both = _linalg.eigh(_lower_triangle(a, UPLO, "eigh"))
    return EighResult(both[..., 0, :], both[..., 1:, :])


def eig(a: Any) -> EigResult:
    """Find the eigenvalues and eigenvectors of square matrices.

    Parameters
    ----------
    a : array_like
        (..., n, n)

    Returns
    -------
    EigResult
        ``(eigenvalues, eigenvectors)``: (..., n), in no order, and (..., n, n), a vector of length 1 in each
        column, as pairs of real and imaginary parts, whether or not they are real (NumPy gives real arrays
        where all are).

    Raises
    ------
    numpy.linalg.LinAlgError
        If LAPACK finds none, as of numbers that are not finite; in the gradient, if there is no basis of
        eigenvectors.

    Notes
    -----
    Rule: Giles, *An extended collection of matrix derivative results for forward and reverse mode algorithmic
    differentiation* (2008), with the length of vectors held. Vectors are determined but for a factor of
    magnitude 1: gradients through them are right for functions of which that makes no difference. Gaps
    between equal eigenvalues count as infinite, as in `eigh`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.eig([[0.0, 1.0], [-1.0, 0.0]]).eigenvalues.imag.tolist()
    [1.0, -1.0]
    """
    t = as_tensor(a)
    parts = _linalg.eig(t)
    n = t.shape[-1]
    return EigResult(
        ComplexTensor(parts[..., 0, :], parts[..., 1, :]),
        ComplexTensor(parts[..., 2 : n + 2, :], parts[..., n + 2 :, :]),
    )


def eigvals(a: Any) -> ComplexTensor:
    """Find the eigenvalues of square matrices.

    Parameters
    ----------
    a
        As for `eig`.

    Returns
    -------
    ComplexTensor
        (..., n), in no order. The gradient of an eigenvalue is right where no other is equal to it; of
        functions symmetric in equal ones, where there is a basis of eigenvectors.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.eigvals([[0.0, 1.0], [-1.0, 0.0]]).imag.tolist()
    [1.0, -1.0]
    """
    parts = _linalg.eigvals(a)
    pair: ComplexTensor = ComplexTensor(parts[..., 0, :], parts[..., 1, :])
    return pair


def eigvalsh(a: Any, UPLO: str = "L") -> Tensor:
    """Find the eigenvalues of symmetric matrices.

    Parameters
    ----------
    a, UPLO
        As for `eigh`.

    Returns
    -------
    Tensor
        (..., n) in ascending order. Where some are equal, the gradient of each is that along one of the
        vectors of their space; of functions symmetric in them it is right.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.eigvalsh([[2.0, 0.0], [0.0, 1.0]]).tolist()
    [1.0, 2.0]
    """
    return _linalg.eigvalsh(_lower_triangle(a, UPLO, "eigvalsh"))


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Find the singular value decomposition ``a = U diag(S) Vh``.

    Parameters
    ----------
    a : array_like
        (..., m, n)
    full_matrices : bool, default True
        Whether U and Vh are square, as in NumPy. Of a matrix that is not square, further vectors are not
        determined but for the space that they span: gradients are right for functions of that.
    compute_uv : bool, default True
        Whether to return U and Vh besides S.
    hermitian : bool, default False
        Accepted as NumPy does; makes no difference.

    Returns
    -------
    SVDResult or Tensor
        ``(U, S, Vh)``: (..., m, k), (..., k) in descending order and (..., k, n) with k = min(m, n), or m and
        n in place of k with `full_matrices`; signs are LAPACK's. Or S.

    Raises
    ------
    numpy.linalg.LinAlgError
        If LAPACK finds no singular values, as of numbers that are not finite.

    Notes
    -----
    Rule: Townsend, *Differentiating the singular value decomposition* (2016). Where singular values are
    equal, or 0, their differences (they themselves) count as infinite in gradients through U and Vh, as in
    `eigh`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> u, s, vh = fg.linalg.svd([[3.0], [4.0]], full_matrices=False)
    >>> s.numpy().round(6).tolist()
    [5.0]
    """
    del hermitian
    if not compute_uv:
        return _linalg.svdvals(a)
    t = as_tensor(a)
    if t.ndim < 2 or t.shape[-1] == t.shape[-2] or not full_matrices:
        all_rows = _linalg.svd(t)
        m = t.shape[-2]
        return SVDResult(all_rows[..., :m, :], all_rows[..., m, :], _turned(all_rows[..., m + 1 :, :]))
    m, n = t.shape[-2:]
    k = min(m, n)
    flat = _linalg.svd_full(t)
    return SVDResult(
        _ops.reshape(flat[..., : m * m], (*t.shape[:-2], m, m)),
        flat[..., m * m : m * m + k],
        _ops.reshape(flat[..., m * m + k :], (*t.shape[:-2], n, n)),
    )


def svdvals(x: Any) -> Tensor:
    """Find the singular values of matrices.

    Parameters
    ----------
    x : array_like
        (..., m, n)

    Returns
    -------
    Tensor
        (..., min(m, n)) in descending order. Where some are equal or 0 the gradient is that along LAPACK's
        choice of vectors.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.svdvals([[3.0], [4.0]]).numpy().round(6).tolist()
    [5.0]
    """
    return _linalg.svdvals(x)
