"""Jacobians and Hessians by many sweeps at once: the numbers of single sweeps, whatever is in the way."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import _sweeps

X = np.linspace(-1.0, 1.2, 6).reshape(2, 3)
W = np.linspace(0.3, 1.1, 12).reshape(3, 4)


def f(x, w):
    h = fg.tanh(x @ w)
    return fg.concatenate([h.sum(axis=0) ** 2, x[0], fg.sort(h[1])[:2]])


def one_by_one(f, *args):
    """Rows of the Jacobian by the first argument, each by a gradient of its own."""
    n = f(*args).size
    return np.stack([fg.grad(lambda x, *others, i=i: f(x, *others)[i])(*args) for i in range(n)])


@pytest.mark.parametrize("transform", [fg.jacobian, fg.jacfwd])
@pytest.mark.parametrize("at_once", [1, 7, 13, 1 << 22])
def test_any_number_of_sweeps_at_once(transform, at_once, monkeypatch):
    monkeypatch.setattr(_sweeps, "_AT_ONCE", at_once)
    for g in (transform(f), fg.compile(transform(f))):
        np.testing.assert_allclose(g(X, W), one_by_one(f, X, W), rtol=1e-13, atol=1e-14)
    both = transform(f, argnums=(0, 1))(X, W)
    np.testing.assert_allclose(both[0], one_by_one(f, X, W), rtol=1e-13, atol=1e-14)
    swapped = one_by_one(lambda w, x: f(x, w), W, X)
    np.testing.assert_allclose(both[1], swapped, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("transform", [fg.jacobian, fg.jacfwd])
def test_results_that_do_not_depend_on_the_seed(transform):
    assert transform(lambda x: x * 0.0 + 1.0)(X).shape == (2, 3, 2, 3)
    np.testing.assert_array_equal(transform(lambda x: fg.stop_gradient(x) * 2.0)(X), np.zeros((2, 3, 2, 3)))
    np.testing.assert_array_equal(transform(lambda x: 3.0 * x)(X).reshape(6, 6), 3.0 * np.eye(6))
    assert transform(lambda x: x[:0])(X).shape == (0, 3, 2, 3)
    assert transform(lambda x: x.sum() * np.ones(2))(np.zeros((0, 3))).shape == (2, 0, 3)


def test_derivatives_of_jacobians():
    third = fg.jacobian(fg.hessian(lambda x: (x**3).prod() + fg.sin(x).sum()))
    x = np.array([0.4, 0.9, -0.6])
    h = 1e-5
    steps = np.eye(3) * h
    of = fg.hessian(lambda x: (x**3).prod() + fg.sin(x).sum())
    expected = np.stack([(of(x + d) - of(x - d)) / (2 * h) for d in steps], axis=-1)
    np.testing.assert_allclose(third(x), expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fg.compile(third)(x), third(x), rtol=1e-13)
    trace = fg.grad(lambda x: fg.trace(fg.hessian(lambda x: (x**4).sum())(x)))
    np.testing.assert_allclose(trace(x), 24 * x, rtol=1e-13)


def test_a_rule_that_reads_numbers_is_used_seed_by_seed():
    seen = []

    @fg.custom_vjp
    def clipped(x):
        return x * 2.0

    def backward(kept, g):
        seen.append(float(fg.asarray(g).sum()))  # cannot be recorded
        return (g * 2.0,)

    clipped.defvjp(lambda x: (clipped(x), None), backward)
    np.testing.assert_array_equal(fg.jacobian(clipped)(np.ones(3)), 2.0 * np.eye(3))
    assert seen[-3:] == [1.0, 1.0, 1.0]


def test_errors_of_a_rule_come_out():
    @fg.custom_vjp
    def broken(x):
        return x * 2.0

    broken.defvjp(lambda x: (broken(x), None), lambda kept, g: (g * "two",))
    with pytest.raises(TypeError):
        fg.jacobian(broken)(np.ones(3))


def test_loops_and_linear_algebra_on_the_way():
    def g(x):
        y = fg.scan(lambda c, _: (fg.sin(c) + x * c, c.sum()), x, length=3)
        return fg.concatenate([fg.linalg.solve(fg.eye(3) * 2.0 + fg.outer(x, x), y[0]), y[1]])

    x = np.array([0.2, -0.4, 0.7])
    for transform in (fg.jacobian, fg.jacfwd):
        np.testing.assert_allclose(transform(g)(x), one_by_one(g, x), rtol=1e-12)
        np.testing.assert_allclose(fg.compile(transform(g))(x), one_by_one(g, x), rtol=1e-12)
