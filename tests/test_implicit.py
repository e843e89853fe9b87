"""custom_root and custom_fixed_point: derivatives of solutions beside closed forms and differences."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg


@fg.custom_root(lambda x, a: x * x - a)
def square_root(init, a):
    x = np.asarray(init, float) + np.zeros_like(np.asarray(a))
    for _ in range(60):
        x = 0.5 * (x + np.asarray(a) / x)
    return x


def test_root_of_a_square():
    a = np.array([1.0, 4.0, 9.0])
    np.testing.assert_allclose(np.asarray(square_root(1.0, a)), np.sqrt(a), 1e-14)
    np.testing.assert_allclose(fg.grad(lambda a: square_root(1.0, a).sum())(a), 0.5 * a**-0.5, 1e-13)
    np.testing.assert_allclose(fg.jacobian(lambda a: square_root(1.0, a))(a), np.diag(0.5 * a**-0.5), 1e-13)
    np.testing.assert_allclose(
        fg.hessian(lambda a: square_root(1.0, a).sum())(a), np.diag(-0.25 * a**-1.5), 1e-12
    )
    third = fg.grad(lambda a: fg.grad(lambda a: fg.grad(square_root, 1)(1.0, a))(a))(4.0)
    np.testing.assert_allclose(third, 0.375 * 4.0**-2.5, 1e-11)
    _value, tangent = fg.jvp(lambda a: square_root(1.0, a), [a], [np.ones(3)])
    np.testing.assert_allclose(tangent, 0.5 * a**-0.5, 1e-13)


def test_where_it_starts_has_no_part():
    init, a = np.ones(2), np.array([2.0, 3.0])
    got = fg.grad(lambda i, a: square_root(i, a).sum(), (0, 1))(init, a)
    np.testing.assert_array_equal(got[0], [0.0, 0.0])
    np.testing.assert_allclose(got[1], 0.5 * a**-0.5, 1e-13)


RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(20, 4)), RNG.normal(size=20)


def ridge_loss(w, penalty, b):
    r = A @ w - b
    return 0.5 * (r * r).sum() + 0.5 * penalty * (w * w).sum()


@fg.custom_root(fg.grad(ridge_loss))
def ridge(init, penalty, b):
    penalty, b = float(penalty), np.asarray(b)
    return np.linalg.solve(A.T @ A + penalty * np.eye(4), A.T @ b)


def test_ridge_regression():
    penalty = 0.7
    inverse = np.linalg.inv(A.T @ A + penalty * np.eye(4))
    w = inverse @ A.T @ B
    slope = fg.jacobian(ridge, 1)(np.zeros(4), penalty, B)
    np.testing.assert_allclose(slope, -inverse @ w, 1e-11)
    np.testing.assert_allclose(fg.jacobian(ridge, 2)(np.zeros(4), penalty, B), inverse @ A.T, 1e-11, 1e-14)
    # Second: d2w / dp2 = 2 H^-1 H^-1 w.
    second = fg.jacobian(fg.jacobian(ridge, 1), 1)(np.zeros(4), penalty, B)
    np.testing.assert_allclose(second, 2 * inverse @ inverse @ w, 1e-10)


def test_fixed_point():
    @fg.custom_fixed_point(lambda x, p: {"u": fg.cos(p["a"] * x["v"]), "v": 0.5 * fg.sin(x["u"]) + p["b"]})
    def solve(x, p):
        for _ in range(200):
            x = {"u": fg.cos(p["a"] * x["v"]), "v": 0.5 * fg.sin(x["u"]) + p["b"]}
        return x

    start = {"u": np.ones(2), "v": np.zeros(2)}
    p = {"a": np.array([0.5, 0.8]), "b": 0.3}

    def loss(p):
        x = solve(start, p)
        return (x["u"] * x["v"] ** 2).sum()

    fg.check_grads(loss, (p,), order=2, rtol=1e-6)


def test_compiled_and_vmapped_solvers_are_traced():
    pytest.importorskip("fastgrad.linalg")
    if not hasattr(fg.linalg, "solve"):
        pytest.skip("needs linalg.solve")

    @fg.custom_root(lambda x, a: x * x - a)
    def solve(x, a):
        for _ in range(30):
            x = 0.5 * (x + a / x)
        return x

    a = np.array([2.0, 3.0])
    f = fg.grad(lambda a: solve(np.ones(2), a).sum())
    np.testing.assert_allclose(fg.compile(f)(a), 0.5 * a**-0.5, 1e-12)
    np.testing.assert_allclose(fg.compile(f)(a), 0.5 * a**-0.5, 1e-12)


def test_many_unknowns_by_iteration():
    n = 400
    shift = np.roll(np.eye(n), 1, 1)

    @fg.custom_root(lambda x, b: 4.0 * x + fg.sin(x) + 0.5 * fg.roll(x, 1) - b)
    def solve(init, b):
        x, b = np.zeros(n), np.asarray(b)
        for _ in range(100):
            x = (b - np.sin(x) - 0.5 * np.roll(x, 1)) / 4.0
        return x

    b = np.random.default_rng(1).normal(size=n)
    weights = np.random.default_rng(2).normal(size=n)
    x = np.asarray(solve(None, b))
    jacobian = np.diag(4.0 + np.cos(x)) + 0.5 * shift.T
    want = np.linalg.solve(jacobian.T, weights)
    np.testing.assert_allclose(fg.grad(lambda b: (solve(None, b) * weights).sum())(b), want, 1e-9, 1e-11)


def test_single_precision():
    @fg.custom_root(lambda x, a: x * x - a)
    def solve(init, a):
        return np.sqrt(np.asarray(a))

    a = np.array([2.0, 3.0], np.float32)
    got = fg.grad(lambda a: solve(None, a).sum())(a)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, 0.5 * a**-0.5, 1e-6)


def test_without_a_derivative_the_solver_alone_runs():
    assert not isinstance(square_root(1.0, 4.0), fg.Tensor)
    with fg.no_grad():
        assert not isinstance(square_root(1.0, fg.tensor(4.0, requires_grad=True)), fg.Tensor)


def test_errors():
    with pytest.raises(TypeError, match="f must be a function"):
        fg.custom_root(3)
    singular = fg.custom_root(lambda x, a: x * 0.0 + a)(lambda init, a: np.zeros(2))
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        fg.grad(lambda a: singular(None, a).sum())(1.0)
    shapes = fg.custom_root(lambda x, a: x[:1] - a)(lambda init, a: np.zeros(2))
    with pytest.raises(ValueError, match=r"has shape \(1,\), expected that of x, \(2,\)"):
        fg.grad(lambda a: shapes(None, a).sum())(1.0)
    nested = fg.custom_root(lambda x, a: (x, a))(lambda init, a: np.zeros(2))
    with pytest.raises(ValueError, match="nested as x"):
        fg.grad(lambda a: nested(None, a).sum())(1.0)
    text = fg.custom_root(lambda x, a: x)(lambda init, a: "text")
    with pytest.raises(TypeError, match="returned str"):
        fg.grad(lambda a: text(None, a))(1.0)
