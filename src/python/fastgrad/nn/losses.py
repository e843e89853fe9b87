"""Losses for numbers: how far predictions are from targets of the same shape."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fastgrad._native import core
from fastgrad.nn.module import as_input
from fastgrad.nn.reduction import reduce, same_shape

__all__ = [
    "gaussian_nll_loss",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "pinball_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> core.Tensor:
    """Return the mean squared error, mean((input - target)**2).

    Parameters
    ----------
    input : Tensor or array_like
        Predictions, any shape, floating point.
    target : Tensor or array_like
        The same shape: (n,) against (n, 1) is refused, not broadcast. Cast to the predictions' dtype.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses of the elements.
    weight : Tensor or array_like, optional
        A weight for each element, of the same shape; the mean is then sum(weight * loss) / sum(weight).

    Raises
    ------
    ValueError
        When shapes differ or `reduction` is unknown.
    TypeError
        When the predictions are not floating-point numbers.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.mse_loss([1.0, 2.0], [1.0, 4.0]).item()
    2.0
    """
    prediction, truth = same_shape("mse_loss", input, target)
    return reduce("mse_loss", core.ops.square(prediction - truth), reduction, weight)


def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> core.Tensor:
    """Return the mean absolute error, mean(abs(input - target)); its derivative where they are equal is 0.

    Parameters
    ----------
    input, target, reduction, weight
        As in `mse_loss`.

    Raises
    ------
    ValueError
        When shapes differ or `reduction` is unknown.
    TypeError
        When the predictions are not floating-point numbers.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.l1_loss([1.0, 2.0], [1.0, 4.0]).item()
    1.0
    """
    prediction, truth = same_shape("l1_loss", input, target)
    return reduce("l1_loss", core.ops.abs(prediction - truth), reduction, weight)


def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> core.Tensor:
    """Return Huber's loss: squared error near the target, absolute error far away, where outliers pull less.

    With the error ``d = input - target`` it is ``d**2 / 2`` where ``abs(d) <= delta`` and
    ``delta * (abs(d) - delta / 2)`` beyond.

    Parameters
    ----------
    input, target, reduction, weight
        As in `mse_loss`.
    delta : float
        Where one changes into the other; above 0.

    Raises
    ------
    ValueError
        When shapes differ, `delta` is not above 0 or `reduction` is unknown.
    TypeError
        When the predictions are not floating-point numbers.

    Notes
    -----
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964. PyTorch
    divides a weighted mean by the number of losses here, and by the sum of the weights in its `mse_loss`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none").tolist()
    [0.125, 2.5]
    """
    _require("huber_loss", "delta", delta, "above 0", lambda value: value > 0)
    prediction, truth = same_shape("huber_loss", input, target)
    return reduce("huber_loss", _huber(prediction - truth, delta), reduction, weight)


def smooth_l1_loss(
    input: Any, target: Any, reduction: str = "mean", beta: float = 1.0, weight: Any = None
) -> core.Tensor:
    """Return the absolute error with its corner rounded: `huber_loss` with ``delta=beta``, divided by beta.

    Parameters
    ----------
    input, target, reduction, weight
        As in `mse_loss`.
    beta : float
        How far from the target it is rounded; 0 leaves `l1_loss`.

    Raises
    ------
    ValueError
        When shapes differ, `beta` is negative or `reduction` is unknown.
    TypeError
        When the predictions are not floating-point numbers.

    Notes
    -----
    Girshick, "Fast R-CNN", ICCV 2015, as PyTorch has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.smooth_l1_loss([0.5, 3.0], [0.0, 0.0], reduction="none", beta=2.0).tolist()
    [0.0625, 2.0]
    """
    _require("smooth_l1_loss", "beta", beta, "at least 0", lambda value: value >= 0)
    prediction, truth = same_shape("smooth_l1_loss", input, target)
    error = prediction - truth
    width: Any = beta
    if not isinstance(width, core.Tensor) and width == 0:
        return reduce("smooth_l1_loss", core.ops.abs(error), reduction, weight)
    losses = _huber(error, beta) / beta
    return reduce("smooth_l1_loss", losses, reduction, weight)


def pinball_loss(
    input: Any, target: Any, quantile: float, reduction: str = "mean", weight: Any = None
) -> core.Tensor:
    """Return the loss that a quantile of the targets minimizes, also called quantile loss.

    It is ``quantile * (target - input)`` where the target is larger and ``(1 - quantile) * (input - target)``
    where it is smaller; its derivative where they are equal is 0.

    Parameters
    ----------
    input, target, reduction, weight
        As in `mse_loss`.
    quantile : float
        Which one, between 0 and 1: 0.5 is the median, and the loss half of `l1_loss`.

    Raises
    ------
    ValueError
        When shapes differ, `quantile` is not between 0 and 1 or `reduction` is unknown.
    TypeError
        When the predictions are not floating-point numbers.

    Notes
    -----
    Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.pinball_loss([1.0, 2.0], [3.0, 1.0], quantile=0.75, reduction="none").tolist()
    [1.5, 0.25]
    """
    _require("pinball_loss", "quantile", quantile, "between 0 and 1", lambda value: 0 < value < 1)
    prediction, truth = same_shape("pinball_loss", input, target)
    above = core.ops.relu(truth - prediction)
    below = core.ops.relu(prediction - truth)
    return reduce("pinball_loss", above * quantile + below * (1.0 - quantile), reduction, weight)


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
    weight: Any = None,
) -> core.Tensor:
    """Return the negative log-likelihood of counts under Poisson distributions of predicted mean.

    Parameters
    ----------
    input, target, reduction, weight
        As in `mse_loss`; the targets are counts.
    log_input : bool
        Whether the predictions are logarithms of the means: the loss is then ``exp(input) - target * input``,
        else ``input - target * log(input + eps)``.
    full : bool
        Whether to add what does not depend on the prediction: log(target!) by Stirling's approximation,
        ``target * log(target) - target + log(2 * pi * target) / 2`` where the target is above 1, else 0.
    eps : float
        Keeps the logarithm finite where a mean is 0.

    Raises
    ------
    ValueError
        When shapes differ, `eps` is negative or `reduction` is unknown.
    TypeError
        When the predictions are not floating-point numbers.

    Notes
    -----
    As `PyTorch <https://pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html>`_ has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.poisson_nll_loss([0.0, 0.0], [1.0, 3.0]).item()
    1.0
    """
    _require("poisson_nll_loss", "eps", eps, "at least 0", lambda value: value >= 0)
    mean, count = same_shape("poisson_nll_loss", input, target)
    rate, log_rate = (core.ops.exp(mean), mean) if log_input else (mean, core.ops.log(mean + eps))
    losses = rate - count * log_rate
    if full:
        several = count > 1.0
        held = core.ops.where(several, count, 1.0)  # a logarithm of 0 would spoil the slope though not taken
        stirling = held * core.ops.log(held) - held + 0.5 * core.ops.log(held * (2.0 * math.pi))
        losses = losses + core.ops.where(several, stirling, 0.0)
    return reduce("poisson_nll_loss", losses, reduction, weight)


def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
    weight: Any = None,
) -> core.Tensor:
    """Return the negative log-likelihood under normal distributions of predicted mean and variance.

    The loss is ``(log(v) + (input - target)**2 / v) / 2`` with ``v = max(var, eps)``.

    Parameters
    ----------
    input, target, reduction, weight
        As in `mse_loss`; the predictions are means.
    var : Tensor, array_like or float
        Variances: the same shape; or one for each row, (..., 1) or without the last axis; or one for all.
    full : bool
        Whether to add the constant ``log(2 * pi) / 2``.
    eps : float
        The least variance, above 0. Below it the derivative in `var` is that at `eps`, which leads out.

    Raises
    ------
    ValueError
        When shapes do not go together, a variance is negative (while recording this is not looked at), `eps`
        is not above 0 or `reduction` is unknown.
    TypeError
        When the predictions are not floating-point numbers.

    Notes
    -----
    Nix and Weigend, "Estimating the mean and variance of the target probability distribution", ICNN 1994, as
    PyTorch has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.gaussian_nll_loss([1.0, 2.0], [1.0, 4.0], var=[1.0, 1.0]).item()
    1.0
    """
    _require("gaussian_nll_loss", "eps", eps, "above 0", lambda value: value > 0)
    mean, truth = same_shape("gaussian_nll_loss", input, target)
    variance = as_input(var, mean.dtype)
    if variance.ndim and variance.shape == mean.shape[:-1]:
        variance = variance.reshape(*variance.shape, 1)
    if variance.ndim and variance.shape not in (mean.shape, (*mean.shape[:-1], 1)):
        raise ValueError(
            f"gaussian_nll_loss: var has shape {variance.shape}, expected {mean.shape}, "
            f"{(*mean.shape[:-1], 1)} or {mean.shape[:-1]} for an input of shape {mean.shape}"
        )
    if not core.is_recording():
        least = variance.detach().numpy().min(initial=0.0)
        if least < 0:
            raise ValueError(f"gaussian_nll_loss: var must be at least 0, got {least}")
    fixed = variance.detach()
    held = variance + (core.ops.maximum(fixed, eps) - fixed)
    losses = 0.5 * (core.ops.log(held) + core.ops.square(mean - truth) / held)
    if full:
        losses = losses + 0.5 * math.log(2.0 * math.pi)
    return reduce("gaussian_nll_loss", losses, reduction, weight)


def _require(loss: str, name: str, value: Any, expected: str, fits: Callable[[Any], bool]) -> None:
    # A tensor may have no numbers yet, while recording, and is not looked at.
    if not isinstance(value, core.Tensor) and not fits(value):
        raise ValueError(f"{loss}: {name} must be {expected}, got {value}")


def _huber(error: core.Tensor, delta: Any) -> core.Tensor:
    # Both branches at once: held is the error, or delta with its sign. Without a square that could overflow.
    held = core.ops.clip(error, -delta, delta)
    return held * (error - 0.5 * held)
