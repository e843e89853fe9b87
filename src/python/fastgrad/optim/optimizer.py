"""Optimizer: what all optimizers share."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastgrad._native import core

if TYPE_CHECKING:
    from fastgrad._core import Tensor

__all__ = ["Optimizer", "checked_betas", "checked_number", "checked_share"]


class Optimizer:
    """What optimizers share: groups of parameters with hyper-parameters, and what is remembered of each one.

    Attributes
    ----------
    param_groups : list of dict
        Each with ``"params"`` and the hyper-parameters, which may be changed between steps:
        ``optimizer.param_groups[0]["lr"] = 0.01``.
    defaults : dict
        Hyper-parameters of groups that do not name their own.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w, b = (fg.tensor(0.0, requires_grad=True) for _ in range(2))
    >>> optimizer = fg.optim.SGD([{"params": w, "lr": 0.1}, {"params": b}], lr=0.01)
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.1, 0.01]
    """

    # Names of what is remembered of a parameter, in the order of the native slots.
    _slots: ClassVar[tuple[str, ...]] = ()
    # Those that only some hyper-parameters need.
    _optional: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self._check(defaults)
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._tables: list[Any] = []
        # The rules as they were, with the groups they were made of.
        self._groups_kept: list[dict[str, Any]] = []
        self._rules_kept: list[core.train.Rule] = []
        for group in _groups(params):
            self.add_param_group(group)

    # --- what subclasses say

    def _check(self, group: Mapping[str, Any]) -> None:
        """Raise when a hyper-parameter does not fit."""

    def _rule(self, group: Mapping[str, Any]) -> core.train.Rule:
        """Return what one native step does, with a group's hyper-parameters; `_check` has passed them."""
        raise NotImplementedError(f"{type(self).__name__} must define _rule(self, group)")

    def _stable_lr(self, group: Mapping[str, Any], curvature: float) -> float | None:
        """Return the largest stable learning rate where the loss curves by so much at most, if known."""

    # --- what training loops use

    def _rules(self) -> list[core.train.Rule]:
        """Return the rule of each group, or raise when a hyper-parameter was changed to what does not fit."""
        groups, kept = self.param_groups, self._groups_kept
        if len(groups) != len(kept) or any(map(operator.ne, groups, kept)):
            for group in groups:
                self._check(group)
            self._rules_kept = [self._rule(group) for group in groups]
            self._groups_kept = [dict(group) for group in groups]
        return self._rules_kept

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
            When there are no parameters, one of them is not a leaf that requires a gradient or is there
            already, or a hyper-parameter is unknown or does not fit.
        """
        checked: Any = group
        if not isinstance(checked, dict) or "params" not in checked:
            raise TypeError(f"a parameter group must be a dict with 'params', got {checked!r:.200}")
        given = group["params"]
        params = [given] if isinstance(given, core.Tensor) else list(given)
        if not params:
            raise ValueError("params is empty: there is nothing to optimize")
        known = {id(param) for other in self.param_groups for param in other["params"]}
        for i, param in enumerate(params):
            if not isinstance(param, core.Tensor):
                raise TypeError(f"params[{i}] must be a tensor, got {type(param).__name__}")
            if not param.is_leaf:
                raise ValueError(
                    f"params[{i}] was computed by {param.grad_fn!r}; an optimizer updates leaf tensors only"
                )
            # A parameter of a model may be frozen; a plain tensor without a gradient is a mistake.
            if not param.requires_grad and type(param) is core.Tensor:
                raise ValueError(
                    f"params[{i}] does not require a gradient: leave it out, or set requires_grad = True"
                )
            if id(param) in known:
                raise ValueError(f"params[{i}] is in the optimizer already")
        unknown = sorted(set(group) - set(self.defaults) - {"params"})
        if unknown:
            raise ValueError(
                f"{type(self).__name__} has no hyper-parameter {unknown[0]!r}; it has "
                f"{', '.join(self.defaults)}"
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
        checked = checked_number("lr", value)
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
            raise core.RecordingError(
                "an optimizer writes to its parameters, which cannot be recorded: step outside"
            )
        rules = self._rules()
        finite = [table.step(rule) for table, rule in zip(self._tables, rules, strict=True)]
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
            ``"state"``: for the number of each parameter that took a step, ``"step"`` and arrays shaped as
            it; ``"param_groups"``: as the attribute, with numbers in place of parameters.

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
        checked: Any = state_dict
        if not isinstance(checked, Mapping) or not {"state", "param_groups"} <= set(checked):
            raise TypeError("state_dict must be a mapping with 'state' and 'param_groups'")
        groups, state = state_dict["param_groups"], state_dict["state"]
        if len(groups) != len(self.param_groups):
            raise ValueError(
                f"state_dict has {len(groups)} parameter groups, the optimizer has {len(self.param_groups)}"
            )
        taken = []
        for i, (own, given) in enumerate(zip(self.param_groups, groups, strict=True)):
            if len(given["params"]) != len(own["params"]):
                raise ValueError(
                    f"param_groups[{i}] has {len(given['params'])} parameters, "
                    f"the optimizer has {len(own['params'])}"
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
                    raise ValueError(
                        f"state[{number}][{name!r}] has shape {value.shape}, expected {param.shape}"
                    )
            slots.append(value)
        needed = [name for name in self._slots if name not in self._optional]
        if steps and len({kept.get(name) is None for name in needed}) > 1:
            raise ValueError(f"state[{number}] must hold all of {', '.join(needed)}, got {', '.join(kept)}")
        return int(steps), slots

    def __getstate__(self) -> dict[str, Any]:
        native = ("_tables", "_rules_kept", "_groups_kept")
        plain = {name: value for name, value in self.__dict__.items() if name not in native}
        return {**plain, "_state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.pop("_state")
        self.__dict__.update(state)
        self._rules_kept, self._groups_kept = [], []
        self._tables = [core.train.ParameterTable(group["params"]) for group in self.param_groups]
        self.load_state_dict(kept)

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            hyper = ", ".join(f"{name}={value}" for name, value in group.items() if name != "params")
            lines.append(f"{len(group['params'])} parameters, {hyper}")
        return f"{type(self).__name__}({'; '.join(lines)})"


def _groups(params: Any) -> list[dict[str, Any]]:
    if isinstance(params, core.Tensor):
        raise TypeError("params must be an iterable of tensors or dicts, got a single tensor: write [tensor]")
    if hasattr(params, "parameters"):
        raise TypeError(f"params must be tensors, got a {type(params).__name__}: pass its .parameters()")
    if isinstance(params, (dict, str)):
        raise TypeError(f"params must be an iterable of tensors or dicts, got a {type(params).__name__}")
    listed = list(params)
    if not listed:
        raise ValueError("params is empty: there is nothing to optimize")
    return listed if all(isinstance(group, dict) for group in listed) else [{"params": listed}]


def checked_number(name: str, value: Any, negative: bool = False) -> float:
    """Return a hyper-parameter as a float, or raise naming it."""
    if isinstance(value, core.Tensor) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not math.isfinite(value) or (value < 0 and not negative):
        raise ValueError(f"{name} must be finite{'' if negative else ' and at least 0'}, got {value}")
    return float(value)


def checked_share(name: str, value: Any) -> float:
    """Return how much of an average stays at each step as a float, or raise naming it."""
    share = checked_number(name, value)
    if share >= 1.0:
        raise ValueError(f"{name} must be from 0 to below 1, got {value}")
    return share


def checked_betas(betas: Any) -> None:
    """Raise when this is no pair of shares."""
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(f"betas must be a pair of numbers, got {betas!r}")
    for i, beta in enumerate(betas):
        checked_share(f"betas[{i}]", beta)
