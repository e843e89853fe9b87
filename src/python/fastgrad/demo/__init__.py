"""The lesson fastgrad grew from, told in six chapters that compute all they say."""

from __future__ import annotations

import time
from pathlib import Path

from fastgrad._extras import require
from fastgrad._version import __version__

__all__ = ["run"]


def run(out_dir: str | Path = "fastgrad-demo") -> None:
    """Run the lesson: print its account and write its pictures.

    Parameters
    ----------
    out_dir : path
        Where the pictures go.

    Raises
    ------
    ImportError
        When matplotlib, scikit-learn or tqdm is missing; nothing has been printed then.

    Examples
    --------
    >>> import fastgrad.demo
    >>> fastgrad.demo.run("pictures")  # doctest: +SKIP
    """
    for package in ("matplotlib", "sklearn", "tqdm"):
        require(package, "demo")
    from fastgrad.demo import (
        backpropagation,
        chain_rule,
        derivative,
        descent,
        learning_rate,
        linear_regression,
    )
    from fastgrad.demo.report import Report

    start = time.perf_counter()
    report = Report(Path(out_dir))
    report.title(f"fastgrad {__version__}: from a derivative to a trained network")
    report.say(
        "Six short chapters. Every number below is computed while you read and, but for the times, is the "
        f"same on every run. Pictures go to {report.folder}."
    )
    for chapter in (derivative, descent, learning_rate, linear_regression, chain_rule, backpropagation):
        chapter.tell(report)
    count = len(list(report.folder.glob("*.png")))
    report.say(
        "",
        f"That was the lesson, in {time.perf_counter() - start:.0f} seconds. "
        f"Its {count} pictures are in {report.folder.resolve()}.",
    )
