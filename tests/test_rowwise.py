"""Layers of a batch and what is made of large rows run some rows at a time, with the same bits."""

import itertools
import re

import numpy as np
import pytest

import fastgrad as fg
from checking import names_of_steps
from fastgrad._native import core

rng = np.random.default_rng(17)


def steps(f, *inputs):
    """What each step of a recording of f runs, whose results are compared with the eager ones, bit by bit."""
    as_list = lambda result: list(result) if isinstance(result, tuple) else [result]
    program = core.record(lambda values: as_list(f(*values)), list(inputs))
    expected = [t.numpy() for t in as_list(f(*map(fg.tensor, inputs)))]
    for threads in (1, 2, 3, 8):
        with fg.threads(threads):
            for _ in range(2):
                for got, exact in zip(program(inputs), expected, strict=True):
                    np.testing.assert_array_equal(got.numpy(), exact, strict=True)
    return names_of_steps(program), program.explain().splitlines()[-1]


def distances(points, centers):
    return 0.5 * fg.sum(centers**2, axis=1) - points @ centers.T


REDUCED = {
    "argmin": lambda d: fg.argmin(d, axis=1),
    "argmax": lambda d: fg.argmax(d, axis=1),
    "max": lambda d: fg.max(d, axis=1),
    "min": lambda d: fg.min(d, axis=1),
    "sum": lambda d: fg.sum(d, axis=1),
    "logsumexp": lambda d: fg.logsumexp(d, axis=1, keepdims=True),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "k", "d"), [(3000, 100, 8), (1027, 311, 17), (5000, 1000, 3), (97, 3001, 40)])
def test_a_reduction_of_rows_follows_the_product(n, k, d, dtype):
    points, centers = rng.normal(size=(n, d)).astype(dtype), rng.normal(size=(k, d)).astype(dtype)
    for name, reduce in REDUCED.items():
        names, memory = steps(lambda p, c, reduce=reduce: reduce(distances(p, c)), points, centers)
        assert sum("matmul" in step and name in step for step in names) == (name != "min"), names
        if name != "min":  # which is that of negative numbers
            assert "KiB of working memory" in memory or float(memory.split()[-5]) * 2**20 < n * k * 4


def test_several_reductions_of_the_same_rows():
    points, centers = rng.normal(size=(2000, 10)), rng.normal(size=(500, 10))

    def f(p, c):
        d = distances(p, c)
        return fg.argmin(d, axis=1), fg.max(d, axis=1), fg.sum(d, axis=1) * 2.0

    names, _ = steps(f, points, centers)
    assert sum("matmul" in step for step in names) == 1
    assert any("argmin" in step and "max" in step and "sum" in step for step in names)


@pytest.mark.parametrize(
    "of_largest", [lambda m: m, lambda m: m[::-1], lambda m: m[7], fg.sin, lambda m: fg.cumsum(m)]
)
def test_a_reduction_may_read_another_one(of_largest):
    a, b = rng.normal(size=(3000, 8)), rng.normal(size=(8, 100))

    def f(a, b):
        d = a @ b
        return fg.sum(d, axis=1) - of_largest(fg.max(d, axis=1))

    steps(f, a, b)


def test_rows_that_others_read_are_kept():
    points, centers = rng.normal(size=(2000, 10)), rng.normal(size=(500, 10))

    def f(p, c):
        d = distances(p, c)
        nearest = fg.argmin(d, axis=1)
        return d, nearest, fg.sum(fg.take_along_axis(d, nearest[:, None], axis=1))

    steps(f, points, centers)


def test_gradients_and_loops():
    x, w, y = rng.normal(size=(3000, 12)), rng.normal(size=(12, 200)), rng.integers(0, 200, 3000)
    steps(fg.grad(lambda w, x: fg.nn.functional.cross_entropy(x @ w, fg.tensor(y))), w, x)
    points, centers = rng.normal(size=(3000, 4)), rng.normal(size=(100, 4))

    def lloyd(c, _):
        nearest = fg.argmin(distances(fg.tensor(points), c), axis=1)
        moved = fg.grad(lambda c: 0.5 * fg.sum((c[nearest] - points) ** 2))(c)
        return c - 0.001 * moved, fg.sum(nearest)

    run = lambda c: fg.scan(lloyd, c, None, length=3)
    got, exact = fg.compile(run)(centers), run(fg.tensor(centers))
    np.testing.assert_array_equal(got[0], exact[0].numpy())
    np.testing.assert_array_equal(got[1], exact[1].numpy())


def test_special_numbers():
    a = rng.normal(size=(2000, 3))
    a[5], a[77, 1], a[300, 2] = np.nan, np.inf, -np.inf
    b = rng.normal(size=(3, 300))
    steps(lambda a, b: (fg.argmax(a @ b, axis=1), fg.max(a @ b, axis=1)), a, b)


# --- layers, and what is left to do behind them


def weights(*sizes, dtype=np.float32):
    return [rng.normal(size=pair).astype(dtype) / 8 for pair in itertools.pairwise(sizes)]


def network(x, *matrices):
    for w in matrices[:-1]:
        x = fg.maximum(x @ w + 0.125, 0.0)
    return x @ matrices[-1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [64, 128, 250, 1031])
def test_layers_there_and_back(n, dtype):
    x, y = rng.normal(size=(n, 40)).astype(dtype), rng.normal(size=(n, 1)).astype(dtype)
    matrices = weights(40, 256, 260, 1, dtype=dtype)  # enough to share for 64 rows and the fastest kernels

    def gradients(*w):
        return fg.value_and_grad(lambda w: fg.mean((network(fg.tensor(x), *w) - y) ** 2))(list(w))[1]

    names, _ = steps(lambda *w: tuple(gradients(*w)), *matrices)
    assert len(names) <= 4, names
    assert names[0].count("matmul + ") >= 2, names
    # The gradients of the weights read all rows: they wait for the others, then go together.
    assert n == 64 or any(", matmul" in step for step in names), names


def test_what_comes_behind_independent_sums():
    x, y = rng.normal(size=(2000, 8)), rng.normal(size=(2000, 90))
    w, b, decay = rng.normal(size=(8, 90)), rng.normal(size=90), rng.normal(size=90)

    def f(w, b):
        h = fg.tanh(fg.tensor(x) @ w + b)
        error = (h - fg.tensor(y)) * (1.0 - h * h)
        return (
            fg.tensor(x).T @ error + w * decay,
            fg.sum(error, axis=0) + b * decay,
            fg.max(error, axis=0) * 2.0,
        )

    names, _ = steps(f, w, b)
    assert any(name.count(",") == 2 for name in names), names


def test_layers_of_many_rows_are_never_whole_in_memory():
    n, sizes = 30_000, (8, 100, 60, 100, 3)
    names, memory = steps(network, rng.normal(size=(n, 8)).astype(np.float32), *weights(*sizes))
    assert any(step.count("matmul") == 4 for step in names)
    assert ", 0 bytes of working memory" in memory
    moved = re.search(r"operations, ([\d.]+) MiB read", memory).group(1)
    assert float(moved) * 2**20 < 2 * n * (8 + 3) * 4


LAYERS = {
    "residual": lambda h, w, b: h + fg.tanh(h @ w + b),
    "norm of each row": lambda h, w, b: (h - fg.mean(h, axis=1, keepdims=True)) @ w,
    "norm of the batch": lambda h, w, b: (h - fg.mean(h, axis=0)) / fg.std(h, axis=0) * b + h @ w,
    "softmax": lambda h, w, b: fg.exp(h - fg.logsumexp(h, axis=1, keepdims=True)) @ w,
    "weighed rows": lambda h, w, b: (h @ w) * fg.sum(h, axis=1, keepdims=True),
    "largest first": lambda h, w, b: fg.argmax(h, axis=1)[:, None] * (h @ w),
    "square of it": lambda h, w, b: h[:, ::-1] @ w + h,
    "other rows": lambda h, w, b: h[::-1] + h @ w,
    "rows by rows": lambda h, w, b: (h.T @ h) @ w.T[:, :1] + h[: h.shape[1], :1],
    "weights made of it": lambda h, w, b: h @ (h[: w.shape[0]] + w),
    "halves": lambda h, w, b: (
        fg.concatenate([h[:, : h.shape[1] // 2] * 2.0, h[:, h.shape[1] // 2 :]], axis=1) @ w
    ),
    "rolled": lambda h, w, b: fg.concatenate([h[1:], h[:1]], axis=0) @ w,
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_every_kind(name):
    n, width = 192, 96
    x, w, b = (rng.normal(size=shape) / 4 for shape in ((n, width), (width, width), (width,)))
    layer = LAYERS[name]

    def f(x, w, b):
        h = layer(fg.tanh(x @ w), w, b)
        if h.shape != (n, width):
            return h
        return fg.tanh(layer(h, w, b) @ w)

    steps(f, x, w, b)
    steps(lambda *a: fg.grad(lambda x: fg.sum(f(x, *a[1:])))(a[0]), x, w, b)


@pytest.mark.parametrize("seed", range(12))
def test_any_layers_one_after_the_other(seed):
    draw = np.random.default_rng(seed)
    n, width = int(draw.integers(130, 400)), int(draw.integers(60, 130))
    chosen = [list(LAYERS)[i] for i in draw.integers(0, len(LAYERS), 6)]
    x, w, b = (draw.normal(size=shape) / 4 for shape in ((n, width), (width, width), (width,)))

    def f(x, w, b):
        values = [fg.tanh(x @ w)]
        for name in chosen:
            h = values[int(draw.integers(len(values))) if name == "residual" else -1]
            made = LAYERS[name](h, w, b)
            if made.shape == (n, width):
                values.append(fg.tanh(made))
        return tuple(values)

    state = draw.bit_generator.state

    def again(*a):
        draw.bit_generator.state = state
        return f(*a)

    steps(again, x, w, b)
    steps(lambda *a: fg.grad(lambda w: fg.sum(again(a[0], w, a[2])[-1]))(a[1]), x, w, b)
