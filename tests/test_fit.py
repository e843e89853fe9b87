"""fit: the same bits as loops by hand, what the data may be, how it ends, and what it refuses."""

from __future__ import annotations

import copy
import math
import signal
import threading
import time

import numpy as np
import pytest

import fastgrad as fg

RNG = np.random.default_rng(11)
X = RNG.normal(size=(70, 3))
Y = np.tanh(X @ [1.0, -2.0, 0.5]) + 0.1
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)

OPTIMIZERS = {
    "sgd": lambda params: fg.optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda params: fg.optim.Adam(params, lr=0.01),
    "adamw": lambda params: fg.optim.AdamW(params, lr=0.01, weight_decay=0.1),
}


def mlp(dtype="float32", outputs=1):
    fg.manual_seed(3)
    return fg.nn.MLP(3, [8, 5], outputs, activation="tanh").to(dtype)


def numbers(model):
    return [values.copy() for values in model.state_dict().values()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(numbers(a), numbers(b), strict=True))


def silent(model, X, y=None, **keywords):
    return fg.fit(model, X, y, **{"progress": False, "seed": 0, "epochs": 3, **keywords})


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


# --- callbacks and ends


def test_callbacks():
    model = mlp()
    infos = []
    h = silent(model, X, Y, epochs=9, callbacks=[infos.append, lambda info: info.epoch != 2])
    assert (h.stopped, h.epochs, [info.epoch for info in infos]) == ("callback", 3, [0, 1, 2])
    assert infos[-1].model is model
    assert infos[1].val_loss is None
    assert infos[-1].steps == 9
    assert [info.loss for info in infos] == h.history["loss"]


def test_a_callback_that_raises_leaves_a_completed_step():
    a, b = mlp(), mlp()

    def fail(info):
        if info.epoch == 1:
            raise KeyError("mine")

    optimizer = fg.optim.Adam(a.parameters())
    with pytest.raises(KeyError, match="mine"):
        silent(a, X, Y, optimizer=optimizer, callbacks=fail)
    silent(b, X, Y, epochs=2)
    assert same(a, b)
    assert optimizer.state_dict()["state"][0]["step"] == 6
    silent(a, X, Y, optimizer=optimizer)  # nothing is left locked


def test_a_callback_may_change_parameters():
    model = mlp()

    def clear(info):
        model.load_state_dict({name: values * 0 for name, values in model.state_dict().items()})

    silent(model, X, Y, callbacks=clear)
    assert not any(values.any() for values in numbers(model))


def test_interruption_leaves_a_completed_step():
    model = mlp()
    optimizer = fg.optim.SGD(model.parameters(), lr=0.01)
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    many = np.repeat(X, 20_000, axis=0), np.repeat(Y, 20_000)
    before = numbers(model)
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        silent(model, *many, optimizer=optimizer, epochs=1_000_000, shuffle=False)
    assert time.monotonic() - start < 5.0
    steps = optimizer.state_dict()["state"]
    assert steps == {} or len({state["step"] for state in steps.values()}) == 1
    assert not all(np.array_equal(a, b) for a, b in zip(before, numbers(model), strict=True))
    assert all(np.isfinite(values).all() for values in numbers(model))
    silent(model, X, Y, optimizer=optimizer)


def test_max_seconds():
    model = mlp()
    h = silent(model, X, Y, epochs=10_000_000, max_seconds=0.1)
    assert h.stopped == "max_seconds"
    assert 0.1 <= h.seconds < 5.0
    assert h.epochs == len(h.history["loss"]) >= 1
    assert silent(mlp(), X, Y, max_seconds=0.0).steps == 0


# --- divergence


def test_divergence_goes_back_to_the_last_finite_step():
    model = mlp("float64")
    with pytest.warns(RuntimeWarning, match="smaller learning rate than 1e"):
        h = silent(model, X, Y, loss=lambda o, t: (o - t) ** 4, optimizer="sgd", lr=1e60, epochs=30)
    assert h.stopped == "diverged"
    assert all(np.isfinite(values).all() for values in numbers(model))
    b = mlp("float64")
    step = fg.train_step(b, lambda o, t: (o - t) ** 4, fg.optim.SGD(b.parameters(), lr=1e60))
    loader = fg.data.DataLoader((X, Y), shuffle=True, seed=0)
    taken = 0
    while taken < h.steps:
        for x, y in loader:
            if taken < h.steps:
                step(x, y)
                taken += 1
    assert same(model, b)


def test_divergence_through_gradients_repeats_the_epoch():
    class Root(fg.nn.Module):
        def __init__(self):
            self.w = fg.nn.Parameter([[1.0], [1.0], [1.0]])

        def forward(self, x):
            return fg.sqrt(x @ self.w)  # infinite slope at 0

    data = np.abs(X).copy()
    data[50] = 0.0
    a, b = Root(), Root()
    with pytest.warns(RuntimeWarning, match="the gradients"):
        h = silent(a, data, Y, shuffle=False, epochs=2, optimizer="adam")
    assert (h.stopped, h.steps) == ("diverged", 1)
    step = fg.train_step(b, "mse", "adam")
    step(data[:32], Y[:32])
    assert same(a, b)


def test_divergence_says_where():
    class Explosive(fg.nn.Module):
        def __init__(self):
            self.inner = fg.nn.Linear(3, 1)
            self.grow = Grow()

        def forward(self, x):
            return self.grow(self.inner(x))

    class Grow(fg.nn.Module):
        def forward(self, x):
            return fg.exp(x)

    data = X.copy()
    data[41] = 1e7
    fg.manual_seed(2)
    model = Explosive()
    model.inner.load_state_dict({"weight": np.ones((1, 3)), "bias": np.zeros(1)})
    with pytest.warns(RuntimeWarning) as caught:
        h = silent(model, data, Y)
    assert str(caught[0].message) == h.message
    assert "'exp' in grow (Grow)" in h.message
    assert "sample 41" in h.message
    assert vars(model.grow).get("forward") is None


def test_divergence_names_bad_data():
    data = X.copy()
    data[13, 2] = np.nan
    model = mlp()
    with pytest.warns(RuntimeWarning, match=r"X\[13, 2\] is nan"):
        silent(model, data, Y, batch_size=70)
    assert same(model, mlp())


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
    "loss name": (lambda m: silent(m, X, Y, loss="nope"), ValueError, "cross_entropy, l1, mse"),
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
    with pytest.raises(fg.RecordingError, match="Dropout"):
        silent(fg.nn.MLP(3, [4], 1, dropout=0.5), X, Y)
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


# --- several at once


def test_two_fits_on_one_model():
    model = mlp()
    errors = []

    def again(info):
        with pytest.raises(RuntimeError, match="being trained already") as caught:
            silent(model, X, Y)
        errors.append(caught)
        with pytest.raises(RuntimeError, match="being trained already"):
            fg.train_step(model)(X, Y)
        silent(copy.deepcopy(model), X, Y)

    silent(model, X, Y, callbacks=again, epochs=2)
    assert len(errors) == 2
    b = mlp()
    silent(b, X, Y, epochs=2)
    assert same(model, b)


def test_threads_train_their_own_models():
    alone = mlp()
    silent(alone, X, Y, epochs=200)
    models = [mlp() for _ in range(4)]
    threads = [threading.Thread(target=silent, args=(m, X, Y), kwargs={"epochs": 200}) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(model, alone) for model in models)


def test_predictions_meanwhile_are_of_whole_models():
    # Both layers hold the same number at every step, so that torn parameters would show.
    class Twice(fg.nn.Module):
        def __init__(self):
            self.a = fg.nn.Parameter(np.ones(1000), dtype="float64")
            self.b = fg.nn.Parameter(np.ones(1000), dtype="float64")

        def forward(self, x):
            return (self.a - self.b).sum() + x

    model = Twice()

    def objective(model, x):
        return (model.a.sum() + model.b.sum()) * x.mean()

    seen = []
    done = threading.Event()

    def predict():
        while not done.is_set():
            seen.append(float(fg.predict(model, np.zeros((1, 1)))[0, 0]))

    thread = threading.Thread(target=predict)
    thread.start()
    try:
        silent(model, np.ones((4, 1)), objective=objective, optimizer="sgd", epochs=3000, batch_size=4)
    finally:
        done.set()
        thread.join()
    assert model.a.detach().numpy()[0] != 1.0
    assert set(seen) == {0.0}


def test_modes_are_left_as_found():
    model = fg.nn.Sequential(fg.nn.Linear(3, 4), fg.nn.Tanh(), fg.nn.Linear(4, 1))
    model.eval()
    model[1].train()
    modes = [module.training for module in model.modules()]
    silent(model, X, Y, validation_data=(X, Y))
    assert [module.training for module in model.modules()] == modes


def test_dropout_without_effect_is_fine():
    silent(fg.nn.Sequential(fg.nn.Linear(3, 1), fg.nn.Dropout(0.0)), X, Y)


def test_inside_no_grad():
    a, b = mlp(), mlp()
    with fg.no_grad():
        silent(a, X, Y)
    silent(b, X, Y)
    assert same(a, b)


def test_progress(capsys):
    pytest.importorskip("tqdm")
    silent(mlp(), X, Y, progress=True)
    assert "fit" in capsys.readouterr().err
    silent(mlp(), X, Y, progress="auto")
    assert capsys.readouterr().err == ""


def test_progress_needs_tqdm(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    model = mlp()
    with pytest.raises(ImportError, match=r"fastgrad\[demo\]"):
        silent(model, X, Y, progress=True)
    assert same(model, mlp())
