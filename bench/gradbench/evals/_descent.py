"""The descent that particle and saddle are solved by: steps grow while they go down, shrink when not."""

from collections.abc import Callable
from typing import Any

import fastgrad as fg

TOLERANCE = 1e-5
FIRST_RATE = 1e-5


def value_and_gradient(f: Callable[[Any], Any], mode: str) -> Callable[[Any], Any]:
    """Function that returns the value of f and its gradient, by mode "r", reverse, or "f", forward."""
    if mode == "r":
        return fg.value_and_grad(f)
    gradient = fg.jacfwd(f)
    return lambda x: (f(x), gradient(x))


def length(v: Any) -> Any:
    return fg.sqrt(fg.sum(v * v))


def argmin(f: Callable[[Any], Any], start: Any, mode: str) -> Any:
    """Where descent from start ends."""
    evaluate = value_and_gradient(f, mode)

    def goes_on(state: Any) -> Any:
        _, _, gradient, rate, _ = state
        size = length(gradient)
        return (size > TOLERANCE) & (rate * size > TOLERANCE)

    def step(state: Any) -> Any:
        x, value, gradient, rate, steps = state
        new = x - rate * gradient
        new_value, new_gradient = evaluate(new)
        down = new_value < value
        # After ten steps down the rate is doubled, and they are counted anew; after one up it is halved.
        steps = fg.where(down, steps + 1.0, 0.0)
        many = steps == 10.0
        return (
            fg.where(down, new, x),
            fg.where(down, new_value, value),
            fg.where(down, new_gradient, gradient),
            rate * fg.where(down, fg.where(many, 2.0, 1.0), 0.5),
            fg.where(many, 0.0, steps),
        )

    value, gradient = evaluate(start)
    return fg.while_loop(goes_on, step, (start, value, gradient, FIRST_RATE, 0.0))[0]


def argmax(f: Callable[[Any], Any], start: Any, mode: str) -> Any:
    """Where ascent from start ends."""
    return argmin(lambda x: -f(x), start, mode)
