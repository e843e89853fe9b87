"""The benchmark harness: who takes turns when, what the ratios are, what is written."""

import json
import os
import subprocess
import sys
import time
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


def test_many_runs_can_be_one_call():
    from bench.harness import Case, Contestant, Options, measure

    calls = []

    def run_many(n):
        calls.append(n)
        time.sleep(1e-4 * n)

    builders = {"A": lambda: Contestant(lambda: calls.append("run"), run_many=run_many)}
    row = measure(Case("fake", "row", builders), Options(repeats=1, turn_seconds=1e-3))
    timing = row.contestants["A"]
    assert calls[-2:] == ["run", timing.loops]
    assert "run" not in calls[1:-2]


def test_a_contestant_may_find_itself_wrong():
    from bench.harness import Case, Contestant, Options, WrongError, measure

    def result():
        raise WrongError("off")

    row = measure(Case("fake", "row", {"A": lambda: Contestant(int, result=result)}), Options(repeats=1))
    assert (row.contestants["A"].status, row.contestants["A"].detail) == ("wrong", "off")


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


def test_other_ways_of_fastgrad_are_no_losses(tmp_path):
    from bench import report
    from bench.harness import Row, Timing

    times = {"fastgrad": [2.0], "fastgrad eager": [1.0], "peer": [1.0]}
    row = Row("fake", "row", {name: Timing("ok", seconds=seconds) for name, seconds in times.items()})
    assert report._losses([row]) == ["- fake, row: peer takes 0.50 of the time"]


# --- the suites, tiny: every contestant that is installed passes its check and is timed. Here without the
# peers that compile for seconds or have settings of a whole process: `test_every_peer` gives them one.

HEAVY = frozenset({"jax", "pytorch", "torch"})


@pytest.fixture
def own_threads():
    """The benchmarks set fastgrad's threads."""
    import fastgrad as fg

    with fg.threads(fg.get_num_threads()):
        yield


def measured(case, skip=HEAVY):
    from bench.harness import Options, measure

    row = measure(case, Options(repeats=1, turn_seconds=1e-3, skip=skip))
    statuses = {name: (t.status, t.detail) for name, t in row.contestants.items()}
    assert {status for status, _ in statuses.values()} <= {"ok", "absent"}, statuses
    assert all(t.ok for name, t in row.contestants.items() if name.startswith("fastgrad")), statuses
    return row


TINY = {
    "usual": {},
    "odd": {"inputs": 3, "width": 5, "batch": 7},
    "classes": {"outputs": 3, "loss": "cross_entropy"},
    "momentum": {"optimizer": "momentum"},
    "sgd": {"optimizer": "sgd"},
    "tanh": {"activation": "tanh"},
    "gelu": {"activation": "gelu"},
    "float64": {"dtype": "float64"},
}


@pytest.mark.usefixtures("own_threads")
@pytest.mark.parametrize("name", TINY)
def test_trainers_agree_with_the_truth(name):
    from bench import trainers
    from bench.harness import Case
    from bench.problems import Problem

    p = Problem(**{"inputs": 4, "width": 16, "hidden": 2, "batch": 8, "steps": 4, **TINY[name]})
    entries = {**trainers.FASTGRAD, **trainers.PEERS}
    builders = {who: trainers.contestant(trainer, p) for who, trainer in entries.items()}
    row = measured(Case("train", p.name, builders, p.check))
    assert row.contestants["fastgrad"].seconds


@pytest.mark.usefixtures("own_threads")
def test_a_wrong_training_is_found():
    from dataclasses import replace

    from bench import trainers
    from bench.problems import Problem

    p = Problem(4, 16, 2, 8, 4)
    found = trainers.fastgrad_fit(replace(p, rate=2e-3)).checked(p)
    assert "differ" in p.check(found)


def test_train_suite_names_are_distinct():
    from bench.suites import train

    names = [p.name for p in train.PROBLEMS]
    assert len(set(names)) == len(names)
    assert names[7] == "64, 128, 1, 64, 10 outputs, cross entropy"


@pytest.mark.usefixtures("own_threads")
def test_first_training():
    from bench.problems import Problem
    from bench.suites import train

    measured(train.first_case(Problem(4, 16, 1, 8, 4), 2))


@pytest.mark.usefixtures("own_threads")
def test_compiled_functions():
    from bench import functions

    for function in (functions.SCALAR, functions.ROSENBROCK):
        measured(functions.case("compile", function, functions.MAKERS))
    makers = {name: functions.MAKERS[name] for name in ("fastgrad", "CasADi")}
    measured(functions.making_case("compile", functions.chain(10), makers))


@pytest.mark.usefixtures("own_threads")
def test_fleet():
    from dataclasses import replace

    from bench.suites import fleet

    measured(fleet.case(replace(fleet.PROBLEM, inputs=4, width=8, batch=8, steps=4), 3, 2))


@pytest.mark.usefixtures("own_threads")
def test_examples():
    from bench.suites import examples

    measured(examples.case(3, 4, 5, "float64"))


@pytest.mark.usefixtures("own_threads")
def test_science():
    from bench import scientific
    from bench.suites import science

    problems = [
        *scientific.rosenbrocks()[:3],
        scientific.logistic(),
        scientific.ode(20),
        scientific.physics(),
    ]
    for problem in [*problems, scientific.lstm(7, 3)]:
        measured(science.case(problem))
    measured(science.first_case(scientific.physics()))


def test_widths_end_with_the_largest_steps(tmp_path):
    from bench import report
    from bench.harness import Options, Row, Timing, measure_all
    from bench.suites import widths

    assert {1, 15, 16, 17, 300} <= set(widths.selection())
    rows = [
        Row("widths", f"width {x}", {"fastgrad": Timing("ok", seconds=[t])}, x=x)
        for x, t in ((1, 1.0), (2, 3.0), (3, 2.0), (9, 50.0))
    ]
    rows = measure_all([*rows, widths.steepest], Options(), lambda _: None)
    assert [(r.contestants["fastgrad"].median, r.contestants["fastgrad"].detail) for r in rows[4:]] == [
        (3.0, "from 1 to 2"),
        (1.5, "from 3 to 2"),
    ]
    assert report.line(rows[4]) == "widths · largest step to one wider: fastgrad 3.00x from 1 to 2"
    pytest.importorskip("matplotlib")
    report._picture("widths", rows, tmp_path / "widths.png")
    assert (tmp_path / "widths.png").stat().st_size > 1000


@pytest.mark.usefixtures("own_threads")
def test_threads():
    from bench.harness import Options
    from bench.problems import Problem
    from bench.suites import threads

    p = Problem(4, 16, 1, 8, 4)
    measured(threads.alone_case(p, Options(threads=2)))
    measured(threads.at_once_case(p))


@pytest.mark.usefixtures("own_threads")
def test_linear():
    from bench.harness import Options
    from bench.suites import linear

    measured(linear.case(50, 4, "float64", Options()))


EVERY_PEER = """
from bench import functions, peers, trainers
peers.pin_environment(THREADS)
from bench.harness import AbsentError, Case, Options, measure
from bench.problems import Problem

def show(case):
    row = measure(case, Options(repeats=1, turn_seconds=1e-3))
    timings = row.contestants.items()
    print({name: (t.status, t.detail) for name, t in timings if t.status in ("wrong", "error")})

for dtype in ("float32", "float64"):
    p = Problem(4, 16, 1, 8, 4, dtype=dtype)
    builders = {name: trainers.contestant(trainer, p) for name, trainer in trainers.PEERS.items()}
    show(Case("train", p.name, builders, p.check))
show(functions.case("compile", functions.ROSENBROCK, functions.MAKERS))
for name in ("fastgrad", "PyTorch"):
    try:
        print(peers.load(name).get_num_threads())
    except AbsentError:
        print(THREADS)
"""


def test_every_peer():
    """In a process of its own, for threads and dtypes are settings of the process."""
    threads = min(2, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else 1
    script = EVERY_PEER.replace("THREADS", str(threads))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["{}"] * 3 + [str(threads)] * 2


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
