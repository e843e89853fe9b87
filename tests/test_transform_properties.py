"""Random chains of transforms on random programs: each link beside its definition, all of it beside JAX."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from random_programs import Writer

SCALES = np.array([1.0, 0.5, -0.75])
KINDS = ("grad", "jvp", "vjp", "hessian", "vmap", "vmap_closure", "compile", "remat")


class Library:
    """What a chain is made of, from fastgrad."""

    np = fg.numpy
    vmap = staticmethod(fg.vmap)
    grad = staticmethod(fg.grad)
    hessian = staticmethod(fg.hessian)
    jvp = staticmethod(lambda f, x, v: fg.jvp(f, [x], [v])[1])
    vjp = staticmethod(lambda f, x, v: fg.vjp(f, x)[1](v)[0])
    compile = staticmethod(fg.compile)
    remat = staticmethod(fg.remat)


def direction(x):
    return np.cos(np.arange(float(np.prod(x.shape)))).reshape(x.shape)


def link(kind, f, lib):
    """A function from arrays to arrays of their shape, made of another by one transform."""
    xp = lib.np
    if kind == "grad":
        return lib.grad(lambda x: xp.sum(xp.sin(f(x))))
    if kind == "jvp":
        return lambda x: lib.jvp(f, x, direction(x))
    if kind == "vjp":
        return lambda x: lib.vjp(f, x, direction(x))
    if kind == "hessian":
        return lambda x: xp.reshape(
            xp.matmul(
                xp.reshape(lib.hessian(lambda x: xp.sum(xp.sin(f(x))))(x), (x.size, x.size)),
                direction(x).reshape(-1),
            ),
            x.shape,
        )
    if kind == "vmap":
        return lambda x: xp.sum(lib.vmap(f)(xp.stack([x, xp.sin(x), 0.5 * x])), axis=0)
    if kind == "vmap_closure":
        return lambda x: xp.sum(lib.vmap(lambda s: f(xp.sin(s * x)), out_axes=-1)(SCALES), axis=-1)
    if kind == "compile":
        return lib.compile(f)
    return lib.remat(f)


def base(program, lib):
    """A program as a function of its first input, giving something of its shape."""
    run = program.function(lib.names if hasattr(lib, "names") else fg)
    others = program.arrays[1:]
    xp = lib.np

    def f(x):
        values = run(x, *others)
        total = sum(xp.sum(xp.tanh(v)) / max(1, int(np.prod(v.shape))) for v in values)
        return xp.tanh(x) + 0.5 * xp.sin(x) * total

    return f


def programs():
    def make(seed):
        for k in range(50):
            program = Writer(1000 * seed + k, smooth=True, lines=5).program
            if 0 < program.arrays[0].size <= 6 and all(a.ndim <= 3 for a in program.arrays):
                return program
        pytest.skip("no small program")

    return st.integers(0, 10_000).map(make)


def chain(kinds, program, lib):
    return functools.reduce(lambda f, kind: link(kind, f, lib), kinds, base(program, lib))


def central(f, x, v, h=1e-3):
    """Derivative of f at x in the direction v, to sixth order."""
    weights = {1: 45.0, 2: -9.0, 3: 1.0}
    return sum(w * (f(x + k * h * v) - f(x - k * h * v)) for k, w in weights.items()) / (60 * h)


def numbers(value):
    return value.detach().numpy() if isinstance(value, fg.Tensor) else np.asarray(value)


def by_definition(kind, f, x):
    """What the link must give, from the function before it alone."""
    at = lambda x: numbers(f(x))
    units = np.eye(x.size).reshape(x.size, *x.shape)
    loss = lambda x: np.sin(at(x)).sum()
    if kind == "grad":
        return np.array([central(loss, x, e) for e in units]).reshape(x.shape)
    if kind == "jvp":
        return central(at, x, direction(x))
    if kind == "vjp":
        return np.array([(central(at, x, e) * direction(x)).sum() for e in units]).reshape(x.shape)
    if kind == "hessian":
        slope = fg.grad(lambda x: fg.sum(fg.sin(f(x))))
        return central(lambda x: numbers(slope(x)), x, direction(x))
    if kind == "vmap":
        return sum(at(y) for y in (x, np.sin(x), 0.5 * x))
    if kind == "vmap_closure":
        return sum(at(np.sin(s * x)) for s in SCALES)
    return at(x)


@settings(max_examples=60, deadline=None)
@given(programs(), st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
def test_the_last_link_does_what_it_says(program, kinds):
    x = program.arrays[0]
    f = chain(kinds[:-1], program, Library)
    got = numbers(link(kinds[-1], f, Library)(x))
    np.testing.assert_allclose(got, by_definition(kinds[-1], f, x), 2e-5, 2e-5)


@settings(max_examples=25, deadline=None)
@given(programs(), st.lists(st.sampled_from(KINDS), min_size=1, max_size=2))
def test_compiled_chains_have_the_bits_of_eager_ones(program, kinds):
    x = program.arrays[0]
    f = chain(kinds, program, Library)
    want = numbers(f(x))
    compiled = fg.compile(f)
    for _ in range(2):
        np.testing.assert_array_equal(numbers(compiled(x)), want)


@settings(max_examples=25, deadline=None)
@given(programs())
def test_third_derivatives_of_vmapped_programs(program):
    x = program.arrays[0]
    f = base(program, Library)
    mapped = lambda x: fg.vmap(f)(fg.stack([x, 0.5 * x])).sum(0)
    looped = lambda x: f(x) + f(0.5 * x)
    by_vmap, by_loop = (
        functools.reduce(lambda g, _: link("grad", g, Library), range(3), h) for h in (mapped, looped)
    )
    np.testing.assert_allclose(by_vmap(x), by_loop(x), 1e-9, 1e-10)


@settings(max_examples=30, deadline=None)
@given(programs(), st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
def test_chains_are_those_of_jax(program, kinds):
    jax = pytest.importorskip("jax")
    from test_recorder_fuzz import JaxNames

    jax.config.update("jax_enable_x64", True)

    class OfJax:
        np = jax.numpy
        names = JaxNames(jax)
        vmap, grad, hessian, compile, remat = jax.vmap, jax.grad, jax.hessian, jax.jit, jax.checkpoint
        jvp = staticmethod(lambda f, x, v: jax.jvp(f, (x,), (v,))[1])
        vjp = staticmethod(lambda f, x, v: jax.vjp(f, x)[1](v)[0])

    x = program.arrays[0]
    got = numbers(chain(kinds, program, Library)(x))
    np.testing.assert_allclose(got, chain(kinds, program, OfJax)(jax.numpy.asarray(x)), 1e-8, 1e-9)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 7))
def test_random_programs_in_a_batch_have_the_bits_of_a_loop(seed, chosen):
    program = Writer(seed).program
    smooth = any("@" in line for line in program.lines)  # products of vectors sum in another order
    if smooth:
        program = Writer(seed, smooth=True).program
    batched = [i for i in range(len(program.arrays)) if chosen >> i & 1] or [0]
    f = program.function()
    single = [
        [a * a.dtype.type(1 - 0.3 * k) if i in batched else a for i, a in enumerate(program.arrays)]
        for k in range(3)
    ]
    args = [np.stack([s[i] for s in single]) if i in batched else a for i, a in enumerate(program.arrays)]
    axes = tuple(0 if i in batched else None for i in range(len(args)))
    with np.errstate(all="ignore"):
        got = fg.vmap(f, axes)(*args)
        want = [f(*map(fg.tensor, s)) for s in single]
    for i, values in enumerate(got):
        loop = np.stack([np.asarray(w[i].numpy()) for w in want])
        assert values.dtype == loop.dtype, program.text()
        if smooth:
            np.testing.assert_allclose(values, loop, 1e-11, 1e-12, err_msg=program.text())
        else:
            np.testing.assert_array_equal(values, loop, err_msg=program.text())
