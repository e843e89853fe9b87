"""fit: the whole training of a model, natively from batch to batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from fastgrad.training.history import EpochInfo, History
from fastgrad.training.loop import Fit, Options

if TYPE_CHECKING:
    from fastgrad.nn.module import Module
    from fastgrad.optim.optimizer import Optimizer

__all__ = ["fit"]


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
        Of the order of the batches, and of what the model draws (Dropout), which is what an eager loop draws
        after ``fg.random.set_state((seed, 2**63))``. Drawn from the global generator by default, and told by
        the result.
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
        When the model reads values.
    RuntimeError
        When the model is being trained already.

    Warns
    -----
    RuntimeWarning
        When a loss or a parameter became infinite or NaN. The model is left at the last step before that, and
        `History.message` tells where it happened, whether the learning rate is beyond the largest stable one,
        where that is known (SGD), and what to try.

    Notes
    -----
    While it runs other threads may use `predict` on the model: they see the parameters of one
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
    options = Options(
        loss=loss,
        optimizer=optimizer,
        lr=lr,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        sample_weight=sample_weight,
        validation_data=validation_data,
        early_stopping=early_stopping,
        callbacks=callbacks,
        progress=progress,
        seed=seed,
        max_seconds=max_seconds,
        objective=objective,
        scheduler=scheduler,
        clip_grad_norm=clip_grad_norm,
    )
    with Fit(model, X, y, options) as run:
        history = run.run()
    if history.stopped == "diverged":
        warnings.warn(history.message, RuntimeWarning, stacklevel=2)
    return history
