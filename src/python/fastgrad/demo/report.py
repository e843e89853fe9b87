"""The demo's account on a terminal: headings, paragraphs, tables, pictures, progress."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from fastgrad._extras import require

__all__ = ["Report", "apart"]

_MARGIN = "   "
_WIDEST = 92
_BOLD, _DIM, _BLUE, _RESET = "\033[1m", "\033[2m", "\033[34m", "\033[0m"
# For terminals that cannot show the characters on the left.
_ASCII = str.maketrans(
    {
        "═": "=",
        "─": "-",
        "λ": "lambda",
        "·": "*",
        "²": "^2",
        "³": "^3",
        "⁴": "^4",
        "κ": "kappa",
        "→": "->",
    }
)


class Report:
    """Writes an account in sentences, tables and pictures.

    Parameters
    ----------
    folder : Path
        Where the pictures go; it is made.
    stream : file, optional
        Where the text goes; standard output by default. Colours appear only on a terminal, and not when the
        environment variable NO_COLOR is set.

    Examples
    --------
    >>> import io, pathlib, tempfile
    >>> from fastgrad.demo.report import Report
    >>> text = io.StringIO()
    >>> report = Report(pathlib.Path(tempfile.mkdtemp()), text)
    >>> report.table(["x", "f(x)"], [["1", "2.50"], ["10", "3.75"]])
    >>> print(text.getvalue().rstrip())
    <BLANKLINE>
        x  f(x)
       --  ----
        1  2.50
       10  3.75
    """

    def __init__(self, folder: Path, stream: TextIO | None = None) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stream = sys.stdout if stream is None else stream
        self._width = max(60, min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)) - 1
        self._chapters = 0
        terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._colour = terminal and not os.environ.get("NO_COLOR")
        encoding = getattr(self._stream, "encoding", None) or "ascii"
        try:
            "".join(map(chr, _ASCII)).encode(encoding)
            self._plain = False
        except (UnicodeEncodeError, LookupError):
            self._plain = True

    def title(self, text: str) -> None:
        """Begin the account."""
        self._write(self._styled(text, _BOLD))
        self._write(self._styled("═" * len(text), _DIM))

    def chapter(self, text: str) -> None:
        """Begin the next chapter."""
        self._chapters += 1
        heading = f"{self._chapters}  {text}"
        self._write("")
        self._write("")
        self._write(self._styled(heading, _BOLD))
        self._write(self._styled("─" * len(heading), _DIM))

    def say(self, *paragraphs: str) -> None:
        """Write paragraphs, wrapped to the terminal's width."""
        for paragraph in paragraphs:
            self._write("")
            self._paragraph(paragraph, _MARGIN)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table: a column of numbers is set to the right, one of words to the left."""
        cells = [[self._readable(cell) for cell in row] for row in [headers, *rows]]
        widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
        right = [_numeric(column[1:]) for column in zip(*cells, strict=True)]

        def line(row: Sequence[str]) -> str:
            parts = [
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(row, widths, right, strict=True)
            ]
            return (_MARGIN + "  ".join(parts)).rstrip()

        self._write("")
        self._write(line(cells[0]))
        self._write(self._styled(line(["─" * width for width in widths]), _DIM))
        for row in cells[1:]:
            self._write(line(row))

    def picture(self, figure: Any, name: str, shows: str) -> None:
        """Save a figure in the folder and say where it is and what it shows."""
        path = self.folder / name
        figure.savefig(path, dpi=144, facecolor="white")
        self._write("")
        self._write(f"{_MARGIN}{self._styled(str(path), _BLUE)}")
        self._paragraph(shows, _MARGIN * 2)

    def figure(self, width: float, height: float) -> Any:
        """Return an empty figure that belongs to no window."""
        figure = require("matplotlib.figure", "demo").Figure(figsize=(width, height), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, wspace=0.03, hspace=0.03)
        return figure

    def progress(self, steps: Iterable[Any], what: str) -> Iterable[Any]:
        """Show a bar that vanishes when done, on a terminal only."""
        bar: Iterable[Any] = require("tqdm", "demo").tqdm(
            steps, desc=_MARGIN + what, leave=False, disable=not sys.stderr.isatty(), ncols=self._width
        )
        return bar

    def _paragraph(self, text: str, indent: str) -> None:
        # A formula stays on one line: its blanks are made such that textwrap does not see them.
        bound = re.sub(r" ([-=+·/]) (?=\S)|(?<=\(\w,) (?=\w\))", _bind, self._readable(text))
        lines = textwrap.wrap(
            bound,
            self._width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines:
            self._write(line.replace("\N{NO-BREAK SPACE}", " "))

    def _write(self, line: str) -> None:
        self._stream.write(self._readable(line) + "\n")
        self._stream.flush()

    def _readable(self, text: str) -> str:
        return text.translate(_ASCII) if self._plain else text

    def _styled(self, text: str, style: str) -> str:
        return f"{style}{text}{_RESET}" if self._colour else text


def _bind(found: re.Match[str]) -> str:
    return found[0].replace(" ", "\N{NO-BREAK SPACE}")


def apart(a: float, b: float) -> str:
    """Return how far two numbers lie apart, to one digit."""
    difference = abs(a - b)
    return f"{difference:.0e}" if difference else "0"


def _numeric(column: Sequence[str]) -> bool:
    return all(not cell.strip() or cell.strip()[0] in "+-.0123456789" for cell in column)
