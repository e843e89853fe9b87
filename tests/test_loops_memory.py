"""Where the carries of a loop lie from one round to the next, and what is done before the first."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
from checking import same_bits

SIZES = [1, 3, 8, 9, 1500, 70_000]  # a number, small ones, more than a block, more than a thread's part

# Each reads its carries in another order than it writes the next ones.
STEPS = {
    "in place": lambda a, b: (a * 0.5 + b, b - 0.1),
    "swapped": lambda a, b: (b, a),
    "swapped and changed": lambda a, b: (b * 0.9, a + b),
    "one after the other": lambda a, b: (a + 1.0, b * 0.5 + a),
    "read again after it is made": lambda a, b: ((c := a * 0.5 + b), b + c * a),
    "reversed": lambda a, b: (a[::-1] * 0.5 + b, b + 1.0),
    "shifted": lambda a, b: (fg.concatenate([b[:1], a[:-1]]), b + a),
    "the first for all": lambda a, b: (a - a[0], b * a[0]),
    "centred": lambda a, b: (a - a.mean(), b + a * a.mean()),
    "handed on": lambda a, b: (a, b + a),
    "both the same": lambda a, b: ((c := a * b + 0.1), c),
    "sums of rows, then what they are of": lambda a, b: (fg.sum(fg.stack([a, b], 1), 1) * 0.5 + a, b * 0.9),
    "sorted": lambda a, b: (fg.sort(b), a + 0.5 * b),
    "two outputs of one": lambda a, b: (a * 2.0 - b, a * 2.0 + b),
    "by a mask": lambda a, b: (fg.where(a > b, a, b), fg.where(a > b, b, a)),
}


def carries(size, dtype):
    rng = np.random.default_rng(size)
    return rng.uniform(-1, 1, size).astype(dtype), rng.uniform(-1, 1, size).astype(dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", STEPS)
def test_no_carry_is_overwritten_before_it_is_read(name, size):
    step, (a, b) = STEPS[name], carries(size, np.float64)
    x, y = fg.tensor(a), fg.tensor(b)
    for _ in range(5):
        x, y = step(x, y)
    loops = (
        lambda a, b: fg.scan(lambda c, _: (step(*c), None), (a, b), length=5)[0],
        lambda a, b: fg.while_loop(lambda c: c[2] < 5, lambda c: (*step(*c[:2]), c[2] + 1), (a, b, 0))[:2],
    )
    for loop in loops:
        for f in (loop, fg.compile(loop)):
            given = a.copy(), b.copy()
            for got, expected in zip(f(*given), (x, y), strict=True):
                same_bits(got, expected)
            for kept, before in zip(given, (a, b), strict=True):
                same_bits(kept, before)


@pytest.mark.parametrize("size", [1, 9, 1500])
@pytest.mark.parametrize("name", STEPS)
def test_gradients_read_what_each_round_began_with(name, size):
    step, (a, b) = STEPS[name], carries(size, np.float64)

    def unrolled(a, b):
        for _ in range(4):
            a, b = step(a, b)
        return (a * a + fg.sin(b)).sum()

    def looped(a, b):
        a, b = fg.scan(lambda c, _: (step(*c), None), (a, b), length=4)[0]
        return (a * a + fg.sin(b)).sum()

    def until(a, b):
        a, b, _ = fg.while_loop(lambda c: c[2] < 4, lambda c: (*step(*c[:2]), c[2] + 1), (a, b, 0))
        return (a * a + fg.sin(b)).sum()

    expected = fg.grad(unrolled, argnums=(0, 1))(a, b)
    for f in (looped, until):
        for g in (fg.grad(f, argnums=(0, 1)), fg.compile(fg.grad(f, argnums=(0, 1)))):
            for got, want in zip(g(a, b), expected, strict=True):
                np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_a_loop_run_again_begins_anew():
    f = fg.compile(lambda a: fg.scan(lambda c, _: (c * 0.5 + 1.0, c), a, length=3))
    for start in ([0.0, 2.0], [1.0, -1.0], [0.0, 2.0]):
        last, ys = f(np.array(start))
        c, rows = np.array(start), []
        for _ in range(3):
            rows.append(c)
            c = c * 0.5 + 1.0
        same_bits(last, c)
        same_bits(ys, np.stack(rows))


# --- what is the same in every round


W = np.linspace(-1, 1, 12).reshape(3, 4)


def test_what_does_not_change_is_done_before_the_first_round():
    def f(w, x):
        def step(c, _):
            scale = fg.exp(w[0]) + 1.0  # the same in every round
            return fg.tanh(c * scale) + w[1], None

        return fg.scan(step, x, length=10)[0]

    x = np.full(4, 0.3)
    text = fg.compile(f).explain(W, x)
    assert "exp" in text
    assert "exp" not in text.split("scan of 10")[1].split("\n")[0]
    c = x
    for _ in range(10):
        c = np.tanh(c * (np.exp(W[0]) + 1.0)) + W[1]
    np.testing.assert_allclose(f(W, x), c, rtol=1e-14)
    np.testing.assert_allclose(fg.compile(f)(W, x), c, rtol=1e-14)


def test_gradients_reach_what_was_done_before():
    def body(w):
        return lambda c: fg.tanh(c * fg.exp(w[0]) + w[1] * 2.0)

    def unrolled(w, x):
        for _ in range(5):
            x = body(w)(x)
        return x.sum()

    def looped(w, x):
        return fg.scan(lambda c, _: (body(w)(c), None), x, length=5)[0].sum()

    x = np.linspace(0, 1, 4)
    for order in (fg.grad, lambda f: fg.grad(lambda w, x: (fg.grad(f)(w, x) ** 2).sum())):
        expected = order(unrolled)(W, x)
        np.testing.assert_allclose(order(looped)(W, x), expected, rtol=1e-12)
        np.testing.assert_allclose(fg.compile(order(looped))(W, x), expected, rtol=1e-12)
    w = fg.tensor(W, requires_grad=True)
    looped(w, x).backward()
    np.testing.assert_allclose(w.grad, fg.grad(unrolled)(W, x), rtol=1e-12)


def test_what_was_stopped_stays_stopped():
    def f(w):
        def step(c, _):
            with fg.no_grad():
                fixed = fg.exp(w)
            return c * fixed + fg.stop_gradient(w) * w, None

        return fg.scan(step, 1.0, length=3)[0]

    def unrolled(w):
        c = 1.0
        for _ in range(3):
            c = c * fg.stop_gradient(fg.exp(w)) + fg.stop_gradient(w) * w
        return c

    np.testing.assert_allclose(fg.grad(f)(0.3), fg.grad(unrolled)(0.3), rtol=1e-14)


def test_what_draws_or_may_fail_stays_in_the_loop():
    draws = fg.scan(lambda c, _: (c, fg.random.normal((2,))), 0.0, length=4)[1]
    assert len(np.unique(np.asarray(draws))) == 8
    w = fg.tensor([1.0, 2.0])
    far = fg.tensor(np.array([5]))

    def step(c):
        return c + fg.take(w, far).sum()  # out of range, if it ever runs

    assert fg.while_loop(lambda c: c < 0.0, step, 1.0) == 1.0
    with pytest.raises(IndexError):
        fg.while_loop(lambda c: c < 2.0, step, 1.0)


def test_invariants_in_nested_loops_and_batches():
    def f(w, x):
        def outer(c, row):
            inner = fg.scan(lambda d, _: (d * fg.cos(row * w[0]) + fg.sin(w[1]), None), c, length=3)[0]
            return inner, inner.sum()

        return fg.scan(outer, x, w)[1].sum()

    def unrolled(w, x):
        total = 0.0
        for row in w:
            for _ in range(3):
                x = x * fg.cos(row * w[0]) + fg.sin(w[1])
            total = total + x.sum()
        return total

    x = np.linspace(0, 1, 4)
    batch = np.stack([W, W * 0.5])
    for g, h in ((f, unrolled), (fg.grad(f), fg.grad(unrolled))):
        np.testing.assert_allclose(g(W, x), h(W, x), rtol=1e-12)
        np.testing.assert_allclose(fg.compile(g)(W, x), h(W, x), rtol=1e-12)
        mapped = fg.vmap(g, in_axes=(0, None))(batch, x)
        np.testing.assert_allclose(mapped, np.stack([np.asarray(h(w, x)) for w in batch]), rtol=1e-12)


def test_loops_one_after_the_other_share_memory():
    def arena(loops):
        def f(x):
            for i in range(loops):
                x = fg.scan(lambda c, _, i=i: (c + fg.sin(c * c[::-1] + i).sum(), None), x, length=3)[0]
            return x.sum()

        last = fg.compile(f).explain(np.ones(20_000)).splitlines()[-1]
        number, unit = last.split(" of working memory")[0].split()[-2:]
        return float(number) * {"KiB": 1, "MiB": 1024}[unit]

    assert arena(1) > 150  # what a round needs: the numbers between
    assert arena(6) < arena(1) + 3 * 160  # and six loops little more, with what goes from one to the next
