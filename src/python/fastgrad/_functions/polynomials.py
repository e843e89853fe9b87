"""Polynomials as rows of coefficients, the highest power first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.counting import values_of
from fastgrad._functions.joining import pad, stack
from fastgrad._functions.shapes import ravel
from fastgrad._functions.signals import convolve
from fastgrad._native import core
from fastgrad._operands import as_floating, as_tensor, filled

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "poly",
    "polyadd",
    "polyder",
    "polydiv",
    "polyfit",
    "polyint",
    "polymul",
    "polysub",
    "polyval",
    "roots",
    "vander",
]

_ops = core.ops


def _coefficients(p: Any, op: str) -> Tensor:
    t = as_tensor(p)
    if t.ndim > 1:
        raise ValueError(f"{op}: expected coefficients of one dimension, got shape {t.shape}")
    return ravel(t)


def polyval(p: Any, x: Any) -> Tensor:
    """Return values of a polynomial, by Horner's scheme.

    Parameters
    ----------
    p : array_like
        (n,): coefficients, the highest power first.
    x : array_like
        Any shape.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.polyval([3.0, 0.0, 1.0], 2.0).item()
    13.0
    """
    coefficients, t = _coefficients(p, "polyval"), as_tensor(x)
    value = _ops.multiply(t, 0)
    for i in range(coefficients.size):
        value = _ops.add(_ops.multiply(value, t), coefficients[i])
    return value


def polyadd(a1: Any, a2: Any) -> Tensor:
    """Return the sum of two polynomials.

    Parameters
    ----------
    a1, a2 : array_like
        Coefficients, the highest power first.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.polyadd([1.0, 2.0], [5.0]).tolist()
    [1.0, 7.0]
    """
    return _ops.add(*_of_one_length(a1, a2, "polyadd"))


def polysub(a1: Any, a2: Any) -> Tensor:
    """Return the difference of two polynomials.

    Parameters
    ----------
    a1, a2
        As for `polyadd`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.polysub([1.0, 2.0], [5.0]).tolist()
    [1.0, -3.0]
    """
    return _ops.subtract(*_of_one_length(a1, a2, "polysub"))


def _of_one_length(a1: Any, a2: Any, op: str) -> tuple[Tensor, Tensor]:
    a, b = _coefficients(a1, op), _coefficients(a2, op)
    size = max(a.size, b.size)
    return pad(a, (size - a.size, 0)), pad(b, (size - b.size, 0))


def polymul(a1: Any, a2: Any) -> Tensor:
    """Return the product of two polynomials.

    Parameters
    ----------
    a1, a2
        As for `polyadd`. Leading zeros stay (NumPy takes them away).

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.polymul([1.0, 2.0], [1.0, -2.0]).tolist()
    [1.0, 0.0, -4.0]
    """
    return convolve(_coefficients(a1, "polymul"), _coefficients(a2, "polymul"))


def polydiv(u: Any, v: Any) -> tuple[Tensor, Tensor]:
    """Return the quotient and the remainder of two polynomials.

    Parameters
    ----------
    u, v : array_like
        Coefficients, the highest power first; the first of `v` is not 0.

    Returns
    -------
    quotient, remainder : Tensor
        The remainder has as many coefficients as `v`, but for the first (NumPy takes leading zeros away).

    Examples
    --------
    >>> import fastgrad as fg
    >>> quotient, remainder = fg.polydiv([1.0, 0.0, -3.0], [1.0, 2.0])
    >>> quotient.tolist(), remainder.tolist()
    ([1.0, -2.0], [1.0])
    """
    rest, divisor = _coefficients(u, "polydiv") * 1.0, _coefficients(v, "polydiv") * 1.0
    m, n = rest.size - 1, divisor.size - 1
    if n < 0 or m < 0:
        raise ValueError("polydiv: expected at least one coefficient each")
    quotient = []
    for _ in range(m - n + 1):
        factor = rest[0] / divisor[0]
        quotient.append(factor)
        rest = _ops.concatenate([rest[1 : n + 1] - factor * divisor[1:], rest[n + 1 :]])
    made = stack(quotient) if quotient else rest[:1] * 0.0
    return made, rest if rest.size else made[:1] * 0.0


def polyder(p: Any, m: int = 1) -> Tensor:
    """Return the derivative of a polynomial.

    Parameters
    ----------
    p : array_like
        Coefficients, the highest power first.
    m : int, default 1
        How many times.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.polyder([3.0, 2.0, 1.0]).tolist()
    [6.0, 2.0]
    """
    t = _coefficients(p, "polyder")
    if m < 0:
        raise ValueError(f"polyder: m must not be negative, got {m}")
    for _ in range(m):
        t = t[:-1] * np.arange(t.size - 1, 0, -1) if t.size > 1 else t[:0]
    return t


def polyint(p: Any, m: int = 1, k: Any = None) -> Tensor:
    """Return an integral of a polynomial.

    Parameters
    ----------
    p : array_like
        Coefficients, the highest power first.
    m : int, default 1
        How many times.
    k : array_like, optional
        The constants, one for each time; 0 by default. Gradients flow to them.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.polyint([6.0, 2.0], k=5.0).tolist()
    [3.0, 2.0, 5.0]
    """
    t = _coefficients(p, "polyint")
    t = as_floating(t)
    if m < 0:
        raise ValueError(f"polyint: m must not be negative, got {m}")
    constants = filled(t, 0, (m,)) if k is None else as_tensor(k)
    constants = _ops.broadcast_to(constants, (m,)) if constants.size == 1 else constants
    if constants.shape != (m,):
        raise ValueError(
            f"polyint: k has shape {constants.shape}, expected ({m},), one constant for each time"
        )
    for i in range(m):
        t = _ops.concatenate([t / np.arange(t.size, 0, -1, dtype=t.dtype), constants[i : i + 1]])
    return t


def poly(seq_of_zeros: Any) -> Tensor:
    """Return the polynomial with given roots, and first coefficient 1.

    Parameters
    ----------
    seq_of_zeros : array_like
        (n,): the roots.

    Returns
    -------
    Tensor
        (n + 1,)

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.poly([1.0, 2.0]).tolist()
    [1.0, -3.0, 2.0]
    """
    zeros = as_tensor(seq_of_zeros)
    if zeros.ndim > 1:
        raise ValueError(f"poly: expected roots of one dimension, got shape {zeros.shape}")
    zeros = ravel(as_floating(zeros))
    product = filled(zeros, 1, (1,))
    none = filled(zeros, 0, (1,))
    for i in range(zeros.size):
        product = _ops.concatenate([product, none]) - zeros[i] * _ops.concatenate([none, product])
    return product


def roots(p: Any) -> Any:
    """Return the roots of a polynomial: the eigenvalues of its companion matrix.

    Parameters
    ----------
    p : array_like
        Coefficients, the highest power first. Zeros at either end are taken away, which reads values: not
        while recording.

    Returns
    -------
    ComplexTensor
        Gradients are those of simple roots.

    Examples
    --------
    >>> import fastgrad as fg
    >>> sorted(fg.numpy.roots([1.0, -3.0, 2.0]).real.numpy().round(6).tolist())
    [1.0, 2.0]
    """
    from fastgrad._complex_tensor import ComplexTensor, as_complex
    from fastgrad.linalg import eigvals

    t = _coefficients(p, "roots") * 1.0
    places = np.flatnonzero(values_of(t, "roots"))
    if places.size == 0:
        return as_complex(t[:0])
    zeros = t.size - places[-1] - 1
    t = t[places[0] : places[-1] + 1]
    n = t.size - 1
    if n == 0:
        return as_complex(filled(t, 0, (int(zeros),)))
    first = _ops.reshape(-t[1:] / t[0], (1, n))
    below = core.Tensor(np.eye(n - 1, n, dtype=t.dtype))
    found = eigvals(_ops.concatenate([first, below], 0))
    if not zeros:
        return found
    none = filled(t, 0, (int(zeros),))
    return ComplexTensor(_ops.concatenate([found.real, none]), _ops.concatenate([found.imag, none]))


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the matrix of powers of numbers.

    Parameters
    ----------
    x : array_like
        (n,)
    N : int, optional
        How many powers, from 0 on; n by default.
    increasing : bool, default False
        Whether powers increase from left to right.

    Returns
    -------
    Tensor
        (n, N)

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.vander([2.0, 3.0], 3).tolist()
    [[4.0, 2.0, 1.0], [9.0, 3.0, 1.0]]
    """
    t = as_tensor(x)
    if t.ndim != 1:
        raise ValueError(f"vander: expected one dimension, got shape {t.shape}")
    t = _ops.astype(t, np.int64) if t.dtype == bool else t
    count = t.size if N is None else N
    powers = [filled(t, 1, t.shape)]
    for _ in range(1, count):
        powers.append(_ops.multiply(powers[-1], t))
    powers = powers[:count]
    if not powers:
        return _ops.reshape(t[:0], (t.size, 0))
    return stack(powers if increasing else powers[::-1], 1)


def polyfit(x: Any, y: Any, deg: int, rcond: float | None = None, w: Any = None) -> Tensor:
    """Return the polynomial that comes closest to points, by least squares.

    Parameters
    ----------
    x : array_like
        (points,)
    y : array_like
        (points,), or (points, k) for k polynomials. Gradients flow to `x`, `y` and `w`.
    deg : int
        The highest power.
    rcond : float, optional
        Singular values up to this fraction of the largest count as zero; by default the rounding of the
        dtype times the number of points.
    w : array_like, optional
        (points,): weights of the distances, which are squared after that.

    Returns
    -------
    Tensor
        (deg + 1,) or (deg + 1, k), the highest power first.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.polyfit([0.0, 1.0, 2.0], [1.0, 3.0, 5.0], 1).numpy().round(6).tolist()
    [2.0, 1.0]
    """
    from fastgrad.linalg import lstsq

    places, values = as_tensor(x) * 1.0, as_tensor(y) * 1.0
    if places.ndim != 1 or values.ndim not in {1, 2} or values.shape[0] != places.size or places.size == 0:
        raise ValueError(
            f"polyfit: expected x (points,) and y (points,) or (points, k), got shapes {places.shape} and "
            f"{values.shape}"
        )
    if deg < 0:
        raise ValueError(f"polyfit: deg must not be negative, got {deg}")
    left = vander(places, deg + 1)
    if w is not None:
        weights = as_tensor(w)
        if weights.shape != places.shape:
            raise ValueError(f"polyfit: w has shape {weights.shape}, expected {places.shape}")
        column = _ops.reshape(weights, (-1, 1))
        left = left * column
        values = values * (column if values.ndim == 2 else weights)
    # Columns of length 1, so that the powers are equally large.
    scale = _ops.sqrt(_ops.sum(_ops.square(left), 0))
    cutoff = places.size * float(np.finfo(left.dtype).eps) if rcond is None else rcond
    found = lstsq(left / scale, values, cutoff).x
    return found / (_ops.reshape(scale, (-1, 1)) if found.ndim == 2 else scale)
