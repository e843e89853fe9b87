"""fit_many: each member equals a fit on its own, in parallel."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
from training_cases import interrupted

RNG = np.random.default_rng(2)
X = RNG.normal(size=(50, 3))
Y = X @ [1.0, -2.0, 0.5]


def make_model():
    return fg.nn.MLP(3, [6], 1)


def same(a, b):
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


@pytest.fixture(params=[1, 3])
def workers(request, monkeypatch):
    monkeypatch.setattr("fastgrad.training.many.get_num_threads", lambda: request.param)
    monkeypatch.setattr("os.cpu_count", lambda: request.param)


@pytest.mark.usefixtures("workers")
def test_members_equal_fits_on_their_own():
    configs = [
        {"seed": 1, "lr": 0.01},
        {"seed": 2, "lr": 0.1, "weight_decay": 0.1},
        {"seed": 2, "optimizer": "sgd", "momentum": 0.9, "lr": 0.01, "epochs": 3},
        {"seed": 3, "batch_size": 7, "loss": "l1"},
    ]
    results = fg.fit_many(make_model, X, Y, configs, epochs=5, validation_data=(X, Y))
    optimizers = [
        "adam",
        lambda params: fg.optim.Adam(params, lr=0.1, weight_decay=0.1),
        lambda params: fg.optim.SGD(params, lr=0.01, momentum=0.9),
        None,
    ]
    for result, config, optimizer in zip(results, configs, optimizers, strict=True):
        fg.manual_seed(config["seed"])
        model = make_model()
        own = {k: v for k, v in config.items() if k not in {"weight_decay", "momentum", "optimizer"}}
        h = fg.fit(
            model,
            X,
            Y,
            validation_data=(X, Y),
            **{"epochs": 5, "optimizer": optimizer, "progress": False, **own},
        )
        assert same(result.model, model)
        assert result.history.history == h.history
        assert result.config == config


@pytest.mark.usefixtures("workers")
def test_diverged_members_stop_alone():
    def loss(output, target):
        return (output - target) ** 4

    configs = [{"seed": 0, "lr": 1e-3}, {"seed": 0, "lr": 1e30}]
    with pytest.warns(
        RuntimeWarning, match=r"1 of 2 members diverged, the first of them that of configs\[1\]"
    ):
        good, bad = fg.fit_many(make_model, X, Y, configs, loss=loss, optimizer="sgd")
    assert (good.history.stopped, bad.history.stopped) == ("epochs", "diverged")
    assert all(np.isfinite(values).all() for values in bad.model.state_dict().values())


def test_the_generator_goes_on_from_where_it_was():
    fg.manual_seed(8)
    state = fg.random.get_state()
    fg.fit_many(make_model, X, Y, [{"seed": 5}], epochs=1)
    assert fg.random.get_state() == state
    (drawn,) = fg.fit_many(make_model, X, Y, [{}], epochs=1)
    assert drawn.config == {"seed": drawn.history.seed}


@pytest.mark.usefixtures("workers")
def test_an_exception_ends_all():
    def fail(info):
        if info.epoch == 3:
            raise KeyError("mine")

    configs = [{"seed": i, "epochs": 10_000_000} for i in range(3)]
    configs[1]["callbacks"] = fail
    configs[0]["epochs"] = 1
    with pytest.raises(KeyError, match="mine"):
        fg.fit_many(make_model, X, Y, configs)


@pytest.mark.usefixtures("workers")
def test_interruption():
    with interrupted(after=0.2) as since:
        with pytest.raises(KeyboardInterrupt):
            fg.fit_many(make_model, X, Y, [{"seed": i} for i in range(4)], epochs=100_000_000)
        assert since() < 5.0


def test_refuses_what_does_not_fit():
    with pytest.raises(TypeError, match="make_model must be a function"):
        fg.fit_many(make_model(), X, Y, [{}])
    with pytest.raises(ValueError, match="configs is empty"):
        fg.fit_many(make_model, X, Y, [])
    with pytest.raises(TypeError, match="got a single dict"):
        fg.fit_many(make_model, X, Y, {"lr": 0.1})
    with pytest.raises(TypeError, match=r"configs\[0\] must be a dict"):
        fg.fit_many(make_model, X, Y, [0.1])
    with pytest.raises(ValueError, match=r"configs\[1\]\['seed'\] must be"):
        fg.fit_many(make_model, X, Y, [{}, {"seed": -1}])
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        fg.fit_many(make_model, X, Y, [{}], epoch=3)
    with pytest.raises(TypeError, match="momentumm"):
        fg.fit_many(make_model, X, Y, [{"momentumm": 0.5}])
    with pytest.raises(ValueError, match="one of its own"):
        fg.fit_many(make_model, X, Y, [{}], optimizer=fg.optim.SGD(make_model().parameters()))
    with pytest.raises(ValueError, match="lr must be"):
        fg.fit_many(make_model, X, Y, [{}, {"lr": -1.0}])
    model = make_model()
    with pytest.raises(RuntimeError, match="being trained already"):
        fg.fit_many(lambda: model, X, Y, [{}, {}])
    with pytest.raises(TypeError, match="model must be"):
        fg.fit_many(lambda: None, X, Y, [{}])
