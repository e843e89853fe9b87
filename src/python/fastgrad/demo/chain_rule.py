"""Chapter 5: the chain rule on composite functions, checked to second order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import fastgrad as fg
from fastgrad.demo.report import Report, apart


def nested(x: Any) -> Any:
    """Return exp(sin(x^2))."""
    return np.exp(np.sin(x**2))


def woven(p: Any) -> Any:
    """Return log(1 + x^2 + exp(x y)) of p = (x, y)."""
    x, y = p[0], p[1]
    return np.log(1.0 + x**2 + np.exp(x * y))


def woven_by_hand(p: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the gradient and Hessian of `woven`, written out."""
    x, y = p
    e = math.exp(x * y)
    s = 1.0 + x**2 + e
    g = np.array([2.0 * x + y * e, x * e]) / s
    bends = np.array([[2.0 + y**2 * e, (1.0 + x * y) * e], [(1.0 + x * y) * e, x**2 * e]]) / s
    return g, bends - np.outer(g, g)


def tell(report: Report) -> None:
    """Write the chapter."""
    report.chapter("The chain rule")
    x = 1.2
    u = x**2
    v = math.sin(u)
    y = math.exp(v)
    report.say(
        "A function made of functions has the product of their derivatives as its derivative. The tape does "
        f"just this: it goes back through the links and multiplies. For y = exp(sin(x²)) at x = {x:g}:"
    )
    links = [
        ("u = x²", u, "2x", 2.0 * x),
        ("v = sin(u)", v, "cos(u)", math.cos(u)),
        ("y = exp(v)", y, "exp(v)", y),
    ]
    report.table(
        ["link", "value", "its derivative", "which is"],
        [[name, f"{value:+.10f}", formula, f"{slope:+.10f}"] for name, value, formula, slope in links],
    )
    first = math.prod(slope for *_, slope in links)
    second = y * ((2.0 * x * math.cos(u)) ** 2 + 2.0 * math.cos(u) - 4.0 * u * math.sin(u))
    slope_by_tape = float(fg.grad(nested)(x))
    bend_by_tape = float(fg.grad(fg.grad(nested))(x))
    report.say(
        "Their product is dy/dx; and since going back is recorded too, the tape differentiates its own "
        "derivative:"
    )
    report.table(
        ["", "by hand", "by the tape", "apart"],
        [
            ["dy/dx", f"{first:+.12f}", f"{slope_by_tape:+.12f}", apart(first, slope_by_tape)],
            ["d²y/dx²", f"{second:+.12f}", f"{bend_by_tape:+.12f}", apart(second, bend_by_tape)],
        ],
    )
    p = np.array([0.7, -0.4])
    gradient, hessian = woven_by_hand(p)
    by_tape = np.asarray(fg.grad(woven)(p)), np.asarray(fg.hessian(woven)(p))
    report.say(
        f"With several variables the paths through the links add up. For f(x, y) = log(1 + x² + exp(xy)) at "
        f"({p[0]:g}, {p[1]:g}), the gradient and the Hessian, the matrix of second derivatives:"
    )
    entries = [
        ("df/dx", gradient[0], by_tape[0][0]),
        ("df/dy", gradient[1], by_tape[0][1]),
        ("d²f/dx²", hessian[0, 0], by_tape[1][0, 0]),
        ("d²f/dxdy", hessian[0, 1], by_tape[1][0, 1]),
        ("d²f/dy²", hessian[1, 1], by_tape[1][1, 1]),
    ]
    report.table(
        ["", "by hand", "by the tape", "apart"],
        [[name, f"{hand:+.12f}", f"{tape:+.12f}", apart(hand, tape)] for name, hand, tape in entries],
    )
    fg.check_grads(nested, (x,), order=2)
    fg.check_grads(woven, (p,), order=2)
    report.say(
        "fg.check_grads(f, args, order=2) compares such derivatives with differences for any function of "
        "yours and raises an error where they disagree. It has just agreed to both of these."
    )
