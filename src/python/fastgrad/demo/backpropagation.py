"""Chapter 6: backpropagation through networks of several layers, trained on real data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastgrad as fg
from fastgrad._extras import require
from fastgrad._pictures import BLUE, GREY, INK, RED, finish, legend
from fastgrad.demo.report import Report, apart
from fastgrad.nn import functional
from fastgrad.viz import plot_history

_SEED = 0


def train(
    report: Report,
    what: str,
    model: fg.nn.Module,
    optimizer: Any,
    loss: Callable[[Any, Any], Any],
    score: tuple[str, Callable[[Any, Any], float]],
    train_set: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    held_out: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    *,
    epochs: int,
    batch_size: int,
) -> dict[str, list[float]]:
    """Train; return the mean loss of each epoch, and the loss and the score on the held-out data after it."""
    loader = fg.data.DataLoader(
        fg.data.TensorDataset(*train_set), batch_size=batch_size, shuffle=True, seed=_SEED
    )
    name, measure = score
    history: dict[str, list[float]] = {"loss": [], "val_loss": [], name: []}
    for _ in report.progress(range(epochs), what):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            batch_loss = loss(model(x), y)
            batch_loss.backward()
            optimizer.step()
            total += batch_loss.item() * len(x)
        history["loss"].append(total / len(train_set[0]))
        outputs = fg.predict(model, held_out[0])
        history["val_loss"].append(loss(outputs, held_out[1]).item())
        history[name].append(measure(outputs, held_out[1]))
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
        if name.endswith("weight") and parameter.grad is not None:
            by_tape = float(parameter.grad.numpy()[0, 0])
            by_difference = (loss_with(name, h) - loss_with(name, -h)) / (2.0 * h)
            rows.append([name, f"{by_tape:+.10f}", f"{by_difference:+.10f}", apart(by_tape, by_difference)])
    report.say(
        "A network is a composite function with many weights. Backpropagation is the chain rule taken from "
        "the loss back to the input, so that one walk gives the derivative with respect to every weight, at "
        "about the price of one more evaluation; a difference costs two evaluations a weight. One weight "
        "from each layer of a small network:"
    )
    report.table(["weight", "backpropagation", "central difference", "apart"], rows)


def _digits(report: Report) -> None:
    images, labels = require("sklearn.datasets", "demo").load_digits(return_X_y=True)
    split = require("sklearn.model_selection", "demo").train_test_split
    X_train, X_test, y_train, y_test = split(
        images / 16.0, labels, test_size=0.25, random_state=_SEED, stratify=labels
    )
    fg.manual_seed(_SEED)
    model = fg.nn.MLP(64, [128, 64], 10)
    weights = sum(p.size for p in model.parameters())
    history = train(
        report,
        "digits",
        model,
        fg.optim.Adam(model.parameters(), lr=1e-3),
        functional.cross_entropy,
        ("accuracy", _accuracy),
        (X_train, y_train),
        (X_test, y_test),
        epochs=30,
        batch_size=32,
    )
    scores = fg.predict(model, X_test)
    right = int((scores.argmax(axis=1) == y_test).sum())
    epochs = len(history["loss"])
    report.say(
        f"Handwritten digits: {len(labels):,} images of 8 by 8 pixels, {len(y_test)} of them held out. A "
        f"network of three layers with {weights:,} weights learns from the others by Adam, {epochs} times "
        "over, 32 images at a time:"
    )
    report.table(
        ["epoch", "loss, learning", "loss, held out", "accuracy, held out"],
        [
            [
                str(k),
                *(f"{history[name][k - 1]:.4f}" for name in ("loss", "val_loss")),
                f"{history['accuracy'][k - 1]:.1%}",
            ]
            for k in (1, 2, 5, 10, 20, epochs)
        ],
    )
    report.say(
        f"Of the images it never saw, the network reads {right / len(y_test):.1%} correctly ({right} of "
        f"{len(y_test)})."
    )
    figure = report.figure(10.0, 4.2)
    left, share = figure.subplots(1, 2)
    plot_history(history, ax=left, title="Digits: cross-entropy at each epoch")
    plot_history(
        history, ["accuracy"], share, title="Share of held-out images read correctly", ylabel="accuracy"
    )
    report.picture(
        figure,
        "digits_learning.png",
        "the loss on the images learned from and on those held out, and the accuracy",
    )
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
            spine.set_color(RED if miss else GREY)
            spine.set_linewidth(1.8 if miss else 0.6)
        ax.set_title(
            f"{guesses[i]} (is {y[i]})" if miss else f"{guesses[i]}", fontsize=9, color=RED if miss else INK
        )
    report.picture(
        figure, "digits_read.png", "some held-out images and what the network reads; its mistakes are framed"
    )


def _diabetes(report: Report) -> None:
    X, y = require("sklearn.datasets", "demo").load_diabetes(return_X_y=True)
    split = require("sklearn.model_selection", "demo").train_test_split
    X_train, X_test, y_train, y_test = split(X, y, test_size=0.25, random_state=_SEED)
    centre, spread = X_train.mean(axis=0), X_train.std(axis=0)
    X_train, X_test = (X_train - centre) / spread, (X_test - centre) / spread
    mean, scale = y_train.mean(), y_train.std()
    fg.manual_seed(_SEED)
    model = fg.nn.MLP(X.shape[1], [32, 16], 1, activation="softplus")
    history = train(
        report,
        "diabetes",
        model,
        fg.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0),
        functional.mse_loss,
        ("R²", _r2),
        (X_train, ((y_train - mean) / scale)[:, None]),
        (X_test, ((y_test - mean) / scale)[:, None]),
        epochs=40,
        batch_size=32,
    )
    predictions = fg.predict(model, X_test)[:, 0] * scale + mean
    # The training features have mean 0, so the constant of the linear model is the mean of y.
    straight = X_test @ np.linalg.lstsq(X_train, y_train - mean, rcond=None)[0] + mean
    ours, linear = _r2(predictions, y_test), _r2(straight, y_test)
    report.say(
        f"The diabetes patients again, {len(y_test)} of {len(y)} held out, now with a network of three "
        f"layers, held back by a strong weight decay, for they are few: it explains R² = {ours:.3f} of the "
        "variance in patients it never saw, the linear model of chapter 4, fitted to the same patients, "
        f"{linear:.3f}. "
        + (
            "The network is a little ahead here."
            if ours > linear + 0.005
            else "There is little in this table that a straight line misses."
        )
    )
    report.say(
        "One caution: the settings of both networks (layers, rates, epochs) were chosen after comparing a "
        "few on these same held-out parts, so their figures flatter a little. A fair test keeps a third part "
        "that no choice ever sees."
    )
    figure = report.figure(10.0, 4.2)
    left, right = figure.subplots(1, 2)
    plot_history(history, ax=left, title="Diabetes: mean squared error at each epoch")
    low, high = float(min(y_test.min(), predictions.min())), float(max(y_test.max(), predictions.max()))
    right.plot(
        [low, high], [low, high], color=GREY, linewidth=1, linestyle="--", label="prediction = measurement"
    )
    right.plot(y_test, predictions, "o", color=BLUE, markersize=4.5, alpha=0.7, markeredgecolor="none")
    finish(right, f"Held-out patients: R² = {ours:.3f}", "measured progression", "predicted progression")
    legend(right)
    report.picture(figure, "diabetes_network.png", "learning, and the predictions beside the measurements")


def _accuracy(scores: np.ndarray[Any, Any], classes: np.ndarray[Any, Any]) -> float:
    return float((scores.argmax(axis=1) == classes).mean())


def _r2(prediction: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> float:
    return 1.0 - float(np.sum((truth - prediction) ** 2)) / float(np.sum((truth - truth.mean()) ** 2))
