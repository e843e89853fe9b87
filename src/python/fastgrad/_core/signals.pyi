"""Convolutions along the last axis. By tools/make_stubs.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

from fastgrad._core import Program, Tensor, _Operand, _Sizes

def convolve_full(a: _Operand, b: _Operand) -> Tensor:
    """Wherever the two meet."""

def convolve_valid(a: _Operand, b: _Operand) -> Tensor:
    """Where all of b lies within a."""
