"""Jacobians by sweeps over what a function did: many at once, as a batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad._native import core
from fastgrad._transform import Linearized, Variables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastgrad._core import Tensor


def rows(output: Tensor, variables: Variables, create_graph: bool) -> list[Tensor]:
    """The Jacobian by each variable, by backward sweeps from each number of the output."""

    def sweep(seed: Any) -> list[Tensor]:
        return variables.gradients(output, seed, True, create_graph)

    shapes = [variable.shape for variable in variables.flat]
    made = _for_each_unit(sweep, output, shapes, [variable.dtype for variable in variables.flat])
    return [core.ops.reshape(row, output.shape + shape) for row, shape in zip(made, shapes, strict=True)]


def columns(output: Tensor, variables: Variables, create_graph: bool) -> list[Tensor]:
    """The same by forward sweeps from each number of the variables."""
    linearized = Linearized([output], variables.flat)
    flat = []
    for i, variable in enumerate(variables.flat):

        def sweep(direction: Any, i: int = i) -> list[Tensor]:
            directions = [None] * len(variables.flat)
            directions[i] = direction
            return linearized.push(directions, create_graph)

        (made,) = _for_each_unit(sweep, variable, [output.shape], [output.dtype])
        by_unit = core.ops.reshape(made, (variable.size, output.size))
        flat.append(core.ops.reshape(core.ops.transpose(by_unit, (1, 0)), output.shape + variable.shape))
    return flat


# Numbers of the results that sweeps are made for at once: what lies between takes some times as many.
_AT_ONCE = 1 << 22


def _for_each_unit(
    sweep: Callable[[Any], list[Tensor]],
    like: Tensor,
    shapes: Sequence[tuple[int, ...]],
    dtypes: Sequence[Any],
) -> list[Tensor]:
    """What `sweep` makes of each array that is 1 at one place of `like` and 0 elsewhere, stacked."""
    if like.size == 0:
        return [core.Tensor(np.zeros((0, *shape), t)) for shape, t in zip(shapes, dtypes, strict=True)]
    largest = max([like.size, *(math.prod(shape) for shape in shapes)])
    step = max(_AT_ONCE // largest, 1)
    parts = []
    for first in range(0, like.size, step):
        count = min(step, like.size - first)
        units = np.eye(count, like.size, first, like.dtype).reshape(count, *like.shape)
        parts.append(_swept_together(sweep, units) if count > 1 else _swept_in_turn(sweep, units))
    if len(parts) == 1:
        return parts[0]
    return [core.ops.concatenate(list(made), 0) for made in zip(*parts, strict=True)]


def _swept_together(sweep: Callable[[Any], list[Tensor]], seeds: NDArray[Any]) -> list[Tensor]:
    """As vmap does it, where every rule on the way can be recorded and has a meaning for a batch."""
    count = len(seeds)
    try:
        results = core.batched(lambda given: sweep(given[0]), [core.Tensor(seeds)], [0], count)
    except core.RecordingError:
        return _swept_in_turn(sweep, seeds)
    except TypeError as error:
        if not str(error).startswith("vmap:"):
            raise
        return _swept_in_turn(sweep, seeds)
    return [
        value if batched else core.ops.broadcast_to(value, (count, *value.shape))
        for value, batched in results
    ]


def _swept_in_turn(sweep: Callable[[Any], list[Tensor]], seeds: NDArray[Any]) -> list[Tensor]:
    made = zip(*(sweep(seed) for seed in seeds), strict=True)
    return [core.ops.concatenate([core.ops.reshape(t, (1, *t.shape)) for t in of_one], 0) for of_one in made]
