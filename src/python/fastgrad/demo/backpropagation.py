"""Chapter 6: backpropagation through networks of several layers, trained on real data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastgrad as fg
from fastgrad._extras import require
from fastgrad.demo.report import Report
from fastgrad.nn import functional
from fastgrad.viz import plot_history

_SEED = 0


def train(
    report: Report,
    what: str,
    model: fg.nn.Module,
    optimizer: Any,
    loss: Callable[[Any, Any], Any],
    train_set: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    held_out: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    *,
    epochs: int,
    batch_size: int,
) -> dict[str, list[float]]:
    """Train, and return the mean loss of each epoch and the loss on the held-out data after it."""
    loader = fg.data.DataLoader(fg.data.TensorDataset(*train_set), batch_size=batch_size, shuffle=True, seed=_SEED)
    history: dict[str, list[float]] = {"loss": [], "val_loss": []}
    for _ in report.progress(range(epochs), what):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            batch_loss = loss(model(x), y)
            batch_loss.backward()
            optimizer.step()
            total += batch_loss.item() * len(x)
        history["loss"].append(total / len(train_set[0]))
        history["val_loss"].append(loss(fg.predict(model, held_out[0]), held_out[1]).item())
    return history


def tell(report: Report) -> None:
    """Write the chapter."""
    report.chapter("Backpropagation")
    _one_weight_of_each_layer(report)
    _digits(report)
    _diabetes(report)


def _one_weight_of_each_layer(report: Report) -> None:
    fg.manual_seed(_SEED)
    model = fg.nn.MLP(3, [5, 4], 2, activation="tanh").to("float64")
    data = np.random.default_rng(_SEED)
    x, y = data.normal(size=(8, 3)), data.normal(size=(8, 2))
    functional.mse_loss(model(x), y).backward()
    state = model.state_dict()

    def loss_with(name: str, shift: float) -> float:
        moved = {key: values.copy() for key, values in state.items()}
        moved[name][0, 0] += shift
        model.load_state_dict(moved)
        return float(functional.mse_loss(model(x), y).item())

    h = 1e-5
    rows = []
    for name, parameter in model.named_parameters():
        if name.endswith("weight"):
            by_tape = float(parameter.grad.numpy()[0, 0])
            by_difference = (loss_with(name, h) - loss_with(name, -h)) / (2.0 * h)
            rows.append([name, f"{by_tape:+.10f}", f"{by_difference:+.10f}", f"{abs(by_tape - by_difference):.0e}"])
    report.say(
        "A network is a composite function with many weights. Backpropagation is the chain rule taken from the loss "
        "back to the input, so that one walk gives the derivative with respect to every weight, at about the price of "
        "one more evaluation; a difference costs two evaluations a weight. One weight from each layer of a small network:"
    )
    report.table(["weight", "backpropagation", "central difference", "apart"], rows)


def _digits(report: Report) -> None:
    images, labels = require("sklearn.datasets", "demo").load_digits(return_X_y=True)
    split = require("sklearn.model_selection", "demo").train_test_split
    X_train, X_test, y_train, y_test = split(images / 16.0, labels, test_size=0.25, random_state=_SEED, stratify=labels)
    fg.manual_seed(_SEED)
    model = fg.nn.MLP(64, [64, 32], 10)
    weights = sum(p.size for p in model.parameters())
    history = train(
        report,
        "digits",
        model,
        fg.optim.Adam(model.parameters(), lr=2e-3),
        functional.cross_entropy,
        (X_train, y_train),
        (X_test, y_test),
        epochs=30,
        batch_size=32,
    )
    scores = fg.predict(model, X_test)
    guesses = scores.argmax(axis=1)
    right = guesses == y_test
    report.say(
        f"Handwritten digits: {len(labels):,} images of 8 by 8 pixels, {len(y_test)} of them held out. A network of three "
        f"layers with {weights:,} weights learns by Adam from the others, {len(history['loss'])} times over, 32 images at "
        f"a time. The loss falls from {history['loss'][0]:.3f} to {history['loss'][-1]:.4f}; of the images it never saw "
        f"the network reads {right.mean():.1%} correctly ({int(right.sum())} of {len(right)})."
    )
    figure = report.figure(7.0, 4.4)
    plot_history(history, ax=figure.subplots(), title="Digits: cross-entropy at each epoch")
    report.picture(figure, "digits_loss.png", "the loss on the images learned from, and on those held out")
    _mistakes(report, X_test, y_test, scores)


def _mistakes(
    report: Report, X: np.ndarray[Any, Any], y: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]
) -> None:
    guesses = scores.argmax(axis=1)
    wrong = np.flatnonzero(guesses != y)
    right = np.flatnonzero(guesses == y)
    if not wrong.size:
        return
    shown = np.concatenate([wrong[:8], right[: 16 - min(wrong.size, 8)]])
    figure = report.figure(8.4, 2.9)
    for ax, i in zip(figure.subplots(2, 8).flat, shown, strict=True):
        ax.imshow(X[i].reshape(8, 8), cmap="Greys", vmin=0.0, vmax=1.0)
        ax.set_xticks([])
        ax.set_yticks([])
        miss = guesses[i] != y[i]
        for spine in ax.spines.values():
            spine.set_color("#c8553d" if miss else "#c9ced2")
            spine.set_linewidth(1.8 if miss else 1.0)
        ax.set_title(f"{guesses[i]}, is {y[i]}" if miss else f"{guesses[i]}", fontsize=9, color="#c8553d" if miss else "#26323d")
    report.picture(figure, "digits_read.png", "some held-out images and what the network reads; its mistakes are framed")


def _diabetes(report: Report) -> None:
    X, y = require("sklearn.datasets", "demo").load_diabetes(return_X_y=True)
    split = require("sklearn.model_selection", "demo").train_test_split
    X_train, X_test, y_train, y_test = split(X, y, test_size=0.25, random_state=_SEED)
    centre, spread = X_train.mean(axis=0), X_train.std(axis=0)
    X_train, X_test = (X_train - centre) / spread, (X_test - centre) / spread
    mean, scale = y_train.mean(), y_train.std()
    fg.manual_seed(_SEED)
    model = fg.nn.MLP(X.shape[1], [32, 16], 1, activation="tanh")
    history = train(
        report,
        "diabetes",
        model,
        fg.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1),
        functional.mse_loss,
        (X_train, ((y_train - mean) / scale)[:, None]),
        (X_test, ((y_test - mean) / scale)[:, None]),
        epochs=60,
        batch_size=32,
    )
    predictions = fg.predict(model, X_test)[:, 0] * scale + mean
    with_ones = lambda A: np.column_stack([A, np.ones(len(A))])
    straight = with_ones(X_test) @ np.linalg.lstsq(with_ones(X_train), y_train, rcond=None)[0]
    ours, linear = _r2(y_test, predictions), _r2(y_test, straight)
    report.say(
        f"The diabetes patients again, {len(y_test)} of {len(y)} held out, now with a network of three layers: "
        f"it explains R² = {ours:.3f} of the variance in patients it never saw, the linear model of chapter 4, fitted to "
        f"the same patients, {linear:.3f}. "
        + (
            "The bends that the network can learn help a little here."
            if ours > linear + 0.005
            else "There is little in this table that a straight line misses, and the network does not pretend otherwise."
        )
    )
    figure = report.figure(10.0, 4.2)
    left, right = figure.subplots(1, 2)
    plot_history(history, ax=left, title="Diabetes: mean squared error at each epoch")
    low, high = float(min(y_test.min(), predictions.min())), float(max(y_test.max(), predictions.max()))
    right.plot([low, high], [low, high], color="#8a949c", linewidth=1, linestyle="--")
    right.plot(y_test, predictions, "o", color="#3f6a8c", markersize=4.5, alpha=0.7, markeredgecolor="none")
    right.set_xlabel("measured progression")
    right.set_ylabel("predicted")
    right.set_title(f"Held-out patients: R² = {ours:.3f}", loc="left", fontsize=11)
    right.spines[["top", "right"]].set_visible(False)
    right.grid(True, color="#e4e7e9")
    report.picture(figure, "diabetes_network.png", "learning, and the predictions beside the truth")


def _r2(truth: np.ndarray[Any, Any], prediction: np.ndarray[Any, Any]) -> float:
    return 1.0 - float(np.sum((truth - prediction) ** 2)) / float(np.sum((truth - truth.mean()) ** 2))
