"""minimize through SciPy: exact derivatives, paths, bounds and constraints, reasons, and SciPy missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import fastgrad as fg

CURVATURES = np.array([10.0, 1.0, 4.0])


def bowl(x):
    return 0.5 * (CURVATURES * x * x).sum() + x[0]


def valley(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


SCIPY = [
    "cg",
    "bfgs",
    "L-BFGS-B",
    "tnc",
    "slsqp",
    "Newton-CG",
    "trust-ncg",
    "trust_krylov",
    "trust-exact",
    "trust-constr",
]


@pytest.mark.parametrize("method", SCIPY)
def test_scipy_methods(method):
    pytest.importorskip("scipy")
    calls = []
    r = fg.minimize(lambda x: (calls.append(1), valley(x))[1], [-1.2, 1.0], method, keep_path=True)
    assert (r.reason, r.success, r.status) == ("converged", True, 0)
    np.testing.assert_allclose(r.x, [1.0, 1.0], atol=1e-5)
    assert r.path.shape == (r.nit + 1, 2)
    np.testing.assert_array_equal(r.path[0], [-1.2, 1.0])
    np.testing.assert_array_equal(r.path[-1], r.x)
    assert r.path_fun[-1] == pytest.approx(r.fun, abs=1e-15)
    assert r.nfev > 0
    assert len(calls) <= 2  # recorded: the gradient, and the Hessian where it is used


@pytest.mark.parametrize("method", ["nelder-mead", "powell", "cobyqa", "dogleg"])
def test_scipy_methods_on_a_bowl(method):
    scipy = pytest.importorskip("scipy")
    if method == "cobyqa" and tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 14):
        pytest.skip("SciPy has it since 1.14")
    r = fg.minimize(bowl, [1.0, 1.0, 1.0], method, keep_path=True)
    assert r.success
    np.testing.assert_allclose(r.x, [-0.1, 0.0, 0.0], atol=1e-5)
    assert r.path.shape == (r.nit + 1, 3)


def test_scipy_methods_take_nests_and_functions_that_read_values():
    pytest.importorskip("scipy")

    def f(p):
        assert float(fg.stop_gradient(p["w"]).sum()) < 1e9
        return ((p["w"] - 1.0) ** 2).sum() + (p["b"] + 2.0) ** 2

    for method in ("bfgs", "trust-exact", "newton-cg"):
        r = fg.minimize(f, {"w": np.zeros((2, 2), np.float32), "b": 0.0}, method, tol=1e-3)
        assert r.x["w"].dtype == np.float32
        np.testing.assert_allclose(r.x["w"], 1.0, atol=1e-3)
        np.testing.assert_allclose(r.x["b"], -2.0, atol=1e-3)


def test_bounds():
    pytest.importorskip("scipy")
    r = fg.minimize(bowl, [1.0, 1.0, 1.0], "l-bfgs-b", bounds=[(0.5, 2.0), (None, None), (0.25, None)])
    assert r.success
    np.testing.assert_allclose(r.x, [0.5, 0.0, 0.25], atol=1e-7)


@pytest.mark.parametrize("method", ["slsqp", "trust-constr"])
def test_constraints_get_exact_jacobians(method):
    pytest.importorskip("scipy")
    constraint = {"type": "eq", "fun": lambda x: fg.sin(x[0]) + x[1] - 1.0}
    r = fg.minimize(lambda x: (x**2).sum(), [0.5, 0.5], method, constraints=constraint)
    assert r.success
    assert abs(np.sin(r.x[0]) + r.x[1] - 1.0) < 1e-7
    # The gradients of value and constraint are parallel there.
    np.testing.assert_allclose(r.x[0], r.x[1] * np.cos(r.x[0]), atol=1e-4)
    # Convex: there is one solution, and rounding cannot choose another.
    matrix = {"type": "ineq", "fun": lambda w: 4.0 - fg.exp(1.0 - w).sum()}
    r = fg.minimize(lambda w: (w**2).sum(), np.ones((2, 2)) * 3.0, method, constraints=[matrix])
    np.testing.assert_allclose(r.x, np.ones((2, 2)), atol=1e-3)


def test_scipy_reasons():
    pytest.importorskip("scipy")
    r = fg.minimize(valley, [-1.2, 1.0], "bfgs", max_iter=3)
    assert (r.reason, r.status, r.nit, r.success) == ("max_iter", 1, 3, False)
    r = fg.minimize(lambda x: fg.log(x), 1e-3, "bfgs", max_iter=50)
    assert r.reason != "converged"


def test_a_missing_scipy_is_named(monkeypatch):
    for module in [name for name in sys.modules if name.split(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r'scipy is not installed.*pip install "fastgrad\['):
        fg.minimize(bowl, np.ones(3), "bfgs")
    assert fg.minimize(bowl, np.ones(3)).success
