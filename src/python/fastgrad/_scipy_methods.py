"""The methods of scipy.optimize.minimize on exact gradients and Hessian-vector products."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad._objective import Hessian, Objective, Unknowns

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

# What each method is given besides the value.
METHODS: dict[str, tuple[str, ...]] = {
    "cg": ("jac",),
    "bfgs": ("jac",),
    "l-bfgs-b": ("jac",),
    "tnc": ("jac",),
    "slsqp": ("jac",),
    "newton-cg": ("jac", "hessp"),
    "trust-ncg": ("jac", "hessp"),
    "trust-krylov": ("jac", "hessp"),
    "trust-constr": ("jac", "hessp"),
    "trust-exact": ("jac", "hess"),
    "dogleg": ("jac", "hess"),
    "nelder-mead": (),
    "powell": (),
    "cobyla": (),
    "cobyqa": (),
}
BOUNDED = ("l-bfgs-b", "tnc", "slsqp", "trust-constr", "nelder-mead", "powell", "cobyla", "cobyqa")
CONSTRAINED = ("slsqp", "trust-constr", "cobyla", "cobyqa")

_STEP_LIMIT = {"tnc": "maxfun"}


def _stopping(method: str, tol: float) -> dict[str, float]:
    """Options that keep a method from stopping long before the gradient is as small as `tol`."""
    # Near a minimum the value changes by the square of what the gradient changes by.
    if method in ("l-bfgs-b", "slsqp"):
        return {"ftol": max(tol * tol, 4.0 * float(np.finfo(float).eps))}
    return {"ftol": 0.0, "xtol": 0.0, "gtol": tol} if method == "tnc" else {}


class _Walk:
    """Follows SciPy from point to point: keeps the path, calls the callback, remembers the last point."""

    def __init__(self, objective: Objective, start: Array, keep_path: bool, report: Any) -> None:
        self._objective = objective
        self._keep_path = keep_path
        self._report = report
        self.stopped = False
        self.steps = 0
        self.x = start
        self.path = [start]
        self.values = [objective(start)[0]] if keep_path else []

    def step(self, intermediate_result: Any) -> None:
        """Take note of a step. Some methods hand over an OptimizeResult, some x itself."""
        self.x = np.array(getattr(intermediate_result, "x", intermediate_result))
        self.steps += 1
        if not self._keep_path and not self._report.wanted:
            return
        value = getattr(intermediate_result, "fun", None)
        value = self._objective(self.x)[0] if value is None else float(value)
        if self._keep_path:
            self.path.append(self.x)
            self.values.append(value)
        if not self._report(self.steps, self.x, value):
            self.stopped = True
            raise StopIteration

    def end(self, x: Array, value: float) -> None:
        """Count the result as a step of its own where no step led to it."""
        if np.array_equal(x, self.x):
            return
        self.steps += 1
        if self._keep_path:
            self.path.append(x)
            self.values.append(value)


def minimize_with_scipy(
    f: Callable[..., Any],
    unknowns: Unknowns,
    method: str,
    max_iter: int,
    tol: float,
    bounds: Any,
    constraints: Any,
    options: Mapping[str, Any],
    keep_path: bool,
    report: Any,
) -> dict[str, Any]:
    """Run one of `METHODS` and return the entries of a result."""
    from fastgrad._extras import require

    optimize = require("scipy.optimize", extra="demo")
    objective = Objective(f, unknowns)
    derivatives: dict[str, Any] = {}
    for name in METHODS[method]:
        if name == "jac":
            derivatives["jac"] = True
        else:
            hessian = Hessian(f, unknowns)
            derivatives[name] = hessian.product if name == "hessp" else hessian.matrix
    limits = {_STEP_LIMIT.get(method, "maxiter"): max_iter, **_stopping(method, tol)}
    walk = _Walk(objective, unknowns.start.astype(float), keep_path, report)

    def value_and_gradient(x: Array) -> tuple[float, Array]:
        value, gradient = objective(x)
        return value, gradient.astype(float)

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Unknown solver options", optimize.OptimizeWarning)
            found = optimize.minimize(
                value_and_gradient if "jac" in derivatives else lambda x: objective(x)[0],
                unknowns.start.astype(float),
                method=method,
                bounds=bounds,
                constraints=_constraints(constraints, unknowns),
                tol=tol,
                options={**limits, **options},
                callback=walk.step,
                **derivatives,
            )
    except StopIteration:  # from a method that does not look out for it
        found = {"x": walk.x}
    except optimize.OptimizeWarning as error:
        raise ValueError(f"options do not fit method {method!r}: {error}") from None
    x = np.asarray(found["x"], unknowns.dtype)
    value, gradient = objective(x)
    walk.end(x, value)
    evaluations = int(found.get("nfev", walk.steps))
    message = str(found.get("message", ""))
    if walk.stopped:
        reason, message = "callback", f"The callback stopped it after {walk.steps} steps."
    elif not (math.isfinite(value) and np.isfinite(gradient).all()):
        reason = "diverged"
    elif found["success"] or np.abs(gradient).max() <= tol:
        reason = "converged"
    else:
        limited = walk.steps if derivatives and method != "tnc" else evaluations
        reason = "max_iter" if limited >= max_iter else "stalled"
    return {
        "x": x,
        "fun": value,
        "jac": gradient,
        "nit": walk.steps,
        "nfev": evaluations,
        "njev": int(found.get("njev", 0)),
        "reason": reason,
        "message": message,
        "path": np.array(walk.path) if keep_path else None,
        "path_fun": np.array(walk.values) if keep_path else None,
    }


def _constraints(constraints: Any, unknowns: Unknowns) -> Any:
    """The same, with functions in dicts that get x as f does, and exact Jacobians where there are none."""
    if isinstance(constraints, Mapping):
        return _constraint(constraints, unknowns)
    if isinstance(constraints, Sequence):
        return [_constraint(c, unknowns) if isinstance(c, Mapping) else c for c in constraints]
    return constraints


def _constraint(constraint: Mapping[str, Any], unknowns: Unknowns) -> dict[str, Any]:
    from fastgrad.autodiff import jacobian

    def at(x: Array) -> Any:
        return unknowns.result(x.astype(unknowns.dtype))

    fun = constraint["fun"]
    taken = {**constraint, "fun": lambda x, *args: np.asarray(fun(at(x), *args), float)}
    jac = constraint.get("jac")
    if callable(jac):
        taken["jac"] = lambda x, *args: jac(at(x), *args)
    elif jac is None and len(unknowns.shapes) == 1:
        exact = jacobian(fun)
        taken["jac"] = lambda x, *args: np.reshape(exact(at(x), *args), (-1, unknowns.size))
    return taken
