"""Complex numbers as a pair of tensors: what Fourier transforms take and give."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._native import core
from fastgrad._operands import as_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["ComplexTensor", "as_complex"]

_ops = core.ops


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic)


class ComplexTensor(tuple):  # type: ignore[type-arg] # what it holds is no plain pair
    """Complex numbers: their real parts and their imaginary parts, two tensors of one shape.

    Tensors are real, and so are the functions that derivatives are taken of; complex numbers live in between.
    A pair is a nest of two leaves: it may be an argument or a result of functions that are compiled or
    differentiated, where gradients by it are pairs of the derivatives by each part. What a functional
    transform returns is NumPy's complex array.

    Parameters
    ----------
    real, imag : Tensor
        Of one shape and dtype. Of two NumPy arrays no pair is made, but NumPy's complex array.

    Examples
    --------
    >>> import fastgrad as fg
    >>> z = fg.fft.fft([1.0, 2.0])
    >>> z.real.tolist(), z.imag.tolist()
    ([3.0, -1.0], [0.0, 0.0])
    >>> fg.grad(lambda x: (fg.fft.fft(x).abs() ** 2).sum())(fg.tensor([1.0, 2.0])).tolist()
    [4.0, 8.0]
    """

    # A tuple with field names is a nest to the core: taken apart into its items, put together by this type.
    _fields = ("real", "imag")
    __slots__ = ()

    def __new__(cls, real: Any, imag: Any) -> Any:
        if _is_array(real) and _is_array(imag):
            return _joined(real, imag)
        if isinstance(real, core.Tensor) and isinstance(imag, core.Tensor) and real.shape != imag.shape:
            raise ValueError(f"real and imaginary parts differ in shape: {real.shape} and {imag.shape}")
        return tuple.__new__(cls, (real, imag))

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.real, self.imag

    # --- parts and shape

    @property
    def real(self) -> Tensor:
        """The real parts."""
        real: Tensor = tuple.__getitem__(self, 0)
        return real

    @property
    def imag(self) -> Tensor:
        """The imaginary parts."""
        imag: Tensor = tuple.__getitem__(self, 1)
        return imag

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self.real.shape

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return self.real.ndim

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.real.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's dtype of such numbers: complex64 or complex128."""
        return np.dtype(np.complex64 if self.real.dtype == np.float32 else np.complex128)

    @property
    def T(self) -> ComplexTensor:  # noqa: N802 - its name in NumPy
        """Axes in reverse order."""
        return self._each(_ops.transpose)

    def __len__(self) -> int:
        return len(self.real)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> ComplexTensor:
        return self._each(lambda part: part[key])

    def reshape(self, *shape: Any) -> ComplexTensor:
        """The same numbers in another shape."""
        return self._each(lambda part: part.reshape(*shape))

    def detach(self) -> ComplexTensor:
        """The same numbers, cut from the graph."""
        return self._each(lambda part: part.detach())

    def _each(self, f: Callable[[Tensor], Any]) -> ComplexTensor:
        return _pair(f(self.real), f(self.imag))

    # --- numbers

    def numpy(self) -> np.ndarray[Any, Any]:
        """A complex array; refused where a gradient is required, as `Tensor.numpy` does."""
        array: np.ndarray[Any, Any] = _joined(self.real.numpy(), self.imag.numpy())
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if copy is False:
            raise ValueError("a complex array of two tensors is always a copy")
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def tolist(self) -> Any:
        """Python's complex numbers, in lists."""
        return _joined(self.real.detach().numpy(), self.imag.detach().numpy()).tolist()

    def item(self) -> complex:
        """The one number of a pair of size 1."""
        return complex(self.real.item(), self.imag.item())

    def __complex__(self) -> complex:
        return complex(float(self.real), float(self.imag))

    def __repr__(self) -> str:
        return f"ComplexTensor(real={self.real!r}, imag={self.imag!r})"

    __hash__ = None  # type: ignore[assignment]
    __lt__ = __le__ = __gt__ = __ge__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self.item())

    # --- functions

    def abs(self) -> Tensor:
        """Distance to 0; at 0 its gradient is 0."""
        return _ops.hypot(self.real, self.imag)

    __abs__ = abs

    def angle(self) -> Tensor:
        """Angle to the positive real axis, from -pi to pi."""
        return _ops.arctan2(self.imag, self.real)

    def conj(self) -> ComplexTensor:
        """The numbers with imaginary parts of the other sign."""
        return _pair(self.real, -self.imag)

    conjugate = conj

    def sum(self, axis: Any = None, keepdims: bool = False) -> ComplexTensor:
        """Sum over axes."""
        return self._each(lambda part: _ops.sum(part, axis, keepdims))

    def mean(self, axis: Any = None, keepdims: bool = False) -> ComplexTensor:
        """Arithmetic mean over axes."""
        return self._each(lambda part: _ops.mean(part, axis, keepdims))

    # --- operators

    def __neg__(self) -> ComplexTensor:
        return _pair(-self.real, -self.imag)

    def __pos__(self) -> ComplexTensor:
        return self

    def __add__(self, other: Any) -> Any:
        return _combined(self, other, _add)

    def __sub__(self, other: Any) -> Any:
        return _combined(self, other, _subtract)

    def __mul__(self, other: Any) -> Any:
        return _combined(self, other, _multiply)

    def __truediv__(self, other: Any) -> Any:
        return _combined(self, other, _divide)

    def __matmul__(self, other: Any) -> Any:
        return _combined(self, other, _matmul)

    def __radd__(self, other: Any) -> Any:
        return _combined(other, self, _add)

    def __rsub__(self, other: Any) -> Any:
        return _combined(other, self, _subtract)

    def __rmul__(self, other: Any) -> Any:
        return _combined(other, self, _multiply)

    def __rtruediv__(self, other: Any) -> Any:
        return _combined(other, self, _divide)

    def __rmatmul__(self, other: Any) -> Any:
        return _combined(other, self, _matmul)

    def __pow__(self, n: int) -> Any:
        if operator.index(n) < 0:
            raise ValueError(f"complex tensors have powers from 0 on, got {n}")
        result = _pair(_ops.identity(self.real) * 0 + 1, self.imag * 0) if n == 0 else self
        for _ in range(n - 1):
            result = result * self
        return result

    def __eq__(self, other: object) -> Any:
        """Truth values, a tensor."""
        z = as_complex(other)
        return (self.real == z.real) & (self.imag == z.imag)

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    # --- NumPy's functions

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        f = _UFUNCS.get(ufunc)
        if f is None or method != "__call__" or keywords:
            raise TypeError(f"np.{ufunc.__name__} has no operation on complex tensors")
        return f(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        f = _FUNCTIONS.get(function)
        if f is not None:
            return f(*args, **keywords)
        if getattr(function, "__module__", "") == "numpy.fft":
            from fastgrad import fft

            if function.__name__ in fft.__all__:
                return getattr(fft, function.__name__)(*args, **keywords)
        raise TypeError(f"np.{function.__name__} has no operation on complex tensors")


def _pair(real: Any, imag: Any) -> ComplexTensor:
    return tuple.__new__(ComplexTensor, (real, imag))


def _joined(real: Any, imag: Any) -> Any:
    joined = np.empty(np.shape(real), np.complex64 if real.dtype == np.float32 else np.complex128)
    joined.real, joined.imag = real, imag
    return joined if joined.ndim else joined[()]


def as_complex(x: Any) -> ComplexTensor:
    """Numbers as a pair of tensors.

    Parameters
    ----------
    x : array_like
        A complex or real array or number, a tensor, which is real, or a pair as it is.

    Returns
    -------
    ComplexTensor
        complex64 of float32 and complex64 numbers, else complex128.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.fft.as_complex([1 + 2j]).imag.tolist()
    [2.0]
    """
    if isinstance(x, ComplexTensor):
        return x
    if not isinstance(x, core.Tensor):
        array = np.asarray(x)
        if array.dtype.kind == "c":
            return _pair(core.Tensor(array.real.copy()), core.Tensor(array.imag.copy()))
        x = core.Tensor(array)
    if x.dtype.kind != "f":
        x = _ops.astype(x, np.float64)
    return _pair(x, core.zeros_like(x.detach()))


def _combined(a: Any, b: Any, f: Callable[[Any, Any], ComplexTensor]) -> Any:
    """What f makes of two operands, each a pair, or a real tensor, array or number."""
    return f(_operand(a), _operand(b))


def _operand(x: Any) -> Any:
    if isinstance(x, complex):
        return _pair(x.real, x.imag)
    if isinstance(x, ComplexTensor | core.Tensor | int | float):
        return x
    array = np.asarray(x)
    return as_complex(array) if array.dtype.kind == "c" else as_tensor(array)


def _parts(x: Any) -> tuple[Any, Any]:
    """Both parts; the second is None of real numbers."""
    return (x.real, x.imag) if isinstance(x, ComplexTensor) else (x, None)


def _add(a: Any, b: Any) -> ComplexTensor:
    (x, y), (u, v) = _parts(a), _parts(b)
    real = x + u
    if y is not None and v is not None:
        return _pair(real, y + v)
    imag = as_tensor(v if y is None else y)
    return _pair(real, _ops.astype(_ops.broadcast_to(imag, real.shape), real.dtype))


def _subtract(a: Any, b: Any) -> ComplexTensor:
    return _add(a, -b)


def _multiply(a: Any, b: Any) -> ComplexTensor:
    (x, y), (u, v) = _parts(a), _parts(b)
    if v is None:
        return _pair(x * u, y * u)
    return _pair(x * u, x * v) if y is None else _pair(x * u - y * v, x * v + y * u)


def _matmul(a: Any, b: Any) -> ComplexTensor:
    (x, y), (u, v) = _parts(a), _parts(b)
    if v is None:
        return _pair(x @ u, y @ u)
    return _pair(x @ u, x @ v) if y is None else _pair(x @ u - y @ v, x @ v + y @ u)


def _divide(a: Any, b: Any) -> ComplexTensor:
    u, v = _parts(b)
    if v is None:
        return _pair(a.real / u, a.imag / u)
    # Both parts over the larger of them first: R. Smith, "Algorithm 116: complex division" (1962).
    size = np.maximum(np.abs(u), np.abs(v))
    size = size.detach() if isinstance(size, core.Tensor) else size
    p, q = u / size, v / size
    scale = size * (p * p + q * q)
    return _multiply(a, _pair(p / scale, -q / scale))


def _angle(z: ComplexTensor, deg: bool = False) -> Tensor:
    return _ops.multiply(z.angle(), 180 / np.pi) if deg else z.angle()


def _exp(z: ComplexTensor) -> ComplexTensor:
    size = _ops.exp(z.real)
    return _pair(size * _ops.cos(z.imag), size * _ops.sin(z.imag))


_UFUNCS: dict[Any, Callable[..., Any]] = {
    np.absolute: ComplexTensor.abs,
    np.conjugate: ComplexTensor.conj,
    np.negative: ComplexTensor.__neg__,
    np.positive: ComplexTensor.__pos__,
    np.exp: _exp,
    np.add: lambda a, b: _combined(a, b, _add),
    np.subtract: lambda a, b: _combined(a, b, _subtract),
    np.multiply: lambda a, b: _combined(a, b, _multiply),
    np.divide: lambda a, b: _combined(a, b, _divide),
    np.matmul: lambda a, b: _combined(a, b, _matmul),
    np.equal: lambda a, b: as_complex(a) == b,
    np.not_equal: lambda a, b: as_complex(a) != b,
}

_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.real: lambda z: z.real,
    np.imag: lambda z: z.imag,
    np.angle: _angle,
    np.sum: ComplexTensor.sum,
    np.mean: ComplexTensor.mean,
    np.shape: lambda z: z.shape,
    np.ndim: lambda z: z.ndim,
    np.size: lambda z: z.size,
    np.reshape: lambda z, shape: z.reshape(shape),
    np.transpose: lambda z, axes=None: z._each(lambda part: _ops.transpose(part, axes)),
    np.iscomplexobj: lambda x: True,  # noqa: ARG005
    np.isrealobj: lambda x: False,  # noqa: ARG005
}
