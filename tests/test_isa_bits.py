"""Every op at every ISA level, a process each: right values, equal bits wherever multiply-adds are fused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastgrad import _core
from op_table import CASE_NAMES, CASES

worker = Path(__file__).with_name("isa_worker.py")
levels = _core.available_isa()


@pytest.fixture(scope="module")
def reports():
    """What each level computed; they run side by side."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = {
        level: subprocess.Popen([sys.executable, worker], env={**os.environ, "FASTGRAD_ISA": level}, **pipes)
        for level in levels
    }
    return {level: Report(level, process) for level, process in running.items()}


class Report:
    def __init__(self, level: str, process: subprocess.Popen[str]) -> None:
        output, self.complaints = process.communicate(timeout=600)
        self.status = process.returncode
        first, *rest = output.splitlines()
        kind, isa = first.split()
        assert isa == level
        self.fused = kind == "fused"
        self.hashes = dict(line.rsplit(" ", 1) for line in rest)


@pytest.mark.parametrize("level", levels)
def test_every_value_is_right(reports, level):
    assert (reports[level].status, reports[level].complaints) == (0, "")
    assert len(reports[level].hashes) == sum(len(row.dtypes) for row, _ in CASES if not row.host)
    assert {name.split()[0] for name in reports[level].hashes} == {
        name for (row, _), name in zip(CASES, CASE_NAMES, strict=True) if not row.host
    }


@pytest.mark.skipif(len(levels) < 3, reason="needs two levels with a fused multiply-add")
def test_fused_levels_agree_to_the_bit(reports):
    first, *others = [report for report in reports.values() if report.fused]
    assert others
    for other in others:
        assert [name for name, digest in first.hashes.items() if other.hashes.get(name) != digest] == []
