"""Write docs/numpy.md, what of NumPy and SciPy works on tensors: ``python tools/make_support_table.py``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import numpy as np
import scipy.special

import fastgrad as fg
import fastgrad.fft
import fastgrad.linalg
import fastgrad.numpy as fnp
from fastgrad import _array_protocol

FILE = Path(__file__).resolve().parent.parent / "docs" / "numpy.md"

# What a later NumPy no longer has, so that the page is the same by any: an old name of vstack, gone in 2.5.
GONE = {"row_stack"}

INTRODUCTION = """\
# NumPy on tensors

<!-- Written by tools/make_support_table.py: do not edit. -->

Code written with `import numpy as np` works on tensors where a tensor is among the arguments of what is
called; it records and differentiates. `import fastgrad.numpy as np` in place of NumPy covers the rest: what
makes arrays of nothing (`np.zeros`) or of parts (`np.array([t0, t1])`), and what takes arrays alone. Where
NumPy would lose a gradient, an error says so and what to write.

`t[index] = value` means what it means for an array, views by indexing, `reshape`, `T` and `transpose`
included. Arguments of a function that is recorded or differentiated are not written to: write to
`x.copy()`. `x += y` is `x = x + y`, a new value; `x[...] += y` writes.

Arguments that have no meaning here (`out=`, `where=`, `casting=`) are refused by name. So are functions that
are not listed: those of strings, dates, files and the bits of integers, and a few of real numbers (`frexp`,
`nextafter`, `spacing`, `unique_inverse` and its kin, ufuncs' `at` and `reduceat`); `detach().numpy()` is the
way to them. What has a shape that depends on values (`nonzero`, `unique`, `compress`) works anywhere but in a
recording.
"""


def public(module: ModuleType) -> dict[str, object]:
    """Return the functions that a module shows, those that it loads when they are used among them."""
    names = getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    shown = {name: getattr(module, name) for name in names}
    return {name: value for name, value in shown.items() if callable(value) and not isinstance(value, type)}


def dispatched(module: ModuleType) -> set[str]:
    """Names of NumPy's or SciPy's functions that a tensor among the arguments brings here."""
    names = set()
    for name in dir(module):
        function = getattr(module, name)
        if isinstance(function, np.ufunc):
            here = _array_protocol._ufunc(function)
        else:
            here = _array_protocol._function(function) if hasattr(function, "__name__") else None
        if here is not None:
            names.add(name)
    return names


def listed(names: Iterable[str]) -> str:
    """Return names as a paragraph."""
    return textwrap.fill(", ".join(f"`{name}`" for name in sorted(set(names) - GONE)), 118) + "\n"


def section(title: str, theirs: ModuleType, ours: ModuleType, called: str) -> str:
    """Return what of a module is here, and by whose names."""
    by_call, here = dispatched(theirs), set(public(ours))
    text = f"\n## {title}\n\nBy the library's own call, `{called}`, on a tensor:\n\n{listed(by_call)}"
    if alone := here - by_call:
        text += f"\nBy the names of `{ours.__name__}` alone:\n\n{listed(alone)}"
    return text


def page() -> str:
    """Return the text of docs/numpy.md."""
    special = dispatched(scipy.special)
    return (
        INTRODUCTION
        + section("numpy", np, fnp, "np.sin(t)")
        + section("numpy.linalg", np.linalg, fastgrad.linalg, "np.linalg.solve(t, b)")
        + section("numpy.fft", np.fft, fastgrad.fft, "np.fft.rfft(t)")
        + "\n## scipy.special\n\nBy SciPy's own call, `scipy.special.erf(t)`, on a tensor:\n\n"
        + listed(special)
        + "\n## Methods and attributes of tensors\n\n"
        + listed(name for name in vars(fg.Tensor) if not name.startswith("_"))
    )


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8", newline="\n")
