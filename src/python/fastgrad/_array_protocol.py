"""NumPy's own functions on tensors: np.sin(t), np.mean(t, axis=0), array + t all come here and record."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

import fastgrad.numpy as fnp
from fastgrad import _methods
from fastgrad._native import core

_ops = core.ops

_UFUNCS: dict[Any, Callable[..., Any]] = {
    getattr(np, ufunc): getattr(_ops, name) for name, (ufunc, _, _) in core.elementwise_table.items() if ufunc
}
_UFUNCS[np.matmul] = _ops.matmul
_UFUNCS[np.bitwise_and] = _ops.logical_and
_UFUNCS[np.bitwise_or] = _ops.logical_or
_UFUNCS[np.invert] = _ops.logical_not
_UFUNCS[np.positive] = _UFUNCS[np.conjugate] = _ops.identity
_UFUNCS[np.deg2rad] = _UFUNCS[np.radians] = fnp.deg2rad
_UFUNCS[np.rad2deg] = _UFUNCS[np.degrees] = fnp.rad2deg


def _reduction(op: Callable[..., Any], arguments: str) -> Callable[..., Any]:
    """One of NumPy's reductions, with the names of its arguments after the axis."""
    names = arguments.split()

    def reduced(a: Any, axis: Any = None, *others: Any, **keywords: Any) -> Any:
        if len(others) > len(names):
            raise TypeError(f"{op.__name__}: give {others[len(names)]!r} and what follows it by name")
        given = dict(zip(names, others, strict=False)) | keywords
        keepdims = given.pop("keepdims", False)
        taken = {"ddof": given.pop("ddof", 0)} if "ddof" in names else {}
        _refuse(**given)
        return op(a, axis, keepdims=keepdims is not np._NoValue and bool(keepdims), **taken)

    return reduced


def _percentages(op: Callable[..., Any]) -> Callable[..., Any]:
    """Of quantile and percentile."""

    def picked(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: Any = None,
        method: str = "linear",
        keepdims: bool = False,
        **others: Any,
    ) -> Any:
        _refuse(out=out, overwrite_input=overwrite_input or None, **others)
        return op(a, q, axis, method, keepdims)

    return picked


def _scan(op: Callable[..., Any]) -> Callable[..., Any]:
    def scanned(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        _refuse(dtype=dtype, out=out)
        return op(a, axis)

    return scanned


def _sorting(op: Callable[..., Any]) -> Callable[..., Any]:
    """Of sort and argsort: every kind is a stable one here."""

    def ordered(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:  # noqa: ARG001
        _refuse(order=order)
        return op(a, axis)

    return ordered


def _refuse(**keywords: Any) -> None:
    """Arguments of NumPy's functions that have no meaning here, unless they stand at their defaults."""
    given = sorted(name for name, value in keywords.items() if value is not None and value is not np._NoValue)
    if given:
        refused = ", ".join(f"{name}=" for name in given)
        raise TypeError(f"on a fastgrad tensor this NumPy function takes no {refused}")


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return _methods.clip(a, a_min if a_min is not None else min, a_max if a_max is not None else max)


def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    _refuse(out=out)
    return fnp.round(a, decimals)


def _where(condition: Any, *branches: Any) -> Any:
    if not branches:
        return fnp.nonzero(condition)
    if len(branches) != 2:
        raise TypeError("np.where takes a condition alone, or both branches: np.where(condition, a, b)")
    return _ops.where(condition, *branches)


def _einsum(*operands: Any, optimize: Any = None, **others: Any) -> Any:  # noqa: ARG001 - always pair by pair
    _refuse(**others)
    return fnp.einsum(*operands)


def _meshgrid(*xi: Any, copy: bool = True, **keywords: Any) -> Any:  # noqa: ARG001 - nobody writes to a tensor
    return fnp.meshgrid(*xi, **keywords)


_NO_OPERATION = "has no operation on fastgrad tensors; detach().numpy() gives an array without gradient"

_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _reduction(_ops.sum, "dtype out keepdims"),
    np.mean: _reduction(_ops.mean, "dtype out keepdims"),
    np.max: _reduction(_ops.max, "out keepdims"),
    np.min: _reduction(_ops.min, "out keepdims"),
    np.amax: _reduction(_ops.max, "out keepdims"),
    np.amin: _reduction(_ops.min, "out keepdims"),
    np.prod: _reduction(_ops.prod, "dtype out keepdims"),
    np.argmax: _reduction(_ops.argmax, "out keepdims"),
    np.argmin: _reduction(_ops.argmin, "out keepdims"),
    np.cumsum: _scan(_ops.cumsum),
    np.cumprod: _scan(_ops.cumprod),
    np.sort: _sorting(_ops.sort),
    np.argsort: _sorting(_ops.argsort),
    np.var: _reduction(fnp.var, "dtype out ddof keepdims"),
    np.std: _reduction(fnp.std, "dtype out ddof keepdims"),
    np.ptp: _reduction(fnp.ptp, "out keepdims"),
    np.any: _reduction(fnp.any, "out keepdims"),
    np.all: _reduction(fnp.all, "out keepdims"),
    np.nansum: _reduction(fnp.nansum, "dtype out keepdims"),
    np.nanmean: _reduction(fnp.nanmean, "dtype out keepdims"),
    np.median: _reduction(fnp.median, "out overwrite_input keepdims"),
    np.quantile: _percentages(fnp.quantile),
    np.percentile: _percentages(fnp.percentile),
    np.clip: _clip,
    np.where: _where,
    np.round: _round,
    np.around: _round,
    np.sinc: fnp.sinc,
    np.nan_to_num: fnp.nan_to_num,
    np.dot: fnp.dot,
    np.reshape: lambda a, shape: _ops.reshape(a, shape),  # noqa: PLW0108 - by NumPy's names
    np.transpose: lambda a, axes=None: _ops.transpose(a, axes),
    np.broadcast_to: lambda array, shape: _ops.broadcast_to(array, shape),  # noqa: PLW0108
    np.concatenate: lambda arrays, axis=0: _ops.concatenate(arrays, axis),
    np.stack: lambda arrays, axis=0: fnp.stack(arrays, axis),
    np.meshgrid: _meshgrid,
    np.einsum: _einsum,
    np.take: lambda a, indices, axis=None: _ops.take(a, indices, axis),
    np.take_along_axis: lambda arr, indices, axis=-1: _ops.take_along_axis(arr, indices, axis),
    np.real: lambda val: val,
    np.imag: lambda val: fnp.zeros_like(val),  # noqa: PLW0108 - by NumPy's name
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: lambda a: a.size,
}


# Those whose arguments here are NumPy's own.
_ALIKE = """
    array_split atleast_1d atleast_2d atleast_3d average column_stack compress convolve copy
    correlate count_nonzero cross diag diagonal diff empty_like expand_dims flip fliplr flipud
    full_like gradient hsplit hstack inner interp kron moveaxis ones_like outer pad ravel repeat
    roll rot90 searchsorted split squeeze swapaxes tensordot tile trace trapezoid tril triu vdot
    vsplit vstack zeros_like
"""
_FUNCTIONS |= {getattr(np, name): getattr(fnp, name) for name in _ALIKE.split()}

# Functions that are loaded when they are used: those that take what NumPy's do are found by their names.
_LATER: dict[str, Callable[..., Any]] = {
    "nanmax": lambda: _reduction(fnp.nanmax, "out keepdims"),
    "nanmin": lambda: _reduction(fnp.nanmin, "out keepdims"),
    "nanargmax": lambda: _reduction(fnp.nanargmax, "out keepdims"),
    "nanargmin": lambda: _reduction(fnp.nanargmin, "out keepdims"),
    "nanprod": lambda: _reduction(fnp.nanprod, "dtype out keepdims"),
    "nancumsum": lambda: _scan(fnp.nancumsum),
    "nancumprod": lambda: _scan(fnp.nancumprod),
    "nanvar": lambda: _reduction(fnp.nanvar, "dtype out ddof keepdims"),
    "nanstd": lambda: _reduction(fnp.nanstd, "dtype out ddof keepdims"),
    "nanmedian": lambda: _reduction(fnp.nanmedian, "out overwrite_input keepdims"),
    "nanquantile": lambda: _percentages(fnp.nanquantile),
    "nanpercentile": lambda: _percentages(fnp.nanpercentile),
    "partition": lambda: _partition(fnp.partition),
    "argpartition": lambda: _partition(fnp.argpartition),
    "einsum_path": lambda: _einsum_path,
    "cov": lambda: _without_dtype(fnp.cov),
    "corrcoef": lambda: _without_dtype(fnp.corrcoef),
    "cumulative_sum": lambda: _without_dtype(fnp.cumulative_sum),
    "cumulative_prod": lambda: _without_dtype(fnp.cumulative_prod),
}


def _partition(op: Callable[..., Any]) -> Callable[..., Any]:
    def placed(a: Any, kth: Any, axis: Any = -1, kind: Any = None, order: Any = None) -> Any:  # noqa: ARG001
        _refuse(order=order)
        return op(a, kth, axis)

    return placed


def _without_dtype(op: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any, dtype: Any = None, out: Any = None, **keywords: Any) -> Any:
        _refuse(dtype=dtype, out=out)
        return op(*args, **keywords)

    return called


def _einsum_path(*operands: Any, **keywords: Any) -> Any:
    """Of the shapes alone."""
    shapes = [np.broadcast_to(0.0, x.shape) if isinstance(x, core.Tensor) else x for x in operands]
    return np.einsum_path(*shapes, **keywords)


@cache
def _loaded_on_use(function: Any) -> Callable[..., Any] | None:
    name = function.__name__
    if getattr(np, name, None) is not function:
        return None
    if name in _LATER:
        return _LATER[name]()  # type: ignore[no-any-return]
    return getattr(fnp, name) if name in fnp._HOME else None


# NumPy's modules whose functions are, by name, those of a module here, which is loaded when it is used.
_MODULES = {"numpy.linalg": "fastgrad.linalg", "numpy.fft": "fastgrad.fft"}

# SciPy's ufuncs by name, where that is not the name here.
_OF_SCIPY: dict[str, Callable[..., Any]] = {
    "betaln": fnp.betaln,
    "erf": fnp.erf,
    "erfc": fnp.erfc,
    "expit": fnp.expit,
    "expm1": fnp.expm1,
    "gammaln": fnp.gammaln,
    "log1p": fnp.log1p,
    "log_expit": fnp.log_expit,
    "logit": fnp.logit,
    "ndtr": fnp.normal_cdf,
    "psi": fnp.digamma,
    "xlog1py": fnp.xlog1py,
    "xlogy": fnp.xlogy,
}


@cache
def _scipy_ufuncs() -> dict[Any, Callable[..., Any]]:
    special = sys.modules["scipy.special"]
    return {getattr(special, name): op for name, op in _OF_SCIPY.items() if hasattr(special, name)}


def _ufunc(ufunc: Any) -> Callable[..., Any] | None:
    op = _UFUNCS.get(ufunc)
    if op is None:
        op = _loaded_on_use(ufunc)
    return _scipy_ufuncs().get(ufunc) if op is None and "scipy.special" in sys.modules else op


def _function(function: Any) -> Callable[..., Any] | None:
    found = _FUNCTIONS.get(function)
    if found is None:
        found = _loaded_on_use(function)
    module = _MODULES.get(getattr(function, "__module__", ""))
    if found is not None or module is None:
        return found
    names = import_module(module)
    return getattr(names, function.__name__) if function.__name__ in names.__all__ else None


def _array_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:  # noqa: ARG001
    op, name, known = _ufunc(ufunc), ufunc.__name__, set()
    if method != "__call__":
        op, name = import_module("fastgrad._ufunc_methods").method_of(ufunc, method, op), f"{name}.{method}"
        known = {"axis", "keepdims"} if method == "reduce" else {"axis"}
        keywords = {key: value for key, value in keywords.items() if value is not None or key == "axis"}
    if op is None:
        raise TypeError(f"np.{name} {_NO_OPERATION}")
    if unknown := sorted(keywords.keys() - known):
        raise TypeError(f"np.{name} on a fastgrad tensor takes no {', '.join(unknown)}=")
    return op(*inputs, **keywords)


def _array_function(self: Any, function: Any, types: Any, args: Any, keywords: Any) -> Any:  # noqa: ARG001
    implementation = _function(function)
    if implementation is None:
        raise TypeError(f"np.{function.__name__} {_NO_OPERATION}")
    return implementation(*args, **keywords)


def install() -> None:
    """Teaches the Tensor type NumPy's dispatch protocols."""
    core.Tensor.__array_ufunc__ = _array_ufunc  # type: ignore[method-assign]
    core.Tensor.__array_function__ = _array_function  # type: ignore[method-assign]
