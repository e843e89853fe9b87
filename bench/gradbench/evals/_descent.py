"""The descent that particle and saddle are solved by: steps grow while they go down, shrink when not."""

from collections.abc import Callable, Sequence
from typing import Any

import fastgrad as fg

TOLERANCE = 1e-5
FIRST_RATE = 1e-5


def gradient_of(f: Callable[..., Any], count: int, mode: str) -> Callable[..., Any]:
    """Function of so many numbers that returns the gradient of f, by mode "r", reverse, or "f", forward."""
    return (fg.grad if mode == "r" else fg.jacfwd)(f, range(count))


def value_and_gradient_of(f: Callable[..., Any], count: int, mode: str) -> Callable[..., Any]:
    """The same with the value of f in front."""
    if mode == "r":
        return fg.value_and_grad(f, range(count))
    gradient = gradient_of(f, count, mode)
    return lambda *x: (f(*x), gradient(*x))


def length(v: Sequence[Any]) -> Any:
    return fg.sqrt(sum(s * s for s in v))


def argmin(f: Callable[..., Any], start: Sequence[Any], mode: str) -> tuple[Any, ...]:
    """Where descent from start ends; f takes as many numbers as that has."""
    evaluate = value_and_gradient_of(f, len(start), mode)

    def goes_on(state: Any) -> Any:
        _, _, gradient, rate, _ = state
        size = length(gradient)
        return (size > TOLERANCE) & (rate * size > TOLERANCE)

    def step(state: Any) -> Any:
        x, value, gradient, rate, steps = state
        new = tuple(s - rate * slope for s, slope in zip(x, gradient, strict=True))
        new_value, new_gradient = evaluate(*new)
        down = new_value < value
        # After ten steps down the rate is doubled, and they are counted anew; after one up it is halved.
        steps = fg.where(down, steps + 1.0, 0.0)
        many = steps == 10.0
        return (
            tuple(fg.where(down, s, t) for s, t in zip(new, x, strict=True)),
            fg.where(down, new_value, value),
            tuple(fg.where(down, s, t) for s, t in zip(new_gradient, gradient, strict=True)),
            rate * fg.where(down, fg.where(many, 2.0, 1.0), 0.5),
            fg.where(many, 0.0, steps),
        )

    value, gradient = evaluate(*start)
    found: tuple[Any, ...] = fg.while_loop(
        goes_on, step, (tuple(start), value, tuple(gradient), FIRST_RATE, 0.0)
    )[0]
    return found


def argmax(f: Callable[..., Any], start: Sequence[Any], mode: str) -> tuple[Any, ...]:
    """Where ascent from start ends."""
    return argmin(lambda *x: -f(*x), start, mode)
