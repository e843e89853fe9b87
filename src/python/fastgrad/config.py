"""What this installation is and how it computes."""

from __future__ import annotations

import contextlib
import operator
import platform
import sys
from collections.abc import Iterator

import numpy as np

from fastgrad._native import core
from fastgrad._version import __version__

__all__ = ["get_num_threads", "set_num_threads", "show_config", "threads"]


def get_num_threads() -> int:
    """Return how many threads one computation may use.

    At first as many as the environment variable ``FASTGRAD_NUM_THREADS`` says, read at import; without it,
    the CPUs this process may use: its affinity and the CPU quota of its control group, rounded up.

    Returns
    -------
    int
        The number of threads, the calling one included.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.get_num_threads() >= 1
    True
    """
    return core.num_threads()


def set_num_threads(n: int) -> None:
    """Set how many threads one computation may use, for the whole process, from the next operation on.

    Results are the same bits for every number. Small operations run on the calling thread whatever it is,
    and so does every operation that begins while another Python thread has the pool.

    Parameters
    ----------
    n : int
        The number of threads, the calling one included; 1 computes on the calling thread only. More than
        there are CPUs is allowed and seldom of use.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If `n` is less than 1 or more than 1024.

    Examples
    --------
    >>> import fastgrad as fg
    >>> before = fg.get_num_threads()
    >>> fg.set_num_threads(2)
    >>> fg.get_num_threads()
    2
    >>> fg.set_num_threads(before)
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"set_num_threads: n must be an int, got {type(n).__name__}")
    count = operator.index(n)
    if not 1 <= count <= core.max_threads():
        raise ValueError(f"set_num_threads: expected 1 to {core.max_threads()} threads, got {count}")
    core.set_num_threads(count)


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Set the number of threads inside a ``with`` block, for the whole process, and put it back after.

    Parameters
    ----------
    n : int
        As for `set_num_threads`, with the same errors.

    Examples
    --------
    >>> import fastgrad as fg
    >>> with fg.threads(1):
    ...     fg.get_num_threads()
    1
    """
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


def show_config() -> None:
    """Print the version, the instruction set in use and those of this machine, threads, NumPy, Python.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.show_config()  # doctest: +ELLIPSIS
    fastgrad ...
    """
    levels = ", ".join(core.available_isa())
    rows = [
        ("instruction set", f"{core.isa()}   (here: {levels}; FASTGRAD_ISA=<one of them> forces it)"),
        ("threads", f"{get_num_threads()}   (from {core.num_threads_source()})"),
        ("NumPy", np.__version__),
        ("Python", f"{platform.python_version()}, {platform.python_implementation()}"),
        ("platform", f"{platform.system()} {platform.machine()}"),
        ("compiled core", str(core.__file__)),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"fastgrad {__version__}", *(f"  {name:<{width}}  {value}" for name, value in rows)]
    sys.stdout.write("\n".join(lines) + "\n")
