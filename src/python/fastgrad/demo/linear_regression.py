"""Chapter 4: linear regression by descent beside the closed form; what the condition number costs."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

import fastgrad as fg
from fastgrad._extras import require
from fastgrad._pictures import BLUE, RED, finish, legend
from fastgrad.demo.report import Report

_MARKS = (10, 100, 1000, 3000, 10000)


class Fit(NamedTuple):
    """A descent on one way of measuring the features, and what theory needs to predict it."""

    lr: float
    curvatures: np.ndarray[Any, Any]  # of the loss, in the directions of its Hessian, rising
    distances: np.ndarray[Any, Any]  # from the start to the closed form, in the same directions
    size: float  # length of the closed form's weights
    errors: np.ndarray[Any, Any]  # relative distance to the closed form at each iteration
    least: float  # the loss at the closed form
    result: Any
    seconds: float

    @property
    def condition(self) -> float:
        """Largest curvature over smallest."""
        return float(self.curvatures[-1] / self.curvatures[0])

    def predicted_error(self, iterations: float) -> float:
        """Every step multiplies each distance by 1 - lr * curvature."""
        shrunk = np.abs(1.0 - self.lr * self.curvatures) ** iterations
        return float(np.linalg.norm(shrunk * self.distances)) / self.size

    def iterations_for(self, digits: float) -> float:
        """Predict how many iterations leave so many digits in common with the closed form."""
        low, high = 0.0, 1.0
        while self.predicted_error(high) > 10.0**-digits:
            low, high = high, 2.0 * high
        while high - low > 1e-3 * high:
            middle = 0.5 * (low + high)
            if self.predicted_error(middle) > 10.0**-digits:
                low = middle
            else:
                high = middle
        return high


def fit(X: np.ndarray[Any, Any], y: np.ndarray[Any, Any], iterations: int) -> Fit:
    """Descend at the best rate on mean((A w - y)^2), where A is X with a column of ones."""
    A = np.column_stack([X, np.ones(len(X))])  # (n, features + 1)

    def loss(w: Any) -> Any:
        return np.mean((A @ w - y) ** 2)

    start = np.zeros(A.shape[1])
    closed_form = np.linalg.lstsq(A, y, rcond=None)[0]
    curvatures, directions = np.linalg.eigh(fg.hessian(loss)(start))
    size = float(np.linalg.norm(closed_form))
    lr = fg.learning_rate_bounds(loss, start).best
    began = time.perf_counter()
    result = fg.minimize(loss, start, method="gd", lr=lr, tol=0.0, max_iter=iterations, keep_path=True)
    seconds = time.perf_counter() - began
    errors = np.linalg.norm(result.path - closed_form, axis=1) / size
    distances = directions.T @ (start - closed_form)
    return Fit(lr, curvatures, distances, size, errors, float(loss(closed_form)), result, seconds)


def tell(report: Report) -> None:
    """Write the chapter."""
    X, y = require("sklearn.datasets", "demo").load_diabetes(return_X_y=True, scaled=False)
    report.chapter("Linear regression")
    report.say(
        f"{len(X)} diabetes patients, {X.shape[1]} measurements of each, and how far the disease went in a "
        "year. The model is a weighted sum of the measurements and a constant; its loss, the mean squared "
        "error, is a paraboloid whose minimum the closed form (least squares by np.linalg.lstsq) gives "
        "directly. Descent walks there from zero. First each measurement is standardised: its mean becomes "
        "0 and its spread 1."
    )
    tidy = fit((X - X.mean(axis=0)) / X.std(axis=0), y, max(_MARKS))
    reached = -math.log10(tidy.errors.min())
    report.table(
        ["iterations", "digits in common with the closed form"],
        [[str(k), _digits(tidy.errors[k])] for k in _MARKS],
    )
    wanted = 10.0
    measured = int(np.flatnonzero(tidy.errors <= 10.0**-wanted)[0]) if reached >= wanted else None
    report.say(
        f"The condition number, the largest curvature over the smallest, is {tidy.condition:.0f}; with it "
        f"and the best rate, {tidy.lr:.4f}, theory predicts {_count(tidy.iterations_for(wanted))} iterations "
        f"for {wanted:.0f} digits, "
        + (f"and {measured:,} were needed. " if measured else "and descent stopped short of them. ")
        + f"The digits end at {reached:.1f}: there the gradient is all rounding, and descent goes no "
        f"further. The fit explains {1.0 - float(tidy.result.fun) / y.var():.1%} of the variance (R²). Each "
        f"iteration took {1e6 * tidy.seconds / tidy.result.nit:.1f} microseconds."
    )
    raw = fit(X, y, max(_MARKS))
    wanted = 6.0
    needed = raw.iterations_for(wanted)
    report.say(
        "Now the same patients as measured, in years, mg/dl and mmHg. The closed form fits as well, but the "
        f"paraboloid is a gorge: its condition number is {_count(raw.condition)}. After {max(_MARKS):,} "
        f"iterations at the best rate, {raw.lr:.1e}, descent has {_digits(raw.errors[-1])} digits, and a "
        f"loss of {float(raw.result.fun):,.0f} where the closed form has {raw.least:,.0f}. Theory says "
        f"{wanted:.0f} digits take {_count(needed)} iterations, "
        f"{_duration(needed * raw.seconds / raw.result.nit)} at this pace, where the standardised "
        f"measurements take {_count(tidy.iterations_for(wanted))}. Standardise first, or take the closed "
        "form where there is one."
    )
    _picture(report, tidy, raw)


def _picture(report: Report, tidy: Fit, raw: Fit) -> None:
    figure = report.figure(7.4, 4.6)
    ax = figure.subplots()
    for label, data, colour in (("standardised", tidy, BLUE), ("as measured", raw, RED)):
        ax.plot(
            data.errors,
            color=colour,
            linewidth=2,
            label=f"{label}, condition number {_count(data.condition)}",
        )
    ax.set_yscale("log")
    ax.set_xlim(0, max(_MARKS))
    finish(
        ax,
        "The condition number decides how fast descent is",
        "iteration",
        "relative distance to the closed form",
    )
    legend(ax, "center right")
    report.picture(
        figure, "linear_regression.png", "one falls until rounding stops it, the other has hardly begun"
    )


def _digits(error: float) -> str:
    return f"{max(-math.log10(error), 0.0):.1f}"


def _count(iterations: float) -> str:
    if iterations < 1e6:
        return f"{iterations:,.0f}"
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if iterations >= size:
            return f"{iterations / size:.1f} {name}"
    return f"{iterations:.1e}"


def _duration(seconds: float) -> str:
    for size, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.1f} seconds"
