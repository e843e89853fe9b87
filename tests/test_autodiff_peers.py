"""Derivative functions beside JAX, check_grads itself, and random compositions."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg

# --- against JAX

CASES = {
    "polynomial": (lambda np: lambda x: (3.0 * x**3 - 2.0 * x**2 + x).sum(), ((4,),)),
    "composite": (lambda np: lambda x: np.sum(np.sin(np.exp(x) * x) / (1.0 + x * x)), ((5,),)),
    "logistic": (lambda np: lambda w, x: np.mean(np.log1p(np.exp(-np.dot(x, w)))), ((3,), (6, 3))),
    "network": (
        lambda np: lambda w, v, x: np.mean((np.matmul(np.tanh(np.matmul(x, w)), v) - 0.5) ** 2),
        ((3, 4), (4, 1), (5, 3)),
    ),
    "softmax": (
        lambda np: lambda x: np.sum(np.exp(x - np.log(np.sum(np.exp(x), 1, keepdims=True))) ** 2),
        ((3, 4),),
    ),
    "broadcast": (
        lambda np: lambda a, b, c: np.sum((a + b) * c - a / (c * c + 1.0)),
        ((2, 1, 3), (4, 1), ()),
    ),
    "quadratic form": (lambda np: lambda x, a: np.dot(x, np.matmul(a, x)), ((4,), (4, 4))),
    "batched product": (lambda np: lambda a, b: np.sum(np.sin(np.matmul(a, b))), ((2, 3, 4), (4, 2))),
    "views": (
        lambda np: lambda x: np.sum(x[1:, ::2].T * np.reshape(x[:2, ::2], (2, 2))[::-1].T) + x[-1, 0] ** 3,
        ((3, 4),),
    ),
    "gather": (lambda np: lambda x: np.sum(np.take(x, np_indices, 0) ** 3 * 0.5), ((4, 2),)),
    "joined": (lambda np: lambda a, b: np.sum(np.concatenate([a, b * b, a], 0) ** 3), ((2, 3), (1, 3))),
    "branches": (
        lambda np: lambda x: np.sum(np.where(x > 0.1, x**2, np.sin(x)) + np.maximum(x, 0.3) * np.abs(x)),
        ((7,),),
    ),
    "extremes": (lambda np: lambda x: np.max(x) * np.min(x) + np.sum(np.max(x, 1) ** 2), ((3, 4),)),
    "powers": (lambda np: lambda a, b: np.sum((a * a + 0.5) ** b + np.sqrt(a * a + 1.0)), ((4,), (4,))),
    "rosenbrock": (
        lambda np: lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2),
        ((5,),),
    ),
}
np_indices = np.array([0, 3, 3, 1])


@pytest.fixture(scope="module")
def jax():
    module = pytest.importorskip("jax")
    module.config.update("jax_enable_x64", True)
    return module


@pytest.mark.parametrize("name", CASES)
def test_derivatives_agree_with_jax(jax, name):
    build, shapes = CASES[name]
    ours, theirs = build(fg.numpy), build(jax.numpy)
    args = [np.random.default_rng(zlib_seed(name, k)).normal(size=shape) for k, shape in enumerate(shapes)]
    every = tuple(range(len(args)))
    v = np.random.default_rng(1).normal(size=args[0].shape)

    def third(m, f, first, rest):
        once = lambda x: m.grad(lambda y: f(y, *rest))(x)
        twice = lambda x: m.grad(lambda y: (once(y) ** 2).sum())(x)
        return m.grad(lambda x: (twice(x) ** 2).sum())(first)

    @jax.jit
    def expectations(*args):
        first, *rest = args
        product = jax.jvp(jax.grad(lambda x: theirs(x, *rest)), (first,), (v,))[1]
        return (
            jax.value_and_grad(theirs, every)(*args),
            jax.hessian(theirs)(*args),
            product,
            third(jax, theirs, first, rest),
        )

    (their_value, their_gradients), hessian, product, their_third = expectations(*args)
    value, gradients = fg.value_and_grad(ours, every)(*args)
    close = functools.partial(np.testing.assert_allclose, rtol=1e-11, atol=1e-11)
    close(value, their_value)
    for g, t in zip(gradients, their_gradients, strict=True):
        close(g, t)
    close(fg.hessian(ours)(*args), hessian)
    close(fg.hvp(lambda x: ours(x, *args[1:]), args[0], v), product)
    close(fg.compile(fg.grad(fg.compile(ours)))(*args), their_gradients[0])
    close(third(fg, ours, args[0], args[1:]), their_third, rtol=1e-9)


def zlib_seed(name, k):
    return sum(map(ord, name)) * 10 + k


@pytest.mark.parametrize("name", ["composite", "network", "softmax", "broadcast"])
def test_single_precision_agrees_with_jax(jax, name):
    build, shapes = CASES[name]
    args = [np.random.default_rng(k).normal(size=shape).astype(np.float32) for k, shape in enumerate(shapes)]
    ours = fg.grad(build(fg.numpy), 0)(*args)
    theirs = jax.jit(jax.grad(build(jax.numpy), 0))(*args)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)
    assert fg.hessian(build(fg.numpy), 0)(*args).dtype == np.float32


@pytest.mark.parametrize("name", CASES)
def test_derivatives_agree_with_central_differences(name):
    build, shapes = CASES[name]
    if name == "extremes":
        args = (np.array([[0.1, 1.3, -0.7, 0.4], [2.1, -1.9, 0.3, 1.1], [0.9, -0.2, 1.7, -1.2]]),)
    else:
        args = tuple(
            np.random.default_rng(zlib_seed(name, k)).normal(size=shape) for k, shape in enumerate(shapes)
        )
    fg.check_grads(build(fg.numpy), args, order=3 if name != "rosenbrock" else 2, rtol=1e-4, atol=1e-4)


# --- check_grads itself


def test_check_grads_finds_wrong_derivatives():
    fg.check_grads(lambda x, p: fg.sin(x) * p["w"], (0.5, {"w": np.array([1.0, 2.0])}), order=3)
    fg.check_grads(lambda x: x * x, (fg.tensor([1.0, 2.0], dtype=np.float32),))  # in float64, whatever comes
    wrong_first = lambda x: x * x + fg.stop_gradient(x) * 0.01
    with pytest.raises(AssertionError, match=r"order 1.*tape gives.*central difference"):
        fg.check_grads(wrong_first, (0.7,))

    def wrong_second(x):
        slope = fg.stop_gradient(2.0 * x)
        return x * slope - fg.stop_gradient(x * slope) + fg.stop_gradient(x * x)

    fg.check_grads(wrong_second, (0.7,), order=1)
    with pytest.raises(AssertionError, match="order 2"):
        fg.check_grads(wrong_second, (0.7,), order=2)
    with pytest.raises(ValueError, match="order must be at least 1, got 0"):
        fg.check_grads(fg.sin, (0.7,), order=0)
    with pytest.raises(AssertionError):
        fg.check_grads(lambda x: fg.log(x), (-1.0,))  # not a number is not agreement


# --- random compositions

UNARY = [
    fg.sin,
    fg.cos,
    fg.tanh,
    fg.exp,
    fg.sigmoid,
    fg.softplus,
    lambda x: fg.log(x * x + 1.0),
    lambda x: x**3,
    lambda x: 1.0 / (x * x + 2.0),
]
BINARY = [
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a / (1.5 + fg.sin(b)),
    lambda a, b: (a * a + 1.0) ** b,
]


@st.composite
def expressions(draw, depth=4):
    """A function of one number, as a tree of operations."""
    kind = draw(st.sampled_from(["x", "number", "unary", "unary", "binary"])) if depth else "x"
    if kind == "x":
        return lambda x: x
    if kind == "number":
        number = draw(st.floats(-2.0, 2.0))
        return lambda x: number
    if kind == "unary":
        f, inner = draw(st.sampled_from(UNARY)), draw(expressions(depth=depth - 1))
        return lambda x: f(fg.tanh(inner(x)))
    f, left, right = (
        draw(st.sampled_from(BINARY)),
        draw(expressions(depth=depth - 1)),
        draw(expressions(depth=depth - 1)),
    )
    return lambda x: f(fg.sin(left(x)), fg.tanh(right(x)))


@settings(max_examples=150, deadline=None)
@given(expressions(), st.floats(-2.0, 2.0))
def test_random_functions_against_central_differences(f, x):
    h = 1e-4
    functions = [lambda v: f(v) * 1.0 + v * 0.0, fg.grad(f), fg.grad(fg.grad(f))]
    for g in functions:
        slope = float(fg.grad(g)(x))
        difference = (
            8 * (float(g(x + h)) - float(g(x - h))) - (float(g(x + 2 * h)) - float(g(x - 2 * h)))
        ) / (12 * h)
        assert slope == pytest.approx(difference, rel=1e-6, abs=1e-6)
        compiled = fg.compile(fg.grad(g))
        assert float(compiled(x)) == slope
        assert float(fg.grad(fg.compile(g))(x)) == slope
