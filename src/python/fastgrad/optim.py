"""Optimizers with PyTorch's names, arguments and formulas; each step is one native call."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastgrad._native import core

if TYPE_CHECKING:
    from fastgrad._core import Tensor

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]


class Optimizer:
    """What optimizers share: groups of parameters, each with hyper-parameters, and what is remembered of each parameter.

    Attributes
    ----------
    param_groups : list of dict
        Each with ``"params"`` and the hyper-parameters, which may be changed between steps:
        ``optimizer.param_groups[0]["lr"] = 0.01``.
    defaults : dict
        Hyper-parameters of groups that do not name their own.
    """

    # Names of what is remembered of a parameter, in the order of the native slots.
    _slots: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self._check(defaults)
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._tables: list[Any] = []
        for group in _groups(params):
            self.add_param_group(group)

    # --- what subclasses say

    def _check(self, group: Mapping[str, Any]) -> None:
        """Raise when a hyper-parameter does not fit."""

    def _update(self, table: Any, group: Mapping[str, Any]) -> bool:
        raise NotImplementedError

    # --- what users call

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Take up more parameters.

        Parameters
        ----------
        group : dict
            ``"params"``, and hyper-parameters that differ from the defaults.

        Raises
        ------
        TypeError
            When a parameter is not a tensor.
        ValueError
            When there are no parameters, one of them is not a leaf that requires a gradient or is there already, or a
            hyper-parameter is unknown or does not fit.
        """
        if not isinstance(group, dict) or "params" not in group:
            raise TypeError(f"a parameter group must be a dict with 'params', got {group!r:.200}")
        given = group["params"]
        params = [given] if isinstance(given, core.Tensor) else list(given)
        if not params:
            raise ValueError("params is empty: there is nothing to optimize")
        known = {id(param) for other in self.param_groups for param in other["params"]}
        for i, param in enumerate(params):
            if not isinstance(param, core.Tensor):
                raise TypeError(f"params[{i}] must be a tensor, got {type(param).__name__}")
            if not param.is_leaf:
                raise ValueError(f"params[{i}] was computed by {param.grad_fn!r}; an optimizer can only update leaf tensors")
            # A parameter of a model may be frozen; a plain tensor without a gradient is a mistake.
            if not param.requires_grad and type(param) is core.Tensor:
                raise ValueError(f"params[{i}] does not require a gradient: leave it out, or set requires_grad = True")
            if id(param) in known:
                raise ValueError(f"params[{i}] is in the optimizer already")
        unknown = sorted(set(group) - set(self.defaults) - {"params"})
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no hyper-parameter {unknown[0]!r}; it has {', '.join(self.defaults)}"
            )
        taken = {**self.defaults, **group, "params": params}
        self._check(taken)
        table = core.train.ParameterTable(params)
        self._tables.append(table)
        self.param_groups.append(taken)

    @property
    def lr(self) -> float:
        """The learning rate; setting it sets that of all groups."""
        rates = {group["lr"] for group in self.param_groups}
        if len(rates) > 1:
            raise ValueError(f"the groups have different learning rates, {sorted(rates)}: see param_groups")
        return float(rates.pop())

    @lr.setter
    def lr(self, value: float) -> None:
        checked = _number("lr", value)
        for group in self.param_groups:
            group["lr"] = checked

    def step(self) -> bool:
        """Update every parameter that has a gradient; those without one stay as they are.

        Returns
        -------
        bool
            Whether all new values are finite. Nothing is undone when they are not.

        Raises
        ------
        ValueError
            When a hyper-parameter was changed to what does not fit. Nothing is updated then.
        RecordingError
            While a function is recorded.
        """
        if core.is_recording():
            raise core.RecordingError("an optimizer writes to its parameters, which cannot be recorded: step outside")
        for group in self.param_groups:
            self._check(group)
        finite = [self._update(table, group) for table, group in zip(self._tables, self.param_groups, strict=True)]
        return all(finite)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: each `grad` becomes None."""
        for table in self._tables:
            table.zero_grad()

    # --- state

    def state_dict(self) -> dict[str, Any]:
        """Return hyper-parameters and what is remembered, as copies.

        Returns
        -------
        dict
            ``"state"``: for the number of each parameter that took a step, ``"step"`` and arrays shaped as it;
            ``"param_groups"``: as the attribute, with numbers in place of parameters.

        Examples
        --------
        >>> import fastgrad as fg
        >>> w = fg.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = fg.optim.SGD([w], lr=0.1, momentum=0.9)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        True
        >>> optimizer.state_dict()["state"][0]["momentum_buffer"]
        array([2., 4.])
        """
        state: dict[int, dict[str, Any]] = {}
        groups = []
        number = 0
        for table, group in zip(self._tables, self.param_groups, strict=True):
            count = len(group["params"])
            hyper = {name: value for name, value in group.items() if name != "params"}
            groups.append({**copy.deepcopy(hyper), "params": list(range(number, number + count))})
            for i in range(count):
                steps, slots = table.state(i)
                if steps:
                    arrays = zip(self._slots, slots, strict=False)
                    kept = {name: np.array(slot.numpy()) for name, slot in arrays if slot is not None}
                    state[number + i] = {"step": steps, **kept}
            number += count
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; nothing changes when anything does not fit.

        Parameters
        ----------
        state_dict : mapping
            Of an optimizer of the same class over parameters of the same shapes in the same order.

        Raises
        ------
        ValueError
            When groups, parameters, shapes or hyper-parameters differ.
        TypeError
            When `state_dict` is not such a mapping.
        """
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise TypeError("state_dict must be a mapping with 'state' and 'param_groups'")
        groups, state = state_dict["param_groups"], state_dict["state"]
        if len(groups) != len(self.param_groups):
            raise ValueError(f"state_dict has {len(groups)} parameter groups, the optimizer has {len(self.param_groups)}")
        taken = []
        for i, (own, given) in enumerate(zip(self.param_groups, groups, strict=True)):
            if len(given["params"]) != len(own["params"]):
                raise ValueError(
                    f"param_groups[{i}] has {len(given['params'])} parameters, the optimizer has {len(own['params'])}"
                )
            hyper = {name: given[name] for name in self.defaults if name in given}
            self._check({**own, **hyper})
            taken.append({**own, **copy.deepcopy(hyper)})
        restored = []
        for table, own, given in zip(self._tables, self.param_groups, groups, strict=True):
            for i, (param, number) in enumerate(zip(own["params"], given["params"], strict=True)):
                steps, slots = self._parameter_state(state.get(number, {}), param, number)
                restored.append((table, i, steps, slots))
        for table, i, steps, slots in restored:
            table.restore(i, steps, slots)
        self.param_groups = taken

    def _parameter_state(self, kept: Mapping[str, Any], param: Tensor, number: int) -> tuple[int, list[Any]]:
        steps = kept.get("step", 1 if kept else 0)
        slots: list[Any] = []
        for name in self._slots:
            value = kept.get(name)
            if value is not None:
                value = core.Tensor(np.asarray(value))
                if value.shape != param.shape:
                    raise ValueError(f"state[{number}][{name!r}] has shape {value.shape}, expected {param.shape}")
            slots.append(value)
        if steps and len({slot is None for slot in slots}) > 1:
            raise ValueError(f"state[{number}] must hold all of {', '.join(self._slots)}, got {', '.join(kept)}")
        return int(steps), slots

    def __getstate__(self) -> dict[str, Any]:
        plain = {name: value for name, value in self.__dict__.items() if name != "_tables"}
        return {**plain, "_state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.pop("_state")
        self.__dict__.update(state)
        self._tables = [core.train.ParameterTable(group["params"]) for group in self.param_groups]
        self.load_state_dict(kept)

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            hyper = ", ".join(f"{name}={value}" for name, value in group.items() if name != "params")
            lines.append(f"{len(group['params'])} parameters, {hyper}")
        return f"{type(self).__name__}({'; '.join(lines)})"


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
        When a hyper-parameter is negative or not finite, there are no parameters, or one is not a leaf that requires a
        gradient.
    TypeError
        When a parameter is not a tensor or a hyper-parameter not a number.

    Notes
    -----
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning", ICML 2013,
    as PyTorch has it.

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
            _number(name, group[name])
        _number("dampening", group["dampening"], negative=True)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                f"nesterov=True needs momentum > 0 and dampening = 0, got momentum = {group['momentum']} and "
                f"dampening = {group['dampening']}"
            )

    def _update(self, table: Any, group: Mapping[str, Any]) -> bool:
        return bool(
            table.sgd(
                group["lr"],
                group["momentum"],
                group["dampening"],
                group["weight_decay"],
                bool(group["nesterov"]),
                bool(group["maximize"]),
            )
        )


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
        When a hyper-parameter is negative, not finite or out of range, there are no parameters, or one is not a leaf
        that requires a gradient.
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
            _number(name, group[name])
        betas = group["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"betas must be a pair of numbers, got {betas!r}")
        for i, beta in enumerate(betas):
            if _number(f"betas[{i}]", beta) >= 1.0:
                raise ValueError(f"betas[{i}] must be from 0 to below 1, got {beta}")

    def _update(self, table: Any, group: Mapping[str, Any]) -> bool:
        beta1, beta2 = group["betas"]
        return bool(
            table.adam(
                group["lr"], beta1, beta2, group["eps"], group["weight_decay"], self._decoupled, bool(group["maximize"])
            )
        )


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself: ``param *= 1 - lr * weight_decay`` before each step.

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


def _groups(params: Iterable[Any]) -> list[dict[str, Any]]:
    if isinstance(params, core.Tensor):
        raise TypeError("params must be an iterable of tensors or dicts, got a single tensor: write [tensor]")
    if isinstance(params, (dict, str)):
        raise TypeError(f"params must be an iterable of tensors or dicts, got a {type(params).__name__}")
    listed = list(params)
    if not listed:
        raise ValueError("params is empty: there is nothing to optimize")
    return listed if all(isinstance(group, dict) for group in listed) else [{"params": listed}]


def _number(name: str, value: Any, negative: bool = False) -> float:
    """Return a hyper-parameter as a float, or raise naming it."""
    if isinstance(value, core.Tensor) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not math.isfinite(value) or (value < 0 and not negative):
        raise ValueError(f"{name} must be finite{'' if negative else ' and at least 0'}, got {value}")
    return float(value)
