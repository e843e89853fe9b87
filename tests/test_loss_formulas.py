"""Losses of functional, against their formulas in NumPy and SciPy, and PyTorch where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import fastgrad as fg
from fastgrad import nn
from fastgrad.nn import functional as F

rng = np.random.default_rng(11)
P, T = 2.0 * rng.normal(size=(4, 3)), 2.0 * rng.normal(size=(4, 3))
YES = rng.uniform(size=(4, 3)).round(1)
COUNTS = 1.25 * rng.integers(0, 6, (4, 3))  # not integers: the full loss jumps at a count of 1
VARIANCES = rng.uniform(0.2, 3.0, (4, 3))
LOG_P, CLASSES = special.log_softmax(P, axis=1), rng.integers(0, 3, 4)
WEIGHTS = rng.uniform(0.5, 2.0, (4, 3))


@dataclass(frozen=True)
class Loss:
    """One loss with its arguments, the module that does the same, and the losses of the elements by NumPy."""

    name: str
    args: tuple[Any, ...]
    module: nn.Module
    formula: Callable[..., np.ndarray]  # of the arguments
    keywords: dict[str, Any] = field(default_factory=dict)
    torch: bool = True  # whether it has the function

    @property
    def function(self):
        return getattr(F, self.name)

    @property
    def floats(self):
        return [i for i, a in enumerate(self.args) if np.asarray(a).dtype.kind == "f"]


def huber(p, t, delta=1.0):
    d = np.abs(p - t)
    return np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def pinball(p, t, quantile):
    return np.maximum(quantile * (t - p), (quantile - 1.0) * (t - p))


def bce(x, y, pos_weight=1.0):
    return -(pos_weight * y * special.log_expit(x) + (1.0 - y) * special.log_expit(-x))


def stirling(t):
    safe = np.maximum(t, 1.0)
    return np.where(t > 1, safe * np.log(safe) - safe + 0.5 * np.log(2 * np.pi * safe), 0.0)


def picked(log_p, classes):
    return -np.take_along_axis(log_p, classes[:, None], 1)[:, 0]


LOSSES = [
    Loss("huber_loss", (P, T), nn.HuberLoss(), huber),
    Loss("huber_loss", (P, T), nn.HuberLoss(delta=2.5), lambda p, t: huber(p, t, 2.5), {"delta": 2.5}),
    Loss("smooth_l1_loss", (P, T), nn.SmoothL1Loss(), huber),
    Loss("smooth_l1_loss", (P, T), nn.SmoothL1Loss(beta=0.5), lambda p, t: huber(p, t, 0.5) / 0.5,
         {"beta": 0.5}),
    Loss("smooth_l1_loss", (P, T), nn.SmoothL1Loss(beta=0), lambda p, t: np.abs(p - t), {"beta": 0}),
    Loss("pinball_loss", (P, T), nn.PinballLoss(0.8), lambda p, t: pinball(p, t, 0.8),
         {"quantile": 0.8}, torch=False),
    Loss("poisson_nll_loss", (P, COUNTS), nn.PoissonNLLLoss(), lambda x, t: np.exp(x) - t * x),
    Loss("poisson_nll_loss", (P, COUNTS), nn.PoissonNLLLoss(full=True),
         lambda x, t: np.exp(x) - t * x + stirling(t), {"full": True}),
    Loss("poisson_nll_loss", (np.abs(P) + 0.5, COUNTS), nn.PoissonNLLLoss(log_input=False, eps=1e-3),
         lambda x, t: x - t * np.log(x + 1e-3), {"log_input": False, "eps": 1e-3}),
    Loss("gaussian_nll_loss", (P, T, VARIANCES), nn.GaussianNLLLoss(full=True),
         lambda p, t, v: -stats.norm.logpdf(t, p, np.sqrt(v)), {"full": True}),
    Loss("gaussian_nll_loss", (P, T, VARIANCES[:, :1]), nn.GaussianNLLLoss(),
         lambda p, t, v: 0.5 * (np.log(v) + (p - t) ** 2 / v)),
    Loss("gaussian_nll_loss", (P, T, VARIANCES[:, 0]), nn.GaussianNLLLoss(),
         lambda p, t, v: 0.5 * (np.log(v) + (p - t).T ** 2 / v).T),
    Loss("binary_cross_entropy_with_logits", (P, YES), nn.BCEWithLogitsLoss(), bce),
    Loss("binary_cross_entropy_with_logits", (P, YES), nn.BCEWithLogitsLoss(pos_weight=[3.0, 0.5, 1.0]),
         lambda x, y: bce(x, y, [3.0, 0.5, 1.0]), {"pos_weight": np.array([3.0, 0.5, 1.0])}),
    Loss("nll_loss", (LOG_P, CLASSES), nn.NLLLoss(), picked),
]  # fmt: skip

each = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.name} {loss.module.extra_repr()}")


def numbers(t):
    return t.detach().numpy()


@each
def test_values_are_the_formulas(loss):
    losses = loss.formula(*loss.args)
    np.testing.assert_allclose(
        numbers(loss.function(*loss.args, **loss.keywords, reduction="none")), losses, rtol=1e-12, atol=1e-14
    )
    for reduction, want in (("mean", losses.mean()), ("sum", losses.sum())):
        found = loss.function(*loss.args, **loss.keywords, reduction=reduction)
        assert found.shape == ()
        assert found.item() == pytest.approx(want, rel=1e-12)
    assert loss.module(*loss.args).item() == pytest.approx(losses.mean(), rel=1e-12)


@each
def test_the_dtype_is_that_of_the_input(loss):
    narrow = [a.astype(np.float32) if i == 0 else a for i, a in enumerate(loss.args)]
    found = loss.function(*narrow, **loss.keywords)
    assert found.dtype == np.float32
    assert found.item() == pytest.approx(loss.formula(*loss.args).mean(), rel=1e-5)


@each
def test_gradients_are_those_of_central_differences(loss):
    def of_floats(*floats):
        args = list(loss.args)
        for i, a in zip(loss.floats, floats, strict=True):
            args[i] = a
        return loss.function(*args, **loss.keywords)

    fg.check_grads(of_floats, [loss.args[i] for i in loss.floats], order=2)


@each
def test_compiled_gradients_have_the_same_bits(loss):
    gradient = fg.grad(lambda *args: loss.function(*args, **loss.keywords), tuple(loss.floats))
    compiled = fg.compile(gradient)
    for args in (loss.args, [a[::-1].copy() for a in loss.args]):
        for found, want in zip(compiled(*args), gradient(*args), strict=True):
            np.testing.assert_array_equal(found, want)


@each
def test_values_and_gradients_are_those_of_torch(loss):
    torch = pytest.importorskip("torch")
    if not loss.torch:
        pytest.skip("PyTorch has no such loss")
    keywords = {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in loss.keywords.items()
    }
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in loss.args]
    ours = [fg.tensor(a, requires_grad=a.dtype.kind == "f") for a in loss.args]
    value = getattr(torch.nn.functional, loss.name)(*theirs, **keywords)
    found = loss.function(*ours, **loss.keywords)
    assert found.item() == pytest.approx(value.item(), rel=1e-12)
    value.backward()
    found.backward()
    for i in loss.floats:
        # PyTorch's slope in a count of 0 is NaN, see the test of it below.
        found, want = ours[i].grad.numpy(), theirs[i].grad.numpy()
        np.testing.assert_allclose(found, np.where(np.isnan(want), found, want), rtol=1e-11, atol=1e-13)


@each
def test_weights(loss):
    losses = loss.formula(*loss.args)
    if loss.name == "nll_loss":
        weights = WEIGHTS[0]
        w = weights[CLASSES]
    else:
        w = weights = WEIGHTS
    keywords = {**loss.keywords, "weight": weights}
    np.testing.assert_allclose(
        numbers(loss.function(*loss.args, **keywords, reduction="none")), w * losses, rtol=1e-12, atol=1e-14
    )
    of_elements = loss.name == "binary_cross_entropy_with_logits"  # PyTorch's mean there
    want = (w * losses).sum() / (losses.size if of_elements else w.sum())
    assert loss.function(*loss.args, **keywords).item() == pytest.approx(want, rel=1e-12)


def test_modules_keep_their_weights():
    weights = WEIGHTS[0]
    assert nn.NLLLoss(weights)(LOG_P, CLASSES).item() == F.nll_loss(LOG_P, CLASSES, weights).item()
    assert list(nn.BCEWithLogitsLoss(weights, pos_weight=weights).state_dict()) == ["weight", "pos_weight"]
    found = nn.BCEWithLogitsLoss(weights, "sum")(P, YES).item()
    assert found == pytest.approx((weights * bce(P, YES)).sum(), rel=1e-12)


# --- far out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_scores_do_not_overflow(dtype):
    x = np.array([-1000.0, -30.0, 0.0, 30.0, 1000.0], dtype)
    rtol = 4e-7 if dtype == np.float32 else 1e-15
    for yes in (0.0, 1.0):
        y = np.full(5, yes)
        right = -x.astype(float) if yes else x.astype(float)
        loss = lambda scores, y=y: F.binary_cross_entropy_with_logits(scores, y, reduction="sum")
        losses = F.binary_cross_entropy_with_logits(x, y, reduction="none")
        np.testing.assert_allclose(
            numbers(losses), np.logaddexp(0.0, right), rtol=4e-7 if dtype == np.float32 else 1e-15
        )
        # e^-30 is there to its last digits: nothing was taken from 1.
        want = (-1.0 if yes else 1.0) * special.expit(right)
        for gradient in (fg.grad(loss), fg.compile(fg.grad(loss))):
            np.testing.assert_allclose(gradient(x), want, rtol=rtol)


def test_large_errors_do_not_overflow():
    x, far = np.array([1e30, -1e30], np.float32), np.zeros(2)
    assert F.huber_loss(x, far).item() == pytest.approx(1e30, rel=1e-6)
    for loss in (F.huber_loss, F.smooth_l1_loss):
        np.testing.assert_array_equal(fg.grad(lambda p, loss=loss: loss(p, far, "sum"))(x), [1.0, -1.0])
    np.testing.assert_array_equal(
        fg.grad(lambda p: F.huber_loss(p, far, "sum", delta=2.0))(np.array([np.inf, -np.inf])), [2.0, -2.0]
    )


def test_a_count_of_zero_does_not_spoil_the_slope_in_the_target():
    counts = np.array([0.0, 1.0, 4.0])
    gradient = fg.grad(lambda t: F.poisson_nll_loss(np.zeros(3), t, full=True, reduction="sum"))(counts)
    np.testing.assert_allclose(gradient, [0.0, 0.0, np.log(4.0) + 1.0 / 8.0], rtol=1e-13)


def test_a_variance_below_the_least_is_led_out():
    loss = lambda v: F.gaussian_nll_loss([1.0], [3.0], v, eps=0.5)
    assert loss(np.array([0.0])).item() == pytest.approx(0.5 * (np.log(0.5) + 4.0 / 0.5), rel=1e-14)
    slope = fg.grad(loss)(np.array([0.0]))
    np.testing.assert_allclose(slope, [0.5 * (1.0 / 0.5 - 4.0 / 0.25)], rtol=1e-14)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_pinball_is_least_at_the_quantile(q):
    targets = rng.normal(size=999)
    loss = lambda c: F.pinball_loss(np.full(999, c), targets, q).item()
    best = np.quantile(targets, q, method="inverted_cdf")
    assert loss(best) < min(loss(best - 0.02), loss(best + 0.02))


def test_slopes_where_prediction_and_target_are_equal():
    for loss in (F.huber_loss, F.smooth_l1_loss, lambda p, t: F.smooth_l1_loss(p, t, beta=0),
                 lambda p, t: F.pinball_loss(p, t, 0.9)):  # fmt: skip
        assert fg.grad(lambda p, loss=loss: loss(p, np.ones(1)))(np.ones(1)) == [0.0]


# --- what is refused


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("huber_loss", ()),
        ("smooth_l1_loss", ()),
        ("pinball_loss", (0.5,)),
        ("poisson_nll_loss", ()),
        ("gaussian_nll_loss", (1.0,)),
        ("binary_cross_entropy_with_logits", ()),
    ],
)
def test_losses_refuse_to_broadcast(name, rest):
    loss = getattr(F, name)
    with pytest.raises(ValueError, match=rf"{name}: input has shape \(4, 1\) and target \(4,\)"):
        loss(np.zeros((4, 1)), np.zeros(4), *rest)
    with pytest.raises(ValueError, match=rf"{name}: reduction must be one of mean, sum, none, got 'average'"):
        loss(np.zeros(4), np.zeros(4), *rest, reduction="average")
    with pytest.raises(TypeError, match=rf"{name}: input must be floating point, got dtype int64"):
        loss(np.zeros(4, int), np.zeros(4), *rest)
    with pytest.raises(ValueError, match=rf"{name}: weight has shape \(3,\)"):
        loss(np.zeros(4), np.zeros(4), *rest, weight=np.ones(3))


def nll(*args):
    return F.nll_loss(LOG_P, *args)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.huber_loss([1.0], [1.0], delta=0.0), ValueError, "delta must be above 0, got 0.0"),
        (lambda: F.smooth_l1_loss([1.0], [1.0], beta=-1.0), ValueError, "beta must be at least 0, got -1.0"),
        (lambda: F.pinball_loss([1.0], [1.0], 1.0), ValueError, "quantile must be between 0 and 1, got 1.0"),
        (lambda: F.poisson_nll_loss([1.0], [1.0], eps=-1.0), ValueError, "eps must be at least 0, got -1.0"),
        (lambda: F.gaussian_nll_loss([1.0], [1.0], 1.0, eps=0.0), ValueError, "eps must be above 0, got 0.0"),
        (lambda: F.gaussian_nll_loss([1.0], [1.0], [-1.0]), ValueError, "var must be at least 0, got -1.0"),
        (
            lambda: F.gaussian_nll_loss(P, T, np.ones(3)),
            ValueError,
            r"var has shape \(3,\), expected \(4, 3\), \(4, 1\) or \(4,\)",
        ),
        (
            lambda: F.binary_cross_entropy_with_logits(P, YES, pos_weight=np.ones(4)),
            ValueError,
            r"pos_weight has shape \(4,\), which does not broadcast to the input's \(4, 3\)",
        ),
        (lambda: nll([0, 1, 2, 3]), IndexError, "nll_loss: target holds class 3, expected 0"),
        (lambda: nll(np.zeros((4, 1), int)), ValueError, r"target has shape \(4, 1\), expected \(4,\)"),
        (lambda: nll(CLASSES, np.ones(4)), ValueError, r"weight has shape \(4,\), expected \(3,\)"),
        (lambda: nll(np.zeros(4)), TypeError, "integer class indices, got dtype float64"),
    ],
)  # fmt: skip
def test_arguments_are_checked(call, error, message):
    with pytest.raises(error, match=message):
        call()
