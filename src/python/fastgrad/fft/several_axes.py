"""Fourier transforms along several axes, and what goes with them: shifts and frequencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._complex_tensor import ComplexTensor, as_complex
from fastgrad._functions.shapes import roll
from fastgrad._native import core
from fastgrad._operands import places_of
from fastgrad.fft.one_axis import fft, ifft, irfft, numbers_of, rfft

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "ifft2",
    "ifftn",
    "ifftshift",
    "irfft2",
    "irfftn",
    "rfft2",
    "rfftfreq",
    "rfftn",
]


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
    x = numbers_of(a)
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
    x = numbers_of(a)
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
    x = numbers_of(a)
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
    x = as_complex(numbers_of(a))
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
    t = numbers_of(x)
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
