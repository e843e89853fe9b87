"""Norms of vectors and matrices, by NumPy's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.reductions import count_nonzero, positive_power
from fastgrad._native import core
from fastgrad._operands import as_tensor, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["norm"]

_ops = core.ops


def norm(
    x: Any,
    ord: float | str | None = None,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Return the length of vectors, or a norm of matrices.

    Parameters
    ----------
    x : array_like
        Any shape; one or two dimensions where `ord` is given and `axis` is not.
    ord : {None, 2, 1, inf, -inf, 0, float, "fro"}
        Of vectors: the root of the sum of squares (None, 2), the sum (1), the largest (inf) or smallest
        (-inf) absolute value, how many are not zero (0), the p-th root of the sum of p-th powers. Of
        matrices: the root of the sum of squares (None, "fro"), the largest or smallest sum of absolute values
        of a column (1, -1) or row (inf, -inf).
    axis : int or (int, int), optional
        The axis of the vectors, or the two of the matrices. By default all axes.
    keepdims : bool, default False
        Leave the axes in the result, with size 1.

    Returns
    -------
    Tensor
        A root of a sum is flat where all numbers are 0: its gradient there is 0.

    Raises
    ------
    ValueError
        For norms of matrices that need singular values.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.linalg.norm([3.0, 4.0]).item()
    5.0
    """
    t = as_tensor(x)
    if t.dtype.kind != "f":
        t = _ops.astype(t, np.float64)
    places = places_of(axis, t.ndim, "norm")
    if ord is None and (axis is None or len(places) <= 2):
        return _euclidean(t, places, keepdims)
    if len(places) == 1:
        return _of_vectors(t, ord, places[0], keepdims)
    if len(places) == 2:
        return _of_matrices(t, ord, places, keepdims)
    raise ValueError(f"norm: expected one or two axes, got axis={axis} for shape {t.shape}")


def _euclidean(t: Tensor, axes: int | tuple[int, ...], keepdims: bool) -> Tensor:
    return positive_power(_ops.sum(_ops.square(t), axes, keepdims), 0.5)


def _of_vectors(t: Tensor, ord: Any, axis: int, keepdims: bool) -> Tensor:
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is for matrices, got one axis")
    if ord == 2:
        return _euclidean(t, axis, keepdims)
    if ord == 0:
        return _ops.astype(count_nonzero(t, axis, keepdims), t.dtype)
    size = _ops.abs(t)
    if ord == 1:
        return _ops.sum(size, axis, keepdims)
    if abs(ord) == np.inf:
        return (_ops.max if ord > 0 else _ops.min)(size, axis, keepdims)
    return positive_power(_ops.sum(_ops.power(size, float(ord)), axis, keepdims), 1.0 / ord)


def _of_matrices(t: Tensor, ord: Any, places: tuple[int, ...], keepdims: bool) -> Tensor:
    if ord == "fro":
        return _euclidean(t, places, keepdims)
    if ord in {2, -2, "nuc"}:
        raise ValueError(
            f"norm: ord={ord!r} of a matrix needs singular values, which there is no operation for"
        )
    if ord not in {1, -1, np.inf, -np.inf}:
        raise ValueError(f"norm: ord={ord!r} is no norm of matrices; expected 'fro', 1, -1, inf or -inf")
    rows, columns = places
    along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _ops.sum(_ops.abs(t), along, True)
    chosen = (_ops.max if ord > 0 else _ops.min)(sums, over, True)
    return chosen if keepdims else _ops.sum(chosen, places)
