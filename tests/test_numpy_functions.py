"""NumPy's functions that are made of operations: forms of arguments, dtypes, edge cases, errors.

Values, gradients and second derivatives of every function are in the table of test_ops.py.
"""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg

X = np.arange(24.0).reshape(2, 3, 4) % 7
M = np.arange(12).reshape(3, 4)
V = np.array([3.0, 1.0, 2.0])
array, inf, nan = np.array, np.inf, np.nan

# Of a library `np`: fastgrad.numpy or NumPy itself.
CALLS = [
    lambda np: np.squeeze(X[:, :1], -2),
    lambda np: np.squeeze(X[:, :1, :1], (1, 2)),
    lambda np: np.squeeze(5.0),
    lambda np: np.expand_dims(V, [0, 2]),
    lambda np: np.moveaxis(X, [0, 1], [-1, 0]),
    lambda np: np.moveaxis(X, -1, 0),
    lambda np: np.flip(M),
    lambda np: np.flip(5.0),
    lambda np: np.roll(X, (1, 2), axis=(0, 0)),
    lambda np: np.roll(X, 30),
    lambda np: np.roll(X, (1, -1), axis=2),
    lambda np: np.roll(V[:0], 3),
    lambda np: np.rot90(M, 5),
    lambda np: np.rot90(X, 3, axes=(-1, 0)),
    lambda np: np.atleast_3d(5.0),
    lambda np: np.atleast_2d(X),
    lambda np: np.atleast_1d(V, 1.0)[1],
    lambda np: np.hstack([1.0, V, M[0]]),
    lambda np: np.vstack([V, M[:, :3]]),
    lambda np: np.column_stack([V, M]),
    lambda np: np.array_split(V, 5)[4],
    lambda np: np.array_split(X, [1, 5], 1)[2],
    lambda np: np.split(M, [-1, 2])[1],
    lambda np: np.split(M, array([1, 2]), axis=1)[2],
    lambda np: np.hsplit(V, 3)[1],
    lambda np: np.tile(M, 2),
    lambda np: np.tile(V, (2, 2, 1)),
    lambda np: np.tile(5.0, 3),
    lambda np: np.tile(M, (0, 2)),
    lambda np: np.repeat(5.0, 3),
    lambda np: np.repeat(M, [0, 2, 1], axis=-2),
    lambda np: np.repeat(V, 0),
    lambda np: np.pad(M, 2),
    lambda np: np.pad(M, [[1, 0], [0, 2]], constant_values=((1, 2), (3, 4))),
    lambda np: np.pad(V, (3, 4), mode="symmetric"),
    lambda np: np.pad(V, 7, mode="reflect"),
    lambda np: np.pad(X, ((0, 0), (4, 1), (2, 9)), mode="wrap"),
    lambda np: np.pad(V > 1, 1),
    lambda np: np.diagonal(X, -1, 2, 1),
    lambda np: np.diagonal(M, 4),
    lambda np: np.diagonal(M, -7),
    lambda np: np.diag(M, 2),
    lambda np: np.diag(V, -2),
    lambda np: np.trace(M, 1),
    lambda np: np.tril(V),
    lambda np: np.triu(M > 3, 1),
    lambda np: np.meshgrid(V)[0],
    lambda np: np.meshgrid(V, M[0], 5.0, indexing="ij")[1],
    lambda np: np.zeros_like(M),
    lambda np: np.zeros_like(M, dtype=bool),
    lambda np: np.ones_like(X, shape=(2, 2)),
    lambda np: np.full_like(M, 2.7),
    lambda np: np.full_like(X, V[:, None]),
    # reductions
    lambda np: np.var(M),
    lambda np: np.var(M, 0, ddof=1),
    lambda np: np.std(V, ddof=1.5),
    lambda np: np.std(np.ones_like(V)),
    lambda np: np.prod(M),
    lambda np: np.prod(V > 1),
    lambda np: np.prod(X[:0]),
    lambda np: np.prod(X[:0], axis=1),
    lambda np: np.prod(M + 1, (-1,), keepdims=True),
    lambda np: np.argmax([[1.0, nan, 3.0, nan], [1.0, 3.0, 3.0, 2.0]], axis=1),
    lambda np: np.argmin([[1.0, nan, 0.0], [2.0, 0.0, 0.0]], axis=1),
    lambda np: np.argmin(array([[5, -(2**63)], [2, 2]]), axis=-1),
    lambda np: np.argmax(M % 5, keepdims=True),
    lambda np: np.argmin(V > 1),
    lambda np: np.any(X, axis=(0, 2)),
    lambda np: np.any(X[:0]),
    lambda np: np.all(X[:0], axis=0),
    lambda np: np.all(array([nan, 1.0])),
    lambda np: np.count_nonzero(X, axis=1, keepdims=True),
    lambda np: np.cumsum(M, axis=0),
    lambda np: np.cumsum(V > 1),
    lambda np: np.cumsum(X),
    lambda np: np.cumsum(X.T, axis=1),
    lambda np: np.cumprod(M + 1, axis=-1),
    lambda np: np.cumprod(V[:0]),
    lambda np: np.ptp(X, axis=(0, 1)),
    lambda np: np.average(M),
    lambda np: np.average(M, 0, [1, 2, 3]),
    lambda np: np.average(V, weights=V, returned=True)[1],
    lambda np: np.average(X, axis=2, returned=True)[1],
    lambda np: np.nansum([[1.0, nan], [nan, nan]], axis=1),
    lambda np: np.nanmean([[1.0, nan], [2.0, 4.0]], axis=0),
    lambda np: np.median(M),
    lambda np: np.median(X, axis=(0, -1), keepdims=True),
    lambda np: np.median([[1.0, nan], [2.0, 4.0]], axis=1),
    lambda np: np.quantile(M, 0.3),
    lambda np: np.percentile(M, 30),
    lambda np: np.percentile(X, [10, 90], axis=1, keepdims=True),
    lambda np: np.gradient(X, 0.5, axis=(0, 2))[1],
    lambda np: np.gradient(X, 2, 0.5, [0, 1, 3, 4])[2],
    lambda np: np.gradient(V, V * V, edge_order=2),
    lambda np: np.convolve(V, [1.0, 2.0], "same"),
    lambda np: np.correlate([1.0, 2.0], X[0, 0], "same"),
    lambda np: np.quantile(X, [0.1, 0.9], axis=1, keepdims=True),
    lambda np: np.quantile(X, [[0.1, 0.9], [0.5, 0.0]], axis=(0, 2)),
    lambda np: np.quantile(X, 0.25, (0, 2), method="nearest"),
    lambda np: np.quantile(X, 0.25, (0, 2), method="higher"),
    lambda np: np.quantile([1.0, nan], 0.5),
    lambda np: np.linalg.norm(M),
    lambda np: np.linalg.norm(X),
    lambda np: np.linalg.norm(M, -inf),
    lambda np: np.linalg.norm(M, -1, keepdims=True),
    lambda np: np.linalg.norm(X, 0, axis=1),
    lambda np: np.linalg.norm(V, -2.5),
    lambda np: np.linalg.norm(M, 2),
    lambda np: np.linalg.norm(M, -2, keepdims=True),
    lambda np: np.linalg.norm(X, "nuc", axis=(2, 0)),
    lambda np: np.linalg.vector_norm(X, axis=(0, 2), keepdims=True),
    lambda np: np.linalg.vector_norm(X, ord=1),
    lambda np: np.linalg.matrix_norm(X, ord=2),
    lambda np: np.linalg.norm(X, 1, axis=(2, 0)),
    # order and places
    lambda np: np.sort([2.0, nan, -inf, 1.0]),
    lambda np: np.sort(M[::-1] % 5, axis=0),
    lambda np: np.sort(X, axis=None),
    lambda np: np.sort(V > 1),
    lambda np: np.argsort(X[0, :, 0]),
    lambda np: np.searchsorted([1.0, 2.0, 2.0, 3.0], [2.0, nan, 0.0, 9.0]),
    lambda np: np.searchsorted([1, 2, 2, 3], 2, side="right"),
    lambda np: np.searchsorted(V, [[1.5]], sorter=[1, 2, 0]),
    lambda np: np.take_along_axis(X, np.argsort(-X, 1), 1),
    lambda np: np.compress([False, True], X, axis=2),
    lambda np: np.compress([True, True], M),
    lambda np: np.diff(M, axis=0, n=2),
    lambda np: np.diff(V, prepend=0, append=[1.0, 2.0]),
    lambda np: np.diff(V > 1),
    lambda np: np.diff(V, 5),
    lambda np: np.trapezoid(M),
    lambda np: np.trapezoid(X, [0.0, 1.0, 3.0], axis=1),
    lambda np: np.interp(2.0, [1, 2, 3], [1.0, 4.0, 2.0]),
    lambda np: np.interp([0.5, nan, 4.0], [1.0, 2.0], [1.0, 4.0], left=-1.0),
    lambda np: np.interp([0.0, 2.0, 5.0], [2.0], [7.0], right=0.5),
    # products
    lambda np: np.inner(2.0, V),
    lambda np: np.inner(X, X[0]),
    lambda np: np.outer(M, V),
    lambda np: np.vdot(M, M),
    lambda np: np.tensordot(X, X, axes=3),
    lambda np: np.tensordot(V, V, axes=0),
    lambda np: np.tensordot(X, M, axes=([1, 2], [0, 1])),
    lambda np: np.tensordot(X, X, axes=(-1, 2)),
    lambda np: np.kron(M, V),
    lambda np: np.kron(V, X),
    lambda np: np.kron(2.0, V),
    lambda np: np.cross(V, M[:, :3]),
    lambda np: np.cross(X, X[:, ::-1], axisa=1, axisb=1, axisc=0),
]


@pytest.mark.parametrize("call", CALLS)
def test_like_numpy(call):
    want = np.asarray(call(np))
    found = call(fg.numpy).numpy()
    assert found.shape == want.shape
    if want.dtype.kind == "i" and found.dtype.kind == "f":  # products of integers are float64
        want = want.astype(float)
    assert found.dtype == want.dtype
    np.testing.assert_allclose(found, want, rtol=1e-14, atol=1e-14)


x = fg.tensor(X)
ERRORS = [
    (lambda: fg.squeeze(x, 1), r"squeeze: axis 1 of shape \(2, 3, 4\) has size 3, expected 1"),
    (lambda: fg.squeeze(x, 3), r"squeeze: axis 3 is out of range for 3 dimensions"),
    (lambda: fg.expand_dims(x, (0, 0)), r"expand_dims: an axis is named twice in \(0, 0\)"),
    (lambda: fg.swapaxes(x, 0, -4), r"swapaxes: axis -4 is out of range"),
    (lambda: fg.moveaxis(x, (0, 1), 2), r"moveaxis: source names 2 axes, destination 1"),
    (lambda: fg.flip(x, (0, -3)), r"flip: an axis is named twice"),
    (lambda: fg.fliplr(V), r"fliplr: expected at least 2 dimensions, got shape \(3,\)"),
    (lambda: fg.flipud(1.0), r"flipud: expected at least 1 dimension, got shape \(\)"),
    (lambda: fg.rot90(x, 1, (0, 1, 2)), r"rot90: expected two axes"),
    (lambda: fg.roll(x, (1, 2), (0, 1, 2)), r"roll: shift \(1, 2\) and axis \(0, 1, 2\) do not go together"),
    (lambda: fg.hstack([]), r"at least one part"),
    (lambda: fg.split(M, 2), r"split: axis 0 of shape \(3, 4\) does not divide into 2 equal parts"),
    (lambda: fg.array_split(M, 0), r"array_split: expected at least 1 part, got 0"),
    (lambda: fg.vsplit(V, 3), r"vsplit: expected at least 2 dimensions, got shape \(3,\)"),
    (lambda: fg.tile(V, -1), r"tile: reps must not be negative"),
    (lambda: fg.repeat(V, [1, 2]), r"repeat: expected one integer, or 3 for axis 0 of shape \(3,\)"),
    (lambda: fg.repeat(V, -1), r"repeat: repeats must not be negative"),
    (lambda: fg.pad(V, 1, mode="linear_ramp"), r"pad: mode must be constant, .* got 'linear_ramp'"),
    (lambda: fg.pad(M, (1, 2, 3)), r"pad: pad_width must be one, a pair, or a pair for each axis"),
    (lambda: fg.pad(V, 0.5), r"pad: pad_width must be integers that are not negative"),
    (lambda: fg.diagonal(V), r"diagonal: expected at least 2 dimensions, got shape \(3,\)"),
    (lambda: fg.diag(x), r"diag: expected 1 or 2 dimensions, got shape \(2, 3, 4\)"),
    (lambda: fg.tril(1.0), r"tril: expected at least 1 dimension"),
    (lambda: fg.meshgrid(V, indexing="yx"), r"meshgrid: indexing must be xy or ij, got 'yx'"),
    (lambda: fg.full_like(V, [1.0, 2.0]), r"shape \(2,\) does not broadcast to \(3,\)"),
    (lambda: fg.argmax(x[:0]), r"argmax: nothing to choose from"),
    (lambda: fg.argmax(x, 3), r"argmax: axis 3 is out of range"),
    (lambda: fg.cumsum(x, 3), r"cumsum: axis 3 is out of range"),
    (lambda: fg.prod(x, (0, 0)), r"prod: axis 0 is named twice"),
    (lambda: fg.average(x, 1, [1.0, 2.0]), r"average: weights have shape \(2,\), expected .* axis=1"),
    (lambda: fg.average(x, weights=V), r"average: weights have shape \(3,\)"),
    (lambda: fg.median(x[:0]), r"median: there are no numbers"),
    (lambda: fg.quantile(V, 1.5), r"quantile: q must be between 0 and 1, got 1.5"),
    (lambda: fg.quantile(V, 0.5, method="weibull"), r"quantile: method must be linear, .* got 'weibull'"),
    (lambda: fg.percentile(V, 150), r"percentile: q must be between 0 and 100, got 150"),
    (lambda: fg.convolve(V, M), r"convolve: expected two rows of numbers, got shapes \(3,\) and \(3, 4\)"),
    (lambda: fg.convolve(V, V, "all"), r"convolve: mode must be 'full', 'same' or 'valid', got 'all'"),
    (lambda: fg.correlate(V, V[:0]), r"correlate: expected two rows of numbers, got shapes"),
    (lambda: fg.gradient(V, edge_order=3), r"gradient: edge_order must be 1 or 2, got 3"),
    (lambda: fg.gradient(V[:2], edge_order=2), r"gradient: needs at least 3 samples along axis 0"),
    (lambda: fg.gradient(M, 1.0, 2.0, 3.0), r"gradient: expected one distance, or one for each of 2 axes"),
    (lambda: fg.gradient(M, V[:2], axis=0), r"gradient: expected 3 places along axis 0"),
    (lambda: fg.linalg.norm(M, 3), r"norm: ord=3 is no norm of matrices"),
    (lambda: fg.linalg.norm(V, "fro"), r"norm: ord='fro' is for matrices"),
    (lambda: fg.linalg.norm(x, 1), r"norm: expected one or two axes"),
    (lambda: fg.sort(x, 3), r"sort: axis 3 is out of range"),
    (lambda: fg.top_k(V, 4), r"top_k: k must be between 0 and 3"),
    (lambda: fg.searchsorted(M, 1.0), r"searchsorted: the sorted numbers have shape \(3, 4\), expected one"),
    (lambda: fg.searchsorted(V, 1.0, "middle"), r"searchsorted: side must be left or right, got middle"),
    (lambda: fg.take_along_axis(x, [0], 1), r"take_along_axis: x of shape \(2, 3, 4\) needs indices"),
    (lambda: fg.compress(M > 3, M), r"compress: condition has shape \(3, 4\), expected one dimension"),
    (lambda: fg.diff(1.0), r"diff: axis -1 is out of range for 0 dimensions"),
    (lambda: fg.diff(V, -1), r"diff: n must not be negative"),
    (lambda: fg.interp(1.0, V, V[:2]), r"interp: xp and fp have shapes \(3,\) and \(2,\)"),
    (lambda: fg.tensordot(x, x, 1), r"tensordot: axes \(2,\) of shape \(2, 3, 4\) and axes \(0,\)"),
    (lambda: fg.tensordot(V, V, 2), r"tensordot: axes=2 does not fit shapes \(3,\) and \(3,\)"),
    (lambda: fg.inner(V, M), r"inner: axes \(0,\) of shape \(3,\)"),
    (lambda: fg.cross(V, M), r"cross: expected vectors of 3 numbers, got 3 and 4"),
]


@pytest.mark.parametrize(("call", "told"), ERRORS, ids=[told[:40] for _, told in ERRORS])
def test_errors_say_what_was_expected(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_top_k_keeps_the_order_of_equals_and_counts_nan_as_the_largest():
    values, indices = fg.top_k([[1.0, 3.0, 3.0, 0.0], [2.0, nan, 5.0, nan]], 3)
    np.testing.assert_array_equal(indices.numpy(), [[1, 2, 0], [1, 3, 2]])
    np.testing.assert_array_equal(values.numpy(), [[3.0, 3.0, 1.0], [nan, nan, 5.0]])


@pytest.mark.parametrize("shape", [(70, 300), (3, 40000)])
def test_many_rows_and_long_ones_are_sorted(shape):
    a = np.random.default_rng(0).integers(0, 1000, shape).astype(np.float32)
    np.testing.assert_array_equal(fg.argsort(a).numpy(), np.argsort(a, stable=True))
    np.testing.assert_array_equal(fg.sort(a, 0).numpy(), np.sort(a, 0))


METHODS = {
    "flatten": lambda t: t.flatten(),
    "squeeze": lambda t: t[:, :1].squeeze(1),
    "swapaxes": lambda t: t.swapaxes(0, 2),
    "var": lambda t: t.var(axis=1, ddof=1),
    "std": lambda t: t.std(),
    "all": lambda t: t.all(axis=0),
    "any": lambda t: t.any(),
    "clip": lambda t: t.clip(1.0, 4.0),
    "clip from below": lambda t: t.clip(2.0),
    "clip from above": lambda t: t.clip(max=2.0),
    "dot": lambda t: t[0].dot(t[1].T),
    "trace": lambda t: t.trace(1),
    "repeat": lambda t: t.repeat(2, axis=1),
    "take": lambda t: t.take([1, 0], axis=1),
    "argsort": lambda t: t[0, :, 0].argsort(),
    "cumsum": lambda t: t.cumsum(axis=-1),
    "searchsorted": lambda t: t[0, 0, :3].searchsorted(1.5),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    np.testing.assert_allclose(METHODS[name](x).numpy(), METHODS[name](X), rtol=1e-14)
