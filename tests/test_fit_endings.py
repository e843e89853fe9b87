"""fit: callbacks, interruption, time, divergence, and several at once."""

from __future__ import annotations

import copy
import sys
import threading

import numpy as np
import pytest

import fastgrad as fg
from training_cases import X, Y, interrupted, mlp, numbers, same, silent

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
    many = np.repeat(X, 20_000, axis=0), np.repeat(Y, 20_000)
    before = numbers(model)
    with interrupted(after=0.2) as since:
        with pytest.raises(KeyboardInterrupt):
            silent(model, *many, optimizer=optimizer, epochs=1_000_000, shuffle=False)
        assert since() < 5.0
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
    with pytest.warns(RuntimeWarning, match="lr=1e\\+60 is beyond .* that the fit began with"):
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
    with pytest.warns(RuntimeWarning, match=r"X\[13, 2\] is nan, which no learning rate makes up for"):
        h = silent(model, data, Y, batch_size=70, optimizer="sgd")
    assert h.stable_lr is None
    assert same(model, mlp())


def diverged(optimizer, data=X, **keywords):
    """The end of a linear regression on the whole of the data."""
    model = fg.nn.Linear(3, 1).to("float64")
    with pytest.warns(RuntimeWarning, match="diverged"):
        return silent(model, data, Y, optimizer=optimizer, batch_size=70, **{"epochs": 10_000, **keywords})


SHARPNESS = np.linalg.eigvalsh(2.0 * (D := np.column_stack([X, np.ones(70)])).T @ D / 70)[-1]


@pytest.mark.parametrize(
    ("hyper", "bound"),
    [
        ({}, 2.0 / SHARPNESS),
        ({"momentum": 0.9}, 3.8 / SHARPNESS),
        ({"momentum": 0.9, "dampening": 0.5}, 7.6 / SHARPNESS),
        ({"momentum": 0.9, "nesterov": True}, 3.8 / 2.8 / SHARPNESS),
        ({"weight_decay": 0.5}, 2.0 / (SHARPNESS + 0.5)),
    ],
)
def test_divergence_knows_the_largest_stable_rate(hyper, bound):
    def descent(lr):
        return lambda params: fg.optim.SGD(params, lr=lr, **hyper)

    h = diverged(descent(1.05 * bound))
    np.testing.assert_allclose(h.stable_lr, bound, rtol=1e-3)
    assert f"is beyond {h.stable_lr:.4g}, the largest stable rate at any parameters" in h.message
    assert f"curvature of the loss of 70 samples of that batch is {SHARPNESS:.4g}" in h.message
    model = fg.nn.Linear(3, 1).to("float64")
    assert (
        silent(model, X, Y, optimizer=descent(0.95 * bound), batch_size=70, epochs=3000).stopped == "epochs"
    )


def test_divergence_at_a_stable_rate_has_another_cause():
    # Almost flat where the fit begins, and a wall further on.
    model = fg.nn.Linear(1, 1, bias=False).to("float64")
    model.load_state_dict({"weight": np.full((1, 1), -5.0)})

    def objective(model, x):
        return (fg.exp(10.0 * model(x)) - model(x)).mean()

    with pytest.warns(RuntimeWarning, match="lr=100 is within .* so the rate alone does not explain it"):
        h = silent(model, np.ones((4, 1)), optimizer="sgd", lr=100.0, objective=objective)
    np.testing.assert_allclose(h.stable_lr, 2.0 / (100.0 * np.exp(-50.0)))


@pytest.mark.parametrize(
    ("optimizer", "keywords"),
    [
        ("adam", {"lr": 1e300}),
        (lambda params: fg.optim.SGD(params, lr=1.0, momentum=1.5), {}),
        (lambda params: fg.optim.SGD(params, lr=1e200, maximize=True), {}),
        (lambda params: fg.optim.SGD([{"params": p, "lr": 3.0} for p in params]), {}),
        ("sgd", {"lr": 1e300, "clip_grad_norm": 1e10}),
    ],
)
def test_divergence_claims_no_bound_it_does_not_know(optimizer, keywords):
    h = diverged(optimizer, **keywords)
    assert h.stable_lr is None
    assert "a tenth of it is a good next guess" in h.message
    assert "stable" not in h.message


def test_hyper_parameters_are_checked_before_anything_is_done():
    model = fg.nn.Linear(3, 1)
    optimizer = fg.optim.SGD(model.parameters(), lr=0.1)
    optimizer.param_groups[0]["momentum"] = "much"
    with pytest.raises(TypeError, match="momentum must be a number, got str"):
        silent(model, X, Y, optimizer=optimizer)


def test_divergence_without_finite_curvature():
    def objective(model, x, y):
        return fg.sqrt(((model(x) - model(x)) ** 2).sum()) + model(x).sum() * 1e300

    with pytest.warns(RuntimeWarning, match="diverged"):
        h = silent(fg.nn.Linear(3, 1), X, Y, optimizer="sgd", objective=objective)
    assert h.stable_lr is None


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
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    model = mlp()
    with pytest.raises(ImportError, match=r"fastgrad\[demo\]"):
        silent(model, X, Y, progress=True)
    assert same(model, mlp())
