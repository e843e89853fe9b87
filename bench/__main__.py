"""The command line: ``python -m bench gemm linear train --threads 1 --repeats 7 --out DIR``."""

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import machine, peers, report
from bench.harness import Case, Options, Row, Summary, measure_all
from bench.suites import MODULES, load


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="fastgrad beside its peers, taking turns."
    )
    parser.add_argument(
        "suites", nargs="*", metavar="suite", help=f"any of {', '.join(MODULES)}; all by default"
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="for every contestant; 0: all cores (default: 1)"
    )
    parser.add_argument("--repeats", type=int, default=7, help="turns of each contestant (default: 7)")
    parser.add_argument("--turn-seconds", type=float, default=0.05, help="length of a turn (default: 0.05)")
    parser.add_argument(
        "--only", default="", help="contestants to run, by the start of their names: fastgrad,numpy"
    )
    parser.add_argument("--skip", default="", help="contestants to leave out, in the same way")
    parser.add_argument("--match", default="", help="only the cases whose name contains this")
    parser.add_argument("--wheel", type=Path, help="a built wheel, for its size in the import suite")
    parser.add_argument(
        "--torch-compile", action="store_true", help="also torch.compile in train: a minute to compile"
    )
    parser.add_argument(
        "--all-widths", action="store_true", help="every width from 1 to 300 in widths, not a selection"
    )
    parser.add_argument("--out", type=Path, help="results folder (default: bench/results/<time>)")
    chosen = parser.parse_args(arguments)
    unknown = [suite for suite in chosen.suites if suite not in MODULES]
    if unknown:
        parser.error(f"unknown suite {unknown[0]!r}; expected any of {', '.join(MODULES)}")
    if chosen.threads < 0 or chosen.repeats < 1 or chosen.turn_seconds <= 0:
        parser.error("--threads must not be negative; --repeats and --turn-seconds must be positive")
    if chosen.threads > peers.available_cores():
        parser.error(f"--threads {chosen.threads}, but this process may use {peers.available_cores()} cores")
    if chosen.wheel is not None and not chosen.wheel.is_file():
        parser.error(f"--wheel {chosen.wheel}: no such file")
    return chosen


def _split(names: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in names.split(",") if name.strip())


def _cases(suites: list[str], options: Options) -> Iterator[Case | Row | Summary]:
    for suite in suites:
        yield from load(suite).cases(options)


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    options = Options(
        threads=chosen.threads or peers.available_cores(),
        repeats=chosen.repeats,
        turn_seconds=chosen.turn_seconds,
        only=_split(chosen.only),
        skip=_split(chosen.skip),
        match=chosen.match,
        wheel=chosen.wheel,
        torch_compile=chosen.torch_compile,
        all_widths=chosen.all_widths,
    )
    early = peers.already_imported()
    if early:
        print(f"warning: {', '.join(early)} imported before the threads were pinned", file=sys.stderr)
    about: dict[str, Any] = {"machine": machine.describe()}
    load = about["machine"]["load_average"]
    if load is not None and load > 0.5:
        # Measured: with a core taken away, libraries whose threads spin became 100 times slower.
        print(f"warning: load average {load:.1f}: figures of a busy machine mean little", file=sys.stderr)
    peers.pin_environment(options.threads)
    stolen, total = machine.steal_jiffies()
    about["limits"] = machine.limits(options.threads)
    suites = list(dict.fromkeys(chosen.suites)) or list(MODULES)
    rows = measure_all(
        _cases(suites, options), options, lambda row: print(report.line(row), file=sys.stderr, flush=True)
    )
    stolen_after, total_after = machine.steal_jiffies()
    about["noise"] = {
        "load_before": about["machine"].pop("load_average"),
        "stolen": (stolen_after - stolen) / max(1, total_after - total),
    }
    about["versions"] = {name: peers.version(name) for name in peers.LIBRARIES}
    about["options"] = {**vars(options), "only": sorted(options.only), "skip": sorted(options.skip)}
    about["options"]["wheel"] = None if options.wheel is None else options.wheel.name
    about["options"]["suites"] = suites
    folder = chosen.out or Path(__file__).parent / "results" / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    written = report.write(rows, about, folder)
    print(report.markdown(rows, about))
    print("written: " + ", ".join(str(path) for path in written), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
