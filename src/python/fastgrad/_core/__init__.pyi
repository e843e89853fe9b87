"""The compiled core of fastgrad. By tools/make_stubs.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

from fastgrad._core import fft as fft
from fastgrad._core import linalg as linalg
from fastgrad._core import ops as ops
from fastgrad._core import random as random
from fastgrad._core import signals as signals
from fastgrad._core import special as special
from fastgrad._core import train as train

_Operand: TypeAlias = Tensor | ArrayLike
_Sizes: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_IndexItem: TypeAlias = SupportsIndex | slice | EllipsisType | Sequence[int] | NDArray[Any] | Tensor | None
_Index: TypeAlias = _IndexItem | tuple[_IndexItem, ...]

elementwise_table: dict[str, tuple[str | None, int, bool]]

class Body:
    """What a function did, recorded to be part of one loop or branch."""
    @property
    def outputs(self) -> Any:
        """Shape, dtype and weakness of each output."""

class CompiledCall:
    """A callable that replays what `_call` has recorded for like arguments."""
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any: ...
    def _remember(
        self,
        args: tuple[Any, ...],
        program: Any,
        gives_tensors: Any,
        structure: Any,
        build: Any,
        /,
    ) -> Any:
        """The result by the program; from now on calls like this one go straight to it. NotImplemented when they cannot be told from others here. The outputs are the leaves of structure, or build makes the result of their list."""
    def _forget(self, /) -> None:
        """Lets go of all that was remembered."""

class GradientError(RuntimeError):
    """A gradient cannot be computed: saved values are gone or changed, or there is no graph."""

class Program:
    """A recorded function, replayed natively."""
    def __call__(self, inputs: Iterable[_Operand]) -> list[Tensor]:
        """Replays on inputs of the recorded shapes and dtypes."""
    def inline(
        self,
        inputs: Iterable[_Operand],
        captured: Iterable[Tensor] = (),
        replaced: Iterable[_Operand] = (),
    ) -> list[Tensor]:
        """Uses every recorded operation again on tensors: differentiable, recordable. Where one of `captured` was read, its replacement is."""
    def is_current(self) -> bool:
        """Whether captured tensors want gradients exactly as they did while recording."""
    def depends_on(self, input: SupportsIndex) -> bool:
        """Whether any output is computed from that input."""
    def text(self) -> str:
        """The recorded ops, one a line."""
    def explain(self) -> str:
        """The steps of a replay, one a line: what runs together, what it makes, its work and its bytes."""
    def profile(self, runs: SupportsIndex = 100) -> str:
        """The same with the time each step takes, the least of some runs on inputs of ones."""
    @property
    def instruction_count(self) -> int: ...
    @property
    def draws(self) -> int:
        """How many random streams one replay takes."""
    @property
    def arena_bytes(self) -> int:
        """Working memory of one replay."""

class RecordingError(RuntimeError):
    """A value was read, or used outside its recording, while a function was recorded."""

class Tensor:
    """An n-dimensional array that remembers how it was computed."""

    def __new__(cls, data: _Operand, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Self: ...
    def __hash__(self, /) -> int: ...
    def __lt__(self, value: _Operand, /) -> Tensor: ...
    def __le__(self, value: _Operand, /) -> Tensor: ...
    def __eq__(self, value: _Operand, /) -> Tensor: ...  # type: ignore[override]
    def __ne__(self, value: _Operand, /) -> Tensor: ...  # type: ignore[override]
    def __gt__(self, value: _Operand, /) -> Tensor: ...
    def __ge__(self, value: _Operand, /) -> Tensor: ...
    def __iter__(self, /) -> Iterator[Tensor]: ...
    def __add__(self, value: _Operand, /) -> Tensor: ...
    def __radd__(self, value: _Operand, /) -> Tensor: ...
    def __sub__(self, value: _Operand, /) -> Tensor: ...
    def __rsub__(self, value: _Operand, /) -> Tensor: ...
    def __mul__(self, value: _Operand, /) -> Tensor: ...
    def __rmul__(self, value: _Operand, /) -> Tensor: ...
    def __mod__(self, value: _Operand, /) -> Tensor: ...
    def __rmod__(self, value: _Operand, /) -> Tensor: ...
    def __pow__(self, value: _Operand, mod: Any = None, /) -> Tensor: ...
    def __rpow__(self, value: _Operand, mod: Any = None, /) -> Tensor: ...
    def __neg__(self, /) -> Tensor: ...
    def __pos__(self, /) -> Tensor: ...
    def __abs__(self, /) -> Tensor: ...
    def __bool__(self, /) -> bool: ...
    def __invert__(self, /) -> Tensor: ...
    def __and__(self, value: _Operand, /) -> Tensor: ...
    def __rand__(self, value: _Operand, /) -> Tensor: ...
    def __or__(self, value: _Operand, /) -> Tensor: ...
    def __ror__(self, value: _Operand, /) -> Tensor: ...
    def __int__(self, /) -> int: ...
    def __float__(self, /) -> float: ...
    def __floordiv__(self, value: _Operand, /) -> Tensor: ...
    def __rfloordiv__(self, value: _Operand, /) -> Tensor: ...
    def __truediv__(self, value: _Operand, /) -> Tensor: ...
    def __rtruediv__(self, value: _Operand, /) -> Tensor: ...
    def __index__(self, /) -> int: ...
    def __matmul__(self, value: _Operand, /) -> Tensor: ...
    def __rmatmul__(self, value: _Operand, /) -> Tensor: ...
    def __len__(self, /) -> int: ...
    def __getitem__(self, key: _Index, /) -> Tensor: ...
    def __setitem__(self, key: Any, value: _Operand, /) -> None: ...
    def __delitem__(self, key: Never, /) -> Never: ...
    def negative(self, /) -> Tensor:
        """Negation -x."""
    def abs(self, /) -> Tensor:
        """Absolute value; its derivative at 0 is 0."""
    def sign(self, /) -> Tensor:
        """Sign: -1, 0 or 1; its derivative is 0."""
    def square(self, /) -> Tensor:
        """Square x * x."""
    def reciprocal(self, /) -> Tensor:
        """Reciprocal 1 / x."""
    def sqrt(self, /) -> Tensor:
        """Square root."""
    def exp(self, /) -> Tensor:
        """Exponential e ** x."""
    def expm1(self, /) -> Tensor:
        """e ** x - 1, accurate near 0."""
    def log(self, /) -> Tensor:
        """Natural logarithm."""
    def log1p(self, /) -> Tensor:
        """Natural logarithm of 1 + x, accurate near 0."""
    def sin(self, /) -> Tensor:
        """Sine; x in radians."""
    def cos(self, /) -> Tensor:
        """Cosine; x in radians."""
    def tanh(self, /) -> Tensor:
        """Hyperbolic tangent."""
    def erf(self, /) -> Tensor:
        """Error function, 2 / sqrt(pi) times the integral of exp(-t ** 2) from 0 to x."""
    def normal_pdf(self, /) -> Tensor:
        """Density of the standard normal distribution."""
    def normal_cdf(self, /) -> Tensor:
        """Probability of being below x under the standard normal distribution."""
    def sigmoid(self, /) -> Tensor:
        """Logistic function 1 / (1 + exp(-x))."""
    def relu(self, /) -> Tensor:
        """max(x, 0); its derivative at 0 is 0."""
    def softplus(self, /) -> Tensor:
        """log(1 + exp(x)), without overflow."""
    def silu(self, /) -> Tensor:
        """x * sigmoid(x), also called swish."""
    def gelu(self, /) -> Tensor:
        """x times the probability of being below x under the standard normal distribution."""
    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the numbers."""
    @property
    def ndim(self) -> int:
        """Number of axes."""
    @property
    def size(self) -> int:
        """Number of elements."""
    @property
    def weak(self) -> bool:
        """Whether it came from a Python number and gives way in promotion."""
    @property
    def T(self) -> Tensor:
        """The axes reversed."""
    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
    @property
    def grad_fn(self) -> str | None:
        """Name of the operation that made it, or None."""
    @property
    def grad(self) -> Tensor | None:
        """Gradient summed over backward passes, or None. Same shape and dtype as the tensor."""
    @grad.setter
    def grad(self, value: _Operand | None) -> None: ...
    @property
    def requires_grad(self) -> bool:
        """Whether operations on it are remembered for backward."""
    @requires_grad.setter
    def requires_grad(self, value: bool) -> None: ...
    def backward(
        self,
        gradient: _Operand | None = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        """Adds the gradient of this tensor to `.grad` of every leaf it was computed from."""
    def numpy(self) -> NDArray[Any]:
        """A read-only NumPy array on the same memory."""
    def item(self) -> float:
        """The one number, as a Python float, int or bool."""
    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
    def detach(self) -> Tensor:
        """The same numbers, outside any graph."""
    def clone(self) -> Tensor:
        """A copy that passes gradients."""
    def copy(self) -> Tensor:
        """A copy that passes gradients: what is written to it does not reach this tensor."""
    def astype(self, dtype: DTypeLike) -> Tensor:
        """Converted to another dtype."""
    def reshape(self, *args: _Sizes) -> Tensor:
        """The same numbers in another shape; one size may be -1."""
    def transpose(self, *args: _Sizes) -> Tensor:
        """Axes in another order; reversed when none are named."""
    def sum(self, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
        """Sum over axes."""
    def mean(self, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
        """Arithmetic mean over axes."""
    def max(self, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
        """Largest over axes."""
    def min(self, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
        """Smallest over axes."""
    def round(self, decimals: SupportsIndex = 0) -> Tensor:
        """Rounded to so many decimals, ties to even; its derivative is 0."""
    def logsumexp(self, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
        """log(sum(exp(x))) over axes."""
    def prod(self, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
        """Product over axes."""
    def argmax(self, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
        """Position of the largest."""
    def argmin(self, axis: _Sizes | None = None, keepdims: bool = False) -> Tensor:
        """Position of the smallest."""
    def cumsum(self, axis: SupportsIndex | None = None) -> Tensor:
        """Running sum along an axis."""
    def cumprod(self, axis: SupportsIndex | None = None) -> Tensor:
        """Running product along an axis."""
    def argsort(self, axis: SupportsIndex | None = -1) -> Tensor:
        """Positions that sort along an axis."""
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]: ...
    def __format__(self, arg0: str, /) -> str: ...
    def __reduce_ex__(self, arg0: SupportsIndex, /) -> tuple[type, tuple[NDArray[Any], None, bool], object]:
        """Pickles numbers, dtype and requires_grad; not the graph."""
    def __deepcopy__(self, arg0: Any, /) -> Self: ...
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any: ...
    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any: ...
    def all(a: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Whether no number is zero, over axes."""
    def any(a: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Whether a number is not zero, over axes."""
    def clip(a: Tensor, min: Any = None, max: Any = None) -> Tensor:
        """Held between min and max; None leaves a side open."""
    def flatten(a: Tensor) -> Tensor:
        """All numbers in one row."""
    def searchsorted(a: Tensor, v: Any, side: str = "left", sorter: Any = None) -> Tensor:
        """Where values go in these sorted numbers."""
    def take(a: Tensor, indices: Any, axis: int | None = None) -> Tensor:
        """Numbers at integer indices along an axis, of the flattened tensor when None."""
    def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Return the numbers whose places along two axes differ by an offset, along a last axis."""
    def dot(a: Any, b: Any) -> Tensor:
        """Sums of products over the last axis of one and the last but one of the other, or its only one."""
    def ravel(a: Any) -> Tensor:
        """Return all numbers in one row, in the order of the last axis first."""
    def repeat(a: Any, repeats: Any, axis: int | None = None) -> Tensor:
        """Return each number several times, one after the other."""
    def squeeze(a: Any, axis: int | Sequence[int] | None = None) -> Tensor:
        """Return the numbers without axes of size 1."""
    def std(
        a: Any,
        axis: int | Sequence[int] | None = None,
        ddof: float = 0,
        keepdims: bool = False,
    ) -> Tensor:
        """Return the standard deviation: the square root of `var`. It is flat where all numbers are equal."""
    def swapaxes(a: Any, axis1: int, axis2: int) -> Tensor:
        """Return the numbers with two axes exchanged."""
    def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Return the sum of a diagonal."""
    def var(
        a: Any,
        axis: int | Sequence[int] | None = None,
        ddof: float = 0,
        keepdims: bool = False,
    ) -> Tensor:
        """Return the mean squared distance from the mean."""

class Transform:
    """Context of one call of a derivative function: what it is given decides what it gives."""

    def __new__(cls, args: Any, outlived: bool = False, earlier: Transform | None = None) -> Self: ...
    def __enter__(self, /) -> Self: ...
    def __exit__(self, /, *args: object) -> None: ...
    def result(self, nest: Any, /) -> Any:
        """What the caller gets: tensors cut loose unless they are to be differentiated again, or arrays."""
    @property
    def create_graph(self) -> bool:
        """Whether its results are part of a graph."""

def asarray(data: _Operand) -> Tensor:
    """A tensor on an array's own memory where dtype and alignment allow."""

def assign(to: Tensor, values: _Operand) -> None:
    """Writes numbers of the same shape into a leaf, converted to its dtype; its memory and identity stay."""

def available_isa() -> list[str]:
    """ISA levels of this build and CPU, best first."""

def batched(
    f: Callable[[list[Tensor]], Iterable[Tensor]],
    inputs: Iterable[_Operand],
    axes: _Sizes,
    size: SupportsIndex,
) -> Any:
    """Calls f once on stand-ins for one example's inputs, and does what it did for all of the batch. An axis says along which the examples of an input lie, -1 that all have the same. For each tensor that f returns: the results along an axis in front and True, or one result that all share and False."""

def cond(if_true: Body, if_false: Body, condition: Tensor, operands: Sequence[Tensor]) -> list[Tensor]:
    """The outputs of one of two bodies."""

def cut(tensor: Tensor) -> Tensor:
    """The same numbers, outside any graph. Unlike detach(), it is no part of a recording: gradients of the recording pass."""

def flatten(nest: Any) -> tuple[list[Any], Any]:
    """Leaves in order (of dicts by sorted key, as JAX does), and the structure to rebuild with."""

def gradients(
    outputs: Iterable[Tensor],
    seeds: Iterable[_Operand | None],
    inputs: Iterable[Tensor],
    retain_graph: bool,
    create_graph: bool,
) -> list[Tensor | None]:
    """Gradients of sum(seed * output) with respect to inputs; None where nothing flows. A seed of None stands for 1."""

def graph_size(tensor: Tensor) -> tuple[int, int]:
    """How many operations backward from a tensor goes through, and the bytes kept for it."""

def is_grad_enabled() -> bool:
    """Whether operations are remembered for backward in this thread."""

def is_recording() -> bool:
    """Whether a function is being recorded in this thread."""

def isa() -> str:
    """The ISA level in use."""

def isa_is_fused() -> bool:
    """Whether the level has a fused multiply-add."""

def max_threads() -> int:
    """The most that may be asked for."""

def num_threads() -> int:
    """How many threads one computation may use."""

def num_threads_source() -> str:
    """Who decided on that number."""

def op_names() -> list[str]:
    """Names of all primitive operations."""

def operand(x: _Operand) -> Tensor | None:
    """What an operation makes of a number or array, copied unless borrowing; None when it takes no such thing."""

def record(f: Callable[[list[Tensor]], Iterable[Tensor]], examples: Iterable[_Operand]) -> Program:
    """Calls f once on stand-ins of the examples' shapes and dtypes and keeps what it did as a Program."""

def record_body(function: Any, whole: Sequence[Tensor], rows: Sequence[Tensor]) -> Body:
    """Calls a function once on a list of stand-ins, of tensors and of rows of tensors, and keeps what it did."""

def remat(f: Callable[[list[Tensor]], Iterable[Tensor]], inputs: Iterable[_Operand]) -> Any:
    """Calls f on stand-ins, does what it did on the inputs, and keeps nothing of it: gradients do it again."""

def scalar(tensor: Tensor) -> Tensor | None:
    """The one real number of a tensor, of shape (); None when it holds something else."""

def scan(
    body: Body,
    carries: Sequence[Tensor],
    xs: Sequence[Tensor],
    length: SupportsIndex,
    reverse: bool,
) -> list[Tensor]:
    """The last carries and the ys of a loop over rows."""

def set_borrowing(borrowing: bool) -> bool:
    """While on, arrays mixed into operations of this thread are read in place instead of copied; returns what it was."""

def set_grad_enabled(enabled: bool) -> bool:
    """Turns remembering for backward on or off in this thread; returns what it was."""

def set_num_threads(count: SupportsIndex) -> None:
    """From the next computation on."""

def set_transforming(transforming: bool) -> bool:
    """While on, float() and item() of values that require gradients are refused in this thread; returns what it was."""

def threads_now() -> int:
    """How many a computation takes now: fewer where several loops train."""

def to_result(tensor: Tensor) -> Any:
    """A NumPy array of the caller's own; a NumPy scalar of a 0-d tensor."""

def unflatten(structure: Any, leaves: Any) -> Any:
    """The nest of that structure with these leaves."""

def variable(argument: Any) -> Tensor | None:
    """A fresh variable of the graph with the numbers of an argument; None when those are not real numbers."""

def while_loop(condition: Body, body: Body, carries: Sequence[Tensor], most: SupportsIndex) -> list[Tensor]:
    """The last carries of a loop while a condition holds; most is -1 for any number of rounds."""

def with_rule(values: _Operand, inputs: Iterable[_Operand], kept: Any, pull: Any, name: str) -> Any:
    """The values as a function of inputs whose derivative is pull: pull(kept, gradients of the values) gives the gradient of each input, or None where nothing flows. How the values were computed does not count."""

def zeros_like(tensor: Tensor) -> Tensor: ...
