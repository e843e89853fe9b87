"""train_step: one native call a step, recorded once per kind of batch."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

import fastgrad as fg

RNG = np.random.default_rng(5)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = RNG.normal(size=(12, 2)).astype(np.float32)


def mlp(dtype="float32", **keywords):
    fg.manual_seed(1)
    return fg.nn.MLP(4, [6], 2, **keywords).to(dtype)


def numbers(model):
    return [values.copy() for values in model.state_dict().values()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(numbers(a), numbers(b), strict=True))


@pytest.mark.parametrize("clip", [None, 0.1])
def test_steps_are_those_of_an_eager_loop(clip):
    a, b = mlp(), mlp()
    step = fg.train_step(a, "mse", fg.optim.Adam(a.parameters(), lr=0.1), clip_grad_norm=clip)
    optimizer = fg.optim.Adam(b.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        loss = fg.nn.functional.mse_loss(b(X), Y)
        loss.backward()
        if clip:
            norm = math.sqrt(sum(float((p.grad.numpy().astype(float) ** 2).sum()) for p in b.parameters()))
            for p in b.parameters():
                p.grad = p.grad * np.float32(min(1.0, clip / (norm + 1e-6)))
        optimizer.step()
        value = step(X, Y)
        assert type(value) is float
        assert value == pytest.approx(loss.item(), rel=1e-6 if clip else 0)
    if clip:
        for x, y in zip(numbers(a), numbers(b), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5)
    else:
        assert same(a, b)
        state = step.optimizer.state_dict()["state"]
        for number, kept in optimizer.state_dict()["state"].items():
            for name, values in kept.items():
                np.testing.assert_array_equal(state[number][name], values)
    assert all(p.grad is None for p in a.parameters())


class ManyBiases(fg.nn.Module):
    """Parameters of one gradient: the same numbers, or those turned round."""

    def __init__(self):
        super().__init__()
        self.weight = fg.nn.Parameter(np.ones((4, 2)))
        self.turned = fg.nn.Parameter(np.ones((2, 4)))
        self.biases = [fg.nn.Parameter(np.zeros(shape)) for shape in ((2,), (2,), (1, 2))]
        self.first, self.second, self.third = self.biases

    def forward(self, x):
        return x @ (self.weight + self.turned.T) + self.first + self.second + self.third


@pytest.mark.parametrize("in_batches", [False, True])
def test_parameters_of_one_gradient_are_clipped_once(in_batches):
    a, b = ManyBiases(), ManyBiases()
    optimizer = fg.optim.SGD(b.parameters(), lr=0.1)
    fg.nn.functional.mse_loss(b(X), Y).backward()
    fg.nn.utils.clip_grad_norm_(b.parameters(), 0.1)
    optimizer.step()
    sgd = fg.optim.SGD(a.parameters(), lr=0.1)
    if in_batches:
        fg.fit(
            a, X, Y, loss="mse", optimizer=sgd, epochs=1, batch_size=12, clip_grad_norm=0.1, progress=False
        )
    else:
        fg.train_step(a, "mse", sgd, clip_grad_norm=0.1)(X, Y)
    for x, y in zip(numbers(a), numbers(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-9)


def test_one_recording_a_kind_of_batch():
    model = mlp()
    step = fg.train_step(model, "mse", "sgd")
    for _ in range(3):
        step(X, Y)
    assert step.recordings == 1
    step(X[:5], Y[:5])
    step(X.astype(float), Y)
    step(X, Y, np.ones(12))
    step(X, Y, np.ones(12, int))
    assert step.recordings == 4
    model[0].weight.requires_grad = False
    before = numbers(model)[0]
    step(X, Y)
    assert step.recordings == 5
    np.testing.assert_array_equal(before, numbers(model)[0])
    assert "TrainStep(MLP, mse_loss, SGD)" in repr(step)


def test_modes_make_recordings_of_their_own():
    model = mlp(dropout=0.5)
    step = fg.train_step(model, "mse", "sgd")
    assert step(X, Y) > 0.0
    model.eval()
    assert step(X, Y) > 0.0
    assert step.recordings == 2
    assert not any(module.training for module in model.modules())


def test_hyper_parameters_are_read_at_each_step():
    a, b = mlp(), mlp()
    step = fg.train_step(a, "mse", fg.optim.SGD(a.parameters(), lr=0.1, momentum=0.5))
    optimizer = fg.optim.SGD(b.parameters(), lr=0.1, momentum=0.5)
    for lr in (0.1, 0.0, 0.3):
        step.optimizer.lr = optimizer.lr = lr
        step(X, Y)
        optimizer.zero_grad()
        fg.nn.functional.mse_loss(b(X), Y).backward()
        optimizer.step()
    assert same(a, b)
    assert step.recordings == 1
    step.optimizer.param_groups[0]["lr"] = -1.0
    with pytest.raises(ValueError, match="lr must be"):
        step(X, Y)


def test_a_group_added_later_is_trained():
    model = mlp()
    optimizer = fg.optim.SGD(model[0].parameters(), lr=0.1)
    step = fg.train_step(model, "mse", optimizer)
    before = numbers(model)
    step(X, Y)
    np.testing.assert_array_equal(before[2], numbers(model)[2])
    optimizer.add_param_group({"params": model[2].parameters()})
    step(X, Y)
    assert not np.array_equal(before[2], numbers(model)[2])


def test_other_code_sees_the_parameters_at_once():
    model = mlp()
    compiled = fg.compile(model)
    step = fg.train_step(model, "mse", "sgd")
    step(X, Y)
    np.testing.assert_array_equal(compiled(X).detach().numpy(), model(X).detach().numpy())
    model.load_state_dict({name: values * 0 for name, values in model.state_dict().items()})
    assert step(X, Y) == pytest.approx(float((Y.astype(float) ** 2).mean()), rel=1e-6)


def test_weights():
    a, b = mlp("float64"), mlp("float64")
    weights = np.array([0.0, 1.0, 2.0] * 4)
    value = fg.train_step(a, "mse", "sgd")(X, Y, weights)
    chosen = np.repeat(np.arange(12), weights.astype(int))
    assert value == pytest.approx(fg.train_step(b, "mse", "sgd")(X[chosen], Y[chosen]), rel=1e-12)
    before = numbers(a)
    assert math.isnan(fg.train_step(a, "mse", "sgd")(X, Y, np.zeros(12)))
    assert all(np.array_equal(x, y) for x, y in zip(before, numbers(a), strict=True))


def test_a_loss_that_is_not_finite_changes_nothing():
    model = mlp()
    step = fg.train_step(model, "mse", "adam")
    bad = X.copy()
    bad[3, 1] = np.nan
    assert math.isnan(step(bad, Y))
    assert same(model, mlp())


def test_layouts_give_the_same_bits():
    results = []
    for x in (X, np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X[::-1].copy()[::-1], fg.tensor(X)):
        model = mlp()
        fg.train_step(model, "mse", "sgd")(x, Y)
        results.append(numbers(model))
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_refuses_what_does_not_fit():
    model = mlp()
    step = fg.train_step(model)
    with pytest.raises(ValueError, match=r"x has 12 rows .* y has 11"):
        step(X, Y[:11])
    with pytest.raises(ValueError, match=r"\(12, 2\) and y has \(12, 1\)"):
        step(X, Y[:, :1])
    with pytest.raises(ValueError, match="no rows"):
        step(X[:0], Y[:0])
    with pytest.raises(ValueError, match="single number"):
        step(1.0, Y)
    with pytest.raises(ValueError, match=r"sample_weight has shape \(12, 1\)"):
        step(X, Y, np.ones((12, 1)))
    with pytest.raises(TypeError, match="model must be"):
        fg.train_step(len)
    with pytest.raises(fg.RecordingError):
        fg.compile(lambda x: step(x, Y))(X)
    assert same(model, mlp())


def test_steps_of_many_threads():
    alone = mlp()
    step = fg.train_step(alone, "mse", "adam")
    for _ in range(100):
        step(X, Y)
    models = [mlp() for _ in range(4)]

    def train(model):
        own = fg.train_step(model, "mse", "adam")
        for _ in range(100):
            own(X, Y)

    threads = [threading.Thread(target=train, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(model, alone) for model in models)


def test_explain_tells_what_a_step_replays_and_changes_nothing():
    model = fg.nn.MLP(3, [4], 1)
    step = fg.train_step(model, "mse", "adam")
    with pytest.raises(ValueError, match="take one, or pass a batch"):
        step.explain()
    before = [p.numpy().copy() for p in map(fg.Tensor.detach, model.parameters())]
    x, y = np.ones((5, 3)), np.ones((5, 1))
    told = step.explain(x, y)
    assert "matmul + add + relu" in told
    assert "float32(5, 4)" in told
    assert step.explain(x, y, np.ones(5)) != told
    for p, q in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q)
    step(x, y)
    assert step.explain() == told
    assert "us in all" in step.profile(runs=2)
    with pytest.raises(TypeError, match="got 1"):
        step.explain(x)
