"""Equality to within tolerances, and questions about kinds of numbers: truth values, without gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._native import core
from fastgrad._operands import as_tensor

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import DTypeLike

    from fastgrad._core import Tensor

__all__ = [
    "allclose",
    "array_equal",
    "array_equiv",
    "can_cast",
    "isclose",
    "iscomplex",
    "iscomplexobj",
    "isneginf",
    "isposinf",
    "isreal",
    "isrealobj",
    "logical_xor",
    "result_type",
]

_ops = core.ops


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Return where numbers are equal to within a tolerance: ``|a - b| <= atol + rtol * |b|``.

    Parameters
    ----------
    a, b : array_like
        Broadcast with one another.
    rtol, atol : float
        Relative and absolute tolerance.
    equal_nan : bool, default False
        Whether NaN is close to NaN.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.isclose([1.0, 2.0], [1.0 + 1e-9, 2.1]).tolist()
    [True, False]
    """
    a, b = as_tensor(a).detach(), as_tensor(b).detach()
    near = _ops.less_equal(_ops.abs(a - b), _ops.abs(b) * rtol + atol) & _ops.isfinite(b)
    near = near | _ops.equal(a, b)
    return near | (_ops.isnan(a) & _ops.isnan(b)) if equal_nan else near


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Return whether all numbers are equal to within a tolerance.

    Parameters
    ----------
    a, b, rtol, atol, equal_nan
        As for `isclose`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.allclose([1.0, 2.0], [1.0 + 1e-9, 2.0]).item()
    True
    """
    return _ops.all(isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Tensor:
    """Return whether two have the same shape and numbers.

    Parameters
    ----------
    a1, a2 : array_like
        Any shapes.
    equal_nan : bool, default False
        Whether NaN equals NaN.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.array_equal([1.0, 2.0], [1.0, 2.0]).item(), fg.array_equal([1.0], 1.0).item()
    (True, False)
    """
    a, b = as_tensor(a1).detach(), as_tensor(a2).detach()
    if a.shape != b.shape:
        return core.Tensor(np.asarray(False))
    same = _ops.equal(a, b)
    return _ops.all(same | (_ops.isnan(a) & _ops.isnan(b)) if equal_nan else same)


def array_equiv(a1: Any, a2: Any) -> Tensor:
    """Return whether two have the same numbers once they are broadcast with one another.

    Parameters
    ----------
    a1, a2 : array_like
        Any shapes.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.array_equiv([1.0, 1.0], 1.0).item()
    True
    """
    a, b = as_tensor(a1).detach(), as_tensor(a2).detach()
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return core.Tensor(np.asarray(False))
    return _ops.all(_ops.equal(a, b))


def logical_xor(x1: Any, x2: Any) -> Tensor:
    """Return where one of two is true and the other is not.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.logical_xor([True, True], [True, False]).tolist()
    [False, True]
    """
    a, b = as_tensor(x1), as_tensor(x2)
    if a.dtype != bool or b.dtype != bool:
        raise TypeError(f"logical_xor: expected truth values, got {a.dtype} and {b.dtype}; compare first")
    return _ops.not_equal(a, b)


def isposinf(x: Any) -> Tensor:
    """Return where numbers are infinity.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.isposinf([1.0, float("inf"), -float("inf")]).tolist()
    [False, True, False]
    """
    return _ops.equal(x, np.inf)


def isneginf(x: Any) -> Tensor:
    """Return where numbers are negative infinity.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.isneginf([1.0, float("inf"), -float("inf")]).tolist()
    [False, False, True]
    """
    return _ops.equal(x, -np.inf)


def isreal(x: Any) -> Tensor:
    """Return True everywhere: tensors are real.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.isreal([1.0, 2.0]).tolist()
    [True, True]
    """
    return core.Tensor(np.ones(as_tensor(x).shape, bool))


def iscomplex(x: Any) -> Tensor:
    """Return False everywhere: tensors are real.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.iscomplex([1.0, 2.0]).tolist()
    [False, False]
    """
    return core.Tensor(np.zeros(as_tensor(x).shape, bool))


def iscomplexobj(x: Any) -> bool:
    """Return whether numbers are of a complex type, which those of a tensor are not.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.iscomplexobj(fg.ones(2))
    False
    """
    return not isinstance(x, core.Tensor) and bool(np.iscomplexobj(x))


def isrealobj(x: Any) -> bool:
    """Return whether numbers are of a real type, which those of a tensor are.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.isrealobj(fg.ones(2))
    True
    """
    return not iscomplexobj(x)


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """Return the dtype that NumPy's rules give to a result of these operands.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.result_type(fg.ones(2), 3)
    dtype('float64')
    """
    return np.result_type(*map(_kind, arrays_and_dtypes))


def can_cast(from_: Any, to: DTypeLike, casting: Any = "safe") -> bool:
    """Return whether NumPy's rules let numbers of one dtype be taken for another.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.can_cast(fg.ones(2), "float32")
    False
    """
    return np.can_cast(_kind(from_), to, casting)


def _kind(x: Any) -> Any:
    if not isinstance(x, core.Tensor):
        return x
    return x.dtype.type(0).item() if x.weak else x.dtype
