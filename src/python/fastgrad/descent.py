"""Minimising a function from a point: native gradient descent and its relatives, and SciPy's methods."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastgrad._native import core
from fastgrad._objective import Objective, Unknowns
from fastgrad._scipy_methods import BOUNDED, CONSTRAINED, METHODS, minimize_with_scipy
from fastgrad.curvature import LearningRateBounds, learning_rate_bounds

__all__ = ["LearningRateBounds", "OptimizeResult", "learning_rate_bounds", "minimize"]

# The native methods, and what `options` may say to each.
_NATIVE: dict[str, dict[str, Any]] = {
    "gd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9},
    "adam": {"betas": (0.9, 0.999), "eps": 1e-8},
    "rmsprop": {"alpha": 0.99, "eps": 1e-8},
    "adagrad": {"eps": 1e-10},
}
# How many times 2 / lambda_max the largest stable rate is, with momentum b.
_STABLE_FACTOR: dict[str, Callable[[float], float]] = {
    "gd": lambda _: 1.0,
    "momentum": lambda b: 1.0 + b,
    "nesterov": lambda b: (1.0 + b) / (1.0 + 2.0 * b),
}
_STATUS = {"converged": 0, "max_iter": 1, "diverged": 2, "stalled": 3, "callback": 99}


class OptimizeResult(dict[str, Any]):
    """What `minimize` found: a dict whose entries are attributes too, named as SciPy names them.

    Attributes
    ----------
    x : like x0
        Where it ended.
    fun : float
        The value there.
    jac : like x0
        The gradient there.
    nit, nfev, njev : int
        Steps, and how often the value and the gradient were computed.
    success : bool
        Whether it converged.
    status : int
        0 converged, 1 max_iter, 2 diverged, 3 stalled, 99 callback.
    reason : str
        "converged", "max_iter", "diverged", "stalled" (SciPy's methods only: no further progress) or
        "callback" (it raised StopIteration).
    message : str
        The same in a sentence.
    path : ndarray or None
        With `keep_path`, every x from x0 on, flat: (nit + 1, n).
    path_fun : ndarray or None
        With `keep_path`, the values along the path, (nit + 1,).
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        lines = []
        for name, value in self.items():
            if name.startswith("path") and isinstance(value, np.ndarray):
                text = f"array of shape {value.shape}"
            elif isinstance(value, np.ndarray):
                text = np.array2string(value, precision=6, threshold=20)
            else:
                text = str(value)
            lines.append(f"{name:>{width}}: " + text.replace("\n", "\n" + " " * (width + 2)))
        return "\n".join(lines) if lines else f"{type(self).__name__}()"


def minimize(
    f: Callable[..., Any],
    x0: Any,
    method: str = "gd",
    lr: float = 0.1,
    max_iter: int = 1000,
    tol: float = 1e-8,
    bounds: Any = None,
    constraints: Any = (),
    options: Mapping[str, Any] | None = None,
    keep_path: bool = False,
    callback: Callable[..., Any] | None = None,
) -> OptimizeResult:
    """Find a minimum of `f`, starting from `x0`.

    Parameters
    ----------
    f : callable
        Takes one argument like `x0` and returns one number. It is recorded once and replayed natively; a
        function that reads values (``if x > 0``) is called at each step instead, to the same result.
    x0 : number, array_like, Tensor or nest
        The start. A list or tuple of numbers is an array, as for SciPy; other dicts, lists and tuples are
        nests, which `f` gets as such. Integers become float64.
    method : str
        Native: "gd" (``x -= lr * gradient``), "momentum", "nesterov", "adam", "rmsprop", "adagrad", as in
        PyTorch's optimizers. SciPy's, with exact derivatives: "cg", "bfgs", "l-bfgs-b", "tnc", "slsqp",
        "newton-cg", "trust-ncg", "trust-krylov", "trust-exact", "dogleg", "trust-constr", and without:
        "nelder-mead", "powell", "cobyla", "cobyqa".
    lr : float
        Learning rate of the native methods; above 0.
    max_iter : int
        At most so many steps.
    tol : float
        Converged once no entry of the gradient is larger in magnitude. SciPy's methods read it in their own
        ways.
    bounds, constraints
        As for `scipy.optimize.minimize`, for the methods that take them; functions in constraint dicts get x
        as `f` does.
    options : mapping, optional
        "momentum" (0.9) for momentum and nesterov; "betas" ((0.9, 0.999)) and "eps" (1e-8) for adam; "alpha"
        (0.99) and "eps" (1e-8) for rmsprop; "eps" (1e-10) for adagrad; SciPy's own for its methods.
    keep_path : bool
        Whether the result has `path` and `path_fun`.
    callback : callable, optional
        Called after each step, as ``callback(intermediate_result=...)`` with an OptimizeResult of `x`, `fun`
        and `nit` if its one parameter is so named, else as ``callback(x)``. Raising StopIteration ends the
        descent.

    Returns
    -------
    OptimizeResult
        A descent that diverges is a result too: `reason` is "diverged", `x` the last point with finite value
        and gradient, and `message` says how far the learning rate is from the largest stable one.

    Raises
    ------
    ValueError
        When `method` or an option is unknown, `lr`, `max_iter` or `tol` does not fit, `x0` is empty, or `f`
        does not return one number.
    TypeError
        When `x0` does not hold real numbers, or `f` or `callback` cannot be called.
    ImportError
        When a method of SciPy is asked for and SciPy is missing.

    Notes
    -----
    The native methods stop as diverged when a step leads to a value or gradient that is not finite, or to a
    value 2**53 times as large as the first: then nothing of the first is left in it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> r = fg.minimize(lambda x: (x - 3.0) ** 2 + 1.0, 0.0, lr=0.4)
    >>> round(float(r.x), 6), round(r.fun, 6), r.reason
    (3.0, 1.0, 'converged')
    >>> r = fg.minimize(lambda x: 5.0 * x * x, 1.0, lr=0.3)
    >>> r.reason
    'diverged'
    >>> print(r.message)  # doctest: +ELLIPSIS
    Diverged: ... lr = 0.3 is above the largest stable learning rate at x0, 0.2 (2 / lambda_max, ...).
    """
    if not callable(f):
        raise TypeError(f"f must be callable, got {type(f).__name__}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {type(callback).__name__}")
    name = _checked_method(method)
    _check_number("lr", lr, above_zero=True)
    _check_number("tol", tol, above_zero=False)
    if isinstance(max_iter, bool) or not isinstance(max_iter, (int, np.integer)):
        raise TypeError(f"max_iter must be an int, got {type(max_iter).__name__}")
    if max_iter < 0:
        raise ValueError(f"max_iter must be at least 0, got {max_iter}")
    constrained = constraints is not None and not (isinstance(constraints, (list, tuple)) and not constraints)
    for what, given, methods in (
        ("bounds", bounds is not None, BOUNDED),
        ("constraints", constrained, CONSTRAINED),
    ):
        if given and name not in methods:
            raise ValueError(f"method {name!r} takes no {what}; these do: {', '.join(methods)}")
    chosen = dict(options or {})
    unknowns = Unknowns(x0, "x0")
    report = _Report(callback, unknowns)
    if name not in _NATIVE:
        found = minimize_with_scipy(
            f, unknowns, name, int(max_iter), float(tol), bounds, constraints, chosen, keep_path, report
        )
        return _result(found, unknowns)
    keywords = _native_options(name, chosen)
    found = core.train.descend(
        Objective(f, unknowns).evaluate,
        core.asarray(unknowns.start),
        name,
        float(lr),
        **keywords,
        max_iter=int(max_iter),
        tol=float(tol),
        keep_path=bool(keep_path),
        on_step=None if callback is None else report.native,
    )
    steps, value, gradient = found["steps"], found["value"], found["gradient"].numpy()
    message = {
        "converged": lambda: (
            f"Converged after {steps} steps: no entry of the gradient is larger than {tol:g}."
        ),
        "max_iter": lambda: (
            f"Stopped after max_iter = {max_iter} steps: the largest entry of the gradient is "
            f"{np.abs(gradient).max():.3g}, tol is {tol:g}."
        ),
        "callback": lambda: f"The callback stopped it after {steps} steps.",
        "diverged": lambda: _divergence(f, x0, name, float(lr), keywords, found),
    }[found["end"]]()
    return _result(
        {
            "x": found["x"].numpy(),
            "fun": value,
            "jac": gradient,
            "nit": steps,
            "nfev": found["evaluations"],
            "njev": found["evaluations"],
            "reason": found["end"],
            "message": message,
            "path": found["path"].numpy() if keep_path else None,
            "path_fun": np.array(found["path_values"]) if keep_path else None,
        },
        unknowns,
    )


class _Report:
    """Calls the user's callback with a point, in the way its signature asks for."""

    def __init__(self, callback: Callable[..., Any] | None, unknowns: Unknowns) -> None:
        self._callback = callback
        self._unknowns = unknowns
        self._by_name = False
        if callback is not None:
            with contextlib.suppress(ValueError):  # a builtin without a signature
                self._by_name = list(inspect.signature(callback).parameters) == ["intermediate_result"]

    @property
    def wanted(self) -> bool:
        """Whether there is a callback."""
        return self._callback is not None

    def __call__(self, steps: int, x: np.ndarray[Any, Any], value: float) -> bool:
        """Whether to go on."""
        if self._callback is None:
            return True
        at = self._unknowns.result(x)
        try:
            if self._by_name:
                self._callback(intermediate_result=OptimizeResult(x=at, fun=value, nit=steps))
            else:
                self._callback(at)
        except StopIteration:
            return False
        return True

    def native(self, steps: int, x: Any, value: float, _gradient: Any) -> bool:
        """The same for the native loop, which hands over tensors that it goes on writing to."""
        return self(steps, x.numpy(), value)


def _result(found: dict[str, Any], unknowns: Unknowns) -> OptimizeResult:
    reason = found["reason"]
    path = found.pop("path")
    path_fun = found.pop("path_fun")
    message = found.pop("message")
    result = OptimizeResult(
        message=message, success=reason == "converged", status=_STATUS[reason], reason=reason
    )
    result.update(found)
    gradient = None if found["jac"] is None else unknowns.result(found["jac"])
    result.update(x=unknowns.result(found["x"]), jac=gradient, path=path, path_fun=path_fun)
    return result


def _checked_method(method: Any) -> str:
    if not isinstance(method, str):
        raise TypeError(f"method must be a string, got {type(method).__name__}")
    name = method.lower().replace("_", "-")
    if name not in _NATIVE and name not in METHODS:
        raise ValueError(
            f"unknown method {method!r}; native: {', '.join(_NATIVE)}; through SciPy: {', '.join(METHODS)}"
        )
    return name


def _native_options(method: str, options: dict[str, Any]) -> dict[str, float]:
    allowed = _NATIVE[method]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        has = f"it has {', '.join(allowed)}" if allowed else "it has none"
        raise ValueError(f"method {method!r} has no option {unknown[0]!r}; {has}")
    chosen = {**allowed, **options}
    if "betas" in chosen:
        betas = chosen.pop("betas")
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"options['betas'] must be a pair of numbers, got {betas!r}")
        chosen["beta1"], chosen["beta2"] = betas
    for name, value in chosen.items():
        _check_number(f"options[{name!r}]", value, above_zero=False)
        if name != "eps" and value >= 1.0:
            raise ValueError(f"options[{name!r}] must be from 0 to below 1, got {value}")
    return {name: float(value) for name, value in chosen.items()}


def _check_number(name: str, value: Any, above_zero: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not math.isfinite(value) or value < 0 or (above_zero and value == 0):
        raise ValueError(f"{name} must be finite and {'above' if above_zero else 'at least'} 0, got {value}")


def _divergence(
    f: Callable[..., Any],
    x0: Any,
    method: str,
    lr: float,
    keywords: dict[str, float],
    found: dict[str, Any],
) -> str:
    """Say how a descent ran away, and what the learning rate had to do with it."""
    steps, worst = found["steps"], found["worst"]
    if steps == 0 and not (math.isfinite(found["value"]) and np.isfinite(found["gradient"].numpy()).all()):
        return (
            f"Diverged: the value at x0 is {found['value']:g}, and the value or its gradient is not finite."
        )
    if math.isfinite(worst) and worst == found["value"]:
        if worst < 0:
            return (
                f"Diverged: after {steps} steps the value has fallen to {worst:.3g}; f may have no minimum."
            )
        text = f"Diverged: after {steps} steps the value has grown to {worst:.3g}."
    elif math.isfinite(worst):
        text = f"Diverged: step {steps + 1} led to a gradient that is not finite."
    else:
        text = f"Diverged: step {steps + 1} led to a value of {worst:g}."
    if method not in _STABLE_FACTOR:
        return f"{text} A smaller lr than {lr:g} may help."
    try:
        bounds = learning_rate_bounds(f, x0)
    except (ArithmeticError, TypeError, ValueError, RuntimeError):
        return f"{text} A smaller lr than {lr:g} may help."  # no second derivatives to be had
    if not math.isfinite(bounds.stable):
        return f"{text} At x0 no direction curves up (lambda_max = {bounds.sharpness:.6g})."
    momentum = keywords.get("momentum", 0.0)
    largest = _STABLE_FACTOR[method](momentum) * bounds.stable
    formula = {
        "gd": "2 / lambda_max",
        "momentum": "2 (1 + momentum) / lambda_max",
        "nesterov": "2 (1 + momentum) / (1 + 2 momentum) / lambda_max",
    }[method]
    known = (
        "exact: the Hessian does not depend on x"
        if bounds.exact
        else "a local estimate: the Hessian depends on x"
    )
    side = "above" if lr > largest else "not above"
    text = (
        f"{text} lr = {lr:g} is {side} the largest stable learning rate at x0, {largest:.6g} "
        f"({formula}, lambda_max = {bounds.sharpness:.6g}; {known})."
    )
    if lr > largest:
        return text
    if bounds.smallest < 0:
        return f"{text} Some direction curves down there, so f may have no minimum."
    return f"{text} The curvature grows along the way: a smaller lr may help."
