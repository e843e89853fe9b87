"""Assignments in a replay are made in place where nobody reads what was there, and have the eager bits."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import fastgrad as fg
import fastgrad.numpy as fnp
from checking import same_bits

SIZE = 6

places = st.one_of(
    st.integers(-SIZE, SIZE - 1),
    st.builds(slice, st.integers(0, 2), st.integers(3, SIZE), st.integers(1, 2)),
    st.builds(lambda: slice(None, None, -1)),
    st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=4),
)
# Each changes two arrays, or what has been read of them so far.
actions = st.lists(
    st.one_of(
        st.tuples(st.just("number"), st.integers(0, 1), places),
        st.tuples(st.just("from the other"), st.integers(0, 1), st.integers(1, SIZE - 1)),
        st.tuples(st.just("from itself"), st.integers(0, 1), st.integers(1, SIZE - 1)),
        st.tuples(st.just("read"), st.integers(0, 1), places),
        st.tuples(st.just("change"), st.integers(0, 1), st.none()),
        st.tuples(st.just("keep"), st.integers(0, 1), st.none()),
    ),
    min_size=1,
    max_size=12,
)


def program(steps):
    def f(x, w):
        a = [fnp.zeros(SIZE) + x, x * 2.0]
        total, kept = w[0] * 0.0, []
        for i, (what, k, where) in enumerate(steps):
            if what == "number":
                a[k][where] = w[i % 3] * (i + 1)
            elif what == "from the other":
                a[k][where:] = a[1 - k][: SIZE - where]
            elif what == "from itself":
                a[k][where:] = a[k][: SIZE - where]
            elif what == "read":
                total = total + (a[k][where] * w[1]).sum()
            elif what == "change":
                a[k] = fg.sin(a[k]) + a[1 - k]
            else:
                kept.append(a[k] * 1.0 if i % 2 else a[k].copy())
        return [*a, total, *kept]

    return f


@hypothesis.given(actions)
def test_random_assignments(steps):
    f, x, w = program(steps), np.linspace(-1, 1, SIZE), np.array([0.3, -0.7, 1.1])
    compiled = fg.compile(f)
    for _ in range(2):
        before = x.copy()
        for got, expected in zip(compiled(x, w), f(fg.tensor(x), fg.tensor(w)), strict=True):
            same_bits(got, expected)
        same_bits(x, before)

    def loss(x, w):
        return sum(((t * t).sum() for t in f(x, w)), 0.0)

    eager = fg.grad(loss, argnums=(0, 1))(x, w)
    for got, expected in zip(fg.compile(fg.grad(loss, argnums=(0, 1)))(x, w), eager, strict=True):
        same_bits(got, expected)


def test_a_chain_of_assignments_copies_once():
    n = 200

    def f(x):
        a = fnp.zeros(4096)
        for i in range(n):
            a[i] = x * i
        return a.sum()

    compiled = fg.compile(f)
    assert compiled(2.0) == 2.0 * n * (n - 1) / 2
    arena = float(compiled.explain(2.0).splitlines()[-1].split(" KiB of working")[0].split()[-1])
    assert arena < 2 * 4096 * 8 / 1024 + 64, "each assignment has taken memory of its own"


@pytest.mark.parametrize("loop", ["scan", "while"])
def test_a_loop_that_writes_to_its_carry(loop):
    n = 50

    def step(c):
        buffer, i, v = c
        buffer = buffer.copy()
        buffer[i] = v
        return buffer, i + 1, v * 0.9 + buffer[0]

    def f(x):
        start = (fnp.zeros(n) + x, 0, x * x)
        if loop == "scan":
            return fg.scan(lambda c, _: (step(c), None), start, length=n)[0][0]
        return fg.while_loop(lambda c: c[1] < n, step, start)[0]

    def by_hand(x):
        buffer, v = np.zeros(n) + x, x * x
        for i in range(n):
            buffer[i] = v
            v = v * 0.9 + buffer[0]
        return buffer

    for g in (f, fg.compile(f)):
        np.testing.assert_allclose(np.asarray(g(0.7)), by_hand(0.7), rtol=1e-14)
    slope = fg.compile(fg.grad(lambda x: f(x).sum()))
    h = 1e-6
    np.testing.assert_allclose(
        slope(0.7), (by_hand(0.7 + h).sum() - by_hand(0.7 - h).sum()) / (2 * h), rtol=1e-7
    )
