"""learning_rate_bounds: eigenvalues that are known, when they hold, and what is said about them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastgrad as fg


def quadratic(eigenvalues, seed=0):
    """A function x @ A @ x / 2 with A of these eigenvalues, and A."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(len(eigenvalues), len(eigenvalues))))
    a = q @ np.diag(eigenvalues) @ q.T
    a = 0.5 * (a + a.T)
    return (lambda x: 0.5 * (x * (a @ x)).sum()), a


def test_a_known_spectrum():
    f, _ = quadratic([0.5, 3.0, 8.0])
    b = fg.learning_rate_bounds(f, np.ones(3))
    assert b.exact is True
    np.testing.assert_allclose(
        [b.sharpness, b.smallest, b.stable, b.best, b.condition],
        [8.0, 0.5, 0.25, 2.0 / 8.5, 16.0],
        rtol=1e-12,
    )
    assert str(b) == (
        "Gradient descent is stable for learning rates below 0.25 (2 / lambda_max, lambda_max = 8; "
        "exact: the Hessian does not depend on x). "
        "The best constant rate is 0.235294 (2 / (lambda_max + lambda_min)); the condition number is 16."
    )


def test_the_best_rate_is_the_best():
    f, _ = quadratic([0.5, 3.0, 8.0])
    b = fg.learning_rate_bounds(f, np.ones(3))
    steps = {rate: fg.minimize(f, np.ones(3), lr=rate * b.best).nit for rate in (0.9, 1.0, 1.05)}
    assert steps[1.0] < steps[0.9]
    assert steps[1.0] < steps[1.05]


@pytest.mark.parametrize(
    "f",
    [
        lambda p: ((X @ p["w"] + p["b"] - y) ** 2).mean(),
        lambda p: fg.nn.functional.mse_loss(X @ p["w"] + p["b"], y),
        lambda p: fg.mean(fg.square(X @ p["w"] + p["b"] - y)),
    ],
    ids=["power", "mse_loss", "square"],
)
def test_least_squares_is_exact(f):
    b = fg.learning_rate_bounds(f, {"w": np.zeros(4), "b": 0.0})
    design = np.column_stack([np.ones(len(X)), X])
    eigenvalues = np.linalg.eigvalsh(2.0 * design.T @ design / len(X))
    assert b.exact is True
    np.testing.assert_allclose([b.sharpness, b.smallest], eigenvalues[[-1, 0]], rtol=1e-10)


X = np.random.default_rng(3).normal(size=(30, 4)) * [1.0, 2.0, 3.0, 4.0]
y = np.random.default_rng(4).normal(size=30)


def test_a_local_estimate_is_said_to_be_one():
    b = fg.learning_rate_bounds(lambda x: (x**4).sum(), np.array([1.0, 2.0]))
    assert b.exact is False
    np.testing.assert_allclose([b.sharpness, b.smallest], [48.0, 12.0], rtol=1e-12)
    assert "near this x: the Hessian depends on x" in str(b)


def test_a_function_that_reads_values():
    def f(x):
        return (x * x).sum() if float(fg.stop_gradient(x).sum()) > 0 else (3.0 * x * x).sum()

    b = fg.learning_rate_bounds(f, np.ones(2))
    assert (b.sharpness, b.exact) == (2.0, False)
    assert fg.learning_rate_bounds(f, -np.ones(2)).sharpness == 6.0


def test_many_variables_by_lanczos():
    eigenvalues = np.linspace(-3.0, 5.0, 100) ** 3 / 25.0
    f, a = quadratic(eigenvalues)
    b = fg.learning_rate_bounds(f, np.zeros(100))
    assert b.sharpness == pytest.approx(np.linalg.eigvalsh(a)[-1], rel=1e-6)
    assert math.isnan(b.smallest)
    assert math.isnan(b.condition)
    assert b.best == 1.0 / b.sharpness
    assert "A good rate is 0.2 (1 / lambda_max)." in str(b)
    # Up to 64 variables all eigenvalues are found.
    assert fg.learning_rate_bounds(
        quadratic(np.arange(1.0, 65.0))[0], np.zeros(64)
    ).condition == pytest.approx(64.0)
    clustered = np.full(200, 7.0)
    assert fg.learning_rate_bounds(quadratic(clustered)[0], np.zeros(200)).sharpness == pytest.approx(
        7.0, rel=1e-6
    )
    assert fg.learning_rate_bounds(lambda x: x.sum(), np.zeros(200)).sharpness == 0.0


def test_directions_that_do_not_curve_up():
    b = fg.learning_rate_bounds(lambda x: -(x * x).sum(), np.ones(2))
    assert (b.stable, b.sharpness) == (math.inf, -2.0)
    assert "No direction curves up here" in str(b)
    b = fg.learning_rate_bounds(lambda x: x[0] ** 2 - x[1] ** 2, np.ones(2))
    assert (b.stable, b.best, b.smallest) == (1.0, 0.5, -2.0)
    assert math.isnan(b.condition)
    assert "Some direction curves down (lambda_min = -2)" in str(b)
    b = fg.learning_rate_bounds(lambda x: x[0] ** 2 + 0.0 * x[1], np.ones(2))
    assert (b.stable, b.best, b.smallest) == (1.0, 0.5, 0.0)
    assert math.isnan(b.condition)
    assert fg.learning_rate_bounds(lambda x: 3.0 * x, 1.0).stable == math.inf


def test_float32():
    b = fg.learning_rate_bounds(
        lambda x: (np.array([1.0, 9.0], np.float32) * x * x).sum(), np.ones(2, np.float32)
    )
    assert b.sharpness == pytest.approx(18.0, rel=1e-6)
    assert b.condition == pytest.approx(9.0, rel=1e-5)


@pytest.mark.parametrize(
    ("f", "x", "error", "message"),
    [
        (lambda x: x * x, float("nan"), ValueError, "x must be finite"),
        (lambda x: x * x, "here", TypeError, "x must hold real numbers, got str"),
        (lambda x: x * x, [], ValueError, "x holds no numbers"),
        (lambda x: x * x, np.ones(2), ValueError, r"returned shape \(2,\)"),
        (lambda x: (x**1.5).sum(), np.zeros(1), ValueError, "second derivatives at x are not finite"),
        (lambda x: (x**1.5).sum(), np.zeros(100), ValueError, "second derivatives at x are not finite"),
    ],
)
def test_bad_input(f, x, error, message):
    with pytest.raises(error, match=message):
        fg.learning_rate_bounds(f, x)
