"""minimize: trajectories by hand, stopping, nests, functions that cannot be recorded, bad input, Ctrl-C."""

from __future__ import annotations

import copy
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.descent import OptimizeResult

CURVATURES = np.array([10.0, 1.0, 4.0])


def bowl(x):
    return 0.5 * (CURVATURES * x * x).sum() + x[0]


def bowl_slope(x):
    return CURVATURES * x + np.array([1.0, 0.0, 0.0])


def valley(x):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def gd(x, lr, n):
    for _ in range(n):
        x = x - lr * bowl_slope(x)
        yield x


def momentum(x, lr, n, momentum=0.9, nesterov=False):
    v = 0.0
    for _ in range(n):
        g = bowl_slope(x)
        v = momentum * v + g
        x = x - lr * (g + momentum * v if nesterov else v)
        yield x


def adam(x, lr, n, betas=(0.9, 0.999), eps=1e-8):
    m = v = 0.0
    for t in range(1, n + 1):
        g = bowl_slope(x)
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        x = x - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
        yield x


def rmsprop(x, lr, n, alpha=0.99, eps=1e-8):
    v = 0.0
    for _ in range(n):
        g = bowl_slope(x)
        v = alpha * v + (1 - alpha) * g * g
        x = x - lr * g / (np.sqrt(v) + eps)
        yield x


def adagrad(x, lr, n, eps=1e-10):
    v = 0.0
    for _ in range(n):
        g = bowl_slope(x)
        v = v + g * g
        x = x - lr * g / (np.sqrt(v) + eps)
        yield x


NATIVE = {
    "gd": (gd, {}),
    "momentum": (momentum, {"momentum": 0.6}),
    "nesterov": (lambda x, lr, n, **o: momentum(x, lr, n, nesterov=True, **o), {"momentum": 0.6}),
    "adam": (adam, {"betas": (0.8, 0.95), "eps": 1e-4}),
    "rmsprop": (rmsprop, {"alpha": 0.9, "eps": 1e-3}),
    "adagrad": (adagrad, {"eps": 1e-3}),
}


@pytest.mark.parametrize("options", [False, True], ids=["usual", "chosen"])
@pytest.mark.parametrize("method", NATIVE)
def test_native_methods_walk_as_the_formulas_say(method, options):
    by_hand, chosen = NATIVE[method]
    chosen = chosen if options else {}
    start = np.array([1.0, -2.0, 3.0])
    r = fg.minimize(bowl, start, method=method, lr=0.05, max_iter=25, options=chosen, keep_path=True, tol=0.0)
    expected = np.array([start, *by_hand(start, 0.05, 25, **chosen)])
    np.testing.assert_allclose(r.path, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(r.path_fun, [bowl(x) for x in expected], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(r.x, r.path[-1])
    np.testing.assert_allclose(r.jac, bowl_slope(expected[-1]), rtol=1e-9, atol=1e-12)
    assert (r.nit, r.nfev, r.njev, r.reason, r.status, r.success) == (25, 26, 26, "max_iter", 1, False)
    assert r.fun == r.path_fun[-1]


@pytest.mark.parametrize("method", NATIVE)
def test_native_methods_arrive(method):
    lr = {"adam": 0.3, "rmsprop": 0.01, "adagrad": 1.0}.get(method, 0.1)
    r = fg.minimize(bowl, [1.0, -2.0, 3.0], method=method, lr=lr, max_iter=20_000)
    assert r.success is True
    assert (r.status, r.reason) == (0, "converged")
    assert np.abs(bowl_slope(r.x)).max() <= 1e-8
    np.testing.assert_allclose(r.x, [-0.1, 0.0, 0.0], atol=1e-8)
    assert f"Converged after {r.nit} steps" in r.message


def test_the_lesson_in_one_variable():
    path = [0.0]
    for _ in range(10):
        path.append(path[-1] - 0.1 * 2.0 * (path[-1] - 3.0))
    r = fg.minimize(lambda x: (x - 3.0) ** 2, 0.0, lr=0.1, max_iter=10, keep_path=True)
    assert r.path.shape == (11, 1)
    np.testing.assert_allclose(r.path[:, 0], path, rtol=1e-15)
    assert isinstance(r.x, np.float64)
    assert isinstance(r.jac, np.float64)
    assert isinstance(r.fun, float)


def test_where_it_starts_may_be_enough():
    r = fg.minimize(lambda x: (x * x).sum(), np.zeros(2), keep_path=True)
    assert (r.nit, r.nfev, r.reason, r.path.shape) == (0, 1, "converged", (1, 2))
    r = fg.minimize(lambda x: (x * x).sum(), np.ones(2), max_iter=0)
    assert (r.nit, r.nfev, r.reason) == (0, 1, "max_iter")
    np.testing.assert_array_equal(r.x, [1.0, 1.0])
    assert r.path is None
    assert r.path_fun is None


def test_tol_is_the_largest_entry_of_the_gradient():
    r = fg.minimize(bowl, [1.0, 1.0, 1.0], lr=0.1, tol=1e-3, keep_path=True)
    assert np.abs(bowl_slope(r.path[-1])).max() <= 1e-3 < np.abs(bowl_slope(r.path[-2])).max()


@pytest.mark.parametrize("as_tensor", [False, True])
def test_any_nest(as_tensor):
    kind = fg.tensor if as_tensor else np.asarray
    x0 = {"w": kind(np.ones((2, 3))), "b": (kind(2.0), [kind(np.array([3.0]))])}

    def f(p):
        return (p["w"] ** 2).sum() + (p["b"][0] - 1.0) ** 2 + (p["b"][1][0] ** 2).sum()

    r = fg.minimize(f, x0, lr=0.25, keep_path=True)
    assert r.reason == "converged"
    assert r.path.shape[1] == 8
    for result in (r.x, r.jac):
        leaves = [result["w"], result["b"][0], result["b"][1][0]]
        assert [leaf.shape for leaf in leaves] == [(2, 3), (), (1,)]
        assert all(isinstance(leaf, fg.Tensor) == as_tensor for leaf in leaves)
    np.testing.assert_allclose(np.asarray(r.x["w"]), 0.0, atol=1e-8)
    np.testing.assert_allclose(float(r.x["b"][0]), 1.0, atol=1e-8)
    np.testing.assert_array_equal(np.asarray(x0["w"]), 1.0)


@pytest.mark.parametrize(
    ("x0", "dtype"),
    [
        (np.ones(2, np.float32), np.float32),
        (np.ones(2, np.float16), np.float32),
        (np.ones(2, ">f8"), np.float64),
        (np.ones(2, int), np.float64),
        ([1, 1], np.float64),
        ((np.float64(1.0), 1), np.float64),
        (np.ones((4, 3))[::2, :1].T, np.float64),
    ],
)
def test_starts_of_other_types_and_layouts(x0, dtype):
    r = fg.minimize(lambda x: ((x - 2.0) ** 2).sum(), x0, lr=0.4, tol=1e-5)
    assert r.x.dtype == r.jac.dtype == dtype
    assert r.x.shape == np.shape(x0)
    np.testing.assert_allclose(r.x, 2.0, atol=1e-5)


def test_python_numbers_take_the_type_of_arrays_around_them():
    r = fg.minimize(lambda p: (p[0] ** 2).sum() + p[1] ** 2, (np.ones(2, np.float32), 1.0), lr=0.25, tol=1e-4)
    assert r.x[0].dtype == r.x[1].dtype == np.float32


# --- functions that cannot be recorded


def test_a_function_that_reads_values_walks_the_same_path():
    calls = []

    def branching(x):
        calls.append(1)
        if float(fg.stop_gradient(x)[0]) > 1e9:
            return x.sum()
        return valley(x)

    recorded = fg.minimize(valley, [-1.2, 1.0], lr=1e-3, max_iter=200, keep_path=True)
    called = fg.minimize(branching, [-1.2, 1.0], lr=1e-3, max_iter=200, keep_path=True)
    np.testing.assert_array_equal(called.path, recorded.path)
    np.testing.assert_array_equal(called.path_fun, recorded.path_fun)
    assert len(calls) >= 201


def test_a_recordable_function_is_called_once():
    calls = []
    fg.minimize(lambda x: (calls.append(1), valley(x))[1], [-1.2, 1.0], lr=1e-3, max_iter=50)
    assert len(calls) == 1


def test_an_exception_in_the_function_propagates():
    def fails(x):
        raise ZeroDivisionError("in f")

    def fails_later(x):
        if float(fg.stop_gradient(x)) < 0.5:
            raise ZeroDivisionError("later")
        return x * x

    for f in (fails, fails_later):
        with pytest.raises(ZeroDivisionError):
            fg.minimize(f, 1.0)
    assert fg.minimize(lambda x: x * x, 1.0).success


# --- divergence


def test_divergence_is_said_in_words():
    r = fg.minimize(lambda x: 5.0 * x * x, 1.0, lr=0.3, keep_path=True)
    assert (r.reason, r.status, r.success) == ("diverged", 2, False)
    assert r.nit < 40
    assert r.path.shape == (r.nit + 1, 1)
    assert np.isfinite(r.path).all()
    assert "the value has grown to" in r.message
    assert (
        "lr = 0.3 is above the largest stable learning rate at x0, 0.2 (2 / lambda_max, lambda_max = 10"
        in r.message
    )
    assert "exact: the Hessian does not depend on x" in r.message
    # Just below the bound it converges, just above it does not.
    assert fg.minimize(lambda x: 5.0 * x * x, 1.0, lr=0.199, max_iter=5000).success
    assert fg.minimize(lambda x: 5.0 * x * x, 1.0, lr=0.201, max_iter=5000).reason == "diverged"


@pytest.mark.parametrize(("method", "bound"), [("momentum", 0.38), ("nesterov", 0.38 / 2.8)])
def test_momentum_has_its_own_bound(method, bound):
    for factor, reason in ((0.99, "converged"), (1.01, "diverged")):
        r = fg.minimize(lambda x: 5.0 * x * x, 1.0, method=method, lr=factor * bound, max_iter=50_000)
        assert r.reason == reason
    assert f"above the largest stable learning rate at x0, {bound:.6g} (2 (1 + momentum)" in r.message


def test_a_step_to_infinity_does_not_count():
    r = fg.minimize(lambda x: fg.exp(x * x), 3.0, lr=1.0, keep_path=True)
    assert r.reason == "diverged"
    assert "step 1 led to a value of inf" in r.message
    assert "a local estimate: the Hessian depends on x" in r.message
    assert (r.nit, r.nfev, r.path.tolist()) == (0, 2, [[3.0]])
    assert r.x == 3.0
    assert np.isfinite(r.fun)
    r = fg.minimize(lambda x: fg.exp(x), 800.0)
    assert (r.reason, r.nit) == ("diverged", 0)
    assert "the value at x0 is inf" in r.message
    r = fg.minimize(lambda x: fg.sqrt(x), 1.0, lr=3.0)
    assert r.reason == "diverged"
    assert "value of nan" in r.message


def test_falling_without_end():
    r = fg.minimize(lambda x: -x * x, 1.0)
    assert r.reason == "diverged"
    assert "has fallen to" in r.message
    assert "may have no minimum" in r.message


def test_a_rate_below_the_bound_at_the_start_is_not_blamed():
    r = fg.minimize(lambda x: x**4 - 4.0 * x, 0.1, lr=1.0)
    assert r.reason == "diverged"
    assert "lr = 1 is not above the largest stable learning rate at x0, 16.6667" in r.message
    assert "The curvature grows along the way" in r.message


# --- callbacks


@pytest.mark.parametrize("method", ["gd", "bfgs", "slsqp", "tnc", "trust-constr", "nelder-mead"])
def test_callbacks(method):
    if method != "gd":
        pytest.importorskip("scipy")
    named, plain = [], []
    fg.minimize(
        bowl,
        np.ones(3),
        method,
        max_iter=20,
        callback=lambda intermediate_result: named.append(intermediate_result),
    )
    r = fg.minimize(bowl, np.ones(3), method, max_iter=20, callback=plain.append, keep_path=True)
    assert [step.nit for step in named] == list(range(1, len(named) + 1))
    assert len(named) == len(plain) >= 3
    for i, (a, b) in enumerate(zip(named, plain, strict=True)):
        np.testing.assert_array_equal(a.x, b)
        np.testing.assert_array_equal(b, r.path[i + 1])
        assert a.fun == pytest.approx(bowl(b), abs=1e-12)


@pytest.mark.parametrize("method", ["gd", "bfgs", "slsqp", "tnc", "trust-constr"])
def test_a_callback_stops_it(method):
    if method != "gd":
        pytest.importorskip("scipy")
    seen = []

    def third(x):
        seen.append(x)
        if len(seen) == 3:
            raise StopIteration

    r = fg.minimize(bowl, np.ones(3), method, callback=third, keep_path=True)
    assert (r.reason, r.status, r.success) == ("callback", 99, False)
    np.testing.assert_array_equal(r.x, seen[-1])
    assert len(r.path) == 4
    assert r.nit == 3


def test_an_exception_in_a_callback_propagates():
    def fails(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fg.minimize(bowl, np.ones(3), callback=fails)
    assert fg.minimize(bowl, np.ones(3)).success


def test_a_callback_may_minimise():
    inner = []
    fg.minimize(bowl, np.ones(3), max_iter=2, callback=lambda x: inner.append(fg.minimize(bowl, x).success))
    assert inner == [True, True]


def test_threads_minimise_side_by_side():
    starts = [np.array([-1.2 + 0.1 * i, 1.0]) for i in range(8)]

    def run(start, seen):
        return fg.minimize(valley, start, lr=1e-3, max_iter=300, callback=seen.append)

    alone = [run(start, []) for start in starts]
    seen = [[] for _ in starts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, starts, seen))
    for a, b, points in zip(alone, together, seen, strict=True):
        np.testing.assert_array_equal(a.x, b.x)
        assert len(points) == 300


# --- the result


def test_results_are_dicts_and_attributes():
    r = fg.minimize(bowl, np.ones(3), keep_path=True)
    assert isinstance(r, OptimizeResult)
    assert r["x"] is r.x
    assert {
        "x",
        "fun",
        "jac",
        "nit",
        "nfev",
        "njev",
        "success",
        "status",
        "reason",
        "message",
        "path",
    } <= set(dir(r))
    with pytest.raises(AttributeError, match="no attribute 'hess'"):
        _ = r.hess
    text = repr(r)
    assert "reason: converged" in text
    assert f"path: array of shape {r.path.shape}" in text
    for other in (pickle.loads(pickle.dumps(r)), copy.deepcopy(r)):
        assert type(other) is OptimizeResult
        np.testing.assert_array_equal(other.path, r.path)
    assert repr(OptimizeResult()) == "OptimizeResult()"


# --- bad input


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"method": "newton"},
            ValueError,
            "unknown method 'newton'; native: gd, momentum, nesterov, adam.*SciPy: cg, bfgs",
        ),
        ({"method": 3}, TypeError, "method must be a string, got int"),
        ({"lr": 0.0}, ValueError, "lr must be finite and above 0, got 0"),
        ({"lr": -0.1}, ValueError, "lr must be finite and above 0, got -0.1"),
        ({"lr": float("nan")}, ValueError, "lr must be finite and above 0, got nan"),
        ({"lr": float("inf"), "method": "bfgs"}, ValueError, "lr must be finite"),
        ({"lr": "0.1"}, TypeError, "lr must be a number, got str"),
        ({"tol": -1.0}, ValueError, "tol must be finite and at least 0"),
        ({"max_iter": -1}, ValueError, "max_iter must be at least 0, got -1"),
        ({"max_iter": 1.5}, TypeError, "max_iter must be an int, got float"),
        ({"options": {"momentum": 0.9}}, ValueError, "method 'gd' has no option 'momentum'; it has none"),
        ({"method": "adam", "options": {"beta": 1}}, ValueError, "has no option 'beta'; it has betas, eps"),
        ({"method": "adam", "options": {"betas": 0.9}}, ValueError, r"options\['betas'\] must be a pair"),
        (
            {"method": "adam", "options": {"betas": (0.9, 1.0)}},
            ValueError,
            r"options\['beta2'\] must be from 0 to below 1",
        ),
        (
            {"method": "momentum", "options": {"momentum": -1}},
            ValueError,
            r"options\['momentum'\] must be finite",
        ),
        ({"method": "bfgs", "options": {"gtoll": 1}}, ValueError, "options do not fit method 'bfgs'.*gtoll"),
        ({"bounds": [(0, 1)]}, ValueError, "method 'gd' takes no bounds; these do: l-bfgs-b"),
        ({"method": "bfgs", "bounds": [(0, 1)]}, ValueError, "method 'bfgs' takes no bounds"),
        (
            {"constraints": {"type": "eq", "fun": bowl}},
            ValueError,
            "method 'gd' takes no constraints; these do: slsqp",
        ),
        ({"callback": 3}, TypeError, "callback must be callable, got int"),
        ({"f": 3}, TypeError, "f must be callable, got int"),
        ({"f": lambda x: x}, ValueError, r"returned shape \(3,\)"),
        ({"f": lambda x: "low"}, TypeError, "returned a str"),
        ({"f": lambda x: (x > 0).sum()}, TypeError, "returned int64"),
        ({"x0": []}, ValueError, "x0 holds no numbers"),
        ({"x0": {}}, ValueError, "x0 holds no numbers"),
        ({"x0": np.ones((3, 0))}, ValueError, "x0 holds no numbers"),
        ({"x0": [[1.0, 2.0], [3.0]]}, ValueError, "x0 cannot be read as an array"),
        (
            {"x0": np.ones(3, complex)},
            TypeError,
            "x0 must hold real numbers, got ndarray with dtype complex128",
        ),
        ({"x0": np.ones(3, bool)}, TypeError, "x0 must hold real numbers"),
        ({"x0": "start"}, TypeError, "x0 must hold real numbers, got str"),
        ({"x0": np.array([None])}, TypeError, "dtype object"),
        ({"x0": np.ones(3, np.longdouble)}, TypeError, "x0 must hold real numbers"),
        ({"x0": np.ma.masked_array(np.ones(3), [0, 1, 0])}, TypeError, "x0 is a masked array"),
    ],
)
def test_bad_input(arguments, error, message):
    if arguments.get("method") == "bfgs" and "options" in arguments:
        pytest.importorskip("scipy")
    with pytest.raises(error, match=message):
        fg.minimize(**{"f": bowl, "x0": np.ones(3), **arguments})


def test_refused_while_recording():
    with pytest.raises(fg.RecordingError):
        fg.compile(lambda x: fg.minimize(bowl, x).fun * x)(np.ones(3))
    with pytest.raises(fg.RecordingError):
        fg.compile(lambda x: x * fg.minimize(lambda y: float(y) * y, 1.0).fun)(np.ones(3))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child on Windows")
@pytest.mark.parametrize("reads", [False, True], ids=["recorded", "called"])
def test_ctrl_c(reads):
    program = f"""
import signal
import fastgrad as fg
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script starts in the background
def f(x):
    if {reads}:
        float(fg.stop_gradient(x))
    return x * x
try:
    print("ready", flush=True)
    fg.minimize(f, 1.0, lr=1e-300, max_iter=10**15)
except KeyboardInterrupt:
    print("stopped", fg.minimize(f, 1.0).success, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        told, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    assert told == "stopped True\n"
