"""What all losses share: how predictions are checked against targets, and one reduction of the losses."""

from __future__ import annotations

from typing import Any

from fastgrad._native import core
from fastgrad.nn.module import as_input

__all__ = ["floating", "reduce", "reduce_weighted", "same_shape"]

_REDUCTIONS = ("mean", "sum", "none")


def floating(loss: str, input: Any) -> core.Tensor:
    """Return predictions as a tensor, or raise when they are not floating-point numbers."""
    prediction = as_input(input, None)
    if prediction.dtype.kind != "f":
        raise TypeError(f"{loss}: input must be floating point, got dtype {prediction.dtype}")
    return prediction


def same_shape(loss: str, input: Any, target: Any) -> tuple[core.Tensor, core.Tensor]:
    """Return predictions and targets of the same shape and dtype, or raise."""
    prediction = floating(loss, input)
    truth = as_input(target, prediction.dtype)
    if prediction.shape != truth.shape:
        raise ValueError(
            f"{loss}: input has shape {prediction.shape} and target {truth.shape}; they must be the same, "
            "reshape one of them"
        )
    return prediction, truth


def reduce(loss: str, losses: core.Tensor, reduction: str, weight: Any = None) -> core.Tensor:
    """Return the mean or sum of losses, or all of them; with weights the mean is sum(w * loss) / sum(w)."""
    if weight is None:
        return reduce_weighted(loss, losses, reduction, None)
    weights = as_input(weight, losses.dtype)
    if weights.shape != losses.shape:
        raise ValueError(f"{loss}: weight has shape {weights.shape}, expected {losses.shape}, one a loss")
    return reduce_weighted(loss, losses * weights, reduction, weights)


def reduce_weighted(
    loss: str, weighted: core.Tensor, reduction: str, weights: core.Tensor | None
) -> core.Tensor:
    """Return what `reduce` does of losses that have been multiplied with their weights."""
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{loss}: reduction must be one of {', '.join(_REDUCTIONS)}, got {reduction!r}")
    if reduction == "none":
        return weighted
    if reduction == "sum":
        return weighted.sum()
    return weighted.mean() if weights is None else weighted.sum() / weights.sum()
