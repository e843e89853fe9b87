"""Ops that read one another some places ahead or behind run on one sliding window, with the same bits."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import fastgrad as fg
from checking import names_of_steps
from fastgrad._native import core

rng = np.random.default_rng(11)


def steps(f, *inputs, threads=(1,)):
    """What each step of a recording of f runs, whose results are compared with the eager ones, bit by bit."""
    as_list = lambda result: list(result) if isinstance(result, tuple) else [result]
    program = core.record(lambda values: as_list(f(*values)), list(inputs))
    expected = [t.numpy() for t in as_list(f(*map(fg.tensor, inputs)))]
    for count in threads:
        with fg.threads(count):
            for _ in range(2):
                for got, exact in zip(program(inputs), expected, strict=True):
                    np.testing.assert_array_equal(got.numpy(), exact, strict=True)
    return names_of_steps(program)


def waves(u):
    """One step of u_tt = u_xx between fixed ends."""
    inside = u[1:-1] + 0.25 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return fg.concatenate([u[:1], inside, u[-1:]])


def chain(x, y):
    """Slopes of a chain of equations, the middle one twice."""
    one = np.ones(1, x.dtype)
    first = x * fg.concatenate([one, y[:-1]])
    second = x * fg.concatenate([one, (y + 0.5 * first)[:-1]])
    return y + 0.25 * first + 0.75 * second


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [514, 640, 1000, 2048, 5003, 100_000, 300_001])
def test_stencils_in_a_row(n, dtype):
    u = rng.normal(size=n).astype(dtype)
    threads = (1, 2, 3, 7) if n > 50_000 else (1,)
    assert len(steps(lambda u: waves(waves(waves(u))), u, threads=threads)) == 1
    assert len(steps(lambda u: (waves(waves(u)), waves(u)), u, threads=threads)) == 1
    assert len(steps(chain, u, np.ones(n, dtype), threads=threads)) == 1


@pytest.mark.parametrize("n", [600, 5000, 200_000])
def test_gradients(n):
    x, y, g = rng.normal(size=(3, n))
    threads = (1, 2, 5) if n > 50_000 else (1,)
    gradient = fg.grad(lambda x, y: fg.sum(g * chain(x, chain(x, y))), argnums=(0, 1))
    names = steps(gradient, x, y, threads=threads)
    assert sum("multiply" in name for name in names) == 1
    np.testing.assert_allclose(
        gradient(x, y)[1][: n // 2],
        fg.grad(lambda y: fg.sum(g * chain(x, chain(x, y))))(y)[: n // 2],
    )


def test_what_others_read_is_made_in_memory():
    u = rng.normal(size=3000)

    def f(u):
        once = waves(u)
        twice = waves(once)
        return twice, once, fg.sum(twice), once[::7]

    assert sum("subtract" in name for name in steps(f, u)) == 1


def test_rows_of_a_matrix():
    a = rng.normal(size=(400, 6))
    assert len(steps(lambda a: fg.sin(a[1:] - a[:-1])[1:] - fg.sin(a[1:] - a[:-1])[:-1], a)) == 1


def test_types_may_differ():
    u = rng.normal(size=2000).astype(np.float32)

    def f(u):
        rises = u[1:] > u[:-1]
        turns = fg.logical_and(rises[1:], fg.logical_not(rises[:-1]))
        return fg.where(turns, u[1:-1], np.zeros(1, np.float32)), turns

    assert len(steps(f, u)) == 1


def test_far_reads_stay_apart():
    u = rng.normal(size=4000)
    assert len(steps(lambda u: fg.exp(u)[1000:] - fg.exp(u)[:-1000], u)) == 2
    assert len(steps(lambda u: fg.exp(u) - fg.exp(u)[7], u)) == 2
    assert len(steps(lambda u: fg.roll(fg.exp(u), 1) * u, u)) >= 2


def test_a_chain_of_many():
    """Each lags behind the one before, until the lag is too large for one window."""
    u = rng.normal(size=5000)

    def f(u):
        for _ in range(40):
            u = fg.tanh(u[2:]) - u[:-2]
        return u

    names = steps(f, u)
    assert 2 < len(names) < 10


def test_a_loop_of_them():
    u = rng.normal(size=1200)

    def f(u):
        def step(u, _):
            new = waves(u)
            return new, new[::100]

        return fg.scan(step, u, None, length=7)

    last, rows = f(fg.tensor(u))
    program = fg.compile(f)
    for _ in range(2):
        got = program(u)
        np.testing.assert_array_equal(got[0], last.numpy())
        np.testing.assert_array_equal(got[1], rows.numpy())
    exact = u
    for _ in range(7):
        exact = np.concatenate(
            [exact[:1], exact[1:-1] + 0.25 * (exact[2:] - 2.0 * exact[1:-1] + exact[:-2]), exact[-1:]]
        )
    np.testing.assert_allclose(last.numpy(), exact, rtol=1e-12, atol=1e-12)


# Random stencils: each line takes values before it, shifted, cut, put together or padded.
SHIFTED = st.tuples(
    st.sampled_from(["difference", "chain", "padded", "joined", "single", "plain"]),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(1, 40),
)


def line(kind, a, b, k):
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    if kind == "difference":
        return a[k:] - b[:-k] * 0.5
    if kind == "chain":
        return fg.sin(a) * fg.concatenate([b[:k], b[:-k]])
    if kind == "padded":
        return fg.pad(a[k:], (k // 2, k - k // 2)) + fg.cos(b)
    if kind == "joined":
        return fg.concatenate([a[-k:], fg.tanh(b)[:-k]]) + fg.concatenate([a[k:], b[:k]])
    if kind == "single":
        return a * b[k]
    return fg.maximum(a, b) - 0.3 * a


@given(
    st.integers(600, 3000),
    st.lists(SHIFTED, min_size=1, max_size=12),
    st.sampled_from([np.float32, np.float64]),
)
def test_random_stencils(n, lines, dtype):
    numbers = np.random.default_rng(n)
    inputs = [numbers.normal(size=n).astype(dtype) for _ in range(2)]

    def f(*values):
        values = list(values)
        for kind, a, b, k in lines:
            values.append(line(kind, values[-1 - a % len(values)], values[-1 - b % len(values)], k))
        return tuple(values[-3:])

    steps(f, *inputs)
    weights = fg.tensor(numbers.normal(size=n).astype(dtype))
    total = lambda *values: sum(fg.sum(v * weights[: len(v)]) for v in f(*values))
    steps(fg.grad(total, argnums=(0, 1)), *inputs)
