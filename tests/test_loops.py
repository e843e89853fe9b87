"""Loops and branches: the numbers and gradients of the same function unrolled, in every mode and nested."""

from __future__ import annotations

from typing import Any, NamedTuple

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import fastgrad as fg
from checking import leaf, same_bits
from fastgrad import random
from fastgrad._native import core

XS = np.linspace(-1.0, 1.5, 12).reshape(6, 2)


def unrolled(f, init, xs, reverse=False):
    """The same in Python: carry, and a list of results."""
    n = len(xs)
    ys = [None] * n
    for i in reversed(range(n)) if reverse else range(n):
        init, ys[i] = f(init, xs[i])
    return init, ys


def cell(c, x):
    h = fg.tanh(0.7 * c + x)
    return h * 0.9, h * c


def numbers(t):
    return t.detach().numpy() if isinstance(t, fg.Tensor) else np.asarray(t)


def close(a, b, rtol=1e-10):
    np.testing.assert_allclose(numbers(a), numbers(b), rtol=rtol, atol=1e-12)


# --- scan: numbers


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan_has_the_bits_of_the_function_unrolled(dtype, reverse):
    xs, init = XS.astype(dtype), np.array([0.2, -0.3], dtype)
    expected, rows = unrolled(cell, fg.tensor(init), fg.tensor(xs), reverse)
    for last, ys in (
        fg.scan(cell, init, xs, reverse=reverse),
        fg.compile(lambda c, x: fg.scan(cell, c, x, reverse=reverse))(init, xs),
    ):
        same_bits(last, expected)
        same_bits(ys, fg.stack(rows))


def test_layouts_of_xs_and_init():
    x = np.arange(24.0).reshape(2, 3, 4)
    for xs in (x.transpose(2, 0, 1), x[::-1, ::2], np.asfortranarray(x), np.broadcast_to(x[0], (5, 3, 4))):
        init = np.broadcast_to(np.float64(0.5), xs.shape[1:])
        for get in (lambda f: f, fg.compile):
            last, ys = get(lambda c, v: fg.scan(lambda c, x: (c * 0.5 + x, c - x), c, v))(init, xs)
            expected, rows = unrolled(lambda c, x: (c * 0.5 + x, c - x), init, xs)
            np.testing.assert_array_equal(numbers(last), expected)
            np.testing.assert_array_equal(numbers(ys), np.stack(rows))


def test_what_a_body_hands_on():
    """Carries that swap, stay, are views or constants; results that are inputs, constants, other results."""
    constant = np.array([[1.0, 2.0], [3.0, 4.0]])

    def body(c, x):
        a, b, m, kept = c
        s = a + x
        return (b, s, m.T * 2.0, kept), (a, s, s, x, constant, m.T, kept, 1.0, fg.tensor(3))

    init = (np.zeros(2), np.ones(2), np.arange(4.0).reshape(2, 2), np.array([7.0]))
    expected, rows = unrolled(body, [fg.tensor(i) for i in init], fg.tensor(XS))
    for get in (lambda f: f, fg.compile):
        last, ys = get(lambda: fg.scan(body, init, XS))()
        for a, b in zip(last, expected, strict=True):
            np.testing.assert_array_equal(numbers(a), numbers(b))
        for i, y in enumerate(ys):
            np.testing.assert_array_equal(numbers(y), np.stack([numbers(r[i]) for r in rows]))


def test_nests():
    class Pair(NamedTuple):
        a: Any
        b: Any

    def body(c, x):
        new = {"p": Pair(c["p"].b + x["u"], c["p"].a), "n": [c["n"][0] + 1]}
        return new, [x["v"][0], (c["n"][0], None)]

    init = {"p": Pair(0.0, 1.0), "n": [0]}
    xs = {"u": np.arange(5.0), "v": (np.arange(5),)}
    last, ys = fg.scan(body, init, xs)
    assert isinstance(last["p"], Pair)
    assert last["p"].a.item() == 1.0 + 0.0 + 2.0 + 4.0
    assert last["p"].b.item() == 0.0 + 1.0 + 3.0
    assert last["n"][0].item() == 5
    assert last["n"][0].dtype == np.int64
    np.testing.assert_array_equal(ys[0].numpy(), np.arange(5))
    np.testing.assert_array_equal(ys[1][0].numpy(), np.arange(5))
    assert ys[1][1] is None


def test_without_xs_and_without_rows():
    last, ys = fg.scan(lambda c, x: (2 * c, (x, c)), 1, length=10)
    assert (last.item(), ys[0]) == (1024, None)
    np.testing.assert_array_equal(ys[1].numpy(), 2 ** np.arange(10))
    last, ys = fg.scan(cell, np.ones(2), np.ones((0, 2)))
    np.testing.assert_array_equal(last.numpy(), np.ones(2))
    assert ys.shape == (0, 2)
    value, gradient = fg.value_and_grad(lambda w: fg.scan(lambda c, x: (c * w, c), 3.0, length=0)[0])(2.0)
    assert (value, gradient) == (3.0, 0.0)
    last, ys = fg.scan(lambda c, x: (c, None), {}, np.ones(3))
    assert (last, ys) == ({}, None)


def test_python_numbers_take_the_dtype_they_meet():
    xs = np.ones(3, np.float32)
    last, ys = fg.scan(lambda c, x: (c + x, c), 0.0, xs)
    assert (last.dtype, ys.dtype) == (np.float32, np.float32)
    last, _ = fg.scan(lambda c, x: (c + 0.5 * x, None), 0, xs)  # through an int
    assert last.dtype == np.float32
    last, _ = fg.scan(lambda c, x: (1.0, None), np.float32(2), xs)
    assert (last.dtype, last.item()) == (np.float32, 1.0)
    last, _ = fg.scan(lambda c, x: (c + 1, None), 0, xs)
    assert (last.dtype, last.item()) == (np.int64, 3)
    last, _ = fg.scan(lambda c, x: (fg.logical_not(c), None), True, xs)
    assert (last.dtype, last.item()) == (np.bool_, False)


# --- while_loop: numbers


def collatz(n):
    def body(s):
        n, steps = s
        return fg.where(n % 2 == 0, n // 2, 3 * n + 1), steps + 1

    return fg.while_loop(lambda s: s[0] != 1, body, (n, 0))[1]


def newton(a):
    return fg.while_loop(lambda x: abs(x * x - a) > 1e-14 * a, lambda x: (x + a / x) / 2, a)


@pytest.mark.parametrize("get", [lambda f: f, fg.compile], ids=["eager", "compiled"])
def test_while_loop(get):
    f = get(collatz)
    for n, steps in ((1, 0), (6, 8), (27, 111)):
        assert numbers(f(np.int64(n))) == steps
    close(get(newton)(np.float64(2.0)), 2.0**0.5)
    same_bits(get(newton)(np.float64(2.0)), newton(np.float64(2.0)))


def test_a_condition_from_around():
    limit = fg.tensor(10.0)
    f = fg.compile(lambda x, top: fg.while_loop(lambda c: (c < limit) & (c < top), lambda c: c + 3.0, x))
    assert (f(0.0, 100.0), f(0.0, 4.0), f(11.0, 100.0)) == (12.0, 6.0, 11.0)


def test_max_iter():
    def halve(x, most):
        return fg.while_loop(lambda c: c > 1.0, lambda c: c / 2, x, max_iter=most)

    assert halve(16.0, 4).item() == 1.0
    assert halve(1.0, 0).item() == 1.0
    f = fg.compile(lambda x: halve(x, 3))
    for g in (f, lambda x: halve(x, 3), fg.grad(lambda x: halve(x, 3)), fg.compile(fg.grad(f))):
        with pytest.raises(RuntimeError, match="condition still holds after max_iter = 3 iterations"):
            g(16.0)
        g(8.0)  # goes on as if nothing had been
    with pytest.raises(ValueError, match="max_iter must be at least 0, got -1"):
        halve(1.0, -1)


# --- cond: numbers


def test_cond():
    f = lambda p, x, y: fg.cond(p, lambda x, y: {"a": x + y, "b": 1}, lambda x, y: {"a": x * y, "b": 2}, x, y)
    for g in (f, lambda p, *xs: fg.compile(lambda v, *xs: f(v > 0, *xs))(1.0 if p else -1.0, *xs)):
        for p, a, b in ((True, 7.0, 1), (False, 12.0, 2)):
            out = g(p, 3.0, 4.0)
            assert (numbers(out["a"]), numbers(out["b"])) == (a, b)
    assert fg.cond(np.True_, lambda: 1.0, lambda: 2).item() == 1.0
    assert fg.cond(False, lambda: np.float32(1), lambda: 2).dtype == np.float32


def test_cond_in_a_loop_computes_one_branch():
    def body(c, x):
        return fg.cond(x > 0, lambda c: c + fg.sqrt(x), lambda c: c * 2.0, c), None

    f = lambda w: fg.scan(body, w, np.array([4.0, -1.0, 9.0]))[0]
    for g in (f, fg.compile(f)):
        assert numbers(g(1.0)) == (1.0 + 2.0) * 2.0 + 3.0
    assert fg.grad(f)(1.0) == fg.compile(fg.grad(f))(1.0) == 2.0  # no NaN of the root that was not taken


# --- gradients


def scanned(w, xs, init):
    last, ys = fg.scan(lambda c, x: (fg.tanh(w * c + x), (c * c, c.sum() * x)), init, xs)
    return (last * w).sum() + ys[0].sum() + (ys[1] ** 2).sum()


def scanned_by_hand(w, xs, init):
    ys = []
    c = init
    for i in range(len(XS)):
        ys.append((c * c).sum() + ((c.sum() * xs[i]) ** 2).sum())
        c = fg.tanh(w * c + xs[i])
    return (c * w).sum() + sum(ys[1:], ys[0])


ARGUMENTS = (0.7, XS, np.array([0.3, -0.2]))
WAYS = {
    "eager": lambda transform: transform(scanned),
    "compiled": lambda transform: fg.compile(transform(scanned)),
    "of a compiled function": lambda transform: transform(fg.compile(scanned)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("argument", [0, 1, 2])
def test_gradients_of_scan(way, argument):
    close(way(lambda f: fg.grad(f, argument))(*ARGUMENTS), fg.grad(scanned_by_hand, argument)(*ARGUMENTS))
    close(
        way(lambda f: fg.hessian(f, argument))(*ARGUMENTS), fg.hessian(scanned_by_hand, argument)(*ARGUMENTS)
    )


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_all_gradients_at_once(way):
    get = lambda f: fg.value_and_grad(f, (0, 1, 2))
    value, gradients = way(get)(*ARGUMENTS)
    expected_value, expected = get(scanned_by_hand)(*ARGUMENTS)
    close(value, expected_value)
    for a, b in zip(gradients, expected, strict=True):
        close(a, b)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_the_third_derivative(way):
    thrice = lambda f: fg.grad(fg.grad(fg.grad(f)))
    close(way(thrice)(*ARGUMENTS), thrice(scanned_by_hand)(*ARGUMENTS), 1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_agree_with_differences(dtype):
    arguments = [np.asarray(a, dtype) for a in ARGUMENTS]
    fg.check_grads(lambda *a: scanned(*a), tuple(arguments), order=2 if dtype == np.float64 else 1)


def test_compiled_gradients_have_the_bits_of_eager_ones():
    for transform in (lambda f: fg.grad(f, (0, 1, 2)), lambda f: fg.hessian(f, 2)):
        eager, compiled = transform(scanned)(*ARGUMENTS), fg.compile(transform(scanned))(*ARGUMENTS)
        pairs = [(compiled, eager)] if isinstance(eager, np.ndarray) else zip(compiled, eager, strict=True)
        for a, b in pairs:
            same_bits(a, b)


def test_backward_reaches_what_is_closed_over():
    w, b, xs = leaf(0.5, 0.7), leaf(0.1, 0.2), fg.tensor(XS, requires_grad=True)
    fg.scan(lambda c, x: (c * w + b * x, c), np.zeros(2), xs)[0].sum().backward()
    by_hand = [fg.tensor(t.detach().numpy(), requires_grad=True) for t in (w, b, xs)]
    unrolled(lambda c, x: (c * by_hand[0] + by_hand[1] * x, c), fg.tensor(np.zeros(2)), by_hand[2])[
        0
    ].sum().backward()
    for a, e in zip((w, b, xs), by_hand, strict=True):
        close(a.grad, e.grad)


def test_a_parameter_used_in_a_loop_of_a_compiled_function():
    layer = fg.nn.Linear(2, 2)
    f = fg.compile(
        lambda x: fg.scan(lambda c, x: (fg.tanh(layer(c) + x), None), np.zeros(2, np.float32), x)[0].sum()
    )
    x = fg.tensor(XS.astype(np.float32))

    def body(c, x):
        return fg.tanh(layer(c) + x), None

    f(x).backward()
    got = [p.grad.numpy().copy() for p in layer.parameters()]
    layer.weight.grad = layer.bias.grad = None
    unrolled(body, fg.tensor(np.zeros(2, np.float32)), x)[0].sum().backward()
    for a, p in zip(got, layer.parameters(), strict=True):
        close(a, p.grad, 1e-5)


def test_gradients_of_while():
    for get in (lambda f: f, fg.compile):
        close(get(fg.grad(newton))(2.0), 0.5 * 2.0**-0.5)
        close(get(fg.grad(fg.grad(newton)))(2.0), -0.25 * 2.0**-1.5, 1e-8)
        close(get(fg.grad(fg.grad(fg.grad(newton))))(2.0), 0.375 * 2.0**-2.5, 1e-6)
    f = fg.compile(newton)
    close(fg.grad(f)(3.0), 0.5 * 3.0**-0.5)
    close(fg.grad(fg.grad(f))(3.0), -0.25 * 3.0**-1.5, 1e-8)


def test_the_length_of_a_while_loop_changes_from_run_to_run():
    g = fg.compile(fg.grad(lambda x: fg.while_loop(lambda c: c < 1000.0, lambda c: c * c, x)))
    for x in (2.0, 5000.0, 3.0, 1.01, 2.0):
        n = 0
        value = x
        while value < 1000.0:
            value, n = value * value, n + 1
        close(g(x), 2.0**n * x ** (2.0**n - 1), 1e-12)


def test_the_gradient_of_gradient_descent():
    def minimum(a):
        def objective(x):
            return 0.5 * (x - a) ** 2 + 0.1 * x**4

        def step(s):
            x, i = s
            return x - 0.1 * fg.grad(objective)(x), i + 1

        return fg.while_loop(lambda s: s[1] < 200, step, (0.0, 0))[0]

    for f in (minimum, fg.compile(minimum)):
        x = numbers(f(1.0))
        close(x - 1.0 + 0.4 * x**3, 0.0, 1e-12)
        slope = 1.0 / (1.0 + 1.2 * x**2)  # of the implicit function
        close(fg.grad(f)(1.0), slope)
        close(fg.grad(fg.grad(f))(1.0), -2.4 * x * slope**3, 1e-8)


def nested(w, xs):
    def body(c, x):
        inner = fg.while_loop(lambda s: s[1] < 3, lambda s: (fg.sin(s[0] * w + x), s[1] + 1), (c, 0))[0]
        total, _ = fg.scan(lambda t, y: (t * 0.5 + y * w, None), inner, xs)
        return fg.cond(x > 0, lambda t: t * w, lambda t: t + x, total), inner * w

    last, ys = fg.scan(body, 0.1, xs)
    return last + ys.sum()


def nested_by_hand(w, xs):
    c, s = 0.1, 0.0
    for i in range(4):
        inner = c
        for _ in range(3):
            inner = fg.sin(inner * w + xs[i])
        total = inner
        for j in range(4):
            total = total * 0.5 + xs[j] * w
        s = s + inner * w
        c = total * w if i >= 2 else total + xs[i]
    return c + s


@pytest.mark.parametrize("get", [lambda f: f, fg.compile], ids=["eager", "compiled"])
@pytest.mark.parametrize("argument", [0, 1])
def test_loops_in_loops(get, argument):
    xs = np.array([-1.0, -0.3, 0.2, 0.9])
    grad = lambda f: fg.grad(f, argument)
    close(get(nested)(0.7, xs), nested_by_hand(0.7, xs))
    close(get(grad(nested))(0.7, xs), grad(nested_by_hand)(0.7, xs))
    twice = lambda f: fg.hessian(f, argument)
    close(get(twice(nested))(0.7, xs), twice(nested_by_hand)(0.7, xs), 1e-9)
    if argument == 0:
        thrice = lambda f: grad(grad(grad(f)))
        close(get(thrice(nested))(0.7, xs), thrice(nested_by_hand)(0.7, xs), 1e-8)


def test_forward_mode_and_products():
    x, v = np.array([0.3, -0.2]), np.array([1.0, 2.0])
    f = lambda c: scanned(0.7, XS, c)
    g = lambda c: scanned_by_hand(0.7, XS, c)
    for a, b in zip(fg.jvp(f, [x], [v]), fg.jvp(g, [x], [v]), strict=True):
        close(a, b)
    close(fg.hvp(f, x, v), fg.hvp(g, x, v))
    close(fg.jacfwd(lambda c: fg.scan(cell, c, XS)[1])(x), fg.jacobian(lambda c: fg.scan(cell, c, XS)[1])(x))


def test_no_gradient_passes_where_none_shall():
    def f(w, stopped):
        def body(c, x):
            with fg.no_grad():
                blocked = c * w
            return c * w + stopped(c * x) + 0.0 * blocked, blocked

        last, ys = fg.scan(body, 1.0, np.array([1.0, 2.0]))
        return last + ys.sum()

    for order in (fg.grad, lambda f: fg.grad(fg.grad(f))):
        with_stop = lambda w: f(w, fg.stop_gradient)

        def by_hand(w):
            c, s = 1.0, 0.0
            for x in (1.0, 2.0):
                s = s + fg.stop_gradient(c * w)
                c = c * w + fg.stop_gradient(c * x if isinstance(c * x, fg.Tensor) else fg.tensor(c * x))
            return c + s

        close(order(with_stop)(1.5), order(by_hand)(1.5))
        close(fg.compile(order(with_stop))(1.5), order(by_hand)(1.5))
    with fg.no_grad():
        assert not fg.scan(cell, leaf(1.0, 2.0), XS)[0].requires_grad


def test_integers_on_the_way():
    """Positions, counters and flags among the carries of a differentiated loop."""
    table = np.array([1.0, 2.0, 3.0])

    def f(t):
        def body(c, x):
            place, total, flag = c
            return ((place + 1) % 3, total + fg.take(t, place) * x, fg.logical_not(flag)), place

        (_, total, flag), places = fg.scan(body, (0, 0.0, True), np.arange(5.0))
        return total * total + 0.0 * fg.astype(places, float).sum() + fg.where(flag, 1.0, 2.0)

    flows = np.array([0.0 + 3.0, 1.0 + 4.0, 2.0])
    total = flows @ table
    for get in (lambda f: f, fg.compile):
        close(get(fg.grad(f))(table), 2.0 * total * flows)
        close(get(fg.hessian(f))(table), 2.0 * np.outer(flows, flows))


def test_a_body_whose_carry_grows_no_gradient():
    """The carry is no function of what is differentiated, or the result of nothing."""
    f = lambda w: fg.scan(lambda c, x: (c * 0.5 + x, w), 1.0, XS[:, 0])[1].sum()
    assert fg.grad(f)(3.0) == 6.0
    g = lambda w: fg.scan(lambda c, x: (w, None), 1.0, XS[:, 0])[0]
    assert fg.grad(g)(3.0) == 1.0
    assert fg.compile(fg.grad(g))(3.0) == 1.0
    h = lambda w: fg.scan(lambda c, x: (c, None), w, XS[:, 0])[0] * w
    assert fg.grad(h)(3.0) == fg.compile(fg.grad(h))(3.0) == 6.0


def test_a_second_backward_needs_the_graph():
    w = leaf(0.5, 0.5)
    out = fg.scan(lambda c, x: (c * w + x, None), np.ones(2), XS)[0].sum()
    out.backward(retain_graph=True)
    first = w.grad.numpy().copy()
    out.backward()
    close(w.grad, 2.0 * first)
    with pytest.raises(fg.GradientError, match="'scan': its saved values were freed"):
        out.backward()


# --- random programs


OPS = [
    lambda a, b, w: a * b,
    lambda a, b, w: fg.tanh(a + w),
    lambda a, b, w: fg.sin(a) - 0.5 * b,
    lambda a, b, w: a * w,
    lambda a, b, w: fg.where(a > b, a, 0.3 * b),
    lambda a, b, w: fg.maximum(a, 0.1) / (1.0 + b * b),
    lambda a, b, w: b,
    lambda a, b, w: fg.stop_gradient(a) * b,
    lambda a, b, w: w - 0.1,
]


@hypothesis.given(
    st.lists(
        st.tuples(st.integers(0, len(OPS) - 1), st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=7
    ),
    st.integers(1, 4),
    st.booleans(),
)
@hypothesis.settings(max_examples=40)
def test_random_bodies(steps, length, reverse):
    def body_with(w):
        def body(c, x):
            values = [*c, x]
            for op, i, j in steps:
                values.append(fg.tanh(OPS[op](values[i % len(values)], values[j % len(values)], w)))
            return (values[-1], values[-2]), values[(len(steps)) // 2 + 1]

        return body

    xs = np.linspace(-0.9, 0.8, length)

    def total(last, ys):
        return last[0] * 0.7 + last[1] * 1.3 + sum((y * (i + 1.0) for i, y in enumerate(ys)), 0.0)

    def looped(w, x, c):
        last, ys = fg.scan(body_with(w), (c, 0.5), x, reverse=reverse)
        return total(last, [ys[i] for i in range(length)])

    def by_hand(w, x, c):
        return total(*unrolled(body_with(w), (c, 0.5), x, reverse))

    at = (0.4, xs, -0.6)
    expected = fg.grad(by_hand, (0, 1, 2))(*at)
    for got in (fg.grad(looped, (0, 1, 2))(*at), fg.compile(fg.grad(looped, (0, 1, 2)))(*at)):
        for a, b in zip(got, expected, strict=True):
            close(a, b, 1e-9)
    second = fg.grad(fg.grad(by_hand))(*at)
    close(fg.grad(fg.grad(looped))(*at), second, 1e-8)
    close(fg.compile(fg.grad(fg.grad(looped)))(*at), second, 1e-8)


# --- random numbers


def test_each_round_draws_anew():
    state = random.get_state()
    f = lambda w: fg.scan(lambda c, x: (c + random.normal() * w, random.uniform((3,))), 0.0, length=50)
    compiled = fg.compile(f)
    fg.manual_seed(3)
    eager = [f(1.0), f(1.0)]
    after = random.get_state()
    fg.manual_seed(3)
    replayed = [compiled(1.0), compiled(1.0)]
    assert random.get_state() == after
    for (a, b), (c, d) in zip(eager, replayed, strict=True):
        same_bits(c, a)
        same_bits(d, b)
    assert len(np.unique(np.concatenate([numbers(r[1]).ravel() for r in eager]))) == 300
    random.set_state(state)


def test_gradients_go_through_what_was_drawn():
    state = random.get_state()

    def f(w, flip=False):
        def body(c, x):
            noise = random.normal()
            return c * w + noise, noise

        def loop(s):
            c, total, i = s
            noise = random.uniform()
            return c * w * noise, total + noise, i + 1

        last, ys = fg.scan(body, 1.0, length=4, reverse=flip)
        c, total, _ = fg.while_loop(lambda s: s[2] < 5, loop, (last, 0.0, 0))
        d = fg.cond(total > 0, lambda c: c * random.uniform(), lambda c: c, c)
        return d, ys

    for flip in (False, True):
        outcomes = []
        for get in (lambda f: f, fg.compile):
            fg.manual_seed(11)
            slope = get(fg.grad(lambda w, flip=flip: f(w, flip)[0]))(0.9)
            values = []
            for w in (0.9 - 1e-6, 0.9 + 1e-6):
                fg.manual_seed(11)
                values.append(numbers(f(w, flip)[0]))
            np.testing.assert_allclose(slope, (values[1] - values[0]) / 2e-6, rtol=1e-5)
            fg.manual_seed(11)
            outcomes.append((slope, get(fg.grad(fg.grad(lambda w, flip=flip: f(w, flip)[0])))(0.9)))
        assert outcomes[0] == outcomes[1]
    random.set_state(state)


def test_dropout_in_a_loop():
    layer = fg.nn.Dropout(0.5)
    out = fg.compile(lambda x: fg.scan(lambda c, x: (c, layer(x)), 0.0, x)[1])(np.ones((20, 30)))
    assert set(np.unique(out)) == {0.0, 2.0}
    assert len({row.tobytes() for row in out}) == 20


# --- what a recording holds


def test_a_recording_does_not_grow_with_the_length():
    def count(n, transform):
        f = transform(lambda w, xs: fg.scan(lambda c, x: (fg.tanh(c * w) + x, None), 0.0, xs)[0])
        program = core.record(lambda a: [f(a[0], a[1])], [np.float64(0.5), np.zeros(n)])
        return program.instruction_count, len(program.text())

    for transform in (lambda f: f, fg.grad, lambda f: fg.grad(fg.grad(f))):
        short, long = count(3, transform), count(4096, transform)
        assert short[0] == long[0] < 60
        assert abs(short[1] - long[1]) < 200


def test_what_a_gradient_does_not_need_is_dropped():
    """Only the backward loop and one forward loop are left, and no carry is kept that it does not read."""
    f = lambda w, xs: fg.scan(lambda c, x: (c + w * x, fg.exp(c)), 0.0, xs)[0]
    program = core.record(lambda a: [fg.grad(f)(a[0], a[1])], [np.float64(0.5), np.zeros(1000)])
    assert program.text().count("= scan(") == 1
    assert "exp" not in program.explain()
    assert program.arena_bytes < 4000
    compiled = fg.compile(f)
    compiled(0.5, np.zeros(1000))
    assert "exp" not in compiled.explain()


def test_explain_and_profile_tell_of_regions():
    f = fg.compile(fg.grad(lambda w: fg.scan(lambda c, x: (fg.tanh(c * w), None), 1.0, length=7)[0]))
    f(0.5)
    assert "scan of 7 (" in f.explain()
    assert "us in all" in f.profile(runs=2)
    g = fg.compile(lambda x: fg.while_loop(lambda c: c < 10.0, lambda c: c * 1.5 + 0.0 * x, x))
    g(1.0)
    assert "while_loop (" in g.explain()
    g.profile(runs=2)
    text = next(iter(g._recordings.values())).program.text()
    assert "while" in text
    assert "less(" in text


def test_a_fit_with_a_loop_in_the_model():
    class Recurrent(fg.nn.Module):
        def __init__(self):
            self.cell = fg.nn.Linear(4, 4)
            self.out = fg.nn.Linear(4, 1)

        def forward(self, x):
            steps = fg.transpose(x, (1, 0))  # (time, batch)
            start = np.zeros((x.shape[0], 4), x.dtype)
            last, _ = fg.scan(lambda h, v: (fg.tanh(self.cell(h) + v[:, None]), None), start, steps)
            return self.out(last)

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5)).astype(np.float32)
    y = x.mean(1, keepdims=True)
    fg.manual_seed(0)
    model = Recurrent()
    h = fg.fit(model, x, y, epochs=40, lr=0.02, optimizer="adam", progress=False)
    assert h.history["loss"][-1] < 0.2 * h.history["loss"][0]
    assert np.isfinite(fg.predict(model, x)).all()
