"""Measures contestants that take turns on one case and turns the times into ratios."""

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

REFERENCE = "fastgrad"


class AbsentError(Exception):
    """A contestant cannot take part; the message says why."""


class WrongError(Exception):
    """A contestant's result is wrong in a way that the case's check does not see; the message says how."""


@dataclass
class Contestant:
    """One way of doing a case's work.

    ``run()`` does ``units`` units of it: a native epoch of 64 steps has ``units=64``. ``run_many(n)``, where
    there is one, does that n times in one call. ``result()`` gives what the case's check compares; it is
    called once, before any timing.
    """

    run: Callable[[], Any]
    units: float = 1.0
    result: Callable[[], Any] | None = None
    run_many: Callable[[int], Any] | None = None


@dataclass
class Case:
    """One row to be: the same work for every contestant.

    ``builders`` make the contestants in the order of their turns; a builder raises `AbsentError` where its
    library is not installed. ``limits`` are what the machine can do, timed in the same turns: contestants
    whose ``units`` are floating-point operations or bytes. ``check(result)`` returns what is wrong, or None.
    ``work`` is how much of the limit's unit one unit of the case takes.
    """

    suite: str
    name: str
    builders: dict[str, Callable[[], Contestant]]
    check: Callable[[Any], str | None] = lambda _: None
    limits: dict[str, Callable[[], Contestant]] = field(default_factory=dict)
    work: float | None = None
    rate: str = ""  # the unit of work a second: "GFLOP/s" or "GB/s"; empty: times are shown
    warm_turns: bool = True  # an untimed call opens each turn
    x: float | None = None  # where the case stands on a curve


@dataclass
class Timing:
    """Seconds per unit of each turn, or why there are none."""

    status: str  # "ok", "absent", "wrong" or "error"
    detail: str = ""
    seconds: list[float] = field(default_factory=list)
    loops: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        return min(self.seconds)

    @property
    def ok(self) -> bool:
        return self.status == "ok"


@dataclass
class Row:
    suite: str
    case: str
    contestants: dict[str, Timing]
    limits: dict[str, Timing] = field(default_factory=dict)
    work: float | None = None
    rate: str = ""
    unit: str = "s"  # "s"; "MB" where sizes are compared; "x" where it is a ratio of other rows
    x: float | None = None

    def ratio(self, name: str, reference: str = REFERENCE) -> float | None:
        """Median of `name` over the reference's: above 1 the reference is faster."""
        mine, theirs = self.contestants.get(reference), self.contestants.get(name)
        if mine is None or theirs is None or not (mine.ok and theirs.ok):
            return None
        return theirs.median / mine.median

    def limit_seconds(self) -> float | None:
        """What one unit would take at the machine's limit, of these same turns."""
        found = [limit.median for limit in self.limits.values() if limit.ok]
        if not found or self.work is None:
            return None
        return max(found) * self.work

    def spread(self) -> float:
        """The largest (median / minimum - 1) of a contestant: how unquiet the machine was."""
        return max((t.median / t.minimum - 1 for t in self.contestants.values() if t.ok), default=0.0)


@dataclass(frozen=True)
class Options:
    """What the command line asks for; the suites read it too."""

    threads: int = 1
    repeats: int = 7
    turn_seconds: float = 0.05
    only: frozenset[str] = frozenset()  # how names start, in lower case
    skip: frozenset[str] = frozenset()
    match: str = ""
    wheel: Path | None = None
    torch_compile: bool = False
    all_widths: bool = False

    def wants(self, contestant: str) -> bool:
        name = contestant.lower()
        if any(name.startswith(skipped) for skipped in self.skip):
            return False
        return not self.only or any(name.startswith(wanted) for wanted in self.only)


# What a suite may yield beside cases: a function of the rows of its suite so far that makes further ones.
Summary = Callable[[list[Row]], Iterable[Row]]


def _time_loops(contestant: Contestant, loops: int) -> float:
    run, run_many = contestant.run, contestant.run_many
    start = time.perf_counter()
    if run_many is not None:
        run_many(loops)
    else:
        for _ in repeat(None, loops):
            run()
    return time.perf_counter() - start


def calibrate(contestant: Contestant, turn_seconds: float) -> int:
    """Warm up and return how many calls fill a turn; the first, which may compile, counts for nothing."""
    contestant.run()
    loops = 1
    while True:
        taken = _time_loops(contestant, loops)
        if taken >= turn_seconds / 4:
            return max(1, round(loops * turn_seconds / taken))
        loops = max(2 * loops, min(100 * loops, round(0.5 * loops * turn_seconds / max(taken, 1e-9))))


def _prepare(
    build: Callable[[], Contestant], check: Callable[[Any], str | None]
) -> tuple[Contestant | None, Timing]:
    """Build and check one contestant; a failure is a cell of the table, never the end of the run."""
    try:
        contestant = build()
        wrong = check(contestant.result()) if contestant.result is not None else None
    except AbsentError as why:
        return None, Timing("absent", str(why))
    except WrongError as how:
        return None, Timing("wrong", str(how))
    except Exception as error:
        return None, Timing("error", f"{type(error).__name__}: {error}")
    if wrong is not None:
        return None, Timing("wrong", wrong)
    return contestant, Timing("ok")


def measure(case: Case, options: Options) -> Row:
    """Build, check, warm up, then let everybody take turns: A B A B and so on."""
    timings: dict[str, Timing] = {}
    limits: dict[str, Timing] = {}
    turns: list[tuple[Contestant, Timing]] = []
    unchecked: Callable[[Any], str | None] = lambda _: None
    entries = [(limits, name, build, unchecked) for name, build in case.limits.items()]
    entries += [
        (timings, name, build, case.check) for name, build in case.builders.items() if options.wants(name)
    ]
    for into, name, build, check in entries:
        contestant, timing = _prepare(build, check)
        into[name] = timing
        if contestant is None:
            continue
        try:
            timing.loops = calibrate(contestant, options.turn_seconds) if case.warm_turns else 1
        except Exception as error:
            into[name] = Timing("error", f"{type(error).__name__}: {error}")
            continue
        turns.append((contestant, timing))
    # Collections stay on, as in a user's program, but do not walk the libraries' own objects again and again.
    gc.collect()
    gc.freeze()
    try:
        for _ in range(options.repeats):
            for contestant, timing in turns:
                if options.threads > 1:
                    time.sleep(0.005)  # the previous contestant's worker threads stop spinning
                if case.warm_turns:
                    contestant.run()
                taken = _time_loops(contestant, timing.loops)
                timing.seconds.append(taken / timing.loops / contestant.units)
    finally:
        gc.unfreeze()
    return Row(case.suite, case.name, timings, limits, case.work, case.rate, x=case.x)


def measure_all(
    cases: Iterable[Case | Row | Summary], options: Options, done: Callable[[Row], None]
) -> list[Row]:
    """Measure the cases that match, one after the other; a suite may also yield finished rows."""
    rows: list[Row] = []
    for case in cases:
        if isinstance(case, Case):
            found: Iterable[Row] = [measure(case, options)] if options.match in case.name else []
        elif isinstance(case, Row):
            found = [case] if options.match in case.case else []
        else:
            found = case(rows)
        for row in found:
            rows.append(row)
            done(row)
    return rows
