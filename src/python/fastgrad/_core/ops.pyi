"""Operations on tensors, arrays and numbers; each records and differentiates. By tools/make_stubs.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

from fastgrad._core import Program, Tensor, _Operand, _Sizes

def abs(x: _Operand, /) -> Tensor:
    """Absolute value; its derivative at 0 is 0."""

def add(a: _Operand, b: _Operand, /) -> Tensor:
    """Sum a + b."""

def all(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """Whether no number is zero, over axes."""

def any(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """Whether a number is not zero, over axes."""

def arccos(x: _Operand, /) -> Tensor:
    """Inverse cosine, from 0 to pi; its slope at -1 and 1 is infinite."""

def arccosh(x: _Operand, /) -> Tensor:
    """Inverse hyperbolic cosine, not negative; its slope at 1 is infinite."""

def arcsin(x: _Operand, /) -> Tensor:
    """Inverse sine, from -pi/2 to pi/2; its slope at -1 and 1 is infinite."""

def arcsinh(x: _Operand, /) -> Tensor:
    """Inverse hyperbolic sine."""

def arctan(x: _Operand, /) -> Tensor:
    """Inverse tangent, from -pi/2 to pi/2."""

def arctan2(a: _Operand, b: _Operand, /) -> Tensor:
    """Angle of the point (b, a), from -pi to pi; at the origin it has no slope."""

def arctanh(x: _Operand, /) -> Tensor:
    """Inverse hyperbolic tangent; its slope at -1 and 1 is infinite."""

def argmax(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """Position of the largest along an axis: the first of equals, or the first NaN."""

def argmin(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """Position of the smallest along an axis: the first of equals, or the first NaN."""

def argsort(x: _Operand, axis: SupportsIndex | None = -1) -> Tensor:
    """Positions that sort along an axis (the flattened array when None); equal numbers keep their order."""

def astype(x: _Operand, dtype: DTypeLike) -> Tensor:
    """Converted to another dtype."""

def broadcast_to(x: _Operand, shape: _Sizes) -> Tensor:
    """Repeated to a shape by NumPy's broadcasting rule."""

def cbrt(x: _Operand, /) -> Tensor:
    """Cube root, of negative numbers too; its slope at 0 is infinite."""

def ceil(x: _Operand, /) -> Tensor:
    """The next integer upwards; its derivative is 0."""

def clip(x: _Operand, low: _Operand, high: _Operand, /) -> Tensor:
    """x held between low and high; the gradient passes on the edges."""

def concatenate(parts: Iterable[_Operand], axis: SupportsIndex = 0) -> Tensor:
    """Joined along an existing axis."""

def copysign(a: _Operand, b: _Operand, /) -> Tensor:
    """a with the sign of b; its derivative in a at 0, and that in b, are 0."""

def cos(x: _Operand, /) -> Tensor:
    """Cosine; x in radians."""

def cosh(x: _Operand, /) -> Tensor:
    """Hyperbolic cosine."""

def count_nonzero(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """How many numbers are not zero, over axes."""

def cumprod(x: _Operand, axis: SupportsIndex | None = None) -> Tensor:
    """Running product along an axis (of the flattened array when None)."""

def cumsum(x: _Operand, axis: SupportsIndex | None = None) -> Tensor:
    """Running sum along an axis (of the flattened array when None)."""

def divide(a: _Operand, b: _Operand, /) -> Tensor:
    """Quotient a / b."""

def elu(a: _Operand, b: _Operand, /) -> Tensor:
    """x where it is above 0, else alpha * expm1(x); its derivative at 0 is alpha."""

def equal(a: _Operand, b: _Operand, /) -> Tensor:
    """a == b."""

def erf(x: _Operand, /) -> Tensor:
    """Error function, 2 / sqrt(pi) times the integral of exp(-t ** 2) from 0 to x."""

def erfc(x: _Operand, /) -> Tensor:
    """Complementary error function 1 - erf(x), accurate where it is small."""

def exp(x: _Operand, /) -> Tensor:
    """Exponential e ** x."""

def exp2(x: _Operand, /) -> Tensor:
    """Power 2 ** x."""

def expm1(x: _Operand, /) -> Tensor:
    """e ** x - 1, accurate near 0."""

def floor(x: _Operand, /) -> Tensor:
    """The next integer downwards; its derivative is 0."""

def floor_divide(a: _Operand, b: _Operand, /) -> Tensor:
    """The integer below a / b; its derivatives are 0."""

def fmod(a: _Operand, b: _Operand, /) -> Tensor:
    """a - b * trunc(a / b), exactly: it has the sign of a."""

def gelu(x: _Operand, /) -> Tensor:
    """x times the probability of being below x under the standard normal distribution."""

def greater(a: _Operand, b: _Operand, /) -> Tensor:
    """a > b."""

def greater_equal(a: _Operand, b: _Operand, /) -> Tensor:
    """a >= b."""

def heaviside(a: _Operand, b: _Operand, /) -> Tensor:
    """0 where a is below 0, b where it is 0, 1 where it is above."""

def hypot(a: _Operand, b: _Operand, /) -> Tensor:
    """sqrt(a ** 2 + b ** 2), without overflow; it is flat at the origin."""

def identity(x: _Operand) -> Tensor:
    """The same numbers, as a new value of the graph."""

def isfinite(x: _Operand, /) -> Tensor:
    """Whether x is neither infinite nor NaN."""

def isinf(x: _Operand, /) -> Tensor:
    """Whether x is infinite."""

def isnan(x: _Operand, /) -> Tensor:
    """Whether x is NaN."""

def leaky_relu(a: _Operand, b: _Operand, /) -> Tensor:
    """x where it is above 0, else slope * x; its derivative at 0 is slope."""

def less(a: _Operand, b: _Operand, /) -> Tensor:
    """a < b."""

def less_equal(a: _Operand, b: _Operand, /) -> Tensor:
    """a <= b."""

def log(x: _Operand, /) -> Tensor:
    """Natural logarithm."""

def log10(x: _Operand, /) -> Tensor:
    """Logarithm to base 10."""

def log1p(x: _Operand, /) -> Tensor:
    """Natural logarithm of 1 + x, accurate near 0."""

def log2(x: _Operand, /) -> Tensor:
    """Logarithm to base 2."""

def logaddexp(a: _Operand, b: _Operand, /) -> Tensor:
    """log(exp(a) + exp(b)), without overflow; flat where both are -inf."""

def logical_and(a: _Operand, b: _Operand, /) -> Tensor:
    """True where a and b both hold."""

def logical_not(x: _Operand, /) -> Tensor:
    """True where a does not hold."""

def logical_or(a: _Operand, b: _Operand, /) -> Tensor:
    """True where a or b holds."""

def logit(x: _Operand, /) -> Tensor:
    """log(x / (1 - x)), the inverse of the logistic function."""

def logsumexp(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes, without overflow."""

def matmul(a: _Operand, b: _Operand) -> Tensor:
    """Matrix product as numpy.matmul: leading axes broadcast."""

def max(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """Largest over axes; a NaN wins, ties share the gradient evenly."""

def maximum(a: _Operand, b: _Operand, /) -> Tensor:
    """The larger of a and b; a NaN wins. Ties share the gradient evenly."""

def mean(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """Arithmetic mean over axes."""

def min(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """Smallest over axes; a NaN wins, ties share the gradient evenly."""

def minimum(a: _Operand, b: _Operand, /) -> Tensor:
    """The smaller of a and b; a NaN wins. Ties share the gradient evenly."""

def multiply(a: _Operand, b: _Operand, /) -> Tensor:
    """Product a * b."""

def negative(x: _Operand, /) -> Tensor:
    """Negation -x."""

def normal_cdf(x: _Operand, /) -> Tensor:
    """Probability of being below x under the standard normal distribution."""

def normal_pdf(x: _Operand, /) -> Tensor:
    """Density of the standard normal distribution."""

def not_equal(a: _Operand, b: _Operand, /) -> Tensor:
    """a != b."""

def places_of_ranks(x: _Operand, ranks: Any) -> Tensor:
    """Where the numbers of at most 8 ranks stand along the last axis, as argsort says."""

def power(a: _Operand, b: _Operand, /) -> Tensor:
    """Power a ** b. The derivative in a is 0 where b is 0, the one in b is 0 where a is 0 and b is not negative."""

def prod(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """Product over axes."""

def reciprocal(x: _Operand, /) -> Tensor:
    """Reciprocal 1 / x."""

def relu(x: _Operand, /) -> Tensor:
    """max(x, 0); its derivative at 0 is 0."""

def remainder(a: _Operand, b: _Operand, /) -> Tensor:
    """a - b * floor(a / b), exactly: it has the sign of b."""

def reshape(x: _Operand, shape: _Sizes) -> Tensor:
    """The same numbers in another shape; one size may be -1."""

def rint(x: _Operand, /) -> Tensor:
    """The nearest integer, ties to even; its derivative is 0."""

def scatter_add(x: _Operand, indices: _Operand, n: SupportsIndex) -> Tensor:
    """Sums of numbers by index: those with index i are added up at place i."""

def searchsorted(a: _Operand, v: _Operand, side: str = "left", sorter: _Operand | None = None) -> Tensor:
    """Where values go in sorted numbers: before their equals, or behind them with side right; sorter sorts a."""

def sigmoid(x: _Operand, /) -> Tensor:
    """Logistic function 1 / (1 + exp(-x))."""

def sign(x: _Operand, /) -> Tensor:
    """Sign: -1, 0 or 1; its derivative is 0."""

def signbit(x: _Operand, /) -> Tensor:
    """Whether the sign of x is minus, that of -0.0 too."""

def silu(x: _Operand, /) -> Tensor:
    """x * sigmoid(x), also called swish."""

def sin(x: _Operand, /) -> Tensor:
    """Sine; x in radians."""

def sinh(x: _Operand, /) -> Tensor:
    """Hyperbolic sine."""

def softplus(x: _Operand, /) -> Tensor:
    """log(1 + exp(x)), without overflow."""

def sort(x: _Operand, axis: SupportsIndex | None = -1) -> Tensor:
    """In ascending order along an axis (the flattened array when None); NaN comes last."""

def sqrt(x: _Operand, /) -> Tensor:
    """Square root."""

def square(x: _Operand, /) -> Tensor:
    """Square x * x."""

def subtract(a: _Operand, b: _Operand, /) -> Tensor:
    """Difference a - b."""

def sum(x: _Operand, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
    """Sum over axes."""

def take(x: _Operand, indices: _Operand, axis: SupportsIndex | None = None) -> Tensor:
    """Numbers at integer indices along an axis (of the flattened array when None)."""

def take_along_axis(x: _Operand, indices: _Operand, axis: SupportsIndex | None = -1) -> Tensor:
    """Numbers at an index each along an axis: x and the indices run together along all others."""

def take_along_last(x: _Operand, indices: _Operand) -> Tensor:
    """One number of the last axis per row: x[..., indices]."""

def tan(x: _Operand, /) -> Tensor:
    """Tangent; x in radians."""

def tanh(x: _Operand, /) -> Tensor:
    """Hyperbolic tangent."""

def transpose(x: _Operand, axes: _Sizes | None = None) -> Tensor:
    """Axes in another order; reversed when none are named."""

def trunc(x: _Operand, /) -> Tensor:
    """The next integer towards 0; its derivative is 0."""

def where(condition: _Operand, a: _Operand, b: _Operand, /) -> Tensor:
    """a where the condition holds, else b."""
