"""Pictures: what is in the axes, not how it looks."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

import fastgrad as fg  # noqa: E402
from fastgrad import viz  # noqa: E402


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def line(ax, label):
    (found,) = [artist for artist in ax.lines if artist.get_label() == label]
    return np.column_stack(found.get_data())


def bowl(x):
    return (x - 3.0) ** 2 + 1.0


def valley(x):
    return x[0] ** 2 + 20.0 * x[1] ** 2


@pytest.fixture(scope="module")
def walk():
    return fg.minimize(bowl, 0.0, method="gd", lr=0.2, max_iter=20, keep_path=True)


@pytest.fixture(scope="module")
def walk_2d():
    return fg.minimize(valley, np.array([2.0, 0.5]), method="gd", lr=0.04, max_iter=30, keep_path=True)


def test_one_variable_shows_curve_points_and_ends(walk):
    ax = viz.plot_descent(walk, bowl)
    curve = line(ax, "loss")
    np.testing.assert_allclose(curve[:, 1], bowl(curve[:, 0]))
    points = line(ax, "iterations")
    path = np.ravel(walk.path)
    np.testing.assert_allclose(points[:, 0], path)
    np.testing.assert_allclose(points[:, 1], bowl(path))
    np.testing.assert_allclose(line(ax, "start"), [[path[0], bowl(path[0])]])
    np.testing.assert_allclose(line(ax, "end"), [[path[-1], bowl(path[-1])]])
    low, high = ax.get_xlim()
    assert low < path.min()
    assert high > path.max()
    assert f"{len(path) - 1} iterations" in ax.get_title(loc="left")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "loss")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["loss", "tangent, followed for one step", "iterations", "start", "end"]


def test_a_start_in_an_array_of_one_number():
    result = fg.minimize(bowl, np.array([0.0]), method="gd", lr=0.2, max_iter=5, keep_path=True)
    points = line(viz.plot_descent(result, bowl), "iterations")
    np.testing.assert_allclose(points[:, 1], bowl(result.path[:, 0]))


def test_only_the_first_steps_on_demand(walk_2d):
    ax = viz.plot_descent(walk_2d, valley, steps=4)
    np.testing.assert_allclose(line(ax, "iterations"), walk_2d.path[:5])
    assert ax.get_title(loc="left") == "30 iterations, the first 4 are shown"
    assert "end" not in [artist.get_label() for artist in ax.lines]
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        viz.plot_descent(walk_2d, valley, steps=0)


def test_steps_follow_the_tangents(walk):
    ax = viz.plot_descent(walk, bowl, tangents=3)
    path = np.ravel(walk.path)
    drawn = [np.column_stack(artist.get_data()) for artist in ax.lines if len(artist.get_xdata()) == 2]
    sloped = [segment for segment in drawn if segment[0, 0] != segment[1, 0]]
    assert len(sloped) == 3
    for k, segment in enumerate(sloped):
        slope = (segment[1, 1] - segment[0, 1]) / (segment[1, 0] - segment[0, 0])
        assert slope == pytest.approx(2.0 * (path[k] - 3.0))
        np.testing.assert_allclose(segment[:, 0], path[k : k + 2])


def test_two_variables_show_contours_and_the_path(walk_2d):
    ax = viz.plot_descent(walk_2d, valley, title="a valley")
    np.testing.assert_allclose(line(ax, "iterations"), walk_2d.path)
    np.testing.assert_allclose(line(ax, "start"), walk_2d.path[:1])
    np.testing.assert_allclose(line(ax, "end"), walk_2d.path[-1:])
    assert len(ax.collections) >= 2
    assert ax.get_title(loc="left") == "a valley"
    (scale,) = ax.child_axes
    assert scale.get_ylabel() == "loss"
    assert ax.get_aspect() == 1.0


def test_an_axes_given_is_drawn_on_and_no_window_opens(walk, walk_2d):
    figure = matplotlib.figure.Figure()
    left, right = figure.subplots(1, 2)
    assert viz.plot_descent(walk, bowl, left, xlim=(-1.0, 5.0), ylim=(0.0, 20.0)) is left
    assert viz.plot_descent(walk_2d, valley, ax=right, colorbar=False) is right
    assert left.get_xlim() == (-1.0, 5.0)
    assert left.get_ylim() == (0.0, 20.0)
    assert not right.child_axes
    assert plt.get_fignums() == []


def test_a_divergent_path_is_shown_while_it_is_near():
    result = fg.minimize(valley, np.array([2.0, 0.5]), method="gd", lr=0.06, max_iter=2000, keep_path=True)
    assert result.reason == "diverged"
    ax = viz.plot_descent(result, valley)
    shown = line(ax, "iterations")
    assert 2 <= len(shown) < len(result.path)
    assert np.abs(shown).max() < 100.0
    assert "are shown" in ax.get_title(loc="left")
    assert "end" not in [artist.get_label() for artist in ax.lines]


def test_surface_with_and_without_a_path(walk_2d):
    ax = viz.plot_loss_surface(valley, (-3.0, 3.0), (-1.0, 1.0), path=walk_2d)
    assert ax.get_xlim() == (-3.0, 3.0)
    assert ax.get_ylim() == (-1.0, 1.0)
    np.testing.assert_allclose(line(ax, "iterations"), walk_2d.path)
    assert not viz.plot_loss_surface(valley, (-3.0, 3.0), (-1.0, 1.0)).lines
    with np.errstate(invalid="ignore"):
        half = viz.plot_loss_surface(lambda x: np.log(x[0]) ** 2 + x[1] ** 2, (-1.0, 2.0), (-1.0, 1.0))
    assert len(half.collections) >= 2


def test_history_draws_losses_by_default_and_keys_on_demand():
    table = {"loss": [3.0, 2.0, 1.5], "val_loss": [3.5, 3.0, 2.9], "accuracy": [0.1, 0.5, 0.7]}
    ax = viz.plot_history(table)
    np.testing.assert_allclose(line(ax, "training loss"), [[1, 3.0], [2, 2.0], [3, 1.5]])
    np.testing.assert_allclose(line(ax, "validation loss")[:, 1], table["val_loss"])
    assert len(ax.lines) == 2
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "linear")
    ax = viz.plot_history(SimpleNamespace(history=table), keys=["accuracy"], ylabel="accuracy")
    np.testing.assert_allclose(line(ax, "accuracy")[:, 1], table["accuracy"])
    assert ax.get_ylabel() == "accuracy"


def test_history_is_logarithmic_where_it_spans_much():
    assert viz.plot_history({"loss": [100.0, 1.0, 0.01]}).get_yscale() == "log"
    assert viz.plot_history({"loss": [100.0, 1.0, -0.01]}).get_yscale() == "linear"
    assert viz.plot_history({"loss": [1.0]}).get_yscale() == "linear"


def swept(rate, losses, stopped="epochs", **more):
    history = SimpleNamespace(history={"loss": losses, **more}, stopped=stopped)
    return SimpleNamespace(config={"lr": rate, "seed": 0}, history=history)


def test_learning_rates():
    nan = float("nan")
    results = [
        swept(0.1, [3.0, 1.0]),
        swept(0.01, [4.0, 2.0]),
        swept(0.01, [4.0, 3.0]),
        swept(10.0, [nan], "diverged"),
        swept(1.0, [5.0, 0.5, 0.7]),
    ]
    ax = viz.plot_learning_rates(results)
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [[0.01, 2.5], [0.1, 1.0], [1.0, 0.5]])  # medians
    np.testing.assert_allclose(line(ax, "best: 0.5 at 1"), [[1.0, 0.5]])
    assert line(ax, "diverged")[:, 0].tolist() == [10.0]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == ("learning rate", "training loss", "log")
    validated = [swept(0.1, [1.0], val_loss=[2.0]), swept(0.2, [1.0], val_loss=[1.5])]
    ax = viz.plot_learning_rates(validated)
    assert ax.get_ylabel() == "validation loss"
    np.testing.assert_allclose(line(ax, "best: 1.5 at 0.2"), [[0.2, 1.5]])
    with pytest.raises(ValueError, match="no results"):
        viz.plot_learning_rates([])
    with pytest.raises(ValueError, match=r"results\[0\].config has no 'lr'"):
        viz.plot_learning_rates([SimpleNamespace(config={}, history=None)])
    with pytest.raises(KeyError, match="'val_loss'"):
        viz.plot_learning_rates([swept(0.1, [1.0])], monitor="val_loss")


def test_what_cannot_be_drawn_is_refused(walk_2d):
    without = fg.minimize(bowl, 0.0, method="gd", lr=0.2, max_iter=5)
    with pytest.raises(ValueError, match="keep_path=True"):
        viz.plot_descent(without, bowl)
    three = fg.minimize(lambda x: (x * x).sum(), np.ones(3), method="gd", lr=0.1, max_iter=3, keep_path=True)
    with pytest.raises(ValueError, match=r"one or two variables .* this result has 3"):
        viz.plot_descent(three, lambda x: (x * x).sum())
    with pytest.raises(ValueError, match="f must return one number"):
        viz.plot_loss_surface(lambda x: x, (0, 1), (0, 1))
    with pytest.raises(ValueError, match=r"path must have shape \(steps \+ 1, 2\), got \(4, 3\)"):
        viz.plot_loss_surface(valley, (0, 1), (0, 1), path=np.zeros((4, 3)))
    with pytest.raises(KeyError, match="history has no mae; it has loss"):
        viz.plot_history({"loss": [1.0]}, keys=["mae"])
    with pytest.raises(ValueError, match="no epochs"):
        viz.plot_history({"loss": []})
    with pytest.raises(TypeError, match="history must be a dict"):
        viz.plot_history([1.0, 2.0])


def test_without_matplotlib_it_says_what_to_install(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError(\"No module\", name='matplotlib')")
    code = (
        "import fastgrad as fg\n"
        "try:\n"
        "    fg.viz.plot_history({'loss': [1.0]})\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'pip install "fastgrad[demo]"' in run.stdout
