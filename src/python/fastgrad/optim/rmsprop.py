"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fastgrad._native import core
from fastgrad.optim.optimizer import Optimizer, checked_number, checked_share

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """Steps scaled by a running average of the gradient's square.

    With the gradient ``g`` (plus `weight_decay` times the parameter): ``v = alpha * v + (1 - alpha) * g**2``,
    ``param -= lr * g / (sqrt(v) + eps)``. With `centered`, the square of the running average of ``g`` comes
    off ``v`` first; with `momentum` the steps add up, ``buffer = momentum * buffer + step``, before `lr`.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        What to update; dicts are groups with ``"params"`` and hyper-parameters of their own.
    lr : float
        Learning rate.
    alpha : float
        How much of the average stays at each step; from 0 to below 1.
    eps, weight_decay, momentum : float
        As above.
    centered : bool
        Whether to divide by the standard deviation rather than the root of the mean square.
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
    Tieleman and Hinton, "Lecture 6.5: RMSProp", Coursera, 2012; centered: Graves, "Generating sequences with
    recurrent neural networks", 2013. Both as PyTorch has them.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = fg.optim.RMSprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    True
    >>> [round(value, 4) for value in w.tolist()]
    [2.0, -1.0]
    """

    _slots = ("square_avg", "momentum_buffer", "grad_avg")
    _optional = ("momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        hyper = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        hyper = {**hyper, "momentum": momentum, "centered": centered}
        super().__init__(params, {**hyper, "maximize": maximize})

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay", "momentum"):
            checked_number(name, group[name])
        checked_share("alpha", group["alpha"])

    def _rule(self, group: Mapping[str, Any]) -> core.train.Rule:
        return core.train.rmsprop(
            group["lr"],
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            bool(group["centered"]),
            bool(group["maximize"]),
        )
