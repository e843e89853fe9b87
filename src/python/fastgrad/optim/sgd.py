"""Stochastic gradient descent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from fastgrad._native import core
from fastgrad.optim.optimizer import Optimizer, checked_number

__all__ = ["SGD"]


class SGD(Optimizer):
    r"""Gradient descent, with momentum if wanted.

    With the gradient :math:`g` (plus `weight_decay` times the parameter):
    ``v = momentum * v + (1 - dampening) * g`` (``v = g`` at first), ``param -= lr * v``, and with `nesterov`
    ``param -= lr * (g + momentum * v)``.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        What to update; dicts are groups with ``"params"`` and hyper-parameters of their own.
    lr : float
        Learning rate.
    momentum, dampening, weight_decay : float
        As above.
    nesterov : bool
        Nesterov's momentum; needs `momentum` and no `dampening`.
    maximize : bool
        Whether to go up instead of down.

    Raises
    ------
    ValueError
        When a hyper-parameter is negative or not finite, there are no parameters, or one is not a leaf that
        requires a gradient.
    TypeError
        When a parameter is not a tensor or a hyper-parameter not a number.

    Notes
    -----
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning",
    ICML 2013, as PyTorch has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor(4.0, requires_grad=True)
    >>> optimizer = fg.optim.SGD([w], lr=0.25)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * w).backward()
    ...     finite = optimizer.step()
    >>> w.item()
    1.0
    """

    _slots = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        hyper = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, {**hyper, "nesterov": nesterov, "maximize": maximize})

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            checked_number(name, group[name])
        checked_number("dampening", group["dampening"], negative=True)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                f"nesterov=True needs momentum > 0 and dampening = 0, got momentum = {group['momentum']} and "
                f"dampening = {group['dampening']}"
            )

    def _stable_lr(self, group: Mapping[str, Any], curvature: float) -> float | None:
        # Where a root of the recurrence along the steepest eigenvector reaches -1; plain: 2 / curvature.
        momentum = group["momentum"]
        gain = 1.0 + 2.0 * momentum if group["nesterov"] else 1.0 - group["dampening"] * (momentum > 0)
        steepest = gain * (curvature + group["weight_decay"])
        if group["maximize"] or momentum >= 1 or not 0 < steepest < math.inf:
            return None
        return float(2.0 * (1.0 + momentum) / steepest)

    def _rule(self, group: Mapping[str, Any]) -> core.train.Rule:
        return core.train.sgd(
            group["lr"],
            group["momentum"],
            group["dampening"],
            group["weight_decay"],
            bool(group["nesterov"]),
            bool(group["maximize"]),
        )
