"""Convolutions, and derivatives of sampled functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.shapes import flip, moveaxis
from fastgrad._native import core
from fastgrad._operands import as_tensor, places_of

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["convolve", "correlate", "gradient"]

_ops = core.ops
_signals = core.signals


def convolve(a: Any, v: Any, mode: str = "full") -> Tensor:
    """Return the convolution of two rows of numbers.

    Parameters
    ----------
    a, v : array_like
        (n,) and (m,). Integers become float64 (NumPy keeps them).
    mode : {"full", "same", "valid"}
        Wherever the two meet, n + m - 1 numbers; the max(n, m) in the middle of them; or where the shorter
        lies within the longer, max(n, m) - min(n, m) + 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.convolve([1.0, 2.0, 3.0], [1.0, 1.0]).tolist()
    [1.0, 3.0, 5.0, 3.0]
    """
    return _convolved(as_tensor(a), as_tensor(v), mode, "convolve")


def correlate(a: Any, v: Any, mode: str = "valid") -> Tensor:
    """Return the sums of products of two rows of numbers, the second moved along the first.

    Parameters
    ----------
    a, v : array_like
        (n,) and (m,). Integers become float64 (NumPy keeps them).
    mode : {"valid", "same", "full"}
        As for `convolve`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.correlate([1.0, 2.0, 3.0], [0.0, 1.0]).tolist()
    [2.0, 3.0]
    """
    v = as_tensor(v)
    return _convolved(as_tensor(a), flip(v) if v.ndim == 1 else v, mode, "correlate")


def _convolved(a: Tensor, v: Tensor, mode: str, name: str) -> Tensor:
    if mode not in {"full", "same", "valid"}:
        raise ValueError(f"{name}: mode must be 'full', 'same' or 'valid', got {mode!r}")
    if a.ndim != 1 or v.ndim != 1 or a.size == 0 or v.size == 0:
        raise ValueError(f"{name}: expected two rows of numbers, got shapes {a.shape} and {v.shape}")
    shorter, longer = sorted((a, v), key=lambda t: t.size)
    if mode == "valid":
        return _signals.convolve_valid(longer, shorter)
    full = _signals.convolve_full(a, v)
    if mode == "full":
        return full
    start = (shorter.size - 1) // 2
    if name == "correlate" and v.size > a.size and shorter.size % 2 == 0:
        start += 1  # NumPy turns the longer one around, and the result back
    return full[start : start + longer.size]


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return the derivative of a sampled function by finite differences.

    Parameters
    ----------
    f : array_like
        The samples. Integers become float64.
    *varargs : float or array_like
        The distance of samples, for all axes or one for each; or for an axis the places (n,) of its samples.
        1 by default.
    axis : int or sequence of int, optional
        The axes to differentiate along; by default all.
    edge_order : {1, 2}
        Order of the differences at the first and last sample; inside it is 2.

    Returns
    -------
    Tensor or tuple of Tensor
        Of the shape of `f`; one for each axis where there are several.

    Notes
    -----
    B. Fornberg, *Generation of finite difference formulas on arbitrarily spaced grids* (1988), as NumPy does.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.gradient([1.0, 4.0, 9.0, 16.0]).tolist()
    [3.0, 4.0, 6.0, 7.0]
    """
    t = as_tensor(f)
    if t.dtype.kind != "f":
        t = _ops.astype(t, np.float64)
    places = places_of(axis, t.ndim, "gradient")
    if edge_order not in {1, 2}:
        raise ValueError(f"gradient: edge_order must be 1 or 2, got {edge_order!r}")
    if len(varargs) not in {0, 1, len(places)} or (
        len(varargs) == 1 and np.ndim(varargs[0]) and len(places) > 1
    ):
        raise ValueError(
            f"gradient: expected one distance, or one for each of {len(places)} axes, got {len(varargs)}"
        )
    distances = varargs or (1.0,)
    distances = distances * len(places) if len(distances) == 1 else distances
    slopes = tuple(_slope(t, place, h, edge_order) for place, h in zip(places, distances, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slope(t: Tensor, place: int, distance: Any, edge_order: int) -> Tensor:
    n = t.shape[place]
    if n < edge_order + 1:
        raise ValueError(
            f"gradient: needs at least {edge_order + 1} samples along axis {place}, got shape {t.shape}"
        )
    y = moveaxis(t, place, -1)
    if np.ndim(distance) == 0:
        before = after = _ops.astype(distance, t.dtype)
        first, second, last, last_but_one = before, before, before, before
    else:
        x = _ops.astype(distance, t.dtype)
        if x.shape != (n,):
            raise ValueError(
                f"gradient: expected {n} places along axis {place} of shape {t.shape}, got shape {x.shape}"
            )
        steps = x[1:] - x[:-1]
        before, after = steps[:-1], steps[1:]
        first, last = steps[:1], steps[-1:]
        second, last_but_one = steps[1:2], steps[-2:-1]
    inside = _inside(y, before, after, np.ndim(distance) == 0)
    if edge_order == 1:
        start = (y[..., 1:2] - y[..., :1]) / first
        end = (y[..., -1:] - y[..., -2:-1]) / last
    else:
        start = _edge(y[..., :1], y[..., 1:2], y[..., 2:3], first, second)
        end = -_edge(y[..., -1:], y[..., -2:-1], y[..., -3:-2], last, last_but_one)
    return moveaxis(_ops.concatenate([start, inside, end], -1), -1, place)


def _inside(y: Tensor, before: Tensor, after: Tensor, even: bool) -> Tensor:
    if even:
        return (y[..., 2:] - y[..., :-2]) / (2.0 * before)
    low, middle, high = y[..., :-2], y[..., 1:-1], y[..., 2:]
    both = before + after
    return (
        -after / (before * both) * low
        + (after - before) / (before * after) * middle
        + before / (after * both) * high
    )


def _edge(y0: Tensor, y1: Tensor, y2: Tensor, h1: Tensor, h2: Tensor) -> Tensor:
    """The slope at y0 of the parabola through three samples, h1 and h2 apart."""
    both = h1 + h2
    return -(2.0 * h1 + h2) / (h1 * both) * y0 + both / (h1 * h2) * y1 - h1 / (h2 * both) * y2
