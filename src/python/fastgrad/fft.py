"""Fourier transforms, by NumPy's names: real tensors or complex pairs in, pairs or real tensors out.

The numbers are NumPy's own. Each transform is linear, so gradients are transforms, too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._complex_tensor import ComplexTensor, as_complex
from fastgrad._native import core
from fastgrad._operands import as_tensor, place_of, places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "ComplexTensor",
    "as_complex",
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

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


def _numbers(a: Any) -> Any:
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
    x = _numbers(a)
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
    x = _numbers(a)
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
    z = as_complex(_numbers(a))
    place = place_of(axis, z.ndim, "irfft")
    size = _checked(2 * (z.shape[place] - 1) if n is None else n, "irfft")
    pairs = _paired(z._each(lambda part: _to_last(_sized(part, size // 2 + 1, place), place)))
    return _to_last(_scaled(_fft.backward_rfft(pairs, size), _factor(size, norm, False, "irfft")), place)


def _axes_and_sizes(x: Any, s: Any, axes: Any, name: str) -> list[tuple[int, int | None]]:
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    places = places_of(tuple(axes), x.ndim, name)
    sizes = [None] * len(places) if s is None else [None if size == -1 else size for size in s]
    if len(sizes) != len(places):
        raise ValueError(f"{name}: expected one size for each axis, got s={s} for axes {tuple(axes)}")
    if not places:
        raise ValueError(f"{name}: expected at least one axis")
    return list(zip(places, sizes, strict=True))


def _one_by_one(
    f: Callable[..., ComplexTensor], z: Any, along: Sequence[tuple[int, int | None]], norm: str | None
) -> ComplexTensor:
    for place, size in along:
        z = f(z, size, place, norm)
    return as_complex(z)


def fftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> ComplexTensor:
    """Return the Fourier transform along several axes.

    Parameters
    ----------
    a, norm
        As for `fft`.
    s : sequence of int, optional
        n of each axis; -1 for all there are.
    axes : sequence of int, optional
        All by default, or the last ``len(s)``.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.fftn([[1.0, 2.0], [3.0, 4.0]]).real.tolist()
    [[10.0, -2.0], [-4.0, 0.0]]
    """
    x = _numbers(a)
    return _one_by_one(fft, x, _axes_and_sizes(x, s, axes, "fftn")[::-1], norm)


def ifftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> ComplexTensor:
    """Return the inverse of `fftn`.

    Parameters
    ----------
    a, s, axes, norm
        As for `fftn`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.ifftn(fg.fft.fftn([[1.0, 2.0]])).real.tolist()
    [[1.0, 2.0]]
    """
    x = _numbers(a)
    return _one_by_one(ifft, x, _axes_and_sizes(x, s, axes, "ifftn")[::-1], norm)


def rfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> ComplexTensor:
    """Return the Fourier transform of real numbers along several axes, the first half along the last of them.

    Parameters
    ----------
    a, s, axes, norm
        As for `fftn`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.rfftn([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    """
    x = _numbers(a)
    along = _axes_and_sizes(x, s, axes, "rfftn")
    place, size = along[-1]
    return _one_by_one(fft, rfft(x, size, place, norm), along[-2::-1] if len(along) > 1 else [], norm)


def irfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None) -> Tensor:
    """Return the inverse of `rfftn`.

    Parameters
    ----------
    a, s, axes, norm
        As for `fftn`; the last of `s` is the n that comes out along the last axis, by default 2 (m - 1) of m.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.irfftn(fg.fft.rfftn([[1.0, 2.0]])).tolist()
    [[1.0, 2.0]]
    """
    x = as_complex(_numbers(a))
    *along, (place, size) = _axes_and_sizes(x, s, axes, "irfftn")
    return irfft(_one_by_one(ifft, x, along, norm), size, place, norm)


def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> ComplexTensor:
    """Return the Fourier transform along two axes.

    Parameters
    ----------
    a, s, axes, norm
        As for `fftn`; the last two axes by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.fft2([[1.0, 2.0], [3.0, 4.0]]).real.tolist()
    [[10.0, -2.0], [-4.0, 0.0]]
    """
    return fftn(a, s, axes, norm)


def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> ComplexTensor:
    """Return the inverse of `fft2`.

    Parameters
    ----------
    a, s, axes, norm
        As for `fft2`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.ifft2(fg.fft.fft2([[1.0, 2.0]])).real.tolist()
    [[1.0, 2.0]]
    """
    return ifftn(a, s, axes, norm)


def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> ComplexTensor:
    """Return the Fourier transform of real numbers along two axes, the first half along the second of them.

    Parameters
    ----------
    a, s, axes, norm
        As for `fft2`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.rfft2([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    """
    return rfftn(a, s, axes, norm)


def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """Return the inverse of `rfft2`.

    Parameters
    ----------
    a, s, axes, norm
        As for `irfftn`; the last two axes by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.irfft2(fg.fft.rfft2([[1.0, 2.0]])).tolist()
    [[1.0, 2.0]]
    """
    return irfftn(a, s, axes, norm)


def _shifted(x: Any, axes: Any, back: bool) -> Any:
    from fastgrad._functions.shapes import roll

    t = _numbers(x)
    places = places_of(axes, t.ndim, "ifftshift" if back else "fftshift")
    steps = tuple(-(t.shape[i] // 2) if back else t.shape[i] // 2 for i in places)
    return (
        t._each(lambda part: roll(part, steps, places))
        if isinstance(t, ComplexTensor)
        else roll(t, steps, places)
    )


def fftshift(x: Any, axes: int | Sequence[int] | None = None) -> Any:
    """Move frequency 0 to the middle of axes.

    Parameters
    ----------
    x : array_like
        Real or complex.
    axes : int or sequence of int, optional
        All by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.fftshift([0.0, 1.0, 2.0, -2.0, -1.0]).tolist()
    [-2.0, -1.0, 0.0, 1.0, 2.0]
    """
    return _shifted(x, axes, False)


def ifftshift(x: Any, axes: int | Sequence[int] | None = None) -> Any:
    """Undo `fftshift`.

    Parameters
    ----------
    x, axes
        As for `fftshift`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.ifftshift([-2.0, -1.0, 0.0, 1.0, 2.0]).tolist()
    [0.0, 1.0, 2.0, -2.0, -1.0]
    """
    return _shifted(x, axes, True)


def fftfreq(n: int, d: float = 1.0) -> Tensor:
    """Return the frequencies that belong to what `fft` gives.

    Parameters
    ----------
    n : int
        How many numbers are transformed.
    d : float, default 1.0
        The distance between them.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    return core.Tensor(np.fft.fftfreq(n, d))


def rfftfreq(n: int, d: float = 1.0) -> Tensor:
    """Return the frequencies that belong to what `rfft` gives.

    Parameters
    ----------
    n, d
        As for `fftfreq`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.rfftfreq(4).tolist()
    [0.0, 0.25, 0.5]
    """
    return core.Tensor(np.fft.rfftfreq(n, d))
