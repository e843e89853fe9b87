"""Pictures of losses, of descents walking to their minimum, and of training. Needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastgrad._extras import require

__all__ = ["plot_descent", "plot_history", "plot_loss_surface"]

_INK = "#26323d"
_FAINT = "#8a949c"
_CURVE = "#3f6a8c"
_PATH = "#c8553d"
_START = "#e9a03b"
_END = "#2a8c6f"
_LOW_TO_HIGH = ("#fbfaf5", "#dfe7ea", "#b3c7d3", "#7d9db4", "#4f7391")
_SERIES = (_CURVE, _PATH, _END, "#8b6bb1", _START, "#6b7780")
# A path that runs away is shown for as long as it is within so many first steps of the start.
_RUNAWAY_STEPS = 8.0
_LARGE_SPAN = 30.0


def plot_descent(
    result: Any,
    f: Callable[..., Any],
    ax: Any = None,
    *,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    tangents: int = 12,
    title: str | None = None,
    colorbar: bool = True,
) -> Any:
    """Draw a loss and the iterations of a descent walking to its minimum.

    With one variable: the curve, the iterations as points on it, and from each the step along the tangent. With two:
    filled contours and the path. A path that diverges is shown up to where it leaves the picture.

    Parameters
    ----------
    result : OptimizeResult
        Of `fastgrad.minimize` with ``keep_path=True``, over one or two variables.
    f : callable
        The loss that was minimised.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    xlim, ylim : (float, float), optional
        The part shown: `xlim` of the first variable, `ylim` of the second or of the loss; around the path by default.
    tangents : int
        How many of the first steps show their tangent (one variable).
    title : str, optional
        Says the method and the number of iterations by default.
    colorbar : bool
        Whether the colours of two variables get a scale.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        When the result has no path, or its variables are more than two.
    ImportError
        When matplotlib is missing.

    Examples
    --------
    >>> import fastgrad as fg
    >>> f = lambda x: (x - 3.0) ** 2 + 1.0
    >>> r = fg.minimize(f, 0.0, method="gd", lr=0.2, keep_path=True)
    >>> ax = fg.viz.plot_descent(r, f)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x', 'loss')
    """
    path = _path_of(result)
    count = path.shape[1]
    if count not in (1, 2):
        raise ValueError(f"plot_descent shows losses of one or two variables, this result has {count}")
    shape = np.shape(result.x)
    steps = len(path) - 1
    visible = _visible(result, path)
    if title is None:
        title = f"{steps} iteration{'s' if steps != 1 else ''}"
        if len(visible) <= steps:
            title += f", of which the first {len(visible) - 1} are shown"
    if count == 2:
        x_range, y_range = _ranges(visible)
        ax = _new_axes(ax, (6.4, 5.0))
        _contours(ax, f, xlim or x_range, ylim or y_range, shape, colorbar)
        _draw_path(ax, visible, ended=len(visible) > steps)
        _finish(ax, title, "x[0]", "x[1]", grid=False)
        _legend(ax)
        return ax
    ax = _new_axes(ax, (6.4, 4.4))
    _draw_line(ax, visible[:, 0], f, shape, xlim, tangents, ended=len(visible) > steps)
    if ylim:
        ax.set_ylim(ylim)
    _finish(ax, title, "x", "loss")
    _legend(ax)
    return ax


def plot_loss_surface(
    f: Callable[..., Any],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    path: Any = None,
    ax: Any = None,
    *,
    title: str | None = None,
    colorbar: bool = True,
) -> Any:
    """Draw a loss of two variables as filled contours, closer near the minimum where its range is large.

    Parameters
    ----------
    f : callable
        Takes an array of shape (2,) and returns a number.
    xlim, ylim : (float, float)
        Ranges of the two variables.
    path : OptimizeResult or array_like, optional
        A descent to draw on it: a result with a path, or points (steps + 1, 2).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    title : str, optional
        Stands above the picture.
    colorbar : bool
        Whether the colours get a scale.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> import fastgrad as fg
    >>> ax = fg.viz.plot_loss_surface(lambda x: x[0] ** 2 + 10.0 * x[1] ** 2, (-2, 2), (-1, 1))
    >>> ax.get_xlim()
    (-2.0, 2.0)
    """
    points = None
    if path is not None:
        points = _path_of(path) if hasattr(path, "path") else np.asarray(path, dtype=float)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"path must have shape (steps + 1, 2), got {points.shape}")
    ax = _new_axes(ax, (6.4, 5.0))
    _contours(ax, f, xlim, ylim, (2,), colorbar)
    _finish(ax, title, "x[0]", "x[1]", grid=False)
    if points is not None:
        _draw_path(ax, points, ended=True)
        _legend(ax)
    return ax


def plot_history(
    history: Any, keys: Sequence[str] | None = None, ax: Any = None, *, title: str | None = None, ylabel: str | None = None
) -> Any:
    """Draw what was measured at each epoch of training; on a log scale where it spans much.

    Parameters
    ----------
    history : mapping of str to sequence of float, or an object with such a mapping as `history`
        One number an epoch for each name.
    keys : sequence of str, optional
        What to draw; by default the names that contain "loss", or all when there are none.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    title, ylabel : str, optional
        Texts; the label is "loss" when all that is drawn is one.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    KeyError
        When a key is not in the history.
    ValueError
        When there is nothing to draw.

    Examples
    --------
    >>> import fastgrad as fg
    >>> ax = fg.viz.plot_history({"loss": [1.0, 0.5, 0.3], "val_loss": [1.1, 0.7, 0.6]})
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('epoch', 'loss')
    """
    table = history if isinstance(history, Mapping) else getattr(history, "history", None)
    if not isinstance(table, Mapping):
        raise TypeError(
            f"history must be a dict of lists or an object with one as .history, got {type(history).__name__}"
        )
    if keys is None:
        keys = [name for name in table if "loss" in name] or list(table)
    unknown = [name for name in keys if name not in table]
    if unknown:
        raise KeyError(f"history has no {', '.join(unknown)}; it has {', '.join(map(str, table))}")
    series = {name: np.asarray(table[name], dtype=float) for name in keys}
    if not any(values.size for values in series.values()):
        raise ValueError("history has no epochs to draw")
    ax = _new_axes(ax, (6.4, 4.2))
    longest = max(values.size for values in series.values())
    for i, (name, values) in enumerate(series.items()):
        ax.plot(
            np.arange(1, values.size + 1),
            values,
            label=_readable(name),
            color=_SERIES[i % len(_SERIES)],
            linewidth=1.9,
            marker="o" if longest <= 12 else None,
            markersize=4,
        )
    finite = np.concatenate([values[np.isfinite(values)] for values in series.values()])
    if finite.size and finite.min() > 0 and finite.max() / finite.min() > _LARGE_SPAN:
        _log_y(ax)
    if ylabel is None:
        ylabel = "loss" if all("loss" in name for name in keys) else ""
    _finish(ax, title, "epoch", ylabel)
    ax.set_xlim(1, max(longest, 2))
    ax.xaxis.set_major_locator(require("matplotlib.ticker", "demo").MaxNLocator(integer=True, nbins=7))
    if len(series) > 1 or ylabel == "":
        _legend(ax)
    return ax


def _new_axes(ax: Any, size: tuple[float, float]) -> Any:
    pyplot = require("matplotlib.pyplot", "demo")  # first of all: says what is missing
    return ax if ax is not None else pyplot.subplots(figsize=size, layout="constrained")[1]


def _path_of(result: Any) -> np.ndarray[Any, Any]:
    path = getattr(result, "path", None)
    if path is None:
        raise ValueError("result has no path; minimise with keep_path=True")
    points = np.asarray(path, dtype=float)
    return points.reshape(len(points), -1)


def _visible(result: Any, path: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Leave out what a diverging path does far from where it began."""
    if getattr(result, "reason", None) != "diverged" or len(path) < 3:
        return path
    with np.errstate(over="ignore", invalid="ignore"):
        distance = np.linalg.norm(path - path[0], axis=1)
    far = np.flatnonzero(~(distance <= _RUNAWAY_STEPS * distance[1]))
    return path[: max(int(far[0]), 2)] if far.size else path


def _ranges(path: np.ndarray[Any, Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return a range for each variable that holds the path; neither is much shorter than the other."""
    low, high = path.min(axis=0), path.max(axis=0)
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    half = np.maximum(half, 0.45 * half.max()) * 1.18
    half[half == 0.0] = 1.0
    first, second = zip((middle - half).tolist(), (middle + half).tolist(), strict=True)
    return first, second


def _value(f: Callable[..., Any], point: np.ndarray[Any, Any]) -> float:
    value = f(point[()])
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"f must return one number, got {type(value).__name__} of shape {np.shape(value)}") from None


def _draw_line(
    ax: Any,
    x: np.ndarray[Any, Any],
    f: Callable[..., Any],
    shape: tuple[int, ...],
    xlim: tuple[float, float] | None,
    tangents: int,
    *,
    ended: bool,
) -> None:
    from fastgrad.autodiff import grad

    def loss(at: float) -> float:
        return _value(f, np.full(shape, at))

    derivative = grad(f)
    if xlim is None:
        reach = 0.22 * (x.max() - x.min()) or 1.0
        xlim = (x.min() - reach, x.max() + reach)
    grid = np.linspace(*xlim, 401)
    with np.errstate(all="ignore"):
        curve = np.array([loss(at) for at in grid])
    heights = np.array([loss(at) for at in x])
    ax.plot(grid, curve, color=_CURVE, linewidth=2.2, label="loss", zorder=2)
    for k in range(min(tangents, len(x) - 1)):
        slope = float(np.asarray(derivative(np.full(shape, x[k])[()])).reshape(()))
        landing = heights[k] + slope * (x[k + 1] - x[k])
        label = {"label": "tangent, followed for one step"} if k == 0 else {}
        ax.plot([x[k], x[k + 1]], [heights[k], landing], color=_PATH, linewidth=1.4, zorder=3, **label)
        ax.plot([x[k + 1]] * 2, [landing, heights[k + 1]], color=_PATH, linewidth=0.9, linestyle=":", zorder=3)
    ax.plot(x, heights, "o", color=_PATH, markersize=4.5, markeredgecolor="white", label="iterations", zorder=4)
    _ends(ax, x, heights, ended=ended)
    ax.set_xlim(xlim)
    shown = np.concatenate([curve[np.isfinite(curve)], heights])
    low, high = shown.min(), shown.max()
    room = 0.12 * (high - low) or 1.0
    ax.set_ylim(low - room, high + 0.05 * (high - low))


def _draw_path(ax: Any, path: np.ndarray[Any, Any], *, ended: bool) -> None:
    many = len(path) > 80
    ax.plot(path[:, 0], path[:, 1], color="white", linewidth=3.2, alpha=0.8, zorder=3)
    ax.plot(
        path[:, 0],
        path[:, 1],
        color=_PATH,
        linewidth=1.4,
        marker="o",
        markersize=2.6 if many else 4.2,
        markeredgecolor=_PATH if many else "white",
        markeredgewidth=0.6,
        label="iterations",
        zorder=4,
    )
    _ends(ax, path[:, 0], path[:, 1], ended=ended)


def _ends(ax: Any, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], *, ended: bool) -> None:
    edge = {"markeredgecolor": "white", "markeredgewidth": 1.2, "linestyle": "none", "zorder": 5}
    ax.plot(x[:1], y[:1], marker="o", color=_START, markersize=9, label="start", **edge)
    if ended:
        ax.plot(x[-1:], y[-1:], marker="*", color=_END, markersize=15, label="end", **edge)


def _contours(
    ax: Any,
    f: Callable[..., Any],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    shape: tuple[int, ...],
    colorbar: bool,
) -> None:
    colors = require("matplotlib.colors", "demo")
    across, up = np.linspace(*xlim, 101), np.linspace(*ylim, 101)
    with np.errstate(all="ignore"):
        values = np.array([[_value(f, np.array([x, y]).reshape(shape)) for x in across] for y in up])  # (y, x)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError("f is not finite anywhere in the picture")
    low, high = float(finite.min()), float(finite.max())
    span = (high - low) or 1.0
    # Where most of the range belongs to a small part of the picture, levels crowd towards the minimum.
    if span > _LARGE_SPAN * (float(np.quantile(finite, 0.1)) - low):
        levels = np.concatenate([[low], low + span * np.geomspace(1e-4, 1.0, 13)])
    else:
        levels = np.linspace(low, low + span, 14)
    palette = colors.LinearSegmentedColormap.from_list("fastgrad", _LOW_TO_HIGH)
    bands = palette(np.linspace(0.0, 1.0, len(levels) - 1))
    filled = ax.contourf(across, up, np.ma.masked_invalid(values), levels=levels, colors=bands)
    ax.contour(across, up, np.ma.masked_invalid(values), levels=levels[1:-1], colors="white", linewidths=0.5, alpha=0.6)
    ax.set_xlim(xlim)
    ax.set_ylim(ylim)
    if colorbar:
        ticks = levels[::3]
        bar = ax.figure.colorbar(filled, ax=ax, ticks=ticks, pad=0.02, fraction=0.05, spacing="uniform")
        bar.ax.set_yticklabels([_short(tick) for tick in ticks])
        bar.ax.tick_params(length=0, labelsize=8.5, colors=_INK)
        bar.outline.set_visible(False)
        bar.set_label("loss", color=_INK, fontsize=9.5)


def _log_y(ax: Any) -> None:
    ticker = require("matplotlib.ticker", "demo")
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high / low < 1e3:
        ax.yaxis.set_major_locator(ticker.LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _short(value)))
        ax.yaxis.set_minor_formatter(ticker.NullFormatter())


def _finish(ax: Any, title: str | None, xlabel: str, ylabel: str, *, grid: bool = True) -> None:
    if title:
        ax.set_title(title, loc="left", fontsize=11, color=_INK, pad=9)
    ax.set_xlabel(xlabel, fontsize=10, color=_INK)
    ax.set_ylabel(ylabel, fontsize=10, color=_INK)
    ax.tick_params(colors=_INK, labelsize=9, length=3)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_FAINT)
    if grid:
        ax.grid(True, which="major", color="#e4e7e9", linewidth=0.8)
        ax.set_axisbelow(True)


def _legend(ax: Any) -> None:
    legend = ax.legend(loc="best", fontsize=9, frameon=True, framealpha=0.85, edgecolor="none", labelcolor=_INK)
    legend.set_zorder(6)


def _readable(name: str) -> str:
    known = {"loss": "training loss", "val_loss": "validation loss"}
    return known.get(name, name.replace("val_", "validation ").replace("_", " "))


def _short(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    exponent = math.floor(math.log10(abs(value)))
    return rf"${value / 10.0**exponent:.2g}\times10^{{{exponent}}}$"
