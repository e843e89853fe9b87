"""Leaves, no_grad, and values changed in place between forward and backward."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import fastgrad as fg
from checking import leaf
from fastgrad import nn
from fastgrad._native import core
from fastgrad.autograd import grad

# --- leaves


def test_leaf_rules():
    w = leaf(1.0, 2.0)
    computed = w * 2.0
    assert (w.is_leaf, computed.is_leaf, computed.detach().is_leaf) == (True, False, True)
    assert (w.grad_fn, computed.grad_fn) == (None, "multiply")
    assert fg.tensor(1.0).is_leaf
    assert (fg.tensor(1.0) * 2.0).is_leaf  # no graph behind it
    with pytest.raises(fg.GradientError, match=r"leaves only.*detach"):
        computed.requires_grad = False
    assert computed.requires_grad
    for integers in (fg.tensor([1, 2]), fg.tensor([True])):
        with pytest.raises(TypeError, match="float32 or float64"):
            integers.requires_grad = True
        assert not integers.requires_grad
    for data in ([1, 2], [True]):
        with pytest.raises(TypeError, match=r"requires_grad=True needs float32 or float64.*(int64|bool)"):
            fg.tensor(data, requires_grad=True)


def test_freezing_and_thawing():
    w, frozen = leaf(1.0), leaf(2.0)
    frozen.requires_grad = False
    (w * frozen).sum().backward()
    assert w.grad.tolist() == [2.0]
    assert frozen.grad is None
    frozen.requires_grad = True
    (w * frozen).sum().backward()
    assert frozen.grad.tolist() == [1.0]


def test_detach_cuts_the_graph():
    w = leaf(3.0)
    (w * w.detach()).sum().backward()
    assert w.grad.tolist() == [3.0]


def test_only_what_requires_it_gets_a_gradient():
    w, x = leaf(2.0), fg.tensor([3.0])
    (w * x).sum().backward()
    assert x.grad is None
    mid = w * x
    mid.sum().backward()
    assert mid.grad is None


# --- no_grad


def test_no_grad_as_context_and_decorator():
    w = leaf(1.0)
    with fg.no_grad():
        assert not (w * 2.0).requires_grad
        assert not w.clone().requires_grad
        assert fg.tensor([1.0], requires_grad=True).requires_grad
    assert (w * 2.0).requires_grad

    @fg.no_grad()
    def twice(x):
        """Docstring."""
        return x * 2.0

    assert not twice(w).requires_grad
    assert (twice.__name__, twice.__doc__) == ("twice", "Docstring.")
    assert core.is_grad_enabled()


def test_no_grad_nests_with_itself():
    quiet = fg.no_grad()
    with quiet:
        with quiet:
            assert not core.is_grad_enabled()
        assert not core.is_grad_enabled()
    assert core.is_grad_enabled()


def test_no_grad_is_left_on_an_error():
    with pytest.raises(KeyError), fg.no_grad():
        raise KeyError
    assert core.is_grad_enabled()


def test_no_grad_decorates_generators():
    @fg.no_grad()
    def batches(w):
        for k in range(3):
            yield (w * float(k)).requires_grad

    w = leaf(1.0)
    seen = []
    for flag in batches(w):
        seen.append(flag)
        assert core.is_grad_enabled()  # between the items the caller's own mode holds
    assert seen == [False] * 3


def test_one_no_grad_shared_by_threads():
    quiet = fg.no_grad()
    inside, leave = threading.Event(), threading.Event()
    after = []

    def work():
        with quiet:
            inside.set()
            leave.wait()
        after.append(core.is_grad_enabled())

    thread = threading.Thread(target=work)
    with fg.no_grad(), quiet:
        thread.start()
        inside.wait()
    assert core.is_grad_enabled()
    leave.set()
    thread.join()
    assert after == [True]


# --- values changed in place


def step(parameter):
    parameter.grad = np.ones(parameter.shape)
    fg.optim.SGD([parameter], lr=0.1).step()


@pytest.mark.parametrize(
    ("forward", "op"),
    [
        (lambda p, x: x * p, "multiply"),
        (lambda p, x: x @ p, "matmul"),
        (lambda p, x: fg.sin(p), "sin"),
        (lambda p, x: x * p[1:].sum(), None),  # of values computed from p, not of p
        (lambda p, x: x * p.T, "multiply"),
        (lambda p, x: x * p.reshape(2, 1), "multiply"),
        (lambda p, x: x * p.detach(), "multiply"),
        (lambda p, x: fg.logsumexp(p) * x, "logsumexp"),
    ],
)
@pytest.mark.parametrize(
    "change", [step, lambda p: core.assign(p, np.zeros(p.shape))], ids=["step", "assign"]
)
def test_a_parameter_changed_between_forward_and_backward(forward, op, change):
    p, x = nn.Parameter([1.0, 2.0]), leaf(3.0, 4.0)
    expected_x = grad(forward(p, x).sum(), [x, p], allow_unused=True)
    loss = forward(p, x).sum()
    change(p)
    p.grad = None
    if op is None:
        loss.backward()
        np.testing.assert_array_equal(x.grad.numpy(), expected_x[0].numpy())
        return
    with pytest.raises(
        fg.GradientError, match=rf"shape \(.*'{op}'.*changed in place.*optimizer step.*before changing"
    ):
        loss.backward()
    assert p.grad is None
    assert x.grad is None
    forward(p, x).sum().backward()  # anew, all is well


def test_a_change_that_no_gradient_reads_does_not_matter():
    p = nn.Parameter([1.0, 2.0])
    x = np.array([3.0, 4.0])
    loss = (p * x).sum() + (p + 1.0).sum()
    step(p)
    p.grad = None
    loss.backward()
    assert p.grad.tolist() == [4.0, 5.0]


def test_a_change_through_another_handle_is_noticed():
    p = nn.Parameter([1.0, 2.0])
    x = leaf(1.0, 1.0)
    for alias in (
        p.detach(),
        fg.asarray(p.detach().numpy()),
        fg.asarray(p.detach().numpy()[::-1]),
        fg.asarray(p.detach()),
    ):
        loss = (x * alias).sum()
        step(p)
        with pytest.raises(fg.GradientError, match=r"'multiply'.*changed in place"):
            loss.backward()


def test_an_output_changed_in_place_is_noticed():
    w = leaf(1.0, 2.0)
    y = fg.exp(w)  # its gradient reads its output
    loss = y.sum()
    view = nn.Parameter([0.0])
    assert view.is_leaf
    core.assign(y.detach(), np.zeros(2))
    with pytest.raises(fg.GradientError, match=r"'exp'.*changed in place"):
        loss.backward()


def test_double_backward_after_a_step():
    p = nn.Parameter([2.0])
    (g,) = grad((p * p * p).sum(), p, create_graph=True)
    step(p)
    p.grad = None
    with pytest.raises(fg.GradientError, match="changed in place"):
        g.backward()
