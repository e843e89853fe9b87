"""Losses as modules: each keeps the arguments of its function in `functional`."""

from __future__ import annotations

from typing import Any

from fastgrad._native import core
from fastgrad.nn import functional
from fastgrad.nn.module import Module

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "PinballLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
]


class MSELoss(Module):
    """The mean squared error; see `functional.mse_loss`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.MSELoss()([1.0, 2.0], [1.0, 4.0])
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> core.Tensor:
        """Compare predictions with targets of the same shape."""
        return functional.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Module):
    """The mean absolute error; see `functional.l1_loss`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.L1Loss()([1.0, 2.0], [1.0, 4.0])
    tensor(1.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> core.Tensor:
        """Compare predictions with targets of the same shape."""
        return functional.l1_loss(input, target, reduction=self.reduction)


class HuberLoss(Module):
    """Squared error near the target, absolute error far from it; see `functional.huber_loss`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.HuberLoss(delta=2.0)([1.0, 2.0], [1.0, 6.0])
    tensor(3.)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        self.reduction = reduction
        self.delta = delta

    def forward(self, input: Any, target: Any) -> core.Tensor:
        """Compare predictions with targets of the same shape."""
        return functional.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class SmoothL1Loss(Module):
    """The absolute error with its corner rounded; see `functional.smooth_l1_loss`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.SmoothL1Loss(beta=2.0)([1.0, 2.0], [1.0, 6.0])
    tensor(1.5)
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        self.reduction = reduction
        self.beta = beta

    def forward(self, input: Any, target: Any) -> core.Tensor:
        """Compare predictions with targets of the same shape."""
        return functional.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class PinballLoss(Module):
    """The loss that a quantile minimizes; see `functional.pinball_loss`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.PinballLoss(0.75)([1.0, 2.0], [3.0, 2.0])
    tensor(0.75)
    """

    def __init__(self, quantile: float, reduction: str = "mean") -> None:
        self.quantile = quantile
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> core.Tensor:
        """Compare predictions with targets of the same shape."""
        return functional.pinball_loss(input, target, self.quantile, reduction=self.reduction)


class PoissonNLLLoss(Module):
    """The negative log-likelihood of counts; see `functional.poisson_nll_loss`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.PoissonNLLLoss()([0.0, 0.0], [1.0, 3.0])
    tensor(1.)
    """

    def __init__(
        self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
    ) -> None:
        self.log_input = log_input
        self.full = full
        self.eps = eps
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> core.Tensor:
        """Compare means, or their logarithms, with counts of the same shape."""
        return functional.poisson_nll_loss(
            input, target, self.log_input, self.full, self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(Module):
    """The negative log-likelihood under normal distributions; see `functional.gaussian_nll_loss`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.GaussianNLLLoss()([1.0, 2.0], [1.0, 4.0], [1.0, 1.0])
    tensor(1.)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        self.full = full
        self.eps = eps
        self.reduction = reduction

    def forward(self, input: Any, target: Any, var: Any) -> core.Tensor:
        """Compare means and variances with targets."""
        return functional.gaussian_nll_loss(input, target, var, self.full, self.eps, reduction=self.reduction)


class CrossEntropyLoss(Module):
    """The negative log-likelihood of the true classes; see `functional.cross_entropy`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.CrossEntropyLoss()([[0.0, 0.0]], [1])
    tensor(0.69314718)
    """

    weight: core.Tensor | None

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> core.Tensor:
        """Compare scores (n, C) with true classes (n,)."""
        return functional.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(Module):
    """The negative log-likelihood of the true classes, from log-probabilities; see `functional.nll_loss`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.NLLLoss()([[-0.5, -1.0]], [1])
    tensor(1.)
    """

    weight: core.Tensor | None

    def __init__(
        self, weight: Any = None, *, ignore_index: int | None = None, reduction: str = "mean"
    ) -> None:
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> core.Tensor:
        """Compare log-probabilities (n, C) with true classes (n,)."""
        return functional.nll_loss(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class BCEWithLogitsLoss(Module):
    """The negative log-likelihood of yes or no; see `functional.binary_cross_entropy_with_logits`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.nn.BCEWithLogitsLoss(reduction="sum")([0.0, 1000.0], [1.0, 0.0])
    tensor(1000.69314718)
    """

    weight: core.Tensor | None
    pos_weight: core.Tensor | None

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.reduction = reduction

    def forward(self, input: Any, target: Any) -> core.Tensor:
        """Compare scores with targets of the same shape."""
        return functional.binary_cross_entropy_with_logits(
            input, target, self.weight, self.reduction, self.pos_weight
        )
