"""fit: the same bits as loops by hand, losses, what the data may be, validation, optimizers."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import fastgrad as fg
from training_cases import LABELS, RNG, X, Y, mlp, numbers, same, silent

OPTIMIZERS = {
    "sgd": lambda params: fg.optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda params: fg.optim.Adam(params, lr=0.01),
    "adamw": lambda params: fg.optim.AdamW(params, lr=0.01, weight_decay=0.1),
}


# --- the same bits as loops by hand


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_equals_loops_by_hand(name, dtype):
    a, b, c = (mlp(dtype) for _ in range(3))
    silent(a, X, Y, optimizer=OPTIMIZERS[name](a.parameters()), batch_size=32, seed=5)  # 32, 32, 6

    step = fg.train_step(b, "mse", OPTIMIZERS[name](b.parameters()))
    loader = fg.data.DataLoader((X, Y), batch_size=32, shuffle=True, seed=5)
    for _ in range(3):
        for x, y in loader:
            step(x, y)
    assert same(a, b)

    optimizer = OPTIMIZERS[name](c.parameters())
    loader = fg.data.DataLoader((X, Y), batch_size=32, shuffle=True, seed=5)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            fg.nn.functional.mse_loss(c(x), y.reshape(-1, 1)).backward()
            optimizer.step()
    assert same(a, c)


def test_history_is_the_mean_over_samples():
    a, b = mlp(), mlp()
    h = silent(a, X, Y, optimizer="sgd", lr=0.1, epochs=2, seed=9)
    step = fg.train_step(b, "mse", fg.optim.SGD(b.parameters(), lr=0.1))
    loader = fg.data.DataLoader((X, Y), batch_size=32, shuffle=True, seed=9)
    means = [sum(step(x, y) * len(y.tolist()) for x, y in loader) / len(X) for _ in range(2)]
    assert h.history["loss"] == pytest.approx(means, rel=1e-14)
    assert h.history["lr"] == [0.1, 0.1]
    assert (h.stopped, h.epochs, h.steps, h.seed) == ("epochs", 2, 6, 9)
    assert all(type(value) is float for values in h.history.values() for value in values)
    assert "2 epochs" in repr(h)


def test_equals_torch():
    torch = pytest.importorskip("torch")
    model = mlp("float64")
    layers = []
    for part in model:
        if isinstance(part, fg.nn.Linear):
            layer = torch.nn.Linear(part.in_features, part.out_features, dtype=torch.float64)
            layer.load_state_dict({k: torch.tensor(v) for k, v in part.state_dict().items()})
            layers.append(layer)
        else:
            layers.append(torch.nn.Tanh())
    theirs = torch.nn.Sequential(*layers)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.1)
    ours = fg.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    silent(model, X, Y, optimizer=ours, shuffle=False, clip_grad_norm=0.5)
    for _ in range(3):
        for start in range(0, len(X), 32):
            x, y = (torch.tensor(a[start : start + 32]) for a in (X, Y[:, None]))
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(theirs(x), y).backward()
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
            optimizer.step()
    for ours_, theirs_ in zip(numbers(model), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(ours_, theirs_.numpy(), rtol=1e-9, atol=1e-11)


def test_clipping_by_hand():
    a, b = mlp("float64"), mlp("float64")
    silent(a, X, 50 * Y, optimizer="sgd", lr=0.1, clip_grad_norm=0.3, batch_size=70, epochs=4, shuffle=False)
    params = list(b.parameters())
    for _ in range(4):
        grads = fg.autograd.grad(fg.nn.functional.mse_loss(b(X), 50 * Y[:, None]), params)
        norm = math.sqrt(sum(float((g.numpy() ** 2).sum()) for g in grads))
        state = b.state_dict()
        for (name, values), g in zip(state.items(), grads, strict=True):
            state[name] = values - 0.1 * min(1.0, 0.3 / (norm + 1e-6)) * g.numpy()
        b.load_state_dict(state)
    for x, y in zip(numbers(a), numbers(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10)


# --- losses and weights


def test_weights_are_repetitions():
    repeated = RNG.integers(0, 4, size=len(X))
    a, b = mlp("float64"), mlp("float64")
    whole = {"batch_size": 10_000, "optimizer": "sgd", "lr": 0.1, "shuffle": False}
    ha = silent(a, X, Y, sample_weight=repeated, **whole)
    hb = silent(b, np.repeat(X, repeated, axis=0), np.repeat(Y, repeated), **whole)
    np.testing.assert_allclose(ha.history["loss"], hb.history["loss"], rtol=1e-12)
    for x, y in zip(numbers(a), numbers(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10)


def test_a_batch_of_no_weight_is_passed_over():
    weights = np.ones(70)
    weights[32:64] = 0.0
    a, b = mlp(), mlp()
    optimizer = fg.optim.Adam(a.parameters())
    silent(a, X, Y, sample_weight=weights, optimizer=optimizer, shuffle=False, epochs=1)
    assert optimizer.state_dict()["state"][0]["step"] == 2
    step = fg.train_step(b, "mse", "adam")
    step(X[:32], Y[:32], np.ones(32))
    assert math.isnan(step(X[32:64], Y[32:64], np.zeros(32)))
    step(X[64:], Y[64:], np.ones(6))
    assert same(a, b)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        "mse_loss",
        fg.nn.MSELoss(),
        fg.nn.functional.mse_loss,
        lambda output, target: (output - target) ** 2,
        lambda output, target: ((output - target) ** 2).mean(axis=-1),
    ],
)
def test_ways_to_name_a_loss(loss, outputs):
    y = np.stack([Y] * outputs, axis=1)
    a, b, c, d = (mlp("float64", outputs) for _ in range(4))
    silent(a, X, y, loss=loss, epochs=1)
    silent(b, X, y, epochs=1)
    weights = np.linspace(0.5, 2.0, 70)
    silent(c, X, y, loss=loss, epochs=1, sample_weight=weights)
    silent(d, X, y, epochs=1, sample_weight=weights)
    for this, usual in ((a, b), (c, d)):
        for x, z in zip(numbers(this), numbers(usual), strict=True):
            np.testing.assert_allclose(x, z, rtol=1e-10, atol=1e-12)


def test_classes_and_objective():
    a, b = mlp(outputs=3), mlp(outputs=3)
    h = silent(a, X, LABELS, loss="cross_entropy", validation_data=(X, LABELS))

    def objective(model, x, y):
        return fg.nn.functional.cross_entropy(model(x), y)

    silent(b, fg.data.TensorDataset(X, LABELS), objective=objective)
    assert same(a, b)
    assert h.history["val_loss"][-1] == fg.nn.functional.cross_entropy(fg.predict(a, X), LABELS).item()


def test_classes_in_a_column():
    a, b = mlp(outputs=3), mlp(outputs=3)
    silent(a, X, LABELS, loss="cross_entropy")
    silent(b, X, LABELS[:, None], loss=fg.nn.CrossEntropyLoss())
    assert same(a, b)


def test_mae_is_l1():
    a, b = mlp(), mlp()
    assert silent(a, X, Y, loss="mae").history == silent(b, X, Y, loss="l1").history


# --- the data


class Frame:
    """What a DataFrame is to NumPy."""

    def __init__(self, values):
        self._values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype)


FORMS = {
    "fortran": (np.asfortranarray(X), Y),
    "strided": (np.repeat(X, 2, axis=1)[:, ::2], np.repeat(Y, 3)[::3]),
    "reversed": (X[::-1].copy()[::-1], Y[::-1].copy()[::-1]),
    "tensors": (fg.tensor(X), fg.tensor(Y)),
    "lists": (X.tolist(), Y.tolist()),
    "frames": (Frame(X), Frame(Y[:, None])),
    "column": (X, Y[:, None]),
    "data set": (fg.data.TensorDataset(X, Y), None),
    "subset": (fg.data.Subset(fg.data.TensorDataset(X[::-1], Y[::-1]), np.arange(70)[::-1]), None),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_data_give_the_same_bits(form):
    a, b = mlp(), mlp()
    assert silent(a, X, Y).history == silent(b, *FORMS[form]).history
    assert same(a, b)


def test_integer_inputs_and_targets():
    counts = RNG.integers(0, 5, size=(40, 3))
    totals = counts.sum(axis=1)
    a, b = mlp(), mlp()
    silent(a, counts, totals)
    silent(b, counts.astype(float), totals.astype(float))
    assert same(a, b)


def test_a_data_set_may_hold_weights():
    weights = np.linspace(0.0, 1.0, 70)
    a, b = mlp(), mlp()
    silent(a, X, Y, sample_weight=weights)
    silent(b, fg.data.TensorDataset(X, Y, weights))
    assert same(a, b)


# --- validation, early stopping, schedules


def test_validation_loss_is_that_of_predictions():
    model = mlp()
    seen = []

    def look(info):
        seen.append(fg.nn.functional.mse_loss(fg.predict(model, X[:20]), Y[:20, None]).item())

    h = silent(model, X, Y, validation_data=(X[:20], Y[:20]), callbacks=look)
    assert h.history["val_loss"] == pytest.approx(seen, rel=1e-6)
    assert h.best_epoch == int(np.argmin(h.history["val_loss"]))


def test_validation_in_chunks(monkeypatch):
    monkeypatch.setattr("fastgrad.training.loop._ROWS_AT_ONCE", 16)
    weights = np.linspace(0.0, 3.0, 70)
    model = mlp("float64")
    h = silent(model, X, Y, validation_data=(X, Y, weights), epochs=1)
    residuals = fg.predict(model, X)[:, 0] - Y
    assert h.history["val_loss"][0] == pytest.approx(np.average(residuals**2, weights=weights), rel=1e-12)


def test_early_stopping_restores_the_best():
    model = mlp()
    states = []
    h = silent(
        model,
        X,
        Y,
        optimizer="sgd",
        lr=0.9,
        epochs=200,
        validation_data=(X[:10], -Y[:10]),  # gets worse as the fit gets better
        early_stopping={"patience": 3},
        callbacks=[lambda info: states.append(numbers(model))],
    )
    assert h.stopped == "early"
    assert h.epochs == h.best_epoch + 4
    assert h.best_epoch == int(np.argmin(h.history["val_loss"]))
    assert all(np.array_equal(a, b) for a, b in zip(numbers(model), states[h.best_epoch], strict=True))
    assert "val_loss was best in epoch" in h.message


def test_early_stopping_without_restoring():
    model = mlp()
    states = []
    stopping = {"patience": 2, "monitor": "loss", "min_delta": 1e9, "restore_best": False}
    h = silent(
        model, X, Y, epochs=50, early_stopping=stopping, callbacks=lambda i: states.append(numbers(model))
    )
    assert (h.stopped, h.epochs, h.best_epoch) == ("early", 3, 0)
    assert all(np.array_equal(a, b) for a, b in zip(numbers(model), states[-1], strict=True))


class Halving:
    """A schedule as torch has them."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def step(self, epoch=None):
        self.optimizer.lr = self.optimizer.lr / 2


class OnMetric(Halving):
    def __init__(self, optimizer):
        super().__init__(optimizer)
        self.seen = []

    def step(self, metrics, epoch=None):
        self.seen.append(metrics)


def test_schedules():
    model = mlp()
    optimizer = fg.optim.Adam(model.parameters(), lr=0.08)
    h = silent(model, X, Y, optimizer=optimizer, scheduler=Halving(optimizer))
    assert h.history["lr"] == [0.08, 0.04, 0.02]
    assert optimizer.lr == 0.01
    a, b = mlp(), mlp()
    silent(a, X, Y, lr=0.08, scheduler=Halving)
    assert same(a, model)
    optimizer = fg.optim.Adam(b.parameters())
    watching = OnMetric(optimizer)
    h = silent(b, X, Y, optimizer=optimizer, scheduler=watching, validation_data=(X, Y))
    assert watching.seen == h.history["val_loss"]
    with pytest.raises(ValueError, match="another optimizer"):
        silent(a, X, Y, scheduler=watching)


# --- optimizers, frozen and tied parameters


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_going_on_equals_one_long_fit(name):
    a, b = mlp(), mlp()
    optimizer = OPTIMIZERS[name](a.parameters())
    silent(a, X, Y, optimizer=optimizer, epochs=2, shuffle=False)
    silent(a, X, Y, optimizer=optimizer, epochs=3, shuffle=False)
    silent(b, X, Y, optimizer=OPTIMIZERS[name], epochs=5, shuffle=False)
    assert same(a, b)


def test_epochs_together_equal_epochs_one_by_one():
    """Without anything to ask between them, epochs run natively one behind the other."""
    asked = []

    def run(**keywords):
        fg.manual_seed(0)
        model = fg.nn.Sequential(fg.nn.Linear(3, 8), fg.nn.Dropout(0.5), fg.nn.Linear(8, 1))
        return model, silent(model, X, Y[:, None], epochs=400, batch_size=16, **keywords)

    (alone, h), (followed, g) = run(), run(callbacks=[lambda info: asked.append(info.steps)])
    assert h.history == g.history
    assert (h.epochs, h.steps, h.stopped, h.best_epoch) == (g.epochs, g.steps, g.stopped, g.best_epoch)
    assert asked == list(range(5, 2005, 5))
    assert same(alone, followed)


def test_lr_overrides_that_of_the_optimizer():
    model = mlp()
    optimizer = fg.optim.SGD(model.parameters(), lr=0.5)
    assert silent(model, X, Y, optimizer=optimizer, lr=0.25).history["lr"] == [0.25] * 3
    assert optimizer.lr == 0.25


def test_frozen_parameters_and_groups():
    a, b = mlp(), mlp()
    for model in (a, b):
        model[0].weight.requires_grad = False
    before = a[0].weight.detach().numpy().copy()
    groups = [lambda m: {"params": m[0].parameters()}, lambda m: {"params": m[2].parameters(), "lr": 0.3}]
    silent(a, X, Y, optimizer=fg.optim.SGD([group(a) for group in groups], lr=0.1))
    optimizer = fg.optim.SGD([group(b) for group in groups], lr=0.1)
    loader = fg.data.DataLoader((X, Y[:, None]), shuffle=True, seed=0)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            fg.nn.functional.mse_loss(b(x), y).backward()
            optimizer.step()
    assert same(a, b)
    np.testing.assert_array_equal(before, a[0].weight.detach().numpy())


class Tied(fg.nn.Module):
    """The same layer twice, and one matrix used transposed as well."""

    def __init__(self):
        self.first = fg.nn.Linear(3, 3)
        self.again = self.first
        self.out = fg.nn.Linear(3, 1)

    def forward(self, x):
        x = fg.tanh(self.first(x))
        return self.out(fg.tanh(self.again(x) @ self.first.weight))


def test_tied_parameters():
    fg.manual_seed(0)
    a = Tied()
    b = copy.deepcopy(a)
    silent(a, X, Y)
    optimizer = fg.optim.Adam(b.parameters())
    loader = fg.data.DataLoader((X, Y[:, None]), shuffle=True, seed=0)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            fg.nn.functional.mse_loss(b(x), y).backward()
            optimizer.step()
    assert same(a, b)


def test_a_seed_is_drawn_and_told():
    fg.manual_seed(4)
    a, b = mlp(), mlp()
    h = fg.fit(a, X, Y, progress=False)
    fg.fit(b, X, Y, progress=False, seed=h.seed)
    assert same(a, b)
