"""Functions in, derivative functions out: NumPy arrays or tensors in and out, any nest as an argument."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastgrad import _nest
from fastgrad._native import core
from fastgrad._sweeps import columns, rows
from fastgrad._transform import (
    Variables,
    checked_argnums,
    checked_function,
    cut,
    float_output,
    name_of,
    scalar_output,
)

if TYPE_CHECKING:
    from fastgrad._core import Tensor


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
    differentiate = _differentiated(f, argnums, has_aux)

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **keywords: Any) -> Any:
        value, aux, gradient = differentiate(args, keywords)
        return ((value, aux) if has_aux else value), gradient

    return value_and_gradient


def _differentiated(
    f: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool
) -> Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, Any, Any]]:
    """Function from the arguments of `f` to its value, what it hands through and its gradient."""
    checked_function(f)
    argnums = checked_argnums(argnums)

    def differentiate(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, Any, Any]:
        with core.Transform((args, keywords)) as transform:
            variables = Variables(f, args, argnums)
            value = f(*variables.args, **keywords)
            aux = None
            if has_aux:
                if not (isinstance(value, tuple) and len(value) == 2):
                    raise TypeError(f"has_aux=True needs {name_of(f)} to return a pair (value, aux)")
                value, aux = value
            output = scalar_output(value, f)
            keep = transform.create_graph
            flat = variables.gradients(output, None, keep, keep)
            if has_aux and not keep:
                # What f hands through may be kept by it as well: a second handle makes the result a copy.
                aux = _nest.map_leaves(cut, aux)
            results: tuple[Any, Any, Any] = transform.result((output, aux, variables.nest(flat)))
            del value, output, flat, variables  # the graph goes before the results are handed out
        return results

    return differentiate


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
    differentiate = _differentiated(f, argnums, has_aux)

    @functools.wraps(f)
    def gradient(*args: Any, **keywords: Any) -> Any:
        _, aux, result = differentiate(args, keywords)
        return (result, aux) if has_aux else result

    return gradient


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Function that returns the Jacobian of `f`, by backward sweeps from all numbers of the output.

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
    return _jacobian(f, argnums, rows)


jacrev = jacobian


def jacfwd(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Function that returns the Jacobian of `f`, by sweeps from all numbers of the argument.

    Cheaper than `jacobian` where the output holds many more numbers than the argument.

    Parameters
    ----------
    f, argnums
        As for `jacobian`.

    Returns
    -------
    callable
        As `jacobian`.

    Raises
    ------
    ValueError, TypeError
        As `jacobian`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.jacfwd(lambda x: x * np.arange(3.0))(2.0)
    array([0., 1., 2.])
    """
    return _jacobian(f, argnums, columns)


def _jacobian(
    f: Callable[..., Any], argnums: int | Sequence[int], sweeps: Callable[..., list[Tensor]]
) -> Callable[..., Any]:
    checked_function(f)
    argnums = checked_argnums(argnums)

    @functools.wraps(f)
    def jacobian_of_f(*args: Any, **keywords: Any) -> Any:
        with core.Transform((args, keywords)) as transform:
            variables = Variables(f, args, argnums)
            output = float_output(f(*variables.args, **keywords), f)
            flat = sweeps(output, variables, transform.create_graph)
            results = transform.result(variables.nest(flat))
            del output, flat, variables
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
    number = checked_argnums(argnums)
    if not isinstance(number, int):
        raise TypeError(
            f"argnums of a hessian must be one int, got {argnums!r}; use fastgrad.hvp for several arguments"
        )
    of_gradient = jacobian(grad(f, number), number)

    @functools.wraps(f)
    def hessian_of_f(*args: Any, **keywords: Any) -> Any:
        if -len(args) <= number < len(args) and isinstance(args[number], (dict, list, tuple)):
            raise TypeError(
                f"hessian needs an array or a number as argument {number} of {name_of(f)}, got a "
                f"{type(args[number]).__name__}; convert it with np.asarray, or use fastgrad.hvp for nests"
            )
        return of_gradient(*args, **keywords)

    return hessian_of_f


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
