"""Derivatives of what a solver found, from the equation it solved: the implicit function theorem."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad import _nest, linalg
from fastgrad._grad_mode import grad_mode
from fastgrad._native import core
from fastgrad._transform import checked_function, cut, filled, name_of, variable_of

if TYPE_CHECKING:
    from fastgrad._core import Tensor

# Takes flat lists of unknowns and parameters, returns one residual for each unknown, shaped as it is.
Equation = Callable[[list[Any], list[Any]], list[Any]]

_MOST_DENSE = 256  # unknowns up to which the matrix of the linear system is formed
_KRYLOV = 64  # directions between two restarts, beyond that
_RESTARTS = 32
_ACCURACY = 1e-12  # of the solution there, relative to the right-hand side


def custom_root(optimality: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator that gives a solver the derivative of the root it finds, however it finds it.

    Parameters
    ----------
    optimality : callable
        ``optimality(x, *parameters)`` returns what is zero at the solution, nested and shaped as `x`:
        ``fastgrad.grad`` of a loss for a minimiser. Computes with fastgrad operations.

    Returns
    -------
    callable
        Decorates ``solver(init, *parameters)``, which returns `x`, a number, array, tensor or nest of them.
        The solver itself is not differentiated: it may use NumPy or SciPy, loop, and read values.

    Raises
    ------
    ValueError
        If `optimality` does not return what is nested and shaped as `x`.
    numpy.linalg.LinAlgError
        When a derivative is taken and that of `optimality` by `x` is singular, or so many unknowns that the
        linear system is solved by iteration do not converge.
    RecordingError
        In a compiled or vmapped function, if the solver reads a value.

    Notes
    -----
    The implicit function theorem: where ``F(x, p) = 0``, ``dx/dp = -(dF/dx)^-1 dF/dp``; Griewank and Walther,
    *Evaluating Derivatives*, 2nd ed., section 15.1. A gradient costs one linear system with the transpose of
    ``dF/dx``: solved as a dense matrix up to 256 unknowns, beyond by GMRES (Saad and Schultz, 1986) from
    vector-Jacobian products. The derivatives are themselves differentiable, to any order. `init` has no part
    in them.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> @fg.custom_root(lambda x, a: x * x - a)
    ... def square_root(init, a):
    ...     x, a = float(init), float(a)
    ...     while abs(x * x - a) > 1e-14 * a:
    ...         x = 0.5 * (x + a / x)
    ...     return x
    >>> slope = fg.grad(square_root, 1)
    >>> round(float(slope(1.0, 4.0)), 12), round(float(fg.grad(slope, 1)(1.0, 4.0)), 12)
    (0.25, -0.03125)
    """
    checked_function(optimality)

    def with_derivative(solver: Callable[..., Any]) -> Callable[..., Any]:
        checked_function(solver)

        @functools.wraps(solver)
        def solved(init: Any, *parameters: Any) -> Any:
            leaves, structure = _nest.flatten(parameters)
            with grad_mode(False) as before:
                plain = list(map(cut, leaves))
                x = solver(_nest.map_leaves(cut, init), *_nest.unflatten(structure, plain))
            places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, core.Tensor)]
            variables = [i for i in places if leaves[i].dtype.kind == "f"]
            matters = core.is_recording() or (before and any(leaves[i].requires_grad for i in variables))
            if not variables or not matters:
                return x
            x_leaves, x_structure = _nest.flatten(x)
            static = [None if isinstance(leaf, core.Tensor) else leaf for leaf in leaves]
            name = name_of(solver)

            def equation(unknowns: list[Any], given: list[Any]) -> list[Any]:
                arguments = list(static)
                for place, tensor in zip(places, given, strict=True):
                    arguments[place] = tensor
                residual = optimality(
                    _nest.unflatten(x_structure, unknowns), *_nest.unflatten(structure, arguments)
                )
                return _checked_residual(residual, x_structure, unknowns, name_of(optimality))

            found = [_unknown(leaf, name) for leaf in x_leaves]
            return _nest.unflatten(x_structure, _root(equation, found, [leaves[i] for i in places], name))

        return solved

    return with_derivative


def custom_fixed_point(iteration: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator that gives a solver the derivative of the fixed point it finds.

    Parameters
    ----------
    iteration : callable
        ``iteration(x, *parameters)`` returns `x` itself at the solution.

    Returns
    -------
    callable
        As of `custom_root`, for ``iteration(x, *parameters) - x``.

    Raises
    ------
    ValueError, numpy.linalg.LinAlgError, RecordingError
        As `custom_root`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> @fg.custom_fixed_point(lambda x, a: fg.cos(a * x))
    ... def solve(x, a):
    ...     for _ in range(100):
    ...         x = fg.cos(a * x)
    ...     return x
    >>> round(float(fg.grad(solve, 1)(0.5, 1.0)), 8)
    -0.29747434
    """
    checked_function(iteration)

    @functools.wraps(iteration)
    def optimality(x: Any, *parameters: Any) -> Any:
        after, nested = _nest.flatten(iteration(x, *parameters))
        before, structure = _nest.flatten(x)
        if nested != structure:
            raise ValueError(f"{name_of(iteration)} must return what is nested as its first argument")
        return _nest.unflatten(
            structure, [core.ops.subtract(a, b) for a, b in zip(after, before, strict=True)]
        )

    return custom_root(optimality)


def _unknown(leaf: Any, name: str) -> Tensor:
    tensor = core.operand(leaf)
    if tensor is None or tensor.dtype.kind != "f":
        told = type(leaf).__name__ if tensor is None else tensor.dtype
        raise TypeError(f"{name} returned {told}; the root of an equation must be float32 or float64")
    return tensor


def _checked_residual(residual: Any, structure: object, unknowns: list[Any], name: str) -> list[Tensor]:
    leaves, nested = _nest.flatten(residual)
    if nested != structure:
        raise ValueError(f"{name} must return what is nested as x is")
    out = []
    for i, (leaf, unknown) in enumerate(zip(leaves, unknowns, strict=True)):
        tensor = core.operand(leaf)
        if tensor is None or tensor.shape != unknown.shape:
            raise ValueError(
                f"{name}: leaf {i} has {'no shape' if tensor is None else f'shape {tensor.shape}'}, expected "
                f"that of x, {unknown.shape}"
            )
        out.append(core.ops.astype(tensor, unknown.dtype))
    return out


def _root(equation: Equation, x: list[Tensor], parameters: list[Tensor], name: str) -> list[Tensor]:
    """The unknowns as a differentiable function of the parameters that the equation has them at zero for."""
    floats = [i for i, p in enumerate(parameters) if p.dtype.kind == "f"]
    count = len(x)

    def pull(saved: list[Tensor], grads: list[Tensor]) -> list[Tensor | None]:
        again = core.is_grad_enabled()
        at, given = saved[:count], saved[count:]
        if again:  # the solution depends on the parameters, too
            at = _root(equation, at, given, name)
        else:
            given = [core.cut(p) for p in given]
        weights = _solved_transposed(equation, at, given, grads, again, name)
        with grad_mode(True):
            moving = [variable_of(p) if i in floats else p for i, p in enumerate(given)]
            residual = equation(at, moving)
            seeds = [core.ops.negative(w) for w in weights]
            return list(core.gradients(residual, seeds, [moving[i] for i in floats], again, again))

    fixed = [core.cut(t) for t in x]
    return list(core.with_rule(fixed, [parameters[i] for i in floats], [*fixed, *parameters], pull, name))


def _solved_transposed(
    equation: Equation, at: list[Tensor], given: list[Tensor], grads: list[Tensor], again: bool, name: str
) -> list[Tensor]:
    """U with (dF/dx)^T u = grads, differentiable if it is to be differentiated again."""
    plain_at, plain_given, plain_grads = ([core.cut(t) for t in tensors] for tensors in (at, given, grads))
    with grad_mode(True):
        u = _numbers(equation, plain_at, plain_given, plain_grads, name)
    if not again:
        return u
    unknowns, parameters = len(at), len(given)

    # u is itself the root of an equation: its derivative takes a system with dF/dx.
    def transposed(weights: list[Any], everything: list[Any]) -> list[Any]:
        moving = [variable_of(t) for t in everything[:unknowns]]
        targets = everything[unknowns + parameters :]
        residual = equation(moving, everything[unknowns : unknowns + parameters])
        flows = filled(core.gradients(residual, weights, moving, True, True), moving)
        return [core.ops.subtract(flow, target) for flow, target in zip(flows, targets, strict=True)]

    return _root(transposed, u, [*at, *given, *grads], name)


def _numbers(
    equation: Equation, at: list[Tensor], given: list[Tensor], grads: list[Tensor], name: str
) -> list[Tensor]:
    """The numbers of u."""
    moving = [variable_of(t) for t in at]
    residual = equation(moving, given)

    def product(weights: list[Any]) -> list[Tensor]:
        return filled(core.gradients(residual, weights, moving, True, False), moving)

    size = sum(t.size for t in at)
    if core.is_recording() or size <= _MOST_DENSE:
        flat = _dense(product, at, grads, size, name)
    else:
        target = np.concatenate([g.numpy().ravel() for g in grads]).astype(np.float64)

        def flat_product(v: Any) -> Any:
            flows = product([core.Tensor(part) for part in _parts(v, at)])
            return np.concatenate([flow.numpy().ravel() for flow in flows]).astype(np.float64)

        flat = core.Tensor(_gmres(flat_product, target, name))
    return _parts(flat, at)


def _dense(
    product: Callable[[list[Any]], list[Tensor]], at: list[Tensor], grads: list[Tensor], size: int, name: str
) -> Tensor:
    def row(unit: list[Any]) -> list[Tensor]:
        return [_joined(product(_parts(unit[0], at)))]

    # One backward sweep for all rows of dF/dx.
    ((matrix, batched),) = core.batched(row, [core.Tensor(np.eye(size))], [0], size)
    if not batched:  # no unknown has any part in the equation
        matrix = core.ops.broadcast_to(matrix, (size, size))
    matrix, target = core.ops.transpose(core.cut(matrix), (1, 0)), _joined(grads)
    if core.is_recording():
        return linalg.solve(matrix, target)
    try:
        return core.Tensor(np.linalg.solve(matrix.numpy(), target.numpy()))
    except np.linalg.LinAlgError as error:
        raise np.linalg.LinAlgError(
            f"{name}: the derivative of the optimality by x is singular at the solution: {error}"
        ) from None


def _joined(tensors: list[Tensor]) -> Tensor:
    flat = [core.ops.astype(core.ops.reshape(t, (t.size,)), np.float64) for t in tensors]
    return flat[0] if len(flat) == 1 else core.ops.concatenate(flat, 0)


def _parts(flat: Any, like: list[Tensor]) -> list[Any]:
    """A vector cut into the shapes and dtypes of the unknowns."""
    out, start = [], 0
    for t in like:
        out.append(flat[start : start + t.size].reshape(t.shape).astype(t.dtype))
        start += t.size
    return out


def _gmres(product: Callable[[Any], Any], target: Any, name: str) -> Any:
    """Solve a linear system from products with its matrix."""
    x = np.zeros_like(target)
    wanted = _ACCURACY * float(np.linalg.norm(target))
    best = np.inf
    for _ in range(_RESTARTS):
        rest = target - product(x)
        error = float(np.linalg.norm(rest))
        # Rounding of float32 products ends the progress early.
        if error <= wanted or (error > 0.5 * best and error <= 1e5 * wanted):
            return x
        best = min(best, error)
        basis = [rest / error]
        columns: list[Any] = []
        for k in range(_KRYLOV):
            w = product(basis[-1])
            column = np.zeros(_KRYLOV + 1)
            for _ in range(2):
                for i, q in enumerate(basis):
                    part = float(w @ q)
                    column[i] += part
                    w = w - part * q
            column[k + 1] = np.linalg.norm(w)
            columns.append(column)
            if column[k + 1] <= 1e-15 * np.linalg.norm(column):
                break
            basis.append(w / column[k + 1])
        small = np.array(columns).T[: len(columns) + 1]
        right = np.zeros(len(small))
        right[0] = error
        y = np.linalg.lstsq(small, right, rcond=None)[0]
        x = x + sum(c * q for c, q in zip(y, basis, strict=False))
    raise np.linalg.LinAlgError(
        f"{name}: the linear system for the derivative of {target.size} unknowns did not converge; the "
        "derivative of the optimality by x may be singular at the solution"
    )
