"""Chapter 2: gradient descent on losses of one and two variables, with pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import fastgrad as fg
from fastgrad.demo.report import Report
from fastgrad.viz import plot_descent

STEEPNESS = 25.0
_COS, _SIN = math.cos(math.pi / 6), math.sin(math.pi / 6)
START = np.array([-4.0, 1.0])


def bowl(x: Any) -> Any:
    """Return (x - 3)^2 + 1."""
    return (x - 3.0) ** 2 + 1.0


def two_dips(x: Any) -> Any:
    """Return x^4 - 3x^2 + x: it has two minima."""
    return x**4 - 3.0 * x**2 + x


def valley(x: Any) -> Any:
    """Return a paraboloid STEEPNESS times steeper across than along, turned by 30 degrees."""
    along = _COS * x[0] + _SIN * x[1]
    across = _COS * x[1] - _SIN * x[0]
    return 0.5 * (along**2 + STEEPNESS * across**2)


def tell(report: Report) -> None:
    """Write the chapter."""
    report.chapter("Gradient descent")
    _by_hand(report)
    _two_minima(report)
    _valley(report)


def _by_hand(report: Report) -> None:
    lr, x = 0.2, 0.0
    slope = fg.grad(bowl)
    report.say(
        "Downhill is against the derivative, so take a step that way and repeat: x_new = x_old - lr · "
        f"f'(x_old). For f(x) = (x - 3)² + 1 from x = {x:g}, with the learning rate lr = {lr:g}:"
    )
    rows = []
    for k in range(31):
        if k in (0, 1, 2, 3, 5, 10, 20, 30):
            rows.append([str(k), f"{x:.8f}", f"{float(bowl(x)):.8f}", f"{float(slope(x)):+.8f}"])
        x_last, x = x, x - lr * float(slope(x))
    report.table(["iteration", "x", "f(x)", "f'(x)"], rows)
    result = fg.minimize(bowl, 0.0, method="gd", lr=lr, tol=1e-8, keep_path=True)
    same = float(result.path[30, 0]) == x_last
    report.say(
        f"fg.minimize runs the same loop natively{', to the same bits' if same else ''}: {result.nit} "
        f"iterations until |f'(x)| is at most 1e-8, ending at x = {float(result.x):.10f}."
    )
    figure = report.figure(7.0, 4.6)
    plot_descent(result, bowl, figure.subplots(), title=f"f(x) = (x - 3)² + 1, learning rate {lr:g}")
    report.picture(
        figure,
        "descent_one_variable.png",
        "each step follows the tangent; they shorten as the curve flattens",
    )


def _two_minima(report: Report) -> None:
    lr = 0.01
    figure = report.figure(10.0, 4.2)
    ends = []
    for ax, start in zip(figure.subplots(1, 2, sharey=True), (-2.0, 2.0), strict=True):
        result = fg.minimize(two_dips, start, method="gd", lr=lr, tol=1e-8, keep_path=True)
        ends.append(
            f"From {start:g} it ends at x = {float(result.x):.6f}, where f = {float(result.fun):.4f}."
        )
        title = f"from x = {start:g}: {result.nit} iterations"
        plot_descent(result, two_dips, ax, xlim=(-2.2, 2.2), ylim=(-4.6, 7.5), title=title)
    figure.axes[1].get_legend().remove()
    figure.axes[1].set_ylabel("")
    report.say(
        "Descent finds a minimum, not always the lowest one: f(x) = x⁴ - 3x² + x has two, and where the walk "
        "starts decides.",
        " ".join(ends),
    )
    report.picture(figure, "descent_two_minima.png", "the same rule from two starts")


def _valley(report: Report) -> None:
    lr = 1.8 / STEEPNESS
    result = fg.minimize(valley, START, method="gd", lr=lr, tol=1e-8, max_iter=5000, keep_path=True)
    fall = int(np.argmax(result.path_fun < 1e-3 * result.path_fun[0]))
    report.say(
        "With two variables the gradient points across a narrow valley, not along it. This one is "
        f"{STEEPNESS:g} times steeper across than along: descent zigzags between the walls and creeps along "
        f"the floor. The loss falls a thousandfold in {fall} iterations; a gradient below 1e-8 takes "
        f"{result.nit}."
    )
    figure = report.figure(8.0, 5.6)
    ax = figure.subplots()
    title = f"a narrow valley, learning rate {lr:g}: {result.nit} iterations"
    plot_descent(result, valley, ax, xlim=(-5.0, 2.0), ylim=(-3.8, 1.6), title=title)
    report.picture(figure, "descent_valley.png", "the path walks, zigzagging, to the minimum at the origin")
