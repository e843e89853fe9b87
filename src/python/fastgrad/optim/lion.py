"""Lion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastgrad._native import core
from fastgrad.optim.optimizer import Optimizer, checked_betas, checked_number

__all__ = ["Lion"]


class Lion(Optimizer):
    """Steps of one size: the sign of a running average of the gradient.

    With the gradient ``g``: ``param -= lr * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * param)`` and
    ``m = beta2 * m + (1 - beta2) * g``. Learning rates are 3 to 10 times smaller than Adam's, and the weight
    decay is as much larger.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        What to update; dicts are groups with ``"params"`` and hyper-parameters of their own.
    lr : float
        Learning rate.
    betas : (float, float)
        How much of the average stays, in the step and from step to step; each from 0 to below 1.
    weight_decay : float
        As above.
    maximize : bool
        Whether to go up instead of down.

    Raises
    ------
    ValueError
        When a hyper-parameter is out of range, there are no parameters, or one is not a leaf that requires a
        gradient.
    TypeError
        When a parameter is not a tensor or a hyper-parameter not a number.

    Notes
    -----
    Chen and others, "Symbolic discovery of optimization algorithms", NeurIPS 2023.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = fg.optim.Lion([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    True
    >>> [round(value, 4) for value in w.tolist()]
    [2.5, -1.5]
    """

    _slots = ("exp_avg",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        hyper = {"lr": lr, "betas": betas, "weight_decay": weight_decay}
        super().__init__(params, {**hyper, "maximize": maximize})

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "weight_decay"):
            checked_number(name, group[name])
        checked_betas(group["betas"])

    def _rule(self, group: Mapping[str, Any]) -> core.train.Rule:
        beta1, beta2 = group["betas"]
        return core.train.lion(group["lr"], beta1, beta2, group["weight_decay"], bool(group["maximize"]))
