"""Losses and softmax, against NumPy and SciPy, and PyTorch where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import fastgrad as fg
from fastgrad import nn
from fastgrad.nn import functional as F

rng = np.random.default_rng(3)


def numbers(t):
    return t.detach().numpy()


def test_losses_are_their_formulas():
    p, t, w = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.uniform(size=(4, 3))
    square, distance = (p - t) ** 2, np.abs(p - t)
    assert F.mse_loss(p, t).item() == pytest.approx(square.mean(), rel=1e-14)
    assert F.mse_loss(p, t, reduction="sum").item() == pytest.approx(square.sum(), rel=1e-14)
    np.testing.assert_allclose(numbers(F.mse_loss(p, t, reduction="none")), square, rtol=1e-14)
    assert F.mse_loss(p, t, weight=w).item() == pytest.approx((w * square).sum() / w.sum(), rel=1e-13)
    assert F.l1_loss(p, t).item() == pytest.approx(distance.mean(), rel=1e-14)
    assert F.l1_loss(p, t, reduction="sum", weight=w).item() == pytest.approx((w * distance).sum(), rel=1e-13)
    assert nn.MSELoss()(p, t).item() == F.mse_loss(p, t).item()
    assert nn.L1Loss("sum")(p, t).item() == F.l1_loss(p, t, reduction="sum").item()


def test_losses_cast_the_target_to_the_prediction():
    p = np.array([0.5, 1.5], np.float32)
    loss = F.mse_loss(p, np.array([0, 1]))
    assert loss.dtype == np.float32
    assert loss.item() == 0.25


def test_cross_entropy_is_its_formula():
    scores, classes = 3.0 * rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    weights = rng.uniform(0.5, 2.0, 4)
    losses = -special.log_softmax(scores, axis=1)[np.arange(6), classes]
    assert F.cross_entropy(scores, classes).item() == pytest.approx(losses.mean(), rel=1e-13)
    np.testing.assert_allclose(
        numbers(F.cross_entropy(scores, classes, reduction="none")), losses, rtol=1e-12
    )
    w = weights[classes]
    want = (w * losses).sum() / w.sum()
    assert F.cross_entropy(scores, classes, weights).item() == pytest.approx(want, rel=1e-13)
    assert nn.CrossEntropyLoss(weights)(scores, classes).item() == pytest.approx(want, rel=1e-13)
    assert F.cross_entropy(scores[0], classes[0]).item() == pytest.approx(losses[0], rel=1e-13)
    images = rng.normal(size=(2, 4, 3, 5))
    pixels = rng.integers(0, 4, (2, 3, 5))
    log_p = np.moveaxis(special.log_softmax(images, axis=1), 1, -1)
    want = -np.take_along_axis(log_p, pixels[..., None], -1).mean()
    assert F.cross_entropy(images, pixels).item() == pytest.approx(want, rel=1e-13)


def test_cross_entropy_gradient_is_softmax_minus_one_hot():
    scores, classes = rng.normal(size=(5, 3)), rng.integers(0, 3, 5)
    gradient = fg.grad(lambda s: F.cross_entropy(s, classes))(scores)
    np.testing.assert_allclose(
        gradient, (special.softmax(scores, axis=1) - np.eye(3)[classes]) / 5, rtol=1e-12, atol=1e-16
    )
    fg.check_grads(lambda s: F.cross_entropy(s, classes), (scores,), order=2)


def test_softmax_of_large_scores():
    x = np.array([[1000.0, 999.0, -1000.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(numbers(F.softmax(x)), special.softmax(x, axis=1), rtol=1e-13)
    np.testing.assert_allclose(numbers(F.log_softmax(x, dim=0)), special.log_softmax(x, axis=0), rtol=1e-13)


def test_compiled_losses_are_the_same_bits():
    model = nn.MLP(3, [4], 2)
    x, classes = rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    loss = lambda inputs, truth: F.cross_entropy(model(inputs), truth)
    with fg.no_grad():
        assert fg.compile(loss)(x, classes) == loss(x, classes).item()


def test_a_recorded_cross_entropy_checks_classes_at_replay():
    step = fg.compile(F.cross_entropy)
    scores = np.zeros((2, 3))
    step(scores, np.array([0, 2]))
    for wrong in (-1, 3):
        with pytest.raises(IndexError):
            step(scores, np.array([0, wrong]))


def test_losses_and_first_steps_agree_with_torch():
    torch = pytest.importorskip("torch")
    ours = nn.MLP(4, [5], 3, activation="softplus").to(np.float64)
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Softplus(), torch.nn.Linear(5, 3)).double()
    theirs.load_state_dict({name: torch.from_numpy(v) for name, v in ours.state_dict().items()})
    x, classes, w = rng.normal(size=(7, 4)), rng.integers(0, 3, 7), rng.uniform(0.5, 2.0, 3)
    F.cross_entropy(ours(x), classes, w).backward()
    torch.nn.functional.cross_entropy(
        theirs(torch.from_numpy(x)), torch.from_numpy(classes), torch.from_numpy(w)
    ).backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss])
def test_losses_refuse_to_broadcast(loss):
    with pytest.raises(ValueError, match=r"input has shape \(4, 1\) and target \(4,\)"):
        loss(np.zeros((4, 1)), np.zeros(4))
    with pytest.raises(ValueError, match=r"weight has shape \(1,\), expected \(4,\)"):
        loss(np.zeros(4), np.zeros(4), weight=[1.0])
    with pytest.raises(ValueError, match="mean, sum, none, got 'average'"):
        loss(np.zeros(4), np.zeros(4), reduction="average")
    with pytest.raises(TypeError, match="input must be floating point, got dtype int64"):
        loss(np.zeros(4, int), np.zeros(4))
    with pytest.raises(TypeError, match="complex128"):
        loss(np.zeros(4), np.zeros(4, complex))


def test_cross_entropy_refuses():
    scores = np.zeros((4, 3))
    with pytest.raises(TypeError, match="integer class indices, got dtype float64"):
        F.cross_entropy(scores, np.zeros(4))
    with pytest.raises(ValueError, match=r"target has shape \(4, 1\), expected \(4,\)"):
        F.cross_entropy(scores, np.zeros((4, 1), int))
    with pytest.raises(IndexError, match="class 3, expected 0 to 2"):
        F.cross_entropy(scores, [0, 1, 2, 3])
    with pytest.raises(IndexError, match="class -1, expected 0 to 2"):
        F.cross_entropy(scores, [0, 1, 2, -1])
    with pytest.raises(ValueError, match=r"weight has shape \(4,\), expected \(3,\)"):
        F.cross_entropy(scores, [0, 1, 2, 0], np.ones(4))
    with pytest.raises(TypeError, match="input must be floating point"):
        F.cross_entropy(np.zeros((4, 3), int), [0, 1, 2, 0])
