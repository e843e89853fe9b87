"""A polynomial of many terms fitted to the sign function: half the sum of squares, and its gradient."""

from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.protocol import Function


def half_square_error(x: Any, last: Any, n: int) -> Any:
    """Of coefficients x (m,), at n points from -1 to 1; ``last`` is n - 1."""
    t = -1.0 + 2.0 * np.arange(n) / last  # (n,)
    powers = fg.cumprod(fg.broadcast_to(t, (x.shape[0] - 1, n)), axis=0)  # t, t^2, ... (m - 1, n)
    residual = fg.sign(t) - x[0] - x[1:] @ powers
    return 0.5 * fg.sum(residual**2)


def prepare(given: Any) -> tuple[Any, ...]:
    # n - 1 comes as a number, not as a constant, of which the powers would be computed once and for all.
    return np.array(given["x"], float), float(given["n"] - 1), int(given["n"])


FUNCTIONS = {
    "primal": Function(fg.compile(half_square_error), prepare, float),
    "gradient": Function(fg.compile(fg.grad(half_square_error)), prepare, np.ndarray.tolist),
}
