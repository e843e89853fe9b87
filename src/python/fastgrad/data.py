"""Data sets of arrays, and their rows batch by batch in an order that a seed decides."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad._native import core
from fastgrad.random import checked_seed, draw_seed

if TYPE_CHECKING:
    from fastgrad._core import Tensor

__all__ = ["DataLoader", "Subset", "TensorDataset", "random_split"]

# The epoch whose order random_split uses: one that no loader reaches.
_SPLIT_EPOCH = 2**64 - 1


class TensorDataset:
    """Rows of one or more arrays that belong together, such as inputs and targets.

    Parameters
    ----------
    *arrays : array_like, Tensor or DataFrame
        Each (n, ...) with the same n, at least 1. NumPy arrays are not copied where their dtype allows: do
        not write to them while the data set is in use.

    Raises
    ------
    ValueError
        When there is no array, an array is a single number, the numbers of rows differ, or there are no rows.
    TypeError
        When an array does not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> data = fg.data.TensorDataset(np.arange(6.0).reshape(3, 2), [0.0, 1.0, 2.0])
    >>> len(data)
    3
    >>> x, y = data[1]
    >>> x.tolist(), y.item()
    ([2.0, 3.0], 1.0)
    """

    def __init__(self, *arrays: Any) -> None:
        if not arrays:
            raise ValueError("TensorDataset needs at least one array")
        tensors = tuple(_as_tensor(array, f"arrays[{i}]") for i, array in enumerate(arrays))
        for i, tensor in enumerate(tensors):
            if tensor.ndim == 0:
                raise ValueError(f"arrays[{i}] must have shape (n, ...), got a single number")
            if tensor.shape[0] != tensors[0].shape[0]:
                raise ValueError(
                    f"arrays[{i}] has {tensor.shape[0]} rows (shape {tensor.shape}), "
                    f"arrays[0] has {tensors[0].shape[0]} (shape {tensors[0].shape})"
                )
        if tensors[0].shape[0] == 0:
            raise ValueError(f"the data set is empty: arrays[0] has shape {tensors[0].shape}")
        self.tensors = tensors

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{tensor.dtype}{tensor.shape}" for tensor in self.tensors)
        return f"{type(self).__name__}({shapes})"


class Subset:
    """Some rows of a data set, by index.

    Parameters
    ----------
    dataset : TensorDataset or Subset
        Where the rows come from.
    indices : array_like of int
        (m,), at least one; negative ones count from the end.

    Raises
    ------
    ValueError
        When `indices` is empty or not one-dimensional.
    TypeError
        When `indices` does not hold integers, or `dataset` is something else.
    IndexError
        When an index is out of range.

    Examples
    --------
    >>> import fastgrad as fg
    >>> data = fg.data.TensorDataset([10.0, 20.0, 30.0])
    >>> fg.data.Subset(data, [2, 0]).tensors[0].tolist()
    [30.0, 10.0]
    """

    def __init__(self, dataset: TensorDataset | Subset, indices: Any) -> None:
        if not isinstance(dataset, (TensorDataset, Subset)):
            raise TypeError(f"dataset must be a TensorDataset or a Subset, got {type(dataset).__name__}")
        rows = np.asarray(indices.detach() if isinstance(indices, core.Tensor) else indices)
        if rows.ndim != 1 or rows.size == 0:
            raise ValueError(f"indices must have shape (m,) with m at least 1, got {rows.shape}")
        if rows.dtype.kind not in "iu":
            raise TypeError(f"indices must be integers, got {rows.dtype}")
        rows = rows.astype(np.int64)
        n = len(dataset)
        outside = rows[(rows < -n) | (rows >= n)]
        if outside.size:
            raise IndexError(f"index {outside[0]} is out of range for a data set of {n} rows")
        self.dataset = dataset
        self.indices = np.where(rows < 0, rows + n, rows)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The rows, copied: one tensor an array."""
        base, rows = _base(self)
        return tuple(core.train.Batches(base.tensors, rows, len(self), False, False, 0).batch(0, 0))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return self.dataset[self.indices[index]]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} of {len(self.dataset)} rows of {self.dataset!r})"


class DataLoader:
    """Batches of rows, each epoch in another order when `shuffle` is set.

    Each ``for`` over the loader is one epoch and gives tuples of tensors, one an array. An order depends on
    `seed`, the number of the epoch and the number of rows only.

    Parameters
    ----------
    dataset : TensorDataset, Subset, or array_like, or a tuple of array_like
        Where the rows come from.
    batch_size : int
        Rows in a batch; the last one may be smaller.
    shuffle : bool
        Whether rows come in random order.
    drop_last : bool
        Whether a smaller last batch is left out.
    seed : int, optional
        Of the orders; drawn from the global generator by default. The attribute `seed` tells which.

    Attributes
    ----------
    epoch : int
        The number of the next epoch; set it to go on where another loader stopped.

    Raises
    ------
    ValueError
        When `batch_size` is below 1, the data set is empty, or `seed` is out of range.
    TypeError
        When `batch_size` or `seed` is not an int, or `dataset` does not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> loader = fg.data.DataLoader((np.eye(5), np.arange(5.0)), batch_size=2)
    >>> len(loader)
    3
    >>> [y.tolist() for x, y in loader]
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int | None = None,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
            raise TypeError(f"batch_size must be an int, got {type(batch_size).__name__}")
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.dataset = _as_dataset(dataset)
        self.batch_size = int(batch_size)
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.seed = draw_seed() if seed is None else checked_seed(seed)
        self.epoch = 0
        base, rows = _base(self.dataset)
        self._batches = core.train.Batches(
            base.tensors, rows, min(self.batch_size, 2**62), self.shuffle, self.drop_last, self.seed
        )

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return (tuple(self._batches.batch(epoch, i)) for i in range(len(self._batches)))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.dataset!r}, batch_size={self.batch_size}, shuffle={self.shuffle}, "
            f"drop_last={self.drop_last}, seed={self.seed})"
        )


def random_split(
    dataset: Any, lengths: Sequence[int] | Sequence[float], seed: int | None = None
) -> list[Subset]:
    """Deal the rows of a data set out at random, each to one part.

    Parameters
    ----------
    dataset : TensorDataset, Subset, or array_like, or a tuple of array_like
        Where the rows come from.
    lengths : sequence of int or float
        Rows in each part, which add up to all; or fractions, which add up to 1. Rows left over by rounding
        fractions down go to the first parts, one each.
    seed : int, optional
        The same seed gives the same parts; drawn from the global generator by default.

    Returns
    -------
    list of Subset

    Raises
    ------
    ValueError
        When `lengths` do not add up, or a part would be empty.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> train, test = fg.data.random_split(np.arange(10.0), [0.8, 0.2], seed=0)
    >>> len(train), len(test)
    (8, 2)
    >>> bool(set(train.indices) & set(test.indices))
    False
    """
    whole = _as_dataset(dataset)
    counts = _part_lengths(list(lengths), len(whole))
    key = draw_seed() if seed is None else checked_seed(seed)
    order = core.random.permutation(len(whole), key, _SPLIT_EPOCH).numpy()
    ends = np.cumsum(counts)
    return [Subset(whole, order[end - count : end]) for count, end in zip(counts, ends, strict=True)]


def _part_lengths(lengths: list[Any], rows: int) -> list[int]:
    if not lengths:
        raise ValueError("lengths must name at least one part, got none")
    if all(isinstance(length, (int, np.integer)) and not isinstance(length, bool) for length in lengths):
        counts = [operator.index(length) for length in lengths]
        if sum(counts) != rows:
            raise ValueError(f"lengths add up to {sum(counts)}, the data set has {rows} rows")
    elif all(isinstance(length, (float, np.floating, int)) and 0 <= length <= 1 for length in lengths):
        if not math.isclose(sum(lengths), 1.0, abs_tol=1e-9):
            raise ValueError(f"fractions must add up to 1, got {sum(lengths)}")
        counts = [int(rows * length + 1e-9) for length in lengths]
        for i in range(rows - sum(counts)):
            counts[i % len(counts)] += 1
    else:
        raise ValueError(f"lengths must be whole numbers of rows, or fractions from 0 to 1, got {lengths}")
    if min(counts) < 1:
        raise ValueError(f"each part needs at least one row; of {rows} rows the parts would get {counts}")
    return counts


def _as_tensor(array: Any, what: str) -> Tensor:
    if isinstance(array, core.Tensor):
        return array.detach()
    try:
        return core.asarray(array)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what}: {error}") from None


def _as_dataset(data: Any) -> TensorDataset | Subset:
    if isinstance(data, (TensorDataset, Subset)):
        return data
    return TensorDataset(*data) if isinstance(data, tuple) else TensorDataset(data)


def _base(dataset: TensorDataset | Subset) -> tuple[TensorDataset, Tensor | None]:
    """Return the data set at the bottom, and which of its rows are meant (None: all)."""
    if isinstance(dataset, TensorDataset):
        return dataset, None
    rows = dataset.indices
    below = dataset.dataset
    while isinstance(below, Subset):
        rows = below.indices[rows]
        below = below.dataset
    return below, core.asarray(rows)
