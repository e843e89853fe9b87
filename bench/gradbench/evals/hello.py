"""A number squared, and the derivative of that."""

from typing import Any

import fastgrad as fg
from bench.gradbench.protocol import Function


def square(x: Any) -> Any:
    return x * x


FUNCTIONS = {
    "square": Function(fg.compile(square), lambda given: (float(given),), float),
    "double": Function(fg.compile(fg.grad(square)), lambda given: (float(given),), float),
}
