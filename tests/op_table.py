"""The table of ops: one row an op says what it computes, on which numbers, and how exactly.

Tests that are for all ops take them from here. A new op needs one row; test_ops.py fails until it is there.
"""

from __future__ import annotations

import operator
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import scipy.linalg
from scipy import special

import fastgrad as fg
from fastgrad import _core

N = "n"  # in a shape: the size that the test chooses


@dataclass(frozen=True)
class Arg:
    """Numbers to draw for one argument: how, and in which shape."""

    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    shape: tuple[int | str, ...] = (N,)

    def of_shape(self, *shape: int | str) -> Arg:
        return Arg(self.draw, shape)


anything = Arg(lambda rng, shape: rng.uniform(-3.0, 3.0, shape))
positive = Arg(lambda rng, shape: rng.uniform(0.2, 4.0, shape))
nonzero = Arg(lambda rng, shape: rng.uniform(0.3, 3.0, shape) * rng.choice([-1.0, 1.0], shape))
near_one = Arg(lambda rng, shape: rng.uniform(0.8, 1.25, shape) * rng.choice([-1.0, 1.0], shape))
above_minus_one = Arg(lambda rng, shape: rng.uniform(-0.8, 3.0, shape))
within_one = Arg(lambda rng, shape: rng.uniform(-0.9, 0.9, shape))
probability = Arg(lambda rng, shape: rng.uniform(0.1, 0.9, shape))
above_one = Arg(lambda rng, shape: rng.uniform(1.2, 4.0, shape))
between_integers = Arg(lambda rng, shape: rng.integers(-4, 4, shape) + rng.uniform(0.15, 0.4, shape))
often_halves = Arg(lambda rng, shape: rng.choice([-2.5, -0.5, 0.5, 1.5], shape))
often_equal = Arg(lambda rng, shape: rng.integers(-2, 3, shape).astype(float))
far_from_singular = Arg(
    lambda rng, shape: (
        np.eye(shape[-1]) * (shape[-1] + rng.uniform(1.0, 2.0, shape)) - rng.uniform(0.1, 0.9, shape)
    )
)
truth = Arg(lambda rng, shape: rng.integers(0, 2, shape).astype(bool))


def apart(place: int) -> Arg:
    """No two numbers within 0.05 of each other, nor of those at another place (0, 1 or 2)."""

    def draw(rng, shape):
        count = int(np.prod(shape))
        return 0.25 * (rng.permutation(count) - count // 2).reshape(shape) + 0.08 * place

    return Arg(draw)


def index(size: int, *shape: int | str) -> Arg:
    return Arg(lambda rng, shape: rng.integers(-size, size, shape), shape)


@dataclass(frozen=True)
class Row:
    """One op. Functions here are written for any library: `f` is fastgrad's function, NumPy's or a peer's."""

    name: str
    args: tuple[Arg, ...]
    calls: tuple[Callable[..., Any], ...] = (lambda f, *args: f(*args),)
    ulp: float = 0.5  # largest error of a value, in units of its last place; 0.5: the nearest number there is
    # What `ulp` is relative to, where not to the value itself: an f, or one number.
    scale: Callable[..., Any] | float | None = None
    fastgrad: Callable[..., Any] | None = None  # fastgrad.<name> by default
    reference: Callable[..., Any] | None = None  # of float64 arrays; numpy.<name> by default
    reference_ulp: float = 1.0  # how exact the reference is in float64, where `ulp` is more than 0.5
    dtypes: str = "?lfd"  # of the numbers: ? bool, l int64, f float32, d float64
    bools_as: type = np.int64  # what the op takes bools for: int64, or bool as they are
    gradient: bool = True  # whether one flows to the float arguments
    host: bool = False  # numbers that are not the project's own, and outside what is promised about bits
    # The counterpart: its path in the module, or made from the module; "": the same name; None: none.
    torch: str | Callable[[Any], Any] | None = ""
    jax: str | Callable[[Any], Any] | None = ""

    @property
    def function(self) -> Callable[..., Any]:
        return self.fastgrad or getattr(fg, self.name)

    @property
    def numpy(self) -> Callable[..., Any]:
        return self.reference or getattr(np, self.name)

    @property
    def elementwise(self) -> bool:
        return self.name in _core.elementwise_table

    def inputs(self, dtype: str, n: int = 6, shape: tuple[int, ...] | None = None) -> list[np.ndarray]:
        """Arrays for one call, always the same. An elementwise op may be given another shape."""
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), n])
        arrays = []
        for arg in self.args:
            wanted = tuple(n if size == N else size for size in arg.shape)
            drawn = arg.draw(rng, wanted if shape is None else shape)
            arrays.append(drawn if drawn.dtype.kind in "bi" else as_dtype(drawn, dtype))
        return arrays

    def expected(self, call: Callable[..., Any], arrays: list[np.ndarray]) -> np.ndarray:
        """The reference's value: of floats in float64, whatever precision they came in."""
        numbers = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arrays]
        with np.errstate(all="ignore"):
            return np.asarray(call(self.numpy, *self.without_bools(numbers)))

    def expected_dtype(self, call: Callable[..., Any], arrays: list[np.ndarray]) -> np.dtype:
        with np.errstate(all="ignore"):
            dtype = np.asarray(call(self.numpy, *self.without_bools(arrays))).dtype
        if dtype != np.longdouble:
            return dtype
        return np.result_type(*[a.dtype if a.dtype.kind == "f" else np.float64 for a in arrays])

    def without_bools(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        numbers = [a.astype(self.bools_as) if a.dtype == bool else a for a in arrays]
        return [
            a if arg.draw is truth.draw else number
            for a, number, arg in zip(arrays, numbers, self.args, strict=True)
        ]

    def error(self, call: Callable[..., Any], arrays: list[np.ndarray], value: np.ndarray) -> float:
        """How far the value is from the reference's, in units of the allowed error: at most 1 is right."""
        want = self.expected(call, arrays)
        if value.shape != want.shape:
            return np.inf
        if value.dtype.kind != "f":
            return 0.0 if np.array_equal(value, want) else np.inf
        scale = call(self.scale, *arrays) if callable(self.scale) else self.scale
        allowed = self.ulp + (self.reference_ulp if value.dtype == np.float64 and self.ulp > 0.5 else 0.0)
        return float(np.max(ulps(value, want, scale), initial=0.0)) / allowed


def as_dtype(numbers: np.ndarray, dtype: str) -> np.ndarray:
    """Floats as another type of number: integers away from zero, bools by sign."""
    if dtype == "?":
        return numbers > 0
    if dtype == "l":
        return np.where(numbers < 0, np.floor(numbers), np.ceil(numbers)).astype(np.int64)
    return numbers.astype(dtype)


def ulps(value: np.ndarray, want: np.ndarray, scale: np.ndarray | None = None) -> np.ndarray:
    """Distance in units of the last place of `scale`, by default of `want`; inf where only one is NaN."""
    with np.errstate(all="ignore"):
        unit = np.spacing(np.abs(want if scale is None else scale).astype(value.dtype)).astype(np.longdouble)
        distance = np.abs(value.astype(np.longdouble) - want) / unit
        same = (value == want.astype(value.dtype)) | (np.isnan(value) & np.isnan(want))
        return np.where(same, 0.0, np.where(np.isnan(distance), np.inf, distance)).astype(np.float64)


# --- references where NumPy has no function: in long double, which on most machines is more than double


def wide_sigmoid(x):
    x = np.asarray(x, np.longdouble)
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def wide_softplus(x):
    x = np.asarray(x, np.longdouble)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def wide_silu(x):
    return np.maximum(x, -20000.0) * wide_sigmoid(x)


def wide(f):
    """NumPy's function in long double."""
    return lambda *args: f(*[np.asarray(a, np.longdouble) for a in args])


def wide_logit(x):
    x = np.asarray(x, np.longdouble)
    near = np.abs(x - 0.5) < 0.25
    return np.where(near, 2 * np.arctanh(np.where(near, 2 * x - 1, 0)), np.log(x) - np.log1p(-x))


def logaddexp_scale(a, b):
    """The largest of the result, the larger argument, and what lies between them."""
    with np.errstate(all="ignore"):
        value = np.logaddexp(a, b)
        larger = np.maximum(a, b)
        return np.fmax(np.fmax(np.abs(value), np.abs(larger)), np.abs(value - larger))


def wide_sinc(x):
    x = np.asarray(x, np.longdouble)
    rest = x - np.rint(x)
    pi = 2 * np.arccos(np.longdouble(0))
    with np.errstate(all="ignore"):
        return np.where(x == 0, 1, (1 - 2 * (np.rint(x) % 2)) * np.sin(pi * rest) / (pi * x))


def keeps_integers(f):
    """NumPy's rounding before 2.1 made integers real."""
    return lambda x: f(x).astype(np.asarray(x).dtype)


def exact(f):
    """A function that is flat beyond 1000, by mpmath, for arrays: the nearest double, in long double too."""

    def at(x):
        with mpmath.workprec(120):
            return np.nan if np.isnan(x) else float(f(mpmath.mpf(min(max(float(x), -1000.0), 1000.0))))

    return np.vectorize(at, otypes=[np.longdouble])


def wide_gelu(x):
    return np.maximum(x, -1000.0) * exact(mpmath.ncdf)(x)


def quantile_in_the_dtype_of_x(x, *args, **keywords):
    return np.quantile(x, *args, **keywords).astype(x.dtype)


def in_the_dtype_of(place):
    """NumPy's function, which computes in float64, in the dtype of one of the operands, and does not warn."""

    def quiet(f):
        def of(*args, **keywords):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                return f(*args, **keywords).astype(args[place].dtype)

        return of

    return quiet


def in_the_dtype_of_weights(f):
    def first(*args, weights, **keywords):
        value, *others = f(*args, weights=weights, **keywords)
        return value.astype(weights.dtype), *others

    return first


def solve_triangular(a, b, lower=False, trans=0, unit_diagonal=False):
    part = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        part = part * (1 - np.eye(a.shape[-1])) + np.eye(a.shape[-1])
    return np.linalg.solve(turned(part) if trans in {1, "T"} else part, b).astype(a.dtype)


def magnitude(f):
    return lambda x, **axes: f(np.abs(x), **axes)


# --- counterparts that are called otherwise


def torch_logsumexp(torch):
    return lambda x, axis=(0, 1, 2), keepdims=False: torch.logsumexp(x, axis, keepdims)


def torch_take(torch):
    return lambda x, i, axis=None: x.reshape(-1)[i] if axis is None else x[(slice(None),) * axis + (i,)]


def torch_transpose(torch):
    return lambda x, axes=None: x.permute(axes or tuple(range(x.ndim))[::-1])


def torch_dot(torch):
    def dot(a, b):
        if b.ndim == 0:
            return a * b
        return torch.tensordot(a, b, ([a.ndim - 1], [b.ndim - 2])) if a.ndim > 2 else torch.matmul(a, b)

    return dot


def torch_prod(torch):
    def prod(x, axis=(0, 1, 2), keepdims=False):
        for place in sorted(np.atleast_1d(axis) % x.ndim)[::-1]:
            x = torch.prod(x, int(place), keepdims)
        return x

    return prod


def torch_position(name):
    return lambda torch: lambda x, axis=None, keepdims=False: getattr(torch, name)(x, axis, keepdim=keepdims)


def torch_scan(name):
    return lambda torch: (
        lambda x, axis: (
            getattr(torch, name)(x.reshape(-1), 0) if axis is None else getattr(torch, name)(x, axis)
        )
    )


def torch_sort(torch):
    return lambda x, axis=-1: torch.sort(x.reshape(-1) if axis is None else x, axis or 0).values


def numpy_top_k(x, k, axis=-1):
    indices = np.flip(np.argsort(x, axis, stable=True), axis).take(np.arange(k), axis)
    return np.take_along_axis(x, indices, axis), indices


def take_along_last(take_along_axis):
    return lambda x, i: take_along_axis(x, i[..., None], -1)[..., 0]


def turned(x):
    return x.swapaxes(-1, -2)


def onto_the_others(q):
    """The projection onto the space of the columns behind the first two."""
    return q[..., 2:] @ turned(q[..., 2:])


def dot_of_three_axes(f, a, b):
    return f(a, b)


# --- ways to call an op


def whole(f, x):
    return f(x)


reductions = (
    whole,
    lambda f, x: f(x, axis=-1),
    lambda f, x: f(x, axis=1),
    lambda f, x: f(x, axis=0, keepdims=True),
    lambda f, x: f(x, axis=(0, 2)),
    lambda f, x: f(x, axis=(1, 2), keepdims=True),
)
products = (
    lambda f, a, b: f(a[0], b[0]),
    lambda f, a, b: f(a[0], b[0].T),
    lambda f, a, b: f(a[0], b[0, :, 0]),
    lambda f, a, b: f(a[0, 0], b[0]),
    lambda f, a, b: f(a[0, 0], b[0, :, 0]),
)
batched_products = (
    lambda f, a, b: f(a, b),
    lambda f, a, b: f(a, b[0]),
    lambda f, a, b: f(a[0], b),
    lambda f, a, b: f(a, b[0, :, 0]),
    lambda f, a, b: f(a[:, None], b),
)
choices = (
    whole,
    lambda f, x: f(x, axis=-1),
    lambda f, x: f(x, axis=1, keepdims=True),
    lambda f, x: f(x, axis=0),
)
softmaxes = (whole, lambda f, x: f(x, axis=-1), lambda f, x: f(x, axis=(0, 2)))
scans = (lambda f, x: f(x, 1), lambda f, x: f(x, -1), lambda f, x: f(x, None))
# Of operands (2, n, n) and (2, n, n).
EINSUMS = (
    "bij,bjk->bik",
    "bij,bjk",
    "...ij,...jk->...ik",
    "bii->b",
    "bij->jib",
    "bij,bij->b",
    "bij,bij->",
    "bij,cjk->bcik",
    "bii,bjj->ij",
    "bij,bjk,bkl,bli->b",
)


def quick_einsum(text, *operands):
    return np.einsum(text, *operands, optimize=True)


def einsum_call(text):
    return lambda f, a, b: f(text, *[a, b, a, b][: text.partition("->")[0].count(",") + 1])


square_matrices = far_from_singular.of_shape(2, N, N)
# Of well-conditioned matrices: errors beside the largest number there is.
lapack = {"host": True, "ulp": 60, "scale": 1.0, "dtypes": "fd", "torch": None, "jax": None}
sums = {"ulp": 16, "scale": 16.0, "dtypes": "fd", "torch": None, "jax": None}
transforms = {"host": True, **sums}
square_pair = (anything.of_shape(2, N, N), anything.of_shape(2, N, N))
compare = {"gradient": False}
logic = {"dtypes": "?", "bools_as": np.bool_, "gradient": False}
moves = {"bools_as": np.bool_}
picks = {"bools_as": np.bool_, "gradient": False}

ROWS = (
    # arithmetic
    Row("add", (anything, anything)),
    Row("subtract", (anything, anything)),
    Row("multiply", (anything, anything)),
    Row("divide", (anything, nonzero)),
    Row("negative", (anything,)),
    Row("abs", (nonzero,)),
    Row("sign", (nonzero,)),
    Row("square", (anything,)),
    Row("reciprocal", (nonzero,), reference=lambda x: 1.0 / x),
    Row("sqrt", (positive,)),
    Row("power", (positive, anything), ulp=2, dtypes="fd", torch="pow"),
    Row("minimum", (apart(0), apart(1))),
    Row("maximum", (apart(0), apart(1))),
    Row("clip", (apart(0), apart(1), apart(2))),
    Row("where", (truth, anything, anything)),
    Row("cbrt", (nonzero,), ulp=2, reference=wide(np.cbrt), torch=None),
    Row("hypot", (anything, nonzero), ulp=2, reference=wide(np.hypot)),
    # rounding, remainders, signs
    Row("floor", (between_integers,), reference=keeps_integers(np.floor)),
    Row("ceil", (between_integers,), reference=keeps_integers(np.ceil)),
    Row("trunc", (between_integers,), reference=keeps_integers(np.trunc)),
    Row("rint", (between_integers,), reference=keeps_integers(np.rint), torch="round"),
    Row("round", (between_integers,), ulp=2,
        calls=(whole, lambda f, x: f(x, 1), lambda f, x: f(x, -1), lambda f, x: f(x, decimals=2)),
        reference=lambda x, decimals=0: np.round(x, decimals),
        torch=lambda torch: lambda x, decimals=0: torch.round(x, decimals=decimals)),
    Row("remainder", (anything, nonzero), reference_ulp=0),
    Row("fmod", (anything, nonzero), reference_ulp=0),
    Row("floor_divide", (between_integers, often_halves), ulp=1, reference_ulp=0, torch=None),
    Row("copysign", (nonzero, nonzero)),
    Row("heaviside", (nonzero, anything), torch=None),
    Row("isnan", (often_equal,), **compare),
    Row("isinf", (often_equal,), **compare),
    Row("isfinite", (often_equal,), **compare),
    Row("signbit", (often_equal,), **compare),
    Row("nan_to_num", (anything,), **moves),
    Row("deg2rad", (anything,), ulp=2),
    Row("rad2deg", (anything,), ulp=2),
    # exponentials, angles, activations
    Row("exp2", (anything,), ulp=2),
    Row("log2", (positive,), ulp=2),
    Row("log10", (positive,), ulp=2),
    Row("logaddexp", (anything, anything), ulp=3, scale=logaddexp_scale, reference=wide(np.logaddexp)),
    Row("tan", (within_one,), ulp=2, reference=wide(np.tan)),
    Row("arcsin", (within_one,), ulp=2, reference=wide(np.arcsin)),
    Row("arccos", (within_one,), ulp=2, reference=wide(np.arccos)),
    Row("arctan", (anything,), ulp=2, reference=wide(np.arctan)),
    Row("arctan2", (anything, nonzero), ulp=2, reference=wide(np.arctan2)),
    Row("sinh", (anything,), ulp=2, reference=wide(np.sinh)),
    Row("cosh", (anything,), ulp=2, reference=wide(np.cosh)),
    Row("arcsinh", (anything,), ulp=2, reference=wide(np.arcsinh)),
    Row("arccosh", (above_one,), ulp=2, reference=wide(np.arccosh)),
    Row("arctanh", (within_one,), ulp=2, reference=wide(np.arctanh)),
    Row("sinc", (anything,), ulp=4, reference=wide_sinc),
    Row("erfc", (anything,), ulp=5, reference=exact(mpmath.erfc), jax="scipy.special.erfc"),
    Row("logit", (probability,), ulp=2, reference=wide_logit, jax="scipy.special.logit"),
    Row("log_expit", (anything,), ulp=2, reference_ulp=3,
        reference=lambda x: -wide_softplus(-np.asarray(x, float)), torch="nn.functional.logsigmoid",
        jax="nn.log_sigmoid"),
    Row("xlogy", (anything, positive), ulp=3, reference=special.xlogy, jax="scipy.special.xlogy"),
    Row("xlog1py", (anything, above_minus_one), ulp=3, reference=special.xlog1py,
        torch="special.xlog1py", jax="scipy.special.xlog1py"),
    Row("exp", (anything,), ulp=2),
    Row("expm1", (anything,), ulp=2),
    Row("log", (positive,), ulp=2),
    Row("log1p", (above_minus_one,), ulp=2),
    Row("sin", (anything,), ulp=2),
    Row("cos", (anything,), ulp=2),
    Row("tanh", (anything,), ulp=2),
    Row("sigmoid", (anything,), ulp=2, reference=wide_sigmoid, reference_ulp=3, jax="nn.sigmoid"),
    Row("relu", (nonzero,), reference=lambda x: np.maximum(x, 0.0), jax="nn.relu"),
    Row("softplus", (anything,), ulp=2, reference=wide_softplus, reference_ulp=3,
        torch="nn.functional.softplus", jax="nn.softplus"),
    Row("erf", (anything,), ulp=2, reference=exact(mpmath.erf), jax="scipy.special.erf"),
    Row("normal_cdf", (anything,), ulp=5, reference=exact(mpmath.ncdf), torch="special.ndtr",
        jax="scipy.stats.norm.cdf"),
    Row("normal_pdf", (anything,), ulp=3, reference=exact(mpmath.npdf), jax="scipy.stats.norm.pdf",
        torch=lambda torch: lambda x: torch.distributions.Normal(0.0, 1.0).log_prob(x).exp()),
    Row("silu", (anything,), ulp=2, reference=wide_silu, reference_ulp=3, torch="nn.functional.silu",
        jax="nn.silu"),
    Row("gelu", (anything,), ulp=5, reference=wide_gelu, torch="nn.functional.gelu",
        jax=lambda jax: lambda x: jax.nn.gelu(x, approximate=False)),
    Row("elu", (nonzero, positive), ulp=3, jax="nn.elu",
        reference=lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)),
        torch=lambda torch: lambda x, alpha: torch.where(x > 0, x, alpha * torch.expm1(x))),
    Row("leaky_relu", (nonzero, positive), reference=lambda x, slope: np.where(x > 0, 1.0, slope) * x,
        jax="nn.leaky_relu", torch=lambda torch: lambda x, slope: torch.where(x > 0, x, slope * x)),
    # comparisons and truth values
    Row("less", (often_equal, often_equal), **compare),
    Row("less_equal", (often_equal, often_equal), **compare),
    Row("greater", (often_equal, often_equal), **compare),
    Row("greater_equal", (often_equal, often_equal), **compare),
    Row("equal", (often_equal, often_equal), **compare, torch="eq"),
    Row("not_equal", (often_equal, often_equal), **compare),
    Row("logical_and", (truth, truth), **logic),
    Row("logical_or", (truth, truth), **logic),
    Row("logical_not", (truth,), **logic),
    # reductions
    Row("sum", (anything.of_shape(2, N, N),), reductions, ulp=4, scale=magnitude(np.sum)),
    Row("mean", (anything.of_shape(2, N, N),), reductions, ulp=4, scale=magnitude(np.mean)),
    Row("max", (apart(0).of_shape(2, N, N),), reductions, torch="amax"),
    Row("min", (apart(0).of_shape(2, N, N),), reductions, torch="amin"),
    Row("logsumexp", (anything.of_shape(2, N, N),), reductions, ulp=4, reference=special.logsumexp,
        scale=lambda x, **axes: 4 + np.max(np.abs(x), **axes), torch=torch_logsumexp,
        jax="nn.logsumexp"),
    Row("prod", (near_one.of_shape(2, N, 3),), reductions, ulp=60, torch=torch_prod),
    Row("argmax", (often_equal.of_shape(2, N, N),), choices, **picks, torch=torch_position("argmax")),
    Row("argmin", (often_equal.of_shape(2, N, N),), choices, **picks, torch=torch_position("argmin")),
    Row("var", (anything.of_shape(2, N, N),), (*reductions, lambda f, x: f(x, ddof=1)), ulp=12,
        scale=lambda x, *a, ddof=0, **axes: 9 * np.ones_like(np.var(x, *a, **axes)), torch=None),
    Row("std", (anything.of_shape(2, N, N),), (*reductions, lambda f, x: f(x, ddof=1)), ulp=12,
        scale=lambda x, *a, ddof=0, **axes: 3 * np.ones_like(np.var(x, *a, **axes)), torch=None),
    Row("ptp", (apart(0).of_shape(2, N, N),), reductions, torch=None),
    Row("average", (anything.of_shape(2, N, 3), positive.of_shape(3), positive.of_shape(2, N, 3)), ulp=8,
        scale=lambda x, *others, **more: 9.0, torch=None, calls=(
        lambda f, x, w, weights: f(x, 1),
        lambda f, x, w, weights: f(x, -1, w),
        lambda f, x, w, weights: f(x, weights=weights),
        lambda f, x, w, weights: f(x, (2, 0), weights=weights[:, 0].T, keepdims=True))),
    Row("median", (apart(0).of_shape(2, N, 3),), torch=None, calls=(
        whole,
        lambda f, x: f(x, 1),
        lambda f, x: f(x, (0, 2), keepdims=True))),
    Row("quantile", (apart(0).of_shape(2, N, 3),), dtypes="fd", reference=quantile_in_the_dtype_of_x,
        torch=None, ulp=4, scale=lambda x, *a, **more: 4.0, calls=(
        lambda f, x: f(x, 0.3),
        lambda f, x: f(x, np.array([0.0, 0.7, 1.0]), 1),
        lambda f, x: f(x, 0.6, (2, 0), method="lower", keepdims=True),
        lambda f, x: f(x, np.array([0.6, 0.2]), -1, method="midpoint"))),
    Row("nansum", (anything.of_shape(2, N, N),), reductions, ulp=4, scale=magnitude(np.sum)),
    Row("nanmean", (anything.of_shape(2, N, N),), reductions, ulp=4, scale=magnitude(np.mean), torch=None),
    Row("softmax", (anything.of_shape(2, N, 3),), softmaxes, ulp=12, torch=None, jax="nn.softmax",
        reference=lambda x, axis=-1: special.softmax(x, axis)),
    Row("log_softmax", (anything.of_shape(2, N, 3),), softmaxes, ulp=6, torch=None, jax="nn.log_softmax",
        reference=lambda x, axis=-1: special.log_softmax(x, axis), scale=lambda x, axis=-1: 8 + 0 * x),
    Row("norm", (nonzero.of_shape(2, N, 3),), torch=None, ulp=8, fastgrad=fg.linalg.norm,
        reference=np.linalg.norm, jax="numpy.linalg.norm", calls=(
        whole,
        lambda f, x: f(x, axis=1),
        lambda f, x: f(x, 1, -1, True),
        lambda f, x: f(x, 3, 1),
        lambda f, x: f(x, 1.5, axis=0),
        lambda f, x: f(x, axis=(1, 2)),
        lambda f, x: f(x[0], "fro", keepdims=True))),
    Row("norm_by_the_largest", (anything.of_shape(2, N, 3),), torch=None, ulp=4, fastgrad=fg.linalg.norm,
        reference=np.linalg.norm, jax="numpy.linalg.norm", calls=(
        lambda f, x: f(x, np.inf, 1),
        lambda f, x: f(x, -np.inf, -1, keepdims=True),
        lambda f, x: f(x, 1, (0, 1)),
        lambda f, x: f(x, -np.inf, (2, 1)))),
    Row("any", (often_equal.of_shape(2, N, 3),), choices, **picks, torch=None),
    Row("all", (often_equal.of_shape(2, N, 3),), choices, **picks, torch=None),
    Row("count_nonzero", (often_equal.of_shape(2, N, 3),), choices, **picks, torch=None),
    # along an axis
    Row("cumsum", (anything.of_shape(2, N, 3),), scans, ulp=12, torch=torch_scan("cumsum"),
        scale=lambda x, *axis: np.cumsum(np.abs(x), *axis)),
    Row("cumprod", (near_one.of_shape(2, N, 3),), scans, ulp=90, torch=torch_scan("cumprod")),
    Row("sort", (apart(0).of_shape(2, N, 3),), (whole, *scans), **moves, torch=torch_sort),
    Row("argsort", (often_equal.of_shape(2, N, 3),), (whole, *scans), **picks,
        reference=lambda x, axis=-1: np.argsort(x, axis, stable=True), torch=None),
    # products
    Row("matmul", square_pair, products + batched_products, ulp=6, dtypes="fd",
        scale=lambda a, b: np.matmul(np.abs(a), np.abs(b))),
    Row("dot", square_pair, (*products, lambda f, a, b: f(a[0], b[0, 0, 0]), dot_of_three_axes), ulp=6,
        dtypes="fd", torch=torch_dot, scale=lambda a, b: np.dot(np.abs(a), np.abs(b))),
    Row("vdot", (anything.of_shape(N, 2), anything.of_shape(2, N)), ulp=6, dtypes="fd", torch=None,
        scale=lambda a, b: np.vdot(np.abs(a), np.abs(b))),
    Row("inner", (anything.of_shape(2, N, 3), anything.of_shape(4, 3)), ulp=6, dtypes="fd",
        scale=lambda a, b: np.inner(np.abs(a), np.abs(b)), calls=(
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(b[0], a[0]))),
    Row("outer", (anything, anything.of_shape(3))),
    Row("tensordot", (anything.of_shape(2, N, 3), anything.of_shape(N, 3, 2)), ulp=6, dtypes="fd", torch=None,
        scale=lambda a, b, *axes: np.tensordot(np.abs(a), np.abs(b), *axes), calls=(
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(a, b, ([2, 0], [1, -1])),
        lambda f, a, b: f(a[0, 0], b[0], 1),
        lambda f, a, b: f(a[0], b[0, :, 0], 0))),
    Row("einsum", square_pair, tuple(einsum_call(text) for text in EINSUMS), ulp=16, dtypes="fd",
        reference=quick_einsum, scale=lambda text, *operands: quick_einsum(text, *map(np.abs, operands)),
        torch=None),
    Row("kron", (anything.of_shape(N, 2), anything.of_shape(3)), calls=(
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(b, b[:2]),
        lambda f, a, b: f(b, a))),
    Row("cross", (anything.of_shape(2, 3, N), anything.of_shape(2, 3)), ulp=2, torch=None,
        scale=lambda *args, **axes: 18.0, calls=(
        lambda f, a, b: f(a, b[:, None], axisa=1),
        lambda f, a, b: f(b, b[1]),
        lambda f, a, b: f(a, a[::-1], axis=1))),
    # linear algebra; what peers make of it is in test_linalg.py
    Row("solve", (square_matrices, anything.of_shape(2, N, 3)), **lapack, fastgrad=fg.linalg.solve,
        reference=np.linalg.solve, calls=(
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(a[0], b),
        lambda f, a, b: f(a, b[1]),
        lambda f, a, b: f(a[1], b[0, :, 0]),
        lambda f, a, b: f(turned(a), turned(turned(b)[:, :2])))),
    Row("solve_triangular", (square_matrices, anything.of_shape(2, N, 3)), **lapack,
        fastgrad=fg.linalg.solve_triangular, reference=solve_triangular, calls=(
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(a, b[0], lower=True),
        lambda f, a, b: f(a[0], b[1, :, 0], trans="T"),
        lambda f, a, b: f(a, b, lower=True, trans=1),
        lambda f, a, b: f(a * 0.1, b, unit_diagonal=True))),
    Row("inv", (square_matrices,), **lapack, fastgrad=fg.linalg.inv, reference=np.linalg.inv, calls=(
        whole,
        lambda f, x: f(x[0].T))),
    Row("det", (square_matrices,), host=True, ulp=60, dtypes="fd", fastgrad=fg.linalg.det,
        reference=np.linalg.det, torch="linalg.det", jax="numpy.linalg.det"),
    Row("slogdet", (square_matrices,), **lapack | {"scale": 16.0}, fastgrad=fg.linalg.slogdet,
        reference=np.linalg.slogdet, calls=(lambda f, x: f(x)[1], lambda f, x: f(-x[0]).logabsdet)),
    Row("cholesky", (square_matrices,), **lapack, fastgrad=fg.linalg.cholesky, reference=np.linalg.cholesky,
        calls=(
        lambda f, x: f(x + turned(x)),
        lambda f, x: f(x[0] + x[0].T, upper=True))),
    Row("qr", (anything.of_shape(2, N, 2),), **lapack, fastgrad=fg.linalg.qr, reference=np.linalg.qr, calls=(
        lambda f, x: f(x)[0],
        lambda f, x: f(x).R,
        lambda f, x: f(turned(x))[1],
        lambda f, x: f(x[0, :2]).Q)),
    Row("qr_complete", (anything.of_shape(2, N, 2),), **lapack | {"ulp": 200}, fastgrad=fg.linalg.qr,
        reference=np.linalg.qr, calls=(
        lambda f, x: f(x, "complete")[0][..., :2],
        lambda f, x: f(x, "complete")[1],
        lambda f, x: onto_the_others(f(x, mode="complete")[0]))),
    Row("eig", (square_matrices,), **lapack | {"ulp": 2000}, fastgrad=fg.linalg.eig,
        reference=np.linalg.eig, calls=(
        lambda f, x: (f(x)[0].real ** 2).sum(-1) * 0.01,
        lambda f, x: abs(f(x * np.arange(1, x.shape[-1] + 1, dtype=x.dtype))[1]) ** 2)),
    Row("eigvals", (square_matrices,), **lapack | {"ulp": 2000}, fastgrad=fg.linalg.eigvals,
        reference=np.linalg.eigvals, calls=(
        lambda f, x: (f(x).real ** 2).sum(-1) * 0.01,
        lambda f, x: (f(x).imag ** 2).sum(-1) * 0.1)),
    Row("tensorsolve", (square_matrices, anything.of_shape(N, 2)), **lapack, fastgrad=fg.linalg.tensorsolve,
        reference=np.linalg.tensorsolve, calls=(
        lambda f, a, b: f(a[0], b[:, 0]),
        lambda f, a, b: f(a[0][None], b[:, 1], (0, 2)))),
    Row("tensorinv", (square_matrices,), **lapack, fastgrad=fg.linalg.tensorinv,
        reference=np.linalg.tensorinv,
        calls=(
        lambda f, a: f(a[0], 1),
        lambda f, a: f(a[0][:, None], 1))),
    Row("eigh", (square_matrices,), **lapack | {"ulp": 600}, fastgrad=fg.linalg.eigh,
        reference=np.linalg.eigh, calls=(
        lambda f, x: f(x + turned(x))[0] * 0.1,
        lambda f, x: f(x + turned(x), UPLO="U").eigenvectors ** 2)),
    Row("eigvalsh", (square_matrices,), **lapack | {"scale": 16.0}, fastgrad=fg.linalg.eigvalsh,
        reference=np.linalg.eigvalsh, calls=(lambda f, x: f(x + turned(x)),)),
    Row("svd", (anything.of_shape(2, N, 2),), **lapack | {"ulp": 200}, fastgrad=fg.linalg.svd,
        reference=np.linalg.svd, calls=(
        lambda f, x: f(x, full_matrices=False)[1],
        lambda f, x: f(x, full_matrices=False).U ** 2,
        lambda f, x: f(turned(x), False)[2] ** 2,
        lambda f, x: f(x[:, :2])[0] ** 2,
        lambda f, x: f(x)[0][..., :2] ** 2,
        lambda f, x: onto_the_others(f(x).U),
        lambda f, x: onto_the_others(turned(f(turned(x))[2])))),
    Row("svdvals", (anything.of_shape(2, N, 2),), **lapack, fastgrad=fg.linalg.svdvals,
        reference=lambda x: np.linalg.svd(x, compute_uv=False)),
    Row("pinv", (anything.of_shape(2, N, 2),), **lapack, fastgrad=fg.linalg.pinv, reference=np.linalg.pinv,
        calls=(
        whole,
        lambda f, x: f(turned(x)),
        lambda f, x: f(x[..., :1] @ turned(x[..., 1:]), rcond=1e-4))),
    Row("lstsq", (anything.of_shape(N, 2), anything.of_shape(N)), **lapack, fastgrad=fg.linalg.lstsq,
        reference=np.linalg.lstsq, calls=(
        lambda f, a, b: f(a, b)[0],
        lambda f, a, b: f(a, b)[1] * 0.1,
        lambda f, a, b: f(a.T, b[:2])[0])),
    Row("expm", (anything.of_shape(2, N, N),), **lapack | {"scale": 60.0}, fastgrad=fg.linalg.expm,
        reference=lambda x: scipy.linalg.expm(x).astype(x.dtype),
        calls=(lambda f, x: f(x * 0.4), lambda f, x: f(turned(x)[0] * 0.1))),
    Row("matrix_power", (within_one.of_shape(2, N, N),), **sums | {"ulp": 200},
        fastgrad=fg.linalg.matrix_power, reference=np.linalg.matrix_power, calls=(
        lambda f, x: f(x, 3),
        lambda f, x: f(x[0], 1))),
    Row("multi_dot", (within_one.of_shape(N, 2), within_one.of_shape(N)), **sums,
        fastgrad=fg.linalg.multi_dot, reference=np.linalg.multi_dot, calls=(
        lambda f, a, b: f([b, a, a.T, b]),
        lambda f, a, b: f([a.T, a, a.T]))),
    Row("cond", (square_matrices,), **lapack | {"scale": 4.0}, fastgrad=fg.linalg.cond,
        reference=np.linalg.cond, calls=(whole, lambda f, x: f(x, "fro"), lambda f, x: f(x, -2))),
    Row("norm_by_singular_values", (anything.of_shape(2, N, 2),), **lapack | {"scale": 16.0},
        fastgrad=fg.linalg.norm, reference=np.linalg.norm, calls=(
        lambda f, x: f(x, 2, (1, 2)),
        lambda f, x: f(x[0], -2),
        lambda f, x: f(x, "nuc", (2, 1)))),
    # Fourier transforms, convolutions
    Row("fft", (anything.of_shape(2, N),), **transforms, fastgrad=fg.fft.fft, reference=np.fft.fft, calls=(
        lambda f, x: f(x).real,
        lambda f, x: f(x, axis=0).imag,
        lambda f, x: f(f(x, 4, norm="ortho"), norm="forward").real)),
    Row("ifft", (anything.of_shape(2, N),), **transforms, fastgrad=fg.fft.ifft, reference=np.fft.ifft, calls=(
        lambda f, x: f(x).imag,
        lambda f, x: f(f(x, 5)).real)),
    Row("rfft", (anything.of_shape(2, N),), **transforms, fastgrad=fg.fft.rfft, reference=np.fft.rfft, calls=(
        lambda f, x: f(x).real,
        lambda f, x: f(x, 6, norm="forward").imag)),
    Row("irfft", (anything.of_shape(2, N),), **transforms, fastgrad=fg.fft.irfft,
        reference=np.fft.irfft, calls=(
        whole,
        lambda f, x: f(x, 5),
        lambda f, x: f(x, 4, 0, "ortho"))),
    Row("convolve", (anything, anything.of_shape(4)), **sums, calls=(
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(a, b, "same"),
        lambda f, a, b: f(b, a, "valid"))),
    Row("correlate", (anything, anything.of_shape(4)), **sums, calls=(
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(a, b, "full"),
        lambda f, a, b: f(b, a, "same"))),
    Row("gradient", (anything.of_shape(N, 3),), **sums, calls=(
        lambda f, y: f(y, axis=1),
        lambda f, y: f(y, 0.5, axis=-1, edge_order=2),
        lambda f, y: f(y, np.array([0.0, 1.0, 1.5]), axis=1))),
    Row("percentile", (apart(0).of_shape(2, N, 3),), dtypes="fd", torch=None, ulp=4,
        scale=4.0, calls=(
        lambda f, x: f(x, 30),
        lambda f, x: f(x, np.array([0.0, 70.0]), 1)),
        reference=lambda x, *a, **more: np.percentile(x, *a, **more).astype(x.dtype)),
    # the gamma function's relatives
    Row("gammaln", (positive,), ulp=8, reference=exact(mpmath.loggamma), torch="lgamma",
        jax="scipy.special.gammaln"),
    Row("digamma", (positive,), ulp=4, reference=exact(mpmath.digamma), jax="scipy.special.digamma",
        torch=None),  # its derivative, PyTorch's trigamma, is exact to 1e-9
    Row("polygamma", (positive,), ulp=12, reference=lambda n, x: exact(lambda v: mpmath.psi(n, v))(x),
        torch=None, jax="scipy.special.polygamma", calls=(
        lambda f, x: f(1, x),
        lambda f, x: f(2, x),
        lambda f, x: f(3, x))),
    Row("betaln", (positive, positive), ulp=16, scale=4.0, reference=special.betaln, torch=None,
        jax="scipy.special.betaln"),
    Row("multigammaln", (above_one,), ulp=16, dtypes="fd", scale=4.0, torch=None,
        reference=np.vectorize(special.multigammaln, otypes=[np.longdouble]),
        jax="scipy.special.multigammaln", calls=(lambda f, a: f(a, 1), lambda f, a: f(a, 3))),
    # shapes
    Row("reshape", (anything.of_shape(N, 6),), **moves,
        torch=lambda torch: lambda x, shape: x.reshape(shape), calls=(
        lambda f, x: f(x, (3, -1)),
        lambda f, x: f(x, -1),
        lambda f, x: f(x.T, (2, -1)),
        lambda f, x: f(x[:, None, ::2], (-1, 3, 1)))),
    Row("transpose", (anything.of_shape(2, N, 3),), **moves, torch=torch_transpose, calls=(
        whole,
        lambda f, x: f(x, (1, 0, 2)),
        lambda f, x: f(x, (2, 0, 1)),
        lambda f, x: f(x, (0, -1, -2)))),
    Row("broadcast_to", (anything.of_shape(N, 1),), **moves, calls=(
        lambda f, x: f(x, (x.shape[0], 4)),
        lambda f, x: f(x, (2, x.shape[0], 3)),
        lambda f, x: f(x[0], (5,)))),
    Row("clone", (anything.of_shape(N, 2),), **moves, fastgrad=lambda x: fg.asarray(x).clone(),
        reference=lambda x: x, torch=None, jax=None),
    Row("identity", (anything.of_shape(N, 2),), **moves, fastgrad=_core.ops.identity,
        reference=lambda x: x, torch="clone", jax=lambda jax: lambda x: x),
    Row("astype", (anything.of_shape(N, 2),), **moves, reference=lambda x, dtype: x.astype(dtype), torch=None,
        calls=(lambda f, x: f(x, np.float64), lambda f, x: f(x.T, np.float64))),
    Row("concatenate", (anything.of_shape(N, 3), anything.of_shape(2, 3)), **moves, calls=(
        lambda f, a, b: f([a, b], 0),
        lambda f, a, b: f([a, a[:, 1:]], -1),
        lambda f, a, b: f([b.T, a.T, b.T], 1))),
    Row("stack", (anything.of_shape(N, 3), anything.of_shape(N, 3)), **moves, calls=(
        lambda f, a, b: f([a, b], 0),
        lambda f, a, b: f([a, b], 1),
        lambda f, a, b: f([a, b, a], -1))),
    Row("squeeze", (anything.of_shape(1, N, 1),), **moves, torch=None, calls=(
        whole,
        lambda f, x: f(x, 0),
        lambda f, x: f(x, (0, -1)))),
    Row("expand_dims", (anything.of_shape(N, 3),), **moves, torch=None, calls=(
        lambda f, x: f(x, 1),
        lambda f, x: f(x, (0, -1)))),
    Row("ravel", (anything.of_shape(N, 3),), **moves, calls=(whole, lambda f, x: f(x.T))),
    Row("swapaxes", (anything.of_shape(2, N, 3),), **moves, calls=(lambda f, x: f(x, 0, -1),)),
    Row("moveaxis", (anything.of_shape(2, N, 3),), **moves, calls=(
        lambda f, x: f(x, 0, -1),
        lambda f, x: f(x, (0, 2), (1, 0)))),
    Row("flip", (anything.of_shape(2, N, 3),), **moves, torch=None, calls=(
        whole,
        lambda f, x: f(x, (0, -1)))),
    Row("fliplr", (anything.of_shape(N, 3),), **moves),
    Row("flipud", (anything.of_shape(N, 3),), **moves),
    Row("rot90", (anything.of_shape(2, N, 3),), **moves, torch=None, calls=(
        whole,
        lambda f, x: f(x, 2, (1, 2)),
        lambda f, x: f(x, -1, (2, 0)))),
    Row("roll", (anything.of_shape(N, 3),), **moves, calls=(
        lambda f, x: f(x, 2),
        lambda f, x: f(x, -1, 1),
        lambda f, x: f(x, (1, -5), (0, 1)))),
    Row("atleast_1d", (anything.of_shape(N),), **moves, calls=(
        whole,
        lambda f, x: f(x[0]),
        lambda f, x: f(x, x[0])[1])),
    Row("atleast_2d", (anything.of_shape(N),), **moves),
    Row("atleast_3d", (anything.of_shape(N, 2),), **moves, calls=(whole, lambda f, x: f(x[0]))),
    # joining, cutting, repeating
    Row("hstack", (anything.of_shape(N, 3), anything.of_shape(N, 2)), **moves, calls=(
        lambda f, a, b: f([a, b]),
        lambda f, a, b: f([a[0], b[0]]))),
    Row("vstack", (anything.of_shape(N, 3), anything.of_shape(3)), **moves, calls=(
        lambda f, a, b: f([a, b]),
        lambda f, a, b: f([b, a[0]]))),
    Row("column_stack", (anything.of_shape(N, 3), anything.of_shape(N)), **moves, calls=(
        lambda f, a, b: f([a, b]),)),
    Row("array_split", (anything.of_shape(7, N),), **moves, torch=None, calls=(
        lambda f, x: f(x, 3)[1],
        lambda f, x: f(x, 2, axis=1)[0])),
    Row("split", (anything.of_shape(6, N),), **moves, torch=None, calls=(
        lambda f, x: f(x, 3)[2],
        lambda f, x: f(x, [1, 4])[1])),
    Row("hsplit", (anything.of_shape(N, 4),), **moves, calls=(lambda f, x: f(x, 2)[1],)),
    Row("vsplit", (anything.of_shape(4, N),), **moves, calls=(lambda f, x: f(x, 2)[1],)),
    Row("tile", (anything.of_shape(N, 2),), **moves, torch=None, calls=(
        lambda f, x: f(x, 3),
        lambda f, x: f(x, (2, 1, 3)))),
    Row("repeat", (anything.of_shape(3, N),), **moves, torch=None, calls=(
        lambda f, x: f(x, 2),
        lambda f, x: f(x, 3, axis=1),
        lambda f, x: f(x, np.array([2, 0, 1]), axis=0))),
    Row("pad", (anything.of_shape(N, 3),), **moves, torch=None, calls=(
        lambda f, x: f(x, 1),
        lambda f, x: f(x, ((0, 2), (1, 0)), constant_values=2),
        lambda f, x: f(x, (2, 5), mode="edge"),
        lambda f, x: f(x, (1, 3), mode="reflect"),
        lambda f, x: f(x, ((4, 1), (0, 0)), mode="wrap"))),
    # diagonals, grids, constants
    Row("diagonal", (anything.of_shape(3, N, 4),), **moves, torch=None, calls=(
        whole,
        lambda f, x: f(x, 1, 1, 2),
        lambda f, x: f(x, -1, 2, 0))),
    Row("trace", (anything.of_shape(3, N, 4),), torch=None, ulp=3, calls=(
        whole,
        lambda f, x: f(x, 1, 2, 1)),
        scale=lambda x, *axes: np.trace(np.abs(x), *axes)),
    Row("diag", (anything.of_shape(N, 4),), **moves, calls=(
        whole,
        lambda f, x: f(x, -1),
        lambda f, x: f(x[:, 1]),
        lambda f, x: f(x[0], 2),
        lambda f, x: f(x[0], -1))),
    Row("tril", (anything.of_shape(2, N, 4),), **moves, calls=(whole, lambda f, x: f(x, -1))),
    Row("triu", (anything.of_shape(2, N, 4),), **moves, calls=(whole, lambda f, x: f(x, 1))),
    Row("meshgrid", (anything, anything.of_shape(3)), **moves, torch=None, calls=(
        lambda f, a, b: f(a, b)[0],
        lambda f, a, b: f(a, b, indexing="ij")[1],
        lambda f, a, b: f(a, b, sparse=True)[1])),
    Row("full_like", (anything.of_shape(N, 2), anything.of_shape(2)), **moves, torch=None),
    Row("zeros_like", (anything.of_shape(N, 2),), **picks),
    Row("ones_like", (anything.of_shape(N, 2),), **picks),
    # picking
    Row("slice", (anything.of_shape(N, 7),), **moves, fastgrad=operator.getitem, reference=operator.getitem,
        torch=None, jax=lambda jax: operator.getitem, calls=(
        lambda f, x: f(x, 0),
        lambda f, x: f(x, slice(1, None)),
        lambda f, x: f(x, (slice(None), slice(None, None, -2))),
        lambda f, x: f(x, (..., None, slice(2, 5))),
        lambda f, x: f(x, (-1, slice(6, None, -3))),
        lambda f, x: f(x, (slice(None), slice(4, 4))),
        lambda f, x: f(x, (0, 3)),
        lambda f, x: f(x, (slice(None), np.array([[0, -1, 3], [3, 3, 2]]))),
        lambda f, x: f(x, (np.array([0, -1, 0]), np.array([[3], [-7]]))))),
    Row("take", (anything.of_shape(5, N), index(5, 2, 3)), **moves, torch=torch_take, calls=(
        lambda f, x, i: f(x, i),
        lambda f, x, i: f(x, i, axis=0),
        lambda f, x, i: f(x.T, i[0], axis=1))),
    Row("take_along_axis", (anything.of_shape(2, 3, N), index(3, 2, 4, N)), **moves, torch=None, calls=(
        lambda f, x, i: f(x, i, 1),
        lambda f, x, i: f(x[..., :3], i[:1, :, :1], axis=-2),
        lambda f, x, i: f(x[0, :, 0], i[0, :, 0], axis=None))),
    Row("searchsorted", (apart(0).of_shape(N), anything.of_shape(2, 3)), **picks, torch=None, calls=(
        lambda f, a, v: f(a[a.argsort()], v),
        lambda f, a, v: f(a, v[0], "right", a.argsort()))),
    Row("top_k", (apart(0).of_shape(2, N, 3),), **moves, reference=numpy_top_k, torch=None, jax=None, calls=(
        lambda f, x: f(x, 2)[0],
        lambda f, x: f(x, 1, 1)[0])),
    Row("compress", (anything.of_shape(4, N),), **moves, torch=None, calls=(
        lambda f, x: f(np.array([True, False, True]), x, axis=0),
        lambda f, x: f(np.array([True, False, False, True]), x))),
    Row("diff", (anything.of_shape(2, N, 4), anything.of_shape(2, N, 1)), **moves, calls=(
        lambda f, x, y: f(x, 2),
        lambda f, x, y: f(x, 1, 0),
        lambda f, x, y: f(x, prepend=y, append=x[..., :2])), ulp=2, scale=lambda *args, **more: 12.0,
        torch=None),
    Row("trapezoid", (anything.of_shape(2, N, 3), positive.of_shape(3)), torch=None, ulp=4,
        scale=lambda y, *others, **more: 9.0, calls=(
        lambda f, y, x: f(y, axis=1, dx=0.5),
        lambda f, y, x: f(y, x),
        lambda f, y, x: f(y, y * y, axis=0))),
    Row("interp", (anything.of_shape(2, N), apart(0).of_shape(5), anything.of_shape(5)), torch=None, ulp=24,
        dtypes="fd", reference=lambda x, *others: np.interp(x, *others).astype(x.dtype),
        scale=lambda *args: 3.0, calls=(
        lambda f, x, xp, fp: f(x, 6 * xp[xp.argsort()], fp),
        lambda f, x, xp, fp: f(x, 3 * xp[xp.argsort()], fp, 2.0, fp[0] * 2))),
    # numbers that pass over NaN
    Row("nanmax", (apart(0).of_shape(2, N, N),), reductions, torch=None),
    Row("nanmin", (apart(0).of_shape(2, N, N),), reductions, torch=None),
    Row("nanprod", (near_one.of_shape(2, N, 3),), reductions, ulp=60, torch=None),
    Row("nanvar", (anything.of_shape(2, N, N),), (*reductions, lambda f, x: f(x, ddof=1)), ulp=12,
        scale=lambda x, *a, ddof=0, **axes: 9 * np.ones_like(np.var(x, *a, **axes)), torch=None),
    Row("nanstd", (anything.of_shape(2, N, N),), (*reductions, lambda f, x: f(x, ddof=1)), ulp=12,
        scale=lambda x, *a, ddof=0, **axes: 3 * np.ones_like(np.var(x, *a, **axes)), torch=None),
    Row("nancumsum", (anything.of_shape(2, N, 3),), scans, ulp=12, torch=None,
        scale=lambda x, *axis: np.cumsum(np.abs(x), *axis)),
    Row("nancumprod", (near_one.of_shape(2, N, 3),), scans, ulp=90, torch=None),
    Row("nanargmax", (often_equal.of_shape(2, N, N),), choices, **picks, torch=None),
    Row("nanargmin", (often_equal.of_shape(2, N, N),), choices, **picks, torch=None),
    Row("nanmedian", (apart(0).of_shape(2, N, 3),), torch=None, calls=(
        whole,
        lambda f, x: f(x, 1),
        lambda f, x: f(x, (0, 2), keepdims=True))),
    Row("nanquantile", (apart(0).of_shape(2, N, 3),), dtypes="fd", torch=None, ulp=4,
        reference=lambda x, *a, **more: np.nanquantile(x, *a, **more).astype(x.dtype),
        scale=lambda x, *a, **more: 4.0, calls=(
        lambda f, x: f(x, 0.3),
        lambda f, x: f(x, np.array([0.0, 0.7, 1.0]), 1),
        lambda f, x: f(x, 0.6, (2, 0), method="lower", keepdims=True),
        lambda f, x: f(x, 0.6, -1, method="higher"),
        lambda f, x: f(x, 0.3, -1, method="nearest"),
        lambda f, x: f(x, np.array([0.6, 0.2]), -1, method="midpoint"))),
    Row("nanpercentile", (apart(0).of_shape(2, N, 3),), dtypes="fd", torch=None, ulp=4, scale=4.0,
        reference=lambda x, *a, **more: np.nanpercentile(x, *a, **more).astype(x.dtype), calls=(
        lambda f, x: f(x, 30),
        lambda f, x: f(x, np.array([0.0, 70.0]), 1))),
    # further elementwise functions
    Row("fabs", (nonzero,), reference=lambda x: np.fabs(x) * 1.0, torch=None),
    Row("float_power", (positive, anything), ulp=2, torch=None,
        reference=lambda x, y: np.float_power(x, y), dtypes="d"),
    Row("fmax", (apart(0), apart(1))),
    Row("fmin", (apart(0), apart(1))),
    Row("logaddexp2", (anything, anything), ulp=6, scale=4.0, reference=wide(np.logaddexp2)),
    Row("modf", (between_integers,), torch=None, ulp=2, scale=4.0,
        reference=lambda x: np.modf(x * 1.0), calls=(
        lambda f, x: f(x)[0],
        lambda f, x: f(x)[1])),
    Row("divmod", (anything, nonzero), ulp=1, reference_ulp=0, torch=None, calls=(
        lambda f, x, y: f(x, y)[0],
        lambda f, x, y: f(x, y)[1])),
    Row("ldexp", (anything, index(5, N)), reference=np.ldexp, torch=None),
    Row("i0", (anything,), ulp=4, reference=special.i0),
    Row("angle", (nonzero,), reference=lambda x: np.angle(x * 1.0), gradient=False, torch=None),
    Row("real_if_close", (anything,), **moves, torch=None, jax=None),
    Row("unwrap", (anything.of_shape(2, N),), torch=None, dtypes="fd", ulp=60, scale=12.0, calls=(
        lambda f, x: f(3 * x),
        lambda f, x: f(2 * x, axis=0, period=2.5),
        lambda f, x: f(2 * x, 2.0, period=2.5))),
    # closeness and kinds
    Row("isclose", (often_equal, often_equal), **compare, torch=None, calls=(
        lambda f, a, b: f(a, b + 1e-6),
        lambda f, a, b: f(a, b, 0.6, 0.3))),
    Row("allclose", (often_equal, often_equal), **compare, torch=None, calls=(
        lambda f, a, b: f(a, a),
        lambda f, a, b: f(a, b, rtol=1e-3))),
    Row("array_equal", (often_equal, often_equal), **compare, torch=None, calls=(
        lambda f, a, b: f(a, a),
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(a, b[:2], equal_nan=True))),
    Row("array_equiv", (often_equal, often_equal.of_shape(1)), **compare, torch=None, calls=(
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(a[:1] * 0, b * 0))),
    Row("logical_xor", (truth, truth), **logic),
    Row("isposinf", (often_equal,), **compare),
    Row("isneginf", (often_equal,), **compare),
    Row("isreal", (often_equal,), **compare),
    Row("iscomplex", (often_equal,), **compare, torch=None),
    # covariances, running sums, products along last axes
    Row("cov", (anything.of_shape(3, N), positive.of_shape(N), anything.of_shape(2, N)), **sums,
        reference=in_the_dtype_of(0)(np.cov), calls=(
        lambda f, x, w, y: f(x),
        lambda f, x, w, y: f(x[0]),
        lambda f, x, w, y: f(x, y),
        lambda f, x, w, y: f(x.T, rowvar=False),
        lambda f, x, w, y: f(x, bias=True, fweights=np.arange(x.shape[1]) % 3 + 1),
        lambda f, x, w, y: f(x, ddof=0, aweights=w),
        lambda f, x, w, y: f(x, aweights=w))),
    Row("corrcoef", (anything.of_shape(3, N), anything.of_shape(2, N)), **sums,
        reference=in_the_dtype_of(0)(np.corrcoef), calls=(
        lambda f, x, y: f(x)[0, 1:],
        lambda f, x, y: f(x, y)[0, 1:])),
    Row("cumulative_sum", (anything.of_shape(2, N, 3),), ulp=12, torch=None,
        scale=lambda x, axis, **more: np.cumulative_sum(np.abs(x), axis=axis, **more), calls=(
        lambda f, x: f(x, axis=1),
        lambda f, x: f(x, axis=-1, include_initial=True))),
    Row("cumulative_prod", (near_one.of_shape(2, N, 3),), ulp=90, torch=None, calls=(
        lambda f, x: f(x, axis=1),
        lambda f, x: f(x, axis=-1, include_initial=True))),
    Row("ediff1d", (anything.of_shape(2, N), anything.of_shape(2)), ulp=1, torch=None, calls=(
        lambda f, x, y: f(x),
        lambda f, x, y: f(x, to_end=y, to_begin=y[0]))),
    Row("vecdot", (anything.of_shape(2, N, 3), anything.of_shape(N, 3)), ulp=6, torch=None,
        scale=lambda a, b: np.sum(np.abs(a * b), -1)),
    Row("matvec", (anything.of_shape(2, N, 3), anything.of_shape(3)), ulp=6, dtypes="fd", torch=None,
        scale=lambda a, b: np.abs(a) @ np.abs(b)),
    Row("vecmat", (anything.of_shape(2, 3), anything.of_shape(2, 3, N)), ulp=6, dtypes="fd", torch=None,
        scale=lambda a, b: np.einsum("bi,bij->bj", np.abs(a), np.abs(b))),
    Row("matrix_transpose", (anything.of_shape(2, N, 3),), **moves, torch=None),
    # counting
    Row("bincount", (index(3, N), anything), dtypes="fd", torch=None, jax=None, ulp=16, scale=300.0,
        reference=lambda i, w, length: np.bincount(i, w, length).astype(w.dtype), calls=(
        lambda f, i, w: f(i % 3, w, length=5),)),
    Row("counts", (index(3, N),), **picks, torch=None, jax=None, fastgrad=fg.bincount,
        reference=lambda i, length: np.bincount(i, minlength=length), calls=(
        lambda f, i: f(i % 3, length=4),)),
    Row("digitize", (anything.of_shape(2, N), apart(0).of_shape(4)), **picks, torch=None, calls=(
        lambda f, x, e: f(x, e[e.argsort()]),
        lambda f, x, e: f(x, e[(-1 * e).argsort()], right=True))),
    Row("histogram", (anything, positive), dtypes="fd", torch=None, jax=None, ulp=8, scale=600.0,
        reference=in_the_dtype_of_weights(np.histogram), calls=(
        lambda f, x, w: f(x, 4, (-2.0, 2.0), weights=w)[0],
        lambda f, x, w: f(x, np.array([-3.0, 0.0, 0.5, 3.0], w.dtype), density=True, weights=w)[0])),
    Row("histogram_bin_edges", (anything,), gradient=False, ulp=2, scale=4.0, torch=None, jax=None),
    Row("histogramdd", (anything.of_shape(N, 2), positive), dtypes="fd", torch=None, jax=None, ulp=8,
        scale=600.0, reference=in_the_dtype_of_weights(np.histogramdd), calls=(
        lambda f, x, w: f(x, 3, [(-2.0, 2.0), (-3.0, 3.0)], weights=w)[0],
        lambda f, x, w: f(x, [2, 3], [(-3.0, 3.0)] * 2, density=True, weights=w)[0])),
    Row("histogram2d", (anything, anything, positive), dtypes="fd", torch=None, jax=None, ulp=8, scale=600.0,
        reference=in_the_dtype_of_weights(np.histogram2d), calls=(
        lambda f, x, y, w: f(x, y, [2, 3], [(-3.0, 3.0), (-3.0, 3.0)], weights=w)[0],)),
    Row("places_of_ranks", (often_equal.of_shape(2, N),), **picks, torch=None, jax=None,
        fastgrad=_core.ops.places_of_ranks,
        reference=lambda x, ranks: np.argsort(x, -1, stable=True)[..., ranks], calls=(
        lambda f, x: f(x, [0, x.shape[-1] // 2]),
        lambda f, x: f(x, [x.shape[-1] - 1]))),
    Row("scatter_add", (anything, index(3, N)), fastgrad=_core.ops.scatter_add, dtypes="fd", ulp=4,
        scale=300.0, torch=None, jax=None,
        reference=lambda x, i, n: np.bincount(i % n, x, n).astype(x.dtype), calls=(
        lambda f, x, i: f(x, i, 3),)),
    # sets and orders
    Row("isin", (often_equal, often_equal.of_shape(2)), **picks, torch=None, calls=(
        lambda f, x, y: f(x, y),
        lambda f, x, y: f(x, y, invert=True),
        lambda f, x, y: f(x, y[:0]))),
    Row("partition", (apart(0).of_shape(2, N, 3),), **moves, torch=None, jax=None,
        reference=lambda x, kth, axis=-1: np.sort(x, axis), calls=(
        lambda f, x: f(x, 1),
        lambda f, x: f(x, (0, -1), 1),
        lambda f, x: f(x, 3, None))),
    Row("argpartition", (apart(0).of_shape(2, N, 3),), **picks, torch=None, jax=None,
        reference=lambda x, kth, axis=-1: np.argsort(x, axis, stable=True), calls=(
        lambda f, x: f(x, 1),
        lambda f, x: f(x, -1, 1))),
    Row("lexsort", (often_equal.of_shape(3, N), often_equal.of_shape(2, N)), **picks, torch=None, calls=(
        lambda f, x, y: f(x),
        lambda f, x, y: f((y, x[1:]), 1))),
    # inserted, deleted, put together
    Row("append", (anything.of_shape(N, 3), anything.of_shape(2, 3)), **moves, torch=None, calls=(
        lambda f, a, b: f(a, b),
        lambda f, a, b: f(a, b, 0))),
    Row("insert", (anything.of_shape(4, N), anything.of_shape(2, N)), **moves, torch=None, jax=None, calls=(
        lambda f, a, b: f(a, 1, b[0]),
        lambda f, a, b: f(a, [3, 1], b, 0),
        lambda f, a, b: f(a, [1, 1, -1], b[0, 0], 1),
        lambda f, a, b: f(a[:2], 1, b, 0),
        lambda f, a, b: f(a[:2], -1, b[:, 0], 1))),
    Row("delete", (anything.of_shape(4, N),), **moves, torch=None, jax=None, calls=(
        lambda f, a: f(a, 1),
        lambda f, a: f(a, [0, -1], 0),
        lambda f, a: f(a, slice(0, 2), 1),
        lambda f, a: f(a, np.array([True, False, False, True]), 0))),
    Row("resize", (anything.of_shape(2, N),), **moves, torch=None, jax=None, calls=(
        lambda f, a: f(a, (3, 2)),
        lambda f, a: f(a, 50))),
    Row("extract", (anything.of_shape(4, N),), **moves, torch=None, jax=None, calls=(
        lambda f, a: f(np.arange(a.size).reshape(a.shape) % 3 == 1, a),)),
    Row("block", (anything.of_shape(2, N), anything.of_shape(N)), **moves, torch=None, calls=(
        lambda f, a, b: f([[a, a], [b, b]]),
        lambda f, a, b: f([b, b[:2]]),
        lambda f, a, b: f(b))),
    Row("dstack", (anything.of_shape(2, N), anything.of_shape(2, N)), **moves, calls=(
        lambda f, a, b: f([a, b]),
        lambda f, a, b: f([a[0], b[0]]))),
    Row("dsplit", (anything.of_shape(2, N, 4),), **moves, calls=(lambda f, x: f(x, 2)[1],)),
    Row("unstack", (anything.of_shape(2, N, 4),), **moves, torch=None, calls=(
        lambda f, x: f(x)[1],
        lambda f, x: f(x, axis=-1)[3])),
    Row("broadcast_arrays", (anything.of_shape(N, 1), anything.of_shape(3)), **moves, torch=None, calls=(
        lambda f, a, b: f(a, b)[0] * 1,
        lambda f, a, b: f(a, b)[1] * 1)),
    Row("diagflat", (anything.of_shape(2, N),), **moves, torch=None, calls=(whole, lambda f, x: f(x, -1))),
    Row("rollaxis", (anything.of_shape(2, N, 4),), **moves, torch=None, calls=(
        lambda f, x: f(x, 2),
        lambda f, x: f(x, 0, 2),
        lambda f, x: f(x, 1, -1))),
    # choices
    Row("select", (anything, anything), torch=None, **moves, calls=(
        lambda f, x, y: f([np.arange(len(x)) % 3 == 0, np.arange(len(x)) % 2 == 0], [x, y], 1),)),
    Row("choose", (index(2, 3, N), anything, anything.of_shape(3, 1)), torch=None, jax=None, **moves, calls=(
        lambda f, i, x, y: f(i % 2, [x, y]),
        lambda f, i, x, y: f(i, [x, y], mode="wrap"),
        lambda f, i, x, y: f(i, [x, y], mode="clip"))),
    Row("piecewise", (nonzero,), dtypes="fd", ulp=2, torch=None, jax=None, calls=(
        lambda f, x: f(x * 1.0, [x < -1, x > 1], [lambda v: v * v, lambda v: -v, lambda v: 3 * v]),
        lambda f, x: f(x, [x < 0, x > -0.5], [-2.5, lambda v, by: v / by], 2.0))),
    Row("apply_along_axis", (anything.of_shape(2, N, 3),), dtypes="fd", ulp=8, scale=2500.0, torch=None,
        jax=None,
        calls=(
        lambda f, x: f(lambda row: (row * row).sum(), 1, x * 1.0),
        lambda f, x: f(lambda row, by: row[:2] * row[1] * by, -1, x, 0.5),
        lambda f, x: f(lambda row: row[:2, None] * row, 0, x))),
    Row("apply_over_axes", (anything.of_shape(2, N, 3),), dtypes="fd", ulp=8, scale=2500.0, torch=None,
        jax=None,
        calls=(
        lambda f, x: f(lambda v, axis: v.sum(axis), x * 1.0, (0, 2)),
        lambda f, x: f(lambda v, axis: v * v, x, [1]))),
    # polynomials
    Row("polyval", (anything.of_shape(4), within_one.of_shape(2, N)), ulp=8, scale=16.0, torch=None),
    Row("polyadd", (anything.of_shape(4), anything), torch=None, bools_as=np.int64),
    Row("polysub", (anything.of_shape(4), anything), torch=None, bools_as=np.int64),
    Row("polymul", (nonzero.of_shape(4), nonzero), **sums),
    Row("polydiv", (nonzero.of_shape(5), near_one.of_shape(3)), **sums | {"scale": 400.0}, calls=(
        lambda f, u, v: f(u, v)[0],
        lambda f, u, v: f(u, v)[1],
        lambda f, u, v: f(v, u)[1])),
    Row("polyder", (anything,), torch=None, calls=(whole, lambda f, p: f(p, 2), lambda f, p: f(p, 20))),
    Row("polyint", (anything, anything.of_shape(2)), torch=None, ulp=2, dtypes="fd",
        reference=in_the_dtype_of(0)(np.polyint), calls=(
        lambda f, p, k: f(p),
        lambda f, p, k: f(p, 2, k),
        lambda f, p, k: f(p, 2, k[:1]))),
    Row("poly", (within_one.of_shape(4),), **sums),
    Row("vander", (anything.of_shape(4),), torch=None, ulp=4, reference=in_the_dtype_of(0)(np.vander), calls=(
        whole,
        lambda f, x: f(x, 3, increasing=True))),
    Row("polyfit", (apart(0).of_shape(7), anything.of_shape(7), positive.of_shape(7)),
        **lapack | {"ulp": 2000}, reference=in_the_dtype_of(0)(np.polyfit), calls=(
        lambda f, x, y, w: f(x, y, 2),
        lambda f, x, y, w: f(x, y, 1, w=w))),
    Row("take_along_last", (anything.of_shape(2, N, 5), index(5, 2, N)), **moves,
        fastgrad=_core.ops.take_along_last, reference=take_along_last(np.take_along_axis),
        torch=lambda torch: lambda x, i: torch.gather(x, -1, i[..., None] % x.shape[-1])[..., 0],
        jax=lambda jax: take_along_last(jax.numpy.take_along_axis)),
)  # fmt: skip

# One row and one of its calls, as most tests take them.
CASES = [(row, call) for row in ROWS for call in row.calls]
CASE_NAMES = [row.name + (f"-{i}" if i else "") for row in ROWS for i in range(len(row.calls))]


def seed_like(value: np.ndarray) -> np.ndarray:
    """Numbers to start a backward pass from, of both signs: the same for every value of one shape."""
    return np.random.default_rng(5).uniform(-1.5, 1.5, value.shape).astype(value.dtype)


def value_and_gradients(row, call, arrays, seed=seed_like, make=fg.tensor):
    """The value, and what flows to each float argument when ``seed(value)`` flows to the value."""
    tensors = [make(a) for a in arrays]
    leaves = [t for t in tensors if t.dtype.kind == "f" and row.gradient]
    for leaf in leaves:
        leaf.requires_grad = True
    result = call(row.function, *tensors)
    value = result.detach().numpy()
    if not leaves:
        return value, []
    result.backward(seed(value))
    return value, [np.zeros(t.shape, t.dtype) if t.grad is None else t.grad.numpy() for t in leaves]
