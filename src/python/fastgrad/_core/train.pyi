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
    def indices(self, epoch: SupportsIndex, index: SupportsIndex) -> list[int]:
        """Which rows of the arrays that batch is made of."""

class Cancel:
    """How one thread interrupts the loops of others."""
    def __init__(self) -> None: ...
    def request(self) -> None:
        """They raise KeyboardInterrupt."""

class Evaluation:
    """The mean loss over rows that are not learned from."""
    def __init__(
        self,
        arrays: Sequence[Tensor],
        chunk: SupportsIndex,
        full: RecordedStep,
        rest: RecordedStep,
    ) -> None: ...
    def __call__(self, cancel: Cancel | None) -> float: ...

class FitLoop:
    """Epochs of training on a private copy of the parameters."""
    def __init__(
        self,
        tables: Sequence[ParameterTable],
        batches: Batches,
        full: RecordedStep,
        rest: RecordedStep,
        max_norm: SupportsFloat,
        seed: SupportsIndex,
        stream: SupportsIndex,
    ) -> None: ...
    def epochs(
        self,
        first: SupportsIndex,
        most: SupportsIndex,
        rules: Sequence[Rule],
        seconds_left: SupportsFloat,
        cancel: Cancel | None,
    ) -> list[tuple[str, float, int, float, int]]:
        """Passes over the data, at least one, for some 20 ms, each committed. Of each: how it ended, the mean loss, batches seen, the loss that ended it and the stream that its draws began with."""
    def commit(self) -> None:
        """Hands numbers and slots to the model and the optimizer."""
    def pull(self) -> None:
        """Takes numbers and slots from there."""
    def keep_best(self) -> None:
        """Remembers the numbers."""
    def restore_best(self) -> None:
        """Goes back to the numbers remembered."""

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
    def step(self, rule: Rule) -> bool:
        """One step from the parameters' .grad; whether all new numbers are finite."""
    def zero_grad(self) -> None:
        """Sets .grad of every parameter to None."""
    def state(self, index: SupportsIndex) -> tuple[int, list[Tensor | None]]:
        """(steps, slots) of a parameter; a slot not in use is None."""
    def restore(self, index: SupportsIndex, steps: SupportsIndex, slots: Sequence[_Operand | None]) -> None:
        """Takes over what `state` gave."""

class RecordedStep:
    """A program that gives the loss of a batch, and gradients."""
    def __init__(
        self,
        program: Program,
        parameters: Sequence[SupportsIndex],
        weight_input: SupportsIndex,
    ) -> None: ...
    @property
    def program(self) -> Program: ...

class Rule:
    """What one step does with a parameter and its gradient: a kind and hyper-parameters."""

class StepCall:
    """Steps on the parameters themselves: replay, clip, update."""
    def __init__(
        self,
        step: RecordedStep,
        tables: Sequence[ParameterTable],
        max_norm: SupportsFloat,
        modules: Sequence[object],
        params: Sequence[Tensor],
    ) -> None: ...
    @property
    def program(self) -> Program: ...
    def __call__(self, batch: Iterable[_Operand], rules: Any) -> Any:
        """The loss before the step; NotImplemented when the batch or the modes are of another kind than recorded."""

def adadelta(
    lr: SupportsFloat,
    rho: SupportsFloat,
    eps: SupportsFloat,
    weight_decay: SupportsFloat,
    maximize: bool,
) -> Rule:
    """The rule of Adadelta."""

def adagrad(
    lr: SupportsFloat,
    lr_decay: SupportsFloat,
    first_sum: SupportsFloat,
    eps: SupportsFloat,
    weight_decay: SupportsFloat,
    maximize: bool,
) -> Rule:
    """The rule of Adagrad."""

def adam(
    lr: SupportsFloat,
    beta1: SupportsFloat,
    beta2: SupportsFloat,
    eps: SupportsFloat,
    weight_decay: SupportsFloat,
    decoupled: bool,
    maximize: bool,
) -> Rule:
    """The rule of Adam, and with `decoupled` of AdamW."""

def claim(params: Sequence[Tensor]) -> None:
    """Marks parameters as being trained; an error, marking none, when one is so already."""

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

def first_not_finite(
    program: Program,
    inputs: Iterable[_Operand],
    seed: SupportsIndex,
    stream: SupportsIndex,
) -> tuple[str, int, tuple[int, ...], tuple[int, ...]] | None:
    """(op, number, shape, position) of the first value of a replay that is not finite; None when all are."""

def gradient_norm(gradients: Any) -> float:
    """Euclidean length of all numbers of all gradients together, in double."""

def lion(
    lr: SupportsFloat,
    beta1: SupportsFloat,
    beta2: SupportsFloat,
    weight_decay: SupportsFloat,
    maximize: bool,
) -> Rule:
    """The rule of Lion."""

def memory_order(tensor: Tensor) -> tuple[int, ...]:
    """Axes from the one whose numbers lie furthest apart to the nearest."""

def nadam(
    lr: SupportsFloat,
    beta1: SupportsFloat,
    beta2: SupportsFloat,
    eps: SupportsFloat,
    weight_decay: SupportsFloat,
    momentum_decay: SupportsFloat,
    decoupled: bool,
    maximize: bool,
) -> Rule:
    """The rule of NAdam."""

def release(params: Sequence[Tensor]) -> None:
    """Takes the marks off again."""

def rmsprop(
    lr: SupportsFloat,
    alpha: SupportsFloat,
    eps: SupportsFloat,
    weight_decay: SupportsFloat,
    momentum: SupportsFloat,
    centered: bool,
    maximize: bool,
) -> Rule:
    """The rule of RMSprop."""

def sgd(
    lr: SupportsFloat,
    momentum: SupportsFloat,
    dampening: SupportsFloat,
    weight_decay: SupportsFloat,
    nesterov: bool,
    maximize: bool,
) -> Rule:
    """The rule of stochastic gradient descent."""

def versions(tensors: Sequence[Tensor]) -> list[int]:
    """How often the memory of each has been written to."""
