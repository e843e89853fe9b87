"""Places in arrays, as indices and as grids, and rows of numbers by a formula: from sizes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastgrad._functions.arithmetic import i0
from fastgrad._functions.counting import values_of
from fastgrad._functions.creation import linspace
from fastgrad._native import core
from fastgrad._operands import as_tensor
from fastgrad.tensors import tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import DTypeLike

    from fastgrad._core import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "diag_indices",
    "diag_indices_from",
    "geomspace",
    "hamming",
    "hanning",
    "indices",
    "ix_",
    "kaiser",
    "logspace",
    "mask_indices",
    "ravel_multi_index",
    "tril_indices",
    "tril_indices_from",
    "triu_indices",
    "triu_indices_from",
    "unravel_index",
]

_ops = core.ops


def _all(arrays: Any) -> tuple[Tensor, ...]:
    return tuple(tensor(np.ascontiguousarray(array)) for array in arrays)


def indices(dimensions: Sequence[int], dtype: DTypeLike = int, sparse: bool = False) -> Any:
    """Return the places of a grid along each of its axes.

    Parameters
    ----------
    dimensions : sequence of int
        Sizes of the grid.
    dtype : dtype, default int
    sparse : bool, default False
        Return a tuple, with size 1 where a place does not change.

    Returns
    -------
    Tensor, or tuple of Tensor where `sparse`
        One axis more than the grid, in front.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.numpy.indices((2, 2)).tolist()
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    if sparse:
        return _all(np.indices(tuple(dimensions), dtype, sparse=True))
    return tensor(np.indices(tuple(dimensions), dtype))


def ix_(*args: Any) -> tuple[Tensor, ...]:
    """Return indices that pick a grid: rows and columns of their own for each axis.

    Parameters
    ----------
    *args : array_like of int or bool
        (n,) each.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.arange(9.0).reshape(3, 3)
    >>> x[fg.numpy.ix_([0, 2], [1, 2])].tolist()
    [[1.0, 2.0], [7.0, 8.0]]
    """
    lines = []
    for i, arg in enumerate(args):
        t = as_tensor(arg)
        if t.ndim != 1:
            raise ValueError(f"ix_: operand {i} has shape {t.shape}, expected one dimension")
        if t.dtype == bool:
            t = core.Tensor(np.flatnonzero(values_of(t, "ix_")))
        elif t.size == 0:
            t = _ops.astype(t, np.int64)
        lines.append(_ops.reshape(t, [-1 if i == k else 1 for k in range(len(args))]))
    return tuple(lines)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, ...]:
    """Return the places of the lower triangle of an (n, m) matrix, by rows and columns.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [places.tolist() for places in fg.numpy.tril_indices(2)]
    [[0, 1, 1], [0, 0, 1]]
    """
    return _all(np.tril_indices(n, k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, ...]:
    """Return the places of the upper triangle of an (n, m) matrix, by rows and columns.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [places.tolist() for places in fg.numpy.triu_indices(2)]
    [[0, 0, 1], [0, 1, 1]]
    """
    return _all(np.triu_indices(n, k, m))


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Tensor, ...]:
    """Return the places of the lower triangle of a matrix, by rows and columns.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.numpy.array([[1.0, 2.0], [3.0, 4.0]])
    >>> x[fg.numpy.tril_indices_from(x)].tolist()
    [1.0, 3.0, 4.0]
    """
    return tril_indices(*_sizes(arr, "tril_indices_from", k))


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Tensor, ...]:
    """Return the places of the upper triangle of a matrix, by rows and columns.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.numpy.array([[1.0, 2.0], [3.0, 4.0]])
    >>> x[fg.numpy.triu_indices_from(x)].tolist()
    [1.0, 2.0, 4.0]
    """
    return triu_indices(*_sizes(arr, "triu_indices_from", k))


def _sizes(arr: Any, op: str, k: int) -> tuple[int, int, int]:
    t = as_tensor(arr)
    if t.ndim != 2:
        raise ValueError(f"{op}: expected 2 dimensions, got shape {t.shape}")
    return t.shape[0], k, t.shape[1]


def diag_indices(n: int, ndim: int = 2) -> tuple[Tensor, ...]:
    """Return the places of the main diagonal, along each of `ndim` axes of size n.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [places.tolist() for places in fg.numpy.diag_indices(2)]
    [[0, 1], [0, 1]]
    """
    return _all(np.diag_indices(n, ndim))


def diag_indices_from(arr: Any) -> tuple[Tensor, ...]:
    """Return the places of the main diagonal of a tensor whose axes are of one size.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.numpy.array([[1.0, 2.0], [3.0, 4.0]])
    >>> x[fg.numpy.diag_indices_from(x)].tolist()
    [1.0, 4.0]
    """
    t = as_tensor(arr)
    if t.ndim < 2 or len(set(t.shape)) > 1:
        raise ValueError(f"diag_indices_from: expected at least 2 axes of one size, got shape {t.shape}")
    return diag_indices(t.shape[0], t.ndim)


def mask_indices(n: int, mask_func: Callable[..., Any], k: Any = 0) -> tuple[Tensor, ...]:
    """Return the places of an (n, n) matrix that a function such as `triu` does not make 0.

    Examples
    --------
    >>> import fastgrad as fg
    >>> [places.tolist() for places in fg.numpy.mask_indices(2, fg.triu)]
    [[0, 0, 1], [0, 1, 1]]
    """
    return _all(np.nonzero(values_of(mask_func(core.Tensor(np.ones((n, n))), k), "mask_indices")))


def unravel_index(indices: Any, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Return places along each axis of a shape, of places counted in one row.

    Parameters
    ----------
    indices : array_like of int
        From 0 on. One that is out of range gives a place along the first axis that is.
    shape : int or sequence of int

    Examples
    --------
    >>> import fastgrad as fg
    >>> [places.tolist() for places in fg.numpy.unravel_index([1, 5], (2, 3))]
    [[0, 1], [1, 2]]
    """
    rest = as_tensor(indices)
    sizes = [shape] if isinstance(shape, int | np.integer) else list(shape)
    places: list[Tensor] = []
    for size in reversed(sizes[1:]):
        places.insert(0, _ops.remainder(rest, size))
        rest = _ops.floor_divide(rest, size)
    return (rest, *places) if sizes else ()


def ravel_multi_index(multi_index: Sequence[Any], dims: Sequence[int], mode: Any = "raise") -> Tensor:
    """Return places counted in one row, of places along each axis of a shape.

    Parameters
    ----------
    multi_index : sequence of array_like of int
        One for each axis.
    dims : sequence of int
        The shape.
    mode : {"raise", "wrap", "clip"}, or one for each axis
        What to do with places that are out of range; "raise" reads values: not while recording.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.numpy.ravel_multi_index([[0, 1], [1, 2]], (2, 3)).tolist()
    [1, 5]
    """
    modes = [mode] * len(dims) if isinstance(mode, str) else list(mode)
    if len(multi_index) != len(dims) or len(modes) != len(dims):
        raise ValueError(
            f"ravel_multi_index: expected places and modes for {len(dims)} axes, got {len(multi_index)} and "
            f"{len(modes)}"
        )
    flat: Any = 0
    for axis, (places, size, how) in enumerate(zip(multi_index, dims, modes, strict=True)):
        at = as_tensor(places)
        if how == "wrap":
            at = _ops.remainder(at, size)
        elif how == "clip":
            at = _ops.clip(at, 0, size - 1)
        elif how == "raise":
            values = values_of(at, "ravel_multi_index with mode='raise'")
            if np.any((values < 0) | (values >= size)):
                raise ValueError(
                    f"ravel_multi_index: a place along axis {axis} is out of range for size {size}"
                )
        else:
            raise ValueError(f"ravel_multi_index: mode must be raise, wrap or clip, got {how!r}")
        flat = _ops.add(_ops.multiply(flat, size), at)
    return as_tensor(flat)


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10.0,
    dtype: DTypeLike | None = None,
) -> Tensor:
    """`num` numbers whose logarithms are at equal distances: ``base ** linspace(start, stop)``.

    Parameters
    ----------
    start, stop : number or Tensor
        Exponents. Gradients flow to both.
    num : int
        At least 0.
    endpoint : bool
        Whether the power of `stop` is the last of them.
    base : float, default 10
    dtype : dtype, optional
        float64 by default, or that of the ends.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.numpy.logspace(0.0, 2.0, 3, base=2.0).tolist()
    [1.0, 2.0, 4.0]
    """
    made = _ops.power(base, linspace(start, stop, num, endpoint))
    return made if dtype is None else _ops.astype(made, dtype)


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: DTypeLike | None = None
) -> Tensor:
    """`num` numbers of which each is the same multiple of the one before.

    Parameters
    ----------
    start, stop : number or Tensor
        The ends, of one sign and not 0. Gradients flow to both.
    num : int
        At least 0.
    endpoint : bool
        Whether `stop` is the last of them.
    dtype : dtype, optional
        float64 by default, or that of the ends.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.numpy.geomspace(1.0, 16.0, 3).tolist()
    [1.0, 4.0, 16.0]
    """
    first, last = as_tensor(start), as_tensor(stop)
    if not core.is_recording():
        a, b = first.detach().item(), last.detach().item()
        if a * b <= 0:
            raise ValueError(f"geomspace: the ends must be of one sign and not 0, got {a} and {b}")
    weight = linspace(0.0, 1.0, num, endpoint)
    made = _ops.multiply(first, _ops.power(_ops.divide(last, first), weight))
    if endpoint and num > 1:  # its last number is the end itself, not nearly
        made = _ops.concatenate([made[:-1], _ops.reshape(_ops.astype(last, made.dtype), 1)])
    return made if dtype is None else _ops.astype(made, dtype)


def bartlett(M: int) -> Tensor:
    """The window of Bartlett: a triangle of M numbers, 0 at its ends.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.numpy.bartlett(3).tolist()
    [0.0, 1.0, 0.0]
    """
    return tensor(np.bartlett(M))


def blackman(M: int) -> Tensor:
    """The window of Blackman: M numbers, about 0 at its ends.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.numpy.blackman(3)[1].item(), 6)
    1.0
    """
    return tensor(np.blackman(M))


def hamming(M: int) -> Tensor:
    """The window of Hamming: a raised cosine of M numbers, 0.08 at its ends.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.numpy.hamming(3).numpy().round(6).tolist()
    [0.08, 1.0, 0.08]
    """
    return tensor(np.hamming(M))


def hanning(M: int) -> Tensor:
    """The window of von Hann: a raised cosine of M numbers, 0 at its ends.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.numpy.hanning(3).tolist()
    [0.0, 1.0, 0.0]
    """
    return tensor(np.hanning(M))


def kaiser(M: int, beta: Any) -> Tensor:
    """The window of Kaiser: M numbers, the narrower the larger `beta` is. A gradient flows to `beta`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.numpy.kaiser(3, 0.0).tolist()
    [1.0, 1.0, 1.0]
    """
    if M < 1:
        return tensor(np.zeros(0))
    middle = (M - 1) / 2.0
    place = (np.arange(M) - middle) / (middle or 1.0)
    shape = np.sqrt(np.maximum(1.0 - place * place, 0.0)) if M > 1 else np.ones(1)
    return _ops.divide(i0(_ops.multiply(beta, shape)), i0(beta))
