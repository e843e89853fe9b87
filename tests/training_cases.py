"""A small regression and the models that the tests of training share."""

from __future__ import annotations

import contextlib
import signal
import threading
import time

import numpy as np

import fastgrad as fg

RNG = np.random.default_rng(11)
X = RNG.normal(size=(70, 3))
Y = np.tanh(X @ [1.0, -2.0, 0.5]) + 0.1
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)


def mlp(dtype="float32", outputs=1):
    fg.manual_seed(3)
    return fg.nn.MLP(3, [8, 5], outputs, activation="tanh").to(dtype)


def numbers(model):
    return [values.copy() for values in model.state_dict().values()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(numbers(a), numbers(b), strict=True))


def silent(model, X, y=None, **keywords):
    return fg.fit(model, X, y, **{"progress": False, "seed": 0, "epochs": 3, **keywords})


@contextlib.contextmanager
def interrupted(after):
    """Raise SIGINT after so many seconds; yields a function that tells how long ago that was.

    A process that a script started in the background ignores SIGINT: it is made to raise meanwhile.
    """
    raised = []

    def run():
        raised.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    timer = threading.Timer(after, run)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        yield lambda: time.monotonic() - raised[-1]
    finally:
        timer.cancel()
        timer.join()
        signal.signal(signal.SIGINT, before)
