"""train_step: one step of training as one native call, for loops of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastgrad._native import core
from fastgrad.nn.module import Module
from fastgrad.training.losses import BatchLoss
from fastgrad.training.optimizers import as_optimizer, checked_max_norm, checked_model, trained_params
from fastgrad.training.recording import record_step

if TYPE_CHECKING:
    from fastgrad.optim.optimizer import Optimizer

__all__ = ["TrainStep", "train_step"]


class TrainStep:
    """What `train_step` returns: call it with a batch to take a step; it returns the loss before the step.

    Attributes
    ----------
    model : Module
        What is trained.
    optimizer : Optimizer
        Its hyper-parameters are read at each step and may be changed in between.

    Examples
    --------
    >>> import fastgrad as fg
    >>> step = fg.train_step(fg.nn.Linear(2, 1), "mse", "sgd")
    >>> step.optimizer.lr = 0.01
    """

    def __init__(self, model: Module, loss: Any, optimizer: Any, clip_grad_norm: float | None = None) -> None:
        self.model = checked_model(model)
        self.optimizer: Optimizer = as_optimizer(optimizer, model, None)
        self._loss = BatchLoss(loss)
        self._max_norm = checked_max_norm(clip_grad_norm)
        self._modules = list(model.modules())
        self._bind()

    def _bind(self) -> None:
        """Take up the parameters that the optimizer has now."""
        self._groups = len(self.optimizer.param_groups)
        self._params = trained_params(self.optimizer)
        self._recorded: dict[Any, core.train.StepCall] = {}
        self._latest: core.train.StepCall | None = None

    def __call__(self, x: Any, y: Any, sample_weight: Any = None) -> float:
        """Take a step.

        Parameters
        ----------
        x, y : array_like or Tensor
            A batch: inputs (n, ...) and targets, as for `fit`.
        sample_weight : array_like, optional
            (n,), at least 0: how much each sample counts. When all are 0, nothing is updated.

        Returns
        -------
        float
            The loss of the batch before the step; NaN when all weights are 0. When it is not finite, nothing
            is updated.
        """
        if core.is_recording():
            raise core.RecordingError("a training step writes to parameters, which cannot be recorded")
        if len(self.optimizer.param_groups) != self._groups:
            self._bind()
        batch = (x, y) if sample_weight is None else (x, y, sample_weight)
        rules = self.optimizer._rules()
        if self._latest is not None:
            loss = self._latest(batch, rules)
            if loss is not NotImplemented:
                return float(loss)
        tensors = _as_tensors(batch)
        self._latest = self._of_kind(tensors)
        return float(self._latest(tuple(tensors), rules))

    def explain(self, *batch: Any) -> str:
        """Return what a step on such a batch replays, a line a part; without any, on the latest one.

        Nothing is updated. Clipping and the update itself follow the replay and are not shown.

        Parameters
        ----------
        *batch : array_like or Tensor
            x, y and, if there are any, sample weights.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgrad as fg
        >>> step = fg.train_step(fg.nn.Linear(3, 1), "mse", "sgd")
        >>> batch = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
        >>> "matmul + add + subtract" in step.explain(*batch)
        True
        """
        return str(self._program(batch).explain())

    def profile(self, *batch: Any, runs: int = 100) -> str:
        """Return `explain` with the time each part takes, the least of `runs` replays on inputs of ones."""
        return str(self._program(batch).profile(runs))

    def _program(self, batch: tuple[Any, ...]) -> core.Program:
        if batch:
            return self._of_kind(_as_tensors(batch)).program
        if self._latest is None:
            raise ValueError("no step has been taken yet: take one, or pass a batch")
        return self._latest.program

    def _of_kind(self, batch: list[core.Tensor]) -> core.train.StepCall:
        """Return the step for batches like that one and the modes that the modules are in."""
        key: list[Any] = [(a.shape, a.dtype) for a in batch]
        key += [module.training for module in self._modules]
        key += [param.requires_grad for param in self._params]
        known = self._recorded.get(tuple(key))
        if known is None:
            _check_batch(batch)
            step = record_step(self._loss, self.model, self._params, batch, len(batch) == 3)
            known = core.train.StepCall(
                step, self.optimizer._tables, self._max_norm, self._modules, self._params
            )
            self._recorded[tuple(key)] = known
        return known

    @property
    def recordings(self) -> int:
        """How many kinds of batches have been recorded so far."""
        return len(self._recorded)

    def __repr__(self) -> str:
        return f"TrainStep({type(self.model).__name__}, {self._loss.name}, {type(self.optimizer).__name__})"


def train_step(
    model: Module,
    loss: str | Module | Callable[..., Any] = "mse",
    optimizer: Optimizer | str | Callable[..., Optimizer] | None = None,
    clip_grad_norm: float | None = None,
) -> TrainStep:
    """Return a function that takes one step of training on a batch.

    It records the model, the loss and the gradients once per kind of batch (shapes, dtypes, and which parts
    of the model are in training mode) and replays that natively together with the update. A loop over
    ``DataLoader(data, batch_size, shuffle=True, seed=s)`` gives the same bits as ``fit(..., seed=s)``; with
    Dropout, after ``fg.random.set_state((s, 2**63))``.

    Parameters
    ----------
    model : Module
        Its parameters are updated in place, in whatever mode it is.
    loss : str, Module or callable
        As for `fit`.
    optimizer : Optimizer, str or callable, optional
        As for `fit`; Adam by default.
    clip_grad_norm : float, optional
        As for `fit`.

    Returns
    -------
    TrainStep
        ``step(x, y, sample_weight=None) -> float``, the loss before the step.

    Raises
    ------
    TypeError, ValueError
        When an argument does not fit. At a step: when the batch does not fit the model.
    RecordingError
        At a step, when the model reads values.
    RuntimeError
        At a step, when the model is being trained by somebody else.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.manual_seed(0)
    >>> X = np.linspace(-1.0, 1.0, 64)[:, None]
    >>> model = fg.nn.Linear(1, 1)
    >>> step = fg.train_step(model, "mse", fg.optim.SGD(model.parameters(), lr=0.5))
    >>> losses = [step(X, 3.0 * X) for _ in range(50)]
    >>> losses[-1] < 1e-6 < losses[0]
    True
    """
    return TrainStep(model, loss, optimizer, clip_grad_norm)


def _as_tensors(batch: tuple[Any, ...]) -> list[core.Tensor]:
    if not 2 <= len(batch) <= 3:
        raise TypeError(f"a batch is x, y and perhaps sample_weight, got {len(batch)} arrays")
    tensors = [a if isinstance(a, core.Tensor) else core.asarray(a) for a in batch]
    if len(batch) == 3 and tensors[2].dtype.kind != "f":
        tensors[2] = tensors[2].astype("float64")
    return tensors


def _check_batch(batch: list[core.Tensor]) -> None:
    names = ("x", "y", "sample_weight")
    for name, array in zip(names, batch, strict=False):
        if array.ndim == 0:
            raise ValueError(f"{name} must have shape (n, ...), got a single number")
        if array.shape[0] != batch[0].shape[0]:
            raise ValueError(
                f"x has {batch[0].shape[0]} rows (shape {batch[0].shape}) and {name} has {array.shape[0]} "
                f"(shape {array.shape}); they must be as many"
            )
    if batch[0].shape[0] == 0:
        raise ValueError(f"x has no rows: shape {batch[0].shape}")
    if len(batch) == 3 and batch[2].shape != (batch[0].shape[0],):
        raise ValueError(f"sample_weight has shape {batch[2].shape}, expected ({batch[0].shape[0]},)")
