"""Tensor[index] against NumPy's: values, gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, basic_indices

import fastgrad as fg
from op_table import seed_like


def assert_like_numpy(x, index, numpy_index=None):
    """Values and gradient of x[index] are those of NumPy: what is picked twice adds up in the gradient."""
    numpy_index = index if numpy_index is None else numpy_index
    want = x[numpy_index]
    t = fg.tensor(x, requires_grad=True)
    picked = t[index]
    assert picked.shape == np.shape(want)
    np.testing.assert_array_equal(picked.detach().numpy(), want)
    seed = seed_like(np.asarray(want))
    picked.backward(seed)
    flow = np.zeros_like(x)
    np.add.at(flow, numpy_index, seed)
    np.testing.assert_allclose(t.grad.numpy(), flow, rtol=1e-12, atol=1e-12)


def numbers(shape):
    return np.arange(float(np.prod(shape))).reshape(shape)


@given(shape=array_shapes(min_dims=1, max_dims=4, max_side=5), data=st.data())
def test_ints_slices_ellipsis_and_new_axes(shape, data):
    index = data.draw(basic_indices(shape, allow_newaxis=True, max_dims=7))
    assert_like_numpy(numbers(shape), index)


@given(shape=array_shapes(min_dims=1, max_dims=4, max_side=4), data=st.data())
def test_one_array_among_ints_and_slices(shape, data):
    """Where the array's axes go is NumPy's rule: in place when the ints stand next to it, else first."""
    place = data.draw(st.integers(0, len(shape) - 1))
    size = shape[place]
    index_shape = data.draw(array_shapes(min_dims=1, max_dims=2, max_side=3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    index = [data.draw(st.sampled_from([0, -1, slice(None), slice(None, None, -1)])) for _ in shape]
    index[place] = rng.integers(-size, size, index_shape)
    assert_like_numpy(numbers(shape), tuple(index))


@st.composite
def any_index(draw, shape):
    """Ints, slices, new axes, an ellipsis, arrays of integers and masks, in any mixture that fits."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    common = draw(array_shapes(min_dims=1, max_dims=2, max_side=3))
    index, place = [], 0
    while place < len(shape):
        kind = draw(st.sampled_from(["int", "slice", "array", "thin", "mask", "wide mask", "new"]))
        size = shape[place]
        if kind == "new":
            index.append(None)
            continue
        if kind == "int":
            index.append(draw(st.integers(-size, size - 1)))
        elif kind == "slice":
            index.append(draw(st.sampled_from([slice(None), slice(None, None, -1), slice(1, None)])))
        elif kind in {"array", "thin"}:
            index.append(rng.integers(-size, size, common if kind == "array" else (common[-1],)))
        else:
            mask = np.zeros(shape[place : place + 1 + (kind == "wide mask")], bool)
            mask.flat[: common[-1]] = True  # as many as broadcast with the arrays, where there is room
            index.append(rng.permutation(mask.reshape(-1)).reshape(mask.shape))
            place += mask.ndim - 1
        place += 1
    if draw(st.booleans()):
        start = draw(st.integers(0, len(index)))
        stop = draw(st.integers(start, len(index)))
        if all(isinstance(item, slice) and item == slice(None) for item in index[start:stop]):
            index[start:stop] = [...]
    return tuple(index)


@settings(max_examples=300)
@given(shape=array_shapes(max_dims=4, max_side=4), data=st.data())
def test_any_mixture(shape, data):
    index = data.draw(any_index(shape))
    x = numbers(shape)
    try:
        want = x[index]
    except IndexError:  # arrays that do not broadcast
        with pytest.raises(IndexError):
            fg.tensor(x)[index]
        return
    if want.ndim > 8:
        return
    assert_like_numpy(x, index)
    compiled = fg.compile(lambda t: t[index] * 2.0)
    np.testing.assert_array_equal(compiled(x), want * 2.0)


def test_arrays_that_are_computed_while_recording():
    x = numbers((4, 4))
    f = fg.compile(lambda t, i: t[i, i + 1])
    np.testing.assert_array_equal(f(x, np.array([0, -1])), x[[0, -1], [1, 0]])
    with pytest.raises(IndexError, match=r"index 4 at position 1 of index array 1 .* of size 4"):
        f(x, np.array([0, 3]))


def test_masks_that_are_computed_while_recording_are_refused():
    x = numbers((3, 4))
    for f in (lambda t: t[t > 2], lambda t: t[:, t[0] > 2], lambda t: fg.compress(t[0] > 2, t, axis=1)):
        assert f(fg.tensor(x)).size > 0
        with pytest.raises(fg.RecordingError, match=r"boolean mask .* fastgrad\.where"):
            fg.compile(f)(x)


@pytest.mark.parametrize(
    "make",
    [np.array, list, lambda i: np.array(i, np.int8), fg.tensor],
    ids=["array", "list", "int8", "tensor"],
)
@pytest.mark.parametrize(
    "wrap", [lambda i: i, lambda i: (slice(None), i), lambda i: (..., i), lambda i: (i, 0)]
)
def test_arrays_lists_and_tensors_of_integers(make, wrap):
    picks = [1, -1, 1, 0]
    assert_like_numpy(numbers((2, 3)), wrap(make(picks)), wrap(np.array(picks)))


@pytest.mark.parametrize(
    "index", [np.array(1), np.int64(-1), fg.tensor(1)], ids=["0-d array", "scalar", "tensor"]
)
def test_one_integer_of_any_kind(index):
    assert_like_numpy(numbers((2, 3)), index, int(index))


@pytest.mark.parametrize("x_shape", [(4,), (2, 4), (2, 3, 4)])
def test_second_derivative_through_repeated_picks(x_shape):
    index = np.array([0, 2, 2, -1])
    fg.check_grads(lambda x: fg.take(x, index, axis=-1) ** 3, [1 + numbers(x_shape) / 10], order=2)
    fg.check_grads(lambda x: x[..., ::-2] ** 3, [1 + numbers(x_shape) / 10], order=2)


def test_iteration_goes_over_the_first_axis():
    t = fg.tensor(numbers((3, 2)), requires_grad=True)
    rows = list(t)
    assert [row.tolist() for row in rows] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    (rows[2] * 3.0).sum().backward()
    assert t.grad.tolist() == [[0.0, 0.0], [0.0, 0.0], [3.0, 3.0]]


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (3, r"index 3 is out of range for axis 0 of shape \(3, 4\)"),
        (-4, r"index -4 is out of range"),
        ((0, 4), r"axis 1"),
        ((0, 0, 0), r"too many indices"),
        ((..., ...), r"only once"),
        (True, r"bool"),
        (
            np.array([True, False]),
            r"a mask of shape \(2,\) does not fit the axes from 0 on of shape \(3, 4\)",
        ),
        ((0, np.ones((4, 1), bool)), r"too many indices"),
        (1.0, r"expected integers"),
        ("a", r"str"),
        (np.array([0, 3]), r"index 3 at position 1 is out of range for an axis of size 3"),
        ((np.array([0, 1]), np.array([0, 1, 2])), r"shapes \(2,\) and \(3,\) do not broadcast"),
        ((np.array([0, 3]), np.array([0, 1])), r"index 3 at position 1 of index array 0 .* size 3"),
    ],
)
def test_refused(index, told):
    with pytest.raises(IndexError, match=told):
        fg.tensor(numbers((3, 4)))[index]


@pytest.mark.parametrize("indices", [[5], [0, -6], [[0], [7]]])
def test_take_names_the_bad_index(indices):
    with pytest.raises(IndexError, match=r"is out of range for an axis of size 5"):
        fg.take(np.arange(5.0), indices)


def test_take_refuses_what_is_no_index():
    with pytest.raises(TypeError, match="expected int64"):
        fg.take([1.0, 2.0], [0.0])
    with pytest.raises(TypeError, match="expected int64"):
        fg.take([1.0, 2.0], [True, False])
