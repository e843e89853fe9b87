"""The data of a fit: X, y and weights in their many forms, as arrays whose rows belong together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad._native import core
from fastgrad.data import DataLoader, Subset, TensorDataset

if TYPE_CHECKING:
    from fastgrad._core import Tensor
    from fastgrad.training.losses import BatchLoss

__all__ = ["Rows", "as_rows", "as_tensor", "as_validation"]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Arrays of n rows each; the last one holds the weights of the rows when `weighted`."""

    arrays: list[Tensor]
    weighted: bool

    def __len__(self) -> int:
        return int(self.arrays[0].shape[0])

    def examples(self, count: int) -> list[np.ndarray[Any, Any]]:
        """Stand-ins for a batch of so many rows."""
        return [np.broadcast_to(np.zeros((), a.dtype), (count, *a.shape[1:])) for a in self.arrays]


def as_rows(
    X: Any, y: Any, sample_weight: Any, loss: BatchLoss, dtype: np.dtype[Any] | None, prefix: str = ""
) -> Rows:
    """Check the data and convert it.

    `dtype` is what floating-point numbers become; `prefix` goes before the names of the arguments in errors.
    """
    if isinstance(X, DataLoader):
        raise TypeError(
            f"{prefix}X is a DataLoader; pass its dataset, and batch_size, shuffle and seed by name"
        )
    if isinstance(X, (TensorDataset, Subset)):
        if y is not None:
            raise ValueError(f"{prefix}y must be left out when {prefix}X is a data set, which holds it")
        arrays = list(X.tensors)
        if loss.objective is None and len(arrays) not in (2, 3):
            raise ValueError(
                f"{prefix}X is a data set of {len(arrays)} arrays; expected inputs, targets and maybe weights"
            )
        if loss.objective is None and len(arrays) == 3:
            if sample_weight is not None:
                raise ValueError("sample_weight is there twice: in the data set, and by name")
            sample_weight = arrays.pop()
    else:
        given = {"X": X, "y": y}
        if y is None:
            if loss.objective is None:
                raise TypeError(f"{prefix}y is missing: the loss compares the model's outputs with it")
            del given["y"]
        arrays = [as_tensor(value, prefix + name) for name, value in given.items()]
    for name, array in zip(("X", "y"), arrays, strict=False):
        if array.ndim == 0:
            raise ValueError(f"{prefix}{name} must have shape (n, ...), got a single number")
        if array.shape[0] != arrays[0].shape[0]:
            raise ValueError(
                f"{prefix}X has {arrays[0].shape[0]} rows (shape {arrays[0].shape}) and {prefix}{name} has "
                f"{array.shape[0]} (shape {array.shape}); they must be as many"
            )
    if arrays[0].shape[0] == 0:
        raise ValueError(f"{prefix}X has no rows: shape {arrays[0].shape}")
    weights = None
    if sample_weight is not None:
        if loss.objective is not None:
            raise ValueError(
                "sample_weight does not go with an objective: give weights as one of the data set's arrays"
            )
        weights = _checked_weights(sample_weight, arrays[0].shape[0], dtype, prefix)
    arrays = [
        a.astype(dtype) if dtype is not None and a.dtype.kind == "f" and a.dtype != dtype else a
        for a in arrays
    ]
    return Rows(arrays if weights is None else [*arrays, weights], weights is not None)


def as_validation(data: Any, loss: BatchLoss, dtype: np.dtype[Any] | None) -> Rows | None:
    """The same of (X, y), (X, y, sample_weight) or a data set."""
    if data is None:
        return None
    if isinstance(data, (TensorDataset, Subset)):
        return as_rows(data, None, None, loss, dtype, "validation ")
    if not isinstance(data, (tuple, list)) or not 1 <= len(data) <= 3:
        raise TypeError(
            "validation_data must be (X, y), (X, y, sample_weight) or a fastgrad.data set, got "
            f"{type(data).__name__}"
        )
    X, y, weight = (*data, None, None)[:3]
    return as_rows(X, y, weight, loss, dtype, "validation ")


def as_tensor(value: Any, name: str) -> Tensor:
    """An argument as a tensor, on its own memory where that fits; errors name it."""
    if isinstance(value, core.Tensor):
        return value.detach()
    try:
        return core.asarray(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def _checked_weights(sample_weight: Any, rows: int, dtype: np.dtype[Any] | None, prefix: str) -> Tensor:
    weights = as_tensor(sample_weight, f"{prefix}sample_weight")
    if weights.shape == (rows, 1):
        weights = weights.reshape(rows)
    if weights.shape != (rows,):
        raise ValueError(
            f"{prefix}sample_weight has shape {weights.shape}, expected ({rows},), one a row of X"
        )
    numbers = weights.numpy()
    if not np.isfinite(numbers).all() or (numbers < 0).any():
        raise ValueError(f"{prefix}sample_weight must be finite and at least 0")
    if not numbers.any():
        raise ValueError(f"{prefix}sample_weight is 0 everywhere: there is nothing to learn from")
    return weights.astype(dtype if dtype is not None else np.float64)
