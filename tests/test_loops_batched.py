"""Loops and branches for a batch of examples: the numbers and gradients of one example after the other."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import random

X = np.array([0.7, -0.4, 1.9, 0.1])
XS = np.linspace(-1.0, 1.5, 12).reshape(4, 3)


def scanned(w, xs):
    last, ys = fg.scan(lambda c, x: (fg.tanh(w * c + x), (c * c, w, x)), 0.3, xs)
    return last + (ys[0] * ys[2]).sum() + ys[1].sum()


def backwards(w, xs):
    last, ys = fg.scan(
        lambda c, x: ({"a": c["b"], "b": c["a"] * w + x}, c["a"]), {"a": 1.0, "b": w}, xs, reverse=True
    )
    return last["b"] * (ys * xs).sum()


def newton(a, _):
    return fg.while_loop(lambda x: abs(x * x - a * a - 1) > 1e-13, lambda x: (x + (a * a + 1) / x) / 2, 5.0)


def growing(w, xs):
    def body(s):
        c, i = s
        return c * 1.3 + w * w + 0.01 * c * xs[0], i + 1

    c, i = fg.while_loop(lambda s: s[0] < 20.0, body, (1.0, 0))
    return c * w + i


def counted(w, xs):
    """Rounds that are the same for all."""
    return fg.while_loop(lambda s: s[1] < 5, lambda s: (fg.sin(s[0] * w) + xs[1], s[1] + 1), (w, 0))[0]


def branching(w, xs):
    return fg.cond(w > 0.5, lambda w: fg.sqrt(w * w + 1.0) * xs.sum(), lambda w: w**3 + xs[0], w)


def nested(w, xs):
    def body(c, x):
        inner = fg.while_loop(lambda t: t < 3.0, lambda t: t * 1.5 + w * w, abs(c) + 0.1)
        return fg.cond(inner > 4.0, lambda t: fg.sin(t) * w, lambda t: t * 0.1 + x, inner), inner

    last, ys = fg.scan(body, w, xs)
    return last + ys.sum()


FUNCTIONS = [scanned, backwards, newton, growing, counted, branching, nested]
AXES = {"both": (0, 0), "the first": (0, None), "the second": (None, 0)}


def one_by_one(f, axes, x, xs):
    return np.stack(
        [
            np.asarray(f(x[i] if axes[0] == 0 else x[0], xs[i] if axes[1] == 0 else xs[0]))
            for i in range(len(x))
        ]
    )


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES.keys())
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_batches(f, axes):
    x, xs = (X if axes[0] == 0 else X[0]), (XS if axes[1] == 0 else XS[0])

    def value(a, b):
        return fg.asarray(f(a, b)) if not isinstance(f(a, b), fg.Tensor) else f(a, b)

    orders = {
        "value": lambda a, b: value(a, b),
        "gradient": fg.grad(f),
        "second": fg.grad(fg.grad(f)),
    }
    for name, g in orders.items():
        expected = one_by_one(lambda a, b, g=g: np.asarray(fg.compile(g)(a, b)), axes, X, XS)
        for h in (fg.vmap(g, in_axes=axes), fg.compile(fg.vmap(g, in_axes=axes))):
            got = np.asarray(h(x, xs))
            np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_gradients_through_a_batch(f):
    total = lambda w, xs: (fg.vmap(f, in_axes=(0, None))(w, xs) * np.arange(1.0, 5.0)).sum()
    g = fg.grad(total)
    expected = [fg.grad(f)(w, XS[0]) * (i + 1.0) for i, w in enumerate(X)]
    np.testing.assert_allclose(g(X, XS[0]), expected, rtol=1e-9)
    np.testing.assert_allclose(fg.compile(g)(X, XS[0]), expected, rtol=1e-9)


def test_a_batch_inside_a_loop():
    def f(w):
        def body(c, x):
            return fg.vmap(lambda a, b: a * b + w, in_axes=(0, None))(c, x), None

        return fg.scan(body, np.ones(3), XS[0])[0].sum()

    c = np.ones(3)
    for x in XS[0]:
        c = c * x + 0.5
    for g in (f, fg.compile(f)):
        np.testing.assert_allclose(np.asarray(g(0.5)), c.sum())
    np.testing.assert_allclose(fg.grad(f)(0.5), 3 * (1 + XS[0, 2] + XS[0, 2] * XS[0, 1]))


def test_every_example_draws():
    state = random.get_state()
    f = lambda x: fg.scan(lambda c, v: (c + random.uniform(), random.uniform()), x, length=5)
    fg.manual_seed(1)
    last, ys = fg.vmap(f)(np.zeros(4))
    assert len(np.unique(ys)) == 20
    fg.manual_seed(1)
    again, _ = fg.compile(fg.vmap(f))(np.zeros(4))
    np.testing.assert_array_equal(again, last)

    def g(w):
        return fg.while_loop(lambda s: s[1] < 4, lambda s: (s[0] * w + random.normal(), s[1] + 1), (1.0, 0))[
            0
        ]

    slopes, values = [], []
    for w in (X, X - 1e-6, X + 1e-6):
        fg.manual_seed(2)
        values.append(fg.vmap(g)(w))
    fg.manual_seed(2)
    slopes = fg.vmap(fg.grad(g))(X)
    np.testing.assert_allclose(slopes, (values[2] - values[1]) / 2e-6, rtol=1e-6, atol=1e-6)
    random.set_state(state)
