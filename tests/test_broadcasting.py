"""Shapes that broadcast: values as NumPy's, and gradients summed over what was repeated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import fastgrad as fg
from op_table import ROWS, seed_like, value_and_gradients

several = [row for row in ROWS if row.elementwise and len(row.args) > 1]


def with_shapes(row, code, shapes):
    """Numbers for a call of an elementwise op, an argument of each shape."""
    return [row.inputs(code, shape=shape)[place] for place, shape in enumerate(shapes)]


def summed_to(gradient, shape):
    """What flows back through np.broadcast_to(a, gradient.shape) to an `a` of that shape."""
    new = tuple(range(gradient.ndim - len(shape)))
    repeated = tuple(i for i, size in enumerate(shape) if size == 1)
    return gradient.sum(new).sum(repeated, keepdims=True)


@given(row=st.sampled_from(several), data=st.data())
def test_values_and_gradients_of_broadcast_arguments(row, data):
    shapes, result = data.draw(
        mutually_broadcastable_shapes(num_shapes=len(row.args), max_dims=4, min_side=0, max_side=5)
    )
    call, code = row.calls[0], row.dtypes[-1]
    arrays = with_shapes(row, code, shapes)
    value, flows = value_and_gradients(row, call, arrays)
    assert value.shape == result
    full = [np.broadcast_to(a, result).copy() for a in arrays]
    want, full_flows = value_and_gradients(row, call, full)
    np.testing.assert_array_equal(value, want)
    floats = [a for a in arrays if a.dtype.kind == "f"] if row.gradient else []
    for flow, full_flow, a in zip(flows, full_flows, floats, strict=True):
        want = summed_to(full_flow, a.shape)
        assert flow.shape == a.shape
        np.testing.assert_allclose(flow, want, rtol=1e-12, atol=1e-12 * np.sum(np.abs(full_flow)))


@given(row=st.sampled_from([row for row in several if row.gradient]), data=st.data())
def test_second_derivatives_of_broadcast_arguments(row, data):
    """The gradient summed over repeated axes is itself differentiated: by hand, through np.broadcast_to."""
    shapes, result = data.draw(
        mutually_broadcastable_shapes(num_shapes=len(row.args), max_dims=3, min_side=1, max_side=3)
    )
    arrays = with_shapes(row, "d", shapes)
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    weights = seed_like(np.empty(result))

    def curvature(spread):
        def loss(*numbers):
            operands = list(arrays)
            for i, a in zip(floats, numbers, strict=True):
                operands[i] = a
            return fg.sum(row.function(*map(spread, operands)) * weights)

        def slope(*numbers):
            gradients = fg.grad(loss, tuple(range(len(floats))))(*numbers)
            return sum(fg.sum(g * seed_like(np.empty(g.shape))) for g in gradients)

        return fg.grad(slope, tuple(range(len(floats))))(*[arrays[i] for i in floats])

    found = curvature(lambda a: a)
    want = curvature(lambda a: fg.broadcast_to(a, result))
    for a, b in zip(found, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-11)


@given(
    shapes=mutually_broadcastable_shapes(signature="(m,k),(k,n)->(m,n)", max_dims=2, min_side=0, max_side=4)
)
def test_matmul_broadcasts_leading_axes(shapes):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape) for shape in shapes.input_shapes)
    x, y = fg.tensor(a, requires_grad=True), fg.tensor(b, requires_grad=True)
    product = fg.matmul(x, y)
    np.testing.assert_allclose(product.detach().numpy(), np.matmul(a, b), rtol=1e-12, atol=1e-13)
    seed = seed_like(np.matmul(a, b))
    product.backward(seed)
    x_flow, y_flow = np.matmul(seed, np.swapaxes(b, -1, -2)), np.matmul(np.swapaxes(a, -1, -2), seed)
    np.testing.assert_allclose(x.grad.numpy(), summed_to(x_flow, a.shape), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(y.grad.numpy(), summed_to(y_flow, b.shape), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("row", several, ids=lambda row: row.name)
def test_shapes_that_do_not_broadcast_are_named(row):
    shapes = [(3, 2), (4, 2), (3, 1)][: len(row.args)]
    with pytest.raises(ValueError, match=rf"{row.name}.*\(3, 2\).*\(4, 2\)"):
        row.function(*with_shapes(row, row.dtypes[-1], shapes))
