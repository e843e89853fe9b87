"""NumPy's functions that read values, write into tensors, or make arrays of sizes: not in the op table."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
import fastgrad.numpy as fnp
from checking import assert_same

X = np.array([[0.0, -1.5, 2.0], [2.0, 0.0, 7.0]])
V = np.array([3.0, 1.0, 0.0, 3.0, 2.0])
I = np.array([2, 0, 2, 1])  # noqa: E741 - indices
nan, inf = np.nan, np.inf


# Of a library `np`: NumPy itself, or fastgrad.numpy, with tensors or arrays for the names above.
READING = [
    lambda np, x, v, i: np.nonzero(x),
    lambda np, x, v, i: np.argwhere(x),
    lambda np, x, v, i: np.flatnonzero(x),
    lambda np, x, v, i: np.bincount(i),
    lambda np, x, v, i: np.bincount(i, [0.5, 1.0, 2.0, 4.0]),
    lambda np, x, v, i: np.bincount(i, minlength=6),
    lambda np, x, v, i: np.bincount(i[:0]),
    lambda np, x, v, i: np.histogram(x),
    lambda np, x, v, i: np.histogram(v, "auto"),
    lambda np, x, v, i: np.histogram(v, 3, (1.0, 3.0)),
    lambda np, x, v, i: np.histogram(v * 0, 2),
    lambda np, x, v, i: np.histogram(v, [0.0, 1.0, 3.0], density=True),
    lambda np, x, v, i: np.histogram_bin_edges(v, "sturges"),
    lambda np, x, v, i: np.histogram2d(v, v[::-1], 3),
    lambda np, x, v, i: np.histogram2d(v, v[::-1], [[0.0, 1.0, 3.0], [0.0, 3.0]]),
    lambda np, x, v, i: np.unique(x),
    lambda np, x, v, i: np.unique(x, True, True, True),
    lambda np, x, v, i: np.unique(x, axis=1, return_counts=True),
    lambda np, x, v, i: np.unique(x / x),
    lambda np, x, v, i: np.union1d(x, v),
    lambda np, x, v, i: np.intersect1d(x, v),
    lambda np, x, v, i: np.intersect1d(x, v, return_indices=True),
    lambda np, x, v, i: np.setdiff1d(x, v),
    lambda np, x, v, i: np.setdiff1d(v[:3], x, assume_unique=True),
    lambda np, x, v, i: np.setxor1d(x, v),
    lambda np, x, v, i: np.trim_zeros(x.reshape(-1)[:5]),
    lambda np, x, v, i: np.trim_zeros(x.reshape(-1)[:5], "b"),
    lambda np, x, v, i: np.extract(x > 0, x),
    lambda np, x, v, i: np.ravel_multi_index((i, i % 2), (3, 2)),
    lambda np, x, v, i: np.ravel_multi_index((i, i + 4), (2, 3), mode=("clip", "wrap")),
    lambda np, x, v, i: np.unravel_index(i * 3, (2, 2, 2)),
    lambda np, x, v, i: np.ix_(i[:2] % 2, i),
    lambda np, x, v, i: np.ix_(i[:2] > 0, i),
    lambda np, x, v, i: np.tril_indices_from(x, 1),
    lambda np, x, v, i: np.triu_indices_from(x),
    lambda np, x, v, i: np.diag_indices_from(x[:, :2]),
    lambda np, x, v, i: np.polydiv(v[:2], v[:4])[0],
    lambda np, x, v, i: np.vander(v, 1),
    lambda np, x, v, i: np.nanargmax(x, axis=1),
    lambda np, x, v, i: np.nanmax(x / x, axis=0),
    lambda np, x, v, i: np.nanmin(x / x),
    lambda np, x, v, i: np.nanprod(x / x * 3, axis=1, keepdims=True),
    lambda np, x, v, i: np.nancumsum(x / x),
    lambda np, x, v, i: np.nanvar(x / x * v[:3], axis=1, ddof=1),
    lambda np, x, v, i: np.nanstd(x / x * v[:3]),
    lambda np, x, v, i: np.nanmedian(x / x * v[:3], axis=1),
    lambda np, x, v, i: np.nanmedian(x / x * v[:3], 0),
    lambda np, x, v, i: np.nanquantile(x / x * v[:3], [0.2, 0.7], axis=1),
    lambda np, x, v, i: np.nanpercentile(x / x * v[:3], 40, keepdims=True),
    lambda np, x, v, i: np.fmax(x / x, x),
    lambda np, x, v, i: np.fmin(x / x, v[:3] / 0 * 0),
    lambda np, x, v, i: np.modf(x / 0),
    lambda np, x, v, i: np.isclose(x / x, x / x, equal_nan=True),
    lambda np, x, v, i: np.isclose(v / 0, inf),
    lambda np, x, v, i: np.array_equal(x / x, x / x, equal_nan=True),
    lambda np, x, v, i: np.array_equiv(x, v),
    lambda np, x, v, i: np.isin(v / v, [nan, 1.0]),
    lambda np, x, v, i: np.angle(x),
    lambda np, x, v, i: np.divmod(v, -2.0),
    lambda np, x, v, i: np.cov(v),
    lambda np, x, v, i: np.corrcoef(v),
    lambda np, x, v, i: np.ediff1d(i, to_begin=[5, 6]),
    lambda np, x, v, i: np.cumulative_sum(v),
    lambda np, x, v, i: np.insert(x, [0, 2], v[:2], axis=1),
    lambda np, x, v, i: np.insert(i, 2, 9),
    lambda np, x, v, i: np.insert(x, slice(0, 2), 5.0, axis=0),
    lambda np, x, v, i: np.insert(x, 1, x, axis=0),
    lambda np, x, v, i: np.delete(v, [True, False, False, True, False]),
    lambda np, x, v, i: np.resize(v[:0], (2, 2)),
    lambda np, x, v, i: np.block([[x, x], [v[:3], v[:3]]]),
    lambda np, x, v, i: np.choose(i, [v[:4], 1.0, 2.0]),
    lambda np, x, v, i: np.select([v > 2, v > 0], [v, -v]),
    lambda np, x, v, i: np.piecewise(v, [v < 1, v > 2], [-1.0, lambda t: t * t]),
    lambda np, x, v, i: np.piecewise(v, v < 1, [lambda t: t - 3, 5.0]),
    lambda np, x, v, i: np.apply_along_axis(lambda row: row.max(), 0, x),
    lambda np, x, v, i: np.digitize(v, [0.0, 1.0, 2.5], right=True),
    lambda np, x, v, i: np.digitize(v, [2.5]),
    lambda np, x, v, i: np.partition(v, (1, 3)),
    lambda np, x, v, i: np.argpartition(v[1:], 1)[1],
    lambda np, x, v, i: np.lexsort((v, v[::-1])),
    lambda np, x, v, i: np.linalg.cross(x, v[:3]),
]


def each(result):
    return result if isinstance(result, tuple | list) else [result]


def compared(found, want):
    found, want = each(found), each(want)
    assert len(found) == len(want)
    for got, right in zip(found, want, strict=True):
        if isinstance(got, list | tuple):
            compared(got, right)
            continue
        array = got.numpy()
        assert array.shape == np.shape(right)
        assert array.dtype == np.asarray(right).dtype
        np.testing.assert_allclose(array, right, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("call", READING)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_like_numpy(call):
    with np.errstate(all="ignore"):
        want = call(np, X, V, I)
    compared(call(fnp, *map(fg.tensor, (X, V, I))), want)
    compared(call(np, *map(fg.tensor, (X, V, I))), want)  # by NumPy's own names


def test_where_of_a_condition_alone():
    for got, want in zip(np.where(fg.tensor(X > 0)), np.where(X > 0), strict=True):
        assert_same(got, want)
    assert sorted(fg.unique_values(I).tolist()) == [0, 1, 2]


SIZES = [
    lambda np: np.indices((2, 3)),
    lambda np: np.indices((2, 3), dtype=float),
    lambda np: np.indices((2, 3), sparse=True),
    lambda np: np.tril_indices(3, 1, 4),
    lambda np: np.triu_indices(4),
    lambda np: np.diag_indices(3, 3),
    lambda np: np.mask_indices(3, np.triu, 1),
    lambda np: np.logspace(0.0, 3.0, 5),
    lambda np: np.logspace(0, 3, 5, endpoint=False, base=2.0, dtype=np.float32),
    lambda np: np.geomspace(1.0, 1000.0, 4),
    lambda np: np.geomspace(-2.0, -64.0, 5, endpoint=False),
    lambda np: np.hanning(7),
    lambda np: np.hamming(6),
    lambda np: np.blackman(5),
    lambda np: np.bartlett(4),
    lambda np: np.kaiser(6, 8.6),
    lambda np: np.kaiser(1, 2.0),
    lambda np: np.kaiser(0, 2.0),
    lambda np: np.fromfunction(lambda i, j, k: i * j + k, (2, 3), k=4),
    lambda np: np.asarray([1.0, 2.0]),
]


@pytest.mark.parametrize("call", SIZES)
def test_made_from_sizes(call):
    found, want = each(call(fnp)), each(call(np))
    for got, right in zip(found, want, strict=True):
        assert got.shape == right.shape
        assert got.dtype == right.dtype
        np.testing.assert_allclose(
            got.numpy(), right, rtol=1e-6 if right.dtype == np.float32 else 1e-13, atol=1e-15
        )


def test_gradients_of_what_is_made_from_sizes():
    fg.check_grads(lambda a, b: fnp.logspace(a, b, 4, base=1.5), (0.5, 2.0))
    fg.check_grads(lambda a, b: fnp.geomspace(a, b, 4), (0.5, 2.0))
    fg.check_grads(lambda beta: fnp.kaiser(5, beta), (3.0,))


def test_gradients_through_what_reads_values():
    for f in (
        lambda x: fg.unique(x) ** 2,
        lambda x: fg.union1d(x, [9.0]) ** 2,
        lambda x: fg.intersect1d(x, V) ** 2,
        lambda x: fg.setdiff1d(x, V) ** 2,
        lambda x: fg.setxor1d(x, V) ** 2,
    ):
        t = fg.tensor(X, requires_grad=True)
        value = f(t)
        value.sum().backward()
        picked = np.unique(X, return_index=True)[1]
        want = np.zeros(X.size)
        want[picked] = 2 * X.reshape(-1)[picked]
        got = t.grad.numpy().reshape(-1)
        assert set(np.flatnonzero(got)) <= set(np.flatnonzero(want))
        np.testing.assert_array_equal(got[got != 0], want[got != 0])
    weights = fg.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    (fg.bincount(I, weights) * fg.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert weights.grad.tolist() == [100.0, 1.0, 100.0, 10.0]


READ_VALUES = {
    "nonzero": lambda x: fg.nonzero(x)[0],
    "argwhere": lambda x: fg.argwhere(x),
    "flatnonzero": lambda x: fg.flatnonzero(x),
    "unique": lambda x: fg.unique(x),
    "intersect1d": lambda x: fg.intersect1d(x, x),
    "trim_zeros": lambda x: fg.trim_zeros(x),
    "roots": lambda x: fnp.roots(x).real,
    "bincount without length=": lambda x: fg.bincount(fg.argsort(x)),
    "histogram_bin_edges with bins='fd'": lambda x: fg.histogram(x, "fd")[0],
}


@pytest.mark.parametrize("name", READ_VALUES)
def test_what_reads_values_says_so_in_a_recording(name):
    READ_VALUES[name](fg.tensor(V))
    with pytest.raises(fg.RecordingError, match=rf"^{name}: what comes out depends on values"):
        fg.compile(READ_VALUES[name])(V)


# --- what writes into a tensor

WRITING = [
    lambda np, a, v: np.copyto(a, v[:3]),
    lambda np, a, v: np.copyto(a, -1.0, where=a > 0),
    lambda np, a, v: np.put(a, [0, -1, 4], v),
    lambda np, a, v: np.put(a, [7, -8], v, mode="wrap"),
    lambda np, a, v: np.put(a, [7, -8], v[:1], mode="clip"),
    lambda np, a, v: np.putmask(a, a > 0, v),
    lambda np, a, v: np.place(a, a > 0, v[:2]),
    lambda np, a, v: np.fill_diagonal(a, v[:2]),
    lambda np, a, v: np.fill_diagonal(a.T, 5.0, wrap=True),
    lambda np, a, v: np.fill_diagonal(a.T, 5.0),
    lambda np, a, v: np.put_along_axis(a, a.argmax(1).reshape(2, 1), v[:2].reshape(2, 1), 1),
    lambda np, a, v: np.put_along_axis(a, a.argmax(0).reshape(1, 3), 9.0, 0),
    lambda np, a, v: np.put(a.T, [1, 2], v),
]


@pytest.mark.parametrize("write", WRITING)
def test_writes_like_numpy(write):
    want, v = X.copy(), V + 1
    write(np, want, v)
    for library in (fnp, np):
        a, v = fg.tensor(X), fg.tensor(V + 1)
        assert write(library, a, v) is None
        assert_same(a, want)

    def f(x, v):
        a = fnp.copy(x)
        write(fnp, a, v)
        return a * a

    np.testing.assert_allclose(fg.compile(f)(X, V + 1), want * want)
    fg.check_grads(f, (X + 0.1, V + 1), order=2)


def test_only_tensors_are_written_to():
    for write in WRITING:
        with pytest.raises(TypeError, match=r"writes into a tensor, got ndarray"):
            write(fnp, X.copy(), fg.tensor(V))
    with pytest.raises(TypeError, match=r"copyto: writes into a tensor, got ndarray"):
        np.copyto(np.zeros(5), fg.tensor(V))


# --- kinds of numbers


def test_questions_about_kinds():
    t = fg.tensor(X)
    assert np.iscomplexobj(t) is False
    assert np.isrealobj(t) is True
    assert fnp.iscomplexobj(np.array(1j))
    assert np.result_type(t, fg.tensor(np.float32(1))) == np.float64
    assert np.result_type(fg.tensor(np.ones(2, np.float32)), 3.0) == np.float32
    assert np.can_cast(t, np.float64)
    assert not fnp.can_cast(t, np.float32)
    assert np.broadcast_shapes((2, 1), (3,)) == fnp.broadcast_shapes((2, 1), (3,))
    assert np.einsum_path("ij,jk", t, t.T, optimize="greedy")[0] == ["einsum_path", (0, 1)]
    assert bool(np.allclose(t, X)) is True


# --- polynomials


def test_roots():
    p = np.array([0.0, 2.0, -3.0, 1.0, 4.0, 0.0])
    want = np.roots(p)
    got = fnp.roots(fg.tensor(p))
    np.testing.assert_allclose(np.sort_complex(got.numpy()), np.sort_complex(want), atol=1e-12)
    assert fnp.roots([0.0, 0.0]).shape == (0,)
    assert fnp.roots([3.0, 0.0, 0.0]).tolist() == [0.0, 0.0]

    def products_of_parts(p):
        z = fnp.roots(p)
        return z.real * z.imag

    fg.check_grads(products_of_parts, (np.array([2.0, -3.0, 1.0, 4.0]),))


def test_bessel_function_far_out():
    scipy_special = pytest.importorskip("scipy.special")
    x = np.concatenate([np.linspace(-40.0, 700.0, 1000), [19.999999, 20.0, 20.000001, 0.0]])
    got = fg.i0(x).numpy()
    np.testing.assert_allclose(got, scipy_special.i0(x), rtol=2e-14)
    slope = fg.elementwise_grad(fg.i0)(x)
    np.testing.assert_allclose(slope, scipy_special.i1(x), rtol=5e-14, atol=1e-16)


# --- errors

t = fg.tensor(X)
ERRORS = [
    (lambda: fg.nonzero(1.0), r"nonzero: expected at least 1 dimension"),
    (lambda: fg.bincount([-1, 2]), r"bincount: integers must not be negative, got -1"),
    (lambda: fg.bincount([1, 2], [1.0]), r"bincount: weights have shape \(1,\), expected \(2,\)"),
    (lambda: fg.digitize(V, t), r"digitize: bins have shape \(2, 3\), expected one dimension"),
    (lambda: fg.histogram(V, 0), r"histogram: bins must be a positive integer"),
    (lambda: fg.histogram(V, 3, (2.0, 1.0)), r"histogram: range must be finite and in ascending order"),
    (lambda: fg.histogramdd(t, [2, 3]), r"histogramdd: bins and range must be one for each of 3 axes"),
    (lambda: fg.trim_zeros(t), r"trim_zeros: expected one dimension, got shape \(2, 3\)"),
    (lambda: fg.trim_zeros(V, "x"), r"trim_zeros: trim must be 'f', 'b' or 'fb', got 'x'"),
    (lambda: fg.partition(V, 5), r"partition: kth=5 is out of range for an axis of size 5"),
    (lambda: fg.lexsort([V, V[:2]]), r"lexsort: key 0 has shape \(5,\), key 1 has \(2,\)"),
    (lambda: fg.block([[1.0], 2.0]), r"block: lists must be nested equally deep"),
    (lambda: fg.dsplit(t, 1), r"dsplit: expected at least 3 dimensions, got shape \(2, 3\)"),
    (lambda: fg.rollaxis(t, 0, 5), r"rollaxis: start=5 is out of range for 2 dimensions"),
    (lambda: fg.resize(V, -1), r"resize: sizes must not be negative"),
    (lambda: fg.insert(t, np.zeros((2, 2), int), 1.0), r"insert: obj has shape \(2, 2\)"),
    (lambda: fg.select([V > 1], [V, V]), r"select: expected as many conditions as choices, got 1 and 2"),
    (lambda: fg.choose([0], [V], mode="mirror"), r"choose: mode must be raise, wrap or clip, got 'mirror'"),
    (lambda: fg.piecewise(V, [V > 1], []), r"piecewise: expected 1 or 2 functions for 1 conditions, got 0"),
    (
        lambda: fg.apply_over_axes(lambda v, axis: v.sum(), t, [0]),
        r"apply_over_axes: the function made shape",
    ),
    (lambda: fg.cov(V.reshape(1, 1, 5)), r"cov: expected at most 2 dimensions, got shape \(1, 1, 5\)"),
    (lambda: fg.cov(t, aweights=V), r"cov: aweights has shape \(5,\), expected \(3,\)"),
    (lambda: fg.cumulative_sum(t), r"cumulative_sum: name an axis of shape \(2, 3\)"),
    (lambda: fg.vecdot(V, V[:2]), r"vecdot: last axes of shapes \(5,\) and \(2,\)"),
    (lambda: fg.matvec(t, 1.0), r"matvec: expected vectors \(..., n\), got shape \(\)"),
    (lambda: fg.polyval(t, V), r"polyval: expected coefficients of one dimension, got shape \(2, 3\)"),
    (lambda: fg.polyder(V, -1), r"polyder: m must not be negative, got -1"),
    (lambda: fg.polyint(V, 2, [1.0, 2.0, 3.0]), r"polyint: k has shape \(3,\), expected \(2,\)"),
    (lambda: fg.polyfit(V, V[:2], 1), r"polyfit: expected x \(points,\) and y"),
    (lambda: fg.vander(t), r"vander: expected one dimension, got shape \(2, 3\)"),
    (lambda: fg.poly(t), r"poly: expected roots of one dimension, got shape \(2, 3\)"),
    (lambda: fg.nanquantile(V, 2.0), r"nanquantile: q must be between 0 and 1, got 2.0"),
    (lambda: fg.put(fg.tensor(V), 0, 1.0, mode="x"), r"put: mode must be raise, wrap or clip, got 'x'"),
    (lambda: fg.place(fg.tensor(V), V > 0, []), r"place: expected at least one number to write"),
    (
        lambda: fg.putmask(fg.tensor(V), V[:2] > 0, 1.0),
        r"putmask: the mask has shape \(2,\), expected \(5,\)",
    ),
    (lambda: fg.fill_diagonal(fg.tensor(V), 1.0), r"fill_diagonal: expected two dimensions"),
    (lambda: fg.put_along_axis(fg.tensor(X), [0], 1.0, 0), r"put_along_axis: indices have shape \(1,\)"),
    (lambda: fnp.ravel_multi_index([[5]], (3,)), r"ravel_multi_index: a place along axis 0 is out of range"),
    (lambda: fnp.tril_indices_from(V), r"tril_indices_from: expected 2 dimensions, got shape \(5,\)"),
    (
        lambda: fnp.ravel_multi_index([[0]], (2, 3)),
        r"expected places and modes for 2 axes",
    ),
    (lambda: fnp.geomspace(-1.0, 2.0), r"geomspace: the ends must be of one sign and not 0"),
    (lambda: fg.histogram([1.0, nan]), r"histogram: bins reach from nan to nan"),
    (lambda: fg.histogram(V, [2.0, 1.0, 0.0]), r"histogram: edges must be in ascending order"),
    (lambda: fg.fill_diagonal(fg.tensor(X), []), r"fill_diagonal: expected at least one number"),
    (lambda: fg.cov(X, aweights=[1.0, -2.0, 1.0]), r"cov: aweights must not be negative"),
    (lambda: fnp.ix_(X), r"ix_: operand 0 has shape \(2, 3\), expected one dimension"),
]


@pytest.mark.parametrize(("call", "told"), ERRORS, ids=[told[:40] for _, told in ERRORS])
def test_errors_say_what_was_expected(call, told):
    with pytest.raises(ValueError, match=told):
        call()


def test_errors_of_other_types():
    with pytest.raises(TypeError, match=r"bincount: expected integers of shape \(n,\), got float64"):
        fg.bincount(V)
    with pytest.raises(TypeError, match=r"ldexp: exponents must be integers, got float64"):
        fg.ldexp(V, V)
    with pytest.raises(IndexError, match=r"index 5 .* out of range"):
        fg.bincount([1, 5], length=3)
    with pytest.raises(IndexError, match=r"insert: obj=7 is out of range for axis 0"):
        fg.insert(V, 7, 1.0)
    with pytest.raises(IndexError, match=r"out of range"):
        fg.put(fg.tensor(V), 9, 1.0)
    with pytest.raises(ValueError, match=r"bincount: integers must not be negative, got -1"):
        fg.bincount([-1, 0], length=3)
    with pytest.raises(IndexError, match=r"out of range"):
        fg.compile(lambda x: fg.bincount(x, length=3))(np.array([-1, 0]))
    with pytest.raises(IndexError, match=r"out of range"):
        fg.choose([-1], [[1.0], [2.0]])
    with pytest.raises(TypeError, match=r"insert: places must be integers, got float64"):
        fg.insert(V, 1.7, 9.0)
    with pytest.raises(TypeError, match=r"cov: fweights must be integers"):
        fg.cov(X, fweights=[1.5, 2.0, 1.0])
    with pytest.raises(TypeError, match=r"sum: give 10.0 and what follows it by name"):
        np.sum(fg.tensor(V), 0, None, None, False, 10.0)


def test_points_by_their_coordinates():
    points = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.2, 0.9]])
    for sample in (points, points.tolist(), list(points.T), tuple(points.T)):
        got, edges = fg.histogramdd(sample, 2)
        want, at = np.histogramdd(sample, 2)
        assert_same(got, want)
        for edge, expected in zip(edges, at, strict=True):
            assert_same(edge, expected)


def test_nothing_to_write_changes_nothing():
    x = fg.tensor(V)
    fg.put(x, [0, 1], [])
    fg.putmask(x, V > 0, [])
    np.testing.assert_array_equal(x.numpy(), V)


def test_what_is_left_of_a_count():
    for ddof in (0, 1, 2, 3):
        with np.errstate(all="ignore"):
            want = [1.0, 2.0, np.nan, np.nan][ddof]
            np.testing.assert_array_equal(fg.nanvar([1.0, np.nan, 3.0], ddof=ddof).item(), want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ldexp_from_the_least_to_the_largest(dtype):
    info = np.finfo(dtype)
    x = np.array([0.0, -0.0, info.smallest_subnormal, 1.5, info.max, np.inf], dtype)
    for e in (0, 1, -1, 100, -100, 277, 2090, 3000, -3000):
        with np.errstate(all="ignore"):
            want = np.ldexp(x, e)
        got = fg.ldexp(x, e).numpy()
        normal = ~(np.abs(want) < info.smallest_normal) | (want == 0)
        np.testing.assert_array_equal(got[normal], want[normal])
        np.testing.assert_allclose(got[~normal], want[~normal], atol=info.smallest_subnormal)


def test_geometric_spaces_meet_their_ends():
    for a, b, n in ((49.0, 1.0, 3), (1.0, 1000.0, 7), (-3.0, -0.1, 5), (2.0, 5.0, 1)):
        got = fnp.geomspace(a, b, n).numpy()
        np.testing.assert_allclose(got, np.geomspace(a, b, n), rtol=1e-14)
        assert got[0] == a
        assert n == 1 or got[-1] == b
