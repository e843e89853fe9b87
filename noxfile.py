#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox"]
# ///
"""The usual chores by name: ``nox -s lint tests types``."""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"


@nox.session
def lint(session: nox.Session) -> None:
    """Run all linters and formatters."""
    session.install("pre-commit")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Install the package and run its tests; arguments after ``--`` go to pytest."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, strictly."""
    session.install(".[dev]")
    session.run("mypy")


if __name__ == "__main__":
    nox.main()
