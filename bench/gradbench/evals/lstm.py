"""A long short-term memory with diagonal weights that predicts the bits of a text: loss and gradient."""

from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.protocol import Function


def layer(weights: Any, biases: Any, hidden: Any, cell: Any, x: Any) -> Any:
    """What a layer gives at each step (c, b) for its inputs x (c, b); weights and biases are (4, b)."""
    w_forget, w_in, w_out, w_change = weights
    b_forget, b_in, b_out, b_change = biases
    # These two gates see the input alone: they are there for all steps at once.
    forget = fg.sigmoid(x * w_forget + b_forget)
    out = fg.sigmoid(x * w_out + b_out)

    def step(state: Any, gates: Any) -> Any:
        (hidden, cell), (forget, out) = state, gates
        change = fg.sigmoid(hidden * w_in + b_in) * fg.tanh(hidden * w_change + b_change)
        cell = cell * forget + change
        hidden = out * fg.tanh(cell)
        return (hidden, cell), hidden

    return fg.scan(step, (hidden, cell), (forget, out))[1]


def loss(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    """Of parameters main (2 l, 4 b) and extra (3, b), a first state (2 l, b) and bits sequence (c, b)."""
    b = sequence.shape[1]
    x = sequence[:-1] * extra[0]
    for i in range(0, main.shape[0], 2):
        weights, biases = main[i].reshape(4, b), main[i + 1].reshape(4, b)
        x = layer(weights, biases, state[i], state[i + 1], x)
    y = x * extra[1] + extra[2]
    z = y - fg.log(2.0 + fg.sum(fg.exp(y), axis=1, keepdims=True))
    return -fg.mean(sequence[1:] * z)


def prepare(given: Any) -> tuple[Any, ...]:
    return tuple(
        np.array(given[name], float) for name in ("main_params", "extra_params", "state", "sequence")
    )


def finish(gradient: Any) -> Any:
    return np.concatenate([part.ravel() for part in gradient]).tolist()


FUNCTIONS = {
    "objective": Function(fg.compile(loss), prepare, float),
    "jacobian": Function(fg.compile(fg.grad(loss, (0, 1))), prepare, finish),
}
