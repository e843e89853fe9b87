"""Chapter 1: the derivative of a loss, by the tape, beside the central difference."""

from __future__ import annotations

from typing import Any

import numpy as np

import fastgrad as fg
from fastgrad.demo.report import Report, apart

# Hours of practice before a test, and whether it was passed (+1) or not (-1).
_HOURS = np.array([-2.0, -1.0, 0.5, 1.0, 3.0])
_PASSED = np.array([-1.0, -1.0, -1.0, 1.0, 1.0])


def loss(w: Any) -> Any:
    """Return the logistic loss of one weight on the five tests, with a small penalty on the weight."""
    return np.mean(np.log1p(np.exp(-_PASSED * w * _HOURS))) + 0.05 * w**2


def central_difference(f: Any, x: float, h: float) -> float:
    """Return (f(x + h) - f(x - h)) / 2h."""
    return (float(f(x + h)) - float(f(x - h))) / (2.0 * h)


def tell(report: Report) -> None:
    """Write the chapter."""
    report.chapter("The derivative of a loss")
    report.say(
        "A loss says how wrong a model is; here one weight w predicts from hours of practice (above or "
        "below the usual) who passes a test. Its derivative says how the loss changes when w does: negative "
        "means a larger w is better, positive a smaller one. fastgrad writes down what the loss computes on "
        "a tape and walks back along it, so that fg.grad(loss) is exact to rounding. The central difference "
        "(loss(w+h) - loss(w-h)) / 2h only comes close:"
    )
    derivative = fg.grad(loss)
    h = 1e-5
    rows = []
    for w in (-1.0, 0.0, 1.0, 2.0, 4.0):
        by_tape, by_difference = float(derivative(w)), central_difference(loss, w, h)
        rows.append(
            [
                f"{w:.1f}",
                f"{float(loss(w)):.6f}",
                f"{by_tape:+.12f}",
                f"{by_difference:+.12f}",
                apart(by_tape, by_difference),
                "right" if by_tape < 0 else "left",
            ]
        )
    report.table(["w", "loss", "by the tape", f"difference, h = {h:.0e}", "apart", "step to the"], rows)

    w = 1.0
    exact = float(derivative(w))
    widths = [10.0**-k for k in range(1, 13)]
    errors = [abs(central_difference(loss, w, h) - exact) for h in widths]
    best = int(np.argmin(errors))
    report.say(
        f"A better h does not help for long. At w = {w:g} the difference is best near h = "
        f"{widths[best]:.0e}: a larger h sees the curve's bend, a smaller one drowns in the rounding of the "
        "two losses. The tape has no h to choose."
    )
    chosen = sorted({0, 2, best, 8, 11})
    report.table(["h", "error"], [[f"{widths[k]:.0e}", f"{errors[k]:.1e}"] for k in chosen])
