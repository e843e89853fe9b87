"""How pictures look: colours, axes, legends, numbers on scales."""

from __future__ import annotations

import math
from typing import Any

from fastgrad._extras import require

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "RED",
    "SERIES",
    "finish",
    "legend",
    "log_y",
    "new_axes",
    "short",
]

INK = "#26323d"
GREY = "#8a949c"
BLUE = "#3f6a8c"
RED = "#c8553d"
GREEN = "#2a8c6f"
ORANGE = "#e9a03b"
SERIES = (BLUE, RED, GREEN, "#8b6bb1", ORANGE, "#6b7780")
_GRID = "#e4e7e9"


def new_axes(ax: Any, size: tuple[float, float]) -> Any:
    """Return `ax`, or the axes of a new figure when it is None."""
    pyplot = require("matplotlib.pyplot", "demo")  # first of all: says what is missing
    return ax if ax is not None else pyplot.subplots(figsize=size, layout="constrained")[1]


def finish(ax: Any, title: str | None, xlabel: str, ylabel: str, *, grid: bool = True) -> None:
    """Label the axes and calm their lines."""
    if title:
        ax.set_title(title, loc="left", fontsize=11, color=INK, pad=9)
    ax.set_xlabel(xlabel, fontsize=10, color=INK)
    ax.set_ylabel(ylabel, fontsize=10, color=INK)
    ax.tick_params(which="both", colors=INK, labelsize=9, length=3)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
    if grid:
        ax.grid(True, which="major", color=_GRID, linewidth=0.8)
        ax.set_axisbelow(True)


def legend(ax: Any, place: str = "best") -> None:
    """Put the legend where it hides least."""
    box = ax.legend(loc=place, fontsize=9, frameon=True, framealpha=0.85, edgecolor="none", labelcolor=INK)
    box.set_zorder(6)


def log_y(ax: Any) -> None:
    """Make the vertical axis logarithmic, with numbers on it however little it spans."""
    ticker = require("matplotlib.ticker", "demo")
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high / low < 1e3:
        ax.yaxis.set_major_locator(ticker.LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: short(value)))
    ax.yaxis.set_minor_formatter(ticker.NullFormatter())


def short(value: float) -> str:
    """Write a number in little room."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    exponent = math.floor(math.log10(abs(value)))
    return rf"${value / 10.0**exponent:.2g}\times10^{{{exponent}}}$"
