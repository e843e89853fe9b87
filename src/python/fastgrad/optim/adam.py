"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from fastgrad._native import core
from fastgrad.optim.optimizer import Optimizer, checked_betas, checked_number

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Steps scaled by running averages of the gradient and of its square.

    With the gradient ``g`` (plus `weight_decay` times the parameter) at step t:
    ``m = beta1 * m + (1 - beta1) * g``, ``v = beta2 * v + (1 - beta2) * g**2``,
    ``param -= lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)``.

    Parameters
    ----------
    params : iterable of Tensor, or of dict
        What to update; dicts are groups with ``"params"`` and hyper-parameters of their own.
    lr : float
        Learning rate.
    betas : (float, float)
        How much of the averages stays at each step; each from 0 to below 1.
    eps, weight_decay : float
        As above.
    maximize : bool
        Whether to go up instead of down.

    Raises
    ------
    ValueError
        When a hyper-parameter is negative, not finite or out of range, there are no parameters, or one is not
        a leaf that requires a gradient.
    TypeError
        When a parameter is not a tensor or a hyper-parameter not a number.

    Notes
    -----
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, as PyTorch has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = fg.optim.Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    True
    >>> [round(value, 6) for value in w.tolist()]
    [2.5, -1.5]
    """

    _slots = ("exp_avg", "exp_avg_sq")
    _decoupled: ClassVar[bool] = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        hyper = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, hyper)

    def _check(self, group: Mapping[str, Any]) -> None:
        for name in ("lr", "eps", "weight_decay"):
            checked_number(name, group[name])
        checked_betas(group["betas"])

    def _rule(self, group: Mapping[str, Any]) -> core.train.Rule:
        beta1, beta2 = group["betas"]
        return core.train.adam(
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            self._decoupled,
            bool(group["maximize"]),
        )


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself, by ``1 - lr * weight_decay`` before each step.

    Parameters
    ----------
    params, lr, betas, eps, maximize
        As for `Adam`.
    weight_decay : float
        How much of the parameter goes at each step, times `lr`.

    Raises
    ------
    ValueError, TypeError
        As `Adam`.

    Notes
    -----
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, as PyTorch has it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> layer = fg.nn.Linear(3, 1)
    >>> fg.optim.AdamW(layer.parameters(), lr=0.01).param_groups[0]["weight_decay"]
    0.01
    """

    _decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, maximize=maximize)
