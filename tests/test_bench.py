"""The benchmark harness: who takes turns when, what the ratios are, what is written."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="the source distribution has no bench/")


@pytest.fixture(autouse=True)
def bench_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def fake_case(log):
    from bench.harness import AbsentError, Case, Contestant

    def contestant(name, result=1.0):
        return lambda: Contestant(lambda: log.append(name), result=lambda: result)

    def absent():
        raise AbsentError("not installed")

    def broken():
        raise ValueError("boom")

    builders = {
        "fastgrad": contestant("A"),
        "B": contestant("B"),
        "gone": absent,
        "broken": broken,
        "liar": contestant("liar", result=2.0),
    }
    return Case("fake", "row", builders, lambda found: None if found == 1.0 else "off by 1", warm_turns=False)


def test_contestants_take_turns_and_the_unfit_are_not_timed():
    from bench.harness import Options, measure

    log = []
    row = measure(fake_case(log), Options(repeats=3))
    assert log == ["A", "B"] * 3
    assert {name: timing.status for name, timing in row.contestants.items()} == {
        "fastgrad": "ok",
        "B": "ok",
        "gone": "absent",
        "broken": "error",
        "liar": "wrong",
    }
    assert row.contestants["broken"].detail == "ValueError: boom"
    assert [len(row.contestants[name].seconds) for name in ("fastgrad", "B", "liar")] == [3, 3, 0]


def test_warm_turns_open_with_an_untimed_call():
    from bench.harness import Case, Contestant, Options, measure

    log = []
    builders = {name: lambda name=name: Contestant(lambda: log.append(name)) for name in "AB"}
    row = measure(Case("fake", "row", builders), Options(repeats=2, turn_seconds=1e-4))
    loops = [row.contestants[name].loops for name in "AB"]
    turns = (["A"] * (loops[0] + 1) + ["B"] * (loops[1] + 1)) * 2
    assert log[-len(turns) :] == turns


def timed_row():
    from bench.harness import Row, Timing

    return Row(
        "fake",
        "row",
        {
            "fastgrad": Timing("ok", seconds=[2.0, 1.0, 9.0]),
            "slow": Timing("ok", seconds=[3.0, 3.0, 5.0]),
            "fast": Timing("ok", seconds=[1.0, 1.0, 1.0]),
            "gone": Timing("absent", "not installed"),
        },
        limits={"peak": Timing("ok", seconds=[0.25])},
        work=4.0,
    )


def test_ratios_are_of_medians():
    row = timed_row()
    assert row.ratio("slow") == 1.5
    assert row.ratio("fast") == 0.5
    assert row.ratio("gone") is None
    assert row.limit_seconds() == 1.0
    assert row.spread() == 1.0


def test_markdown_and_json_tell_losses_and_absences(tmp_path):
    from bench import report

    about = {
        "machine": {"cpu": "a processor", "family_model": "", "isa": "AVX2", "cores": 2, "system": "Linux"},
        "options": {"threads": 1, "repeats": 3, "turn_seconds": 0.05},
        "limits": {},
        "versions": {},
        "noise": {"load_before": None, "stolen": 0.0},
    }
    report.write([timed_row()], about, tmp_path)
    text = (tmp_path / "bench.md").read_text()
    assert "| row | 2 s | 3 s · 1.50x | 1 s · **0.50x** | absent | 1 s | 100% |" in text
    assert "fake, row: fast takes 0.50 of the time" in text
    assert "gone: absent (not installed)" in text
    row = json.loads((tmp_path / "bench.json").read_text())["rows"][0]
    assert row["contestants"]["slow"]["ratio"] == 1.5
    assert row["contestants"]["fastgrad"]["seconds"] == [2.0, 1.0, 9.0]
    assert row["limit_seconds"] == 1.0


def test_command_line(tmp_path):
    command = [
        sys.executable,
        "-m",
        "bench",
        "import",
        "--only",
        "numpy",
        "--repeats",
        "1",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "bench.json").read_text())
    row = document["rows"][0]
    assert list(row["contestants"]) == ["NumPy"]
    assert len(row["contestants"]["NumPy"]["seconds"]) == len(row["limits"]["bare Python"]["seconds"]) == 1
    assert "## Import and size" in done.stdout


def test_unknown_suite_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "gem"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "unknown suite 'gem'" in done.stderr
