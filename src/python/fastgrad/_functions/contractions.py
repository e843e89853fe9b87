"""Products of vectors, matrices and tensors, made of matrix products."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from fastgrad._functions.shapes import moveaxis, ravel, turned
from fastgrad._native import core
from fastgrad._operands import as_tensor, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["cross", "dot", "inner", "kron", "outer", "tensordot", "vdot"]

_ops = core.ops


def dot(a: Any, b: Any) -> Tensor:
    """Sums of products over the last axis of one and the last but one of the other, or its only one.

    Parameters
    ----------
    a, b : array_like
        (..., n) and (..., n, k) or (n,); or one of them a single number.

    Returns
    -------
    Tensor
        Shape of ``numpy.dot(a, b)``.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.dot([1.0, 2.0], [3.0, 4.0]).item()
    11.0
    """
    a, b = as_tensor(a), as_tensor(b)
    if a.ndim == 0 or b.ndim == 0:
        return _ops.multiply(a, b)
    if a.ndim > 2 or b.ndim > 2:
        return _contracted(a, b, (a.ndim - 1,), (max(b.ndim - 2, 0),), "dot")
    return _ops.matmul(a, b)


def vdot(a: Any, b: Any) -> Tensor:
    """Return the sum of the products of all numbers of two tensors, each in one row.

    Parameters
    ----------
    a, b : array_like
        Of as many numbers.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.vdot([[1.0, 2.0]], [[3.0], [4.0]]).item()
    11.0
    """
    return _ops.matmul(ravel(a), ravel(b))


def inner(a: Any, b: Any) -> Tensor:
    """Return the sums of products over the last axes of both.

    Parameters
    ----------
    a, b : array_like
        (..., n) both.

    Returns
    -------
    Tensor
        The other axes of `a`, then those of `b`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.inner([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]).tolist()
    [[11.0, 17.0]]
    """
    a, b = as_tensor(a), as_tensor(b)
    if a.ndim == 0 or b.ndim == 0:
        return _ops.multiply(a, b)
    return _contracted(a, b, (a.ndim - 1,), (b.ndim - 1,), "inner")


def outer(a: Any, b: Any) -> Tensor:
    """Return the products of all numbers of one with all of another.

    Parameters
    ----------
    a, b : array_like
        m and n numbers, read in one row.

    Returns
    -------
    Tensor
        (m, n)

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.outer([1.0, 2.0], [3.0, 4.0]).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    a, b = as_tensor(a), as_tensor(b)
    return _ops.multiply(_ops.reshape(a, (a.size, 1)), _ops.reshape(b, (1, b.size)))


def tensordot(a: Any, b: Any, axes: int | Sequence[Any] = 2) -> Tensor:
    """Return the sums of products over some axes of both.

    Parameters
    ----------
    a, b : array_like
        Any shapes.
    axes : int or (axes of a, axes of b), default 2
        How many: the last of `a` with the first of `b`. Or which: one after the other they run together.

    Returns
    -------
    Tensor
        The other axes of `a`, then those of `b`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.tensordot([[1.0, 2.0]], [[3.0], [4.0]], axes=1).tolist()
    [[11.0]]
    """
    a, b = as_tensor(a), as_tensor(b)
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: axes={axes} does not fit shapes {a.shape} and {b.shape}")
        of_a, of_b = tuple(range(a.ndim - axes, a.ndim)), tuple(range(axes))
    else:
        of_a, of_b = places_of(axes[0], a.ndim, "tensordot"), places_of(axes[1], b.ndim, "tensordot")
    return _contracted(a, b, of_a, of_b, "tensordot")


def _contracted(a: Tensor, b: Tensor, of_a: tuple[int, ...], of_b: tuple[int, ...], op: str) -> Tensor:
    shared = [a.shape[place] for place in of_a]
    if shared != [b.shape[place] for place in of_b]:
        raise ValueError(
            f"{op}: axes {of_a} of shape {a.shape} and axes {of_b} of shape {b.shape} must agree in size"
        )
    left = [place for place in range(a.ndim) if place not in of_a]
    right = [place for place in range(b.ndim) if place not in of_b]
    sizes = [*[a.shape[place] for place in left], *[b.shape[place] for place in right]]
    n = prod(shared)
    rows = _ops.reshape(turned(a, [*left, *of_a]), (prod(sizes[: len(left)]), n))
    columns = _ops.reshape(turned(b, [*of_b, *right]), (n, prod(sizes[len(left) :])))
    return _ops.reshape(_ops.matmul(rows, columns), sizes)


def kron(a: Any, b: Any) -> Tensor:
    """Return the Kronecker product: a copy of `b` for every number of `a`, times that number.

    Parameters
    ----------
    a, b : array_like
        At most 4 dimensions; the one with fewer gets new first axes.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.kron([1.0, 10.0], [1.0, 2.0]).tolist()
    [1.0, 2.0, 10.0, 20.0]
    """
    a, b = as_tensor(a), as_tensor(b)
    ndim = max(a.ndim, b.ndim)
    of_a = [1] * (ndim - a.ndim) + list(a.shape)
    of_b = [1] * (ndim - b.ndim) + list(b.shape)
    wide = _ops.reshape(a, [n for size in of_a for n in (size, 1)])
    fine = _ops.reshape(b, [n for size in of_b for n in (1, size)])
    return _ops.reshape(_ops.multiply(wide, fine), [m * n for m, n in zip(of_a, of_b, strict=True)])


def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    """Return the cross product of vectors in three dimensions.

    Parameters
    ----------
    a, b : array_like
        Vectors along an axis of size 3; the other axes broadcast.
    axisa, axisb, axisc : int, default -1
        That axis of `a`, of `b` and of the result.
    axis : int, optional
        The same for all three.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).tolist()
    [0.0, 0.0, 1.0]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(
            f"cross: expected vectors of 3 numbers, got {a.shape[-1]} and {b.shape[-1]} along the axes"
        )
    ahead, behind = [1, 2, 0], [2, 0, 1]
    product = _ops.subtract(
        _ops.multiply(_ops.take(a, ahead, -1), _ops.take(b, behind, -1)),
        _ops.multiply(_ops.take(a, behind, -1), _ops.take(b, ahead, -1)),
    )
    return moveaxis(product, -1, axisc)
