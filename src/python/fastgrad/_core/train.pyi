"""Native training: optimizer steps, descent, batches. By tools/make_stubs.py."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import EllipsisType
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from typing_extensions import Never, Self

from fastgrad._core import Program, Tensor, _Operand, _Sizes

class Batches:
    """Rows of arrays, batch by batch, each epoch in an order of its own."""
    def __init__(
        self,
        arrays: Sequence[Tensor],
        indices: Tensor | None,
        batch_size: SupportsIndex,
        shuffle: bool,
        drop_last: bool,
        seed: SupportsIndex,
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def rows(self) -> int: ...
    def batch(self, epoch: SupportsIndex, index: SupportsIndex) -> list[Tensor]:
        """Batch `index` of an epoch: one tensor an array."""

class Objective:
    """A recorded value and gradient as a function of one flat vector."""
    def __init__(self, program: Program) -> None: ...
    @property
    def size(self) -> int: ...
    def __call__(self, x: Tensor) -> tuple[float, Tensor]:
        """(value, gradient) at a contiguous (n,)."""

class ParameterTable:
    """Parameters and what an optimizer remembers of each."""
    def __init__(self, params: Sequence[Tensor]) -> None: ...
    def sgd(
        self,
        lr: SupportsFloat,
        momentum: SupportsFloat,
        dampening: SupportsFloat,
        weight_decay: SupportsFloat,
        nesterov: bool,
        maximize: bool,
    ) -> bool:
        """One step from the parameters' .grad; whether all new numbers are finite."""
    def adam(
        self,
        lr: SupportsFloat,
        beta1: SupportsFloat,
        beta2: SupportsFloat,
        eps: SupportsFloat,
        weight_decay: SupportsFloat,
        decoupled: bool,
        maximize: bool,
    ) -> bool:
        """One step from the parameters' .grad; whether all new numbers are finite."""
    def rmsprop(
        self,
        lr: SupportsFloat,
        alpha: SupportsFloat,
        eps: SupportsFloat,
        weight_decay: SupportsFloat,
        momentum: SupportsFloat,
        centered: bool,
        maximize: bool,
    ) -> bool:
        """One step from the parameters' .grad; whether all new numbers are finite."""
    def adagrad(
        self,
        lr: SupportsFloat,
        lr_decay: SupportsFloat,
        first_sum: SupportsFloat,
        eps: SupportsFloat,
        weight_decay: SupportsFloat,
        maximize: bool,
    ) -> bool:
        """One step from the parameters' .grad; whether all new numbers are finite."""
    def adadelta(
        self,
        lr: SupportsFloat,
        rho: SupportsFloat,
        eps: SupportsFloat,
        weight_decay: SupportsFloat,
        maximize: bool,
    ) -> bool:
        """One step from the parameters' .grad; whether all new numbers are finite."""
    def nadam(
        self,
        lr: SupportsFloat,
        beta1: SupportsFloat,
        beta2: SupportsFloat,
        eps: SupportsFloat,
        weight_decay: SupportsFloat,
        momentum_decay: SupportsFloat,
        decoupled: bool,
        maximize: bool,
    ) -> bool:
        """One step from the parameters' .grad; whether all new numbers are finite."""
    def lion(
        self,
        lr: SupportsFloat,
        beta1: SupportsFloat,
        beta2: SupportsFloat,
        weight_decay: SupportsFloat,
        maximize: bool,
    ) -> bool:
        """One step from the parameters' .grad; whether all new numbers are finite."""
    def zero_grad(self) -> None:
        """Sets .grad of every parameter to None."""
    def state(self, index: SupportsIndex) -> tuple[int, list[Tensor | None]]:
        """(steps, slots) of a parameter; a slot not in use is None."""
    def restore(self, index: SupportsIndex, steps: SupportsIndex, slots: Sequence[_Operand | None]) -> None:
        """Takes over what `state` gave."""

def descend(
    objective: Objective | Callable[[Tensor], tuple[float, Tensor]],
    start: Tensor,
    method: str,
    lr: SupportsFloat,
    *,
    momentum: SupportsFloat = 0.9,
    beta1: SupportsFloat = 0.9,
    beta2: SupportsFloat = 0.999,
    alpha: SupportsFloat = 0.99,
    eps: SupportsFloat = 1e-08,
    max_iter: SupportsIndex = 1000,
    tol: SupportsFloat = 1e-08,
    keep_path: bool = False,
    on_step: Callable[[int, Tensor, float, Tensor], bool] | None = None,
) -> dict[str, Any]:
    """Steps down an Objective, or a function of x that returns (value, gradient)."""
