"""What this installation is and how it computes."""

from __future__ import annotations

import platform
import sys

import numpy as np

from fastgrad._native import core
from fastgrad._version import __version__

__all__ = ["get_num_threads", "show_config"]


def get_num_threads() -> int:
    """Return how many threads one computation uses: always 1 in this version.

    Returns
    -------
    int
        The number of threads, the calling one included.

    Examples
    --------
    >>> from fastgrad.config import get_num_threads
    >>> get_num_threads()
    1
    """
    return 1


def show_config() -> None:
    """Print the version, the instruction set in use and the ones this machine has, threads, Python and NumPy.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.show_config()  # doctest: +ELLIPSIS
    fastgrad ...
    """
    levels = ", ".join(core.available_isa())
    rows = [
        ("instruction set", f"{core.isa()}   (here: {levels}; FASTGRAD_ISA=<one of them> forces it)"),
        ("threads", f"{get_num_threads()}   (this version computes on the calling thread)"),
        ("NumPy", np.__version__),
        ("Python", f"{platform.python_version()}, {platform.python_implementation()}"),
        ("platform", f"{platform.system()} {platform.machine()}"),
        ("compiled core", str(core.__file__)),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"fastgrad {__version__}", *(f"  {name:<{width}}  {value}" for name, value in rows)]
    sys.stdout.write("\n".join(lines) + "\n")
