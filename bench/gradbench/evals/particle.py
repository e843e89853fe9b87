"""A charged particle flies past two charges, of which one is to be placed so that it falls into the origin.

Its acceleration is a gradient, and the place is found by descent on a gradient through the whole flight.
"""

from typing import Any

import fastgrad as fg
from bench.gradbench.evals._descent import argmin, gradient_of, length
from bench.gradbench.protocol import Function

STEP = 0.1


def miss(w: Any, mode: str) -> Any:
    """How far from the origin the particle falls, squared; one charge is at (10, 10 - w), one at (10, 0)."""
    charges = ((10.0, 10.0 - w), (10.0, 0.0))

    def potential(x: Any, y: Any) -> Any:
        return sum(1.0 / length((x - s, y - t)) for s, t in charges)

    slope = gradient_of(potential, 2, mode)

    def fly(state: Any) -> Any:
        x, y, vx, vy = state
        ax, ay = slope(x, y)
        return x + STEP * vx, y + STEP * vy, vx - STEP * ax, vy - STEP * ay

    def stays_above(state: Any) -> Any:
        _, y, _, vy = state
        return y + STEP * vy > 0.0

    x, y, vx, vy = fg.while_loop(stays_above, fly, (0.0, 8.0, 0.75, 0.0))
    x, y = x + STEP * vx, y + STEP * vy
    return (x - y / vy * vx) ** 2


def place(w: Any, modes: str) -> Any:
    outer, inner = modes
    return argmin(lambda w: miss(w, inner), (w,), outer)[0]


def prepare(given: Any) -> tuple[Any, ...]:
    return (float(given["w"]),)


def of_modes(modes: str) -> Function:
    return Function(fg.compile(lambda w: place(w, modes)), prepare, float)


FUNCTIONS = {modes: of_modes(modes) for modes in ("rr", "ff", "fr", "rf")}
