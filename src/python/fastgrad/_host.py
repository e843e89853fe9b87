"""Numbers of host ops, by NumPy: the compiled core calls the function here that has the op's name.

Each takes the array to write and the operands, (..., m, n) alike in their leading axes, on memory that is the
core's: none may be kept. It returns nothing, or which matrix of the batch LAPACK refused.
"""

from __future__ import annotations

import math
from functools import wraps
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Array = np.ndarray[Any, Any]
    HostFunction = Callable[..., int | None]


def _names_the_matrix(f: Callable[..., None]) -> HostFunction:
    """The same, but where LAPACK refuses a batch, matrix after matrix until it is found which one."""

    @wraps(f)
    def computed(out: Array, *operands: Array) -> int | None:
        try:
            f(out, *operands)
        except np.linalg.LinAlgError:
            for number, place in enumerate(np.ndindex(operands[0].shape[:-2])):
                try:
                    f(out[place], *[operand[place] for operand in operands])
                except np.linalg.LinAlgError:  # noqa: PERF203 - the first of them is looked for
                    return number
        return None

    return computed


@_names_the_matrix
def solve(out: Array, a: Array, b: Array) -> None:
    out[...] = np.linalg.solve(a, b)


@_names_the_matrix
def inv(out: Array, a: Array) -> None:
    out[...] = np.linalg.inv(a)


def det(out: Array, a: Array) -> None:
    with np.errstate(all="ignore"):
        out[...] = np.linalg.det(a)


def slogdet(out: Array, a: Array) -> None:
    with np.errstate(all="ignore"):
        out[..., 0], out[..., 1] = np.linalg.slogdet(a)


def cofactors(out: Array, a: Array) -> None:
    """det(a) a^-T; by singular values where there is no inverse."""
    with np.errstate(all="ignore"):
        try:
            np.multiply(np.linalg.det(a)[..., None, None], np.swapaxes(np.linalg.inv(a), -1, -2), out=out)
        except np.linalg.LinAlgError:
            u, s, vh = np.linalg.svd(a)
            size = s.shape[-1]
            others = np.where(np.eye(size, dtype=bool), 1, s[..., None, :]).prod(-1)
            sign = np.linalg.det(u) * np.linalg.det(vh)
            out[...] = sign[..., None, None] * ((u * others[..., None, :]) @ vh)


@_names_the_matrix
def cholesky(out: Array, a: Array) -> None:
    out[...] = np.linalg.cholesky(a)


@_names_the_matrix
def qr(out: Array, a: Array) -> None:
    rows = a.shape[-2]
    q, r = np.linalg.qr(a)
    out[..., :rows, :] = q
    out[..., rows:, :] = np.swapaxes(r, -1, -2)


@_names_the_matrix
def qr_complete(out: Array, a: Array) -> None:
    rows = a.shape[-2]
    q, r = np.linalg.qr(a, mode="complete")
    out[..., : rows * rows] = q.reshape(*a.shape[:-2], rows * rows)
    out[..., rows * rows :] = r.reshape(*a.shape[:-2], rows * a.shape[-1])


@_names_the_matrix
def eig(out: Array, a: Array) -> None:
    size = a.shape[-1]
    values, vectors = np.linalg.eig(a)
    out[..., 0, :], out[..., 1, :] = values.real, values.imag
    out[..., 2 : size + 2, :], out[..., size + 2 :, :] = vectors.real, vectors.imag


@_names_the_matrix
def eigvals(out: Array, a: Array) -> None:
    values = np.linalg.eigvals(a)
    out[..., 0, :], out[..., 1, :] = values.real, values.imag


@_names_the_matrix
def eigh(out: Array, a: Array) -> None:
    out[..., 0, :], out[..., 1:, :] = np.linalg.eigh(a)


@_names_the_matrix
def eigvalsh(out: Array, a: Array) -> None:
    out[...] = np.linalg.eigvalsh(a)


@_names_the_matrix
def svd(out: Array, a: Array) -> None:
    rows = a.shape[-2]
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    out[..., :rows, :] = u
    out[..., rows, :] = s
    out[..., rows + 1 :, :] = np.swapaxes(vh, -1, -2)


@_names_the_matrix
def svd_full(out: Array, a: Array) -> None:
    u, s, vh = np.linalg.svd(a, full_matrices=True)
    batch = a.shape[:-2]
    flat = [p.reshape(*batch, math.prod(p.shape[len(batch) :])) for p in (u, s, vh)]
    out[...] = np.concatenate(flat, -1)


@_names_the_matrix
def svdvals(out: Array, a: Array) -> None:
    out[...] = np.linalg.svd(a, compute_uv=False)


@_names_the_matrix
def _pinv(out: Array, a: Array, cutoff: Array) -> None:
    out[...] = np.linalg.pinv(a, cutoff)


def pinv(out: Array, a: Array, cutoff: Array) -> int | None:
    return _pinv(out, a, np.broadcast_to(cutoff, a.shape[:-2]))


# --- the exponential

# Coefficients of the Pade approximant of degree 13, and the norm up to which it is as exact as double
# precision: N. Higham, "The scaling and squaring method for the matrix exponential revisited" (2005).
_PADE = [
    64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
    10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
]  # fmt: skip
_PADE_NORM = 5.371920351148152


def expm(out: Array, a: Array) -> None:
    """Scaling and squaring, in double precision."""
    out[...] = _exponential(a.astype(np.float64)).astype(out.dtype)


def expm_frechet(out: Array, a: Array, e: Array) -> None:
    """The corner of exp((a e; 0 a)), linear in e, which is brought to the size of `a` first."""
    n = a.shape[-1]
    sizes = [np.abs(m).astype(np.float64).sum(-2).max(-1, initial=0.0)[..., None, None] for m in (a, e)]
    with np.errstate(all="ignore"):
        factor = np.where((sizes[1] > 0) & np.isfinite(sizes[1]), sizes[1] / np.maximum(sizes[0], 1e-3), 1.0)
    block = np.zeros((*a.shape[:-2], 2 * n, 2 * n))
    block[..., :n, :n] = block[..., n:, n:] = a
    block[..., :n, n:] = e / factor
    out[...] = (_exponential(block)[..., :n, n:] * factor).astype(out.dtype)


def _exponential(a: Array) -> Array:
    batch, n = a.shape[:-2], a.shape[-1]
    norm = np.abs(a).sum(-2).max(-1, initial=0.0)
    with np.errstate(all="ignore"):
        halvings = np.ceil(np.log2(norm / _PADE_NORM)).clip(0, 1000)
        halvings = np.where(np.isfinite(norm), halvings, 0).astype(np.int64)
        x = np.ldexp(a, -halvings[..., None, None])
        identity = np.eye(n)
        x2 = x @ x
        x4 = x2 @ x2
        x6 = x4 @ x2
        c = _PADE
        odd = x6 @ (c[13] * x6 + c[11] * x4 + c[9] * x2) + c[7] * x6 + c[5] * x4 + c[3] * x2 + c[1] * identity
        even = (
            x6 @ (c[12] * x6 + c[10] * x4 + c[8] * x2) + c[6] * x6 + c[4] * x4 + c[2] * x2 + c[0] * identity
        )
        odd = x @ odd
        y: Array = np.linalg.solve(even - odd, even + odd)
        for done in range(int(halvings.max(initial=0))):
            again = halvings > done
            y = y @ y if not batch or again.all() else np.where(again[..., None, None], y @ y, y)
    return y


# --- Fourier transforms: pairs (..., n, 2) as NumPy's complex numbers


def _complex(pairs: Array) -> Array:
    pairs = np.ascontiguousarray(pairs)
    return pairs.view(np.complex64 if pairs.dtype == np.float32 else np.complex128)[..., 0]


def fft(out: Array, z: Array) -> None:
    np.fft.fft(_complex(z), out=_complex(out))


def fft_of_real(out: Array, x: Array) -> None:
    np.fft.fft(x, out=_complex(out))


def backward_fft(out: Array, z: Array) -> None:
    np.fft.ifft(_complex(z), norm="forward", out=_complex(out))


def rfft(out: Array, x: Array) -> None:
    np.fft.rfft(x, out=_complex(out))


def backward_rfft(out: Array, half: Array) -> None:
    np.fft.irfft(_complex(half), out.shape[-1], norm="forward", out=out)
