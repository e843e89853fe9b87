"""A charged particle flies past two charges, of which one is to be placed so that it falls into the origin.

Its acceleration is a gradient, and the place is found by descent on a gradient through the whole flight.
"""

from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.evals._descent import argmin, length, value_and_gradient
from bench.gradbench.protocol import Function

STEP = 0.1


def miss(w: Any, mode: str) -> Any:
    """How far from the origin the particle falls, squared; one charge is at (10, 10 - w), one at (10, 0)."""
    moved = w * np.array([0.0, -1.0]) + np.array([10.0, 10.0])

    def potential(x: Any) -> Any:
        return 1.0 / length(x - moved) + 1.0 / length(x - np.array([10.0, 0.0]))

    def fly(state: Any) -> Any:
        x, v = state
        _, slope = value_and_gradient(potential, mode)(x)
        return x + STEP * v, v - STEP * slope

    def is_above(state: Any) -> Any:
        x, v = state
        return x[1] + STEP * v[1] > 0.0

    x, v = fg.while_loop(is_above, fly, (np.array([0.0, 8.0]), np.array([0.75, 0.0])))
    x = x + STEP * v
    return (x[0] - x[1] / v[1] * v[0]) ** 2


def place(w: Any, modes: str) -> Any:
    outer, inner = modes
    return argmin(lambda w: miss(w, inner), w, outer)


def prepare(given: Any) -> tuple[Any, ...]:
    return (float(given["w"]),)


def of_modes(modes: str) -> Function:
    return Function(fg.compile(lambda w: place(w, modes)), prepare, float)


FUNCTIONS = {modes: of_modes(modes) for modes in ("rr", "ff", "fr", "rf")}
