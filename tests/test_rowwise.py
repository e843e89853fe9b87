"""What is made of each row of a large product is made while the row is in cache, with the same bits."""

import re

import numpy as np
import pytest

import fastgrad as fg
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
    told = program.explain().splitlines()
    return [re.split("  +", line)[-1] for line in told[:-1]], told[-1]


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
