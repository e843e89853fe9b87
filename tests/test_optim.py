"""Optimizers: trajectories by hand and by PyTorch, any memory layout, state, and what they refuse."""

from __future__ import annotations

import copy
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import _core, nn, optim
from optimizer_formulas import by_hand

RNG = np.random.default_rng(7)
STARTS = [RNG.normal(size=(5, 3)), RNG.normal(size=(3,)), RNG.normal(size=())]
SLOPES = [[RNG.normal(size=start.shape) for start in STARTS] for _ in range(12)]

CASES = {
    "sgd": ("SGD", {"lr": 0.1}),
    "sgd decay": ("SGD", {"lr": 0.1, "weight_decay": 0.3}),
    "momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "dampening": ("SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.4, "weight_decay": 0.1}),
    "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "sgd up": ("SGD", {"lr": 0.05, "momentum": 0.9, "maximize": True, "weight_decay": 0.1}),
    "adam": ("Adam", {"lr": 0.1}),
    "adam decay": ("Adam", {"lr": 0.1, "betas": (0.7, 0.9), "eps": 1e-3, "weight_decay": 0.3}),
    "adam up": ("Adam", {"lr": 0.1, "maximize": True, "weight_decay": 0.3}),
    "adamw": ("AdamW", {"lr": 0.1}),
    "rmsprop": ("RMSprop", {"lr": 0.05}),
    "rmsprop momentum": ("RMSprop", {"lr": 0.05, "momentum": 0.8, "alpha": 0.9, "weight_decay": 0.1}),
    "rmsprop centered": ("RMSprop", {"lr": 0.05, "centered": True, "eps": 1e-3, "maximize": True}),
    "rmsprop all": ("RMSprop", {"lr": 0.05, "centered": True, "eps": 1e-3, "momentum": 0.5}),
    "adagrad": ("Adagrad", {"lr": 0.1}),
    "adagrad decay": (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.3, "initial_accumulator_value": 0.5, "maximize": True},
    ),
    "adadelta": ("Adadelta", {}),
    "adadelta decay": (
        "Adadelta",
        {"lr": 3.0, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.3, "maximize": True},
    ),
    "nadam": ("NAdam", {"lr": 0.1}),
    "nadam decay": ("NAdam", {"lr": 0.1, "betas": (0.7, 0.9), "weight_decay": 0.3, "momentum_decay": 0.1}),
    "nadamw": ("NAdam", {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True, "maximize": True}),
    "lion": ("Lion", {"lr": 0.1}),
    "lion decay": ("Lion", {"lr": 0.1, "betas": (0.5, 0.8), "weight_decay": 0.3, "maximize": True}),
    "adamw decay": ("AdamW", {"lr": 0.1, "betas": (0.5, 0.99), "weight_decay": 0.4, "maximize": True}),
}


LAYOUTS = {
    "C": lambda a: np.array(a, order="C"),
    "Fortran": lambda a: np.array(a, order="F"),
    "gaps": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=-1)[::2, ::3] if a.ndim == 2 else a,
    "reversed": lambda a: a[::-1].copy()[::-1] if a.ndim else a,
}


def parameter(values, layout="C", dtype="float64"):
    """A leaf with these values, lying in memory as asked."""
    if layout in ("C", "Fortran"):
        return fg.tensor(LAYOUTS[layout](values.astype(dtype)), requires_grad=True)
    if layout == "gaps" and values.ndim == 2:
        wide = fg.tensor(np.repeat(np.repeat(values, 2, axis=0), 3, axis=1).astype(dtype))
        view = wide[::2, ::3].detach()
    elif values.ndim:
        view = fg.tensor(np.ascontiguousarray(values[::-1]).astype(dtype))[::-1].detach()
    else:
        view = fg.tensor(values.astype(dtype))
    view.requires_grad = True
    np.testing.assert_array_equal(view.detach().numpy(), values.astype(dtype))
    return view


def run(name, hyper, layout="C", gradient_layout="C", dtype="float64"):
    params = [parameter(start, layout, dtype) for start in STARTS]
    optimizer = getattr(optim, name)(params, **hyper)
    for slopes in SLOPES:
        for p, g in zip(params, slopes, strict=True):
            p.grad = LAYOUTS[gradient_layout](g.astype(dtype))
        assert optimizer.step() is True
    return [p.detach().numpy().copy() for p in params]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_trajectories_follow_the_formulas(case, dtype):
    name, hyper = CASES[case]
    for i, found in enumerate(run(name, hyper, dtype=dtype)):
        expected = by_hand(name, STARTS[i], [slopes[i] for slopes in SLOPES], hyper)
        assert found.dtype == dtype
        np.testing.assert_allclose(
            found, expected, rtol=1e-12 if dtype == "float64" else 2e-5, atol=1e-6 * (dtype == "float32")
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_trajectories_follow_pytorch(case, dtype):
    torch = pytest.importorskip("torch")
    name, hyper = CASES[case]
    if not hasattr(torch.optim, name):
        pytest.skip(f"PyTorch has no {name}")
    params = [torch.tensor(start.astype(dtype), requires_grad=True) for start in STARTS]
    theirs = getattr(torch.optim, name)(params, **hyper)
    for slopes in SLOPES:
        for p, g in zip(params, slopes, strict=True):
            p.grad = torch.tensor(g.astype(dtype))
        theirs.step()
    for ours, p in zip(run(name, hyper, dtype=dtype), params, strict=True):
        rtol, atol = (1e-12, 0.0) if dtype == "float64" else (1e-5, 1e-6)
        if name == "NAdam":
            rtol = max(rtol, 1e-5)  # PyTorch keeps its product of momenta in single precision
        np.testing.assert_allclose(ours, p.detach().numpy(), rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gradient_layout", LAYOUTS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", ["nesterov", "adamw decay", "rmsprop all"])
def test_memory_layout_changes_no_bit(case, layout, gradient_layout, dtype):
    for found, expected in zip(
        run(*CASES[case], layout, gradient_layout, dtype), run(*CASES[case], dtype=dtype), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_a_parameter_that_is_part_of_a_tensor():
    whole = fg.tensor(np.arange(12.0).reshape(3, 4))
    part = whole[1:, ::2].detach()
    part.requires_grad = True
    part.grad = np.ones((2, 2))
    optim.SGD([part], lr=0.5).step()
    expected = np.arange(12.0).reshape(3, 4)
    expected[1:, ::2] -= 0.5
    np.testing.assert_array_equal(whole.numpy(), expected)


def test_a_layer_keeps_its_transposed_weight():
    layer = fg.nn.Linear(3, 5)
    weight, bias = layer.weight, layer.bias
    before = weight.detach().numpy().copy()
    optimizer = optim.Adam(layer.parameters(), lr=0.1)
    x = np.ones((2, 3), np.float32)
    loss = (layer(x) * layer(x)).sum()
    loss.backward()
    slope = weight.grad.numpy().copy()
    optimizer.step()
    np.testing.assert_allclose(weight.detach().numpy(), before - 0.1 * np.sign(slope), rtol=1e-4, atol=1e-5)
    assert layer.weight is weight
    assert layer.bias is bias
    state = optimizer.state_dict()["state"]
    np.testing.assert_allclose(state[0]["exp_avg"], 0.1 * slope, rtol=1e-6)
    assert state[0]["exp_avg"].shape == (5, 3)


def test_parameters_without_gradient_stay_and_count_their_own_steps():
    a, b = fg.tensor([1.0, 2.0], requires_grad=True), fg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.Adam([a, b], lr=0.1)
    a.grad = np.array([1.0, -1.0])
    optimizer.step()
    assert b.tolist() == [1.0, 2.0]
    assert set(optimizer.state_dict()["state"]) == {0}
    a.grad, b.grad = None, np.array([1.0, -1.0])
    optimizer.step()
    assert a.tolist() == b.tolist()  # both took a first step
    optimizer.zero_grad()
    assert a.grad is None
    assert b.grad is None
    assert optimizer.step() is True


def test_momentum_may_start_later():
    p = fg.tensor(1.0, requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0, dampening=0.0)
    expected = 1.0
    p.grad = 2.0
    optimizer.step()
    expected -= 2.0
    optimizer.param_groups[0].update(momentum=0.5, dampening=0.5)
    optimizer.step()
    expected -= 2.0  # the first of the momentum: undamped
    optimizer.step()
    expected -= 0.5 * 2.0 + 0.5 * 2.0
    assert p.item() == expected


def test_groups_have_their_own_hyper_parameters():
    a, b = fg.tensor(1.0, requires_grad=True), fg.tensor(1.0, requires_grad=True)
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.25)
    a.grad = b.grad = 1.0
    optimizer.step()
    assert (a.item(), b.item()) == (0.75, 0.5)
    with pytest.raises(ValueError, match=r"different learning rates, \[0.25, 0.5\]"):
        _ = optimizer.lr
    optimizer.lr = 0.125
    assert optimizer.lr == optimizer.param_groups[1]["lr"] == 0.125
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    assert (a.item(), b.item()) == (0.75, 0.375)
    c = fg.tensor(0.0, requires_grad=True)
    optimizer.add_param_group({"params": [c], "momentum": 0.5})
    assert optimizer.param_groups[2]["momentum"] == 0.5
    assert repr(optimizer).startswith("SGD(1 parameters, lr=0.0, ")


def test_not_finite_is_reported_and_not_raised():
    p = fg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = np.array([0.0, np.inf, 0.0])
    assert optimizer.step() is False
    assert p.tolist() == [1.0, -np.inf, 3.0]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("name", ["RMSprop", "Adagrad", "Adadelta", "NAdam", "Lion"])
def test_every_optimizer_reports_what_is_not_finite(name, bad):
    p = fg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    optimizer = getattr(optim, name)([p])
    p.grad = np.array([0.5, bad, 0.5])
    assert optimizer.step() is False
    assert np.isfinite(p.detach().numpy()).tolist() == [True, False, True]


def test_the_variance_of_equal_gradients_is_not_below_zero():
    p = fg.tensor(np.linspace(0.1, 3.0, 97), "float32", requires_grad=True)
    optimizer = optim.RMSprop([p], lr=1e-9, alpha=0.5, centered=True)
    for _ in range(200):
        p.grad = np.linspace(0.1, 3.0, 97)
        assert optimizer.step() is True


def test_nadam_goes_on_after_many_steps():
    p = fg.tensor(1.0, requires_grad=True)
    optimizer = optim.NAdam([p], lr=0.0)
    p.grad = 1.0
    optimizer.step()
    state = optimizer.state_dict()
    state["state"][0]["step"] = 10**9
    optimizer.load_state_dict(state)
    optimizer.lr = 0.1
    assert optimizer.step() is True  # at once: the product of a billion momenta is not multiplied out


def test_a_step_moves_the_version():
    w = fg.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    w.grad = np.ones(2)
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(fg.GradientError, match="changed in place"):
        loss.backward()


RESUMED = ["sgd", "momentum", "adamw", "rmsprop", "rmsprop momentum", "rmsprop centered"]
RESUMED += ["adagrad decay", "adadelta", "nadam decay", "lion"]


@pytest.mark.parametrize("case", RESUMED)
@pytest.mark.parametrize("how", ["state_dict", "pickle", "deepcopy"])
def test_going_on_from_a_copy_changes_no_bit(case, how):
    name, hyper = CASES[case]

    def steps(optimizer, some):
        for slopes in some:
            for p, g in zip(optimizer.param_groups[0]["params"], slopes, strict=True):
                p.grad = g
            optimizer.step()

    params = [parameter(start, "Fortran") for start in STARTS]
    optimizer = getattr(optim, name)(params, **hyper)
    steps(optimizer, SLOPES[:5])
    if how == "state_dict":
        other = getattr(optim, name)(
            [fg.tensor(p.detach().numpy(), requires_grad=True) for p in params], lr=77.0
        )
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    elif how == "pickle":
        other = pickle.loads(pickle.dumps(optimizer))
    else:
        other = copy.deepcopy(optimizer)
    steps(optimizer, SLOPES[5:])
    steps(other, SLOPES[5:])
    for a, b in zip(params, other.param_groups[0]["params"], strict=True):
        assert a is not b
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    assert other.lr == optimizer.lr


def test_state_does_not_change_when_it_does_not_fit():
    def make(shape, **hyper):
        p = fg.tensor(np.ones(shape), requires_grad=True)
        p.grad = np.full(shape, 0.5)
        optimizer = optim.Adam([p], **hyper)
        optimizer.step()
        return optimizer

    optimizer, good = make((2, 3)), make((2, 3)).state_dict()
    before = optimizer.state_dict()
    two_groups = {"state": {}, "param_groups": good["param_groups"] * 2}
    two_parameters = {"state": {}, "param_groups": [{**good["param_groups"][0], "params": [0, 1]}]}
    bad_rate = {"state": {}, "param_groups": [{**good["param_groups"][0], "lr": -1.0}]}
    half = {"state": {0: {"step": 3, "exp_avg": np.ones((2, 3))}}, "param_groups": good["param_groups"]}
    for state, error, message in [
        (two_groups, ValueError, "2 parameter groups, the optimizer has 1"),
        (two_parameters, ValueError, r"param_groups\[0\] has 2 parameters, the optimizer has 1"),
        (bad_rate, ValueError, "lr must be finite and at least 0, got -1"),
        (
            make((3, 2)).state_dict(),
            ValueError,
            r"state\[0\]\['exp_avg'\] has shape \(3, 2\), expected \(2, 3\)",
        ),
        (half, ValueError, r"state\[0\] must hold all of exp_avg, exp_avg_sq"),
        ([], TypeError, "must be a mapping with 'state' and 'param_groups'"),
    ]:
        with pytest.raises(error, match=message):
            optimizer.load_state_dict(state)
        after = optimizer.state_dict()
        assert after["param_groups"] == before["param_groups"]
        assert after["state"][0]["step"] == before["state"][0]["step"] == 1
        np.testing.assert_array_equal(after["state"][0]["exp_avg"], before["state"][0]["exp_avg"])


def leaf():
    return fg.tensor([1.0], requires_grad=True)


shared = leaf()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optim.SGD([leaf()], lr=-0.1), ValueError, "lr must be finite and at least 0, got -0.1"),
        (
            lambda: optim.SGD([leaf()], lr=float("nan")),
            ValueError,
            "lr must be finite and at least 0, got nan",
        ),
        (lambda: optim.Adam([leaf()], lr=float("inf")), ValueError, "lr must be finite"),
        (lambda: optim.Adam([leaf()], lr="fast"), TypeError, "lr must be a number, got str"),
        (lambda: optim.RMSprop([leaf()], alpha=1.0), ValueError, "alpha must be from 0 to below 1, got 1.0"),
        (
            lambda: optim.RMSprop([leaf()], momentum=-1.0),
            ValueError,
            "momentum must be finite and at least 0",
        ),
        (
            lambda: optim.Adagrad([leaf()], lr_decay=-1.0),
            ValueError,
            "lr_decay must be finite and at least 0",
        ),
        (lambda: optim.Adadelta([leaf()], rho=1.5), ValueError, "rho must be from 0 to below 1, got 1.5"),
        (
            lambda: optim.NAdam([leaf()], betas=(0.9, 1.0)),
            ValueError,
            r"betas\[1\] must be from 0 to below 1",
        ),
        (lambda: optim.Lion([leaf()], betas=0.9), TypeError, "betas must be a pair of numbers, got 0.9"),
        (lambda: optim.SGD([leaf()], momentum=-1.0), ValueError, "momentum must be finite and at least 0"),
        (
            lambda: optim.SGD([leaf()], weight_decay=-1.0),
            ValueError,
            "weight_decay must be finite and at least 0",
        ),
        (
            lambda: optim.SGD([leaf()], nesterov=True),
            ValueError,
            "nesterov=True needs momentum > 0 and dampening = 0",
        ),
        (
            lambda: optim.SGD([leaf()], momentum=0.9, dampening=0.1, nesterov=True),
            ValueError,
            "dampening = 0.1",
        ),
        (
            lambda: optim.Adam([leaf()], betas=(0.9, 1.0)),
            ValueError,
            r"betas\[1\] must be from 0 to below 1, got 1.0",
        ),
        (lambda: optim.Adam([leaf()], betas=0.9), TypeError, "betas must be a pair of numbers, got 0.9"),
        (lambda: optim.AdamW([leaf()], eps=-1e-8), ValueError, "eps must be finite and at least 0"),
        (lambda: optim.SGD([]), ValueError, "params is empty"),
        (lambda: optim.SGD([{"params": []}]), ValueError, "params is empty"),
        (lambda: optim.SGD(leaf()), TypeError, "got a single tensor"),
        (lambda: optim.SGD({"w": leaf()}), TypeError, "got a dict"),
        (lambda: optim.SGD(nn.Linear(2, 1)), TypeError, r"got a Linear: pass its \.parameters\(\)"),
        (lambda: optim.SGD([np.ones(3)]), TypeError, r"params\[0\] must be a tensor, got ndarray"),
        (lambda: optim.SGD([leaf(), leaf() * 2]), ValueError, r"params\[1\] was computed by 'multiply'"),
        (lambda: optim.SGD([fg.tensor([1.0])]), ValueError, r"params\[0\] does not require a gradient"),
        (lambda: optim.SGD([shared, shared]), ValueError, r"params\[1\] is the same tensor as params\[0\]"),
        (lambda: optim.SGD([{"params": shared}, {"params": shared}]), ValueError, "in the optimizer already"),
        (
            lambda: optim.SGD([{"params": leaf(), "betas": (0, 0)}]),
            ValueError,
            "SGD has no hyper-parameter 'betas'; it has lr",
        ),
        (lambda: optim.SGD([{"params": leaf(), "lr": -1}]), ValueError, "lr must be finite"),
        (lambda: optim.SGD([{"lr": 1.0}]), TypeError, "must be a dict with 'params'"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_memory_of_an_array_is_not_written_to():
    values = np.ones(3)
    borrowed = fg.asarray(values)
    borrowed.requires_grad = True
    with pytest.raises(ValueError, match=r"params\[0\] lies in the memory of an array"):
        optim.SGD([borrowed])
    assert values.tolist() == [1.0, 1.0, 1.0]


def test_hyper_parameters_are_checked_again_before_a_step():
    a, b = fg.tensor(1.0, requires_grad=True), fg.tensor(1.0, requires_grad=True)
    optimizer = optim.SGD([{"params": a}, {"params": b}], lr=0.1)
    a.grad = b.grad = 1.0
    optimizer.param_groups[1]["lr"] = -0.1
    with pytest.raises(ValueError, match="lr must be finite and at least 0"):
        optimizer.step()
    assert (a.item(), b.item()) == (1.0, 1.0)
    with pytest.raises(ValueError, match="lr must be finite"):
        optimizer.lr = float("nan")


def test_frozen_parameters_are_left_alone():
    layer = fg.nn.Linear(2, 2)
    layer.bias.requires_grad = False
    before = layer.bias.tolist()
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer(np.ones((1, 2), np.float32)).sum().backward()
    optimizer.step()
    assert layer.bias.tolist() == before


def test_refused_while_recording():
    w = leaf()
    optimizer = optim.SGD([w], lr=0.1)
    w.grad = np.ones(1)

    def update(x):
        optimizer.step()
        return x

    with pytest.raises(fg.RecordingError, match="cannot be recorded"):
        fg.compile(update)(1.0)
    assert w.tolist() == [1.0]


def test_native_table_checks_what_it_is_given():
    w = leaf()
    table = _core.train.ParameterTable([w])
    with pytest.raises(IndexError, match="parameter 1 of 1"):
        table.state(1)
    with pytest.raises(
        ValueError, match=r"state of params\[0\] has shape \(2,\), expected the parameter's \(1,\)"
    ):
        table.restore(0, 1, [fg.tensor([1.0, 2.0])])
    with pytest.raises(TypeError, match="expected float32 or float64"):
        _core.train.ParameterTable([fg.tensor([1, 2])])


def test_a_fit_reaches_the_closed_form():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    y = X @ [[1.0], [-2.0], [0.5]] + 3.0
    fg.manual_seed(0)
    model = fg.nn.Linear(3, 1, dtype="float64")
    optimizer = optim.SGD(model.parameters(), lr=0.2, momentum=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        fg.nn.functional.mse_loss(model(X), y).backward()
        optimizer.step()
    np.testing.assert_allclose(model.weight.detach().numpy(), [[1.0, -2.0, 0.5]], atol=1e-12)
    np.testing.assert_allclose(model.bias.detach().numpy(), [3.0], atol=1e-12)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child on Windows")
def test_ctrl_c_leaves_a_completed_step():
    program = """
import signal, numpy as np, fastgrad as fg
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script starts in the background
model = fg.nn.MLP(64, [256, 256], 1)
optimizer = fg.optim.Adam(model.parameters())
x = np.ones((256, 64), np.float32)
def step():
    optimizer.zero_grad()
    model(x).sum().backward()
    optimizer.step()
step()
try:
    print("ready", flush=True)
    while True:
        step()
except KeyboardInterrupt:
    steps = {state["step"] for state in optimizer.state_dict()["state"].values()}
    step()
    print("stopped", len(steps), np.isfinite(fg.predict(model, x)).all(), flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        told, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    assert told == "stopped 1 True\n"
