"""Fit: one training from checked arguments to its History; the loop over epochs."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad._native import core
from fastgrad.optim.optimizer import checked_number
from fastgrad.random import FIT_STREAMS, checked_seed, draw_seed
from fastgrad.training.claims import Claim
from fastgrad.training.divergence import Start, explain
from fastgrad.training.history import EpochInfo, History
from fastgrad.training.inputs import Rows, as_rows, as_validation
from fastgrad.training.losses import BatchLoss
from fastgrad.training.optimizers import as_optimizer, checked_max_norm, checked_model, trained_params
from fastgrad.training.progress import Progress
from fastgrad.training.recording import Modes, record_loss, record_step
from fastgrad.training.schedules import as_schedule
from fastgrad.training.stopping import EarlyStopping

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastgrad.nn.module import Module

__all__ = ["Fit", "Options"]

# Bounds the memory of an evaluation.
_ROWS_AT_ONCE = 8192


@dataclasses.dataclass(frozen=True)
class Options:
    """The arguments of `fit` beside model, X and y."""

    loss: Any = "mse"
    optimizer: Any = None
    lr: float | None = None
    epochs: int = 10
    batch_size: int = 32
    shuffle: bool = True
    sample_weight: Any = None
    validation_data: Any = None
    early_stopping: Any = None
    callbacks: Any = ()
    progress: Any = "auto"
    seed: int | None = None
    max_seconds: float | None = None
    objective: Any = None
    scheduler: Any = None
    clip_grad_norm: float | None = None


class Fit:
    """Context: made and entered, everything is checked and nothing has changed yet; then `run`."""

    def __init__(self, model: Any, X: Any, y: Any, options: Options) -> None:
        if core.is_recording():
            raise core.RecordingError("fit writes to parameters, which cannot be recorded")
        self.model = checked_model(model)
        self.loss = BatchLoss(options.loss, options.objective)
        self.optimizer = as_optimizer(options.optimizer, self.model, options.lr)
        dtype = self.model._dtype()
        self.rows = as_rows(X, y, options.sample_weight, self.loss, dtype)
        self.validation = as_validation(options.validation_data, self.loss, dtype)
        self.epochs = _checked_count("epochs", options.epochs)
        self.batch_size = min(_checked_count("batch_size", options.batch_size), len(self.rows))
        self.max_seconds = math.inf
        if options.max_seconds is not None:
            self.max_seconds = checked_number("max_seconds", options.max_seconds)
        self.stopping = EarlyStopping(options.early_stopping, self.validation is not None)
        self.callbacks = _checked_callbacks(options.callbacks)
        self.cancel: core.train.Cancel | None = None
        self._options = options
        params = {id(p): p for p in [*self.model.parameters(), *trained_params(self.optimizer)]}
        self._claim = Claim(params.values())

    def __enter__(self) -> Self:
        """Claim the parameters, and record what is replayed."""
        self._claim.__enter__()
        try:
            self._prepare()
        except BaseException:
            self._claim.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._claim.__exit__()

    def _prepare(self) -> None:
        options, rows = self._options, self.rows
        max_norm = checked_max_norm(options.clip_grad_norm)
        rate = None if options.lr is None else checked_number("lr", options.lr)
        self._record()
        self.seed = draw_seed() if options.seed is None else checked_seed(options.seed)
        self.batches = core.train.Batches(
            rows.arrays, None, self.batch_size, bool(options.shuffle), False, self.seed
        )
        self.loop = core.train.FitLoop(
            self.optimizer._tables, self.batches, self.full, self.rest, max_norm, self.seed, FIT_STREAMS
        )
        self.optimizer._rules()  # refuses hyper-parameters that do not fit
        self.start = Start(self.optimizer, clips=max_norm > 0)
        self.progress = Progress(options.progress)
        self.schedule = as_schedule(options.scheduler, self.optimizer, rate)
        # Otherwise nothing that the next epoch depends on is made in Python.
        asking = (options.scheduler, options.validation_data, options.early_stopping)
        self._asks_between = bool(self.callbacks) or any(what is not None for what in asking)
        names = ["loss", "lr"] if self.validation is None else ["loss", "val_loss", "lr"]
        self.history = History({name: [] for name in names}, self.seed)

    def _record(self) -> None:
        loss, model, rows = self.loss, self.model, self.rows
        params = trained_params(self.optimizer)
        with Modes(model, training=True):
            self.full = record_step(loss, model, params, rows.examples(self.batch_size), rows.weighted)
            self.rest = self.full
            if rest := len(rows) % self.batch_size:
                self.rest = record_step(loss, model, params, rows.examples(rest), rows.weighted)
        self.evaluate = None if self.validation is None else _evaluation(loss, model, self.validation)
        if loss.objective is None:
            loss.check_classes(rows.arrays[1], "y")
            if self.validation is not None:
                loss.check_classes(self.validation.arrays[1], "validation y")

    def run(self) -> History:
        """Train."""
        start = time.monotonic()
        h = self.history
        self.progress.start(self.epochs, "epoch")
        try:
            while h.epochs < self.epochs:
                if not self._run_epochs(h.epochs, start):
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

    def _run_epochs(self, first: int, start: float) -> bool:
        """Whether to go on."""
        lr = float(self.optimizer.param_groups[0]["lr"])
        rules = self.optimizer._rules()
        left = self.max_seconds - (time.monotonic() - start)
        most = 1 if self._asks_between else self.epochs - first
        done = self.loop.epochs(first, most, rules, left, self.cancel)
        return all(self._take_in(first + i, ended, lr, start) for i, ended in enumerate(done))

    def _take_in(
        self, epoch: int, ended: tuple[str, float, int, float, int], lr: float, start: float
    ) -> bool:
        """Whether to go on after an epoch that ended so."""
        end, loss, batches, worst, stream = ended
        h = self.history
        h.steps += batches
        if end == "diverged":
            h.stopped = "diverged"
            h.message = self._explain(epoch, batches, worst, lr, stream)
            return False
        values = {"loss": loss, "lr": lr}
        if batches:
            if self.evaluate is not None:
                values["val_loss"] = self.evaluate(self.cancel)
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

    def _explain(self, epoch: int, batch: int, worst: float, lr: float, stream: int) -> str:
        arrays = self.batches.batch(epoch, batch)
        step = self.full if arrays[0].shape[0] == self.batch_size else self.rest
        where = f"step {self.history.steps} (epoch {epoch}, batch {batch})"
        weighted = self.rows.weighted
        stable = self.start.stable_rate(self.model, self.loss, arrays, weighted)
        self.history.stable_lr = None if stable is None else stable.lr
        with Modes(self.model, training=True):
            return explain(
                self.model,
                self.loss,
                step.program,
                arrays,
                self.batches.indices(epoch, batch),
                weighted,
                where,
                worst,
                lr,
                stable,
                (self.seed, stream),
            )


def _evaluation(loss: BatchLoss, model: Module, rows: Rows) -> core.train.Evaluation:
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
