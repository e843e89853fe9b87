"""What a fit tells: a summary of each epoch to callbacks, and the History of all of them at its end."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgrad.nn.module import Module

__all__ = ["EpochInfo", "History"]


@dataclasses.dataclass
class History:
    """What `fit` returns.

    Attributes
    ----------
    history : dict of str to list of float
        ``"loss"``, ``"lr"`` and, with validation data, ``"val_loss"``: one number an epoch. The loss is the
        mean over the epoch's batches while the parameters moved. An epoch that `max_seconds` cut short counts
        with the batches it saw; one that diverged is left out.
    stopped : str
        ``"epochs"`` (all were run), ``"early"`` (early stopping), ``"max_seconds"``, ``"callback"`` or
        ``"diverged"``.
    message : str
        The same in a sentence; after divergence with what went wrong where, and whether the learning rate is
        beyond `stable_lr`.
    seed : int
        Of the order of the batches and of what the model draws: the same one gives the same run.
    epochs, steps : int
        Entries of the lists; and batches learned from, those of a diverged epoch included.
    seconds : float
        How long it took.
    best_epoch : int or None
        Number of the epoch, from 0, with the lowest ``"val_loss"``, or ``"loss"`` without validation data; or
        with the best of what `early_stopping` monitors, by its `min_delta`.
    stable_lr : float or None
        After divergence under SGD, the largest learning rate at which it is stable where the fit began, on
        the batch that diverged: 2 / the largest curvature of its loss, and what momentum and weight decay
        make of that. None otherwise, and where the curvature is not positive or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> X = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> h = fg.fit(fg.nn.Linear(1, 1), X, 2.0 * X[:, 0], epochs=3, seed=0)
    >>> len(h.history["loss"]), h.stopped
    (3, 'epochs')
    """

    history: dict[str, list[float]]
    seed: int
    stopped: str = "epochs"
    message: str = ""
    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    best_epoch: int | None = None
    stable_lr: float | None = None

    def __repr__(self) -> str:
        parts = [f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}", f"stopped={self.stopped!r}"]
        for name in ("loss", "val_loss"):
            values = self.history.get(name)
            if values:
                parts.append(f"{name} {values[0]:.4g} -> {values[-1]:.4g}")
        if self.best_epoch is not None:
            parts.append(f"best_epoch={self.best_epoch}")
        parts += [f"{self.steps} steps in {self.seconds:.3g} s", f"seed={self.seed}"]
        return f"History({', '.join(parts)})"


@dataclasses.dataclass(frozen=True)
class EpochInfo:
    """What a callback of `fit` is called with after each epoch.

    Attributes
    ----------
    epoch : int
        Its number, from 0.
    loss, lr : float
        Mean loss over its batches; the learning rate it was run with (of the first parameter group).
    val_loss : float or None
        Loss on the validation data after it.
    model : Module
        With the parameters that the epoch led to. Changes to them hold for the next epoch.
    optimizer : Optimizer
        Changes to its hyper-parameters hold for the next epoch.
    history : dict of str to list of float
        Of all epochs so far, this one included.
    steps : int
        Updates so far.
    seconds : float
        Since the fit began.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> losses = []
    >>> h = fg.fit(fg.nn.Linear(1, 1), np.ones((8, 1)), np.ones(8), epochs=2, seed=0,
    ...            callbacks=lambda info: losses.append(info.loss))
    >>> losses == h.history["loss"]
    True
    """

    epoch: int
    loss: float
    val_loss: float | None
    lr: float
    model: Module
    optimizer: Any
    history: dict[str, list[float]]
    steps: int
    seconds: float
