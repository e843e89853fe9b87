"""Tensors as values: making them, dtypes, memory, indexing, operators, text, copies; that nothing leaks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastgrad as fg
from checking import assert_same
from fastgrad import nn

DTYPES = [np.bool_, np.int64, np.float32, np.float64]


# --- making tensors


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float64),
        (3, np.int64),
        (True, np.bool_),
        ([], np.float64),
        ([1, 2], np.int64),
        ([True, 2.5], np.float64),
        ([[1.0], [2.0]], np.float64),
        (((1, 2), (3, 4)), np.int64),
        (range(3), np.int64),
        (np.float32(2.0), np.float32),
        (np.int8(-3), np.int64),
        (np.uint32(7), np.int64),
        (np.bool_(False), np.bool_),
        (np.array([1, 2], np.int16), np.int64),
        (np.array([1, 2], np.uint8), np.int64),
        (np.array([1.5], np.float16), np.float32),
        (np.array([1.5], ">f8"), np.float64),
        (np.array([1, 2], ">i4"), np.int64),
        (np.zeros((0, 3), np.float32), np.float32),
    ],
)
def test_dtype_of_data(data, dtype):
    for make in (fg.tensor, fg.asarray):
        assert_same(make(data), np.asarray(data).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", [[0, 1, 2], [0.0, -1.5, 2.9], [True, False], np.array([0, 3], np.int8)])
def test_dtype_asked_for(data, dtype):
    expected = np.asarray(data).astype(dtype)
    assert_same(fg.tensor(data, dtype=dtype), expected)
    assert_same(fg.tensor(data, np.dtype(dtype).name), expected)
    assert_same(fg.tensor(np.asarray(data), dtype=dtype), expected)
    assert_same(fg.tensor(fg.tensor(data), dtype=dtype), expected)
    assert_same(fg.tensor(data).astype(dtype), expected)
    assert_same(fg.astype(data, dtype), expected)


def test_python_types_name_dtypes():
    assert fg.tensor([1], dtype=float).dtype == np.float64
    assert fg.tensor([1.0], dtype=int).dtype == np.int64
    assert fg.tensor([1.0], dtype=bool).dtype == np.bool_
    assert fg.tensor([1.0]).astype("float32").dtype is np.dtype(np.float32)


LAYOUTS = {
    "fortran": lambda a: np.asfortranarray(a),
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "strided": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    "read-only": lambda a: read_only(a),
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "misaligned": lambda a: misaligned(a),
    "field": lambda a: field_of_records(a),
    "subclass": lambda a: a.view(np.matrix),
}


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def misaligned(a):
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    raw[...] = a
    return raw


def field_of_records(a):
    records = np.zeros(a.shape, np.dtype([("tag", "u1"), ("value", a.dtype)]))
    records["value"] = a
    return records["value"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_any_layout_gives_the_bits_of_a_contiguous_copy(layout, dtype):
    plain = (np.random.default_rng(1).normal(size=(7, 5)) * 10).astype(dtype)
    other = LAYOUTS[layout](plain)
    assert_same(fg.tensor(other), plain)
    assert_same(fg.asarray(other), plain)
    assert_same(fg.asarray(other) * 3, plain * np.array(3, dtype))
    assert_same(fg.exp(other), fg.exp(plain).numpy())
    assert_same(fg.sum(other, 0), fg.sum(plain, 0).numpy())
    assert_same(fg.matmul(other, other.T), fg.matmul(plain, plain.T).numpy())
    compiled = fg.compile(lambda x: fg.sin(x) + x)
    np.testing.assert_array_equal(compiled(other), compiled(plain))


def test_zero_stride_and_zero_size():
    assert_same(fg.asarray(np.broadcast_to(np.float64(2.0), (3, 4))), np.full((3, 4), 2.0))
    empty = fg.tensor(np.zeros((3, 0, 2)))
    assert empty.size == 0
    assert_same(empty + 1.0, np.zeros((3, 0, 2)))
    assert_same(empty.sum(1), np.zeros((3, 2)))
    assert empty.tolist() == [[], [], []]


def test_properties():
    t = fg.tensor(np.ones((2, 3), np.float32))
    assert t.shape == (2, 3)
    assert type(t.shape) is tuple
    assert (t.ndim, t.size, len(t)) == (2, 6, 2)
    assert t.dtype is np.dtype(np.float32)
    assert t.T.shape == (3, 2)
    assert (t.requires_grad, t.is_leaf, t.grad) == (False, True, None)
    assert fg.tensor(np.arange(24).reshape(2, 3, 4)).T.shape == (4, 3, 2)
    for name in ("shape", "dtype", "ndim", "size", "T", "is_leaf"):
        with pytest.raises(AttributeError):
            setattr(t, name, None)


def test_numbers_out():
    assert (fg.tensor([[2.5]]).item(), fg.tensor(3).item(), fg.tensor(True).item()) == (2.5, 3, True)
    assert type(fg.tensor(3).item()) is int
    assert type(fg.tensor(True).item()) is bool
    assert (float(fg.tensor([1.5])), int(fg.tensor(-2.7)), bool(fg.tensor(0.0))) == (1.5, -2, False)
    assert int(fg.tensor(2**62 + 1)) == 2**62 + 1  # not by way of a float
    assert fg.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert [10, 20, 30][fg.tensor(1)] == 20
    assert list(range(fg.tensor(3))) == [0, 1, 2]
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        fg.tensor([1.0, 2.0]).item()
    with pytest.raises(ValueError, match="NaN"):
        int(fg.tensor(math.nan))
    with pytest.raises(TypeError, match="int64"):
        [1, 2][fg.tensor(1.0)]


# --- indexing


def index_parts(size):
    inside = st.integers(-size, size - 1) if size else st.nothing()
    array = hnp.arrays(np.int64, hnp.array_shapes(min_dims=1, max_dims=2, max_side=3), elements=inside)
    return st.one_of(inside, st.slices(size), array) if size else st.slices(size)


@st.composite
def indexed_arrays(draw):
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    used = draw(st.integers(0, len(shape)))
    at = draw(st.integers(0, used))
    ellipsis = draw(st.booleans()) or used < len(shape)
    parts = []
    arrays = 0
    for k in range(used):
        axis = k if k < at else len(shape) - used + k
        part = draw(index_parts(shape[axis]))
        if isinstance(part, np.ndarray):
            arrays += 1
            if arrays > 1:
                part = slice(None)
        parts.append(part)
    if ellipsis:
        parts.insert(at, Ellipsis)
    for _ in range(draw(st.integers(0, 2))):
        parts.insert(draw(st.integers(0, len(parts))), None)
    array = np.arange(math.prod(shape), dtype=np.float64).reshape(shape)
    return array, tuple(parts) if len(parts) != 1 or draw(st.booleans()) else parts[0]


@settings(max_examples=400, deadline=None)
@given(indexed_arrays())
def test_indexing_is_numpys(case):
    array, index = case
    expected = array[index]
    assert_same(fg.tensor(array)[index], expected)
    w = fg.tensor(array, requires_grad=True)
    weights = np.arange(1.0, expected.size + 1).reshape(expected.shape)
    (w[index] * weights).sum().backward()
    gradient = np.zeros_like(array)
    np.add.at(gradient, index, weights)
    if w.grad is None:
        assert not gradient.any()
    else:
        np.testing.assert_array_equal(w.grad.numpy(), gradient)
    if not any(isinstance(part, np.ndarray) for part in (index if isinstance(index, tuple) else (index,))):
        np.testing.assert_array_equal(fg.compile(lambda x: x[index])(array), expected)


@pytest.mark.parametrize(
    "index",
    [
        np.array([0, 2]),
        [0, 2, 2],
        [-1],
        [],
        np.array([], np.int64),
        np.array([[0], [1]]),
        np.int64(1),
        np.int8(-1),
        np.array(1),
        (slice(None), np.array([0, 2])),
        (0, slice(None), [1, 2]),
        ([1, 0], slice(None), 0),
        (0, None, [1, 2]),
        (slice(None), 1, [0, 1]),
        (..., [0, 1]),
        (1, ..., [0, 1], None),
        (None, [0, 1], 0),
        np.array([1], np.uint8),
    ],
)
def test_indexing_with_integers_of_every_kind(index):
    array = np.arange(36.0).reshape(3, 3, 4)
    assert_same(fg.tensor(array)[index], array[index])
    as_tensor = (
        tuple(fg.tensor(i) if isinstance(i, np.ndarray) else i for i in index)
        if isinstance(index, tuple)
        else (fg.tensor(index) if isinstance(index, np.ndarray) and index.dtype.kind == "i" else index)
    )
    assert_same(fg.tensor(array)[as_tensor], array[index])


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (3, r"index 3 .* axis 0 .*\(3, 4\)"),
        ((0, -5), r"index -5 .* axis 1 .*\(3, 4\)"),
        ((0, 0, 0), r"too many indices.*2 dimensions"),
        ((..., ...), "only once"),
        ([0, 3], r"index 3 at position 1 .* size 3"),
        (np.array([-4]), r"index -4 .* size 3"),
        (np.array([True, False]), r"mask of shape \(2,\) .*\(3, 4\)"),
        (True, "bool"),
        (1.0, "float"),
        (np.array([1.0]), "float64, expected integers"),
        ("a", "str"),
        ({}, "dict"),
        (([0, 1], [1, 2, 3]), "do not broadcast"),
        (2**70, "index"),
    ],
)
def test_bad_indices(index, words):
    t = fg.tensor(np.zeros((3, 4)))
    with pytest.raises((IndexError, TypeError), match=words):
        t[index]


def test_arithmetic_in_place_makes_a_new_value():
    t = fg.tensor([1.0, 2.0])
    other = t
    t += 1.0  # a new value under the same name
    assert (t.tolist(), other.tolist()) == ([2.0, 3.0], [1.0, 2.0])


def test_iteration():
    t = fg.tensor(np.arange(6.0).reshape(3, 2))
    assert [row.tolist() for row in t] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    assert [row.tolist() for row in reversed(t)] == [[4.0, 5.0], [2.0, 3.0], [0.0, 1.0]]
    first, *rest = t
    assert (first.tolist(), len(rest)) == ([0.0, 1.0], 2)
    assert list(fg.tensor([])) == []
    w = fg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    sum(x * x for x in w).backward()
    assert w.grad.tolist() == [2.0, 4.0, 6.0]
    for scalar in (fg.tensor(1.0), w[0]):
        with pytest.raises(TypeError, match=r"shape \(\)"):
            iter(scalar)
        with pytest.raises(TypeError, match=r"shape \(\)"):
            len(scalar)


# --- operators

OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
NUMBERS = [2, -1.5, 0, True, np.float32(2.5), np.float64(-0.5), np.int64(3), np.int8(2), np.bool_(True)]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{type(n).__name__}")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_on_both_sides(name, dtype, number):
    operator = OPERATORS[name]
    array = np.array([[1, 2, 3], [-4, 0, 6]]).astype(dtype)
    held = (
        number if isinstance(number, (bool, int, float)) else fg.tensor(number).numpy()[()]
    )  # int8 is held as int64
    assert_same(operator(fg.tensor(array), number), operator(array, held))
    assert_same(operator(number, fg.tensor(array)), operator(held, array))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("left", [np.int64, np.float32, np.float64])
@pytest.mark.parametrize("right", [np.int64, np.float32, np.float64])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_arrays_on_both_sides(name, left, right):
    operator = OPERATORS[name]
    a = np.array([[1, -2, 3], [4, 5, 0]]).astype(left)
    b = np.array([2, -2, 1]).astype(right)
    for x, y in [(fg.tensor(a), fg.tensor(b)), (fg.tensor(a), b), (a, fg.tensor(b))]:
        assert_same(operator(x, y), operator(a, b))
        assert_same(operator(y, x), operator(b, a))
    assert_same(operator(fg.tensor(a), b.tolist()), operator(a, np.asarray(b.tolist())))


def test_weak_numbers_give_way():
    single = fg.tensor([1.0, 2.0], dtype=np.float32)
    for result in (
        single + 1,
        1.5 * single,
        single**2.5,
        single - True,
        fg.maximum(single, 0.0),
        fg.clip(single, 0, 1.5),
    ):
        assert result.dtype == np.float32
    assert (single * np.float64(2.0)).dtype == np.float64
    assert (single * fg.tensor(2.0)).dtype == np.float64
    assert (single * fg.tensor(2)).dtype == np.float64
    assert (fg.tensor([1, 2]) * 2.0).dtype == np.float64
    assert (fg.tensor([1, 2]) * 2).dtype == np.int64
    assert (fg.tensor([True]) + 1).dtype == np.int64
    assert (fg.tensor([True]) + 1.0).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "exponent", [2, 2.0, 3, -1, 0.5, -2, 0, 1, 1.7, np.float32(2.0), np.array([1.0, 2.0])]
)
def test_powers(dtype, exponent):
    array = np.array([0.5, 3.0], dtype)
    result, expected = fg.tensor(array) ** exponent, array**exponent
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result.numpy(), expected, rtol=4 * np.finfo(expected.dtype).eps)
    np.testing.assert_allclose((2.0 ** fg.tensor(array)).numpy(), 2.0**array, rtol=4 * np.finfo(dtype).eps)
    with pytest.raises(TypeError, match="modul"):
        pow(fg.tensor(array), 2, 7)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_matrix_products_and_unary_operators(dtype):
    a, b = np.arange(6).reshape(2, 3).astype(dtype), np.arange(3).astype(dtype) - 1
    held = np.float64 if dtype == np.int64 else dtype
    for x, y in [(fg.tensor(a), fg.tensor(b)), (fg.tensor(a), b), (a, fg.tensor(b))]:
        assert_same(x @ y, (a @ b).astype(held))
    assert_same(b @ fg.tensor(a.T), (b @ a.T).astype(held))
    assert_same(-fg.tensor(b), -b)
    assert_same(+fg.tensor(b), b)
    assert_same(abs(fg.tensor(b)), abs(b))


def test_truth_values():
    a, b = np.array([True, True, False]), np.array([True, False, False])
    for x, y in [(fg.tensor(a), fg.tensor(b)), (fg.tensor(a), b), (a, fg.tensor(b))]:
        assert_same(x & y, a & b)
        assert_same(x | y, a | b)
    assert_same(~fg.tensor(a), ~a)
    with pytest.raises(TypeError, match="bool"):
        fg.tensor([1.0]) & fg.tensor([2.0])


class Loud:
    """An operand that knows what to do with tensors."""

    def __add__(self, other):
        return "added"

    __radd__ = __rmul__ = __matmul__ = __rmatmul__ = __add__


def test_strangers_get_their_turn():
    t = fg.tensor([1.0])
    assert t + Loud() == "added"
    assert Loud() + t == "added"
    assert t * Loud() == "added"
    assert t @ Loud() == "added"
    with pytest.raises(TypeError, match="unsupported operand"):
        t + "text"
    with pytest.raises(TypeError, match="unsupported operand"):
        t << 2.0
    with pytest.raises(TypeError):
        t + None
    assert (t == None) is False  # noqa: E711 - what Python makes of it
    assert (t != "text") is True


def test_hash_is_identity_and_equality_is_elementwise():
    a, b = fg.tensor([1.0, 2.0]), fg.tensor([1.0, 3.0])
    assert_same(a == b, [True, False])
    assert_same(a != b, [False, True])
    assert len({a, b, a}) == 2
    assert {a: "a"}[a] == "a"
    assert hash(a) == hash(a)
    assert 2.0 in a
    assert 5.0 not in a
    with pytest.raises(ValueError, match=r"bool\(\).*shape \(2,\)"):
        bool(a == b)


# --- text


def test_representation():
    assert repr(fg.tensor(1.5)) == "tensor(1.5)"
    assert repr(fg.tensor([1, 2])) == "tensor([1, 2], dtype=int64)"
    assert repr(fg.tensor([True])) == "tensor([ True], dtype=bool)"
    assert repr(fg.tensor(np.float32([1, 2]))) == "tensor([1., 2.], dtype=float32)"
    assert repr(fg.tensor([1.0], requires_grad=True)) == "tensor([1.], requires_grad=True)"
    assert repr(fg.tensor([[1.0, 2.0], [3.0, 4.0]])) == "tensor([[1., 2.],\n        [3., 4.]])"
    assert str(fg.tensor([])) == "tensor([])"
    assert len(repr(fg.tensor(np.zeros((1000, 1000))))) < 1000
    assert repr(nn.Parameter([1.0])).startswith("Parameter containing:\ntensor([1.], requires_grad=True)")


def test_formatting():
    w = fg.tensor(1.23456, requires_grad=True)
    assert f"{w:.3f}" == "1.235"
    assert f"{w * 1.0:8.2f}" == "    1.23"
    assert f"{fg.tensor(7):03d}" == "007"
    assert f"{fg.tensor([1.0])}" == "tensor([1.])"
    assert f"{fg.tensor([1.0]):>14}" == "  tensor([1.])"
    assert "%.1f" % fg.tensor(2.25) == "2.2"  # noqa: UP031
