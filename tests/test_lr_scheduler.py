"""Schedules of learning rates: closed forms, PyTorch where it is installed, state, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.optim import lr_scheduler as lr

BASES = (0.4, 0.1)
STEPS = 13


def make_optimizer(library=fg, name="SGD", **hyper):
    params = [library.tensor(1.0, requires_grad=True) for _ in BASES]
    groups = [{"params": [p], "lr": lr} for p, lr in zip(params, BASES, strict=True)]
    return getattr(library.optim, name)(groups, lr=0.5, **hyper)


def cosine(start, end, done):
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


# The schedule's arguments, and its learning rate from the first one and the number of steps.
CASES = {
    "step": ("StepLR", {"step_size": 3, "gamma": 0.5}, lambda base, t: base * 0.5 ** (t // 3)),
    "milestones": (
        "MultiStepLR",
        {"milestones": [7, 2, 7], "gamma": 0.5},
        lambda base, t: base * 0.5 ** ((t >= 2) + 2 * (t >= 7)),
    ),
    "exponential": ("ExponentialLR", {"gamma": 0.9}, lambda base, t: base * 0.9**t),
    "linear": ("LinearLR", {}, lambda base, t: base * (1 / 3 + 2 / 3 * min(t, 5) / 5)),
    "linear down": (
        "LinearLR",
        {"start_factor": 1.0, "end_factor": 0.25, "total_iters": 8},
        lambda base, t: base * (1 - 0.75 * min(t, 8) / 8),
    ),
    "cosine": (
        "CosineAnnealingLR",
        {"T_max": 5, "eta_min": 0.01},
        lambda base, t: cosine(base, 0.01, t / 5),
    ),
    "lambda": ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}, lambda base, t: base / (1 + t)),
    "lambdas": (
        "LambdaLR",
        {"lr_lambda": [lambda t: 1 / (1 + t), lambda t: 0.5**t]},
        lambda base, t: base / (1 + t) if base == BASES[0] else base * 0.5**t,
    ),
}
CYCLES = {
    "cos": {"max_lr": 1.0, "total_steps": STEPS, "cycle_momentum": False},
    "groups": {"max_lr": [1.0, 2.0], "epochs": 2, "steps_per_epoch": 8},
    "linear": {"max_lr": 1.0, "total_steps": STEPS, "anneal_strategy": "linear", "pct_start": 0.5},
    "three phases": {"max_lr": 1.0, "total_steps": 15, "three_phase": True, "final_div_factor": 10.0},
    "factors": {"max_lr": 0.5, "total_steps": 14, "div_factor": 5.0, "base_momentum": 0.5},
}


def rates_of(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def walk(optimizer, schedule, steps=STEPS):
    rates = [rates_of(optimizer)]
    for _ in range(steps - 1):
        optimizer.step()
        schedule.step()
        rates.append(rates_of(optimizer))
    return rates


@pytest.mark.parametrize("case", CASES)
def test_rates_are_their_formulas(case):
    name, arguments, formula = CASES[case]
    optimizer = make_optimizer()
    schedule = getattr(lr, name)(optimizer, **arguments)
    want = [[formula(base, t) for base in BASES] for t in range(STEPS)]
    np.testing.assert_allclose(walk(optimizer, schedule), want, rtol=1e-14)
    assert schedule.last_epoch == STEPS - 1
    assert schedule.get_last_lr() == rates_of(optimizer)


@pytest.mark.parametrize("case", CASES)
def test_rates_are_those_of_pytorch(case):
    torch = pytest.importorskip("torch")
    name, arguments, _ = CASES[case]
    ours, theirs = make_optimizer(), make_optimizer(torch)
    rates = walk(ours, getattr(lr, name)(ours, **arguments))
    wanted = walk(theirs, getattr(torch.optim.lr_scheduler, name)(theirs, **arguments))
    np.testing.assert_allclose(rates, wanted, rtol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("cycle", CYCLES)
def test_cycles_are_those_of_pytorch(cycle, name):
    torch = pytest.importorskip("torch")
    traces = []
    for library in (fg, torch):
        optimizer = make_optimizer(library, name)
        schedule = library.optim.lr_scheduler.OneCycleLR(optimizer, **CYCLES[cycle])
        trace = []
        for step in range(STEPS):
            if step:
                optimizer.step()
                schedule.step()
            trace.append(
                [(g["lr"], g["betas"][0] if "betas" in g else g["momentum"]) for g in optimizer.param_groups]
            )
        traces.append(trace)
    np.testing.assert_allclose(*traces, rtol=1e-12)


def test_a_cycle_goes_up_and_down_along_its_formula():
    optimizer = make_optimizer(momentum=0.9)
    schedule = lr.OneCycleLR(optimizer, 1.0, total_steps=11, pct_start=0.5)
    rates = walk(optimizer, schedule, 11)
    for t, (rate, _) in enumerate(rates):
        want = cosine(0.04, 1.0, t / 4.5) if t <= 4.5 else cosine(1.0, 0.04 / 1e4, (t - 4.5) / 5.5)
        assert rate == pytest.approx(want, rel=1e-12)
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.95, rel=1e-14)
    schedule.step()
    with pytest.raises(ValueError, match="the cycle has 11 steps"):
        schedule.step()


def test_a_cycle_that_begins_at_its_top():
    optimizer = make_optimizer()
    lr.OneCycleLR(optimizer, 1.0, total_steps=10, pct_start=0.1)
    assert rates_of(optimizer) == [1.0, 1.0]


METRICS = [5.0, 4.0, 4.0, 4.0, 3.9999, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, math.nan, 3.0, 3.0, 3.0, -1.0, -1.0]
PLATEAUS = {
    "usual": {"patience": 2},
    "cooldown": {"patience": 1, "cooldown": 2, "factor": 0.5},
    "absolute": {"patience": 0, "threshold": 0.5, "threshold_mode": "abs", "factor": 0.7},
    "upwards": {"mode": "max", "patience": 1, "factor": 0.7},
    "upwards absolute": {"mode": "max", "patience": 1, "threshold_mode": "abs", "threshold": 0.1},
    "floor": {"patience": 0, "factor": 0.5, "min_lr": [0.15, 0.01]},
    "smallest change": {"patience": 0, "factor": 0.5, "eps": 0.06},
}


@pytest.mark.parametrize("case", PLATEAUS)
def test_plateaus_are_those_of_pytorch(case):
    torch = pytest.importorskip("torch")
    traces = []
    for library in (fg, torch):
        optimizer = make_optimizer(library)
        schedule = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **PLATEAUS[case])
        trace = []
        for metric in METRICS:
            schedule.step(metric)
            trace.append(rates_of(optimizer))
        traces.append(trace)
    np.testing.assert_allclose(*traces, rtol=1e-14)
    assert traces[0][-1] != list(BASES)


def test_a_plateau_lowers_the_rate_after_its_patience():
    optimizer = make_optimizer()
    schedule = lr.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    rates = []
    for loss in (1.0, 1.0, 1.0, fg.tensor(1.0), 0.5, 0.5):
        schedule.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [0.4, 0.4, 0.4, 0.2, 0.2, 0.2]
    assert (schedule.best, schedule.num_bad_epochs) == (0.5, 1)


@pytest.mark.parametrize("case", [*CASES, "cycle", "plateau"])
def test_going_on_from_a_state(case):
    name, arguments, _ = CASES.get(case, (None, None, None))
    if case == "cycle":
        name, arguments = "OneCycleLR", CYCLES["groups"]
    elif case == "plateau":
        name, arguments = "ReduceLROnPlateau", {"patience": 1, "factor": 0.5}
    make = lambda optimizer: getattr(lr, name)(optimizer, **arguments)
    go = lambda schedule, t: schedule.step(*([METRICS[t]] if case == "plateau" else []))
    first, other = make_optimizer(), make_optimizer()
    schedule = make(first)
    for t in range(6):
        go(schedule, t)
    resumed = make(other)
    other.load_state_dict(first.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    assert rates_of(other) == rates_of(first)
    for t in range(6, 10):
        go(schedule, t)
        go(resumed, t)
        assert rates_of(other) == rates_of(first)
    assert resumed.last_epoch == 10
    with pytest.raises(ValueError, match="must hold base_lrs, last_epoch"):
        resumed.load_state_dict({"last_epoch": 1})


def test_a_state_of_other_groups_changes_nothing():
    schedule = lr.StepLR(make_optimizer(), 2)
    wrong = {**schedule.state_dict(), "base_lrs": [1.0], "last_epoch": 9}
    with pytest.raises(ValueError, match="the optimizer has 2 parameter groups, the schedule is for 1"):
        schedule.load_state_dict(wrong)
    assert schedule.last_epoch == 0
    assert schedule.base_lrs == list(BASES)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda _: lr.StepLR("sgd", 2), TypeError, r"must be a fastgrad\.optim\.Optimizer, got str"),
        (lambda o: lr.StepLR(o, 0), ValueError, "step_size must be at least 1, got 0"),
        (lambda o: lr.StepLR(o, 2.0), TypeError, "step_size must be an int, got float"),
        (lambda o: lr.ExponentialLR(o, math.nan), ValueError, "gamma must be finite"),
        (lambda o: lr.LinearLR(o, 0.0), ValueError, "start_factor must be above 0"),
        (lambda o: lr.LambdaLR(o, [abs]), ValueError, "lr_lambda has 1 functions, expected 2"),
        (lambda o: lr.OneCycleLR(o, 1.0), ValueError, "give total_steps, or both epochs and"),
        (lambda o: lr.OneCycleLR(o, [1.0], 5), ValueError, "max_lr has 1 numbers, expected 2"),
        (lambda o: lr.OneCycleLR(o, 1.0, 5, pct_start=2.0), ValueError, "pct_start must be from 0 to 1"),
        (lambda o: lr.OneCycleLR(o, 1.0, 5, anneal_strategy="up"), ValueError, "cos or linear, got 'up'"),
        (
            lambda _: lr.OneCycleLR(make_optimizer(name="Adagrad"), 1.0, 5),
            ValueError,
            "Adagrad has no momentum: set cycle_momentum=False",
        ),
        (lambda o: lr.ReduceLROnPlateau(o, "down"), ValueError, "mode must be min or max, got 'down'"),
        (lambda o: lr.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor must be from 0 to below 1"),
        (lambda o: lr.ReduceLROnPlateau(o, min_lr=[0.1]), ValueError, "min_lr has 1 numbers, expected 2"),
    ],
)  # fmt: skip
def test_arguments_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call(make_optimizer())
