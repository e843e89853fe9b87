"""Special functions that are no elementwise kernels. By tools/make_stubs.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

from fastgrad._core import Program, Tensor, _Operand, _Sizes

def gammaln(x: _Operand) -> Tensor:
    """Logarithm of the absolute value of the gamma function."""

def polygamma(n: SupportsIndex, x: _Operand) -> Tensor:
    """Derivative n of the digamma function."""
