"""Bare kernels on NumPy arrays of one dtype, for benchmarks. By tools/make_stubs.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

from fastgrad._core import Program, Tensor, _Operand, _Sizes

@overload
def linear_mse(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    w: NDArray[np.float32],
    bias: SupportsFloat,
) -> tuple[float, NDArray[Any], float]:
    """One read of X: (sum of squared residuals, X^T residuals, sum of residuals) of residuals X w + bias - y."""

@overload
def linear_mse(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    w: NDArray[np.float64],
    bias: SupportsFloat,
) -> tuple[float, NDArray[Any], float]:
    """One read of X: (sum of squared residuals, X^T residuals, sum of residuals) of residuals X w + bias - y."""
