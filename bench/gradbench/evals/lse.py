"""The logarithm of a sum of exponentials, written out, and its gradient."""

from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.protocol import Function


def log_sum_exp(x: Any) -> Any:
    largest = fg.stop_gradient(fg.max(x))  # whatever is taken off is added again: it has no derivative
    return largest + fg.log(fg.sum(fg.exp(x - largest)))


def prepare(given: Any) -> tuple[Any, ...]:
    return (np.array(given["x"], float),)


FUNCTIONS = {
    "primal": Function(fg.compile(log_sum_exp), prepare, float),
    "gradient": Function(fg.compile(fg.grad(log_sum_exp)), prepare, np.ndarray.tolist),
}
