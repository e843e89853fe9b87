"""Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastgrad._native import core
from fastgrad.optim.optimizer import Optimizer, checked_number, checked_share

__all__ = ["Adadelta", "Adagrad"]


class Adagrad(Optimizer):
    """Steps scaled by the root of the sum of all squared gradients: large at first, then ever smaller.

    With the gradient ``g`` (plus `weight_decay` times the parameter) at step t: ``sum += g**2``,
    ``param -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(sum) + eps)``.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        What to update; dicts are groups with ``"params"`` and hyper-parameters of their own.
    lr : float
        Learning rate.
    lr_decay, weight_decay, eps : float
        As above.
    initial_accumulator_value : float
        Where the sum begins.
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
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
    JMLR 12, 2011, as PyTorch has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = fg.optim.Adagrad([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    True
    >>> [round(value, 4) for value in w.tolist()]
    [2.5, -1.5]
    """

    _slots = ("sum",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        hyper = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        hyper = {**hyper, "initial_accumulator_value": initial_accumulator_value}
        super().__init__(params, {**hyper, "maximize": maximize})

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            checked_number(name, group[name])

    def _rule(self, group: Mapping[str, Any]) -> core.train.Rule:
        return core.train.adagrad(
            group["lr"],
            group["lr_decay"],
            group["initial_accumulator_value"],
            group["eps"],
            group["weight_decay"],
            bool(group["maximize"]),
        )


class Adadelta(Optimizer):
    """Steps as large as the last ones were, relative to the gradients: the unit of `lr` is one.

    With the gradient ``g`` (plus `weight_decay` times the parameter): ``v = rho * v + (1 - rho) * g**2``,
    ``step = sqrt(u + eps) / sqrt(v + eps) * g``, ``u = rho * u + (1 - rho) * step**2`` and
    ``param -= lr * step``.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        What to update; dicts are groups with ``"params"`` and hyper-parameters of their own.
    lr : float
        Learning rate.
    rho : float
        How much of the averages stays at each step; from 0 to below 1.
    eps, weight_decay : float
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
    Zeiler, "ADADELTA: an adaptive learning rate method", 2012, as PyTorch has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = fg.optim.Adadelta([w], lr=100.0)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    True
    >>> [round(value, 4) for value in w.tolist()]
    [2.6838, -1.6838]
    """

    _slots = ("square_avg", "acc_delta")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        hyper = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**hyper, "maximize": maximize})

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay"):
            checked_number(name, group[name])
        checked_share("rho", group["rho"])

    def _rule(self, group: Mapping[str, Any]) -> core.train.Rule:
        return core.train.adadelta(
            group["lr"], group["rho"], group["eps"], group["weight_decay"], bool(group["maximize"])
        )
