"""A saddle point by descent on the maximum that an ascent finds: an iteration is differentiated."""

from typing import Any

import fastgrad as fg
from bench.gradbench.evals._descent import argmax, argmin
from bench.gradbench.protocol import Function


def height(x: Any, y: Any) -> Any:
    return sum(s * s for s in x) - sum(s * s for s in y)


def saddle_point(start: Any, modes: str) -> Any:
    """The x that makes the largest height over all y smallest, and that y: four numbers."""
    outer, inner = modes

    def highest(*x: Any) -> Any:
        return argmax(lambda *y: height(x, y), start, inner)

    x = argmin(lambda *x: height(x, highest(*x)), start, outer)
    return (*x, *highest(*x))


def prepare(given: Any) -> tuple[Any, ...]:
    return (tuple(float(s) for s in given["start"]),)


def finish(numbers: Any) -> Any:
    return [float(s) for s in numbers]


def of_modes(modes: str) -> Function:
    return Function(fg.compile(lambda start: saddle_point(start, modes)), prepare, finish)


FUNCTIONS = {modes: of_modes(modes) for modes in ("rr", "ff", "fr", "rf")}
