"""Covariances, running sums with their start, and products of vectors along last axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.matrices import diag
from fastgrad._functions.picking import diff
from fastgrad._functions.shapes import ravel, squeeze, swapaxes
from fastgrad._native import core
from fastgrad._operands import as_floating, as_tensor, filled, place_of

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = [
    "corrcoef",
    "cov",
    "cumulative_prod",
    "cumulative_sum",
    "ediff1d",
    "matrix_transpose",
    "matvec",
    "vecdot",
    "vecmat",
]

_ops = core.ops


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Tensor:
    """Return the covariances of variables.

    Parameters
    ----------
    m : array_like
        (variables, observations), or (observations,) of one variable.
    y : array_like, optional
        Further variables, of the same form.
    rowvar : bool, default True
        Whether variables are rows; columns else.
    bias : bool, default False
        Divide by the number n of observations; by n - 1 else.
    ddof : int, optional
        Divide by n - ddof.
    fweights : array_like of int, optional
        (observations,): how often each counts.
    aweights : array_like, optional
        (observations,): weights of observations. Gradients flow to them.

    Returns
    -------
    Tensor
        (variables, variables), or () of one.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.cov([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    x = _variables(m, rowvar, "cov")
    if y is not None:
        x = _ops.concatenate([x, _variables(y, rowvar, "cov")], 0)
    count = x.shape[1]
    if ddof is None:
        ddof = 0 if bias else 1
    weights = _weights(fweights, aweights, count)
    if weights is None:
        left: Any = max(count - ddof, 0)
        apart = _ops.subtract(x, _ops.mean(x, 1, True))
        spread = apart
    else:
        weights = _ops.astype(weights, x.dtype)
        total = _ops.sum(weights)
        apart = _ops.subtract(x, _ops.sum(x * weights, 1, True) / total)
        spread = apart * weights
        taken = ddof if aweights is None else _ops.sum(weights * as_tensor(aweights)) / total * ddof
        left = _ops.maximum(total - taken, 0.0)
    return squeeze(_ops.matmul(apart, _ops.transpose(spread)) / left)


def _variables(m: Any, rowvar: bool, op: str) -> Tensor:
    t = as_tensor(m)
    if t.ndim > 2:
        raise ValueError(f"{op}: expected at most 2 dimensions, got shape {t.shape}")
    t = as_floating(t)
    if t.ndim < 2:
        return _ops.reshape(t, (1, t.size))
    return t if rowvar else _ops.transpose(t)


def _weights(fweights: Any, aweights: Any, count: int) -> Tensor | None:
    weights = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        one = as_tensor(given)
        if one.shape != (count,):
            raise ValueError(
                f"cov: {name} has shape {one.shape}, expected ({count},), one for an observation"
            )
        if name == "fweights" and one.dtype.kind == "f":
            raise TypeError(f"cov: fweights must be integers, got {one.dtype}")
        if not core.is_recording() and one.size and one.detach().numpy().min() < 0:
            raise ValueError(f"cov: {name} must not be negative")
        weights = one if weights is None else _ops.multiply(weights, one)
    return weights


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Tensor:
    """Return the correlation coefficients of variables.

    Parameters
    ----------
    x, y, rowvar
        As for `cov`.

    Returns
    -------
    Tensor
        (variables, variables), or () of one; from -1 to 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.corrcoef([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]]).numpy().round(6).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    c = cov(x, y, rowvar)
    if c.ndim == 0:
        return c / c
    deviation = _ops.sqrt(diag(c))
    c = c / _ops.reshape(deviation, (-1, 1)) / deviation
    return _ops.clip(c, -1.0, 1.0)


def cumulative_sum(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Tensor:
    """Return running sums along an axis.

    Parameters
    ----------
    x : array_like
        At least one dimension.
    axis : int, optional
        The axis to go along; may be left out in one dimension.
    include_initial : bool, default False
        Begin with the sum of nothing, 0.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.cumulative_sum([1.0, 2.0], include_initial=True).tolist()
    [0.0, 1.0, 3.0]
    """
    return _running(_ops.cumsum, x, axis, include_initial, 0, "cumulative_sum")


def cumulative_prod(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Tensor:
    """Return running products along an axis.

    Parameters
    ----------
    x, axis
        As for `cumulative_sum`.
    include_initial : bool, default False
        Begin with the product of nothing, 1.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.cumulative_prod([3.0, 2.0], include_initial=True).tolist()
    [1.0, 3.0, 6.0]
    """
    return _running(_ops.cumprod, x, axis, include_initial, 1, "cumulative_prod")


def _running(scan: Any, x: Any, axis: int | None, include_initial: bool, start: int, op: str) -> Tensor:
    t = as_tensor(x)
    if axis is None and t.ndim != 1:
        raise ValueError(f"{op}: name an axis of shape {t.shape}")
    place = place_of(0 if axis is None else axis, t.ndim, op)
    value: Tensor = scan(t, place)
    if not include_initial:
        return value
    first = filled(value, start, (*t.shape[:place], 1, *t.shape[place + 1 :]))
    return _ops.concatenate([first, value], place)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tensor:
    """Return the differences of neighbours, all numbers in one row.

    Parameters
    ----------
    ary : array_like
        Any shape.
    to_end, to_begin : array_like, optional
        What to append, and what to put before.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.ediff1d([1.0, 4.0, 9.0], to_end=0.0).tolist()
    [3.0, 5.0, 0.0]
    """
    row = ravel(ary)
    steps = diff(_ops.astype(row, np.int64) if row.dtype == bool else row)
    parts = [ravel(to_begin) if to_begin is not None else None, steps]
    parts.append(ravel(to_end) if to_end is not None else None)
    given = [part for part in parts if part is not None]
    return _ops.concatenate([_ops.astype(part, steps.dtype) for part in given]) if len(given) > 1 else steps


def vecdot(x1: Any, x2: Any) -> Tensor:
    """Return the products of vectors along the last axis.

    Parameters
    ----------
    x1, x2 : array_like
        (..., n), broadcast with one another.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.vecdot([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).tolist()
    [3.0, 7.0]
    """
    a, b = _vectors(x1, "vecdot"), _vectors(x2, "vecdot")
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"vecdot: last axes of shapes {a.shape} and {b.shape} must agree in size")
    return _ops.sum(_ops.multiply(a, b), -1)


def matvec(x1: Any, x2: Any) -> Tensor:
    """Return the products of matrices with vectors.

    Parameters
    ----------
    x1 : array_like
        (..., m, n)
    x2 : array_like
        (..., n); leading axes broadcast.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.matvec([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).tolist()
    [3.0, 7.0]
    """
    vector = _vectors(x2, "matvec")
    return _ops.matmul(x1, _ops.reshape(vector, (*vector.shape, 1)))[..., 0]


def vecmat(x1: Any, x2: Any) -> Tensor:
    """Return the products of vectors with matrices.

    Parameters
    ----------
    x1 : array_like
        (..., n)
    x2 : array_like
        (..., n, m); leading axes broadcast.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.vecmat([1.0, 1.0], [[1.0, 2.0], [3.0, 4.0]]).tolist()
    [4.0, 6.0]
    """
    vector = _vectors(x1, "vecmat")
    return _ops.matmul(_ops.reshape(vector, (*vector.shape[:-1], 1, vector.shape[-1])), x2)[..., 0, :]


def _vectors(x: Any, op: str) -> Tensor:
    t = as_tensor(x)
    if t.ndim < 1:
        raise ValueError(f"{op}: expected vectors (..., n), got shape ()")
    return t


def matrix_transpose(x: Any, /) -> Tensor:
    """Return the matrices in the last two axes transposed.

    Parameters
    ----------
    x : array_like
        (..., m, n)

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.matrix_transpose([[1.0, 2.0]]).tolist()
    [[1.0], [2.0]]
    """
    t = as_tensor(x)
    if t.ndim < 2:
        raise ValueError(f"matrix_transpose: expected at least 2 dimensions, got shape {t.shape}")
    return swapaxes(t, -1, -2)
