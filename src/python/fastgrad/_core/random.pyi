"""Counter-based random numbers: the same key gives the same numbers on every machine. By tools/make_stubs.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

from fastgrad._core import Program, Tensor, _Operand, _Sizes

def bernoulli(
    shape: _Sizes,
    p: SupportsFloat,
    stream: tuple[SupportsIndex, SupportsIndex] | None = None,
) -> Tensor:
    """Truth values that are true with probability p."""

def get_state() -> tuple[int, int]:
    """The seed, and the stream that comes next."""

def integers(
    shape: _Sizes,
    low: SupportsIndex,
    last: SupportsIndex,
    stream: tuple[SupportsIndex, SupportsIndex] | None = None,
) -> Tensor:
    """int64 numbers from low to last, both included."""

def normal(
    shape: _Sizes,
    mean: SupportsFloat,
    std: SupportsFloat,
    dtype: DTypeLike,
    stream: tuple[SupportsIndex, SupportsIndex] | None = None,
) -> Tensor:
    """Normal numbers, float32 or float64."""

def permutation(n: SupportsIndex, seed: SupportsIndex, epoch: SupportsIndex = 0) -> Tensor:
    """0 to n - 1 in an order keyed by seed and epoch."""

def set_state(seed: SupportsIndex, stream: SupportsIndex) -> None:
    """Goes there."""

def take() -> tuple[int, int]:
    """The seed and next stream of the global generator, which nobody else gets."""

def uniform(
    shape: _Sizes,
    low: SupportsFloat,
    high: SupportsFloat,
    dtype: DTypeLike,
    stream: tuple[SupportsIndex, SupportsIndex] | None = None,
) -> Tensor:
    """Numbers in [low, high), float32 or float64."""
