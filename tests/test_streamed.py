"""Models of one large table: loss and gradient read it once, with the bits of the ops one by one."""

import numpy as np
import pytest

import fastgrad as fg
from checking import names_of_steps
from fastgrad._native import core

rng = np.random.default_rng(5)


def table(rows, columns, dtype):
    X = rng.normal(size=(rows, columns)).astype(dtype)
    y = (X.sum(1) + rng.normal(size=rows)).astype(dtype)
    return X, y, (rng.normal(size=columns) / columns).astype(dtype), np.array(0.5, dtype)


def mse(w, b, X, y):
    return fg.mean((X @ w + b - y) ** 2)


def logistic(w, b, X, y):
    z = X @ w + b
    return fg.mean(fg.softplus(z) - y * z)


def steps(f, *examples):
    """What each step of the gradient runs; its replay is compared with the eager gradient, bit by bit."""
    gradient = fg.value_and_grad(f, argnums=(0, 1))
    flat = lambda result: [result[0], *result[1]]
    program = core.record(lambda values: flat(gradient(*values)), list(examples))
    expected = [t.numpy() for t in flat(gradient(*map(fg.tensor, examples)))]
    for threads in (1, 2, 3):
        with fg.threads(threads):
            for got, exact in zip(program(examples), expected, strict=True):
                np.testing.assert_array_equal(got.numpy(), exact)
    return names_of_steps(program)


def passes(names):
    """How often the table is read."""
    return sum("matmul" in name for name in names)


# Around blocks of 4096 rows and groups of 16; with and without a bias; wide, narrow and a single column.
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("rows", "columns"), [(8192, 32), (8191, 37), (20_001, 13), (4097, 100), (65_536, 4), (4100, 1100)]
)
def test_a_linear_model(rows, columns, dtype):
    X, y, w, b = table(rows, columns, dtype)
    if X.nbytes < 1 << 20:  # small tables stay in the cache
        X, y = np.tile(X, (2, 1)), np.tile(y, 2)
    assert passes(steps(mse, w, b, X, y)) == 1


@pytest.mark.parametrize(
    "loss",
    [
        lambda w, b, X, y: fg.mean(fg.abs(X @ w + b - y)),
        logistic,
        lambda w, b, X, y: fg.sum(fg.tanh(X @ fg.sin(w) * b) * y),
        lambda w, b, X, y: fg.mean((X @ w.reshape(-1, 1) + b - y.reshape(-1, 1)) ** 2),
        lambda w, b, X, y: fg.mean((X @ w + b - y) ** 2) + 0.1 * fg.sum(w**2),
    ],
    ids=["absolute", "logistic", "nonlinear", "column", "ridge"],
)
def test_other_losses(loss):
    X, y, w, b = table(9000, 40, np.float64)
    assert passes(steps(loss, w, b, X, y)) == 1


def test_weights_of_samples():
    X, y, w, b = table(9000, 40, np.float64)
    weights = rng.uniform(size=9000)
    assert passes(steps(lambda w, b, X, y: fg.sum(weights * (X @ w + b - y) ** 2), w, b, X, y)) == 1


@pytest.mark.parametrize(
    "loss",
    [
        # The gradient of each residual depends on the sum of all.
        lambda w, b, X, y: fg.mean((X @ w + b - y) ** 2) ** 2,
        # Rows are mixed, or read in another order.
        lambda w, b, X, y: fg.mean((X @ w + b - (X @ w)[::-1]) ** 2),
        lambda w, b, X, y: fg.mean((X @ w - fg.mean(X @ w) + b - y) ** 2),
    ],
    ids=["power of the mean", "reversed", "centred"],
)
def test_what_needs_all_rows_first_reads_twice(loss):
    X, y, w, b = table(9000, 40, np.float64)
    assert passes(steps(loss, w, b, X, y)) >= 2


def test_small_tables_and_other_layouts():
    X, y, w, b = table(500, 8, np.float64)
    assert passes(steps(mse, w, b, X, y)) == 2
    X, y, w, b = table(9000, 40, np.float64)
    gradient = fg.compile(fg.grad(mse))
    expected = gradient(w, b, X, y)
    np.testing.assert_array_equal(gradient(w, b, np.asfortranarray(X), y), expected)
    np.testing.assert_array_equal(gradient(w, b, np.repeat(X, 2, axis=1)[:, ::2], y), expected)


def test_values_between_are_results_too():
    X, y, w, _ = table(9000, 40, np.float64)

    def f(w, X, y):
        residual = X @ w - y
        return residual, X.T @ residual, fg.sum(residual**2)

    program = core.record(lambda values: list(f(*values)), [w, X, y])
    assert passes(names_of_steps(program)) == 1
    for got, exact in zip(program([w, X, y]), f(*map(fg.tensor, (w, X, y))), strict=True):
        np.testing.assert_array_equal(got.numpy(), exact.numpy())
    residual, gradient, total = (t.numpy() for t in program([w, X, y]))
    np.testing.assert_allclose(residual, X @ w - y, atol=1e-12)
    np.testing.assert_allclose(gradient, X.T @ (X @ w - y), rtol=1e-10)
    np.testing.assert_allclose(total, ((X @ w - y) ** 2).sum(), rtol=1e-12)


def test_not_a_number_stays_in_its_row():
    X, y, w, _ = table(9000, 40, np.float64)
    X[4321, 7] = np.nan
    residual = core.record(lambda v: [r := v[1] @ v[0] - v[2], v[1].T @ r], [w, X, y])([w, X, y])[0].numpy()
    assert np.flatnonzero(np.isnan(residual)).tolist() == [4321]


AROUND = {
    "what comes behind the gradient": lambda X, y, w: X.T @ (X @ w - y) + 3.0 * w,
    "two gradients": lambda X, y, w: (X.T @ (X @ w - y)) * (X.T @ (X @ w + y)),
    "a loss that is read on the way": lambda X, y, w: X.T @ ((X @ w - y) * fg.mean((X @ w - y) ** 2)),
    "a mean that is taken off": lambda X, y, w: X.T @ ((X @ w - y) - fg.mean(X @ w - y)),
    "sums, and what they are of": lambda X, y, w: (
        X.T @ (X @ w - y),
        fg.sum(X @ w - y),
        fg.mean(X @ w - y, axis=0),
        X @ w - y,
    ),
    "sums of a part": lambda X, y, w: (
        X.T @ (X @ w - y),
        fg.sum((X @ w - y)[::-1]),
        fg.sum((X @ w - y)[:100]),
    ),
    "another reduction": lambda X, y, w: (X.T @ (X @ w - y), fg.max(X @ w - y), fg.sum(X @ w - y)),
    "a penalty": lambda X, y, w: fg.value_and_grad(
        lambda w: fg.mean(fg.nn.functional.softplus(X @ w) - y * (X @ w)) + 0.1 * fg.sum(w * w)
    )(w),
}


@pytest.mark.parametrize("n", [50_000, 70_001])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", AROUND)
def test_what_is_around_a_stream(name, dtype, n):
    X, y, w = (fg.tensor(rng.normal(size=shape).astype(dtype)) for shape in ((n, 6), (n, 1), (6, 1)))
    f = lambda w: AROUND[name](X, y, w)
    all_of = lambda result: [a.numpy() for a in (result if isinstance(result, tuple) else (result,))]
    expected, program = all_of(f(w)), fg.compile(f)
    for threads in (1, 2, 3):
        with fg.threads(threads):
            for got, exact in zip(all_of(program(w)), expected, strict=True):
                np.testing.assert_array_equal(got, exact, strict=True)


def test_nothing_between_is_in_memory():
    X, y = fg.tensor(rng.normal(size=(100_000, 10))), fg.tensor(rng.normal(size=100_000))
    program = fg.compile(fg.value_and_grad(lambda p: fg.mean((X @ p[0] + p[1] - y) ** 2)))
    told = program.explain((fg.tensor(rng.normal(size=10)), fg.tensor(0.5)))
    assert told.startswith("0 ")
    assert "matmul + mean + sum" in told
    assert "1 step from" in told
    assert " 0 bytes of working memory" in told
