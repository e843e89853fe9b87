"""The conventions where a derivative jumps or does not exist: one table, and where PyTorch and JAX differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import _core

inf, nan = np.inf, np.nan
third = 1 / 3


@dataclass(frozen=True)
class Kink:
    """At these arguments the value's slopes are these: a list each for every argument."""

    rule: str
    f: Callable[..., Any]  # of a library and the arguments
    at: tuple[list[float], ...]
    slopes: tuple[list[float], ...]
    torch: tuple[list[float], ...] | None = None  # its slopes, where they differ
    jax: tuple[list[float], ...] | None = None


def of(name):
    return lambda library, *args: getattr(library, name)(*args)


KINKS = [
    Kink("relu is flat at 0", of("relu"), ([-1.0, 0.0, -0.0, 1.0],), ([0.0, 0.0, 0.0, 1.0],)),
    Kink("relu at infinity", of("relu"), ([-inf, inf],), ([0.0, 1.0],)),
    Kink("relu is flat at NaN", of("relu"), ([nan],), ([0.0],), torch=([1.0],)),
    Kink("leaky_relu has at 0 the slope below it", lambda np, x: np.leaky_relu(x, 0.25),
         ([-2.0, 0.0, -0.0, 2.0],), ([0.25, 0.25, 0.25, 1.0],), jax=([0.25, 1.0, 1.0, 1.0],)),
    Kink("elu has at 0 the slope below it", lambda np, x: np.elu(x, 0.25), ([0.0, -0.0, 2.0],),
         ([0.25, 0.25, 1.0],)),
    Kink("abs is flat at 0", of("abs"), ([-2.0, 0.0, -0.0, 2.0],), ([-1.0, 0.0, 0.0, 1.0],),
         jax=([-1.0, 1.0, 1.0, 1.0],)),
    Kink("sign is flat everywhere", of("sign"), ([-1.0, 0.0, 1.0, nan],), ([0.0, 0.0, 0.0, 0.0],)),
    Kink("comparisons cut the gradient", lambda np, x: np.where(x > 0, x, 2 * x), ([-1.0, 0.0, 1.0],),
         ([2.0, 2.0, 1.0],)),
    # choosing
    Kink("the larger takes it, ties share evenly", of("maximum"),
         ([1.0, 2.0, 3.0, 0.0], [2.0, 2.0, 2.0, -0.0]), ([0.0, 0.5, 1.0, 0.5], [1.0, 0.5, 0.0, 0.5])),
    Kink("the smaller takes it, ties share evenly", of("minimum"),
         ([1.0, 2.0, 3.0, -inf], [2.0, 2.0, 2.0, -inf]), ([1.0, 0.5, 0.0, 0.5], [0.0, 0.5, 1.0, 0.5])),
    Kink("nobody takes a NaN maximum", of("maximum"), ([nan, 1.0, nan], [1.0, nan, nan]),
         ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]), torch=([1.0, 1.0, 1.0], [1.0, 1.0, 1.0])),
    Kink("nobody takes a NaN minimum", of("minimum"), ([nan, 1.0, nan], [1.0, nan, nan]),
         ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]), torch=([1.0, 1.0, 1.0], [1.0, 1.0, 1.0])),
    Kink("clip passes on its edges", of("clip"), ([0.0, 1.0, 2.0, 3.0, 4.0], [1.0] * 5, [3.0] * 5),
         ([0.0, 1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]),
         jax=([0.0, 0.5, 1.0, 0.5, 0.0], [1.0, 0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.5, 1.0])),
    Kink("clip between equal edges", of("clip"), ([0.0, 1.0, 2.0], [1.0] * 3, [1.0] * 3),
         ([0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]),
         torch=([0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]),
         jax=([0.0, 0.25, 0.0], [0.5, 0.25, 0.0], [0.5, 0.5, 1.0])),
    Kink("clip between crossed edges is the upper one", of("clip"), ([0.0, 2.0, 4.0], [3.0] * 3, [1.0] * 3),
         ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])),
    Kink("where passes only to what it takes", lambda np, a, b: np.where([True, False], a, b),
         ([1.0, 2.0], [3.0, 4.0]), ([1.0, 0.0], [0.0, 1.0])),
    Kink("a branch not taken still spoils its own slope", lambda np, x: np.where(x > 0, np.sqrt(x), 0 * x),
         ([0.0, 4.0],), ([nan, 0.25],)),
    # reductions
    Kink("ties of max share evenly", of("max"), ([1.0, 3.0, 3.0, 0.0],), ([0.0, 0.5, 0.5, 0.0],)),
    Kink("ties of min share evenly", of("min"), ([2.0, 2.0, 2.0],), ([third, third, third],)),
    Kink("infinite ties of max too", of("max"), ([inf, 1.0, inf],), ([0.5, 0.0, 0.5],)),
    Kink("a NaN maximum spoils its row", of("max"), ([1.0, nan, 2.0],), ([nan, nan, nan],)),
    Kink("a NaN minimum spoils its row", of("min"), ([1.0, nan, 2.0],), ([nan, nan, nan],)),
    Kink("logsumexp of -inf alone is flat", of("logsumexp"), ([-inf, -inf],), ([0.0, 0.0],),
         torch=([nan, nan],), jax=([nan, nan],)),
    Kink("logsumexp next to -inf", of("logsumexp"), ([0.0, -inf],), ([1.0, 0.0],)),
    Kink("logsumexp of inf has no slope", of("logsumexp"), ([inf, 0.0],), ([nan, 0.0],)),
    Kink("logsumexp far apart", of("logsumexp"), ([-800.0, -1800.0],), ([1.0, 0.0],)),
    Kink("prod next to a zero", of("prod"), ([0.0, 2.0, 3.0],), ([6.0, 0.0, 0.0],)),
    Kink("prod next to two", of("prod"), ([0.0, 2.0, 0.0],), ([0.0, 0.0, 0.0],)),
    Kink("cumprod through a zero", of("cumprod"), ([2.0, 0.0, 3.0],), ([1.0, 8.0, 0.0],)),
    Kink("of equal numbers the first is sorted first", lambda np, x: np.sort(x)[0], ([1.0, 1.0, 2.0],),
         ([1.0, 0.0, 0.0],)),
    Kink("norm is flat at 0", of("norm"), ([0.0, -0.0],), ([0.0, 0.0],), jax=([nan, nan],)),
    Kink("any norm is", lambda np, x: np.norm(x, 3), ([0.0, 0.0],), ([0.0, 0.0],), jax=([nan, nan],)),
    Kink("norm by the sum is flat where a number is 0", lambda np, x: np.norm(x, 1), ([0.0, -2.0],),
         ([0.0, -1.0],), jax=([1.0, -1.0],)),
    Kink("ties of the largest share the norm", lambda np, x: np.norm(x, inf), ([-2.0, 2.0, 1.0],),
         ([-0.5, 0.5, 0.0],)),
    Kink("std of equal numbers is flat", of("std"), ([2.0, 2.0, 2.0],), ([0.0, 0.0, 0.0],),
         jax=([nan, nan, nan],)),
    # powers and roots
    Kink("power of 0, in the base", lambda np, a: np.power(a, [0.0, 1.0, 2.0, 0.5, -1.0]), ([0.0] * 5,),
         ([0.0, 1.0, 0.0, inf, -inf],), jax=([nan, 1.0, 0.0, inf, -inf],)),
    Kink("power of 0, in the exponent", lambda np, b: np.power([0.0, 0.0, 0.0, -0.0], b),
         ([0.0, 1.0, 2.5, 3.0],), ([0.0, 0.0, 0.0, 0.0],)),
    Kink("negative power of 0, in the exponent", lambda np, b: np.power([0.0], b), ([-1.0],), ([-inf],),
         jax=([nan],)),
    Kink("anything to the power of 0 is flat in the base", lambda np, a: np.power(a, [0.0] * 3),
         ([2.0, -1.0, inf],), ([0.0, 0.0, 0.0],)),
    Kink("even NaN to the power of 0", lambda np, a: np.power(a, [0.0]), ([nan],), ([0.0],), jax=([nan],)),
    Kink("negative base, in the base", lambda np, a: np.power(a, [2.0, 3.0, 0.5]), ([-1.0, -2.0, -2.0],),
         ([-2.0, 12.0, nan],)),
    Kink("negative base, in the exponent", lambda np, b: np.power([-2.0, -2.0], b), ([2.0, 3.0],),
         ([nan, nan],)),
    Kink("x ** 2 at 0", lambda np, x: x**2, ([0.0, -2.0],), ([0.0, -4.0],)),
    Kink("x ** 0 is flat", lambda np, x: x**0, ([0.0, -2.0],), ([0.0, 0.0],)),
    Kink("x ** 3 through 0", lambda np, x: x**3, ([0.0, -2.0],), ([0.0, 12.0],)),
    Kink("sqrt is steep at 0", of("sqrt"), ([0.0, -1.0, inf],), ([inf, nan, 0.0],)),
    Kink("x ** 0.5 is sqrt", lambda np, x: x**0.5, ([0.0, -1.0],), ([inf, nan],)),
    Kink("reciprocal at 0", of("reciprocal"), ([0.0, inf],), ([-inf, 0.0],)),
    Kink("log keeps its slope where it has no value", of("log"), ([0.0, -1.0, inf],), ([inf, -1.0, 0.0],)),
    Kink("log1p keeps its slope where it has no value", of("log1p"), ([-1.0, -2.0],), ([inf, -1.0],)),
    Kink("log2 keeps its slope where it has no value", of("log2"), ([0.0, -1.0, inf],),
         ([inf, -1 / np.log(2), 0.0],)),
    Kink("log10 keeps its slope where it has no value", of("log10"), ([0.0, -1.0],),
         ([inf, -1 / np.log(10)],)),
    Kink("logit at the ends of probability", of("logit"), ([0.0, 1.0],), ([inf, inf],)),
    Kink("cbrt is steep at 0", of("cbrt"), ([0.0, -8.0, inf],), ([inf, 1 / 12, 0.0],)),
    Kink("hypot is flat at the origin", of("hypot"), ([0.0, 3.0, 0.0], [0.0, 4.0, -2.0]),
         ([0.0, 0.6, 0.0], [0.0, 0.8, -1.0]), torch=([nan, 0.6, 0.0], [nan, 0.8, -1.0]),
         jax=([0.5, 0.6, 0.0], [0.5, 0.8, -1.0])),
    Kink("x log y where x is 0", of("xlogy"), ([0.0, 0.0, 2.0], [0.0, 2.0, 0.0]),
         ([0.0, np.log(2), -inf], [0.0, 0.0, inf]), torch=([0.0, np.log(2), -inf], [nan, 0.0, inf]),
         jax=([-inf, np.log(2), -inf], [nan, 0.0, inf])),
    Kink("x log1p y where x is 0", of("xlog1py"), ([0.0, 0.0, 2.0], [-1.0, 1.0, -1.0]),
         ([0.0, np.log(2), -inf], [0.0, 0.0, inf]), torch=([0.0, np.log(2), -inf], [nan, 0.0, inf]),
         jax=([-inf, np.log(2), -inf], [nan, 0.0, inf])),
    # angles
    Kink("arcsin is steep at its ends", of("arcsin"), ([-1.0, 1.0, 2.0],), ([inf, inf, nan],)),
    Kink("arccos is steep at its ends", of("arccos"), ([-1.0, 1.0, 2.0],), ([-inf, -inf, nan],)),
    Kink("arctanh is steep at its ends, and keeps its slope beyond", of("arctanh"), ([-1.0, 1.0, 2.0],),
         ([inf, inf, -third],)),
    Kink("arccosh is steep at its end", of("arccosh"), ([1.0, 0.5, inf],), ([inf, nan, 0.0],)),
    Kink("arccosh has no slope on the other branch", of("arccosh"), ([-2.0],), ([nan],),
         torch=([1 / 3**0.5],), jax=([1 / 3**0.5],)),
    Kink("arccosh and arcsinh far out", lambda np, x: np.arccosh(x) + np.arcsinh(x), ([1e30],),
         ([2e-30],)),
    Kink("arctan is flat far out", of("arctan"), ([inf, -inf],), ([0.0, 0.0],)),
    Kink("arctan2 has no slope at the origin", of("arctan2"), ([0.0], [0.0]), ([nan], [nan]),
         torch=([0.0], [-0.0])),
    Kink("arctan2 jumps on the negative axis, not its slope", of("arctan2"),
         ([0.0, -0.0, 0.0], [1.0, -1.0, -1.0]), ([1.0, -1.0, -1.0], [0.0, 0.0, 0.0])),
    # rounding and remainders
    *[Kink(f"{name} is flat, also where it jumps", of(name), ([-0.5, 0.0, 0.5, 1.0],), ([0.0] * 4,))
      for name in ("floor", "ceil", "trunc", "rint", "round")],
    Kink("remainder loses the floor of the quotient", of("remainder"), ([5.5, -5.5, 6.0], [2.0, 2.0, 2.0]),
         ([1.0, 1.0, 1.0], [-2.0, 3.0, -3.0])),
    Kink("fmod loses the whole part of the quotient", of("fmod"), ([5.5, -5.5, 6.0], [2.0, 2.0, 2.0]),
         ([1.0, 1.0, 1.0], [-2.0, 2.0, -3.0])),
    Kink("floor_divide is flat", of("floor_divide"), ([5.5, 6.0], [2.0, 2.0]), ([0.0, 0.0], [0.0, 0.0])),
    Kink("copysign is flat at 0 and in the sign", of("copysign"),
         ([2.0, -2.0, 0.0, 3.0], [-1.0, -1.0, -1.0, 0.0]), ([-1.0, 1.0, 0.0, 1.0], [0.0] * 4),
         jax=([-1.0, 1.0, -1.0, 1.0], [0.0] * 4)),
    Kink("heaviside takes its second argument at 0", of("heaviside"), ([-1.0, 0.0, 1.0], [0.5, 0.5, 0.5]),
         ([0.0, 0.0, 0.0], [0.0, 1.0, 0.0])),
    Kink("what nan_to_num replaces is flat", of("nan_to_num"), ([nan, inf, -inf, 1.0],),
         ([0.0, 0.0, 0.0, 1.0],)),
    # limits
    Kink("logaddexp of -inf alone is flat", of("logaddexp"), ([-inf, -inf], [-inf, 0.0]),
         ([0.0, 0.0], [0.0, 1.0]), torch=([nan, 0.0], [nan, 1.0]), jax=([nan, 0.0], [nan, 1.0])),
    Kink("logaddexp of inf", of("logaddexp"), ([inf], [0.0]), ([1.0], [0.0]), jax=([1.0], [1.0])),
    Kink("sinc is flat at 0", of("sinc"), ([0.0, 1.0],), ([0.0, -1.0],)),
    Kink("sinh far out", of("sinh"), ([inf, -inf],), ([inf, inf],)),
    Kink("exp2 far out", of("exp2"), ([inf, -inf],), ([inf, 0.0],)),
    Kink("erfc is flat far out", of("erfc"), ([inf, -inf, 30.0],), ([0.0, 0.0, 0.0],)),
    Kink("log_expit far out", of("log_expit"), ([inf, -inf, 0.0],), ([0.0, 1.0, 0.5],)),
    Kink("sigmoid is flat far out", of("sigmoid"), ([inf, -inf, -800.0],), ([0.0, 0.0, 0.0],)),
    Kink("tanh is flat far out", of("tanh"), ([inf, -inf, 40.0],), ([0.0, 0.0, 0.0],)),
    Kink("softplus far out", of("softplus"), ([inf, -inf, 0.0],), ([1.0, 0.0, 0.5],)),
    Kink("exp far out", of("exp"), ([inf, -inf, 800.0],), ([inf, 0.0, inf],)),
    Kink("erf is flat far out", of("erf"), ([inf, -inf, 30.0],), ([0.0, 0.0, 0.0],)),
    Kink("normal_cdf is flat far out", of("normal_cdf"), ([inf, -inf, 40.0],), ([0.0, 0.0, 0.0],)),
    Kink("silu far out", of("silu"), ([inf, -inf, -800.0, 0.0],), ([1.0, 0.0, 0.0, 0.5],),
         torch=([nan, nan, 0.0, 0.5],), jax=([nan, nan, 0.0, 0.5],)),
    Kink("gelu far out", of("gelu"), ([inf, -inf, -800.0, 0.0],), ([1.0, 0.0, 0.0, 0.5],),
         torch=([nan, nan, 0.0, 0.5],), jax=([nan, nan, 0.0, 0.5],)),
    Kink("elu far out", lambda np, x: np.elu(x, 0.25), ([inf, -inf, 800.0],), ([1.0, 0.0, 1.0],)),
]  # fmt: skip

table = pytest.mark.parametrize("kink", KINKS, ids=lambda kink: kink.rule)


def library(find, as_array):
    """The functions that the table uses, of fastgrad or a peer; lists among their arguments become arrays."""

    class Library:
        def __getattr__(self, name):
            f = find(name)
            return lambda *args: f(*[as_array(a) if isinstance(a, list) else a for a in args])

    return Library()


ours = library(lambda name: fg.linalg.norm if name == "norm" else getattr(fg, name), np.array)


def slopes(kink, dtype, create_graph):
    leaves = [fg.tensor(numbers, dtype, requires_grad=True) for numbers in kink.at]
    value = kink.f(ours, *leaves)
    return [
        g.detach().numpy()
        for g in _core.gradients([value], [np.ones(value.shape)], leaves, False, create_graph)
    ]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@table
def test_slopes(kink, dtype):
    for found in (slopes(kink, dtype, False), slopes(kink, dtype, True)):
        for slope, want in zip(found, kink.slopes, strict=True):
            assert slope.dtype == dtype
            np.testing.assert_allclose(slope, want, rtol=1e-6)


@table
def test_slopes_of_compiled_functions(kink):
    def total(*leaves):
        return fg.sum(kink.f(ours, *leaves))

    compiled = fg.compile(fg.grad(total, tuple(range(len(kink.at)))))
    found = compiled(*map(np.array, kink.at))
    for slope, want in zip(found, kink.slopes, strict=True):
        np.testing.assert_allclose(slope, want, rtol=1e-12)


@table
def test_pytorchs_slopes(kink):
    torch = pytest.importorskip("torch")
    renamed = {"power": "pow", "max": "amax", "min": "amin", "normal_cdf": "special.ndtr"}
    renamed |= {"norm": "linalg.vector_norm"}
    renamed |= {name: f"nn.functional.{name}" for name in ("softplus", "silu", "gelu", "elu", "leaky_relu")}

    renamed |= {"rint": "round", "xlog1py": "special.xlog1py", "log_expit": "nn.functional.logsigmoid"}
    along_axes = {
        "logsumexp": lambda x: torch.logsumexp(x, 0),
        "cumprod": lambda x: torch.cumprod(x, 0),
        "sort": lambda x: torch.sort(x, stable=True).values,
    }

    def find(name):
        if name in along_axes:
            return along_axes[name]
        if name in ("cbrt", "floor_divide", "heaviside"):
            pytest.skip(f"no {name} with derivatives in PyTorch")
        return attrgetter(renamed.get(name, name))(torch)

    leaves = [torch.tensor(numbers, dtype=torch.float64, requires_grad=True) for numbers in kink.at]
    value = kink.f(library(find, torch.tensor), *leaves)
    found = torch.autograd.grad(value.sum(), leaves)
    for slope, want in zip(found, kink.torch or kink.slopes, strict=True):
        np.testing.assert_allclose(slope.numpy(), want, rtol=1e-12)


@table
def test_jaxs_slopes(kink):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    own = ["relu", "sigmoid", "softplus", "logsumexp", "silu", "elu", "leaky_relu"]
    others = {
        "erf": jax.scipy.special.erf,
        "log_expit": jax.nn.log_sigmoid,
        **{name: getattr(jax.scipy.special, name) for name in ("erfc", "logit", "xlogy", "xlog1py")},
        "normal_cdf": jax.scipy.stats.norm.cdf,
        "norm": jax.numpy.linalg.norm,
        "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    }
    find = lambda name: others.get(name) or getattr(jax.nn if name in own else jax.numpy, name)
    jaxs = library(find, jax.numpy.array)
    arguments = [jax.numpy.array(numbers, dtype=float) for numbers in kink.at]
    value, pullback = jax.vjp(lambda *leaves: kink.f(jaxs, *leaves), *arguments)
    for slope, want in zip(pullback(jax.numpy.ones(value.shape)), kink.jax or kink.slopes, strict=True):
        np.testing.assert_allclose(slope, want, rtol=1e-12)


def test_slopes_of_interp():
    places, values = [0.0, 1.0, 2.0], [0.0, 10.0, 30.0]
    slope = fg.elementwise_grad(lambda x: fg.interp(x, places, values))
    x = np.array(
        [-1.0, 0.0, 0.5, 1.0, 2.0, 2.5]
    )  # at a point: the line behind it; at the last: the one before
    np.testing.assert_array_equal(slope(x), [0.0, 10.0, 10.0, 20.0, 20.0, 0.0])
    assert fg.interp(1.0, [2.0], [5.0]).item() == 5.0


# --- values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["max", "min", "logsumexp", "sum", "mean"])
def test_nan_wins_wherever_it_stands(name, dtype):
    reduce = getattr(fg, name)
    for n in (1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67):
        rows = np.where(np.eye(n, dtype=bool), nan, np.arange(n)).astype(dtype)  # row i has its NaN at i
        assert np.all(np.isnan(reduce(rows, 1).numpy()))
        assert np.all(np.isnan(reduce(rows, 0).numpy()))
        assert np.isnan(reduce(rows).item())


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_nan_wins_on_either_side(name):
    a, b = np.array([nan, 1.0, nan, inf]), np.array([1.0, nan, nan, nan])
    assert np.all(np.isnan(getattr(fg, name)(a, b).numpy()))


def test_nan_passes_through_clip_and_relu():
    assert np.isnan(fg.relu(nan).item())
    assert np.isnan(fg.clip(nan, 0.0, 1.0).item())
    assert np.isnan(fg.clip(0.5, nan, 1.0).item())
    assert np.isnan(fg.clip(0.5, 0.0, nan).item())


@pytest.mark.parametrize(
    ("row", "want"),
    [
        ([-inf, -inf], -inf),
        ([-inf, 0.0], 0.0),
        ([inf, 0.0], inf),
        ([inf, inf], inf),
        ([inf, -inf], inf),
        ([1000.0, 1000.0], 1000.0 + np.log(2)),
        ([-1000.0, -1000.0], -1000.0 + np.log(2)),
        ([5.0], 5.0),
    ],
)
def test_logsumexp_at_its_limits(row, want):
    assert fg.logsumexp(row).item() == pytest.approx(want, rel=1e-15)
    assert fg.logsumexp(np.array([row, row]).T, axis=0).tolist() == pytest.approx([want, want], rel=1e-15)


def test_reductions_of_nothing():
    nothing = np.zeros((2, 0))
    assert fg.sum(nothing).item() == 0.0
    np.testing.assert_array_equal(fg.sum(nothing, axis=1).numpy(), [0.0, 0.0])
    for name in ("mean", "max", "min", "logsumexp"):
        with pytest.raises(ValueError, match=r"axis -1 of shape \(2, 0\) is empty"):
            getattr(fg, name)(nothing, axis=1)
        assert getattr(fg, name)(np.zeros((0, 2)), axis=1).shape == (0,)


def test_the_least_integer_has_no_negation():
    least = np.iinfo(np.int64).min
    assert fg.min(np.array([5, least])).item() == least
    assert fg.max(np.array([5, least])).item() == 5
    np.testing.assert_array_equal(fg.abs(np.array([least])).numpy(), np.abs(np.array([least])))
