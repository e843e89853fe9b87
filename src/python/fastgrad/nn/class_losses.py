"""Losses for classes: how probable the predictions make the true ones."""

from __future__ import annotations

from typing import Any

from fastgrad._native import core
from fastgrad.nn.module import as_input
from fastgrad.nn.reduction import floating, reduce, reduce_weighted, same_shape

__all__ = ["binary_cross_entropy_with_logits", "cross_entropy", "nll_loss"]


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> core.Tensor:
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
    ignore_index : int, optional
        A number in `target`, a class or not, whose samples count nothing. By default every sample counts
        (PyTorch passes over -100).
    reduction : {"mean", "sum", "none"}
        What becomes of the losses of the samples.
    label_smoothing : float, default 0.0
        From 0 to 1: how much of the truth is spread evenly over all classes.

    Raises
    ------
    TypeError
        When classes are not integers or scores not floating-point numbers.
    IndexError
        When a class is not among 0 to C - 1.
    ValueError
        When shapes do not go together, `reduction` is unknown or `label_smoothing` is not from 0 to 1.

    Notes
    -----
    Label smoothing: Szegedy and others, "Rethinking the Inception architecture for computer vision", CVPR
    2016, with weights as `PyTorch
    <https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`_ has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.nn.functional.cross_entropy([[0.0, 0.0], [9.0, 0.0]], [1, 0]).item(), 4)
    0.3466
    """
    name = "cross_entropy"
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"{name}: label_smoothing must be from 0 to 1, got {label_smoothing}")
    scores, classes, counted = _classes_last(name, input, target, ignore_index)
    normalizer = core.ops.logsumexp(scores, axis=-1)
    losses = normalizer - core.ops.take_along_last(scores, classes)
    of_classes = _class_weights(name, weight, scores)
    weights = _weights_of(classes, of_classes, counted)
    if not label_smoothing:
        return reduce(name, losses, reduction, weights)
    # To each class in turn, as if it were the true one.
    count = scores.shape[-1]
    if of_classes is None:
        spread = normalizer - scores.mean(axis=-1)
    else:
        spread = (normalizer * of_classes.sum() - (scores * of_classes).sum(axis=-1)) / count
    if counted is not None:
        spread = spread * counted
    weighted = losses if weights is None else losses * weights
    weighted = (1.0 - label_smoothing) * weighted + label_smoothing * spread
    return reduce_weighted(name, weighted, reduction, weights)


def nll_loss(
    input: Any, target: Any, weight: Any = None, *, ignore_index: int | None = None, reduction: str = "mean"
) -> core.Tensor:
    """Return the negative log-likelihood of the true classes, from logarithms of probabilities.

    With `log_softmax` before it, it is `cross_entropy`.

    Parameters
    ----------
    input : Tensor or array_like
        Log-probabilities: (C,), (n, C) or (n, C, d1, ...), floating point.
    target, weight, ignore_index, reduction
        As in `cross_entropy`.

    Raises
    ------
    TypeError, IndexError, ValueError
        As `cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> round(fg.nn.functional.nll_loss(np.log([[0.5, 0.5], [0.2, 0.8]]), [0, 1]).item(), 4)
    0.4581
    """
    log_probabilities, classes, counted = _classes_last("nll_loss", input, target, ignore_index)
    losses = -core.ops.take_along_last(log_probabilities, classes)
    of_classes = _class_weights("nll_loss", weight, log_probabilities)
    weights = _weights_of(classes, of_classes, counted)
    return reduce("nll_loss", losses, reduction, weights)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> core.Tensor:
    """Return the negative log-likelihood of yes or no, from scores (logits) of yes, without overflow.

    With ``p = sigmoid(input)`` the loss is ``-(pos_weight * target * log(p) + (1 - target) * log(1 - p))``.

    Parameters
    ----------
    input : Tensor or array_like
        Scores, any shape, floating point.
    target : Tensor or array_like
        The same shape: 1 for yes, 0 for no, or a probability. (n,) against (n, 1) is refused, not broadcast.
    weight : Tensor or array_like, optional
        What each loss is multiplied with; it broadcasts to the input's shape. The mean is then
        mean(weight * loss), as PyTorch has it, unlike that of other losses.
    reduction : {"mean", "sum", "none"}
        What becomes of the losses of the elements.
    pos_weight : Tensor, array_like or float, optional
        How much more a yes counts; it broadcasts to the input's shape.

    Raises
    ------
    ValueError
        When shapes do not go together or `reduction` is unknown.
    TypeError
        When the scores are not floating-point numbers.

    Notes
    -----
    As `PyTorch <https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>`_ has it.
    ``-log(p)`` is ``softplus(-input)`` and ``-log(1 - p)`` is ``softplus(input)``: both keep their digits.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.functional.binary_cross_entropy_with_logits([0.0, 1000.0], [1.0, 1.0]).item()
    0.34657359027997264
    """
    name = "binary_cross_entropy_with_logits"
    scores, truth = same_shape(name, input, target)
    yes = truth * core.ops.softplus(-scores)
    if pos_weight is not None:
        yes = _spread(name, "pos_weight", pos_weight, scores) * yes
    losses = yes + (1.0 - truth) * core.ops.softplus(scores)
    if weight is not None:
        losses = _spread(name, "weight", weight, scores) * losses
    return reduce(name, losses, reduction)


def _classes_last(
    loss: str, input: Any, target: Any, ignore_index: int | None
) -> tuple[core.Tensor, core.Tensor, core.Tensor | None]:
    """Predictions (..., C), the true classes (...), checked, and 1 or 0 (...) where not all samples count."""
    scores = floating(loss, input)
    classes = as_input(target, None)
    if classes.dtype.kind != "i":
        raise TypeError(f"{loss}: target must hold integer class indices, got dtype {classes.dtype}")
    if scores.ndim == 0:
        raise ValueError(f"{loss}: input must have shape (C,), (n, C) or (n, C, d1, ...), got ()")
    axis = min(scores.ndim - 1, 1)
    expected = scores.shape[:axis] + scores.shape[axis + 1 :]
    if classes.shape != expected:
        raise ValueError(
            f"{loss}: target has shape {classes.shape}, expected {expected} for an input of shape "
            f"{scores.shape}"
        )
    counted = None
    if ignore_index is not None:
        ignored = classes == ignore_index
        classes = core.ops.where(ignored, 0, classes)
        counted = core.ops.astype(~ignored, scores.dtype)
    classes = _checked_classes(loss, classes, scores.shape[axis])
    if axis < scores.ndim - 1:
        scores = scores.transpose(0, *range(2, scores.ndim), 1)
    return scores, classes, counted


def _checked_classes(loss: str, classes: core.Tensor, count: int) -> core.Tensor:
    # While recording the numbers cannot be read; `count` is out of range, so that picking it fails at replay.
    if core.is_recording():
        return core.ops.where(classes < 0, count, classes)
    numbers = classes.numpy()
    if numbers.size and (numbers.min() < 0 or numbers.max() >= count):
        wrong = numbers.min() if numbers.min() < 0 else numbers.max()
        raise IndexError(f"{loss}: target holds class {wrong}, expected 0 to {count - 1}")
    return classes


def _class_weights(loss: str, weight: Any, scores: core.Tensor) -> core.Tensor | None:
    """Return the weights of the classes, checked."""
    if weight is None:
        return None
    weights, count = as_input(weight, scores.dtype), scores.shape[-1]
    if weights.shape != (count,):
        raise ValueError(f"{loss}: weight has shape {weights.shape}, expected ({count},), one a class")
    return weights


def _weights_of(
    classes: core.Tensor, of_classes: core.Tensor | None, counted: core.Tensor | None
) -> core.Tensor | None:
    """Return the weights of the samples, or None when all are 1."""
    if of_classes is None:
        return counted
    weights = core.ops.take(of_classes, classes)
    return weights if counted is None else weights * counted


def _spread(loss: str, name: str, value: Any, scores: core.Tensor) -> core.Tensor:
    """Return weights that broadcast to the shape of the scores."""
    weights = as_input(value, scores.dtype)
    try:
        return core.ops.broadcast_to(weights, scores.shape)
    except ValueError:
        raise ValueError(
            f"{loss}: {name} has shape {weights.shape}, which does not broadcast to the input's "
            f"{scores.shape}"
        ) from None
