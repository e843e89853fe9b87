"""What every derivative function does around the function it was given: variables in, graph or arrays out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastgrad import _nest
from fastgrad._native import core

if TYPE_CHECKING:
    from fastgrad._core import Tensor


def _variable(leaf: Any, function: Callable[..., Any], number: int) -> Tensor:
    """A fresh variable of the graph with the leaf's numbers."""
    try:
        variable = core.variable(leaf)
    except TypeError as error:
        raise TypeError(
            f"argument {number} of {name_of(function)} cannot be differentiated by: {error}"
        ) from None
    if variable is not None:
        return variable
    numbers = core.operand(leaf)
    if numbers is None:
        raise TypeError(
            f"argument {number} of {name_of(function)} holds a {type(leaf).__name__}; expected numbers, "
            "arrays or tensors"
        )
    raise TypeError(
        f"argument {number} of {name_of(function)} has dtype {numbers.dtype}; derivatives need float32 or "
        "float64, convert it with .astype(float)"
    )


class Variables:
    """The arguments to differentiate by, as variables, and the other arguments as they came."""

    def __init__(
        self, function: Callable[..., Any], args: Sequence[Any], argnums: int | Sequence[int]
    ) -> None:
        self._single = isinstance(argnums, int)
        self.args = list(args)
        self.flat: list[Tensor] = []
        self._structures: list[tuple[Any, int]] = []
        places = set()
        for number in (argnums,) if isinstance(argnums, int) else argnums:
            if not -len(args) <= number < len(args):
                raise ValueError(
                    f"argnums {number} is out of range: {name_of(function)} was called with {len(args)} "
                    f"positional argument{'' if len(args) == 1 else 's'}"
                )
            if number % len(args) in places:
                raise ValueError(f"argnums {argnums} names argument {number % len(args)} twice")
            places.add(number % len(args))
            leaves, structure = _nest.flatten(args[number])
            variables = [_variable(leaf, function, number) for leaf in leaves]
            self.args[number] = _nest.unflatten(structure, variables)
            self.flat += variables
            self._structures.append((structure, len(leaves)))

    def nest(self, flat: list[Any]) -> Any:
        """One thing per variable, as the arguments are nested."""
        out = []
        start = 0
        for structure, count in self._structures:
            out.append(_nest.unflatten(structure, flat[start : start + count]))
            start += count
        return out[0] if self._single else tuple(out)

    def gradients(self, output: Tensor, seed: Any, retain_graph: bool, create_graph: bool) -> list[Tensor]:
        flows = core.gradients([output], [seed], self.flat, retain_graph, create_graph)
        return filled(flows, self.flat)


class Linearized:
    """Outputs as a linear function of small changes of the variables they were computed from."""

    def __init__(self, outputs: list[Tensor], variables: list[Tensor]) -> None:
        self._weights = [variable_of(core.zeros_like(output)) for output in outputs]
        flows = core.gradients(outputs, self._weights, variables, True, True)
        # Of <weights, outputs>, and linear in the weights; by the variables that the outputs depend on.
        self._flows = {i: flow for i, flow in enumerate(flows) if flow is not None and flow.requires_grad}

    def push(self, directions: Sequence[Any], create_graph: bool) -> list[Tensor]:
        """What the outputs change by; a direction may be None for zeros."""
        moved = [i for i in self._flows if directions[i] is not None]
        if not moved:
            return [core.zeros_like(weight) for weight in self._weights]
        changes = core.gradients(
            [self._flows[i] for i in moved], [directions[i] for i in moved], self._weights, True, create_graph
        )
        return filled(changes, self._weights)


def variable_of(tensor: Tensor) -> Tensor:
    """A fresh variable of the graph with the numbers of a tensor of real ones."""
    variable = core.variable(tensor)
    assert variable is not None
    return variable


def checked_argnums(argnums: Any) -> int | tuple[int, ...]:
    """An int, or ints; what else there is in NumPy and Python to write them made one of these."""
    try:
        if isinstance(argnums, (str, bool)):
            raise TypeError
        if hasattr(argnums, "__index__"):
            return operator.index(argnums)
        numbers = tuple(operator.index(number) for number in argnums)
    except TypeError:
        raise TypeError(f"argnums must be an int or a sequence of ints, got {argnums!r}") from None
    if not numbers:
        raise ValueError("argnums is empty: there is nothing to differentiate by")
    return numbers


def checked_function(f: Any) -> None:
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")


def cut(leaf: Any) -> Any:
    return core.cut(leaf) if isinstance(leaf, core.Tensor) else leaf


def name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def output_tensor(value: Any, function: Callable[..., Any]) -> Tensor:
    if isinstance(value, core.Tensor):
        return value
    tensor = core.operand(value)
    if tensor is None:
        raise TypeError(
            f"{name_of(function)} returned a {type(value).__name__}; expected a tensor or a number"
        )
    return tensor


def float_output(value: Any, function: Callable[..., Any]) -> Tensor:
    output = output_tensor(value, function)
    _check_floating(output, function)
    return output


def _check_floating(output: Tensor, function: Callable[..., Any]) -> None:
    if output.dtype.kind != "f":
        raise TypeError(f"{name_of(function)} returned {output.dtype}; expected float32 or float64")


def scalar_output(value: Any, function: Callable[..., Any]) -> Tensor:
    scalar = core.scalar(value) if isinstance(value, core.Tensor) else None
    if scalar is not None:
        return scalar
    output = output_tensor(value, function)
    if output.size != 1:
        raise ValueError(
            f"grad needs a function that returns one number, but {name_of(function)} returned shape "
            f"{output.shape}; reduce it (sum, mean) or use fastgrad.jacobian"
        )
    _check_floating(output, function)
    return output if output.shape == () else core.ops.reshape(output, ())


def filled(flows: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor]:
    """Zeros where nothing flows."""
    return [core.zeros_like(t) if flow is None else flow for flow, t in zip(flows, like, strict=True)]


def float_outputs(value: Any, f: Callable[..., Any]) -> tuple[list[Tensor], object]:
    """The tensors that a function has returned, and how they are nested."""
    leaves, structure = _nest.flatten(value)
    outputs = [output_tensor(leaf, f) for leaf in leaves]
    if not outputs:
        raise TypeError(f"{name_of(f)} returned no numbers")
    for output in outputs:
        _check_floating(output, f)
    return outputs, structure
