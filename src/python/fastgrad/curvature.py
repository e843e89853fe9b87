"""Learning rates for which gradient descent is stable, from the curvature of the function."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastgrad._native import core
from fastgrad._objective import Hessian, Unknowns

__all__ = ["LearningRateBounds", "largest_curvature", "learning_rate_bounds"]

# Up to here all eigenvalues are found, from as many Hessian-vector products; beyond, the largest only.
_WHOLE_MATRIX = 64
_LANCZOS_STEPS = 300
_LANCZOS_ACCURACY = 1e-7


@dataclass(frozen=True)
class LearningRateBounds:
    """What the curvature at a point says about the learning rate of gradient descent; `str` says it in words.

    Attributes
    ----------
    stable : float
        ``2 / lambda_max``: with a larger rate descent overshoots further at each step. Infinite when no
        direction curves up.
    best : float
        The constant rate that converges fastest, ``2 / (lambda_max + lambda_min)``, where every direction is
        known to curve up; else ``1 / lambda_max``.
    sharpness : float
        ``lambda_max``, the largest eigenvalue of the Hessian.
    smallest : float
        ``lambda_min``, its smallest eigenvalue; NaN when there are so many variables that it was not
        computed.
    condition : float
        ``lambda_max / lambda_min``: about so many steps divide the error by e^2 at the best rate. NaN where
        `smallest` is not positive or not known.
    exact : bool
        Whether the Hessian is the same at every x, so that the bounds hold everywhere and not only near this
        point.
    """

    stable: float
    best: float
    sharpness: float
    smallest: float
    condition: float
    exact: bool

    def __str__(self) -> str:
        where = (
            "exact: the Hessian does not depend on x"
            if self.exact
            else "near this x: the Hessian depends on x"
        )
        if not self.sharpness > 0:
            return (
                f"No direction curves up here (lambda_max = {self.sharpness:.6g}; {where}), "
                "so there is no largest stable learning rate."
            )
        text = (
            f"Gradient descent is stable for learning rates below {self.stable:.6g} "
            f"(2 / lambda_max, lambda_max = {self.sharpness:.6g}; {where})."
        )
        if self.smallest < 0 and not math.isfinite(self.condition):
            return (
                f"{text} Some direction curves down (lambda_min = {self.smallest:.6g}): "
                "along it descent moves away from this point at any rate."
            )
        if math.isfinite(self.condition):
            return (
                f"{text} The best constant rate is {self.best:.6g} (2 / (lambda_max + lambda_min)); "
                f"the condition number is {self.condition:.6g}."
            )
        return f"{text} A good rate is {self.best:.6g} (1 / lambda_max)."


def learning_rate_bounds(f: Callable[..., Any], x: Any) -> LearningRateBounds:
    """Find the learning rates for which gradient descent on `f` near `x` is stable.

    Parameters
    ----------
    f : callable
        Takes `x`, returns one number.
    x : number, array_like, Tensor or nest
        Where, as the `x0` of `fastgrad.minimize`.

    Returns
    -------
    LearningRateBounds
        With `stable`, `best`, `sharpness`, `condition` and `exact`.

    Raises
    ------
    ValueError
        When `x` or the curvature there is not finite, or `f` does not return one number.
    TypeError
        When `x` does not hold real numbers.

    Notes
    -----
    On a quadratic, a step of rate lr multiplies the error along an eigenvector of the Hessian by ``1 - lr *
    lambda``: Nesterov, *Lectures on Convex Optimization*, 2nd ed., section 1.2.3. The eigenvalues come from
    exact Hessian-vector products: all of them for up to 64 variables, else the largest by Lanczos' method to
    a relative 1e-7.

    Examples
    --------
    >>> import fastgrad as fg
    >>> b = fg.learning_rate_bounds(lambda x: 5.0 * x[0] * x[0] + 0.5 * x[1] * x[1], [1.0, 1.0])
    >>> b.stable, round(b.best, 4), b.condition, b.exact
    (0.2, 0.1818, 10.0, True)
    >>> print(fg.learning_rate_bounds(lambda x: -x * x, 1.0))  # doctest: +ELLIPSIS
    No direction curves up here (lambda_max = -2; ...), so there is no largest stable learning rate.
    """
    unknowns = Unknowns(x, "x")
    if not np.isfinite(unknowns.start).all():
        raise ValueError("x must be finite to say anything about the curvature there")
    hessian = Hessian(f, unknowns)
    if unknowns.size <= _WHOLE_MATRIX:
        matrix = hessian.matrix(unknowns.start).astype(np.float64)
        _check_finite(matrix)
        eigenvalues = np.linalg.eigvalsh(matrix)
        smallest, sharpness = float(eigenvalues[0]), float(eigenvalues[-1])
    else:
        smallest = math.nan
        sharpness = _largest_eigenvalue(
            lambda v: hessian.product(unknowns.start, v), unknowns.size, _LANCZOS_ACCURACY
        )
    if not sharpness > 0:
        return LearningRateBounds(math.inf, math.inf, sharpness, smallest, math.nan, hessian.constant)
    # Smaller eigenvalues than this cannot be told from zero.
    noise = unknowns.size * float(np.spacing(unknowns.dtype.type(1))) * sharpness
    positive = smallest > noise
    return LearningRateBounds(
        stable=2.0 / sharpness,
        best=2.0 / (sharpness + smallest) if positive else 1.0 / sharpness,
        sharpness=sharpness,
        smallest=smallest if abs(smallest) > noise or math.isnan(smallest) else 0.0,
        condition=sharpness / smallest if positive else math.nan,
        exact=hessian.constant,
    )


def largest_curvature(f: Callable[..., Any], x: Any, accuracy: float, seconds: float) -> tuple[float, bool]:
    """The `sharpness` of `learning_rate_bounds` and its `exact`; TimeoutError when it takes longer."""
    unknowns = Unknowns(x, "x")
    hessian = Hessian(f, unknowns)
    end = time.monotonic() + seconds

    def product(v: Any) -> Any:
        if time.monotonic() > end:
            raise TimeoutError(f"the largest curvature was not found in {seconds:g} s")
        return hessian.product(unknowns.start, v)

    return _largest_eigenvalue(product, unknowns.size, accuracy), hessian.constant


def _largest_eigenvalue(product: Callable[[Any], Any], n: int, accuracy: float) -> float:
    """The largest eigenvalue of a symmetric matrix, by Lanczos' method with full reorthogonalisation."""
    v = core.random.normal((n,), 0.0, 1.0, np.float64, (0, 0)).numpy()
    basis = [v / np.linalg.norm(v)]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        w = np.asarray(product(basis[-1]), np.float64)
        _check_finite(w)
        diagonal.append(float(w @ basis[-1]))
        for _ in range(2):  # twice is enough (Kahan and Parlett)
            for q in basis:
                w = w - (w @ q) * q
        rest = float(np.linalg.norm(w))
        small = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        values, vectors = np.linalg.eigh(small)
        largest = float(values[-1])
        # No further from an eigenvalue than this.
        error = rest * abs(float(vectors[-1, -1]))
        if error <= accuracy * abs(largest) or len(basis) == min(n, _LANCZOS_STEPS):
            return largest
        beside.append(rest)
        basis.append(w / rest)


def _check_finite(numbers: Any) -> None:
    if not np.isfinite(numbers).all():
        raise ValueError("the second derivatives at x are not finite")
