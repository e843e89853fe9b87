"""NAdam."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastgrad._native import core
from fastgrad.optim.optimizer import Optimizer, checked_betas, checked_number

__all__ = ["NAdam"]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum: the step looks ahead to the next average.

    With the gradient ``g`` (plus `weight_decay` times the parameter) at step t, ``m`` and ``v`` as in `Adam`,
    ``mu(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2)`` and ``P(t) = mu(1) * ... * mu(t)``:
    ``step = (1 - mu(t)) / (1 - P(t)) * g + mu(t + 1) / (1 - P(t + 1)) * m`` and
    ``param -= lr * step / (sqrt(v / (1 - beta2**t)) + eps)``.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        What to update; dicts are groups with ``"params"`` and hyper-parameters of their own.
    lr : float
        Learning rate.
    betas : (float, float)
        How much of the averages stays at each step; each from 0 to below 1.
    eps, weight_decay, momentum_decay : float
        As above.
    decoupled_weight_decay : bool
        Whether to shrink the parameter itself by ``1 - lr * weight_decay``, as `AdamW` does.
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
    Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016, as PyTorch has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = fg.optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    True
    >>> [round(value, 4) for value in w.tolist()]
    [2.8944, -1.8944]
    """

    _slots = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        hyper = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        hyper = {**hyper, "momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, {**hyper, "maximize": maximize})

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay", "momentum_decay"):
            checked_number(name, group[name])
        checked_betas(group["betas"])

    def _rule(self, group: Mapping[str, Any]) -> core.train.Rule:
        beta1, beta2 = group["betas"]
        return core.train.nadam(
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["momentum_decay"],
            bool(group["decoupled_weight_decay"]),
            bool(group["maximize"]),
        )
