"""Pictures of losses, of descents walking to their minimum, and of training. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastgrad._extras import require
from fastgrad._pictures import BLUE, GREEN, ORANGE, RED, SERIES, finish, legend, log_y, new_axes, short

__all__ = ["plot_descent", "plot_history", "plot_learning_rates", "plot_loss_surface"]

_LOW_TO_HIGH = ("#fdfcf7", "#e3ebee", "#bccfda", "#8fadc1", "#6488a5")
_BANDS = 13
# A path that runs away is shown while it is within so many first steps of the start.
_RUNAWAY_STEPS = 2.5
# Largest over smallest from which a scale is logarithmic.
_LARGE_SPAN = 30.0


def plot_descent(
    result: Any,
    f: Callable[..., Any],
    ax: Any = None,
    *,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    steps: int | None = None,
    tangents: int = 12,
    title: str | None = None,
    colorbar: bool = True,
) -> Any:
    """Draw a loss and the iterations of a descent walking to its minimum.

    With one variable: the curve, the iterations as points on it, and from each the step along the tangent.
    With two: filled contours, each band as large as the others, and the path. A path that diverges is shown
    while it is near its start.

    Parameters
    ----------
    result : OptimizeResult
        Of `fastgrad.minimize` with ``keep_path=True``, over one or two variables.
    f : callable
        The loss that was minimised.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    xlim, ylim : (float, float), optional
        The part shown: `xlim` of the first variable, `ylim` of the second or of the loss. Around the path by
        default.
    steps : int, optional
        How many of the first iterations to show; all by default.
    tangents : int
        How many of the first steps show their tangent (one variable).
    title : str, optional
        The number of iterations by default.
    colorbar : bool
        Whether the colours of two variables get a scale.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        When the result has no path, or not one or two variables.
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
    if count not in (1, 2) or np.size(result.x) != count:
        raise ValueError(
            f"plot_descent shows losses of one or two variables in an array, this result has {count}"
        )
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    shape = np.shape(result.x)
    taken = len(path) - 1
    visible = _visible(result, path)[: None if steps is None else steps + 1]
    whole = len(visible) > taken
    if title is None:
        title = f"{taken} iteration{'s' if taken != 1 else ''}"
        if not whole:
            title += f", the first {len(visible) - 1} are shown"
    if count == 1:
        ax = new_axes(ax, (6.4, 4.4))
        _draw_line(ax, visible[:, 0], f, shape, xlim, tangents, whole=whole)
        if ylim:
            ax.set_ylim(ylim)
        finish(ax, title, "x", "loss")
    else:
        x_range, y_range = _ranges(visible)
        ax = new_axes(ax, (6.8, 5.2))
        _contours(ax, f, xlim or x_range, ylim or y_range, shape, colorbar)
        _draw_path(ax, visible, whole=whole)
        finish(ax, title, "x[0]", "x[1]", grid=False)
    legend(ax)
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
    """Draw a loss of two variables as filled contours, each band as large as the others.

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
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x[0]', 'x[1]')
    """
    points = None
    if path is not None:
        points = _path_of(path) if hasattr(path, "path") else np.asarray(path, dtype=float)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"path must have shape (steps + 1, 2), got {points.shape}")
    ax = new_axes(ax, (6.8, 5.2))
    _contours(ax, f, xlim, ylim, (2,), colorbar)
    finish(ax, title, "x[0]", "x[1]", grid=False)
    if points is not None:
        _draw_path(ax, points, whole=True)
        legend(ax)
    return ax


def plot_history(
    history: Any,
    keys: Sequence[str] | None = None,
    ax: Any = None,
    *,
    title: str | None = None,
    ylabel: str | None = None,
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
    ax = new_axes(ax, (6.4, 4.2))
    longest = max(values.size for values in series.values())
    for i, (name, values) in enumerate(series.items()):
        ax.plot(
            np.arange(1, values.size + 1),
            values,
            label=_readable(name),
            color=SERIES[i % len(SERIES)],
            linewidth=1.9,
            marker="o" if longest <= 12 else None,
            markersize=4,
        )
    finite = np.concatenate([values[np.isfinite(values)] for values in series.values()])
    if finite.size and finite.min() > 0 and finite.max() / finite.min() > _LARGE_SPAN:
        log_y(ax)
    if ylabel is None:
        ylabel = "loss" if all("loss" in name for name in keys) else ""
    finish(ax, title, "epoch", ylabel)
    ax.set_xlim(1, max(longest, 2))
    ax.xaxis.set_major_locator(require("matplotlib.ticker", "demo").MaxNLocator(integer=True, nbins=7))
    if len(series) > 1 or ylabel == "":
        legend(ax)
    return ax


def plot_learning_rates(
    results: Any,
    monitor: str | None = None,
    ax: Any = None,
    *,
    title: str | None = None,
) -> Any:
    """Draw the loss that each learning rate of a sweep ended with; the best is marked, and what diverged.

    Parameters
    ----------
    results : sequence of FitResult
        What `fit_many` returns for configs with ``"lr"``; members of one rate (other seeds) are drawn alike,
        with a line through their medians.
    monitor : {"val_loss", "loss"}, optional
        Which loss; the validation loss where there is one by default. Its least value counts.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    title : str, optional
        The heading.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        When there are no results, or one has no rate.
    KeyError
        When a result has no such loss.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> X = np.linspace(-1.0, 1.0, 64)[:, None]
    >>> rates = [{"lr": lr, "seed": 0} for lr in (0.01, 0.1, 1.0)]
    >>> make = lambda: fg.nn.Linear(1, 1)
    >>> sweep = fg.fit_many(make, X, 3.0 * X, configs=rates, optimizer="sgd", epochs=5)
    >>> ax = fg.viz.plot_learning_rates(sweep)
    >>> ax.get_xlabel(), ax.get_xscale()
    ('learning rate', 'log')
    """
    listed = list(results)
    if not listed:
        raise ValueError("there are no results to draw")
    rates, losses = [], []
    for i, result in enumerate(listed):
        rate = dict(result.config).get("lr")
        if rate is None:
            raise ValueError(f"results[{i}].config has no 'lr': {result.config}")
        table = result.history.history
        name = monitor or ("val_loss" if "val_loss" in table else "loss")
        if name not in table:
            raise KeyError(f"results[{i}].history has no {name!r}; it has {', '.join(table)}")
        finite = [value for value in table[name] if np.isfinite(value)]
        rates.append(float(rate))
        ended = result.history.stopped != "diverged" and bool(finite)
        losses.append(min(finite) if ended else np.nan)
    rate, loss = np.array(rates), np.array(losses)
    ax = new_axes(ax, (6.4, 4.2))
    ax.set_xscale("log")
    trained = np.isfinite(loss)
    if trained.any():
        each = np.unique(rate[trained])
        medians = [float(np.median(loss[trained & (rate == r)])) for r in each]
        ax.plot(each, medians, color=BLUE, linewidth=1.9)
        ax.plot(rate[trained], loss[trained], "o", color=BLUE, markersize=4, label="trained")
        best = int(np.nanargmin(loss))
        label = f"best: {short(loss[best])} at {short(rate[best])}"
        ax.plot(rate[best], loss[best], "o", color=GREEN, markersize=9, label=label)
        if loss[trained].min() > 0 and loss[trained].max() / loss[trained].min() > _LARGE_SPAN:
            log_y(ax)
    if not trained.all():
        top = ax.get_xaxis_transform()  # along the upper edge, whatever the losses are
        height = np.full((~trained).sum(), 0.97)
        ax.plot(rate[~trained], height, "x", color=RED, markersize=7, transform=top, label="diverged")
    names = (
        {monitor} if monitor else {"val_loss" if "val_loss" in r.history.history else "loss" for r in listed}
    )
    finish(ax, title, "learning rate", _readable(names.pop()) if len(names) == 1 else "loss")
    legend(ax)
    return ax


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
        return float(value.reshape(()) if isinstance(value, np.ndarray) else value)
    except (TypeError, ValueError):
        raise ValueError(
            f"f must return one number, got {type(value).__name__} of shape {np.shape(value)}"
        ) from None


def _draw_line(
    ax: Any,
    x: np.ndarray[Any, Any],
    f: Callable[..., Any],
    shape: tuple[int, ...],
    xlim: tuple[float, float] | None,
    tangents: int,
    *,
    whole: bool,
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
    ax.plot(grid, curve, color=BLUE, linewidth=2.2, label="loss", zorder=2)
    shown = [curve[np.isfinite(curve)], heights]
    for k in range(min(tangents, len(x) - 1)):
        slope = float(np.asarray(derivative(np.full(shape, x[k])[()])).reshape(()))
        landing = heights[k] + slope * (x[k + 1] - x[k])
        shown.append(np.array([landing]))
        name = "tangent, followed for one step" if k == 0 else None
        ax.plot(x[k : k + 2], [heights[k], landing], color=RED, linewidth=1.4, label=name, zorder=3)
        ax.plot([x[k + 1]] * 2, [landing, heights[k + 1]], color=RED, linewidth=0.9, linestyle=":", zorder=3)
    dots = {"color": RED, "markersize": 4.5, "markeredgecolor": "white", "zorder": 4}
    ax.plot(x, heights, "o", label="iterations", **dots)
    _ends(ax, x, heights, whole=whole)
    ax.set_xlim(xlim)
    low, high = min(part.min() for part in shown), max(part.max() for part in shown)
    room = 0.06 * (high - low) or 1.0
    ax.set_ylim(low - room, high + room)


def _draw_path(ax: Any, path: np.ndarray[Any, Any], *, whole: bool) -> None:
    many = len(path) > 60
    if not many:
        ax.plot(path[:, 0], path[:, 1], color="white", linewidth=3.2, alpha=0.8, zorder=3)
    ax.plot(
        path[:, 0],
        path[:, 1],
        color=RED,
        linewidth=1.0 if many else 1.4,
        marker="o",
        markersize=2.0 if many else 4.2,
        markeredgecolor=RED if many else "white",
        markeredgewidth=0.5,
        label="iterations",
        zorder=4,
    )
    _ends(ax, path[:, 0], path[:, 1], whole=whole)


def _ends(ax: Any, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], *, whole: bool) -> None:
    edge = {"markeredgecolor": "white", "markeredgewidth": 1.2, "linestyle": "none", "zorder": 5}
    ax.plot(x[:1], y[:1], marker="o", color=ORANGE, markersize=9, label="start", **edge)
    if whole:
        ax.plot(x[-1:], y[-1:], marker="*", color=GREEN, markersize=15, label="end", **edge)


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
        rows = [[_value(f, np.array([x, y]).reshape(shape)) for x in across] for y in up]
    values = np.ma.masked_invalid(np.array(rows))  # (y, x)
    finite = values.compressed()
    if not finite.size:
        raise ValueError("f is not finite anywhere in the picture")
    # Bands of equal area show the shape whatever the loss spans; a little narrower near the minimum.
    levels = np.unique(np.quantile(finite, np.linspace(0.0, 1.0, _BANDS + 1) ** 1.25))
    if len(levels) < 3:
        levels = levels[0] + (levels[-1] - levels[0] or 1.0) * np.linspace(0.0, 1.0, 3)
    palette = colors.LinearSegmentedColormap.from_list("fastgrad", _LOW_TO_HIGH)
    bands = palette(np.linspace(0.0, 1.0, len(levels) - 1))
    filled = ax.contourf(across, up, values, levels=levels, colors=bands)
    ax.contour(across, up, values, levels=levels[1:-1], colors="white", linewidths=0.6, alpha=0.7)
    ax.set_xlim(xlim)
    ax.set_ylim(ylim)
    ratio = (xlim[1] - xlim[0]) / (ylim[1] - ylim[0])
    if 1.0 / 3.0 < ratio < 3.0:  # steps are at right angles to contours only where both axes have one scale
        ax.set_aspect("equal")
    if colorbar:
        ticks = levels[:: max(len(levels) // 6, 1)]
        bar = ax.figure.colorbar(filled, cax=ax.inset_axes((1.03, 0.0, 0.035, 1.0)), ticks=ticks)
        bar.ax.set_yticklabels([short(tick) for tick in ticks])
        finish(bar.ax, None, "", "loss", grid=False)
        bar.ax.tick_params(length=0)
        bar.outline.set_visible(False)


def _readable(name: str) -> str:
    known = {"loss": "training loss", "val_loss": "validation loss"}
    return known.get(name, name.replace("val_", "validation ").replace("_", " "))
