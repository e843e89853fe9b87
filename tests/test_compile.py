"""compile: the bits of the function itself, one recording a kind of call, nothing left behind on errors."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from checking import counted, same_bits
from fastgrad import nn
from fastgrad._native import core

rng = np.random.default_rng(11)


# --- the same bits

MATRIX = rng.normal(size=(5, 4))
FUNCTIONS = {
    "elementwise": lambda x: fg.tanh(x * 2.0 + 1.0) - fg.exp(-x) / (1.0 + x * x),
    "reductions": lambda x: (
        fg.sum(x, 0) * fg.mean(x) + fg.logsumexp(x, 1, True).sum() - fg.max(x, 0) * fg.min(x)
    ),
    "products": lambda x: (x @ x.T) @ MATRIX @ fg.reshape(x[:4, 0], (4, 1)),
    "views": lambda x: fg.concatenate([x[::-1, 1:], x.T[1:, :].T], 1)[None, 1:-1] * x.reshape(2, 10)[0, 3],
    "gather": lambda x: x[[0, 2, 2]][:, [1]] * fg.take(x, np.array([[3], [0]]), 1).sum(),
    "branches": lambda x: fg.where((x > 0) & (x < 1), fg.sqrt(fg.abs(x)), fg.clip(x, -0.5, 0.25)) ** 3,
    "broadcast": lambda x: fg.broadcast_to(x[:, None, :1], (5, 3, 4)) * x[0],
    "dtypes": lambda x: fg.astype(x > 0, np.float32) * fg.astype(x, np.float32) + fg.astype(x, np.int64),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_as_eager(name, dtype):
    f, x = FUNCTIONS[name], rng.normal(size=(5, 4)).astype(dtype)
    compiled = fg.compile(f)
    for _ in range(3):  # the recording itself, and replays on other numbers
        same_bits(compiled(x), f(fg.tensor(x)))
        x = x * dtype(1.5)
    total = lambda x: fg.sum(fg.astype(f(x), dtype) * 0.5) if f(x).dtype == np.int64 else fg.sum(f(x) * 0.5)
    for transform in (fg.grad, lambda g: fg.grad(lambda x: fg.sum(fg.grad(g)(x) * 0.1))):
        same_bits(fg.compile(transform(total))(x), transform(total)(x))
        same_bits(transform(fg.compile(total))(x), transform(total)(x))


def test_same_bits_for_a_model_and_its_gradients():
    model = nn.MLP(4, [8, 8], 3, activation="tanh")
    x, labels = rng.normal(size=(6, 4)).astype(np.float32), np.array([0, 1, 2, 0, 1, 2])
    loss = lambda x, labels: nn.functional.cross_entropy(model(x), labels)
    compiled = fg.compile(loss)
    results = []
    for f in (loss, compiled, compiled):
        model.zero_grad()
        value = f(x, labels)
        value.backward()
        results.append([value.detach().numpy(), *(p.grad.numpy() for p in model.parameters())])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            same_bits(a, b)


def test_any_layout_gives_the_same_bits():
    f = fg.compile(lambda x: fg.sin(x) @ x.T + x.sum())
    x = np.ascontiguousarray(rng.normal(size=(6, 6)))
    expected = f(x)
    for other in (np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2], x[::-1][::-1], x.astype(">f8")):
        same_bits(f(other), expected)
    assert f.recordings <= 2  # the swapped bytes are a dtype of their own


# --- what comes out


def test_kinds_of_results():
    f = fg.compile(lambda x: x * 2.0)
    assert type(f(1.5)) is np.float64
    assert type(f(np.float32(1.5))) is np.float32
    assert isinstance(f(np.ones(2)), np.ndarray)
    assert isinstance(f(fg.tensor([1.0])), fg.Tensor)
    result = f(np.ones(3))
    result[:] = 0.0  # the caller's own
    assert f(np.ones(3)).tolist() == [2.0] * 3


@pytest.mark.parametrize("kind", ["numbers", "arrays", "tensors", "all of them"])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 40])
def test_any_number_of_arguments_and_results(kind, count):
    make = {
        "numbers": float,
        "arrays": lambda i: np.full(3, float(i)),
        "tensors": lambda i: fg.tensor([i, 2.0]),
    }
    makers = [make[kind]] if kind in make else list(make.values())
    f, calls = counted(lambda xs: [x * 3.0 for x in reversed(xs)])
    xs = [makers[i % len(makers)](i) for i in range(count)]
    for _ in range(3):  # the recording, and replays
        results = f(xs)
        assert len(results) == count
        for x, result in zip(reversed(xs), results, strict=True):
            same_bits(result, x * 3.0)
        for result in results:
            if isinstance(result, np.ndarray):
                result[:] = -1.0  # the caller's own
    assert len(calls) == 1


@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float32, np.float64])
def test_single_numbers_are_those_of_numpy(dtype):
    f = fg.compile(lambda x: fg.astype(x, dtype))
    for x in (1.5, 0.0, 0.0):
        assert type(f(x)) is dtype
        assert f(x) == dtype(x)
    if dtype in (np.float32, np.float64):
        value, gradient = fg.value_and_grad(lambda x: x * x)(dtype(1.5))  # eager
        assert type(value) is type(gradient) is dtype
        assert (value, gradient) == (2.25, 3.0)


class Pair(NamedTuple):
    first: Any
    second: Any


def test_nests_in_and_out():
    def f(p, *, scale=1.0):
        return {"sum": p["a"] + p["b"][0], "all": [p["b"], Pair(p["a"] * scale, (None, "text", 7))]}

    compiled, calls = counted(f)
    p = {"a": np.ones(2), "b": (2.0, np.zeros(1))}
    for _ in range(2):
        result = compiled(p, scale=3.0)
        assert result["sum"].tolist() == [3.0, 3.0]
        assert type(result["all"][0]) is tuple
        assert result["all"][1] == Pair(result["all"][1].first, (None, "text", 7))
        assert result["all"][1].first.tolist() == [3.0, 3.0]
    assert len(calls) == 1


def test_constants_in_results():
    array = np.zeros(3)
    f, calls = counted(lambda x: (x * 2.0, array, 5, "text", None, fg.tensor([1, 2]), {"n": 2.5}))
    for _ in range(2):
        doubled, constant, number, text, nothing, tensor, nest = f(1.5)
        assert doubled == 3.0
        assert (number, text, nothing, nest) == (5, "text", None, {"n": 2.5})
        assert tensor.tolist() == [1, 2]
        assert constant.tolist() == [0.0, 0.0, 0.0]
        constant[:] = 9.0  # no later call sees it
        if not isinstance(tensor, fg.Tensor):
            tensor[:] = 9
    assert len(calls) == 1
    assert fg.compile(lambda: 3.0)() == 3.0
    assert fg.compile(lambda x: None)(1.0) is None


def test_results_that_are_arguments_or_views_of_them():
    f = fg.compile(lambda x, y: (x, x[1:], x.T, fg.reshape(x, -1), x, y, fg.broadcast_to(y, (2, 2))))
    x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
    for make in (np.array, fg.tensor):
        a, b = make(x), make(y)
        whole, row, turned, flat, again, other, spread = f(a, b)
        for result, expected in [
            (whole, x),
            (row, x[1:]),
            (turned, x.T),
            (flat, x.ravel()),
            (again, x),
            (other, y),
        ]:
            np.testing.assert_array_equal(np.asarray(result), expected)
            assert not np.shares_memory(np.asarray(result), np.asarray(a))
        assert np.asarray(spread).tolist() == [[5.0, 6.0], [5.0, 6.0]]
    array = np.array([1.0, 2.0])
    result = fg.compile(lambda x: x)(array)
    result[:] = 0.0
    assert array.tolist() == [1.0, 2.0]


def test_duplicate_and_aliased_results():
    def f(x):
        y = x * 2.0
        return y, y, y[1:], y.reshape(3, 1), fg.sin(y), y.T

    a, b, tail, column, s, t = fg.compile(f)(np.array([1.0, 2.0, 3.0]))
    assert a.tolist() == b.tolist() == t.tolist() == [2.0, 4.0, 6.0]
    assert tail.tolist() == [4.0, 6.0]
    assert column.tolist() == [[2.0], [4.0], [6.0]]
    np.testing.assert_array_equal(s, fg.sin([2.0, 4.0, 6.0]).numpy())
    a[:] = 0.0
    for other in (b, t, tail, column):
        assert other.ravel()[-1] == 6.0


def test_a_dead_value_and_a_late_use():
    def f(x):
        fg.exp(x * 100.0)  # goes nowhere
        early = x + 1.0
        y = x
        for k in range(10):
            y = fg.sin(y) * (k + 1.0)
        return y * early

    compiled = fg.compile(f)
    x = rng.normal(size=(100,))
    same_bits(compiled(x), f(fg.tensor(x)))
    program = core.record(lambda xs: [f(xs[0])], [x])
    assert "exp" not in program.text()
    assert program.arena_bytes <= 4 * 1024  # ten values of 832 bytes share the room of a few


# --- one recording a kind of call


def test_recordings_per_kind_of_argument():
    f, calls = counted(lambda x, n=1: x * n)
    steps = [
        (lambda: f(1.0), 1),
        (lambda: f(2.5), 1),
        (lambda: f(np.float64(2.0)), 2),
        (lambda: f(np.array(3.0)), 2),
        (lambda: f(fg.tensor(3.0)), 2),
        (lambda: f(np.float32(2.0)), 3),
        (lambda: f(np.ones(3)), 4),
        (lambda: f(fg.tensor(np.ones(3))), 4),
        (lambda: f(np.ones(4)), 5),
        (lambda: f(np.ones((3, 1))), 6),
        (lambda: f(np.ones(3), 2), 7),
        (lambda: f(np.ones(3), n=2), 8),
        (lambda: f(np.ones(3), 3), 9),
        (lambda: f(np.ones(3), True), 10),
        (lambda: f(np.ones(3), 1), 11),
        (lambda: f(np.ones(3), 1.0), 12),
        (lambda: f(np.ones(3), 7.0), 12),
        (lambda: f(3), 13),
        (lambda: f(4), 14),
        (lambda: f(np.array(4)), 15),
    ]
    for call, recordings in steps:
        call()
        assert f.recordings == recordings
        assert len(calls) == recordings


def test_static_arguments_choose_the_code():
    def f(x, mode, flag=False, options=None):
        y = fg.sin(x) if mode == "sin" else fg.cos(x)
        for _ in range(options["steps"] if options else 1):
            y = y * 2.0
        return -y if flag else y

    compiled, calls = counted(f)
    x = np.array([0.5])
    assert compiled(x, "sin") == fg.sin(0.5).item() * 2
    assert compiled(x, "cos") == fg.cos(0.5).item() * 2
    assert compiled(x, "cos", True) == -fg.cos(0.5).item() * 2
    assert compiled(x, "cos", options={"steps": 3}) == fg.cos(0.5).item() * 8
    assert compiled(x, "cos", options={"steps": 3}) == fg.cos(0.5).item() * 8
    assert len(calls) == 4


def test_weak_and_strong_numbers_are_told_apart():
    single = np.array([1.0, 2.0], np.float32)
    f = fg.compile(lambda x: x * single)
    for value in (
        2.0,
        np.float64(2.0),
        fg.tensor(2.0),
        fg.sin(2.0),
        np.float32(2.0),
        np.array(2.0),
        fg.add(1.0, 1.0),
    ):
        eager = value * fg.tensor(single)
        assert f(value).dtype == eager.dtype, type(value)


def test_grad_mode_is_part_of_the_key():
    w = fg.tensor([2.0], requires_grad=True)
    f, calls = counted(lambda x: x * w)
    assert f(np.ones(1)).requires_grad
    with fg.no_grad():
        result = f(np.ones(1))
    assert not getattr(result, "requires_grad", False)
    assert len(calls) == 2
    assert f(np.ones(1)).requires_grad
    assert len(calls) == 2


def test_freezing_and_thawing_a_captured_parameter():
    layer = nn.Linear(2, 1).to(np.float64)
    f = fg.compile(lambda x: layer(x).sum())
    x = np.ones((1, 2))
    for weight_wants, bias_wants in [
        (False, False),
        (True, True),
        (False, True),
        (True, False),
        (False, False),
    ]:
        layer.weight.requires_grad, layer.bias.requires_grad = weight_wants, bias_wants
        layer.zero_grad()
        result = f(x)
        assert getattr(result, "requires_grad", False) is (weight_wants or bias_wants)
        if weight_wants or bias_wants:
            result.backward()
        assert (layer.weight.grad is not None) is weight_wants
        assert (layer.bias.grad is not None) is bias_wants
    assert f.recordings == 1


class Switched(nn.Module):
    def __init__(self):
        self.inner = nn.Tanh()
        self.scale = nn.Parameter([2.0])

    def forward(self, x):
        return x * self.scale if self.training else -x


def test_training_mode_is_part_of_the_key():
    x = fg.tensor([1.0])
    for build in (fg.compile, lambda m: fg.compile(m.forward)):
        model = Switched().to(np.float64)
        compiled = build(model)
        assert compiled(x).tolist() == [2.0]
        model.eval()
        assert compiled(x).tolist() == [-1.0]
        model.train()
        assert compiled(x).tolist() == [2.0]
        assert compiled.recordings == 2
    model = Switched().to(np.float64)
    by_argument = fg.compile(lambda m, x: m(x))
    assert by_argument(model, x).tolist() == [2.0]
    model.eval()
    assert by_argument(model, x).tolist() == [-1.0]
    model.inner.train()
    by_argument(model, x)
    assert by_argument.recordings == 3


def test_objects_as_arguments():
    class Options:
        factor = 3.0

    f, calls = counted(lambda x, o: x * o.factor)
    options = Options()
    assert f(2.0, options) == 6.0
    assert f(3.0, options) == 9.0
    assert len(calls) == 1
    f(2.0, Options())
    assert len(calls) == 2
    with pytest.raises(TypeError, match=r"compiled body is a set.*hashable"):
        f(2.0, {1, 2})


def test_methods():
    class Scaler:
        def __init__(self, factor):
            self.factor = factor

        @fg.compile
        def scale(self, x):
            """Doc."""
            return x * self.factor

    a, b = Scaler(2.0), Scaler(3.0)
    assert (a.scale(1.0), b.scale(1.0), a.scale(2.0)) == (2.0, 3.0, 4.0)
    assert Scaler.scale.recordings == 2
    assert Scaler.scale.__doc__ == "Doc."
    assert Scaler.scale.__name__ == "scale"


def test_order_of_keys_does_not_matter():
    f, calls = counted(lambda p: p["a"] - p["b"])
    assert f({"a": 3.0, "b": 1.0}) == f({"b": 1.0, "a": 3.0}) == 2.0
    assert len(calls) == 1


def test_integers_and_truth_values_as_arrays():
    f, calls = counted(lambda x, i, m: fg.where(m, x[i], 0.0))
    x = np.array([1.0, 2.0, 3.0])
    assert f(x, np.array([2, 0]), np.array([True, False])).tolist() == [3.0, 0.0]
    assert f(x, np.array([1, 1], np.int32), np.array([True, True])).tolist() == [2.0, 2.0]
    assert f(x, np.array([0, -1]), np.array([True, True])).tolist() == [1.0, 3.0]
    with pytest.raises(IndexError, match=r"index 3 at position 1 .* size 3"):
        f(x, np.array([0, 3]), np.array([True, True]))
    assert f(x, np.array([0, -1]), np.array([True, True])).tolist() == [1.0, 3.0]
    assert len(calls) <= 2  # int32 is a kind of its own


# --- with derivatives


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["grad", "compile", "value"]), min_size=1, max_size=5))
def test_any_nest_of_grad_and_compile(transforms):
    wrap = {"grad": fg.grad, "compile": fg.compile, "value": lambda f: lambda x: fg.value_and_grad(f)(x)[0]}
    f = plain = lambda x: fg.sin(x) * fg.exp(x * 0.5) + x**3
    for name in transforms:
        f = wrap[name](f)
        plain = fg.grad(plain) if name == "grad" else plain
    for x in (0.7, -0.3):
        assert f(x) == plain(x)


def test_compiled_pieces_inside_compiled_functions():
    inner, _ = counted(lambda x: fg.sin(x) * 2.0)
    outer, outer_calls = counted(lambda x: inner(x) + fg.grad(inner)(x) + inner(x * x))
    expected = 2 * (np.sin(0.5) + np.cos(0.5) + np.sin(0.25))
    assert outer(0.5) == pytest.approx(expected, rel=1e-15)
    assert outer(0.5) == pytest.approx(expected, rel=1e-15)
    assert len(outer_calls) == 1
    assert inner.recordings == 0  # became part of the other
    assert inner(0.5) == 2 * fg.sin(0.5).item()


def test_what_stops_gradients_stops_them_in_recordings():
    def with_no_grad(x):
        with fg.no_grad():
            y = x * x
        return y * x

    def with_detach(x):
        return x.detach() * x * x if isinstance(x, fg.Tensor) else x

    w = fg.tensor(2.0, requires_grad=True)

    def with_parameter(x):
        with fg.no_grad():
            y = w * x
        return y * x + (w.detach() * x)

    for f in (
        with_no_grad,
        lambda x: x * fg.stop_gradient(x * x),
        with_detach,
        with_parameter,
        lambda x: x * fg.stop_gradient(fg.grad(lambda y: y**3)(x)),
    ):
        for x in (3.0, -1.0):
            expected = [fg.grad(f)(x), fg.grad(fg.grad(f))(x)]
            assert fg.grad(fg.compile(f))(x) == expected[0]
            assert fg.compile(fg.grad(f))(x) == expected[0]
            assert fg.compile(fg.grad(fg.compile(f)))(x) == expected[0]
            assert fg.grad(fg.compile(fg.grad(f)))(x) == expected[1]
            assert fg.compile(f)(x) == f(fg.tensor(x)).item()
    (g,) = fg.autograd.grad(
        fg.compile(with_parameter)(fg.tensor(3.0, requires_grad=True)), w, allow_unused=True
    )
    assert g is None


def test_autograd_grad_inside_a_recording():
    w = fg.tensor(2.0, requires_grad=True)

    def slope(x, create_graph=False):
        (g,) = fg.autograd.grad(w**3 * x, w, create_graph=create_graph)
        return g * x

    f = fg.compile(slope)
    assert f(5.0) == slope(5.0).item() == 12.0 * 25.0
    assert w.grad is None
    assert fg.grad(slope)(5.0) == fg.grad(f)(5.0) == 60.0
    assert fg.grad(lambda x: slope(x, True))(5.0) == fg.grad(lambda x: f(x, True))(5.0) == 120.0


def test_hessians_and_products_of_compiled_functions():
    f = lambda x: fg.sum(fg.exp(x) * x) + x[0] * x[1] * x[2]
    compiled, x, v = fg.compile(f), rng.normal(size=3), rng.normal(size=3)
    same_bits(fg.hessian(compiled)(x), fg.hessian(f)(x))
    same_bits(fg.compile(fg.hessian(f))(x), fg.hessian(f)(x))
    same_bits(fg.hvp(compiled, x, v), fg.hvp(f, x, v))
    same_bits(fg.compile(lambda x, v: fg.hvp(f, x, v))(x, v), fg.hvp(f, x, v))
    same_bits(
        fg.compile(fg.jacobian(lambda x: fg.sin(x) * x[0]))(x), fg.jacobian(lambda x: fg.sin(x) * x[0])(x)
    )
    value, gradient = fg.compile(fg.value_and_grad(compiled))(x)
    same_bits(value, f(fg.tensor(x)))
    same_bits(gradient, fg.grad(f)(x))
    fg.check_grads(compiled, (x,), order=2)


def test_a_compiled_gradient_is_replayed_and_not_run_again():
    f, calls = counted(fg.value_and_grad(lambda p, x: ((x @ p["w"]) ** 2).sum()))
    p, x = {"w": np.ones(3)}, np.ones((2, 3))
    value, gradient = f(p, x)
    assert type(value) is np.float64
    assert isinstance(gradient["w"], np.ndarray)
    for _ in range(3):
        f(p, x)
    assert len(calls) == 1
    assert f.recordings == 1


# --- errors


class FailureError(Exception):
    pass


def test_errors_while_recording_leave_nothing():
    attempts = []

    def f(x, fail):
        attempts.append(1)
        y = fg.grad(lambda z: (z * x).sum())(x)
        if fail:
            raise FailureError("inside")
        return y

    compiled = fg.compile(f)
    for _ in range(2):
        with pytest.raises(FailureError, match="inside"):
            compiled(np.ones(2), True)
        assert not core.is_recording()
        assert core.is_grad_enabled()
    assert compiled.recordings == 0
    assert compiled(np.ones(2), False).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match=r"add: shapes \(2,\) and \(3,\) do not broadcast"):
        fg.compile(lambda x: x + np.ones(3))(np.ones(2))
    with fg.no_grad(), pytest.raises(FailureError):
        compiled(np.ones(2), True)
    with pytest.raises(TypeError, match="missing"):
        compiled(np.ones(2))


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (np.array(["a"]), "<U1"),
        (np.array([1j]), "complex128"),
        (np.array([object()]), "object"),
        (np.ma.masked_array([1.0], [True]), "masked"),
        (np.array([1], np.uint64), "uint64"),
    ],
)
def test_arguments_that_are_no_numbers(argument, words):
    f = fg.compile(lambda x: x)
    with pytest.raises(TypeError, match=words):
        f(argument)
    with pytest.raises(TypeError, match=words):
        f({"a": [argument]})
    assert f.recordings == 0
