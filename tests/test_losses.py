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


OF_CLASSES = [
    {"ignore_index": 2},
    {"ignore_index": -100},
    {"label_smoothing": 0.1},
    {"label_smoothing": 1.0},
    {"ignore_index": -100, "label_smoothing": 0.3},
]


@pytest.mark.parametrize("weight", [None, np.array([0.5, 2.0, 1.0])], ids=["even", "weighted"])
@pytest.mark.parametrize("keywords", OF_CLASSES, ids=str)
@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5)], ids=str)
def test_ignored_classes_and_smoothed_labels(shape, keywords, weight):
    scores = rng.normal(size=shape)
    classes = rng.integers(0, 3, (shape[0], *shape[2:]))
    if keywords.get("ignore_index", 0) < 0:
        classes.flat[::3] = keywords["ignore_index"]
    smoothing, ignored = keywords.get("label_smoothing", 0.0), classes == keywords.get("ignore_index")
    likely = np.moveaxis(scores - np.log(np.exp(scores).sum(1, keepdims=True)), 1, -1)
    truth = np.eye(3)[np.where(ignored, 0, classes)]
    w = np.ones(3) if weight is None else weight
    losses = -(likely * w * ((1 - smoothing) * truth + smoothing / 3)).sum(-1) * ~ignored
    counted = (truth @ w * ~ignored).sum()
    for reduction, want in (("none", losses), ("sum", losses.sum()), ("mean", losses.sum() / counted)):
        found = F.cross_entropy(scores, classes, weight, reduction=reduction, **keywords)
        np.testing.assert_allclose(numbers(found), want, rtol=1e-12, atol=1e-14)
    loss = lambda s: F.cross_entropy(s, classes, weight, **keywords)
    fg.check_grads(loss, (scores,), order=2)
    assert nn.CrossEntropyLoss(weight, **keywords)(scores, classes).item() == loss(scores).item()
    compiled = fg.compile(fg.grad(lambda s, c: F.cross_entropy(s, c, weight, **keywords)))
    np.testing.assert_array_equal(compiled(scores, classes), fg.grad(loss)(scores))
    if not smoothing:
        found = F.nll_loss(np.moveaxis(likely, -1, 1), classes, weight, **keywords)
        assert found.item() == pytest.approx(losses.sum() / counted, rel=1e-12)


@pytest.mark.parametrize("keywords", OF_CLASSES, ids=str)
def test_ignored_classes_and_smoothed_labels_agree_with_torch(keywords):
    torch = pytest.importorskip("torch")
    scores, classes, w = rng.normal(size=(9, 4)), rng.integers(0, 4, 9), rng.uniform(0.5, 2.0, 4)
    if keywords.get("ignore_index", 0) < 0:
        classes[::4] = keywords["ignore_index"]
    for reduction in ("mean", "sum", "none"):
        found = F.cross_entropy(scores, classes, w, reduction=reduction, **keywords)
        want = torch.nn.functional.cross_entropy(
            *map(torch.from_numpy, (scores, classes, w)), reduction=reduction, **keywords
        )
        np.testing.assert_allclose(numbers(found), want.numpy(), rtol=1e-12, atol=1e-14)


def test_fit_passes_over_ignored_classes():
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    fits = []
    for targets, loss in (
        (np.where(np.arange(40) < 30, y, -1), nn.CrossEntropyLoss(ignore_index=-1)),
        (np.where(np.arange(40) < 30, y, 1 - y), nn.CrossEntropyLoss()),
    ):
        fg.manual_seed(0)
        model = nn.Linear(3, 2)
        rows = 40 if loss.ignore_index is not None else 30
        fg.fit(model, X[:rows], targets[:rows], loss=loss, optimizer="sgd", epochs=5, batch_size=40, seed=1)
        fits.append(model.weight.detach().numpy())
    np.testing.assert_allclose(*fits, rtol=1e-6)
    loss = nn.CrossEntropyLoss(ignore_index=-1)
    with pytest.raises(ValueError, match="weights of its own"):
        fg.fit(nn.Linear(3, 2), X, y, loss=loss, sample_weight=np.ones(40), epochs=1)


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
    with pytest.raises(IndexError, match="class -1, expected 0 to 2"):
        F.cross_entropy(scores, [0, 1, -2, -1], ignore_index=-2)
    with pytest.raises(ValueError, match=r"label_smoothing must be from 0 to 1, got -0\.1"):
        F.cross_entropy(scores, [0, 1, 2, 0], label_smoothing=-0.1)
