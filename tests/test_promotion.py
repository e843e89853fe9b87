"""Which dtype comes out: NumPy 2's rule, Python numbers giving way, and where fastgrad means to differ."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import fastgrad as fg

tensors = {
    "bool": np.array([True, False, True]),
    "int64": np.array([3, 1, 2]),
    "float32": np.array([0.5, 2.0, 1.5], np.float32),
    "float64": np.array([0.25, 1.0, 3.0]),
}
numbers = {
    "True": True,
    "2": 2,
    "2.5": 2.5,
    "np.bool": np.True_,
    "np.int64": np.int64(3),
    "np.float32": np.float32(1.5),
    "np.float64": np.float64(1.5),
    "0-d float32": np.array(1.5, np.float32),
    "0-d float64": np.array(1.5),
    "0-d int64": np.array(2),
}
arithmetic = ["add", "subtract", "multiply", "minimum", "maximum"]
comparisons = ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]


def expected(name, a, b):
    """NumPy's result, but that bools count as integers and powers of integers, squares apart, are float64."""
    kinds = {np.result_type(a).kind, np.result_type(b).kind}
    if name in arithmetic and kinds == {"b"}:
        a, b = np.int64(a), np.int64(b)
    if name == "power" and kinds <= set("bi") and not (type(b) is int and b == 2):
        a = np.float64(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(getattr(np, name)(a, b))


@pytest.mark.parametrize("name", [*arithmetic, "divide", "power", *comparisons])
@pytest.mark.parametrize(("one", "other"), list(itertools.product(tensors, [*tensors, *numbers])))
def test_two_operands(name, one, other):
    a, b = tensors[one], {**tensors, **numbers}[other]
    f = getattr(fg, name)
    operand = fg.tensor(b) if other in tensors else b
    for ours, theirs in [
        (f(fg.tensor(a), operand), expected(name, a, b)),
        (f(operand, fg.tensor(a)), expected(name, b, a)),
    ]:
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6)


@pytest.mark.parametrize(("one", "other"), list(itertools.product(tensors, [*tensors, *numbers])))
def test_branches_of_where(one, other):
    a, b = tensors[one], {**tensors, **numbers}[other]
    condition = np.array([True, False, True])
    want = np.where(condition, a, b)
    ours = fg.where(condition, fg.tensor(a), b)
    assert ours.dtype == (want.dtype if want.dtype != bool else np.int64)
    np.testing.assert_array_equal(ours.numpy(), want)


@pytest.mark.parametrize(("one", "other"), list(itertools.product(tensors, tensors)))
def test_parts_of_concatenate(one, other):
    want = np.concatenate([tensors[one], tensors[other]])
    ours = fg.concatenate([fg.tensor(tensors[one]), tensors[other]])
    assert ours.dtype == want.dtype
    np.testing.assert_array_equal(ours.numpy(), want)


@pytest.mark.parametrize(("one", "other"), list(itertools.product(tensors, tensors)))
def test_matmul_computes_in_floats(one, other):
    a, b = tensors[one], tensors[other]
    want = np.result_type(a, b)
    product = fg.matmul(fg.tensor(a), b)
    assert product.dtype == (want if want.kind == "f" else np.float64)
    np.testing.assert_allclose(product.item(), np.dot(a.astype(float), b.astype(float)), rtol=1e-6)


@pytest.mark.parametrize("dtype", tensors)
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "logsumexp"])
def test_reductions(name, dtype):
    integers = {"sum": "int64", "max": "int64", "min": "int64"}
    want = dtype if dtype.startswith("float") else integers.get(name, "float64")
    assert getattr(fg, name)(fg.tensor(tensors[dtype])).dtype == want


def test_results_of_python_numbers_alone_still_give_way():
    assert (fg.tensor(tensors["float32"]) * (fg.add(1.0, 2.0) + 1)).dtype == np.float32
    assert (fg.tensor(tensors["int64"]) + fg.add(1, 2)).dtype == np.int64
    assert (fg.tensor(tensors["float32"]) * fg.tensor(2.0)).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32])
def test_small_integers_are_int64(dtype):
    assert fg.tensor(np.array([1, 2], dtype)).dtype == np.int64
    assert fg.add(np.array([1, 2], dtype), 1).dtype == np.int64


def test_float16_is_float32():
    assert fg.exp(np.array([1.0, 2.0], np.float16)).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint64, np.complex128, np.longdouble, "U1", object])
def test_dtypes_that_do_not_fit_are_refused(dtype):
    if np.dtype(dtype) == np.float64:
        pytest.skip("long double is double here")
    numbers = np.array([1, 2]).astype(dtype)
    with pytest.raises(TypeError, match="dtype"):
        fg.tensor(numbers)
    with pytest.raises(TypeError, match="dtype"):
        fg.add(numbers, fg.tensor([1.0, 2.0]))


@pytest.mark.parametrize("name", ["add", "multiply", "divide", "power", "maximum"])
def test_gradients_have_the_dtype_of_their_argument(name):
    a = fg.tensor(tensors["float32"], requires_grad=True)
    b = fg.tensor(tensors["float64"], requires_grad=True)
    value = getattr(fg, name)(a, b)
    assert value.dtype == np.float64
    value.sum().backward()
    assert a.grad.dtype == np.float32
    assert b.grad.dtype == np.float64
