"""backward() and autograd.grad: accumulation, graphs kept and freed, leaves, values changed in between."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgrad as fg
from checking import leaf
from fastgrad import nn
from fastgrad.autograd import grad

# --- accumulation


def test_gradients_add_up_over_backward_passes():
    w = leaf(1.0, 2.0)
    (w * w).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]
    (w * 3.0).sum().backward()
    assert w.grad.tolist() == [5.0, 7.0]
    w.grad = None
    assert w.grad is None
    (w * 3.0).sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]


def test_a_leaf_used_in_many_places():
    w = leaf(2.0)
    tied = {"encoder": w, "decoder": w}
    y = (tied["encoder"] * 3.0 * tied["decoder"] + tied["decoder"]).sum()
    y.backward()
    assert w.grad.tolist() == [13.0]
    first, second = grad((w * w).sum(), [w, w])
    assert first.tolist() == second.tolist() == [4.0]


def test_tied_parameters_of_a_model():
    class Tied(nn.Module):
        def __init__(self):
            self.encode = nn.Linear(3, 3, bias=False)
            self.decode = self.encode

        def forward(self, x):
            return self.decode(fg.tanh(self.encode(x)))

    model, twin = (
        Tied().to(np.float64),
        nn.Sequential(nn.Linear(3, 3, bias=False), nn.Tanh(), nn.Linear(3, 3, bias=False)),
    )
    twin = twin.to(np.float64)
    weight = model.encode.weight.detach().numpy()
    for layer in (twin[0], twin[2]):
        layer.load_state_dict({"weight": weight})
    x = np.random.default_rng(0).normal(size=(5, 3))
    (model(x) ** 2).sum().backward()
    (twin(x) ** 2).sum().backward()
    untied = twin[0].weight.grad.numpy() + twin[2].weight.grad.numpy()
    np.testing.assert_allclose(model.encode.weight.grad.numpy(), untied, rtol=1e-14)
    assert len(list(model.parameters())) == 1


def test_gradients_have_the_shape_and_dtype_of_their_leaf():
    single, double, scalar = (
        leaf(1.0, 2.0, dtype=np.float32),
        leaf(1.0, 2.0),
        fg.tensor(3.0, requires_grad=True),
    )
    column = fg.tensor(np.ones((2, 1)), requires_grad=True)
    ((single * double + scalar) * column).sum().backward()
    for t in (single, double, scalar, column):
        assert t.grad.shape == t.shape
        assert t.grad.dtype == t.dtype
        assert not t.grad.requires_grad
    assert scalar.grad.item() == 4.0
    assert column.grad.tolist() == [[11.0], [11.0]]
    assert single.grad.tolist() == [2.0, 4.0]


def test_setting_grad():
    w = leaf(1.0, 2.0, dtype=np.float32)
    w.grad = np.array([3, 4])
    assert (w.grad.dtype, w.grad.tolist()) == (np.float32, [3.0, 4.0])
    (w * 1.0).sum().backward()
    assert w.grad.tolist() == [4.0, 5.0]
    array = np.array([1.0, 2.0], np.float32)
    w.grad = array
    array[:] = 0.0
    assert w.grad.tolist() == [1.0, 2.0]
    for bad, error, words in [
        (np.ones(3), ValueError, r"\(3,\).*\(2,\)"),
        ("text", TypeError, "str"),
        (np.array([1j, 1j]), TypeError, "complex"),
    ]:
        with pytest.raises(error, match=words):
            w.grad = bad
        assert w.grad.tolist() == [1.0, 2.0]


def test_threads_add_to_one_leaf():
    w = fg.tensor(np.zeros(20_000), requires_grad=True)
    rounds, errors = 60, []

    def work(k):
        try:
            for _ in range(rounds):
                (w * float(k)).sum().backward()
                assert w.grad is not None
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert w.grad.tolist() == [rounds * 10.0] * 20_000


# --- what starts a backward pass


def test_backward_from_more_than_one_number_needs_a_gradient():
    w = leaf(1.0, 2.0)
    y = w * w
    with pytest.raises(ValueError, match=r"scalar.*shape \(2,\).*(sum|mean).*gradient"):
        y.backward()
    assert w.grad is None
    for gradient in (
        np.array([1.0, 10.0]),
        [1, 10],
        fg.tensor([1.0, 10.0]),
        np.array([1.0, 10.0], np.float32),
    ):
        w.grad = None
        y.backward(gradient, retain_graph=True)
        assert w.grad.tolist() == [2.0, 40.0]
    for bad, error, words in [
        (np.ones(3), ValueError, r"\(3,\).*\(2,\)"),
        (1.0, ValueError, r"\(\).*\(2,\)"),
        ("text", TypeError, "gradient.*str"),
        (np.array(["a", "b"]), TypeError, "<U1"),
    ]:
        with pytest.raises(error, match=words):
            y.backward(bad)
    assert w.grad.tolist() == [2.0, 40.0]
    y.backward(np.ones(2))  # the failed calls freed nothing


def test_backward_from_one_number_in_any_shape():
    w = leaf(3.0)
    (w * w).backward()
    assert w.grad.tolist() == [6.0]
    w.grad = None
    (w * w).reshape(1, 1, 1).backward(gradient=[[[2.0]]])
    assert w.grad.tolist() == [12.0]
    w.grad = None
    w.backward()
    w.backward(gradient=[5.0])
    assert w.grad.tolist() == [6.0]


def test_a_gradient_given_to_backward_is_not_kept_by_reference():
    w = leaf(1.0, 2.0)
    seed = np.array([1.0, 1.0])
    (w + 0.0).backward(seed)
    seed[:] = 7.0
    assert w.grad.tolist() == [1.0, 1.0]


def test_nothing_to_differentiate():
    for t in (fg.tensor(1.0), fg.tensor(1.0) * 2.0, fg.tensor(1.0, requires_grad=True).detach()):
        with pytest.raises(fg.GradientError, match="requires_grad=True"):
            t.backward()
    w = leaf(1.0)
    with fg.no_grad():
        y = (w * 2.0).sum()
    with pytest.raises(fg.GradientError, match="no_grad"):
        y.backward()
    compared = w > 0.5
    assert not compared.requires_grad
    assert not fg.astype(w, np.int64).requires_grad


# --- graphs that are kept, and graphs that are freed


def test_second_backward_through_freed_values():
    w = leaf(1.0, 2.0)
    y = fg.exp(w * w).sum()
    y.backward()
    once = w.grad.tolist()
    with pytest.raises(fg.GradientError, match=r"second backward through '\w+'.*retain_graph=True"):
        y.backward()
    with pytest.raises(fg.GradientError, match="second backward"):
        grad(y, w)
    assert w.grad.tolist() == once
    y = fg.exp(w * w).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(w.grad.numpy(), 3 * np.array(once), rtol=1e-15)
    with pytest.raises(fg.GradientError, match="second backward"):
        y.backward()


def test_a_graph_that_saved_nothing_can_be_used_again():
    w = leaf(1.0, 2.0)
    y = (w + w - 1.0).sum()
    y.backward()
    y.backward()
    assert w.grad.tolist() == [4.0, 4.0]


@pytest.mark.parametrize(
    "graph",
    [
        lambda w, mid: w.sum() + (mid * w).sum(),  # gradients reach w before the freed part is met
        lambda w, mid: (w + mid).sum() + w.sum() * 2.0,
        lambda w, mid: (mid * 2.0).sum() + w.sum(),
    ],
)
def test_a_failing_backward_adds_to_no_gradient(graph):
    w, bystander = leaf(1.0, 2.0), leaf(5.0, 6.0)
    mid = w * w
    loss = graph(w, mid) + bystander.sum()
    mid.sum().backward()
    before = w.grad.tolist()
    with pytest.raises(fg.GradientError, match="second backward through 'multiply'"):
        loss.backward()
    assert w.grad.tolist() == before
    assert bystander.grad is None


def test_branches_that_share_a_freed_part():
    w = leaf(2.0)
    shared = fg.sin(w)
    a, b = (shared * 2.0).sum(), (shared * 3.0).sum()
    a.backward()
    with pytest.raises(fg.GradientError, match="second backward through 'sin'"):
        b.backward()
    assert w.grad.tolist() == [2.0 * float(fg.cos(2.0))]


def test_the_graph_goes_when_nobody_holds_it():
    w = leaf(1.0)
    array = np.ones(1)
    alive = weakref.ref(array)
    y = (w * fg.asarray(array)).sum()
    del array
    y.backward()
    gc.collect()
    assert alive() is None  # freed by backward, though y lives on
    array = np.ones(1)
    alive = weakref.ref(array)
    y = (w * fg.asarray(array)).sum()
    del array, y
    gc.collect()
    assert alive() is None


# --- second order


def test_create_graph():
    w = leaf(2.0)
    (w * w * w).sum().backward(create_graph=True)
    first = w.grad
    assert first.requires_grad
    assert first.tolist() == [12.0]
    w.grad = None
    first.sum().backward(create_graph=True)
    assert w.grad.tolist() == [12.0]
    second = w.grad
    w.grad = None
    second.backward()
    assert w.grad.tolist() == [6.0]


def test_gradient_penalty():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), fg.tensor(rng.normal(size=(3,)), requires_grad=True)

    def penalty(v):
        inputs = fg.tensor(x, requires_grad=True)
        (g,) = grad(fg.tanh(inputs @ v).sum(), inputs, create_graph=True)
        return (g * g).sum()

    penalty(w).backward()
    step = 1e-6
    for i in range(3):
        shift = np.zeros(3)
        shift[i] = step
        difference = (penalty(w.detach() + shift).item() - penalty(w.detach() - shift).item()) / (2 * step)
        np.testing.assert_allclose(w.grad.numpy()[i], difference, rtol=1e-7, atol=1e-9)


def test_create_graph_keeps_saved_values():
    w = leaf(2.0)
    y = fg.exp(w).sum()
    (g,) = grad(y, w, create_graph=True)
    y.backward()
    assert w.grad.tolist() == g.tolist()


# --- autograd.grad


def test_grad_touches_no_grad():
    w, v = leaf(1.0), leaf(2.0)
    y = (w * v).sum()
    gw, gv = grad(y, [w, v])
    assert (gw.tolist(), gv.tolist()) == ([2.0], [1.0])
    assert w.grad is None
    assert v.grad is None
    assert not gw.requires_grad


def test_grad_of_computed_inputs():
    w = leaf(1.0, 2.0)
    mid = w * w
    y = (mid * mid * 3.0).sum()
    g_mid, g_w = grad(y, [mid, w], retain_graph=True)
    assert g_mid.tolist() == [6.0, 24.0]
    assert g_w.tolist() == [12.0, 96.0]
    (g_view,) = grad((mid[0] * 2.0), mid)
    assert g_view.tolist() == [2.0, 0.0]


def test_grad_stops_at_its_inputs():
    w = leaf(1.0, 2.0)
    mid = w * w
    y = (mid * mid).sum()
    grad(y, mid)
    mid.sum().backward()  # nothing below mid was used, so nothing there was freed
    assert w.grad.tolist() == [2.0, 4.0]
    mid = w * w
    mid.sum().backward(retain_graph=True)
    (g,) = grad(mid, mid, np.array([5.0, 6.0]))
    assert g.tolist() == [5.0, 6.0]


def test_grad_of_a_leaf_by_itself():
    w = leaf(3.0)
    assert grad(w, w)[0].tolist() == [1.0]
    assert grad([w, w], w, [np.array([2.0]), None])[0].tolist() == [3.0]


def test_grad_outputs():
    w = leaf(1.0, 2.0)
    y = w * w
    for weights in (
        np.array([1.0, 10.0]),
        fg.tensor([1.0, 10.0]),
        [np.array([1.0, 10.0])],
        [fg.tensor([1.0, 10.0])],
    ):
        assert grad(y, w, weights, retain_graph=True)[0].tolist() == [2.0, 40.0]
    assert grad([y, y.sum()], w, [np.array([1.0, 10.0]), None], retain_graph=True)[0].tolist() == [4.0, 44.0]
    single = leaf(1.0, 2.0, dtype=np.float32)
    assert grad(single * 2.0, single, np.ones(2))[0].dtype == np.float32  # cast, as backward() does
    assert grad((single * 2.0).sum(), single, 3.0)[0].tolist() == [6.0, 6.0]
    with pytest.raises(ValueError, match="2 gradients for 1 outputs"):
        grad(y, w, [np.ones(2), np.ones(2)])
    with pytest.raises(ValueError, match=r"shape \(3,\).*\(2,\)"):
        grad(y, w, np.ones(3))
    with pytest.raises(ValueError, match=r"scalar.*\(2,\)"):
        grad(y, w)


def test_unused_inputs():
    w, unused, other = leaf(1.0), leaf(2.0), leaf(3.0)
    y = (w * 2.0).sum()
    beside = other * 2.0
    with pytest.raises(fg.GradientError, match=r"input 1 .*allow_unused=True"):
        grad(y, [w, unused], retain_graph=True)
    g, nothing, also_nothing = grad(y, [w, unused, beside], allow_unused=True)
    assert g.tolist() == [2.0]
    assert nothing is None
    assert also_nothing is None


@pytest.mark.parametrize(
    ("outputs", "inputs", "error", "words"),
    [
        (
            lambda w: w.sum(),
            lambda w: fg.tensor([1.0]),
            fg.GradientError,
            "input 0 does not require a gradient",
        ),
        (
            lambda w: w.sum(),
            lambda w: [w, w.detach()],
            fg.GradientError,
            "input 1 does not require a gradient",
        ),
        (lambda w: w.sum(), lambda w: [np.ones(1)], TypeError, "inputs must be tensors, got .*ndarray"),
        (lambda w: [1.0], lambda w: w, TypeError, "outputs must be tensors, got float"),
        (lambda w: 3.0, lambda w: w, TypeError, "outputs must be .*tensors?.*float"),
        (lambda w: w.sum(), lambda w: None, TypeError, "inputs must be .*tensors?.*None"),
    ],
)
def test_bad_outputs_and_inputs(outputs, inputs, error, words):
    w = leaf(1.0)
    with pytest.raises(error, match=words):
        grad(outputs(w), inputs(w))


# --- against central differences, over random graphs

UNARY = [
    fg.sin,
    fg.tanh,
    fg.exp,
    fg.sigmoid,
    fg.softplus,
    fg.square,
    lambda a: fg.log1p(a * a),
    lambda a: fg.sqrt(a * a + 1.0),
]
BINARY = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (b * b + 1.0),
    lambda a, b: fg.where(a.detach() > b.detach(), a, b * 0.5),
    lambda a, b: a @ b.T @ a,
]
SHAPES = [
    lambda a: a.T.reshape(2, 2),
    lambda a: a[::-1],
    lambda a: fg.concatenate([a[:, 1:], a[:, :1]], 1),
    lambda a: fg.broadcast_to(a.mean(0), (2, 2)),
    lambda a: fg.broadcast_to(a.sum(1, keepdims=True), (2, 2)) * 0.3,
    lambda a: a[[1, 1]] * 0.5,
    lambda a: fg.stack([a[0], a[1] * 2.0], 1),
    lambda a: a - fg.logsumexp(a, 1, True),
]


@st.composite
def graphs(draw):
    """A list of operations, each on earlier values; the last value is the result."""
    operations = []
    for k in range(draw(st.integers(1, 8))):
        earlier = st.integers(0, k + 1)
        kind = draw(st.sampled_from([UNARY, BINARY, SHAPES]))
        function = draw(st.sampled_from(kind))
        arguments = (draw(earlier), draw(earlier)) if kind is BINARY else (draw(earlier),)
        operations.append((function, arguments))
    return operations


def run(operations, a, b):
    values = [a, b]
    for function, arguments in operations:
        values.append(function(*[values[i] for i in arguments]))
    total = values[-1]
    for value in values[2:-1]:
        total = total + fg.tanh(value) * 0.1
    return fg.tanh(total * 0.1).sum()


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(0, 1000))
def test_random_graphs_against_central_differences(operations, seed):
    rng = np.random.default_rng(seed)
    a, b, da, db = rng.uniform(-1.0, 1.0, size=(4, 2, 2))
    x, y = fg.tensor(a, requires_grad=True), fg.tensor(b, requires_grad=True)
    run(operations, x, y).backward()
    found = sum(float((t.grad.numpy() * d).sum()) for t, d in ((x, da), (y, db)) if t.grad is not None)
    step = 1e-5

    def at(k):
        return run(operations, fg.tensor(a + k * step * da), fg.tensor(b + k * step * db)).item()

    expected = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
    assert abs(found - expected) <= 1e-7 * max(1.0, abs(expected))
    functional = fg.grad(lambda u, v: run(operations, u, v), (0, 1))(a, b)
    for t, g in zip((x, y), functional, strict=True):
        np.testing.assert_array_equal(np.zeros((2, 2)) if t.grad is None else t.grad.numpy(), g)
    compiled = fg.compile(fg.grad(lambda u, v: run(operations, u, v), (0, 1)))(a, b)
    for g, c in zip(functional, compiled, strict=True):
        np.testing.assert_array_equal(g, c)
