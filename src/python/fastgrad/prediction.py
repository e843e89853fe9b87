"""predict: a model's outputs for any number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastgrad._grad_mode import no_grad
from fastgrad._native import core
from fastgrad.nn.module import Module

__all__ = ["predict"]

# Bounds the memory of the layers' outputs. A row's prediction does not depend on the rows beside it.
_ROWS_AT_ONCE = 8192


def predict(model: Module, X: Any, batch_size: int | None = None) -> np.ndarray[Any, Any]:
    """Return the outputs of a model in evaluation mode, without recording gradients.

    Parameters
    ----------
    model : Module
        Its training or evaluation mode, and that of each of its parts, is put back afterwards.
    X : array_like, Tensor or DataFrame
        (n, ...), any number of rows, none included.
    batch_size : int, optional
        How many rows go through the model at once; chosen by default.

    Returns
    -------
    ndarray
        (n, ...)

    Raises
    ------
    TypeError
        When `model` is not a Module.
    ValueError
        When `X` has no rows to go over (a single number), or `batch_size` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.predict(fg.nn.Linear(3, 2), np.ones((5, 3))).shape
    (5, 2)
    """
    if not isinstance(model, Module):
        raise TypeError(f"model must be a fastgrad.nn.Module, got {type(model).__name__}")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    rows = np.asarray(X.detach() if isinstance(X, core.Tensor) else X)
    if rows.ndim == 0:
        raise ValueError("X must have shape (n, ...), got a single number")
    step = batch_size or _ROWS_AT_ONCE
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            outputs = [
                _whole(model, rows[start : start + step]) for start in range(0, max(len(rows), 1), step)
            ]
    finally:
        for module, mode in modes:
            module.training = mode
    return np.concatenate(outputs) if len(outputs) > 1 else np.array(outputs[0])


def _whole(model: Module, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The outputs for some rows, from parameters that nobody wrote to in between.

    A fit in another thread writes all parameters at once while no Python code runs, so that versions tell.
    """
    params = list(model.parameters())
    versions = None
    while versions != (versions := core.train.versions(params)):
        outputs: np.ndarray[Any, Any] = model(rows).numpy()
    return outputs
