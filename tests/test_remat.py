"""remat: the same bits and gradients, fewer values kept, and no second computation taken for the first."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
from checking import same_bits
from fastgrad._native import core

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4))
W = RNG.normal(size=(4, 4))


def block(x, w):
    return fg.tanh(fg.sin(x @ w) * fg.exp(0.1 * x)) + x


def loss_of(layer, depth=3):
    def loss(w, x):
        for _ in range(depth):
            x = layer(x, w)
        return (x * x).mean()

    return loss


def test_the_same_bits_and_gradients():
    plain, cheap = loss_of(block), loss_of(fg.remat(block))
    for f in (
        lambda loss: loss,
        lambda loss: fg.grad(loss, (0, 1)),
        lambda loss: fg.compile(fg.grad(loss, (0, 1))),
    ):
        got, want = core.flatten(f(cheap)(W, X))[0], core.flatten(f(plain)(W, X))[0]
        for a, b in zip(got, want, strict=True):
            same_bits(np.asarray(a) if not isinstance(a, fg.Tensor) else a, b)


def test_higher_derivatives():
    f = lambda x: fg.tanh(fg.sin(x) * fg.exp(0.3 * x))
    g, h = f, fg.remat(f)
    x = np.linspace(-1.0, 1.0, 7)
    for _ in range(3):
        g, h = fg.elementwise_grad(g), fg.elementwise_grad(h)
        np.testing.assert_allclose(h(x), g(x), 1e-12)
    np.testing.assert_allclose(fg.jvp(fg.remat(f), [x], [x])[1], fg.jvp(f, [x], [x])[1], 1e-13)


def test_tensors_from_outside_get_gradients():
    model = fg.nn.Sequential(fg.nn.Linear(4, 8), fg.nn.Tanh(), fg.nn.Linear(8, 1)).to("float64")
    parameters = list(model.parameters())
    gradients = []
    for layer in (model, fg.remat(model)):
        model.zero_grad()
        (layer(X) ** 2).sum().backward()
        gradients.append([p.grad.numpy() for p in parameters])
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_array_equal(a, b)


def test_several_outputs_and_nests():
    f = lambda nest, i: {"a": fg.sin(nest["x"]), "i": i + 1, "b": (nest["x"] ** 2, 3, None)}

    def loss(x, f):
        out = f({"x": x}, fg.tensor([1, 2]))
        assert out["b"][1:] == (3, None)
        np.testing.assert_array_equal(out["i"].numpy(), [2, 3])
        return (out["a"] * out["b"][0]).sum()

    np.testing.assert_allclose(
        fg.grad(lambda x: loss(x, fg.remat(f)))(X), fg.grad(lambda x: loss(x, f))(X), 1e-14
    )


def wide(x):
    for _ in range(10):
        x = fg.sin(x) * 1.01
    return x


def test_a_chain_keeps_its_inputs_only():
    x = fg.tensor(np.ones(1000), requires_grad=True)
    plain, cheap = x, x
    for _ in range(4):
        plain, cheap = wide(plain), fg.remat(wide)(cheap)
    nodes, kept = core.graph_size(plain)
    nodes_cheap, kept_cheap = core.graph_size(cheap)
    assert nodes == 80
    assert nodes_cheap == 4
    assert kept >= 40 * 8000
    assert kept_cheap == 4 * 8000
    same_bits(cheap, plain)


def test_a_program_needs_less_memory():
    w = RNG.normal(size=(50, 50)) / 7.0
    x = RNG.normal(size=(200, 50))

    def layer(x, w=w):
        for _ in range(6):
            x = fg.tanh(x @ w)
        return x

    def compiled(layer):
        def loss(x, *w):
            for _ in range(6):
                x = layer(x, *w)
            return x.sum()

        return fg.compile(fg.grad(loss)), fg.compile(fg.grad(lambda w: loss(x, w)))

    plain, plain_weights = compiled(layer)
    cheap, cheap_weights = compiled(fg.remat(layer))
    same_bits(cheap(x), plain(x))
    # The second computation is there.
    assert cheap.explain().count("matmul") >= 1.4 * plain.explain().count("matmul")
    np.testing.assert_allclose(cheap_weights(w), plain_weights(w), 1e-12)

    def arena(f):
        (recorded,) = f._recordings.values()
        return recorded.program.arena_bytes

    # Of the gradient in x alone nothing is in memory either way; the weights' reads all rows.
    assert arena(cheap_weights) < 0.5 * arena(plain_weights)


def test_random_numbers_are_the_same_both_times():
    def noisy(x):
        return x * fg.random.uniform(x.shape)

    def gradient(f, x):
        out = None

        def loss(x):
            nonlocal out
            out = f(x)
            return out.sum()

        return fg.grad(loss)(x)

    x = np.ones(6)
    for f in (lambda x: noisy(x) * noisy(x), fg.remat(lambda x: noisy(x) * noisy(x))):
        fg.manual_seed(5)
        g = gradient(f, x)
        fg.manual_seed(5)
        np.testing.assert_array_equal(g, 2 * np.asarray(f(fg.tensor(x)).numpy()))
        compiled = fg.compile(fg.value_and_grad(lambda x, f=f: f(x).sum()))
        fg.manual_seed(5)
        first = compiled(x)[1]
        np.testing.assert_array_equal(first, g)
        assert not np.array_equal(compiled(x)[1], g)


def test_in_vmap_and_vmap_in_it():
    f = lambda x: fg.tanh(fg.sin(x) * x).sum()
    want = fg.vmap(fg.grad(f))(X)
    np.testing.assert_allclose(fg.vmap(fg.grad(fg.remat(f)))(X), want, 1e-14)
    np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(fg.remat(f))(x).sum())(X), want, 1e-14)
    np.testing.assert_allclose(fg.grad(lambda x: fg.remat(fg.vmap(f))(x).sum())(X), want, 1e-14)


def test_nested():
    f = lambda x: fg.tanh(fg.sin(x) * x)
    inner = fg.remat(f)
    g = fg.remat(lambda x: inner(inner(x)))
    want = fg.grad(lambda x: f(f(x)).sum())(X)
    np.testing.assert_allclose(fg.grad(lambda x: g(x).sum())(X), want, 1e-13)
    np.testing.assert_allclose(fg.compile(fg.grad(lambda x: g(x).sum()))(X), want, 1e-13)


def test_closures_over_a_variable():
    f = lambda w: fg.remat(lambda x: fg.sin(x * w))(X).sum()
    plain = lambda w: fg.sin(X * w).sum()
    for _ in range(2):
        np.testing.assert_allclose(fg.grad(f)(0.7), fg.grad(plain)(0.7), 1e-13)
        np.testing.assert_allclose(fg.compile(fg.grad(f))(0.7), fg.grad(plain)(0.7), 1e-13)
        f, plain = fg.grad(f), fg.grad(plain)


def test_under_no_grad_the_function_itself_runs():
    calls = []

    def f(x):
        calls.append(isinstance(x, fg.Tensor))
        return x if float(x.sum()) > 0 else -x

    with fg.no_grad():
        fg.remat(f)(fg.tensor([1.0]))
    assert calls == [True]
    with pytest.raises(fg.RecordingError):
        fg.remat(f)(fg.tensor([1.0], requires_grad=True))
    with pytest.raises(TypeError, match="f must be a function"):
        fg.remat(None)


def test_a_model_is_trained_as_without():
    histories = []
    for wrap in (lambda m: m, fg.remat):
        fg.manual_seed(1)

        class Model(fg.nn.Module):
            def __init__(self):
                self.inner = fg.nn.Sequential(fg.nn.Linear(4, 8), fg.nn.Tanh(), fg.nn.Linear(8, 1))

            def forward(self, x, wrap=wrap):
                return wrap(self.inner)(x)

        result = fg.fit(
            Model(), X, X[:, :1], epochs=4, batch_size=5, shuffle=False, lr=0.1, optimizer="sgd", loss="mse"
        )
        histories.append(result.history)
    assert str(histories[0]) == str(histories[1])
