"""Products with Jacobians and Hessians, without forming them: vjp, jvp, hvp."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastgrad import _nest
from fastgrad._native import core
from fastgrad._transform import Linearized, Variables, checked_function, filled, float_outputs
from fastgrad.autodiff import grad


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Value of `f`, and the function that multiplies a vector with its Jacobian from the left.

    Parameters
    ----------
    f : callable
        Takes `primals`, returns an array, or a nest of arrays in dicts, lists and tuples.
    *primals : number, array, tensor or nest
        Where.

    Returns
    -------
    value : as `f` returns it
    pullback : callable
        Takes a cotangent, nested and shaped as `value`; returns a tuple with ``cotangent @ J`` for each of
        `primals`, nested as it is. It may be called again and again.

    Raises
    ------
    TypeError
        If `f` returns what holds no real numbers, or a primal holds none.
    ValueError
        From `pullback`, if the cotangent is not nested or shaped as the value.

    Notes
    -----
    One sweep of reverse mode for each call of `pullback`: Griewank and Walther, *Evaluating Derivatives*,
    2nd ed., chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> value, pullback = fg.vjp(lambda x: x**2, np.array([1.0, 3.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 2., 60.]),)
    """
    checked_function(f)
    with core.Transform(primals, outlived=True) as transform:
        variables = Variables(f, primals, range(len(primals)))
        outputs, structure = float_outputs(f(*variables.args), f)
        value = transform.result(_nest.unflatten(structure, list(outputs)))

    def pullback(cotangent: Any) -> Any:
        seeds = _leaves_like("vjp", "the cotangent", cotangent, "the value", structure, outputs)
        with core.Transform(cotangent, earlier=transform) as inner:
            flows = core.gradients(outputs, seeds, variables.flat, True, inner.create_graph)
            return inner.result(variables.nest(filled(flows, variables.flat)))

    return value, pullback


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value of `f`, and the product of its Jacobian with a vector: the derivative in one direction.

    Parameters
    ----------
    f : callable
        Returns an array, or a nest of arrays.
    primals : sequence
        The arguments of `f`: numbers, arrays, tensors or nests of them.
    tangents : sequence
        The direction, nested and shaped as `primals`.

    Returns
    -------
    value : as `f` returns it
    tangent : like `value`
        ``J @ tangents``.

    Raises
    ------
    TypeError
        If `primals` or `tangents` is no sequence, or `f` returns what holds no real numbers.
    ValueError
        If `tangents` are not nested or shaped as `primals`.

    Notes
    -----
    Reverse mode twice: ``u -> u J`` is linear, and its own vector-Jacobian product is ``J v``. It costs about
    as much as two gradients, and memory as reverse mode does.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.jvp(fg.sin, [0.0], [2.0])
    (np.float64(0.0), np.float64(2.0))
    """
    checked_function(f)
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (list, tuple)):
            raise TypeError(
                f"jvp: {name} must be a list or tuple with one item for each argument, got "
                f"{type(given).__name__}"
            )
    primals, tangents = tuple(primals), tuple(tangents)
    with core.Transform((primals, tangents)) as transform:
        variables = Variables(f, primals, range(len(primals)))
        _, structure = _nest.flatten(primals)
        directions = _leaves_like("jvp", "tangents", tangents, "primals", structure, variables.flat)
        outputs, structure = float_outputs(f(*variables.args), f)
        flat = Linearized(outputs, variables.flat).push(directions, transform.create_graph)
        nest = functools.partial(_nest.unflatten, structure)
        value, tangent = transform.result((nest(list(outputs)), nest(flat)))
        del outputs, flat, variables
    return value, tangent


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
    x_leaves, structure = _nest.flatten(x)
    if not x_leaves:
        raise ValueError("hvp: x holds no numbers")
    v_leaves = _leaves_like("hvp", "v", v, "x", structure, x_leaves)
    gradient = grad(f)

    def directional(at: Any) -> Any:
        flows, _ = _nest.flatten(gradient(at))
        products = [core.ops.sum(core.ops.multiply(g, d)) for g, d in zip(flows, v_leaves, strict=True)]
        return functools.reduce(core.ops.add, products)

    return grad(directional)(x)


def make_hvp(f: Callable[..., Any]) -> Callable[[Any], Callable[[Any], Any]]:
    """Function of `x` that returns the function ``v -> H(x) v``: the gradient is computed once for many `v`.

    Parameters
    ----------
    f : callable
        Takes `x`, returns one number.

    Returns
    -------
    callable
        Takes `x`, as for `hvp`; returns a function that takes `v` and returns ``H(x) v``.

    Raises
    ------
    ValueError
        From that function, if `v` is not nested or shaped as `x`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> product = fg.make_hvp(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    >>> product(np.array([1.0, 0.0])), product(np.array([0.0, 1.0]))
    (array([6., 0.]), array([ 0., 12.]))
    """
    gradient = grad(f)

    @functools.wraps(f)
    def hvp_at(x: Any) -> Callable[[Any], Any]:
        # The Hessian is symmetric: from the left is from the right.
        _, pullback = vjp(gradient, x)
        return lambda v: pullback(v)[0]

    return hvp_at


def _leaves_like(
    op: str, name: str, given: Any, like_name: str, structure: object, like: Sequence[Any]
) -> list[Any]:
    """The leaves of what must be nested and shaped as something else is, in its dtypes."""
    leaves, nested = _nest.flatten(given)
    if nested != structure:
        raise ValueError(f"{op}: {name} must be nested as {like_name} is")
    for i, (a, b) in enumerate(zip(leaves, like, strict=True)):
        if np.shape(a) != np.shape(b):
            raise ValueError(
                f"{op}: leaf {i} of {name} has shape {np.shape(a)}, expected that of {like_name}, "
                f"{np.shape(b)}"
            )
    return [
        core.ops.astype(leaf, other.dtype) if isinstance(other, core.Tensor) else leaf
        for leaf, other in zip(leaves, like, strict=True)
    ]
