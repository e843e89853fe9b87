"""Fourier transforms along one axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._complex_tensor import ComplexTensor, as_complex
from fastgrad._native import core
from fastgrad._operands import as_tensor, place_of

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["fft", "ifft", "irfft", "rfft"]

_ops = core.ops
_fft = core.fft


def _factor(n: int, norm: str | None, forward: bool, name: str) -> float:
    """What a transform of n numbers is multiplied by."""
    if norm not in {None, "backward", "ortho", "forward"}:
        raise ValueError(f"{name}: norm must be 'backward', 'ortho' or 'forward', got {norm!r}")
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if (norm == "forward") == forward else 1.0


def _scaled(t: Tensor, factor: float) -> Tensor:
    return t if factor == 1.0 else _ops.multiply(t, factor)


def _checked(n: Any, name: str) -> int:
    if n < 1:
        raise ValueError(f"{name}: expected a positive number of points, got n={n}")
    return int(n)


def _sized(t: Tensor, n: int, axis: int) -> Tensor:
    """The first n along an axis; zeros behind them where there are fewer."""
    size = t.shape[axis]
    if size > n:
        return t[(*[slice(None)] * axis, slice(0, n))]
    if size == n:
        return t
    zeros = core.Tensor(np.zeros([n - size if i == axis else s for i, s in enumerate(t.shape)], t.dtype))
    return _ops.concatenate([t, zeros], axis)


def _to_last(t: Tensor, axis: int) -> Tensor:
    """An axis exchanged with the last one; its own inverse."""
    if axis == t.ndim - 1:
        return t
    order = list(range(t.ndim))
    order[axis], order[-1] = order[-1], order[axis]
    return _ops.transpose(t, order)


def _paired(z: ComplexTensor) -> Tensor:
    return _ops.concatenate([_ops.reshape(part, (*part.shape, 1)) for part in (z.real, z.imag)], -1)


def numbers_of(a: Any) -> Any:
    """A pair of complex numbers, or a real tensor."""
    if isinstance(a, ComplexTensor | core.Tensor):
        return a
    array = np.asarray(a)
    return as_complex(array) if array.dtype.kind == "c" else as_tensor(array)


def _axis_and_size(x: Any, n: int | None, axis: int, name: str) -> tuple[int, int]:
    place = place_of(axis, x.ndim, name)
    return place, _checked(x.shape[place] if n is None else n, name)


def _parted(pairs: Tensor, axis: int, factor: float) -> ComplexTensor:
    """Pairs along the last axis as a pair of tensors, with the transformed axis in its place."""
    pairs = _scaled(pairs, factor)
    z: ComplexTensor = ComplexTensor(_to_last(pairs[..., 0], axis), _to_last(pairs[..., 1], axis))
    return z


def _complex_transform(a: Any, n: int | None, axis: int, norm: str | None, forward: bool) -> ComplexTensor:
    name = "fft" if forward else "ifft"
    x = numbers_of(a)
    place, size = _axis_and_size(x, n, axis, name)
    factor = _factor(size, norm, forward, name)
    if isinstance(x, ComplexTensor):
        pairs = _paired(x._each(lambda part: _to_last(_sized(part, size, place), place)))
        return _parted((_fft.fft if forward else _fft.backward_fft)(pairs), place, factor)
    z = _parted(_fft.fft_of_real(_to_last(_sized(x, size, place), place)), place, factor)
    return z if forward else ComplexTensor.conj(z)


def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> ComplexTensor:
    """Return the discrete Fourier transform along an axis.

    Parameters
    ----------
    a : array_like
        A pair (`ComplexTensor`), a complex or real array, or a tensor.
    n : int, optional
        How many numbers of the axis are transformed, zeros behind them where there are fewer; by default all.
    axis : int, default -1
    norm : {"backward", "ortho", "forward"}, optional
        Which way the factor 1/n goes; "ortho" multiplies by its root both ways. By default backward.

    Returns
    -------
    ComplexTensor
        Of the shape of `a` with n in place of the axis; complex64 of float32 numbers.

    Raises
    ------
    ValueError
        If there is no such axis, or nothing along it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.fft([1.0, 0.0, 0.0, 1.0]).tolist()
    [(2+0j), (1+1j), 0j, (1-1j)]
    """
    return _complex_transform(a, n, axis, norm, True)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> ComplexTensor:
    """Return the inverse of `fft`.

    Parameters
    ----------
    a, n, axis, norm
        As for `fft`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.ifft(fg.fft.fft([1.0, 3.0])).real.tolist()
    [1.0, 3.0]
    """
    return _complex_transform(a, n, axis, norm, False)


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> ComplexTensor:
    """Return the first half of the Fourier transform of real numbers, which says what the other is.

    Parameters
    ----------
    a : array_like
        Real.
    n, axis, norm
        As for `fft`.

    Returns
    -------
    ComplexTensor
        With n // 2 + 1 numbers along the axis.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.rfft([1.0, 0.0, 0.0, 1.0]).tolist()
    [(2+0j), (1+1j), 0j]
    """
    x = numbers_of(a)
    if isinstance(x, ComplexTensor):
        raise TypeError("rfft: expected real numbers, got complex ones; use fft")
    place, size = _axis_and_size(x, n, axis, "rfft")
    pairs = _fft.rfft(_to_last(_sized(x, size, place), place))
    return _parted(pairs, place, _factor(size, norm, True, "rfft"))


def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None) -> Tensor:
    """Return the inverse of `rfft`.

    Parameters
    ----------
    a : array_like
        The first half; imaginary parts of the first, and for an even n of the last, do not matter.
    n : int, optional
        How many numbers come out, of n // 2 + 1; by default 2 (m - 1) of m.
    axis, norm
        As for `fft`.

    Returns
    -------
    Tensor
        Real, with n numbers along the axis.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.irfft(fg.fft.rfft([1.0, 3.0, 2.0]), 3).tolist()
    [1.0, 3.0, 2.0]
    """
    z = as_complex(numbers_of(a))
    place = place_of(axis, z.ndim, "irfft")
    size = _checked(2 * (z.shape[place] - 1) if n is None else n, "irfft")
    pairs = _paired(z._each(lambda part: _to_last(_sized(part, size // 2 + 1, place), place)))
    return _to_last(_scaled(_fft.backward_rfft(pairs, size), _factor(size, norm, False, "irfft")), place)
