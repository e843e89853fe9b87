"""Activations and losses as functions, with PyTorch's signatures."""

from __future__ import annotations

from typing import Any

from fastgrad._native import core
from fastgrad.nn.module import as_input

__all__ = [
    "cross_entropy",
    "l1_loss",
    "linear",
    "log_softmax",
    "mse_loss",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "tanh",
]

_REDUCTIONS = ("mean", "sum", "none")


def relu(input: Any) -> core.Tensor:
    """Return max(input, 0), elementwise; its derivative at 0 is 0.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.relu(fg.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return core.ops.relu(as_input(input, None))


def tanh(input: Any) -> core.Tensor:
    """Return the hyperbolic tangent, elementwise.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.tanh(fg.tensor([0.0])).tolist()
    [0.0]
    """
    return core.ops.tanh(as_input(input, None))


def sigmoid(input: Any) -> core.Tensor:
    """Return the logistic function 1 / (1 + exp(-input)), elementwise.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.sigmoid(fg.tensor([0.0])).tolist()
    [0.5]
    """
    return core.ops.sigmoid(as_input(input, None))


def softplus(input: Any, beta: float = 1.0, threshold: float | None = None) -> core.Tensor:
    """Return log(1 + exp(beta * input)) / beta, elementwise: a smooth relu.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    beta : float
        How sharp the bend is.
    threshold : float, optional
        Where ``beta * input`` is larger, return the input itself, as PyTorch does above 20. By default the
        formula is used everywhere: it does not overflow here.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.nn.functional.softplus(fg.tensor(0.0)).item(), 6)
    0.693147
    """
    x = as_input(input, None)
    if beta == 1.0 and threshold is None:
        return core.ops.softplus(x)
    scaled = x * beta
    smooth = core.ops.softplus(scaled) / beta
    return smooth if threshold is None else core.ops.where(scaled > threshold, x, smooth)


def log_softmax(input: Any, dim: int = -1) -> core.Tensor:
    """Return input - log(sum(exp(input))) along an axis, without overflow.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    dim : int
        The axis whose exponentials sum to 1; the last one by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.log_softmax(fg.tensor([0.0, 0.0])).tolist()
    [-0.6931471805599453, -0.6931471805599453]
    """
    x = as_input(input, None)
    return x - core.ops.logsumexp(x, axis=dim, keepdims=True)


def softmax(input: Any, dim: int = -1) -> core.Tensor:
    """Return exp(input) / sum(exp(input)) along an axis, without overflow.

    Parameters
    ----------
    input : Tensor or array_like
        Any shape.
    dim : int
        The axis that sums to 1; the last one by default.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.softmax(fg.tensor([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    return core.ops.exp(log_softmax(input, dim))


def linear(input: Any, weight: core.Tensor, bias: core.Tensor | None = None) -> core.Tensor:
    """Return ``input @ weight.T + bias``.

    Parameters
    ----------
    input : Tensor or array_like
        (..., in)
    weight : Tensor
        (out, in)
    bias : Tensor, optional
        (out,)

    Returns
    -------
    Tensor
        (..., out)

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.linear([[1.0, 2.0]], fg.tensor([[3.0, 4.0]])).tolist()
    [[11.0]]
    """
    x = as_input(input, weight.dtype)
    try:
        product = x @ weight.T
    except ValueError:
        raise ValueError(
            f"linear: input has shape {x.shape}, expected (..., {weight.shape[-1]}) for a weight of shape "
            f"{weight.shape}"
        ) from None
    return product if bias is None else product + bias


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
    prediction, truth = _same_shape("mse_loss", input, target)
    return _reduce("mse_loss", core.ops.square(prediction - truth), reduction, weight)


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
    prediction, truth = _same_shape("l1_loss", input, target)
    return _reduce("l1_loss", core.ops.abs(prediction - truth), reduction, weight)


def cross_entropy(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean") -> core.Tensor:
    """Return the negative log-likelihood of the true classes, from unnormalised scores (logits).

    Parameters
    ----------
    input : Tensor or array_like
        Scores: (C,), (n, C) or (n, C, d1, ...), floating point.
    target : Tensor or array_like of int
        True classes from 0 to C - 1: (), (n,) or (n, d1, ...).
    weight : Tensor or array_like, optional
        (C,): a weight for each class; the mean is then sum(w * loss) / sum(w), where w are the weights of the
        true classes.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses of the samples.

    Raises
    ------
    TypeError
        When classes are not integers or scores not floating-point numbers.
    IndexError
        When a class is not among 0 to C - 1.
    ValueError
        When shapes do not go together or `reduction` is unknown.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.nn.functional.cross_entropy([[0.0, 0.0], [9.0, 0.0]], [1, 0]).item(), 4)
    0.3466
    """
    scores = _floating("cross_entropy", input)
    classes = as_input(target, None)
    if classes.dtype.kind != "i":
        raise TypeError(f"cross_entropy: target must hold integer class indices, got dtype {classes.dtype}")
    if scores.ndim == 0:
        raise ValueError("cross_entropy: input must have shape (C,), (n, C) or (n, C, d1, ...), got ()")
    axis = min(scores.ndim - 1, 1)
    count = scores.shape[axis]
    expected = scores.shape[:axis] + scores.shape[axis + 1 :]
    if classes.shape != expected:
        raise ValueError(
            f"cross_entropy: target has shape {classes.shape}, expected {expected} for an input of shape "
            f"{scores.shape}"
        )
    classes = _checked_classes(classes, count)
    if axis < scores.ndim - 1:
        scores = scores.transpose(0, *range(2, scores.ndim), 1)
    losses = core.ops.logsumexp(scores, axis=-1) - core.ops.take_along_last(scores, classes)
    if weight is None:
        return _reduce("cross_entropy", losses, reduction, None)
    weights = as_input(weight, scores.dtype)
    if weights.shape != (count,):
        raise ValueError(f"cross_entropy: weight has shape {weights.shape}, expected ({count},), one a class")
    return _reduce("cross_entropy", losses, reduction, core.ops.take(weights, classes))


def _floating(loss: str, input: Any) -> core.Tensor:
    prediction = as_input(input, None)
    if prediction.dtype.kind != "f":
        raise TypeError(f"{loss}: input must be floating point, got dtype {prediction.dtype}")
    return prediction


def _same_shape(loss: str, input: Any, target: Any) -> tuple[core.Tensor, core.Tensor]:
    prediction = _floating(loss, input)
    truth = as_input(target, prediction.dtype)
    if prediction.shape != truth.shape:
        raise ValueError(
            f"{loss}: input has shape {prediction.shape} and target {truth.shape}; they must be the same, "
            "reshape one of them"
        )
    return prediction, truth


def _checked_classes(classes: core.Tensor, count: int) -> core.Tensor:
    # While recording the numbers cannot be read; `count` is out of range, so that picking it fails at replay.
    if core.is_recording():
        return core.ops.where(classes < 0, count, classes)
    numbers = classes.numpy()
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        wrong = numbers.min() if numbers.min() < 0 else numbers.max()
        raise IndexError(f"cross_entropy: target holds class {wrong}, expected 0 to {count - 1}")
    return classes


def _reduce(loss: str, losses: core.Tensor, reduction: str, weight: Any) -> core.Tensor:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{loss}: reduction must be one of {', '.join(_REDUCTIONS)}, got {reduction!r}")
    if weight is None:
        return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses
    weights = as_input(weight, losses.dtype)
    if weights.shape != losses.shape:
        raise ValueError(f"{loss}: weight has shape {weights.shape}, expected {losses.shape}, one a loss")
    weighted = losses * weights
    if reduction == "mean":
        return weighted.sum() / weights.sum()
    return weighted.sum() if reduction == "sum" else weighted
