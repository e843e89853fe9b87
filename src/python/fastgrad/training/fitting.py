"""fit: the whole training of a model, natively from batch to batch."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad._native import core
from fastgrad.nn.module import Module
from fastgrad.optim.optimizer import checked_number
from fastgrad.random import checked_seed, draw_seed
from fastgrad.training.claims import Claim
from fastgrad.training.divergence import explain
from fastgrad.training.history import EpochInfo, History
from fastgrad.training.inputs import Rows, as_rows, as_validation
from fastgrad.training.losses import BatchLoss
from fastgrad.training.optimizers import as_optimizer, checked_max_norm, checked_model, trained_params
from fastgrad.training.progress import Progress
from fastgrad.training.recording import Modes, record_loss, record_step
from fastgrad.training.schedules import as_schedule
from fastgrad.training.stopping import EarlyStopping

if TYPE_CHECKING:
    from fastgrad.optim.optimizer import Optimizer

__all__ = ["fit"]

# Bounds the memory of an evaluation.
_ROWS_AT_ONCE = 8192


class _Fit:
    """One fit: checks everything first, then runs."""

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        lr: float | None,
        loss: BatchLoss,
        rows: Rows,
        validation: Rows | None,
        settings: dict[str, Any],
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.rows = rows
        self.epochs = _checked_count("epochs", settings["epochs"])
        batch_size = min(_checked_count("batch_size", settings["batch_size"]), len(rows))
        self.max_seconds = math.inf
        if settings["max_seconds"] is not None:
            self.max_seconds = checked_number("max_seconds", settings["max_seconds"])
        seed = settings["seed"]
        self.seed = draw_seed() if seed is None else checked_seed(seed)
        self.stopping = EarlyStopping(settings["early_stopping"], validation is not None)
        self.callbacks = _checked_callbacks(settings["callbacks"])
        max_norm = checked_max_norm(settings["clip_grad_norm"])
        rate = None if lr is None else checked_number("lr", lr)

        params = trained_params(optimizer)
        with Modes(model, training=True):
            self.full = record_step(loss, model, params, rows.examples(batch_size), rows.weighted)
            rest = len(rows) % batch_size
            self.rest = (
                record_step(loss, model, params, rows.examples(rest), rows.weighted) if rest else self.full
            )
        self.evaluate = None if validation is None else _evaluation(loss, model, validation)
        if loss.objective is None:
            loss.check_classes(rows.arrays[1], "y")
            if validation is not None:
                loss.check_classes(validation.arrays[1], "validation y")

        self.batches = core.train.Batches(
            rows.arrays, None, batch_size, bool(settings["shuffle"]), False, self.seed
        )
        self.loop = core.train.FitLoop(optimizer._tables, self.batches, self.full, self.rest, max_norm)
        self.progress = Progress(settings["progress"], self.epochs)
        self.schedule = as_schedule(settings["scheduler"], optimizer, rate)
        names = ["loss", "lr"] if validation is None else ["loss", "val_loss", "lr"]
        self.history = History({name: [] for name in names}, self.seed)

    def run(self) -> History:
        start = time.monotonic()
        h = self.history
        try:
            for epoch in range(self.epochs):
                if not self._run_epoch(epoch, start):
                    break
            else:
                h.message = f"all {self.epochs} epochs were run"
            if self.stopping.restores and self.stopping.best_epoch is not None:
                self.loop.restore_best()
        finally:
            self.loop.commit()
            self.progress.close()
        h.best_epoch = self.stopping.best_epoch
        h.seconds = time.monotonic() - start
        return h

    def _run_epoch(self, epoch: int, start: float) -> bool:
        """Whether to go on."""
        h = self.history
        lr = float(self.optimizer.param_groups[0]["lr"])
        rules = self.optimizer._rules()
        left = self.max_seconds - (time.monotonic() - start)
        end, loss, batches, worst = self.loop.epoch(epoch, rules, left)
        h.steps += batches
        self.loop.commit()
        if end == "diverged":
            h.stopped = "diverged"
            h.message = self._explain(epoch, batches, worst, lr)
            return False
        values = {"loss": loss, "lr": lr}
        if batches:
            if self.evaluate is not None:
                values["val_loss"] = self.evaluate()
            for name, value in values.items():
                h.history[name].append(value)
            h.epochs += 1
            if self.stopping.is_better(epoch, values) and self.stopping.restores:
                self.loop.keep_best()
            self.progress.update(values)
        if end == "max_seconds":
            h.stopped = "max_seconds"
            h.message = (
                f"max_seconds={self.max_seconds:g} ran out in epoch {epoch}, after {batches} of its batches"
            )
            return False
        return self._ask(epoch, values, start)

    def _ask(self, epoch: int, values: dict[str, float], start: float) -> bool:
        """Let the schedule, the callbacks and early stopping have their say."""
        h = self.history
        self.schedule(values[self.stopping.monitor])
        stop = False
        if self.callbacks:
            info = EpochInfo(
                epoch,
                values["loss"],
                values.get("val_loss"),
                values["lr"],
                self.model,
                self.optimizer,
                h.history,
                h.steps,
                time.monotonic() - start,
            )
            try:
                for callback in self.callbacks:
                    stop = callback(info) is False or stop
            finally:
                self.loop.pull()  # a callback may have changed parameters or the optimizer's state
        if stop:
            h.stopped, h.message = "callback", f"a callback stopped it after epoch {epoch}"
        elif self.stopping.is_over:
            h.stopped = "early"
            h.message = (
                f"{self.stopping.monitor} was best in epoch {self.stopping.best_epoch} and not better in "
                f"{self.stopping.patience} epochs since"
            )
        return h.stopped == "epochs"

    def _explain(self, epoch: int, batch: int, worst: float, lr: float) -> str:
        arrays = self.batches.batch(epoch, batch)
        step = self.full if arrays[0].shape[0] == self.batches.batch(epoch, 0)[0].shape[0] else self.rest
        where = f"step {self.history.steps} (epoch {epoch}, batch {batch})"
        with Modes(self.model, training=True):
            return explain(
                self.model,
                self.loss,
                step.program,
                arrays,
                self.batches.indices(epoch, batch),
                self.rows.weighted,
                where,
                worst,
                lr,
            )


def fit(
    model: Module,
    X: Any,
    y: Any = None,
    loss: str | Module | Callable[..., Any] = "mse",
    optimizer: Optimizer | str | Callable[..., Optimizer] | None = None,
    lr: float | None = None,
    epochs: int = 10,
    batch_size: int = 32,
    shuffle: bool = True,
    sample_weight: Any = None,
    validation_data: Any = None,
    early_stopping: int | dict[str, Any] | None = None,
    callbacks: Callable[[EpochInfo], Any] | Iterable[Callable[[EpochInfo], Any]] = (),
    progress: bool | str = "auto",
    seed: int | None = None,
    max_seconds: float | None = None,
    objective: Callable[..., Any] | None = None,
    scheduler: Any = None,
    clip_grad_norm: float | None = None,
) -> History:
    """Train a model on data, natively: Python is not asked between the first batch of an epoch and its last.

    The model, the loss and the gradients are recorded once per size of batch. Training works on a private
    copy of the parameters; the model and the optimizer take over its numbers after every epoch, and at the
    end however that comes: an interruption (Ctrl-C) or an exception leaves them at a completed step.

    Parameters
    ----------
    model : Module
        Trained in training mode; the mode of each of its parts is left as found.
    X : array_like, Tensor, DataFrame or data set
        (n, ...) inputs; floating-point numbers are cast to the parameters' dtype once, and not copied where
        they have it: do not write to them meanwhile. A `fastgrad.data` set holds y, and maybe weights,
        itself.
    y : array_like, Tensor or DataFrame
        (n, ...) targets; (n,) is taken for (n, 1) where the model gives that.
    loss : str, Module or callable
        Name of a function of `nn.functional`, such as ``"mse"``, ``"l1"`` (or ``"mae"``) or
        ``"cross_entropy"`` (y: integer classes); a loss module; or a function of (output, target) that
        returns the loss of each sample, or one number.
    optimizer : Optimizer, str or callable, optional
        A name such as ``"sgd"``, ``"adam"`` (the default) or ``"adamw"``; an instance, whose groups, rates
        and memory are used and gone on with by a second fit; or a function that makes one of the parameters.
    lr : float, optional
        Learning rate, of all groups; by default the optimizer's own.
    epochs, batch_size : int
        Passes over the data, and samples in a step; the last batch of an epoch may be smaller.
    shuffle : bool
        Whether each epoch has an order of its own: that of ``DataLoader(..., seed=seed)``.
    sample_weight : array_like, optional
        (n,), at least 0. The loss of a batch is then sum(weight * loss) / sum(weight); a batch whose weights
        are all 0 is passed over.
    validation_data : (X, y), (X, y, sample_weight) or data set, optional
        What ``"val_loss"`` is computed on after each epoch, in evaluation mode.
    early_stopping : int or dict, optional
        Epochs to wait for a better loss, the patience; or a dict of ``patience``, ``min_delta`` (0),
        ``monitor`` (``"val_loss"``, or ``"loss"`` without validation data) and ``restore_best`` (True: the
        model ends with the parameters of the best epoch, whatever ended the fit).
    callbacks : callable, or iterable of callables
        Called with an `EpochInfo` after each epoch; one that returns False stops the fit. Other results mean
        nothing; an exception comes through.
    progress : bool or "auto"
        Whether to show a bar; by default on a terminal or in a notebook, where tqdm is installed.
    seed : int, optional
        Of the order of the batches; drawn from the global generator by default, and told by the result.
    max_seconds : float, optional
        When to stop, at the next step.
    objective : callable, optional
        ``objective(model, *batch)`` returns one number to minimise, in place of a loss; `batch` is (x, y),
        (x,) without y, or all arrays of a data set.
    scheduler : optional
        From `optim.lr_scheduler`, on this optimizer; or a function that makes one of the optimizer. Its
        ``step`` is called after each epoch, with the monitored loss where it takes a metric.
    clip_grad_norm : float, optional
        Gradients are shortened to this norm, over all parameters together.

    Returns
    -------
    History
        Losses and rates by epoch, and why it stopped.

    Raises
    ------
    TypeError, ValueError
        When an argument does not fit, or the data do not fit the model or the loss. Nothing has changed then.
    RecordingError
        When the model reads values or draws random numbers (Dropout in training mode).
    RuntimeError
        When the model is being trained already.

    Warns
    -----
    RuntimeWarning
        When a loss or a parameter became infinite or NaN. The model is left at the last step before that, and
        `History.message` tells where it happened and what to try.

    Notes ----- While it runs other threads may use `predict` on the model: they see the parameters of one
    completed epoch.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.manual_seed(0)
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> y = X @ [1.0, -2.0, 0.5] + 3.0
    >>> model = fg.nn.Linear(3, 1)
    >>> h = fg.fit(model, X, y, optimizer="sgd", lr=0.1, epochs=20, seed=0)
    >>> h.history["loss"][-1] < 1e-6
    True
    >>> [round(w, 2) for w in model.weight.tolist()[0]]
    [1.0, -2.0, 0.5]
    """
    if core.is_recording():
        raise core.RecordingError("fit writes to parameters, which cannot be recorded")
    checked_model(model)
    batch_loss = BatchLoss(loss, objective)
    made = as_optimizer(optimizer, model, lr)
    dtype = model._dtype()
    rows = as_rows(X, y, sample_weight, batch_loss, dtype)
    validation = as_validation(validation_data, batch_loss, dtype)
    settings = {
        "epochs": epochs,
        "batch_size": batch_size,
        "shuffle": shuffle,
        "early_stopping": early_stopping,
        "callbacks": callbacks,
        "progress": progress,
        "seed": seed,
        "max_seconds": max_seconds,
        "scheduler": scheduler,
        "clip_grad_norm": clip_grad_norm,
    }
    with Claim({id(p): p for p in [*model.parameters(), *trained_params(made)]}.values()):
        history = _Fit(model, made, lr, batch_loss, rows, validation, settings).run()
    if history.stopped == "diverged":
        warnings.warn(history.message, RuntimeWarning, stacklevel=2)
    return history


def _evaluation(loss: BatchLoss, model: Module, rows: Rows) -> Callable[[], float]:
    """The mean loss of the model, with the parameters it has when asked."""
    chunk = min(_ROWS_AT_ONCE, len(rows))
    rest = len(rows) % chunk
    with Modes(model, training=False):
        try:
            full = record_loss(loss, model, rows.examples(chunk), rows.weighted)
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation_data: {error}") from None
        last = record_loss(loss, model, rows.examples(rest), rows.weighted) if rest else full
    return core.train.Evaluation(rows.arrays, chunk, full, last)


def _checked_count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    return int(value)


def _checked_callbacks(callbacks: Any) -> list[Callable[[EpochInfo], Any]]:
    listed = [callbacks] if callable(callbacks) else list(callbacks)
    for i, callback in enumerate(listed):
        if not callable(callback):
            raise TypeError(f"callbacks[{i}] must be a function, got {type(callback).__name__}")
    return listed
