"""Loops and branches against JAX: values, gradients, second derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg

jax = pytest.importorskip("jax")
jnp, lax = jax.numpy, jax.lax


@pytest.fixture(autouse=True)
def doubles():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


rng = np.random.default_rng(5)
W, U = rng.normal(size=(3, 3)) * 0.5, rng.normal(size=(3, 2))
XS, H = rng.normal(size=(7, 2)), rng.normal(size=3)


def rnn(m, scan, w, u, xs, h, reverse):
    def cell(c, x):
        new = m.tanh(w @ c["h"] + u @ x)
        return {"h": new, "n": c["n"] + 1.0}, (new, c["h"] * c["n"])

    last, (ys, zs) = scan(cell, {"h": h, "n": 1.0}, xs, reverse=reverse)
    return (last["h"] ** 2).sum() * last["n"] + (ys * zs).sum()


def ode(m, loop, y, rate):
    """Steps of a size that depends on the state, until a time is reached."""

    def step(s):
        y, t = s
        h = 0.1 / (1.0 + (y * y).sum())
        k = -rate * y + m.sin(y[::-1])
        return y + h * (-rate * (y + 0.5 * h * k) + m.sin(y[::-1] + 0.5 * h * k[::-1])), t + h

    return loop(lambda s: s[1] < 1.0, step, (y, 0.0))[0]


def branch(m, cond, x):
    return cond(x.sum() > 0.0, lambda x: m.sin(x * x).sum(), lambda x: (x**3).prod(), x)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("get", [lambda f: f, fg.compile], ids=["eager", "compiled"])
def test_scan(get, reverse):
    ours = lambda *a: rnn(fg, fg.scan, *a, reverse)
    theirs = lambda *a: rnn(jnp, lax.scan, *a, reverse)
    at = (W, U, XS, H)
    np.testing.assert_allclose(get(lambda *a: ours(*a))(*at), theirs(*at), rtol=1e-12)
    for a, b in zip(get(fg.grad(ours, (0, 1, 2, 3)))(*at), jax.grad(theirs, (0, 1, 2, 3))(*at), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    for i in range(4):
        got, expected = get(fg.hessian(ours, i))(*at), jax.hessian(theirs, i)(*at)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("get", [lambda f: f, fg.compile], ids=["eager", "compiled"])
def test_while_loop(get):
    at = (np.array([1.0, -0.5]), 0.8)
    value = get(lambda *a: ode(fg, fg.while_loop, *a))(*at)
    np.testing.assert_allclose(np.asarray(value), ode(jnp, lax.while_loop, *at), rtol=1e-12)

    # JAX has no reverse mode of a while loop: its forward mode is the oracle.
    theirs = lambda *a: ode(jnp, lax.while_loop, *a)
    ours = lambda *a: ode(fg, fg.while_loop, *a)
    for i in (0, 1):
        np.testing.assert_allclose(get(fg.jacobian(ours, i))(*at), jax.jacfwd(theirs, i)(*at), rtol=1e-10)
    second = jax.jacfwd(jax.jacfwd(lambda *a: theirs(*a).sum()))(*at)
    np.testing.assert_allclose(get(fg.hessian(lambda *a: ours(*a).sum()))(*at), second, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("x", [np.array([0.5, 1.5, 0.3]), np.array([-0.5, 0.2, -1.0])], ids=["true", "false"])
@pytest.mark.parametrize("get", [lambda f: f, fg.compile], ids=["eager", "compiled"])
def test_cond(get, x):
    ours = lambda x: branch(fg, fg.cond, x)
    theirs = lambda x: branch(jnp, lax.cond, x)
    np.testing.assert_allclose(np.asarray(get(lambda x: ours(x))(x)), theirs(x), rtol=1e-12)
    np.testing.assert_allclose(get(fg.grad(ours))(x), jax.grad(theirs)(x), rtol=1e-12)
    np.testing.assert_allclose(get(fg.hessian(ours))(x), jax.hessian(theirs)(x), rtol=1e-10, atol=1e-12)
