"""Bare kernels on NumPy arrays of one dtype, for benchmarks and tests. Written by tools/make_stubs.py."""

import numpy as np
from typing import Any, SupportsFloat, overload
from numpy.typing import NDArray

@overload
def gemm(a: NDArray[np.float32], b: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """out = a @ b"""

@overload
def gemm(a: NDArray[np.float64], b: NDArray[np.float64], out: NDArray[np.float64]) -> None: ...

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
) -> tuple[float, NDArray[Any], float]: ...
