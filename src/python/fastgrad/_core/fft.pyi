"""Fourier transforms along the last axis, of pairs (..., n, 2). By tools/make_stubs.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

from fastgrad._core import Program, Tensor, _Operand, _Sizes

def backward_fft(x: _Operand) -> Tensor:
    """Of pairs, the other way, without a factor."""

def backward_rfft(half: Any, n: SupportsIndex) -> Tensor:
    """Real numbers (..., n) from a first half, without a factor."""

def fft(x: _Operand) -> Tensor:
    """Of pairs, without a factor."""

def fft_of_real(x: _Operand) -> Tensor:
    """Of real numbers, without a factor."""

def rfft(x: _Operand) -> Tensor:
    """The first half of that of real numbers, without a factor."""
