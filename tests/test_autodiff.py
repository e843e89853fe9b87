"""Derivative functions: what they take and give, nesting, errors; against JAX and central differences."""

from __future__ import annotations

import functools
import gc
import math
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import nn
from fastgrad._native import core

rng = np.random.default_rng(5)


def assert_array(result, expected, rtol=1e-13, dtype=np.float64):
    """A NumPy array (or scalar) of that dtype, with those numbers."""
    assert isinstance(result, (np.ndarray, np.generic))
    assert result.dtype == dtype
    expected = np.asarray(expected)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=rtol, atol=1e-15)


# --- what comes out


def test_numbers_in_numbers_out():
    value, gradient = fg.value_and_grad(lambda x: x**3)(2.0)
    assert type(value) is np.float64
    assert type(gradient) is np.float64
    assert (value, gradient) == (8.0, 12.0)
    assert fg.grad(lambda x: x * x)(3) == 6.0  # an int is a number
    assert type(fg.grad(lambda x: x * x)(np.float32(3.0))) is np.float32
    assert type(fg.hessian(lambda x: x**3)(2.0)) is np.float64
    assert type(fg.jacobian(lambda x: x**3)(2.0)) is np.float64
    assert type(fg.hvp(lambda x: x**3, 2.0, 1.0)) is np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_in_arrays_out(dtype):
    x = np.array([[0.5, -1.0], [2.0, 0.25]], dtype)
    cases = {
        "grad": (fg.grad(lambda x: fg.sum(fg.sin(x)))(x), np.cos(x)),
        "value": (fg.value_and_grad(lambda x: fg.sum(x * x))(x)[0], (x * x).sum()),
        "jacobian": (fg.jacobian(lambda x: x * 2.0)(x), np.eye(4, dtype=dtype).reshape(2, 2, 2, 2) * 2),
        "hessian": (fg.hessian(lambda x: fg.sum(x * x))(x), np.eye(4, dtype=dtype).reshape(2, 2, 2, 2) * 2),
        "hvp": (fg.hvp(lambda x: fg.sum(x * x * 0.5), x, x), x),
        "elementwise": (fg.elementwise_grad(fg.exp)(x), np.exp(x)),
        "nothing": (fg.grad(lambda x: 3.0)(x), np.zeros_like(x)),
    }
    for name, (result, expected) in cases.items():
        assert isinstance(result, (np.ndarray, np.generic)), name
        assert result.dtype == dtype, name
        np.testing.assert_allclose(result, expected, rtol=1e-6, err_msg=name)


def test_results_belong_to_the_caller():
    x = np.array([1.0, 2.0])
    kept = []

    def f(x):
        kept.append(x * 1.0)
        return (x * kept[-1]).sum(), kept[-1]

    (value, aux), gradient = fg.value_and_grad(f, has_aux=True)(x)
    for result in (aux, gradient):
        assert result.flags.writeable
        assert not np.shares_memory(result, x)
    aux[:] = 0.0
    gradient[:] = 0.0
    assert kept[0].tolist() == [1.0, 2.0]
    assert x.tolist() == [1.0, 2.0]
    assert value == 5.0
    same = fg.grad(lambda u, v: (u + v).sum(), (0, 1))(x, x)
    same[0][:] = 9.0
    assert same[1].tolist() == [1.0, 1.0]
    identity = fg.grad(lambda x: x)(np.array(2.0))
    assert identity == 1.0


def test_tensors_in_tensors_out():
    x = fg.tensor([1.0, 2.0])
    value, gradient = fg.value_and_grad(lambda x: (x * x).sum())(x)
    for result in (
        value,
        gradient,
        fg.jacobian(lambda x: x * x)(x),
        fg.hessian(lambda x: (x * x).sum())(x),
        fg.hvp(lambda x: (x * x).sum(), x, np.ones(2)),
        fg.elementwise_grad(fg.sin)(x),
    ):
        assert isinstance(result, fg.Tensor)
        assert not result.requires_grad
    assert gradient.tolist() == [2.0, 4.0]
    assert x.grad is None
    assert not x.requires_grad
    # One tensor among the arguments is enough.
    assert isinstance(fg.grad(lambda a, b: (a * b).sum())(np.ones(2), x), fg.Tensor)


def test_tensors_that_do_not_require_gradients_hold_no_graph():
    arrays = [np.ones(5)]
    alive = weakref.ref(arrays[0])
    x = fg.tensor(np.ones(5))
    result = fg.grad(lambda x: (x * x * fg.asarray(arrays[0])).sum())(x)
    arrays.clear()
    gc.collect()
    assert alive() is None
    assert result.is_leaf


def test_a_result_does_not_lie_on_the_callers_array():
    a, x = np.ones(3), fg.tensor(np.ones(3))
    (_, aux), gradient = fg.value_and_grad(lambda x: ((x * a).sum(), fg.reshape(a, (3, 1))), has_aux=True)(x)
    first = fg.grad(lambda x: x @ a)(x)
    a[:] = 7.0
    assert aux.tolist() == [[1.0], [1.0], [1.0]]
    assert gradient.tolist() == first.tolist() == [1.0, 1.0, 1.0]


class Point(NamedTuple):
    x: Any
    y: Any


@pytest.mark.parametrize(
    "nest",
    [
        {"w": np.array([1.0, 2.0]), "b": 3.0},
        [1.0, np.array([2.0])],
        (np.array([1.0]), (2.0, [3.0, {"deep": np.ones((2, 2))}])),
        Point(1.0, np.array([2.0, 3.0])),
        {"z": {}, "a": [], "m": (None, 2.0)},
        {2: 1.0, 1: 2.0},
        {"b": 1.0, 1: 2.0},  # keys that do not compare
    ],
)
def test_nests(nest):
    leaves = []

    def collect(n):
        if isinstance(n, dict):
            for value in n.values():
                collect(value)
        elif isinstance(n, (list, tuple)):
            for value in n:
                collect(value)
        elif n is not None:
            leaves.append(n)

    def total(n):
        leaves.clear()
        collect(n)
        return functools.reduce(fg.add, [fg.sum(leaf * leaf * (k + 1.0)) for k, leaf in enumerate(leaves)])

    gradient = fg.grad(total)(nest)
    assert skeleton(gradient) == skeleton(nest)
    total(fg._nest.map_leaves(lambda leaf: leaf, nest))  # the function meets dicts sorted by key, as in JAX
    expected = fg._nest.map_leaves(lambda leaf: 2.0 * np.asarray(leaf) * (position(leaf, leaves) + 1.0), nest)
    for g, e in zip(fg._nest.flatten(gradient)[0], fg._nest.flatten(expected)[0], strict=True):
        assert_array(g, e)


def position(leaf, leaves):
    return next(k for k, other in enumerate(leaves) if other is leaf)


def skeleton(nest):
    """The nest without its leaves, written down."""
    if isinstance(nest, dict):
        return "dict", {key: skeleton(value) for key, value in nest.items()}
    if isinstance(nest, (list, tuple)):
        return type(nest).__name__, [skeleton(value) for value in nest]
    return nest if nest is None else "leaf"


def test_argnums():
    def f(a, b, c):
        return (a * b * b * c).sum()

    a, b, c = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])
    assert_array(fg.grad(f)(a, b, c), b * b * c)
    assert_array(fg.grad(f, 1)(a, b, c), 2 * a * b * c)
    assert_array(fg.grad(f, -1)(a, b, c), a * b * b)
    assert_array(fg.grad(f, np.int64(2))(a, b, c), a * b * b)
    both = fg.grad(f, (2, 0))(a, b, c)
    assert type(both) is tuple
    assert_array(both[0], a * b * b)
    assert_array(both[1], b * b * c)
    (only,) = fg.grad(f, [1])(a, b, c)
    assert_array(only, 2 * a * b * c)
    assert_array(fg.grad(f)(a, b=b, c=c), b * b * c)
    rows = fg.jacobian(lambda a, b: a * b, (0, 1))(a, b)
    assert_array(rows[0], np.diag(b))
    assert_array(rows[1], np.diag(a))
    assert_array(fg.hessian(f, 1)(a, b, c), np.diag(2 * a * c))
    assert_array(fg.elementwise_grad(lambda a, b: a * b * b, 1)(a, b), 2 * a * b)
    mixed = fg.grad(lambda p, n, scale: p["w"] * scale + n * 0.0, (0, 2))({"w": 2.0}, 3.0, 5.0)
    assert mixed == ({"w": 5.0}, 2.0)


def test_aux_is_handed_through():
    marker = object()

    def f(x):
        return (x * x).sum(), {"prediction": x * 2.0, "marker": marker, "number": 7, "none": None}

    x = np.array([1.0, 2.0])
    gradient, aux = fg.grad(f, has_aux=True)(x)
    assert_array(gradient, 2 * x)
    assert_array(aux["prediction"], 2 * x)
    assert aux["marker"] is marker
    assert aux["number"] == 7
    assert aux["none"] is None
    (value, aux), gradient = fg.value_and_grad(f, has_aux=True)(fg.tensor(x))
    assert isinstance(value, fg.Tensor)
    assert isinstance(aux["prediction"], fg.Tensor)
    assert not aux["prediction"].requires_grad
    for bad in (lambda x: x.sum(), lambda x: (x.sum(), 1, 2), lambda x: [x.sum(), 1]):
        with pytest.raises(TypeError, match=r"has_aux=True.*\(value, aux\)"):
            fg.grad(bad, has_aux=True)(x)


def test_python_numbers_are_weak():
    a = np.array([1.0, 2.0], np.float32)

    def f(c, x):
        product = c * x
        assert product.dtype == np.float32
        return product.sum()

    value, gradient = fg.value_and_grad(f)(3.0, a)
    assert type(value) is np.float32
    assert type(gradient) is np.float64
    assert gradient == 3.0
    assert fg.grad(f, 1)(3.0, a).dtype == np.float32
    value, gradient = fg.value_and_grad(lambda c: (c * a * a).sum())(np.float64(2.0))
    assert type(value) is np.float64  # a NumPy number is not weak


def test_names_and_docstrings_are_kept():
    def cost(x):
        """What it costs."""
        return x

    for transformed in (
        fg.grad(cost),
        fg.value_and_grad(cost),
        fg.jacobian(cost),
        fg.hessian(cost),
        fg.elementwise_grad(cost),
    ):
        assert transformed.__name__ == "cost"
        assert transformed.__doc__ == "What it costs."


def test_callables_of_every_kind():
    class Cubic:
        def __call__(self, x):
            return x**3

        def method(self, x):
            return x**3

    for f in (Cubic(), Cubic().method, functools.partial(lambda n, x: x**n, 3), fg.compile(lambda x: x**3)):
        assert fg.grad(f)(2.0) == pytest.approx(12.0, rel=1e-14)
        assert fg.hessian(f)(2.0) == pytest.approx(12.0, rel=1e-14)
    assert fg.grad(fg.sin)(0.0) == 1.0
    layer = nn.Linear(3, 1)
    x = rng.normal(size=(4, 3)).astype(np.float32)
    np.testing.assert_allclose(
        fg.grad(lambda x: layer(x).sum())(x), np.tile(layer.weight.detach().numpy(), (4, 1)), rtol=1e-6
    )


# --- nesting


def test_derivatives_to_fifth_order():
    f = lambda x: fg.sin(x) * x
    expected = [
        math.sin(0.7) * 0.7,
        math.cos(0.7) * 0.7 + math.sin(0.7),
        -math.sin(0.7) * 0.7 + 2 * math.cos(0.7),
    ]
    expected += [-math.cos(0.7) * 0.7 - 3 * math.sin(0.7), math.sin(0.7) * 0.7 - 4 * math.cos(0.7)]
    expected += [math.cos(0.7) * 0.7 + 5 * math.sin(0.7)]
    for order, value in enumerate(expected):
        derivative = f
        for _ in range(order):
            derivative = fg.grad(derivative)
        assert float(derivative(0.7)) == pytest.approx(value, rel=1e-13), order


@pytest.mark.parametrize("outer", [fg.grad, fg.jacobian, fg.elementwise_grad])
@pytest.mark.parametrize("middle", [fg.grad, fg.jacobian, fg.hessian, fg.elementwise_grad])
@pytest.mark.parametrize(
    "inner", [fg.grad, fg.jacobian, fg.hessian, lambda f: lambda x: fg.hvp(f, x, 1.0), fg.compile]
)
def test_transforms_of_transforms_of_transforms(outer, middle, inner):
    orders = {fg.grad: 1, fg.jacobian: 1, fg.elementwise_grad: 1, fg.hessian: 2, fg.compile: 0}
    order = sum(orders.get(t, 2) for t in (outer, middle, inner))
    result = outer(middle(inner(lambda x: fg.exp(x * 2.0))))(0.3)
    assert float(result) == pytest.approx(2.0**order * math.exp(0.6), rel=1e-13)


def test_derivatives_do_not_mix():
    # d/dx [x * d/dy (x + y)]: 1, and not 2, which mixes the two up.
    assert fg.grad(lambda x: x * fg.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert fg.grad(lambda x: x * fg.grad(lambda y: x * y)(1.0))(3.0) == 6.0
    assert fg.grad(lambda x: fg.grad(lambda y: x * x * y * y)(x))(2.0) == 24.0  # d/dx 2 x^3
    assert fg.grad(lambda x: fg.grad(lambda y: y**3)(x * x))(2.0) == pytest.approx(12.0 * 2.0**3)
    assert fg.grad(lambda x: fg.value_and_grad(lambda y: x * y)(x)[0])(3.0) == 6.0
    assert fg.hessian(lambda x: x * fg.grad(lambda y: fg.sin(x * y))(x))(0.4) == pytest.approx(
        float(fg.hessian(lambda x: x * x * fg.cos(x * x))(0.4)), rel=1e-12
    )


def test_inner_derivatives_of_constants():
    assert fg.grad(lambda x: x * fg.grad(lambda y: y * y)(5.0))(2.0) == 10.0
    array = np.array([1.0, 2.0])
    assert_array(fg.grad(lambda x: (x * fg.grad(lambda y: (y**3).sum())(array)).sum())(array), 3 * array**2)
    assert fg.grad(lambda x: fg.grad(lambda y: x)(1.0))(2.0) == 0.0
    assert fg.grad(fg.grad(lambda x: 2.0 * x))(1.0) == 0.0
    assert fg.grad(fg.grad(fg.grad(lambda x: x * x)))(1.0) == 0.0


def test_nests_to_second_order():
    def f(p):
        return p["a"] ** 2 * fg.sum(p["b"] * p["b"])

    p = {"a": 3.0, "b": np.array([1.0, 2.0])}
    second = (
        fg.jacobian(fg.grad(f))(p)
        if False
        else fg.grad(lambda q: fg.sum(fg.grad(f)(q)["b"]) + fg.grad(f)(q)["a"])(p)
    )
    assert_array(second["a"], 4 * 3.0 * (1.0 + 2.0) + 2 * 5.0)
    assert_array(second["b"], 2 * 9.0 + 4 * 3.0 * p["b"])
    product = fg.hvp(f, p, {"a": 1.0, "b": np.array([0.0, 1.0])})
    assert_array(product["a"], 2 * 5.0 + 4 * 3.0 * 2.0)
    assert_array(product["b"], 4 * 3.0 * p["b"] + 2 * 9.0 * np.array([0.0, 1.0]))


def test_graphs_of_tensors_go_on_through_transforms():
    w = fg.tensor([1.0, 2.0], requires_grad=True)
    gradient = fg.grad(lambda x: (x**3).sum())(w)
    assert gradient.requires_grad
    (gradient * gradient).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), 36.0 * np.array([1.0, 2.0]) ** 3)
    w.grad = None
    fg.grad(lambda x, v: (x * x * v).sum(), 0)(fg.tensor([1.0, 1.0]), w).sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]
    with fg.no_grad():
        assert not fg.grad(lambda x: (x**3).sum())(w).requires_grad


def test_an_array_beside_a_graph_may_be_written_to_afterwards():
    w, x = fg.tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    gradient = fg.grad(lambda x, w: (x * x * w).sum())(x, w)  # 2 x w
    x[:] = 0.0
    gradient.sum().backward()
    assert w.grad.tolist() == [6.0, 8.0]


def test_no_grad_inside_and_outside():
    def half_quiet(x):
        with fg.no_grad():
            constant = x * x
        return constant * x

    assert fg.grad(half_quiet)(3.0) == 9.0
    assert fg.grad(fg.grad(half_quiet))(3.0) == 0.0

    def quiet_inside(x):
        with fg.no_grad():
            slope = fg.grad(lambda y: y**3)(x)
        return slope * x

    assert fg.grad(quiet_inside)(2.0) == 12.0  # not 36: the slope counts as a constant
    with fg.no_grad():
        assert fg.grad(lambda x: x**3)(2.0) == 12.0
        assert fg.grad(fg.grad(lambda x: x**3))(2.0) == 12.0
        assert fg.jacobian(lambda x: x * x)(np.array([2.0])).tolist() == [[4.0]]


def test_closures_over_tensors_and_parameters():
    layer = nn.Linear(2, 1).to(np.float64)
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert_array(fg.grad(lambda x: layer(x).sum())(x), np.tile(layer.weight.detach().numpy(), (2, 1)))
    assert layer.weight.grad is None
    w = fg.tensor([2.0], requires_grad=True)
    assert_array(fg.grad(lambda x: (x * w * w).sum())(np.array([1.0])), [4.0])
    assert w.grad is None
    closed_over = np.array([1.0, 5.0])
    assert_array(fg.grad(lambda x: (x * closed_over).sum())(np.ones(2)), closed_over)


def test_stop_gradient():
    assert fg.grad(lambda x: x * fg.stop_gradient(x))(3.0) == 3.0
    nest = {"a": fg.tensor(1.0, requires_grad=True), "b": [2.0, np.ones(2), None, "text"]}
    stopped = fg.stop_gradient(nest)
    assert not stopped["a"].requires_grad
    assert stopped["b"][1] is nest["b"][1]
    assert stopped["b"][3] == "text"
    assert fg.stop_gradient(2.0) == 2.0
    straight_through = lambda x: x + fg.stop_gradient(fg.sign(x) - x)
    assert fg.value_and_grad(straight_through)(0.3) == (1.0, 1.0)
    assert fg.grad(fg.grad(lambda x: x * x * fg.stop_gradient(x)))(3.0) == 6.0


# --- values read on the way


@pytest.mark.parametrize(
    "read",
    [
        math.sin,
        float,
        int,
        lambda x: x.item(),
        lambda x: x.tolist(),
        lambda x: np.sin(float(x)),
        lambda x: math.floor(float(x * 2.0)),
    ],
)
@pytest.mark.parametrize(
    "transform", [fg.grad, fg.value_and_grad, fg.jacobian, fg.hessian, fg.elementwise_grad]
)
def test_reading_a_value_would_lose_its_derivative(read, transform):
    with pytest.raises(RuntimeError, match=r"(float|int|item|tolist)\(\).*derivative.*(stop_gradient)"):
        transform(lambda x: read(x) * x)(1.5)
    result = transform(lambda x: read(fg.stop_gradient(x)) * x)(1.5)
    assert result is not None
    assert core.is_grad_enabled()
    w = fg.tensor(1.5, requires_grad=True)
    assert float(w) == w.item() == 1.5  # outside of transforms it is the user's own affair


def test_what_may_be_read():
    def f(x):
        text = f"{x} {x:.2f} {x!r}"
        assert "1.5" in text
        if x > 1.0 and bool(x):  # a branch is part of the function
            return x * x
        return -x

    assert fg.grad(f)(1.5) == 3.0
    assert fg.grad(lambda x: x * float(len([1, 2])) * fg.tensor(2.0).item())(1.0) == 4.0
    assert fg.grad(lambda x: x[x.shape[0] - 1] * x.size * x.ndim)(np.ones(3)).tolist() == [0.0, 0.0, 3.0]
    assert fg.hessian(lambda x: x * x if x > 0 else x)(-1.0) == 0.0


# --- errors


def not_a_number(x):
    return x


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: fg.grad(not_a_number)(np.ones(3)),
            ValueError,
            r"one number.*not_a_number.*\(3,\).*(sum|mean).*jacobian",
        ),
        (lambda: fg.grad(not_a_number)(np.ones(0)), ValueError, r"not_a_number returned shape \(0,\)"),
        (lambda: fg.hessian(not_a_number)(np.ones(3)), ValueError, r"not_a_number.*\(3,\)"),
        (
            lambda: fg.grad(fg.sum)(np.arange(3)),
            TypeError,
            r"argument 0 of sum has dtype int64.*astype\(float\)",
        ),
        (lambda: fg.grad(not_a_number)(True), TypeError, "argument 0 of not_a_number has dtype bool"),
        (lambda: fg.grad(not_a_number)(np.bool_(True)), TypeError, "bool"),
        (
            lambda: fg.grad(lambda a, b: b, 1)(1.0, np.int64(3)),
            TypeError,
            "argument 1 of <lambda> has dtype int64",
        ),
        (lambda: fg.grad(not_a_number)("text"), TypeError, "argument 0 of not_a_number holds a str"),
        (
            lambda: fg.grad(not_a_number)({"a": object()}),
            TypeError,
            "argument 0 of not_a_number holds a object",
        ),
        (lambda: fg.grad(not_a_number)(np.array([1j])), TypeError, "argument 0 of not_a_number.*complex128"),
        (lambda: fg.grad(not_a_number)(np.array(["a"])), TypeError, "argument 0 of not_a_number.*<U1"),
        (lambda: fg.grad(not_a_number)(np.array([None])), TypeError, "argument 0 of not_a_number.*object"),
        (lambda: fg.grad(not_a_number)(np.ma.masked_array([1.0], [True])), TypeError, "argument 0 .*masked"),
        (lambda: fg.grad(not_a_number)(1j), TypeError, "argument 0 of not_a_number holds a complex"),
        (lambda: fg.grad(not_a_number)(np.uint64(3)), TypeError, "uint64"),
        (
            lambda: fg.grad(not_a_number, 1)(1.0),
            ValueError,
            "argnums 1 .*not_a_number was called with 1 positional argument",
        ),
        (lambda: fg.grad(not_a_number, -2)(1.0), ValueError, "argnums -2 .*1 positional"),
        (lambda: fg.grad(not_a_number)(x=1.0), ValueError, "argnums 0 .*0 positional arguments"),
        (lambda: fg.jacobian(not_a_number, 3)(1.0), ValueError, "argnums 3"),
        (lambda: fg.grad(not_a_number, (0, 0)), None, None),
        (
            lambda: fg.grad(not_a_number, (0, -1))(1.0),
            ValueError,
            r"argnums \(0, -1\) names argument 0 twice",
        ),
        (lambda: fg.grad(not_a_number, 1.5), TypeError, "argnums.*1.5"),
        (lambda: fg.grad(not_a_number, "0"), TypeError, "argnums.*'0'"),
        (lambda: fg.grad(not_a_number, None), TypeError, "argnums.*None"),
        (lambda: fg.grad(not_a_number, True), TypeError, "argnums.*True"),
        (lambda: fg.grad(not_a_number, ()), ValueError, "argnums is empty"),
        (lambda: fg.hessian(not_a_number, (0, 1)), TypeError, "argnums of a hessian.*hvp"),
        (lambda: fg.hessian(fg.sum)([1.0, 2.0]), TypeError, "hessian.*argument 0 of sum.*list.*hvp"),
        (lambda: fg.hessian(fg.sum)({"a": 1.0}), TypeError, "dict"),
        (
            lambda: fg.grad(lambda x: None)(1.0),
            TypeError,
            "<lambda> returned a NoneType; expected a tensor or a number",
        ),
        (lambda: fg.grad(lambda x: {"a": x})(1.0), TypeError, "<lambda> returned a dict"),
        (lambda: fg.jacobian(lambda x: (x, x))(1.0), TypeError, "returned a tuple|operand of type tuple"),
        (lambda: fg.grad(lambda x: fg.astype(x, int))(1.0), TypeError, "returned int64"),
        (lambda: fg.jacobian(lambda x: x > 0)(np.ones(2)), TypeError, "returned bool"),
        (lambda: fg.grad(3.0), TypeError, "f must be a function, got float"),
        (lambda: fg.value_and_grad(None), TypeError, "f must be a function, got NoneType"),
        (lambda: fg.jacobian(np.ones(3)), TypeError, "f must be a function, got ndarray"),
        (lambda: fg.compile(2), TypeError, "f must be a function, got int"),
        (lambda: fg.hvp(fg.sum, np.ones(3), np.ones(2)), ValueError, r"leaf 0 of v has shape \(2,\).*\(3,\)"),
        (lambda: fg.hvp(fg.sum, {"a": 1.0}, [1.0]), ValueError, "v must be nested as x"),
        (lambda: fg.hvp(fg.sum, np.ones(3), np.array(["a", "b", "c"])), TypeError, "<U1"),
        (lambda: fg.hvp(fg.sum, [], []), ValueError, "nothing|no numbers|empty"),
        (lambda: fg.elementwise_grad(lambda x: {"a": x})(1.0), TypeError, "dict"),
    ],
)
def test_errors(call, error, words):
    if error is None:
        with pytest.raises(ValueError, match="names argument 0 twice"):
            call()(1.0)
    else:
        with pytest.raises(error, match=words):
            call()
    assert core.is_grad_enabled()
    assert not core.is_recording()
    assert fg.grad(lambda x: x**3)(2.0) == 12.0
