"""Operations on the matrices in the last two axes. By tools/make_stubs.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

from fastgrad._core import Program, Tensor, _Operand, _Sizes

def cholesky(x: _Operand) -> Tensor:
    """Lower triangle L with L L^T = x."""

def det(x: _Operand) -> Tensor:
    """Determinant."""

def eig(x: _Operand) -> Tensor:
    """(..., 2 (n + 1), n): eigenvalues above eigenvectors, real parts above imaginary."""

def eigh(x: _Operand) -> Tensor:
    """(..., 1 + n, n): eigenvalues above eigenvectors."""

def eigvals(x: _Operand) -> Tensor:
    """(..., 2, n): eigenvalues, real parts above imaginary."""

def eigvalsh(x: _Operand) -> Tensor:
    """Eigenvalues of a symmetric matrix."""

def expm(x: _Operand) -> Tensor:
    """Exponential."""

def inv(x: _Operand) -> Tensor:
    """Inverse."""

def pinv(a: _Operand, cutoff: Any) -> Tensor:
    """Pseudo-inverse; singular values up to cutoff times the largest count as zero."""

def qr(x: _Operand) -> Tensor:
    """(..., m + n, k): Q above R transposed."""

def qr_complete(x: _Operand) -> Tensor:
    """Q (m, m) and R (m, n) in a row, for m > n."""

def slogdet(x: _Operand) -> Tensor:
    """(..., 2): its sign, and the logarithm of its absolute value."""

def solve(a: _Operand, b: _Operand) -> Tensor:
    """x of a x = b, for b (..., n, k)."""

def solve_triangular(
    a: _Operand,
    b: _Operand,
    lower: bool = False,
    transposed: bool = False,
    unit_diagonal: bool = False,
) -> Tensor:
    """x of a x = b for a triangle a."""

def svd(x: _Operand) -> Tensor:
    """(..., m + 1 + n, k): U above the singular values above Vh transposed."""

def svd_full(x: _Operand) -> Tensor:
    """U (m, m), the singular values and Vh (n, n) in a row."""

def svdvals(x: _Operand) -> Tensor:
    """Singular values."""
