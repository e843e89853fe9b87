"""vmap: a function of one example made one of many, each of its operations done once for all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from fastgrad import _nest
from fastgrad._native import core
from fastgrad._transform import checked_function, name_of, output_tensor

Axes = Any  # an int, None, or a nest of them


class _Leaf(NamedTuple):
    """One leaf of the arguments or results: its name, for people, and along which axis its examples lie."""

    name: str
    axis: int | None


def vmap(f: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0) -> Callable[..., Any]:
    """Function that does for a whole batch of examples what `f` does for one.

    Parameters
    ----------
    f : callable
        Takes the arguments of one example: numbers, arrays, tensors, and nests of them in dicts, lists and
        tuples. Computes with fastgrad operations and returns tensors, arrays or numbers, or nests of them.
    in_axes : int, None, or a nest of them, default 0
        Along which axis of each argument the examples lie; negative axes count from the end, None is for what
        is the same for all examples. One for all positional arguments, or a tuple or list with an item for
        each, where an item may in turn be a nest that is the upper part of the argument's own. Keyword
        arguments are batched along axis 0.
    out_axes : int, None, or a nest of them, default 0
        Where the batch goes in each result: one for all, or a nest that is the upper part of what `f`
        returns. None is for results that are the same for all examples.

    Returns
    -------
    callable
        Takes the arguments of `f` with a batch axis more, returns the results with a batch axis more. NumPy
        arrays for NumPy arguments, tensors where an argument is a tensor or a tensor that requires a gradient
        had a part in the result.

    Raises
    ------
    ValueError
        If an axis is out of range, the arguments hold different numbers of examples, or nothing is batched;
        if a result that differs between examples has None in `out_axes`.
    TypeError
        If `in_axes` or `out_axes` is not nested as the arguments or results, a leaf to be batched is no
        array, or `f` returns something else than numbers.
    RecordingError
        If `f` reads a value (``if x > 0``, ``float(x)``): it stands for all examples at once. Use
        `fastgrad.where`.

    Notes
    -----
    `f` runs once at each call, on stand-ins with the shapes of one example; what it did is then done for the
    batch, operation by operation. Operations on what is the same for all examples are done once, and a
    product of a batch of rows with one matrix is one product. The result is differentiable and can be
    compiled, and `f` may itself take derivatives: ``compile(vmap(grad(loss)))`` replays natively. Random
    numbers are drawn for each example. Tensors from outside are the same for all examples, and gradients flow
    to them.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]])
    >>> w = np.array([1.0, -1.0])
    >>> fg.vmap(lambda x, w: x @ w, in_axes=(0, None))(x, w)
    array([-1., -1., -1.])

    The gradient of each example's loss:

    >>> fg.vmap(fg.grad(lambda w, x: fg.tanh(x @ w)), in_axes=(None, 0))(w, x).round(3)
    array([[0.42, 0.84],
           [1.26, 1.68],
           [0.  , 0.42]])
    """
    checked_function(f)
    _check_axes(in_axes, "in_axes")
    _check_axes(out_axes, "out_axes")
    if not (in_axes is None or isinstance(in_axes, (int, tuple, list))):
        raise TypeError(
            "in_axes must be an int, None, or a tuple or list with an item for each argument, got a "
            f"{type(in_axes).__name__}"
        )

    @functools.wraps(f)
    def vmapped(*args: Any, **keywords: Any) -> Any:
        leaves, structure = _nest.flatten((args, keywords))
        described = _describe_arguments(f, structure, in_axes)
        inputs, axes, places = [], [], []
        for place, (leaf, about) in enumerate(zip(leaves, described, strict=True)):
            tensor = _input(leaf, about, f)
            if tensor is not None:
                inputs.append(tensor)
                places.append(place)
                axes.append(_axis_in(about.axis, tensor.ndim, about.name, tensor.shape))
        size = _batch_size(inputs, axes, [described[place].name for place in places], f)
        outputs: list[Any] = []

        def one_example(tensors: list[Any]) -> list[Any]:
            of_one = list(leaves)
            for place, tensor in zip(places, tensors, strict=True):
                of_one[place] = tensor
            some_args, some_keywords = _nest.unflatten(structure, of_one)
            results, nesting = _nest.flatten(f(*some_args, **some_keywords))
            outputs.append(nesting)
            return [output_tensor(result, f) for result in results]

        results = core.batched(one_example, inputs, [-1 if axis is None else axis for axis in axes], size)
        keep = core.is_recording() or any(isinstance(leaf, core.Tensor) for leaf in leaves)
        about_results = list(_describe(out_axes, outputs[0], "out_axes", "result"))
        finished: list[Any] = []
        while results:
            value, is_batched = results.pop(0)
            value = _placed(value, is_batched, about_results[len(finished)], size, f)
            finished.append(value if keep or value.requires_grad else core.to_result(value))
        return _nest.unflatten(outputs[0], finished)

    return vmapped


def _check_axes(axes: Axes, name: str) -> None:
    """Ints and None, in dicts, lists and tuples."""
    if isinstance(axes, dict):
        inner = list(axes.values())
    elif isinstance(axes, (list, tuple)):
        inner = list(axes)
    elif axes is None or (isinstance(axes, int) and not isinstance(axes, bool)):
        return
    else:
        raise TypeError(f"{name} must be an int, None, or a nest of them, got {axes!r}")
    for part in inner:
        _check_axes(part, name)


def _describe_arguments(f: Callable[..., Any], structure: Any, in_axes: Axes) -> list[_Leaf]:
    _, _, positional, keywords = structure
    count = len(positional) - 2
    if isinstance(in_axes, (list, tuple)) and len(in_axes) != count:
        raise ValueError(
            f"in_axes has {len(in_axes)} item{'' if len(in_axes) == 1 else 's'}, but {name_of(f)} was called "
            f"with {count} positional argument{'' if count == 1 else 's'}"
        )
    leaves: list[_Leaf] = []
    for i, argument in enumerate(positional[2:]):
        axes = in_axes[i] if isinstance(in_axes, (list, tuple)) else in_axes
        where = f"in_axes[{i}]" if isinstance(in_axes, (list, tuple)) else "in_axes"
        leaves += _describe(axes, argument, where, f"argument {i}")
    for key, argument in zip(keywords[1], keywords[2:], strict=True):
        leaves += _describe(0, argument, "in_axes", f"argument {key!r}")
    return leaves


def _describe(axes: Axes, structure: Any, axes_name: str, name: str) -> Iterator[_Leaf]:
    """The leaves of a nest of that structure, with the axes that a prefix of the nest gives them."""
    if structure is None:
        return
    nested = isinstance(axes, (dict, list, tuple))
    if structure == "*":
        if nested:
            raise TypeError(
                f"{axes_name} is a {type(axes).__name__}, but {name} is no nest: expected an int or None"
            )
        yield _Leaf(name, axes)
        return
    kind, keys, *_ = structure
    parts = _nest.parts(structure)
    labels = [label for label, _ in parts]
    if nested:
        expected = dict if keys is not None else (list, tuple)
        if not isinstance(axes, expected):
            raise TypeError(f"{axes_name} is a {type(axes).__name__}, but {name} is a {kind.__name__}")
        if keys is not None and set(axes) != set(labels):
            raise TypeError(f"{axes_name} has keys {list(axes)}, but {name} has {labels}")
        if keys is None and len(axes) != len(labels):
            raise TypeError(f"{axes_name} has {len(axes)} items, but {name} has {len(labels)}")
    for label, part in parts:
        if nested:
            yield from _describe(axes[label], part, f"{axes_name}[{label!r}]", f"{name}[{label!r}]")
        else:
            yield from _describe(axes, part, axes_name, f"{name}[{label!r}]")


def _input(leaf: Any, about: _Leaf, f: Callable[..., Any]) -> Any:
    """What the recording takes as an input; None for what is handed to the function as it is."""
    if about.axis is None and not isinstance(leaf, (core.Tensor, np.ndarray, np.generic)):
        return None
    if about.axis is None and not isinstance(leaf, core.Tensor) and leaf.dtype.kind not in "biuf":
        return None
    tensor = core.operand(leaf)
    if tensor is None:
        raise TypeError(
            f"{about.name} of the vmapped {name_of(f)} is a {type(leaf).__name__}; expected an array or "
            "tensor with a batch axis, or None in in_axes"
        )
    return tensor


def _axis_in(axis: int | None, ndim: int, name: str, shape: tuple[int, ...]) -> int | None:
    if axis is None:
        return None
    if not -ndim <= axis < ndim:
        raise ValueError(f"vmap: axis {axis} is out of range for {name} of shape {shape}")
    return axis % ndim


def _batch_size(inputs: list[Any], axes: list[int | None], names: list[str], f: Callable[..., Any]) -> int:
    sizes = [
        (name, tensor.shape[axis])
        for name, tensor, axis in zip(names, inputs, axes, strict=True)
        if axis is not None
    ]
    if not sizes:
        raise ValueError(
            f"vmap: nothing that {name_of(f)} was called with is batched: at least one leaf of the arguments "
            "needs an axis in in_axes"
        )
    if len({size for _, size in sizes}) > 1:
        listed = ", ".join(f"{size} in {name}" for name, size in sizes)
        raise ValueError(f"vmap: all batched arguments must hold the same number of examples, got {listed}")
    size: int = sizes[0][1]
    return size


def _placed(value: Any, is_batched: bool, about: _Leaf, size: int, f: Callable[..., Any]) -> Any:
    """A result with its batch axis, which lies in front, where out_axes wants it."""
    if about.axis is None:
        if is_batched:
            raise ValueError(
                f"vmap: {about.name} of {name_of(f)} differs between examples, but out_axes has None for it"
            )
        return value
    if not is_batched:
        value = core.ops.broadcast_to(value, (size, *value.shape))
    if not -value.ndim <= about.axis < value.ndim:
        raise ValueError(
            f"vmap: axis {about.axis} of out_axes is out of range for {about.name} of {name_of(f)}, which "
            f"has shape {value.shape} with the batch in front"
        )
    axis = about.axis % value.ndim
    if axis == 0:
        return value
    order = list(range(1, value.ndim))
    order.insert(axis, 0)
    return core.ops.transpose(value, tuple(order))
