"""Every op of the table: values against NumPy, gradients against central differences, second derivatives."""

from __future__ import annotations

import re

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import _array_protocol, _core
from fastgrad._functions import creation, grids, writing
from op_table import CASE_NAMES, CASES, ROWS, as_dtype, seed_like, value_and_gradients

ROW_OF = {row.name: row for row in ROWS}
DIFFERENTIABLE = [case for case in CASES if case[0].gradient]
DIFFERENTIABLE_NAMES = [name for name, case in zip(CASE_NAMES, CASES, strict=True) if case[0].gradient]

all_differentiable = pytest.mark.parametrize(("row", "call"), DIFFERENTIABLE, ids=DIFFERENTIABLE_NAMES)


def functions_of(namespace):
    return {name for name in dir(namespace) if not name.startswith("_")}


# Not for recordings, or no tensors come out: test_numpy_values.py.
READ_VALUES = (
    "argwhere",
    "broadcast_shapes",
    "can_cast",
    "flatnonzero",
    "fromfunction",
    "intersect1d",
    "iscomplexobj",
    "isrealobj",
    "nonzero",
    "result_type",
    "roots",
    "setdiff1d",
    "setxor1d",
    "trim_zeros",
    "union1d",
    "unique",
    "unique_values",
)

# --- the table is complete


def test_every_function_of_the_core_has_a_row():
    assert set(_core.elementwise_table) | functions_of(_core.ops) <= set(ROW_OF)
    assert len(ROW_OF) == len(ROWS), "an op has two rows"


def test_every_function_of_fastgrad_numpy_has_a_row():
    known = {row.function for row in ROWS}
    public = {name: getattr(fg.numpy, name) for name in dir(fg.numpy) if not name.startswith("_")}
    public = {name: f for name, f in public.items() if callable(f)}
    creating = {getattr(fg.numpy, name) for name in creation.__all__}  # test_assignment.py
    creating |= {
        getattr(fg.numpy, name) for name in (*grids.__all__, *writing.__all__)
    }  # test_numpy_values.py
    creating |= {getattr(fg.numpy, name) for name in READ_VALUES}
    types = {f for f in public.values() if isinstance(f, type)}
    assert not [name for name, f in public.items() if f not in known | creating | types]


def test_rows_reach_every_primitive_in_both_directions():
    """The primitives behind the functions, those that only gradients use among them, are run by some row."""
    reached = set()
    for row, call in DIFFERENTIABLE:

        def both_ways(tensors, row=row, call=call):
            floats = [t for t in tensors if t.dtype.kind == "f"]
            for t in floats:
                t.requires_grad = True
            value = call(row.function, *tensors)
            flows = _core.gradients([value], [np.ones(value.shape)], floats, True, True)
            return [value, *[flow for flow in flows if flow is not None]]

        examples = [fg.tensor(a) for a in row.inputs("d", n=3)]
        reached |= set(re.findall(r"= (\w+)\(", _core.record(both_ways, examples).text()))
    without_gradient = {row.name for row in ROWS if not row.gradient}
    drawing = {"bernoulli", "integers", "normal", "uniform"}  # test_random.py
    with_rules = {"ruled", "recompute", "draw_key"}  # test_custom_rules.py, test_remat.py
    assigned = {"put", "set_slice"}  # test_assignment.py
    assert set(_core.op_names()) <= reached | without_gradient | drawing | with_rules | assigned


# --- values


@pytest.mark.parametrize(
    ("row", "call", "code"),
    [(row, call, code) for row, call in CASES for code in row.dtypes],
    ids=[f"{name}-{code}" for name, (row, _) in zip(CASE_NAMES, CASES, strict=True) for code in row.dtypes],
)
def test_value(row, call, code):
    arrays = row.inputs(code, n=9)
    value = call(row.function, *[fg.tensor(a) for a in arrays]).numpy()
    assert row.error(call, arrays, value) <= 1
    assert value.dtype == row.expected_dtype(call, arrays)


def test_value_of_another_dtype_than_the_table_says_is_refused_or_promoted():
    """What rows leave out of `dtypes`: bool and int64 become float64, or numbers are no truth values."""
    for row in ROWS:
        for code in set("?lfd") - set(row.dtypes):
            arrays = [
                as_dtype(a, code) if a.dtype.kind != "i" else a
                for a in row.inputs("d" if row.gradient else "?")
            ]
            if row.gradient:
                assert row.calls[0](row.function, *arrays).dtype == np.float64
            else:
                numbers = [a.astype(code) for a in arrays]
                with pytest.raises(TypeError, match=row.name):
                    row.calls[0](row.function, *numbers)


@pytest.mark.parametrize("to", ["bool", "int64", "float32", "float64"])
@pytest.mark.parametrize("dtype", ["bool", "int64", "float32", "float64"])
def test_astype_between_all_dtypes(dtype, to):
    x = as_dtype(np.array([[-2.75, -1.0, 0.0], [0.3, 1.5, 7.0]]), np.dtype(dtype).char)
    value = fg.tensor(x).astype(to).numpy()
    assert value.dtype == to
    np.testing.assert_array_equal(value, x.astype(to))


@pytest.mark.parametrize(("dtype", "to"), [("float32", "float64"), ("float64", "float32")])
def test_astype_gives_back_a_gradient_of_the_dtype_it_came_from(dtype, to):
    x = fg.tensor([1.0, 2.0], dtype, requires_grad=True)
    (x.astype(to) ** 3).sum().backward()
    assert x.grad.dtype == dtype
    np.testing.assert_array_equal(x.grad.numpy(), [3.0, 12.0])


# --- first derivatives


def central_differences(f, arrays, which, weights, h):
    """The gradient of sum(weights * f) in one of the arrays, number by number."""
    gradient = np.zeros(arrays[which].shape)
    for place in np.ndindex(gradient.shape):
        values = []
        for step in (h, -h):
            moved = [a.copy() for a in arrays]
            moved[which][place] += step
            values.append(np.sum(weights * f(moved)))
        gradient[place] = (values[0] - values[1]) / (2 * h)
    return gradient


@all_differentiable
def test_gradient_is_that_of_the_reference(row, call):
    arrays = row.inputs("d", n=3)
    value, gradients = value_and_gradients(row, call, arrays)
    weights = seed_like(value)
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    for which, gradient in zip(floats, gradients, strict=True):
        assert gradient.dtype == np.float64
        want = central_differences(lambda moved: row.expected(call, moved), arrays, which, weights, h=6e-6)
        np.testing.assert_allclose(gradient, want, rtol=1e-8, atol=1e-8 * max(1.0, np.max(np.abs(want))))


@all_differentiable
def test_gradient_in_float32_is_that_in_float64(row, call):
    arrays = row.inputs("f", n=7)
    value, gradients = value_and_gradients(row, call, arrays)
    wide = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
    _, exact = value_and_gradients(row, call, wide, lambda _: seed_like(value).astype(np.float64))
    for gradient, want, a in zip(gradients, exact, [a for a in arrays if a.dtype.kind == "f"], strict=True):
        assert gradient.dtype == np.float32
        assert gradient.shape == a.shape
        np.testing.assert_allclose(gradient, want, rtol=2e-6, atol=2e-6 * np.max(np.abs(want)))


@pytest.mark.parametrize("row", [row for row in ROWS if not row.gradient], ids=lambda row: row.name)
def test_nothing_flows_through_truth_values_positions_and_constants(row):
    tensors = [fg.tensor(a) for a in row.inputs(row.dtypes[-1])]
    for t in tensors:
        t.requires_grad = t.dtype.kind == "f"
    value = row.calls[0](row.function, *tensors)
    assert not value.requires_grad


# --- second derivatives


@all_differentiable
def test_second_derivatives(row, call):
    arrays = row.inputs("d", n=3)
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]

    def of_floats(*moved):
        operands = list(arrays)
        for i, a in zip(floats, moved, strict=True):
            operands[i] = a
        return call(row.function, *operands)

    fg.check_grads(of_floats, [arrays[i] for i in floats], order=2, rtol=1e-6, atol=1e-7, directions=2)


@all_differentiable
def test_gradients_that_will_be_differentiated_have_the_bits_of_those_that_will_not(row, call):
    """A pullback is one kernel, or the ops it is made of when someone may differentiate it again."""
    arrays = row.inputs("d", n=7)
    tensors = [fg.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    leaves = [t for t in tensors if t.requires_grad]
    value = call(row.function, *tensors)
    seed = seed_like(value.detach().numpy())
    plain = _core.gradients([value], [seed], leaves, True, False)
    again = _core.gradients([value], [seed], leaves, True, True)
    for a, b in zip(plain, again, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


# --- NumPy's names


dispatched = [
    *[name for name, (ufunc, _, _) in _core.elementwise_table.items() if ufunc],
    *[name for name in ROW_OF if getattr(np, name, None) in _array_protocol._FUNCTIONS],
]


@pytest.mark.parametrize("name", sorted(set(dispatched)))
def test_numpys_own_function_takes_tensors_and_records(name):
    row = ROW_OF[name]
    function = getattr(np, (_core.elementwise_table.get(name) or (None,))[0] or name)
    dtype = row.dtypes[-1]
    for call in row.calls:
        arrays = row.inputs(dtype)
        tensors = [fg.tensor(a, requires_grad=a.dtype.kind == "f" and row.gradient) for a in arrays]
        value = call(function, *tensors)
        assert isinstance(value, fg.Tensor)
        assert value.requires_grad == row.gradient
        np.testing.assert_array_equal(value.detach().numpy(), call(row.function, *arrays).numpy())


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if len(row.args) == 1 and hasattr(fg.Tensor, row.name)],
    ids=lambda row: row.name,
)
def test_method_is_the_function(row):
    (x,) = row.inputs(row.dtypes[-1])
    for call in row.calls:
        by_method = call(lambda t, *args, **axes: getattr(t, row.name)(*args, **axes), fg.tensor(x))
        np.testing.assert_array_equal(by_method.numpy(), call(row.function, x).numpy())


def test_every_unary_op_but_those_on_truth_values_is_a_method():
    unary = [name for name, (_, arity, method) in _core.elementwise_table.items() if arity == 1 and method]
    assert unary
    assert not [name for name in unary if not hasattr(fg.Tensor, name)]


operators = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "remainder": lambda a, b: a % b,
    "floor_divide": lambda a, b: a // b,
    "power": lambda a, b: a**b,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "equal": lambda a, b: a == b,
    "not_equal": lambda a, b: a != b,
    "logical_and": lambda a, b: a & b,
    "logical_or": lambda a, b: a | b,
    "matmul": lambda a, b: a @ b,
    "negative": lambda a: -a,
    "abs": lambda a: abs(a),
    "logical_not": lambda a: ~a,
}


@pytest.mark.parametrize("name", operators)
def test_operator_is_the_function(name):
    row, f = ROW_OF[name], operators[name]
    arrays = row.inputs(row.dtypes[-1])
    want = row.function(*arrays).numpy()
    tensors = [fg.tensor(a) for a in arrays]
    np.testing.assert_array_equal(f(*tensors).numpy(), want)
    if len(arrays) == 2:
        np.testing.assert_array_equal(f(tensors[0], arrays[1]).numpy(), want)
        np.testing.assert_array_equal(f(arrays[0], tensors[1]).numpy(), want)


@pytest.mark.parametrize(
    ("exponent", "op"), [(2, "square"), (2.0, "square"), (0.5, "sqrt"), (-1, "reciprocal")]
)
def test_common_powers_take_the_short_way(exponent, op):
    x = fg.tensor(ROW_OF["sqrt"].inputs("d")[0], requires_grad=True)
    y = x**exponent
    assert y.grad_fn == op
    np.testing.assert_array_equal(y.detach().numpy(), getattr(fg, op)(x).detach().numpy())
