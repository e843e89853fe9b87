"""t[index] = value: NumPy's meaning, views included, and its gradients; tensors made to be filled."""

import gc
import re

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import fastgrad as fg
import fastgrad.numpy as fnp
from checking import assert_same, counted, leaf, same_bits

MASK = np.arange(12).reshape(3, 4) % 5 == 0
INDICES = [
    1,
    (0, 2),
    slice(None, None, 2),
    (slice(None), -1),
    (Ellipsis, slice(3, 0, -1)),
    (None, 2, slice(1, 3)),
    np.array([2, 0]),
    (np.array([[0, 2], [1, 1]]), np.array([3, 0])),
    (slice(1, None), np.array([0, 3])),
    (1, slice(None), None),
    np.array([True, False, True]),
    MASK,
    (slice(None), np.array([True, False, False, True])),
    slice(2, 2),
]


def table():
    return np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_what_numpy_does(index, dtype):
    array = table().astype(dtype)
    values = 100 + np.arange(array[index].size).reshape(array[index].shape).astype(dtype)
    broadcast = [values[..., :1], values[None]] if values.ndim and index is not MASK else []
    for value in [values, 7, *broadcast]:
        written = array.copy()
        written[index] = value
        tensor = fg.tensor(array)
        tensor[index] = value
        assert_same(tensor, written)


@given(st.data())
def test_any_index(data):
    shape = data.draw(hnp.array_shapes(max_dims=3, max_side=4))
    array = np.arange(np.prod(shape), dtype=float).reshape(shape)
    index = data.draw(
        st.one_of(
            hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True),
            hnp.integer_array_indices(shape),
            hnp.arrays(bool, shape),
        )
    )
    values = -1.0 - np.arange(array[index].size).reshape(array[index].shape)
    tensor, written = fg.tensor(array), array.copy()
    tensor[index] = values
    written[index] = values
    assert_same(tensor, written)


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_gradients(index):
    shape = table()[index].shape

    def f(x, v):
        y = fg.sin(x)
        y[index] = v * v
        return (y * y * (1.0 + table())).sum()

    rng = np.random.default_rng(0)
    args = rng.normal(size=(3, 4)), rng.normal(size=shape)
    fg.check_grads(f, args, order=2)
    same_bits(fg.compile(fg.grad(f, (0, 1)))(*args)[0], fg.grad(f)(*args))


def test_where_a_place_comes_twice_the_last_value_counts():
    def f(v):
        y = fg.zeros(3)
        y[np.array([0, 2, 0, 2, 2])] = v
        return (y * np.array([1.0, 10.0, 100.0])).sum()

    np.testing.assert_array_equal(fg.grad(f)(np.arange(5.0)), [0.0, 0.0, 1.0, 0.0, 100.0])


def test_replaced_numbers_get_no_gradient_whatever_they_are():
    def f(x):
        y = x.copy()
        y[0] = 2.0
        return (y * y).sum()

    np.testing.assert_array_equal(fg.grad(f)(np.array([np.inf, 3.0])), [0.0, 6.0])


def test_views_follow_and_pass_on():
    array, tensor = table(), fg.tensor(table())
    for t in (array, tensor):
        row, block, turned, flat = t[1], t[:, 1:3], t.T, t.reshape(2, 6)
        corner = block[0]
        t[1] = 50.0
        row[2] = -1.0
        corner[...] = 7.0
        turned[3, 0] = 9.0
        flat[1, -1] = 11.0
        block[2] += row[:2]
        t.transpose(1, 0)[0, 0] = 77.0
    assert_same(tensor, array)


def test_a_view_is_current_whoever_reads_it():
    t = fg.tensor(table())
    row = t[0]
    t[0, 1] = 5.0
    assert row.numpy()[1] == 5.0
    t[0, 1] = 6.0
    assert (row + 0.0).numpy()[1] == 6.0
    t[0, 1] = 7.0
    assert fg.sum(row).item() == row.sum().item() == 0 + 7 + 2 + 3
    t[0, 1] = 8.0
    assert repr(row) == "tensor([0., 8., 2., 3.])"


def test_numbers_and_picked_values_are_copies():
    t = fg.tensor(table())
    number, picked, copied = t[0, 0], t[[0, 1]], t.copy()
    t[...] = 1.0
    assert number.item() == 0.0
    assert_same(picked, table()[:2])
    assert_same(copied, table())


def test_long_chains_of_views_end():
    t = fg.tensor(np.zeros(4))
    for _ in range(200_000):
        t = t[::-1]
    del t
    gc.collect()


def test_a_view_carries_gradients_both_ways():
    def f(x):
        out = fg.zeros((2, 3))
        row = out[1]
        row[0] = x[0] * x[1]
        row[2] = row[0] * x[2]
        return (out * out).sum()

    x = np.array([0.5, -1.5, 2.0])
    fg.check_grads(f, (x,), order=2)
    p = x[0] * x[1]
    by_hand = [2 * p * x[1] * (1 + x[2] ** 2), 2 * p * x[0] * (1 + x[2] ** 2), 2 * p * p * x[2]]
    np.testing.assert_allclose(fg.grad(f)(x), by_hand)


def test_a_loop_that_fills_compiles():
    def trajectory(x):
        path = fnp.zeros((6, 2))
        path[0] = x
        for i in range(5):
            path[i + 1, 0] = path[i, 0] + 0.1 * path[i, 1]
            path[i + 1, 1] = path[i, 1] - 0.1 * fnp.sin(path[i, 0])
        return path

    x = np.array([1.0, 0.5])
    compiled, calls = counted(trajectory)
    for k in range(3):
        same_bits(compiled(x + k), trajectory(x + k))
    assert len(calls) == 1
    fg.check_grads(lambda x: (trajectory(x) ** 2).sum(), (x,), order=2)


def test_a_computed_mask_is_recorded_for_one_number():
    def clipped(x):
        y = x * 1.0
        y[y < 0] = 0.0
        return y

    compiled, calls = counted(clipped)
    for x in (np.array([-1.0, 2.0]), np.array([3.0, -4.0])):
        np.testing.assert_array_equal(compiled(x), np.maximum(x, 0))
    assert len(calls) == 1
    np.testing.assert_array_equal(fg.grad(lambda x: clipped(x).sum())(np.array([-1.0, 2.0])), [0.0, 1.0])
    with pytest.raises(fg.RecordingError, match="depends on the values"):
        fg.compile(lambda x: x.copy().__setitem__(x < 0, x))(np.arange(2.0) - 1)


def test_an_index_computed_while_recording():
    def f(x):
        y = x * 1.0
        y[fg.argmax(x)] = 0.0
        return y

    compiled, calls = counted(f)
    np.testing.assert_array_equal(compiled(np.array([1.0, 3.0, 2.0])), [1.0, 0.0, 2.0])
    np.testing.assert_array_equal(compiled(np.array([4.0, 3.0, 2.0])), [0.0, 3.0, 2.0])
    assert len(calls) == 1


@pytest.mark.parametrize("transform", [fg.compile, fg.grad, lambda f: fg.compile(fg.grad(f))])
def test_arguments_are_not_written_to(transform):
    def f(x):
        x[0] = 1.0
        return x.sum()

    def through_a_view(x):
        x[:2][0] = 1.0
        return x.sum()

    for function in (f, through_a_view):
        with pytest.raises(fg.GradientError, match=re.escape("x = x.copy()")):
            transform(function)(np.ones(3))


def test_what_a_replay_could_not_repeat_is_refused():
    outside = fg.tensor(np.zeros(3))
    view = outside[1:]

    def f(x):
        outside[0] = x[0]
        return x.sum()

    def g(x):
        view[0] = x[0]
        return x.sum()

    for function in (f, g):
        with pytest.raises(fg.RecordingError, match="from outside the function"):
            fg.compile(function)(np.ones(3))
    assert_same(outside, np.zeros(3))


def test_parameters_are_not_written_to():
    layer = fg.nn.Linear(2, 1)
    with pytest.raises(fg.GradientError, match="not written to"):
        layer.weight[0, 0] = 1.0
    t = leaf(1.0, 2.0)
    with pytest.raises(fg.GradientError):
        t[0] = 3.0


@pytest.mark.parametrize(
    ("index", "value", "error", "told"),
    [
        (0, np.ones(3), ValueError, r"shape \(3,\) does not broadcast to the place of shape \(4,\)"),
        (7, 1.0, IndexError, "index 7 is out of range for axis 0"),
        ((0, 0, 0), 1.0, IndexError, "too many indices"),
        (np.array([5]), 1.0, IndexError, "index 5"),
        (0, "a", TypeError, "dtype <U1|type str"),
        (0, None, TypeError, "NoneType"),
        (0, 1j, TypeError, "complex"),
        (np.ones((2, 4), bool), 1.0, IndexError, "mask of shape"),
    ],
)
def test_bad_assignments_change_nothing(index, value, error, told):
    t = fg.tensor(table())
    with pytest.raises(error, match=told):
        t[index] = value
    assert_same(t, table())


def test_fractions_do_not_go_into_integers():
    t = fg.tensor([1, 2])
    with pytest.raises(TypeError, match="fractions and gradients would be lost"):
        t[0] = 1.5
    with pytest.raises(TypeError, match="cannot be deleted"):
        del t[0]


def test_creation_takes_numpys_place():
    for name, args in (
        ("zeros", (3,)),
        ("ones", ((2, 3), "float32")),
        ("full", ((2, 2), 7.0)),
        ("full", (3, [1.0, 2.0, 3.0])),
        ("eye", (3, 4, 1)),
        ("identity", (2,)),
        ("tri", (3, 2, -1)),
        ("arange", (5,)),
        ("arange", (1.0, 2.0, 0.25)),
        ("linspace", (0.0, 1.0, 7)),
        ("linspace", (0.0, 1.0, 4, False)),
        ("array", ([[1.0, 2.0], [3.0, 4.0]],)),
        ("copy", ([1.0, 2.0],)),
    ):
        assert_same(getattr(fnp, name)(*args), getattr(np, name)(*args))
    assert fnp.empty((2, 3)).shape == fnp.empty_like(np.ones((2, 3))).shape == (2, 3)
    assert (fnp.pi, fnp.newaxis, fnp.float32) == (np.pi, None, np.float32)


def test_creation_passes_gradients():
    x = np.array([0.3, 1.2])
    fg.check_grads(lambda x: fnp.array([[x[0], 1.0], [x[1] * x[0], 2]]), (x,), order=2)
    fg.check_grads(lambda x: fnp.array([x, x * x]), (x,), order=2)
    fg.check_grads(lambda x: fnp.full((3, 2), x), (x,), order=2)
    fg.check_grads(lambda x: fnp.linspace(x[0], x[1], 5), (x,), order=2)
    with pytest.raises(ValueError, match=r"shape"):
        fnp.array([fg.tensor([1.0, 2.0]), 1.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.array([x[0], x[1]]),
        lambda x: np.full(3, x[0]),
        lambda x: np.zeros(2).__setitem__(0, x[0]),
    ],
)
def test_numpy_says_what_to_write_where_it_cannot_dispatch(f):
    for transform in (fg.jacobian, fg.compile):
        with pytest.raises(Exception) as caught:
            transform(f)(np.ones(2))
        told = [caught.value]
        while told[-1].__cause__:
            told.append(told[-1].__cause__)
        assert any("fastgrad.numpy" in str(error) for error in told), told
