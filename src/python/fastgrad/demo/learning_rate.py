"""Chapter 3: the learning rate's choice, and the largest stable one."""

from __future__ import annotations

from typing import Any

import fastgrad as fg
from fastgrad._pictures import SERIES, finish, legend
from fastgrad.demo.descent import START, two_dips, valley
from fastgrad.demo.report import Report
from fastgrad.viz import plot_descent

_PATIENCE = 3000


def tell(report: Report) -> None:
    """Write the chapter."""
    report.chapter("The learning rate")
    bounds = fg.learning_rate_bounds(valley, START)
    report.say(
        "Along a direction in which the loss bends with curvature λ, one step multiplies the distance to "
        "the minimum by 1 - lr·λ. Between -1 and 1 the distance shrinks; below -1 each step overshoots by "
        "more than it gained. The largest curvature thus sets the largest stable rate, 2/λ_max. "
        "fg.learning_rate_bounds finds it from products of the Hessian with vectors, without the Hessian. "
        "For the valley:",
        str(bounds),
    )
    rates = [
        ("too small", 0.02 * bounds.stable),
        ("good", bounds.best),
        ("near the edge", 0.995 * bounds.stable),
        ("too large", 1.1 * bounds.stable),
    ]
    results = [
        fg.minimize(valley, START, method="gd", lr=lr, tol=1e-6, max_iter=_PATIENCE, keep_path=True)
        for _, lr in rates
    ]
    rows = []
    for (name, lr), result in zip(rates, results, strict=True):
        rows.append(
            [
                name,
                f"{lr:.5f}",
                f"{lr / bounds.stable:.3f}",
                f"{1.0 - lr * bounds.sharpness:+.3f}",
                str(result.nit),
                f"{float(result.path_fun[-1]):.1e}",
                str(result.reason),
            ]
        )
    report.table(["rate", "lr", "lr/stable", "1-lr·λ", "steps", "last loss", "outcome"], rows)
    slow, good, edge, large = results
    grown = min(20, large.nit)
    report.say(
        f"Too small is safe and slow: after {slow.nit} iterations the loss is still {slow.path_fun[-1]:.1e}. "
        f"The good rate needs {good.nit}. Near the edge every step lands almost as far up the opposite wall, "
        f"and it takes {edge.nit}. Too large, each step overshoots the floor by more than the last one did: "
        f"the loss grows from {large.path_fun[0]:.0f} to {large.path_fun[grown]:,.0f} in {grown} iterations, "
        "and descent diverges. fastgrad "
        f'says so: "{large.message}"'
    )
    _pictures(report, rates, results)
    _local(report)


def _pictures(report: Report, rates: list[tuple[str, float]], results: list[Any]) -> None:
    figure = report.figure(10.0, 7.8)
    for ax, (name, lr), result in zip(
        figure.subplots(2, 2, sharex=True, sharey=True).flat, rates, results, strict=True
    ):
        title = f"{name}: lr = {lr:.4f}, {result.nit} iterations"
        plot_descent(
            result, valley, ax, xlim=(-6.0, 6.0), ylim=(-4.5, 4.5), steps=25, title=title, colorbar=False
        )
        ax.label_outer()
        if ax is not figure.axes[0]:
            ax.get_legend().remove()
    report.picture(
        figure, "learning_rates_paths.png", "the same start, four learning rates; the first 25 steps of each"
    )

    figure = report.figure(7.4, 4.6)
    ax = figure.subplots()
    for colour, (name, lr), result in zip(SERIES, rates, results, strict=False):
        ax.plot(result.path_fun[:251], color=colour, linewidth=1.9, label=f"{name}, lr = {lr:.4f}")
    ax.set_yscale("log")
    ax.set_xlim(0, 250)
    ax.set_ylim(1e-14, 1e12)
    finish(ax, "The loss at each iteration", "iteration", "loss")
    legend(ax, "upper right")
    report.picture(
        figure,
        "learning_rates_loss.png",
        "a stable rate falls along a straight line, too large a rate climbs one",
    )


def _local(report: Report) -> None:
    start = -1.3
    here, there = fg.learning_rate_bounds(two_dips, 2.0), fg.learning_rate_bounds(two_dips, start)
    below, above = 0.95 * there.stable, 1.05 * there.stable
    settles, hops = (
        fg.minimize(two_dips, start, method="gd", lr=lr, tol=1e-8, max_iter=_PATIENCE, keep_path=True)
        for lr in (below, above)
    )
    report.say(
        "The valley bends the same everywhere, so its bound is exact. Other losses bend differently at "
        "each point, and a bound holds near the point where it was taken. For x⁴ - 3x² + x the largest "
        f"stable rate is {here.stable:.3f} around x = 2 but {there.stable:.3f} around its minimum near x = "
        f"{start:g}. fastgrad says which kind it is; at x = {start:g} it is "
        f"{'exact' if there.exact else 'local'}:",
        str(there),
        f"So it is: from x = {start:g} with lr = {below:.3f}, descent {_outcome(settles)}; with lr = "
        f"{above:.3f} it {_outcome(hops)}.",
    )


def _outcome(result: Any) -> str:
    if result.success:
        return f"converges to x = {float(result.x):.6f} in {result.nit} iterations"
    last, final = result.path[-2:, 0]
    return f"never settles: after {result.nit} iterations it still hops between {last:.3f} and {final:.3f}"
