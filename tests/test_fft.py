"""Fourier transforms and pairs of tensors: values against NumPy, gradients, compiled functions."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.fft import ComplexTensor, as_complex

rng = np.random.default_rng(5)
X = rng.normal(size=(3, 6, 5))
Z = X + 1j * rng.normal(size=X.shape)
NORMS = [None, "backward", "ortho", "forward"]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft"])
def test_one_axis_as_numpy(name, norm):
    mine, its = getattr(fg.fft, name), getattr(np.fft, name)
    for data in (X,) if name == "rfft" else (X, Z):
        for n in (None, 1, 4, 9):
            for axis in (0, 1, -1):
                got = np.asarray(mine(data, n, axis, norm))
                want = its(data, n, axis, norm)
                assert got.shape == want.shape
                np.testing.assert_allclose(got, want, atol=1e-13)


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"])
def test_several_axes_as_numpy(name):
    mine, its = getattr(fg.fft, name), getattr(np.fft, name)
    for keywords in ({}, {"norm": "ortho"}, {"s": (4, 8), "axes": (0, 2)}, {"axes": (2, 1)}, {"axes": (1,)}):
        np.testing.assert_allclose(np.asarray(mine(X, **keywords)), its(X, **keywords), atol=1e-13)
        if not name.startswith("r"):
            np.testing.assert_allclose(np.asarray(mine(Z, **keywords)), its(Z, **keywords), atol=1e-13)


def test_shifts_and_frequencies():
    for axes in (None, 1, (0, 2)):
        np.testing.assert_array_equal(fg.fft.fftshift(X, axes).numpy(), np.fft.fftshift(X, axes))
        np.testing.assert_array_equal(fg.fft.ifftshift(Z, axes).numpy(), np.fft.ifftshift(Z, axes))
    for n in (4, 5):
        assert fg.fft.fftfreq(n, 0.5).tolist() == np.fft.fftfreq(n, 0.5).tolist()
        assert fg.fft.rfftfreq(n).tolist() == np.fft.rfftfreq(n).tolist()


def test_dtypes():
    assert fg.fft.fft(X.astype(np.float32)).dtype == np.complex64
    assert fg.fft.fft(Z.astype(np.complex64)).real.dtype == np.float32
    assert fg.fft.irfft(X.astype(np.float32)).dtype == np.float32
    assert fg.fft.fft(np.arange(4)).dtype == np.complex128


# --- derivatives

TRANSFORMS = {
    "power": lambda x: np.abs(np.fft.fft(x, axis=1)) ** 2,
    "power of the half": lambda x: fg.fft.rfft(x, 7, norm="ortho").abs() ** 2,
    "phase": lambda x: fg.fft.fft(x)[..., 1].angle(),
    "there and back": lambda x: fg.fft.irfft(fg.fft.rfft(x) * fg.fft.rfft(x), 5) ** 2,
    "complex, back": lambda x: fg.fft.ifft(fg.fft.fft(x, axis=0) * (1 - 2j), axis=0).imag ** 2,
    "two axes": lambda x: np.real(fg.fft.fft2(x)) ** 2,
    "quotient": lambda x: (fg.fft.fft(x) / (fg.fft.fft(x[::-1]) + 9.0)).real,
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_derivatives_and_bits(name):
    f = TRANSFORMS[name]

    def number(x):
        value = f(x)
        return (value * np.random.default_rng(1).normal(size=value.shape)).sum()

    fg.check_grads(number, [X], order=2, rtol=1e-5, atol=1e-6)
    gradient = fg.grad(number)
    compiled = fg.compile(gradient)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(X), gradient(X))


def test_parseval():
    gradient = fg.grad(lambda x: (np.abs(np.fft.fft(x, norm="ortho")) ** 2).sum())(X)
    np.testing.assert_allclose(gradient, 2 * X, atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_transforms_are_one_anothers_adjoints(n):
    core = fg._core.fft
    x, z, half = rng.normal(size=n), rng.normal(size=(n, 2)), rng.normal(size=(n // 2 + 1, 2))
    for f, data in (
        (core.fft, z),
        (core.backward_fft, z),
        (core.fft_of_real, x),
        (core.rfft, x),
        (lambda h: core.backward_rfft(h, n), half),
    ):
        matrix = fg.jacrev(f)(data)
        np.testing.assert_allclose(matrix, fg.jacfwd(f)(data), atol=1e-13)
        at_data = np.tensordot(matrix, data, data.ndim)
        np.testing.assert_allclose(at_data, f(data).numpy(), atol=1e-12)


# --- pairs


def test_operators_as_numpy():
    w = Z[0, 0]
    z, t = as_complex(w), fg.tensor(X[0, 0])
    operands = [z, w, t, X[0, 0], 2.0, 3, 1 - 2j, np.float64(0.5), np.float32(0.25)]
    numbers = [o.numpy() if hasattr(o, "numpy") else o for o in operands]
    for op in ("__add__", "__sub__", "__mul__", "__truediv__"):
        symbol = {"__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/"}[op]
        for o, number in zip(operands, numbers, strict=True):
            for text, want in ((f"a {symbol} b", (w, number)), (f"b {symbol} a", (w, number))):
                got = eval(text, {"a": z, "b": o})
                assert isinstance(got, ComplexTensor)
                np.testing.assert_allclose(got.numpy(), eval(text, dict(zip("ab", want, strict=True))))
    np.testing.assert_allclose((as_complex(Z[0]) @ Z[1].T).numpy(), Z[0] @ Z[1].T)
    np.testing.assert_allclose((X[0] @ as_complex(Z[1].T)).numpy(), X[0] @ Z[1].T)
    np.testing.assert_allclose((z**3).numpy(), w**3)
    assert (z**0 == 1).numpy().all()
    assert (-z).numpy().tolist() == (-w).tolist()
    assert (z == w).numpy().all()
    assert not (z != w).numpy().any()


def test_functions_as_numpy():
    z = as_complex(Z)
    for f in (np.abs, np.real, np.imag, np.conj, np.angle, np.exp, np.negative, np.shape, np.size, np.ndim):
        np.testing.assert_allclose(np.asarray(f(z)), f(Z), rtol=1e-14)
    for axis in (None, 0, (1, 2)):
        np.testing.assert_allclose(np.sum(z, axis=axis).numpy(), Z.sum(axis))
        np.testing.assert_allclose(np.mean(z, axis=axis).numpy(), Z.mean(axis))
    np.testing.assert_array_equal(z.T.numpy(), Z.T)
    np.testing.assert_array_equal(z.reshape(-1).numpy(), Z.reshape(-1))
    np.testing.assert_array_equal(z[1, ::2].numpy(), Z[1, ::2])
    assert (z.shape, z.ndim, z.size, len(z)) == (Z.shape, 3, Z.size, 3)
    assert [row.shape for row in z] == [(6, 5)] * 3
    assert complex(z[0, 0, 0]) == z[0, 0, 0].item() == Z[0, 0, 0]
    assert z.tolist() == Z.tolist()
    np.testing.assert_array_equal(np.asarray(z), Z)
    assert np.asarray(z, np.complex64).dtype == np.complex64
    assert "ComplexTensor(real=" in repr(z[0, 0])


def test_pairs_are_copied_pickled_and_not_hashed():
    z = as_complex(Z)
    for again in (copy.copy(z), copy.deepcopy(z), pickle.loads(pickle.dumps(z))):
        np.testing.assert_array_equal(again.numpy(), Z)
    with pytest.raises(TypeError):
        hash(z)


def test_pairs_in_and_out_of_transforms():
    z = as_complex(Z[0, 0])
    f = lambda z: (z * z.conj()).real.sum()
    np.testing.assert_allclose(float(f(z)), np.sum(np.abs(Z[0, 0]) ** 2))
    gradient = fg.grad(f)(z)
    assert isinstance(gradient, ComplexTensor)
    np.testing.assert_allclose(gradient.numpy(), 2 * Z[0, 0])
    compiled = fg.compile(f)
    assert float(compiled(z)) == float(f(z)) == float(compiled(z))
    spectrum = fg.compile(np.fft.rfft)
    for _ in range(2):
        got = spectrum(X[0])
        assert isinstance(got, np.ndarray)
        np.testing.assert_allclose(got, np.fft.rfft(X[0]))
    assert isinstance(spectrum(fg.tensor(X[0])), ComplexTensor)
    number = fg.compile(lambda x: np.fft.fft(x)[0])(X[0, 0])
    assert isinstance(number, np.complex128)


def test_gradients_are_not_lost_unseen():
    z = fg.fft.fft(fg.tensor(X[0, 0], requires_grad=True))
    with pytest.raises(fg.GradientError):
        np.asarray(z)
    np.testing.assert_allclose(z.detach().numpy(), np.fft.fft(X[0, 0]))


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: fg.fft.fft(1.0), ValueError, r"fft: axis -1 is out of range for 0 dimensions"),
        (lambda: fg.fft.fft(X, axis=3), ValueError, r"fft: axis 3 is out of range"),
        (lambda: fg.fft.fft(X, 0), ValueError, r"fft: expected a positive number of points, got n=0"),
        (lambda: fg.fft.ifft(X[..., :0]), ValueError, r"ifft: expected a positive number of points"),
        (lambda: fg.fft.rfft(X, norm="both"), ValueError, r"rfft: norm must be .*, got 'both'"),
        (lambda: fg.fft.rfft(Z), TypeError, r"rfft: expected real numbers"),
        (
            lambda: fg.fft.irfft(X[..., :1]),
            ValueError,
            r"irfft: expected a positive number of points, got n=0",
        ),
        (lambda: fg.fft.fftn(X, (2, 2), (0,)), ValueError, r"fftn: expected one size for each axis"),
        (
            lambda: ComplexTensor(fg.tensor([1.0]), fg.tensor(1.0)),
            ValueError,
            r"differ in shape: \(1,\) and \(\)",
        ),
        (lambda: np.sin(as_complex(Z)), TypeError, r"np\.sin has no operation on complex tensors"),
        (lambda: np.linalg.inv(as_complex(Z)), TypeError, r"np\.inv has no operation on complex tensors"),
        (lambda: as_complex(Z) ** -1, ValueError, r"powers from 0 on"),
        (lambda: fg.grad(lambda x: fg.fft.fft(x))(X[0, 0]), TypeError, r"returned a ComplexTensor"),
    ],
)
def test_what_is_refused(call, error, told):
    with pytest.raises(error, match=told):
        call()


def test_jax_agrees():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    f = lambda np: (
        lambda x: (np.abs(np.fft.fft(x * x)) ** 3).sum() + np.real(np.fft.irfft(np.fft.rfft(x, 7))).sum()
    )
    np.testing.assert_allclose(fg.grad(f(np))(X), jax.grad(f(jax.numpy))(X), rtol=1e-10)
