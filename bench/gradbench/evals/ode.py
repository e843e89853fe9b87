"""A chain of differential equations by the classical Runge-Kutta method; the gradient of its last value."""

from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.protocol import Function


def solve(x: Any, steps: int) -> Any:
    """Where y (n,) is at time 2, with y_0' = x_0 and y_i' = x_i y_(i-1), from zeros."""
    h = 2.0 / steps

    def slope(y: Any) -> Any:
        return x * fg.concatenate([np.ones(1), y[:-1]])

    def step(y: Any, _: Any) -> Any:
        k1 = slope(y)
        k2 = slope(y + (h / 2.0) * k1)
        k3 = slope(y + (h / 2.0) * k2)
        k4 = slope(y + h * k3)
        return y + (h / 6.0) * (k1 + 2.0 * (k2 + k3) + k4), None

    return fg.scan(step, np.zeros(x.shape), None, length=steps)[0]


def last(x: Any, steps: int) -> Any:
    return solve(x, steps)[-1]


def prepare(given: Any) -> tuple[Any, ...]:
    return np.array(given["x"], float), int(given["s"])


FUNCTIONS = {
    "primal": Function(fg.compile(solve), prepare, np.ndarray.tolist),
    "gradient": Function(fg.compile(fg.grad(last)), prepare, np.ndarray.tolist),
}
