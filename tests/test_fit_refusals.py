"""fit: what it refuses, and leaves unchanged."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
from training_cases import LABELS, X, Y, mlp, same, silent

# --- what it refuses, unchanged


class TwoHeads(fg.nn.Module):
    def __init__(self):
        self.layer = fg.nn.Linear(3, 1)

    def forward(self, x):
        return self.layer(x), x


REFUSED = {
    "rows": (lambda m: silent(m, X, Y[:-1]), ValueError, r"X has 70 rows .* y has 69"),
    "columns": (lambda m: silent(m, X, np.ones((70, 2))), ValueError, r"\(32, 1\) and y has \(32, 2\)"),
    "features": (lambda m: silent(m, np.ones((70, 4)), Y), ValueError, r"\(32, 4\)"),
    "no y": (lambda m: silent(m, X), TypeError, "y is missing"),
    "no rows": (lambda m: silent(m, X[:0], Y[:0]), ValueError, r"no rows: shape \(0, 3\)"),
    "scalar": (lambda m: silent(m, 1.0, Y), ValueError, "single number"),
    "strings": (lambda m: silent(m, np.array([["a"]]), Y), TypeError, "X: "),
    "objects": (lambda m: silent(m, X, np.array([None] * 70)), TypeError, "y: "),
    "loader": (lambda m: silent(m, fg.data.DataLoader((X, Y))), TypeError, "pass its dataset"),
    "loss name": (lambda m: silent(m, X, Y, loss="nope"), ValueError, "cross_entropy, huber, l1, mse"),
    "loss": (lambda m: silent(m, X, Y, loss=3), TypeError, "loss must be"),
    "two losses": (lambda m: silent(m, X, Y, loss="l1", objective=len), ValueError, "not both"),
    "optimizer name": (lambda m: silent(m, X, Y, optimizer="nope"), ValueError, "adam, adamw"),
    "optimizer": (lambda m: silent(m, X, Y, optimizer=3), TypeError, "got int"),
    "other optimizer": (
        lambda m: silent(m, X, Y, optimizer=fg.optim.SGD(mlp().parameters())),
        ValueError,
        "none of the model's parameters",
    ),
    "lr": (lambda m: silent(m, X, Y, lr=-1.0), ValueError, "lr must be finite and at least 0"),
    "epochs": (lambda m: silent(m, X, Y, epochs=0), ValueError, "epochs must be at least 1"),
    "batch_size": (lambda m: silent(m, X, Y, batch_size=1.5), TypeError, "batch_size must be an int"),
    "weights": (lambda m: silent(m, X, Y, sample_weight=np.ones(3)), ValueError, r"\(3,\), expected \(70,\)"),
    "negative": (lambda m: silent(m, X, Y, sample_weight=-np.ones(70)), ValueError, "at least 0"),
    "no weight": (lambda m: silent(m, X, Y, sample_weight=np.zeros(70)), ValueError, "0 everywhere"),
    "scalar loss": (
        lambda m: silent(m, X, Y, loss=lambda o, t: ((o - t) ** 2).mean(), sample_weight=np.ones(70)),
        ValueError,
        "loss of each sample",
    ),
    "validation": (lambda m: silent(m, X, Y, validation_data=X), TypeError, "validation_data must be"),
    "validation y": (
        lambda m: silent(m, X, Y, validation_data=(X, Y[:3])),
        ValueError,
        "validation X has 70 rows",
    ),
    "validation X": (
        lambda m: silent(m, X, Y, validation_data=(X[:, :2], Y)),
        ValueError,
        "validation_data: ",
    ),
    "patience": (lambda m: silent(m, X, Y, early_stopping=0), ValueError, "patience must be at least 1"),
    "setting": (lambda m: silent(m, X, Y, early_stopping={"delta": 1}), ValueError, "no setting 'delta'"),
    "monitor": (
        lambda m: silent(m, X, Y, early_stopping={"monitor": "val_loss"}),
        ValueError,
        "needs validation_data",
    ),
    "callback": (lambda m: silent(m, X, Y, callbacks=[3]), TypeError, r"callbacks\[0\]"),
    "scheduler": (lambda m: silent(m, X, Y, scheduler=3), TypeError, "scheduler must be"),
    "progress": (lambda m: silent(m, X, Y, progress="maybe"), ValueError, "progress must be"),
    "clip": (lambda m: silent(m, X, Y, clip_grad_norm=0), ValueError, "clip_grad_norm must be above 0"),
    "seed": (lambda m: silent(m, X, Y, seed=-1), ValueError, "seed must be"),
    "max_seconds": (lambda m: silent(m, X, Y, max_seconds=-1), ValueError, "max_seconds"),
    "objective": (lambda m: silent(m, X, Y, objective=lambda m, x, y: m(x)), ValueError, "one number"),
    "no dependence": (
        lambda m: silent(m, X, Y, objective=lambda m, x, y: x.sum()),
        ValueError,
        "depends on no parameter",
    ),
    "reads values": (
        lambda m: silent(m, X, Y, loss=lambda o, t: o * float(o.sum())),
        fg.RecordingError,
        "recording",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_and_changes_nothing(case):
    model = mlp()
    call, error, match = REFUSED[case]
    with pytest.raises(error, match=match):
        call(model)
    assert same(model, mlp())
    assert all(module.training for module in model.modules())
    silent(model, X, Y)


def test_refuses_models():
    with pytest.raises(TypeError, match=r"must be a fastgrad\.nn\.Module"):
        fg.fit(lambda x: x, X, Y)
    with pytest.raises(TypeError, match="returned a tuple"):
        silent(TwoHeads(), X, Y)
    frozen = mlp()
    for param in frozen.parameters():
        param.requires_grad = False
    with pytest.raises(ValueError, match="nothing to train"):
        silent(frozen, X, Y)


def test_refuses_labels_for_mse_and_bad_classes():
    model = mlp(outputs=3)
    with pytest.raises(ValueError, match="use loss='cross_entropy'"):
        silent(model, X, LABELS)
    with pytest.raises(ValueError, match="y holds class 3, expected 0 to 2"):
        silent(model, X, LABELS + 1, loss="cross_entropy")
    with pytest.raises(TypeError, match="integer class indices"):
        silent(model, X, LABELS.astype(float), loss="cross_entropy")
    assert same(model, mlp(outputs=3))
