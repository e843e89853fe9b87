"""Chapter 3: the learning rate's choice, and the largest stable one."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastgrad as fg
from fastgrad.demo.descent import START, two_dips, valley
from fastgrad.demo.report import Report
from fastgrad.viz import plot_descent, plot_history


def tell(report: Report) -> None:
    """Write the chapter."""
    report.chapter("The learning rate")
    bounds = fg.learning_rate_bounds(valley, START)
    report.say(
        "Along a direction in which the loss bends with curvature λ, one step multiplies the distance to the minimum by "
        "1 - lr·λ. Between -1 and 1 the distance shrinks; below -1 each step overshoots by more than it gained. The "
        "largest curvature thus sets the largest stable rate, 2/λ_max. fg.learning_rate_bounds finds it from products "
        "of the Hessian with vectors, without the Hessian. For the valley:",
        str(bounds),
    )
    rates = [
        ("too small", 0.02 * bounds.stable),
        ("good", bounds.best),
        ("near the edge", 0.97 * bounds.stable),
        ("too large", 1.04 * bounds.stable),
    ]
    results = [
        fg.minimize(valley, START, method="gd", lr=lr, tol=1e-6, max_iter=1000, keep_path=True) for _, lr in rates
    ]
    rows = []
    for (name, lr), result in zip(rates, results, strict=True):
        rows.append(
            [
                name,
                f"{lr:.5f}",
                f"{lr / bounds.stable:.2f}",
                f"{1.0 - lr * bounds.sharpness:+.2f}",
                str(result.nit),
                f"{float(result.path_fun[-1]):.1e}",
                str(result.reason),
            ]
        )
    report.table(["rate", "lr", "lr/stable", "1-lr·λ_max", "iterations", "last loss", "outcome"], rows)
    slow, good, edge, large = results
    report.say(
        f"Too small is safe and slow: after {slow.nit} iterations the loss is still {float(slow.path_fun[-1]):.1e}. The "
        f"good rate needs {good.nit}. Near the edge every step lands almost as far up the opposite wall, and it takes "
        f"{edge.nit}. Too large, each step overshoots the floor by more than the last one, and the loss grows from "
        f"{float(large.path_fun[0]):.0f} to {float(large.path_fun[min(20, large.nit)]):.0f} in "
        f"{min(20, large.nit)} iterations. fastgrad says so: \"{large.message}\""
    )
    _pictures(report, rates, results)
    _local(report)


def _pictures(report: Report, rates: list[tuple[str, float]], results: list[Any]) -> None:
    figure = report.figure(10.0, 7.4)
    for ax, (name, lr), result in zip(figure.subplots(2, 2, sharex=True, sharey=True).flat, rates, results, strict=True):
        plot_descent(
            result, valley, ax, xlim=(-6.0, 6.0), ylim=(-4.5, 4.5), title=f"{name}: lr = {lr:.4f}", colorbar=False
        )
        ax.label_outer()
    report.picture(figure, "learning_rates_paths.png", "the same start, four learning rates")
    figure = report.figure(7.0, 4.4)
    history = {
        f"{name}, lr = {lr:.4f}": np.maximum(result.path_fun[:150], 1e-16)
        for (name, lr), result in zip(rates, results, strict=True)
    }
    ax = plot_history(history, ax=figure.subplots(), title="Loss at each iteration", ylabel="loss")
    ax.set_xlabel("iteration")
    ax.set_ylim(1e-14, 1e8)
    report.picture(figure, "learning_rates_loss.png", "a stable rate falls on a straight line, an unstable one rises on one")


def _local(report: Report) -> None:
    here, there = fg.learning_rate_bounds(two_dips, 2.0), fg.learning_rate_bounds(two_dips, -1.3)
    lr = 0.5 * (here.stable + there.stable)
    report.say(
        "The valley bends the same everywhere, so its bound is exact. Other losses bend differently at each point, and "
        f"a bound holds near the point where it was taken. For x⁴ - 3x² + x the largest stable rate is {here.stable:.3f} "
        f"around x = 2 but {there.stable:.3f} around its minimum at x = -1.3, and fastgrad says which kind it is:",
        f"{'exact' if here.exact else 'local'} at x = 2: {here}",
        f"With lr = {lr:.3f}, between the two, a start at -1.3 {_outcome(-1.3, lr)}, one at 2 {_outcome(2.0, lr)}.",
    )


def _outcome(start: float, lr: float) -> str:
    result = fg.minimize(two_dips, start, method="gd", lr=lr, tol=1e-8, max_iter=2000)
    if result.success:
        return f"converges in {result.nit} iterations"
    return f"ends after {result.nit} iterations with the reason \"{result.reason}\""
