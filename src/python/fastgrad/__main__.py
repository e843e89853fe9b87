"""The command line: without a command the configuration, with ``demo`` the lesson."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; the process's own by default.

    Returns
    -------
    int
        The exit status: 0, or 2 when packages are missing.

    Examples
    --------
    >>> from fastgrad.__main__ import main
    >>> main([])  # doctest: +ELLIPSIS
    fastgrad ...
    0
    """
    parser = argparse.ArgumentParser(
        prog="fastgrad",
        description="Without a command, show the version, the instruction set and the threads in use.",
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    demo = commands.add_parser(
        "demo", help="run the lesson: from a derivative to a trained network, with pictures"
    )
    demo.add_argument(
        "--out", default="fastgrad-demo", metavar="DIR", help="where the pictures go (default: %(default)s)"
    )
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        from fastgrad.config import show_config

        show_config()
        return 0
    from fastgrad.demo import run

    try:
        run(chosen.out)
    except ImportError as error:
        if error.name is None:
            raise
        sys.stderr.write(f"fastgrad demo: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"fastgrad demo: cannot write to {chosen.out}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
