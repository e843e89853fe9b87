"""The GradBench tool: derivatives against gradients by hand and complex steps in NumPy, and the protocol."""

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="the source distribution has no bench/")


@pytest.fixture(autouse=True)
def bench_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def answer(module, function, given):
    """What the tool says to an input, as the JSON that it is sent as."""
    from bench.gradbench.protocol import evaluate, functions_of

    output, _ = evaluate(functions_of(module)[function], given)
    return json.loads(json.dumps(output))


def assert_close(found, expected, bound=1e-12):
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound * np.abs(expected).max(initial=1e-30))


def complex_step(f, x):
    """The Jacobian (outputs, inputs) of a function of complex numbers, exact but for rounding."""
    x = np.asarray(x, float)
    columns = []
    for i in range(x.size):
        moved = x.astype(complex).ravel()
        moved[i] += 1e-30j
        columns.append(np.ravel(f(moved.reshape(x.shape))).imag / 1e-30)
    return np.stack(columns, axis=-1)


def test_hello():
    assert answer("hello", "square", 3) == 9.0
    assert answer("hello", "double", 3.0) == 6.0


# ---- gradients by hand


def test_lse():
    x = np.random.default_rng(0).normal(size=50) * 10
    weights = np.exp(x - x.max())
    assert_close(answer("lse", "primal", {"x": x.tolist()}), np.log(weights.sum()) + x.max())
    assert_close(answer("lse", "gradient", {"x": x.tolist()}), weights / weights.sum())


@pytest.mark.parametrize("n", [2, 7, 30])
def test_llsq(n):
    x = np.random.default_rng(n).uniform(size=9)
    t = np.array([-1 + 2 * i / (n - 1) for i in range(n)])
    powers = np.stack([t**j for j in range(9)], axis=1)
    residual = np.sign(t) - powers @ x
    given = {"x": x.tolist(), "n": n}
    assert_close(answer("llsq", "primal", given), 0.5 * residual @ residual)
    assert_close(answer("llsq", "gradient", given), -powers.T @ residual)


def test_kmeans():
    points = np.random.default_rng(0).uniform(size=(40, 3))
    centroids = points[-5:] + 0.01
    nearest = [np.argmin([np.sum((c - p) ** 2) for c in centroids]) for p in points]
    means = np.stack([points[np.equal(nearest, j)].mean(0) for j in range(5)])
    given = {"points": points.tolist(), "centroids": centroids.tolist()}
    assert_close(answer("kmeans", "cost", given), np.sum((points - centroids[nearest]) ** 2))
    assert_close(answer("kmeans", "dir", given), centroids - means)


def mixture(d, k, n, m, gamma):
    rng = np.random.default_rng(d * k)
    return {
        "d": d,
        "k": k,
        "n": n,
        "m": m,
        "gamma": gamma,
        "x": rng.normal(size=(n, d)).tolist(),
        "alpha": rng.normal(size=k).tolist(),
        "mu": rng.uniform(size=(k, d)).tolist(),
        "q": rng.normal(size=(k, d)).tolist(),
        "l": rng.normal(size=(k, d * (d - 1) // 2)).tolist(),
    }


def mixture_by_hand(given):
    """The objective and its gradient, component by component."""
    d, k, n, m, gamma = (given[name] for name in ("d", "k", "n", "m", "gamma"))
    x, alpha, mu, q, lower = (np.array(given[name], float) for name in ("x", "alpha", "mu", "q", "l"))
    below = [(i, j) for j in range(d) for i in range(j + 1, d)]  # column by column
    roots = np.zeros((k, d, d))
    for c in range(k):
        roots[c][np.arange(d), np.arange(d)] = np.exp(q[c])
        for place, number in zip(below, lower[c], strict=True):
            roots[c][place] = number
    y = np.stack([(x - mu[c]) @ roots[c].T for c in range(k)])  # (k, n, d)
    beta = alpha + q.sum(1) - 0.5 * (y**2).sum(2).T  # (n, k)
    weights = np.exp(beta - beta.max(1, keepdims=True))
    total = weights.sum(1, keepdims=True)
    freedom = d + m + 1
    log_gamma = d * (d - 1) / 4 * math.log(math.pi) + sum(math.lgamma((freedom - j) / 2) for j in range(d))
    value = (
        -n * d / 2 * math.log(2 * math.pi)
        + np.sum(np.log(total) + beta.max(1, keepdims=True))
        - n * np.log(np.exp(alpha).sum())
        + k * (freedom * d * math.log(gamma / math.sqrt(2)) - log_gamma)
        - 0.5 * gamma**2 * np.sum(roots**2)
        + m * q.sum()
    )
    weights /= total
    gradient = {
        "alpha": weights.sum(0) - n * np.exp(alpha) / np.exp(alpha).sum(),
        "mu": np.zeros_like(mu),
        "q": np.zeros_like(q),
        "l": np.zeros_like(lower),
    }
    for c in range(k):
        w = weights[:, c, None]
        gradient["mu"][c] = (w * y[c]).sum(0) @ roots[c]
        by_root = -(w * y[c]).T @ (x - mu[c])
        gradient["q"][c] = w.sum() + np.diag(by_root) * np.exp(q[c]) - gamma**2 * np.exp(2 * q[c]) + m
        gradient["l"][c] = [by_root[place] for place in below]
        gradient["l"][c] -= gamma**2 * lower[c]
    return value, gradient


@pytest.mark.parametrize(("d", "k", "m", "gamma"), [(3, 4, 0, 1.0), (5, 2, 2, 0.7), (1, 3, 0, 1.0)])
def test_gmm(d, k, m, gamma):
    given = mixture(d, k, 11, m, gamma)
    value, gradient = mixture_by_hand(given)
    assert_close(answer("gmm", "objective", given), value)
    found = answer("gmm", "jacobian", given)
    assert set(found) == set(gradient)
    for name, part in gradient.items():
        assert_close(found[name], part)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 9])
def test_det(size):
    a = np.random.default_rng(size).uniform(size=(size, size)) + 2 * np.eye(size)
    given = {"A": a.ravel().tolist(), "ell": size}
    assert_close(answer("det", "primal", given), np.linalg.det(a))
    assert_close(answer("det", "gradient", given), (np.linalg.det(a) * np.linalg.inv(a).T).ravel())


# ---- complex steps through the objective written anew


@pytest.mark.parametrize(("n", "steps"), [(2, 1), (3, 10), (6, 3), (20, 4)])
def test_ode(n, steps):
    def solve(x):
        def slope(y):
            return np.array([x[0], *(x[i] * y[i - 1] for i in range(1, n))])

        y, h = np.zeros(n, x.dtype), 2 / steps
        for _ in range(steps):
            k1 = slope(y)
            k2 = slope(y + h * k1 / 2)
            k3 = slope(y + h * k2 / 2)
            k4 = slope(y + h * k3)
            y = y + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6
        return y

    x = np.random.default_rng(n).uniform(size=n)
    given = {"x": x.tolist(), "s": steps}
    assert_close(answer("ode", "primal", given), solve(x))
    assert_close(answer("ode", "gradient", given), complex_step(lambda x: solve(x)[-1], x)[0])


def lstm_loss(main, extra, state, sequence):
    b = sequence.shape[1]
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    state = list(state.astype(main.dtype))
    total = 0.0
    for row, following in itertools.pairwise(sequence):
        enters = row * extra[0]
        for i in range(0, len(main), 2):
            (wf, wi, wo, wc), (bf, bi, bo, bc) = main[i].reshape(4, b), main[i + 1].reshape(4, b)
            hidden, cell = state[i : i + 2]
            cell = cell * sigmoid(enters * wf + bf) + sigmoid(hidden * wi + bi) * np.tanh(hidden * wc + bc)
            hidden = sigmoid(enters * wo + bo) * np.tanh(cell)
            state[i : i + 2] = hidden, cell
            enters = hidden
        y = enters * extra[1] + extra[2]
        total += np.sum(following * (y - np.log(2 + np.exp(y).sum())))
    return -total / ((len(sequence) - 1) * b)


@pytest.mark.parametrize("layers", [1, 3])
def test_lstm(layers):
    rng, b, length = np.random.default_rng(layers), 3, 6
    main, extra = rng.uniform(size=(2 * layers, 4 * b)), rng.uniform(size=(3, b))
    state, sequence = rng.uniform(size=(2 * layers, b)), rng.integers(0, 2, (length, b)).astype(float)
    names = ("main_params", "extra_params", "state", "sequence")
    given = {name: a.tolist() for name, a in zip(names, (main, extra, state, sequence), strict=True)}

    def of_parameters(flat):
        return lstm_loss(
            flat[: main.size].reshape(main.shape), flat[main.size :].reshape(3, b), state, sequence
        )

    flat = np.concatenate([main.ravel(), extra.ravel()])
    assert_close(answer("lstm", "objective", given), of_parameters(flat))
    assert_close(answer("lstm", "jacobian", given), complex_step(of_parameters, flat)[0])


def reprojection(numbers, seen):
    """The errors (2,) of camera (11), point (3) and weight in one array."""
    r, centre, (focal, u, v, k1, k2) = numbers[:3], numbers[3:6], numbers[6:11]
    point, weight = numbers[11:14], numbers[14]
    square = r @ r
    x = point - centre
    if square.real == 0:
        x = x + np.cross(r, x)
    else:
        theta = np.sqrt(square)
        a = r / theta
        x = x * np.cos(theta) + np.cross(a, x) * np.sin(theta) + a * (a @ x) * (1 - np.cos(theta))
    p = x[:2] / x[2]
    s = p @ p
    return weight * (focal * p * (1 + k1 * s + k2 * s * s) + np.array([u, v]) - seen)


@pytest.mark.parametrize("still", [False, True])
def test_ba(still):
    n, m, p = 2, 3, 7
    camera = np.array([0.1, -0.2, 0.3, 0.5, 0.1, -4.0, 20.0, 0.5, -0.3, 0.05, 0.01])
    camera[:3] *= not still
    point, weight, seen = np.array([0.3, -0.4, 0.2]), 0.7, np.array([1.5, -2.0])
    given = {"n": n, "m": m, "p": p, "cam": camera.tolist(), "x": point.tolist(), "w": weight}
    given["feat"] = seen.tolist()
    numbers = np.concatenate([camera, point, [weight]])

    found = answer("ba", "objective", given)
    assert found["reproj_error"]["repeated"] == found["w_err"]["repeated"] == p
    assert_close(found["reproj_error"]["elements"], reprojection(numbers, seen))
    assert_close(found["w_err"]["element"], 1 - weight**2)

    found = answer("ba", "jacobian", given)
    block = complex_step(lambda x: reprojection(x, seen), numbers).ravel()
    assert_close(found["vals"], [*block, -2 * weight])
    assert found["rows"] == [*range(0, 30 * 15, 15)][: 2 * p] + [*range(30 * p, 30 * p + p + 1)][
        : 30 - 2 * p
    ] + [31 * p]
    columns = [*range(11), *range(11 * n, 11 * n + 3), 11 * n + 3 * m]
    assert found["cols"] == [*columns, *columns, 11 * n + 3 * m + p - 1]
    assert all(isinstance(place, int) for place in found["rows"] + found["cols"])


def test_the_rows_of_ba_belong_to_their_cameras_and_points():
    from bench.gradbench.evals import ba

    rng, n, m, p = np.random.default_rng(0), 2, 3, 7
    cameras, points = rng.normal(size=(11, n)), rng.normal(size=(3, m)) + np.array([[0.0], [0.0], [9.0]])
    weight, seen = rng.uniform(size=p), rng.normal(size=(2, p))
    rows, columns, values = ba.jacobian(cameras, points, weight, seen)
    dense = np.zeros((3 * p, 11 * n + 3 * m + p))
    for row, (start, stop) in enumerate(itertools.pairwise(rows)):
        dense[row, columns[start:stop]] = values[start:stop]

    def all_errors(flat):
        cameras, points = flat[: 11 * n].reshape(n, 11), flat[11 * n : 11 * n + 3 * m].reshape(m, 3)
        weight = flat[11 * n + 3 * m :]
        errors = [
            reprojection(np.concatenate([cameras[i % n], points[i % m], weight[i : i + 1]]), seen[:, i])
            for i in range(p)
        ]
        return np.concatenate([*errors, 1 - weight**2])

    assert_close(
        dense, complex_step(all_errors, np.concatenate([cameras.T.ravel(), points.T.ravel(), weight]))
    )


def axis_rotation(r):
    square = r @ r
    if square.real < 1e-8:
        return np.eye(3)
    angle = np.sqrt(square)
    x, y, z = r / angle
    turned = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * turned + (1 - np.cos(angle)) * turned @ turned


def hand_errors(theta, us, data):
    """Bone by bone and vertex by vertex."""
    model = {
        name: np.array(value) if name != "bone_names" else value for name, value in data["model"].items()
    }
    bones = len(model["parents"])
    pose = np.zeros((bones, 3), theta.dtype)
    following = iter(theta[6:])
    for finger in range(5):
        first = 2 + 4 * finger
        pose[first, :2] = next(following), next(following)
        pose[first + 1, 0], pose[first + 2, 0] = next(following), next(following)
    absolute = []
    for i, parent in enumerate(model["parents"]):
        (cx, cz, cy), (sx, sz, sy) = np.cos(pose[i]), np.sin(pose[i])
        relative = np.eye(4, dtype=theta.dtype)
        relative[:3, :3] = (
            np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
            @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
            @ np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        )
        relative = model["base_relatives"][i] @ relative
        absolute.append(relative if parent == -1 else absolute[parent] @ relative)
    positions = []
    for weights, base in zip(model["weights"], model["base_positions"], strict=True):
        moved = sum(
            w * (a @ inverse @ base)[:3]
            for w, a, inverse in zip(weights, absolute, model["inverse_base_absolutes"], strict=True)
        )
        moved = moved * np.array([-1 if model["is_mirrored"] else 1, 1, 1])
        positions.append(axis_rotation(theta[:3]) @ moved + theta[3:6])
    out = []
    for i, (found, point) in enumerate(zip(data["correspondences"], data["points"], strict=True)):
        if us is None:
            out.append(point - positions[found])
        else:
            a, b, c = (positions[v] for v in model["triangles"][found])
            u, v = us[i]
            out.append(point - (u * a + v * b + (1 - u - v) * c))
    return np.concatenate(out)


@pytest.mark.parametrize(
    ("with_us", "mirrored", "still"), [(True, False, False), (False, True, False), (True, True, True)]
)
def test_ht(with_us, mirrored, still):
    rng, vertices, n = np.random.default_rng(0), 9, 5
    parents = [-1, *(p for f in range(5) for p in (0, 4 * f + 1, 4 * f + 2, 4 * f + 3)), 0]
    bones = len(parents)
    data = {
        "model": {
            "bone_count": bones,
            "bone_names": [f"bone {i}" for i in range(bones)],
            "parents": parents,
            "base_relatives": rng.normal(size=(bones, 4, 4)).tolist(),
            "inverse_base_absolutes": rng.normal(size=(bones, 4, 4)).tolist(),
            "base_positions": rng.normal(size=(vertices, 4)).tolist(),
            "weights": rng.uniform(size=(vertices, bones)).tolist(),
            "triangles": rng.integers(0, vertices, (6, 3)).tolist(),
            "is_mirrored": mirrored,
        },
        "correspondences": rng.integers(0, 6, n).tolist(),
        "points": rng.normal(size=(n, 3)).tolist(),
    }
    theta, us = rng.normal(size=26), rng.uniform(size=(n, 2))
    if still:
        theta[:3] = 0.0
    given = {"theta": theta.tolist(), "data": data, "us": us.tolist() if with_us else []}
    us = us if with_us else None
    assert_close(answer("ht", "objective", given), hand_errors(theta, us, data))
    expected = complex_step(lambda t: hand_errors(t, us, data), theta)
    if with_us:
        by_us = complex_step(lambda u: hand_errors(theta, u, data), us).reshape(n, 3, n, 2)
        own = np.stack([by_us[i, :, i] for i in range(n)]).reshape(3 * n, 2)
        expected = np.concatenate([own, expected], axis=1)
    assert_close(answer("ht", "jacobian", given), expected)


# ---- the two that descend


def flight(w):
    """The square of where the particle falls."""
    x, v = np.array([0.0, 8.0], complex), np.array([0.75, 0.0], complex)
    while True:
        force = 0
        for charge in (np.array([10.0, 10.0 - w]), np.array([10.0, 0.0])):
            away = x - charge
            force = force + away / np.sqrt(away @ away) ** 3
        x = x + 0.1 * v
        if x[1].real <= 0:
            return (x[0] - x[1] / v[1] * v[0]) ** 2
        v = v + 0.1 * force


def descend(f, gradient, x):
    """The suite's descent, line by line."""
    rate, steps = 1e-5, 0
    value, slope = f(x), gradient(x)
    while np.linalg.norm(slope) > 1e-5:
        if steps == 10:
            rate, steps = 2 * rate, 0
            continue
        new = x - rate * slope
        if np.linalg.norm(x - new) <= 1e-5:
            break
        new_value = f(new)
        if new_value < value:
            x, value, slope, steps = new, new_value, gradient(new), steps + 1
        else:
            rate, steps = rate / 2, 0
    return x


MODES = ("rr", "ff", "fr", "rf")


@pytest.mark.parametrize("mode", ["r", "f"])
@pytest.mark.parametrize("w", [0.0, 0.3])
def test_the_gradient_through_a_flight(mode, w):
    from bench.gradbench.evals import particle

    import fastgrad as fg

    value, slope = fg.value_and_grad(lambda w: particle.miss(w, mode))(w)
    assert_close(value, flight(w).real)
    assert_close(slope, complex_step(lambda w: flight(w[0]), [w])[0, 0])


@pytest.mark.parametrize("modes", MODES)
def test_particle(modes):
    found = answer("particle", modes, {"w": 0.0})
    expected = descend(
        lambda w: flight(w[0]).real, lambda w: complex_step(lambda w: flight(w[0]), w)[0], np.zeros(1)
    )
    assert abs(flight(found)) < 1e-8
    assert_close(found, expected[0], 1e-10)


@pytest.mark.parametrize("modes", MODES)
def test_saddle(modes):
    start = np.array([1.0, 0.5])
    y = descend(lambda y: y @ y, lambda y: 2 * y, start)
    x = descend(lambda x: x @ x - y @ y, lambda x: 2 * x, start)
    assert_close(answer("saddle", modes, {"start": start.tolist()}), [*x, *y])


# ---- the protocol


def talk(*messages):
    """What the tool, a process of its own, answers."""
    lines = "".join(json.dumps({"id": i, **message}) + "\n" for i, message in enumerate(messages))
    done = subprocess.run(
        [sys.executable, "-m", "bench.gradbench"],
        check=False,
        cwd=ROOT,
        input=lines,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["id"] for each in said] == list(range(len(messages)))
    return said


def test_a_conversation():
    given = {"x": [0.0, 0.0], "min_runs": 3, "min_seconds": 0.0}
    lse = {"kind": "evaluate", "module": "lse", "function": "gradient"}
    start, define, found, analysis, unknown, square = talk(
        {"kind": "start", "eval": "lse", "config": {"n": [2]}},
        {"kind": "define", "module": "lse"},
        {**lse, "input": given, "description": "n=2"},
        {"kind": "analysis", "of": 2, "valid": True},
        {"kind": "something new", "with": "fields"},
        {"kind": "evaluate", "module": "hello", "function": "square", "input": 3.0},
    )
    assert start == {"id": 0, "tool": "fastgrad"}
    assert define == {"id": 1, "success": True}
    assert found["success"] is True
    assert found["output"] == [0.5, 0.5]
    assert [timing["name"] for timing in found["timings"]] == ["evaluate"] * 3
    assert all(isinstance(timing["nanoseconds"], int) for timing in found["timings"])
    assert (analysis, unknown) == ({"id": 3}, {"id": 4})
    assert square["output"] == 9.0


def test_what_is_not_there_and_what_fails_is_said_and_the_next_is_answered():
    lse = {"kind": "evaluate", "module": "lse", "function": "gradient"}
    said = talk(
        {"kind": "define", "module": "no such eval"},
        {"kind": "define", "module": "../lse"},
        {**lse, "input": {"min_runs": 1}},
        {**lse, "input": {"x": ["a"]}},
        {**lse, "function": "hessian", "input": {"x": [1.0]}},
        {**lse, "input": {"x": [1.0]}},
    )
    for each in said[:-1]:
        assert each["success"] is False
        assert each["error"]
        assert "output" not in each
    assert "no such eval" in said[0]["error"]
    assert "x" in said[2]["error"]
    assert "gradient" in said[4]["error"]
    assert said[-1]["output"] == [1.0]


def test_runs_are_repeated_until_there_are_enough_and_time_is_up():
    from bench.gradbench.protocol import Function, evaluate

    calls = []
    function = Function(lambda x: calls.append(x) or sum(range(1000)), lambda given: (given["x"],), str)
    output, times = evaluate(function, {"x": 1, "min_runs": 2, "min_seconds": 0.01})
    assert output == "499500"
    assert len(calls) == len(times) >= 2
    assert sum(times) >= 0.01e9
    assert len(evaluate(function, {"x": 1, "min_runs": 5, "min_seconds": 0})[1]) == 5


def test_every_eval_has_its_functions():
    from bench.gradbench.protocol import EVALS, functions_of

    derivative = {"gmm": "jacobian", "ba": "jacobian", "ht": "jacobian", "lstm": "jacobian", "kmeans": "dir"}
    for module in EVALS:
        functions = functions_of(module)
        if module in ("particle", "saddle"):
            assert set(functions) == set(MODES)
        elif module != "hello":
            assert derivative.get(module, "gradient") in functions
            assert len(functions) == 2


# ---- tools side by side

EVAL = """
import json, sys

def say(**message):
    print(json.dumps({"id": 0, **message}), flush=True)
    return json.loads(sys.stdin.readline())

say(kind="start", eval="lse")
if say(kind="define", module="lse")["success"]:
    for n in (2, 5):
        for function in ("primal", "gradient"):
            given = {"x": [0.0] * n, "min_runs": 2, "min_seconds": 0.0}
            answer = say(kind="evaluate", module="lse", function=function, input=given, description=f"n={n}")
            valid = function == "primal" or answer["output"] == [1 / n] * n
            say(kind="analysis", of=0, valid=valid)
"""

TOOL = """
import json, sys

for line in sys.stdin:
    message = json.loads(line)
    answer = {"id": message["id"], "success": True}
    if message["kind"] == "evaluate":
        if message["function"] == "gradient" and message["description"] == "n=5":
            answer = {"id": message["id"], "success": False, "error": "too large"}
        else:
            taken = 10 if message["description"] == "n=2" else 0  # too short for the clock
            answer |= {"output": 0, "timings": [{"name": "evaluate", "nanoseconds": taken}]}
    print(json.dumps(answer), flush=True)
"""


def test_tools_take_turns_on_the_inputs_of_an_eval(tmp_path, capsys):
    from bench.gradbench import compare

    folder = tmp_path / "python/gradbench/gradbench/evals/lse"
    folder.mkdir(parents=True)
    (folder / "run.py").write_text(EVAL)
    (tmp_path / "tool.py").write_text(TOOL)
    out = tmp_path / "times.json"
    command = [
        "lse",
        "--checkout",
        str(tmp_path),
        "--tool",
        f"manual={sys.executable} tool.py",
        "--turns",
        "2",
    ]
    assert compare.main([*command, "--out", str(out)]) == 0
    told = json.loads(out.read_text())["lse"]
    assert [(w["function"], w["label"]) for w in told] == [
        ("primal", "n=2"),
        ("gradient", "n=2"),
        ("primal", "n=5"),
        ("gradient", "n=5"),
    ]
    assert [w["seconds"].get("manual") for w in told] == [1e-8, 1e-8, 0.0, None]
    assert told[3]["failed"] == {"manual": "too large"}
    assert not any(w["wrong"] for w in told)
    assert all(w["seconds"]["fastgrad"] > 0 for w in told)
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith("| lse | ")
    assert row.endswith("| 1, 1, 1 |")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "unknown eval 'nothing'"),
        (["lse", "--tool", "manual"], "NAME=COMMAND"),
        (["lse", "--turns", "0"], "--turns"),
        (["--options", "-n 3"], "one eval"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said(arguments, message, tmp_path, capsys):
    from bench.gradbench import compare

    (tmp_path / "python/gradbench").mkdir(parents=True)
    with pytest.raises(SystemExit):
        compare.main([*arguments, "--checkout", str(tmp_path)])
    assert message in capsys.readouterr().err
