"""Random numbers inside recordings: the bits of the eager function, new ones at each replay."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import _core, random
from fastgrad.nn import functional as F
from training_cases import X, Y, same, silent

FIT_STREAMS = 2**63


@pytest.fixture(autouse=True)
def seeded():
    state = random.get_state()
    fg.manual_seed(1234)
    yield
    random.set_state(state)


def dropping(dtype="float32", p=0.4):
    fg.manual_seed(3)
    return fg.nn.MLP(3, [16, 8], 1, activation="tanh", dropout=p).to(dtype)


DRAWS = {
    "uniform": lambda x: x * random.uniform((3, 5), -1.0, 2.0),
    "uniform float32": lambda x: x * random.uniform((3, 5), dtype="float32"),
    "normal": lambda x: x + random.normal((3, 5), 1.0, 0.5),
    "normal float32": lambda x: x + random.normal((3, 5), dtype=np.float32),
    "integers": lambda x: x * random.integers((3, 5), -3, 2**60),
    "bernoulli": lambda x: x * random.bernoulli((3, 5), 0.3),
    "dropout": fg.nn.Dropout(0.3),
    "several": lambda x: (
        random.normal() * x,
        random.uniform((2,)),
        fg.nn.Dropout(0.5)(x * random.normal((3, 5))),
    ),
    "one that nobody reads": lambda x: (random.normal((7,)) * x[0, 0], fg.nn.Dropout(0.5)(x))[1],
}


@pytest.mark.parametrize("f", DRAWS.values(), ids=DRAWS.keys())
def test_a_compiled_function_draws_as_the_function_does(f):
    x = np.random.default_rng(0).normal(size=(3, 5))
    compiled = fg.compile(lambda x: f(x))
    fg.manual_seed(5)
    eager = [f(fg.tensor(x)) for _ in range(4)]
    after = random.get_state()
    fg.manual_seed(5)
    replayed = [compiled(x) for _ in range(4)]
    assert random.get_state() == after
    assert compiled.recordings == 1
    for a, b in zip(eager, replayed, strict=True):
        pairs = zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)]
        for one, other in pairs:
            np.testing.assert_array_equal(one.numpy(), other)
    first, second = (r[-1] if isinstance(r, tuple) else r for r in replayed[:2])
    assert not np.array_equal(first, second)


def test_two_draws_are_not_one():
    layer = fg.nn.Dropout(0.5)
    a, b = fg.compile(lambda x: (layer(x), layer(x)))(np.ones(100))
    assert not np.array_equal(a, b)
    a, b = fg.compile(lambda x: (random.uniform((100,)) * x, random.uniform((100,)) * x))(1.0)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.5


def test_the_keep_rate():
    layer = fg.compile(fg.nn.Dropout(0.3))
    out = np.stack([layer(np.ones(1000)) for _ in range(200)])
    assert set(np.unique(out)) == {0.0, 1.0 / 0.7}
    assert abs((out > 0).mean() - 0.7) < 5 * (0.21 / out.size) ** 0.5
    kept = out > 0
    # No place and no call is favoured, and neighbours know nothing of one another: 1 in 10,000 each.
    for axis in (0, 1):
        deviation = (kept.mean(axis) - 0.7) / (0.21 / out.shape[axis]) ** 0.5
        assert abs((deviation**2).mean() - 1.0) < 4 * (2.0 / deviation.size) ** 0.5
    assert abs(np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1]) < 4 / out.size**0.5
    assert abs(np.corrcoef(kept[:-1].ravel(), kept[1:].ravel())[0, 1]) < 4 / out.size**0.5


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_probabilities(p):
    assert (fg.compile(lambda x: x * random.bernoulli((50,), p))(2.0) == 2.0 * p).all()


# --- gradients


def test_the_gradient_is_that_of_the_mask():
    layer = fg.nn.Dropout(0.25)
    f = fg.compile(fg.value_and_grad(lambda x: (layer(x) * x).sum()))
    x = np.arange(1.0, 41.0)
    for _ in range(3):
        value, gradient = f(x)
        mask = gradient != 0
        np.testing.assert_allclose(gradient, mask * 2.0 * x / 0.75)
        np.testing.assert_allclose(value, (mask * x * x).sum() / 0.75)
    fg.manual_seed(2)
    expected = fg.value_and_grad(lambda x: (layer(x) * x).sum())(x)
    fg.manual_seed(2)
    for a, b in zip(expected, f(x), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_compiled_function_is_differentiated_with_its_draws():
    layer = fg.nn.Dropout(0.5)
    f = fg.compile(lambda x: (layer(x) * layer(x * x)).sum())
    x = np.arange(1.0, 21.0)
    f(x)
    results = []
    for g in (f, lambda x: (layer(x) * layer(x * x)).sum(), fg.compile(lambda x: f(x))):
        fg.manual_seed(4)
        results.append((fg.grad(g)(x), fg.hvp(g, x, np.ones(20)), random.get_state()))
    for gradient, product, state in results[1:]:
        np.testing.assert_array_equal(gradient, results[0][0])
        np.testing.assert_array_equal(product, results[0][1])
        assert state == results[0][2]


def test_a_recording_in_a_recording_keeps_its_draws_apart():
    program = _core.record(lambda a: [fg.nn.Dropout(0.5)(a[0])], [np.ones(50)])

    def three(x):
        return [fg.nn.Dropout(0.5)(x), *program.inline([x]), *program.inline([x])]

    outer = _core.record(lambda a: three(a[0]), [np.ones(50)])
    assert (program.draws, outer.draws) == (1, 3)
    fg.manual_seed(6)
    eager = three(fg.tensor(np.ones(50)))
    fg.manual_seed(6)
    replayed = outer([np.ones(50)])
    masks = [r.numpy().tobytes() for r in replayed]
    assert masks == [e.numpy().tobytes() for e in eager]
    assert len(set(masks)) == 3
    assert "bernoulli(key" in outer.text()


def test_check_knows_that_draws_differ():
    layer = fg.nn.Dropout(0.5)
    f = fg.compile(lambda x: layer(x), check=True)
    fg.manual_seed(8)
    compared = [f(np.ones(30)) for _ in range(4)]
    fg.manual_seed(8)
    for out in compared:
        np.testing.assert_array_equal(layer(np.ones(30)).numpy(), out)


def test_evaluation_draws_nothing():
    model = fg.nn.Dropout(0.5).eval()
    state = random.get_state()
    step = fg.compile(model.forward)
    np.testing.assert_array_equal(step(np.ones(5)), np.ones(5))
    assert random.get_state() == state
    model.train()
    assert set(step(np.ones(500))) == {0.0, 2.0}


# --- training


def trained(way, epochs=3, dtype="float32"):
    """A model with Dropout after some epochs, by one of three ways."""
    model = dropping(dtype)
    optimizer = fg.optim.Adam(model.parameters(), lr=0.05)
    if way == "fit":
        silent(model, X, Y, optimizer=optimizer, epochs=epochs)
        return model
    random.set_state((0, FIT_STREAMS))
    loader = fg.data.DataLoader((X.astype(dtype), Y.astype(dtype)[:, None]), shuffle=True, seed=0)
    step = fg.train_step(model, "mse", optimizer)
    for _ in range(epochs):
        for x, y in loader:
            if way == "train_step":
                step(x, y)
                continue
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_gives_the_bits_of_an_eager_loop(dtype):
    eager = trained("eager", dtype=dtype)
    assert same(eager, trained("train_step", dtype=dtype))
    assert same(eager, trained("fit", dtype=dtype))
    assert not same(eager, trained("eager", 2, dtype=dtype))


def test_steps_on_one_batch_differ():
    model = dropping()
    step = fg.train_step(model, "mse", fg.optim.SGD(model.parameters(), lr=0.0))
    assert len({step(X, Y[:, None]) for _ in range(10)}) == 10
    fg.manual_seed(9)
    first = step(X, Y[:, None])
    fg.manual_seed(9)
    assert step(X, Y[:, None]) == first
    assert step.recordings == 1


def test_a_fit_is_decided_by_its_seed():
    models = []
    for number, seed in enumerate((0, 0, 1)):
        model = dropping()
        fg.manual_seed(number)
        state = random.get_state()
        h = silent(model, X, Y, seed=seed, shuffle=False)
        assert h.seed == seed
        assert random.get_state() == state
        models.append(model)
    assert same(models[0], models[1])
    assert not same(models[0], models[2])


def test_many_fits_draw_apart():
    configs = [{"seed": i, "lr": 0.01} for i in range(4)]

    def make_model():
        return fg.nn.MLP(3, [16], 1, dropout=0.5)

    results = fg.fit_many(make_model, X, Y, configs, progress=False, epochs=20)
    for result in results:
        fg.manual_seed(result.config["seed"])
        model = make_model()
        fg.fit(model, X, Y, progress=False, epochs=20, **result.config)
        assert same(model, result.model)


def test_initial_parameters_are_not_the_masks():
    # Both are drawn from one seed in the order of the elements: the same streams would correlate them.
    fg.manual_seed(0)
    layer = fg.nn.Linear(64, 64)

    def objective(model, x):
        return (fg.nn.Dropout(0.5)(x) * layer.weight.detach()).sum() + 0.0 * model.weight.sum()

    h = silent(fg.nn.Linear(64, 64), np.ones((64, 64)), seed=0, epochs=1, batch_size=64, objective=objective)
    out = h.history["loss"][0]
    weight = layer.weight.detach().numpy()
    assert abs(out - weight.sum()) < 5 * np.sqrt((weight**2).sum())


def test_validation_drops_nothing():
    model = dropping()
    h = silent(model, X, Y, validation_data=(X, Y), epochs=2)
    model.eval()
    expected = float(F.mse_loss(model(X.astype("float32")), Y[:, None].astype("float32")).item())
    assert h.history["val_loss"][-1] == pytest.approx(expected, rel=1e-6)


def test_a_diverged_fit_repeats_its_masks():
    class Root(fg.nn.Module):
        def __init__(self):
            self.w = fg.nn.Parameter([[1.0], [1.0], [1.0]])
            self.dropout = fg.nn.Dropout(0.3)

        def forward(self, x):
            return fg.sqrt(self.dropout(x) @ self.w + 0.01 * (x.sum() != 0.0))

    data = np.abs(X).copy()
    data[64:] = 0.0  # the last batch: an infinite slope
    a, b = Root(), Root()
    with pytest.warns(RuntimeWarning, match="the gradients"):
        h = silent(a, data, Y, shuffle=False, epochs=2, optimizer="adam")
    assert (h.stopped, h.steps) == ("diverged", 2)
    random.set_state((0, FIT_STREAMS))
    step = fg.train_step(b, "mse", "adam")
    for i in (0, 32):
        step(data[i : i + 32], Y[i : i + 32])
    assert same(a, b)


def test_divergence_is_looked_for_with_the_masks_of_its_step():
    class Rare(fg.nn.Module):
        def __init__(self):
            self.w = fg.nn.Parameter(np.zeros((3, 1)))
            self.dropout = fg.nn.Dropout(0.9)

        def forward(self, x):
            # Infinite where one mask keeps the number 7 of the first row.
            return x @ self.w + fg.exp(self.dropout(np.ones((1, 8)))[0, 7] * 1e4)

    state = random.get_state()
    with pytest.warns(RuntimeWarning, match="first result that is not finite is of 'exp' in Rare"):
        h = silent(Rare(), X, Y, epochs=100, optimizer="sgd", lr=1e-6)
    assert h.steps > 0
    assert random.get_state() == state


# --- the same bits everywhere

WORKER = """
import hashlib
import numpy as np
import fastgrad as fg
fg.manual_seed(77)
drop, bernoulli = fg.nn.Dropout(0.3), fg.random.bernoulli
f = fg.compile(lambda x: (drop(x), bernoulli((5, 7), 0.9), bernoulli((70_001,))))
out = [f(np.ones(200_003)) for _ in range(3)]
print(hashlib.sha256(b"".join(np.asarray(a).tobytes() for parts in out for a in parts)).hexdigest())
"""


def test_bits_do_not_depend_on_threads_or_vectors():
    found = set()
    for level in _core.available_isa():
        for threads in ("1", "2", "8"):
            environment = {**os.environ, "FASTGRAD_NUM_THREADS": threads, "FASTGRAD_ISA": level}
            result = subprocess.run(
                [sys.executable, "-c", WORKER], env=environment, capture_output=True, text=True, check=True
            )
            found.add(result.stdout)
    assert len(found) == 1
