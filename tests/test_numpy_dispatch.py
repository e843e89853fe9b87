"""NumPy's own functions on tensors: those with an operation record, all others say that they have none."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import nn
from fastgrad._native import core

X = np.array([[0.5, -1.25, 2.0], [0.1, 0.7, -0.3]])
Y = np.array([[1.5, 0.25, -2.0], [1.0, 3.0, 0.3]])

UFUNCS = {name: row[0] for name, row in core.elementwise_table.items() if row[0]}
ARITY = {name: row[1] for name, row in core.elementwise_table.items()}


# Numbers that a function is defined on.
DOMAINS = {
    **dict.fromkeys(("log", "log2", "log10", "log1p", "sqrt", "power"), lambda x: np.abs(x) + 0.1),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), lambda x: x / 2.5),
    "arccosh": lambda x: np.abs(x) + 1.1,
}


def tensor(array=X, requires_grad=True):
    return fg.tensor(array, requires_grad=requires_grad)


@pytest.mark.parametrize("name", UFUNCS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_ufunc_with_an_operation(name):
    ufunc, op = getattr(np, UFUNCS[name]), getattr(fg, name)
    logical = name.startswith("logical")
    arrays = [X > 0, Y > 0] if logical else [DOMAINS.get(name, lambda x: x)(X), Y]
    arrays = [X, Y - 0.5, Y + 0.5] if name == "clip" else arrays[: ARITY[name]]
    expected = ufunc(*arrays)
    for choice in range(1, 2 ** len(arrays)):  # a tensor in any of the places
        args = [fg.tensor(a) if choice >> k & 1 else a for k, a in enumerate(arrays)]
        result = ufunc(*args)
        assert isinstance(result, fg.Tensor)
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-14)
        np.testing.assert_array_equal(result.numpy(), op(*args).numpy())
    if logical or expected.dtype == bool:
        return
    args = [tensor(a) for a in arrays]
    assert ufunc(*args).requires_grad
    ufunc(*args).sum().backward()
    gradients = fg.grad(lambda *a: op(*a).sum(), tuple(range(len(arrays))))(*arrays)
    for t, g in zip(args, gradients, strict=True):
        np.testing.assert_array_equal(t.grad.numpy(), g)


FUNCTIONS = {
    "sum": lambda x: np.sum(x),
    "sum over an axis": lambda x: np.sum(x, axis=1, keepdims=True),
    "sum by position": lambda x: np.sum(x, 0),
    "sum over axes": lambda x: np.sum(x, (0, 1)),
    "mean": lambda x: np.mean(x, axis=0),
    "max": lambda x: np.max(x, axis=-1),
    "min": lambda x: np.min(x, axis=0, keepdims=True),
    "amax": lambda x: np.amax(x),
    "amin": lambda x: np.amin(x, 1),
    "clip": lambda x: np.clip(x, -0.5, 0.6),
    "clip from below": lambda x: np.clip(x, -0.5, None),
    "clip from above": lambda x: np.clip(x, None, 0.6),
    "clip by keyword": lambda x: np.clip(x, max=0.6, min=-1.0),
    "where": lambda x: np.where(x > 0, x, 0.1 * x),
    "where by an array": lambda x: np.where(X > 0, x, Y),
    "where of arrays": lambda x: np.where(x > 0, X, Y) * x,
    "sinc": lambda x: np.sinc(x + 0.05),
    "nan_to_num": lambda x: np.nan_to_num(x, nan=1.0),
    "round": lambda x: x + np.round(x + 0.013, 1),
    "round by the old name": lambda x: x + np.around(x + 0.013),
    "degrees": lambda x: np.rad2deg(x) + np.degrees(x) - np.deg2rad(x) - np.radians(x),
    "positive": lambda x: np.positive(x),
    "operators of division": lambda x: (x + 0.03) % Y + Y % (x + 0.37) + (x + 0.03) // Y - 2.5 % (x + 5.0),
    "dot": lambda x: np.dot(x, Y.T),
    "dot from the right": lambda x: np.dot(Y.T, x),
    "matmul": lambda x: np.matmul(x, Y.T),
    "matmul from the right": lambda x: Y.T @ x,
    "reshape": lambda x: np.reshape(x, (3, -1)) * 1.0,
    "ravel": lambda x: np.ravel(x) * 1.0,
    "transpose": lambda x: np.transpose(x) * 1.0,
    "transpose by axes": lambda x: np.transpose(x, (1, 0)) * 1.0,
    "broadcast_to": lambda x: np.broadcast_to(x, (4, 2, 3)) * 1.0,
    "concatenate": lambda x: np.concatenate([x, Y, x], axis=1),
    "concatenate by position": lambda x: np.concatenate((Y, x), 0),
    "stack": lambda x: np.stack([x, Y], axis=1),
    "take": lambda x: np.take(x, np.array([2, 0, 2]), axis=1),
    "take of the flattened": lambda x: np.take(x, [5, 1]),
    "scalars of NumPy": lambda x: np.float64(2.0) * x + np.float32(1.0) - x / np.int64(3),
    "arrays to the left": lambda x: Y * x - Y / (x + 5.0) + Y**2 - (Y - x),
    "mixed": lambda x: np.exp(np.sum(np.sin(x) * Y, axis=0)) @ np.ones(3),
}


def check_recording(f):
    """Gives a tensor with the numbers of NumPy and a gradient, and a replay gives the same."""
    expected = np.asarray(f(X))
    w = tensor()
    result = f(w)
    assert isinstance(result, fg.Tensor)
    assert result.requires_grad
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-13)
    fg.check_grads(f, (X,), order=2)
    np.testing.assert_allclose(fg.compile(f)(X), expected, rtol=1e-13)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_record(name):
    check_recording(FUNCTIONS[name])


METHODS = {
    "add.reduce": lambda x: np.add.reduce(x),
    "add.reduce of all": lambda x: np.add.reduce(x, axis=None),
    "multiply.reduce": lambda x: np.multiply.reduce(x, 1, keepdims=True),
    "maximum.reduce": lambda x: np.maximum.reduce(x, (0, 1)),
    "minimum.reduce": lambda x: np.minimum.reduce(x, axis=-1),
    "logaddexp.reduce": lambda x: np.logaddexp.reduce(x, axis=1),
    "add.accumulate": lambda x: np.add.accumulate(x, 1),
    "multiply.accumulate": lambda x: np.multiply.accumulate(x),
    "maximum.accumulate": lambda x: np.maximum.accumulate(np.tile(x, (1, 3)) + np.sin(x[:1, :1]), axis=1),
    "minimum.accumulate": lambda x: np.minimum.accumulate(x),
    "logaddexp.accumulate": lambda x: np.logaddexp.accumulate(np.tile(x, (1, 2)), 1),
    "subtract.outer": lambda x: np.subtract.outer(x, Y[0]),
    "multiply.outer": lambda x: np.multiply.outer(Y[:, 1], x),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_ufuncs_record(name):
    check_recording(METHODS[name])


def test_methods_of_ufuncs_on_truth_values_and_what_they_refuse():
    assert np.logical_or.reduce(fg.tensor(X) > 0).tolist() == [True, True, True]
    with pytest.raises(TypeError, match=r"np\.add\.reduce on a fastgrad tensor takes no initial="):
        np.add.reduce(tensor(), initial=1.0)


def test_questions_about_shapes():
    w = tensor()
    assert (np.shape(w), np.ndim(w), np.size(w)) == ((2, 3), 2, 6)
    assert fg.compile(lambda x: x * np.size(x) * np.ndim(x) * np.shape(x)[0])(X)[0, 0] == 0.5 * 24


def test_parameters_and_subclasses():
    p = nn.Parameter(X)
    for result in (np.sin(p), p + Y, Y + p, np.sum(p, axis=0), np.concatenate([p, Y])):
        assert type(result) is fg.Tensor
        assert result.requires_grad


UNSUPPORTED = {
    "fft.hfft": lambda x: np.fft.hfft(x),
    "sort_complex": lambda x: np.sort_complex(x),
    "spacing": lambda x: np.spacing(x),
    "nextafter": lambda x: np.nextafter(x, Y),
    "frexp": lambda x: np.frexp(x),
    "packbits": lambda x: np.packbits(x),
    "add.reduceat": lambda x: np.add.reduceat(x, [0, 1]),
    "add.at": lambda x: np.add.at(x, 0, 1.0),
    "power.reduce": lambda x: np.power.reduce(x),
}


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("name", UNSUPPORTED)
def test_functions_without_an_operation_say_so(name, requires_grad):
    w = tensor(requires_grad=requires_grad)
    last = name.rsplit(".", maxsplit=1)[-1]
    with pytest.raises(
        TypeError, match=rf"np\..*{last}.*has no operation on fastgrad tensors.*detach\(\)\.numpy\(\)"
    ):
        UNSUPPORTED[name](w)
    np.linalg.norm(w.detach().numpy())  # the way out that it names


KEYWORDS = {
    "out": lambda x: np.add(x, 1.0, out=np.zeros((2, 3))),
    "where": lambda x: np.sin(x, where=X > 0),
    "dtype": lambda x: np.sum(x, dtype=np.float32),
    "initial": lambda x: np.sum(x, initial=1.0),
    "casting": lambda x: np.add(x, 1, casting="unsafe"),
    "order": lambda x: np.reshape(x, (3, 2), order="F"),
    "mode": lambda x: np.take(x, [9], mode="clip"),
}


@pytest.mark.parametrize("name", KEYWORDS)
def test_keywords_without_a_meaning_are_refused(name):
    with pytest.raises(TypeError, match=name):
        KEYWORDS[name](tensor())


def test_defaults_written_out_are_no_trouble():
    w = tensor()
    assert np.sum(w, axis=None, dtype=None, out=None, keepdims=False).shape == ()
    assert np.mean(w, None, None, None).shape == ()
    assert np.max(w, 0, None, True).shape == (1, 3)


def test_writing_into_an_array_is_refused():
    array = np.zeros((2, 3))
    with pytest.raises(TypeError, match="out"):
        array += tensor()
    with pytest.raises((TypeError, RuntimeError), match=r"detach|out"):
        array[...] = tensor()
    with pytest.raises((TypeError, RuntimeError), match=r"detach|out"):
        array[0] = tensor()[0]
    assert not array.any()
    array[...] = tensor(requires_grad=False)
    np.testing.assert_array_equal(array, X)


def test_gradients_are_never_lost_unseen():
    """Whatever NumPy does with a tensor that requires a gradient: it records, or it raises."""
    w = tensor()
    for attempt in (
        lambda: np.array([w, w]),
        lambda: np.asarray([w[0], w[1]]),
        lambda: np.sum([w, w]),
        lambda: np.stack([[w[0], w[1]]]),
        lambda: np.add(np.zeros((2, 3)), [w[0], w[1]]),
        lambda: np.random.default_rng(0).choice(w),
        lambda: np.array(w, dtype=object),
        lambda: np.float64(w),
        lambda: np.linalg.det([[w[0, 0], w[0, 1]], [w[1, 0], w[1, 1]]]),
        lambda: np.ma.masked_array(X) * w,
    ):
        try:
            result = attempt()
        except (TypeError, RuntimeError, ValueError):
            continue
        assert isinstance(result, fg.Tensor)
        assert result.requires_grad


def test_numpy_stands_in_for_the_namespace():
    import fastgrad.numpy as fnp

    def f(np):
        return lambda x: np.sum(np.where(x > 0, np.tanh(x), np.exp(x))) + np.mean(np.concatenate([x, x], 0))

    assert fg.grad(f(np))(X).tolist() == fg.grad(f(fnp))(X).tolist()
    with pytest.raises(AttributeError, match=r"fastgrad\.numpy has no function 'spacing'"):
        fnp.spacing  # noqa: B018
