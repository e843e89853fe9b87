"""Derivatives held against central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastgrad import _nest
from fastgrad._native import core
from fastgrad.autodiff import grad


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    directions: int = 3,
    seed: int = 0,
) -> None:
    """Compares derivatives of `f` with central differences along random directions, in float64.

    Parameters
    ----------
    f : callable
        Takes `args`, returns a tensor of any shape.
    args : sequence
        Numbers, arrays or nests of them; all are differentiated by.
    order : int, default 2
        Up to which derivative: 1 checks the gradient, 2 also the gradient of the gradient.
    rtol, atol : float
        How far the two may lie apart: ``atol + rtol * |difference quotient|``.
    directions : int, default 3
        How many random directions per order.
    seed : int, default 0
        Of the random directions and of the weights that make one number of an array output.

    Raises
    ------
    AssertionError
        If a derivative does not agree; the message gives both numbers, the order and the direction.
    ValueError
        If `order` is less than 1.

    Notes
    -----
    Central differences (f(x + h d) - f(x - h d)) / 2h with h = eps^(1/3): Nocedal and Wright, *Numerical
    Optimization*, 2nd ed., section 8.1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.check_grads(lambda x: fg.sin(x) * x, (0.7,))
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    rng = np.random.default_rng(seed)
    leaves, structure = _nest.flatten(tuple(args))
    at = [
        np.array(leaf.detach() if isinstance(leaf, core.Tensor) else leaf, dtype=np.float64)
        for leaf in leaves
    ]
    weights: list[Any] = []

    def scalar(*values: Any) -> Any:
        out = f(*_nest.unflatten(structure, list(values)))
        if not weights:
            weights.append(rng.uniform(0.5, 1.5, size=np.shape(out)))
        return core.ops.sum(core.ops.multiply(out, weights[0]))

    for k in range(1, order + 1):
        for _ in range(directions):
            direction = [rng.standard_normal(a.shape) for a in at]
            _compare(scalar, at, direction, k, rtol, atol)
        scalar = _along(scalar, [rng.standard_normal(a.shape) for a in at])


def _along(f: Callable[..., Any], direction: list[Any]) -> Callable[..., Any]:
    """The derivative of f along a direction, as a function that can be differentiated again."""

    def derivative(*values: Any) -> Any:
        flows = grad(f, tuple(range(len(values))))(*values)
        total: Any = 0.0
        for g, d in zip(flows, direction, strict=True):
            total = total + core.ops.sum(core.ops.multiply(g, d))
        return total

    return derivative


def _compare(
    f: Callable[..., Any], at: list[Any], direction: list[Any], order: int, rtol: float, atol: float
) -> None:
    scale = max([1.0, *(float(np.max(np.abs(a), initial=0.0)) for a in at)])
    h = np.cbrt(np.finfo(np.float64).eps) * scale

    def value(step: float) -> float:
        return float(f(*[a + step * d for a, d in zip(at, direction, strict=True)]))

    expected = (value(h) - value(-h)) / (2 * h)
    found = float(_along(f, direction)(*at))
    if not abs(found - expected) <= atol + rtol * abs(expected):
        raise AssertionError(
            f"derivative of order {order}: the tape gives {found!r}, the central difference {expected!r} "
            f"(difference {abs(found - expected):.3g}) along {direction}"
        )
