"""Functions in, derivative functions out: NumPy arrays or tensors in and out, any nest as an argument."""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad import _nest
from fastgrad._native import core

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastgrad._core import Tensor

_active = threading.local()


class _Transform:
    """One call of a derivative function: how deep it is nested, and whether its results are tensors."""

    def __init__(self, args: Any) -> None:
        leaves, _ = _nest.flatten(args)
        tensors = [leaf for leaf in leaves if isinstance(leaf, core.Tensor)]
        self._depth = getattr(_active, "depth", 0)
        outer_graph = any(t.requires_grad for t in tensors)
        recording = core.is_recording()
        self.gives_tensors = bool(tensors) or self._depth > 0 or recording
        # Someone may differentiate the result again: an enclosing transform, or the arguments' own graph.
        self.create_graph = core.is_grad_enabled() and (self._depth > 0 or outer_graph)
        # A recording may be differentiated later, but under no_grad its results leave without a trace.
        self._leaves_trace = recording and not core.is_grad_enabled()
        # Within an outermost call nothing outlives it, so arrays mixed into operations need no copy.
        self._borrows = self._depth == 0 and not outer_graph

    def __enter__(self) -> Self:
        _active.depth = self._depth + 1
        self._grad_before = core.set_grad_enabled(True)
        self._transforming_before = core.set_transforming(True)
        self._borrow_before = core.set_borrowing(True) if self._borrows else None
        return self

    def __exit__(self, *exception: object) -> None:
        _active.depth = self._depth
        core.set_grad_enabled(self._grad_before)
        core.set_transforming(self._transforming_before)
        if self._borrow_before is not None:
            core.set_borrowing(self._borrow_before)

    def result(self, nest: Any) -> Any:
        """What the caller gets: tensors cut loose unless they are to be differentiated again, or arrays."""

        def leaf_result(leaf: Any) -> Any:
            if not isinstance(leaf, core.Tensor):
                return leaf
            if not self.gives_tensors:
                return core.to_result(leaf)
            if self.create_graph:
                return leaf
            return leaf.detach() if self._leaves_trace else core.own(leaf)

        return _nest.map_leaves(leaf_result, nest)


def _variable(leaf: Any, name: str) -> Tensor:
    """A fresh variable of the graph with the leaf's numbers."""
    if isinstance(leaf, core.Tensor) and leaf.requires_grad:
        return core.ops.identity(leaf)
    if isinstance(leaf, int) and not isinstance(leaf, bool):
        leaf = float(leaf)
    if isinstance(leaf, core.Tensor):
        variable: Tensor | None = core.cut(leaf)
    else:
        try:
            variable = core.operand(leaf)
        except TypeError as error:
            raise TypeError(f"{name} cannot be differentiated by: {error}") from None
    if variable is None:
        raise TypeError(f"{name} holds a {type(leaf).__name__}; expected numbers, arrays or tensors")
    if variable.dtype.kind != "f":
        raise TypeError(
            f"{name} has dtype {variable.dtype}; derivatives need float32 or float64, convert it with "
            ".astype(float)"
        )
    variable.requires_grad = True
    return variable


class _Variables:
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
                    f"argnums {number} is out of range: {_name(function)} was called with {len(args)} "
                    f"positional argument{'' if len(args) == 1 else 's'}"
                )
            if number % len(args) in places:
                raise ValueError(f"argnums {argnums} names argument {number % len(args)} twice")
            places.add(number % len(args))
            leaves, structure = _nest.flatten(args[number])
            variables = [_variable(leaf, f"argument {number} of {_name(function)}") for leaf in leaves]
            self.args[number] = _nest.unflatten(structure, list(variables))
            self.flat += variables
            self._structures.append((structure, len(leaves)))

    def nest(self, flat: Sequence[Any]) -> Any:
        """One thing per variable, as the arguments are nested."""
        out = []
        start = 0
        for structure, count in self._structures:
            out.append(_nest.unflatten(structure, list(flat[start : start + count])))
            start += count
        return out[0] if self._single else tuple(out)

    def gradients(self, output: Tensor, seed: Any, retain_graph: bool, create_graph: bool) -> list[Tensor]:
        flows = core.gradients([output], [seed], self.flat, retain_graph, create_graph)
        return [core.zeros_like(v) if g is None else g for g, v in zip(flows, self.flat, strict=True)]


def _checked_argnums(argnums: Any) -> int | tuple[int, ...]:
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


def _checked_function(f: Any) -> None:
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")


def _cut(leaf: Any) -> Any:
    return core.cut(leaf) if isinstance(leaf, core.Tensor) else leaf


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _output(value: Any, function: Callable[..., Any]) -> Tensor:
    if isinstance(value, core.Tensor):
        return value
    tensor = core.operand(value)
    if tensor is None:
        raise TypeError(f"{_name(function)} returned a {type(value).__name__}; expected a tensor or a number")
    return tensor


def _scalar_output(value: Any, function: Callable[..., Any]) -> Tensor:
    output = _output(value, function)
    if output.size != 1:
        raise ValueError(
            f"grad needs a function that returns one number, but {_name(function)} returned shape "
            f"{output.shape}; reduce it (sum, mean) or use fastgrad.jacobian"
        )
    if output.dtype.kind != "f":
        raise TypeError(f"{_name(function)} returned {output.dtype}; expected float32 or float64")
    return output if output.shape == () else core.ops.reshape(output, ())


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Function that returns the value of `f` and its gradient, by one run and one backward sweep.

    Parameters
    ----------
    f : callable
        Returns one number (with `has_aux`, a pair of it and anything else).
    argnums : int or sequence of int, default 0
        Which positional arguments to differentiate by. Each may be a number, an array, a tensor, or a nest of
        them in dicts, lists and tuples.
    has_aux : bool, default False
        Whether `f` returns ``(value, aux)``; `aux` is handed through.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns ``(value, gradient)`` (``((value, aux), gradient)`` with
        `has_aux`). The gradient is nested as the argument is, or a tuple of such for a sequence of `argnums`.
        NumPy arrays for NumPy arguments, tensors for tensors.

    Raises
    ------
    ValueError
        If `f` returns more than one number, or `argnums` is out of range.
    TypeError
        If an argument to differentiate by does not hold real numbers.

    Notes
    -----
    Reverse-mode automatic differentiation: Griewank and Walther, *Evaluating Derivatives*, 2nd ed., chapter
    3. Arrays that `f` mixes with its arguments are read in place during the call: do not write to them inside
    `f`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.value_and_grad(lambda x: x**2)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """
    _checked_function(f)
    argnums = _checked_argnums(argnums)

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **keywords: Any) -> Any:
        with _Transform((args, keywords)) as transform:
            variables = _Variables(f, args, argnums)
            value = f(*variables.args, **keywords)
            aux = None
            if has_aux:
                if not (isinstance(value, tuple) and len(value) == 2):
                    raise TypeError(f"has_aux=True needs {_name(f)} to return a pair (value, aux)")
                value, aux = value
            output = _scalar_output(value, f)
            flat = variables.gradients(output, None, transform.create_graph, transform.create_graph)
            if not transform.create_graph:
                # What f hands through may be kept by it as well: a second handle makes the result a copy.
                aux = _nest.map_leaves(_cut, aux)
            results = transform.result((output, aux, variables.nest(flat)))
            del value, output, flat, variables  # the graph goes before the results are handed out
        value, aux, gradient = results
        return ((value, aux) if has_aux else value), gradient

    return value_and_gradient


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Function that returns the gradient of `f`.

    Parameters
    ----------
    f, argnums, has_aux
        As for `value_and_grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns the gradient (``(gradient, aux)`` with `has_aux`).

    Raises
    ------
    ValueError, TypeError
        As `value_and_grad`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.grad(fg.sin)(0.0)
    np.float64(1.0)
    >>> fg.grad(fg.grad(lambda x: x**3))(2.0)
    np.float64(12.0)
    """
    with_value = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args: Any, **keywords: Any) -> Any:
        value, result = with_value(*args, **keywords)
        return (result, value[1]) if has_aux else result

    return gradient


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Function that returns the Jacobian of `f`, one backward sweep per number of the output.

    Parameters
    ----------
    f : callable
        Returns an array of any shape.
    argnums : int or sequence of int, default 0
        As for `value_and_grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns an array of shape ``output.shape + argument.shape``, nested as the
        argument.

    Raises
    ------
    ValueError, TypeError
        As `value_and_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    _checked_function(f)
    argnums = _checked_argnums(argnums)

    @functools.wraps(f)
    def jacobian_of_f(*args: Any, **keywords: Any) -> Any:
        with _Transform((args, keywords)) as transform:
            variables = _Variables(f, args, argnums)
            output = _output(f(*variables.args, **keywords), f)
            if output.dtype.kind != "f":
                raise TypeError(f"{_name(f)} returned {output.dtype}; expected float32 or float64")
            rows = [
                variables.gradients(output, seed.reshape(output.shape), True, transform.create_graph)
                for seed in np.eye(output.size, dtype=output.dtype)
            ]
            flat = []
            for i, variable in enumerate(variables.flat):
                shape = output.shape + variable.shape
                parts = [core.ops.reshape(row[i], (1, *variable.shape)) for row in rows]
                if parts:
                    flat.append(core.ops.reshape(core.ops.concatenate(parts, 0), shape))
                else:
                    flat.append(core.Tensor(np.zeros(shape, variable.dtype)))
            results = transform.result(variables.nest(flat))
            del output, rows, flat, variables
        return results

    return jacobian_of_f


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Function that returns the matrix of second derivatives of `f`.

    Parameters
    ----------
    f : callable
        Returns one number.
    argnums : int, default 0
        The argument to differentiate by: a number or an array (for a nest, see `hvp`).

    Returns
    -------
    callable
        Takes the arguments of `f`, returns an array of shape ``argument.shape + argument.shape``.

    Raises
    ------
    ValueError, TypeError
        As `value_and_grad`; TypeError also for a nest.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    number = _checked_argnums(argnums)
    if not isinstance(number, int):
        raise TypeError(
            f"argnums of a hessian must be one int, got {argnums!r}; use fastgrad.hvp for several arguments"
        )
    of_gradient = jacobian(grad(f, number), number)

    @functools.wraps(f)
    def hessian_of_f(*args: Any, **keywords: Any) -> Any:
        if -len(args) <= number < len(args) and isinstance(args[number], (dict, list, tuple)):
            raise TypeError(
                f"hessian needs an array or a number as argument {number} of {_name(f)}, got a "
                f"{type(args[number]).__name__}; convert it with np.asarray, or use fastgrad.hvp for nests"
            )
        return of_gradient(*args, **keywords)

    return hessian_of_f


def hvp(f: Callable[..., Any], x: Any, v: Any) -> Any:
    """Product of the Hessian of `f` at `x` with the vector `v`, without forming the Hessian.

    Parameters
    ----------
    f : callable
        Takes `x`, returns one number.
    x : number, array, tensor or nest
        Where.
    v : like x
        The vector, nested and shaped as `x`.

    Returns
    -------
    like x
        ``H(x) v``.

    Raises
    ------
    ValueError
        If `v` is not nested or shaped as `x`.

    Notes
    -----
    The gradient of ``<grad f(x), v>``: Pearlmutter, *Fast exact multiplication by the Hessian*, Neural
    Computation 6 (1994).

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    x_leaves, x_structure = _nest.flatten(x)
    v_leaves, v_structure = _nest.flatten(v)
    if x_structure != v_structure:
        raise ValueError("hvp: v must be nested as x is")
    if not x_leaves:
        raise ValueError("hvp: x holds no numbers")
    for i, (a, b) in enumerate(zip(x_leaves, v_leaves, strict=True)):
        if np.shape(a) != np.shape(b):
            raise ValueError(f"hvp: leaf {i} of v has shape {np.shape(b)}, expected that of x, {np.shape(a)}")
    gradient = grad(f)

    def directional(at: Any) -> Any:
        flows, _ = _nest.flatten(gradient(at))
        products = [core.ops.sum(core.ops.multiply(g, d)) for g, d in zip(flows, v_leaves, strict=True)]
        return functools.reduce(core.ops.add, products)

    return grad(directional)(x)


def elementwise_grad(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Derivative of a function that works number by number, at every number of an array.

    Parameters
    ----------
    f : callable
        Gives an array shaped as its argument, each number computed from the one at the same place.
    argnums : int, default 0
        Which argument to differentiate by.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns the derivatives, shaped as the argument.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.elementwise_grad(lambda x: x**2)(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    @functools.wraps(f)
    def summed(*args: Any, **keywords: Any) -> Any:
        return core.ops.sum(f(*args, **keywords))

    return grad(summed, argnums)


def stop_gradient(x: Any) -> Any:
    """The same numbers, to which no gradient flows.

    Parameters
    ----------
    x : number, array, tensor or nest

    Returns
    -------
    like x

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.grad(lambda x: x * fg.stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return _nest.map_leaves(lambda leaf: leaf.detach() if isinstance(leaf, core.Tensor) else leaf, x)
