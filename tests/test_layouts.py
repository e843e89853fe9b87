"""The same numbers in another memory layout, and a compiled function, give the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgrad as fg
from op_table import CASE_NAMES, CASES, ROWS, seed_like, value_and_gradients

cases = pytest.mark.parametrize(("row", "call"), CASES, ids=CASE_NAMES)
elementwise = [row for row in ROWS if row.elementwise]


def same_bits(a, b):
    """Equal to the last bit; NaN counts as one value, for its sign and payload mean nothing."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a), np.signbit(b))


# --- layouts: each keeps the numbers and changes where they lie


def strided(a):
    view = np.zeros((*a.shape, 3), a.dtype)[..., 1]
    view[...] = a
    return view


def backwards(a):
    return a[(slice(None, None, -1),) * a.ndim].copy()[(slice(None, None, -1),) * a.ndim]


def fortran(a):
    return a.copy(order="F")


def axes_turned(a):
    return np.moveaxis(np.moveaxis(a, 0, -1).copy(), -1, 0) if a.ndim else a


def inside_a_larger_array(a):
    larger = np.ones([size + 3 for size in (1, *a.shape)], a.dtype)
    view = larger[(2, *[slice(2, 2 + size) for size in a.shape], ...)]
    view[...] = a
    return view


def misaligned(a):
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:]
    view = memory.view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def read_only(a):
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def byte_swapped(a):
    return a.astype(a.dtype.newbyteorder())


layouts = [
    strided,
    backwards,
    fortran,
    axes_turned,
    inside_a_larger_array,
    misaligned,
    read_only,
    byte_swapped,
]


@pytest.mark.parametrize("layout", layouts, ids=lambda layout: layout.__name__)
def test_layouts_keep_the_numbers(layout):
    a = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    moved = layout(a)
    np.testing.assert_array_equal(moved, a)
    assert (
        not moved.flags.c_contiguous
        or not moved.flags.aligned
        or not moved.flags.writeable
        or not moved.dtype.isnative
    )


def results(row, call, arrays, make=fg.tensor, layout=np.asarray):
    """The value and the gradients, of arrays and from a seed in a layout."""
    moved = [layout(a) for a in arrays]
    value, flows = value_and_gradients(row, call, moved, lambda value: layout(seed_like(value)), make)
    return [value, *flows]


@pytest.mark.parametrize("layout", layouts, ids=lambda layout: layout.__name__)
@cases
def test_layout_does_not_change_values_or_gradients(row, call, layout):
    for code in row.dtypes:
        # 2-d for elementwise ops; beyond a block of the gathering loop, with rows below and above its length.
        for shape in [(5, 7), (3, 1100), (70, 33)] if row.elementwise and code in "fd" else [(5, 7)]:
            arrays = row.inputs(code, n=7, shape=shape if row.elementwise else None)
            plain = results(row, call, arrays)
            for make in (fg.asarray, fg.tensor):
                assert all(map(same_bits, results(row, call, arrays, make, layout), plain)), (
                    code,
                    shape,
                    make,
                )


@pytest.mark.parametrize("row", elementwise, ids=lambda row: row.name)
def test_one_argument_in_another_layout_than_the_rest(row):
    call = row.calls[0]
    code = row.dtypes[-1]
    arrays = row.inputs(code, shape=(6, 9, 11))
    plain = call(row.function, *arrays).numpy()
    for which in range(len(arrays)):
        for layout in layouts:
            mixed = [layout(a) if i == which else a for i, a in enumerate(arrays)]
            assert same_bits(call(row.function, *map(fg.asarray, mixed)).numpy(), plain)


@pytest.mark.parametrize("row", elementwise, ids=lambda row: row.name)
def test_zero_strides_are_repeated_numbers(row):
    call = row.calls[0]
    for code in row.dtypes:
        for shape, full in [
            ((1, 13), (9, 13)),
            ((9, 1), (9, 13)),
            ((1, 1), (9, 13)),
            ((5, 1, 700), (5, 3, 700)),
        ]:
            views = [np.broadcast_to(a, full) for a in row.inputs(code, shape=shape)]
            assert all(0 in view.strides for view in views)
            plain = results(row, call, [view.copy() for view in views])
            assert all(map(same_bits, results(row, call, views, fg.asarray), plain))


@pytest.mark.parametrize("row", elementwise, ids=lambda row: row.name)
@pytest.mark.parametrize("shape", [(0,), (3, 0, 2), ()], ids=str)
def test_nothing_and_one_number(row, shape):
    call = row.calls[0]
    for code in row.dtypes:
        arrays = row.inputs(code, shape=shape)
        value, flows = value_and_gradients(row, call, arrays)
        assert value.shape == shape
        assert all(flow.shape == shape for flow in flows)
        assert row.error(call, arrays, value) <= 1


@st.composite
def slices(draw):
    start, step = draw(st.integers(0, 4)), draw(st.sampled_from([1, 2, 3, -1, -2]))
    return slice(start, None, step) if step > 0 else slice(None, None, step)


@given(row=st.sampled_from(elementwise), turned=st.permutations(range(3)), data=st.data())
def test_any_slice_of_any_transpose(row, turned, data):
    call, code = row.calls[0], row.dtypes[-1]
    index = tuple(data.draw(slices()) for _ in range(3))
    arrays = [a.transpose(turned)[index] for a in row.inputs(code, shape=(8, 9, 10))]
    plain = call(row.function, *[a.copy() for a in arrays]).numpy()
    assert same_bits(call(row.function, *map(fg.asarray, arrays)).numpy(), plain)


# --- compiled


@cases
def test_compiled_has_the_bits_of_eager(row, call):
    for code in row.dtypes:
        arrays = row.inputs(code, n=11)
        eager = call(row.function, *map(fg.tensor, arrays)).numpy()
        compiled = fg.compile(lambda *tensors: call(row.function, *tensors))
        for _ in range(2):  # the call that records, and one that does not
            assert same_bits(compiled(*arrays), eager)
        assert same_bits(compiled(*map(strided, arrays)), eager)
        assert same_bits(compiled(*map(fortran, arrays)), eager)
        assert compiled.recordings == 1


@pytest.mark.parametrize(
    ("row", "call"),
    [case for case in CASES if case[0].gradient],
    ids=[name for name, case in zip(CASE_NAMES, CASES, strict=True) if case[0].gradient],
)
def test_compiled_gradient_has_the_bits_of_eager(row, call):
    for code in "fd":
        arrays = row.inputs(code, n=11)
        floats = tuple(i for i, a in enumerate(arrays) if a.dtype.kind == "f")
        weights = seed_like(row.expected(call, arrays).astype(code))

        def loss(*tensors, weights=weights):
            return fg.sum(call(row.function, *tensors) * weights)

        gradient = fg.grad(loss, floats)
        eager = gradient(*arrays)
        compiled = fg.compile(gradient)
        for _ in range(2):
            assert all(map(same_bits, compiled(*arrays), eager))
        assert all(map(same_bits, compiled(*map(backwards, arrays)), eager))


# --- products


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("m", "k", "n"), [(1, 1, 1), (5, 300, 1), (17, 65, 33), (40, 513, 7), (3, 1030, 100)]
)
def test_a_rows_product_does_not_depend_on_its_batch(m, k, n, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(k, n)).astype(dtype)
    whole = fg.matmul(a, b).numpy()
    for i in range(m):
        assert same_bits(fg.matmul(a[i : i + 1], b).numpy()[0], whole[i])
        assert same_bits(fg.matmul(a[i], b).numpy(), whole[i])
    assert same_bits(fg.matmul(fortran(a), fortran(b)).numpy(), whole)
    assert same_bits(fg.matmul(np.stack([a, a[::-1]]), b).numpy()[0], whole)
