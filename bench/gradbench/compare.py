"""Tools of GradBench side by side: ``python -m bench.gradbench.compare --checkout PATH gmm lstm``.

The evals of a checkout of the suite make the inputs; this stands between them and the tools. Each message
to evaluate goes to one tool after the other, as often as there are turns, and the eval sees and judges what
fastgrad answered.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.gradbench.protocol import EVALS, TOOL

if TYPE_CHECKING:
    from typing import Self

PRIMALS = ("primal", "objective", "cost", "square")


class Process:
    """A tool that answers line by line."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.command = command
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def lines(self) -> Iterator[str]:
        assert self._process.stdout is not None
        return iter(self._process.stdout.readline, "")

    def say(self, message: Any) -> None:
        assert self._process.stdin is not None
        print(json.dumps(message), file=self._process.stdin, flush=True)

    def ask(self, message: Any) -> dict[str, Any]:
        with contextlib.suppress(BrokenPipeError):  # where it has ended, there is no answer
            self.say(message)
        line = next(self.lines(), None)
        if line is None:
            raise RuntimeError(f"{shlex.join(self.command)} ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Wait for its end, which must be a good one."""
        if status := self._process.wait():
            raise RuntimeError(f"{shlex.join(self.command)} ended with {status}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.__exit__(None, None, None)  # closes its input, which ends it, and waits


@dataclass
class Workload:
    """One message to evaluate: what each tool took for it, in seconds."""

    function: str
    label: str
    seconds: dict[str, float] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    wrong: str = ""  # what the eval has against fastgrad's answer

    @property
    def is_primal(self) -> bool:
        return self.function in PRIMALS


def take_turns(message: Any, tools: dict[str, Process], turns: int) -> tuple[Workload, Any]:
    """Let each tool evaluate the message; a turn's time is its least run, a tool's their median."""
    workload = Workload(message["function"], message.get("description") or "")
    times: dict[str, list[float]] = {}
    answers: dict[str, Any] = {}
    for _ in range(turns):
        for name, tool in tools.items():
            if name in workload.failed:
                continue
            answer = answers[name] = tool.ask(message)
            if not answer.get("success"):
                workload.failed[name] = str(answer.get("error", "failed"))
                continue
            runs = [t["nanoseconds"] for t in answer["timings"] if t["name"] == "evaluate"]
            workload.first.setdefault(name, runs[0] * 1e-9)
            times.setdefault(name, []).append(min(runs) * 1e-9)
    workload.seconds = {
        name: statistics.median(found) for name, found in times.items() if name not in workload.failed
    }
    return workload, answers[TOOL]


def run(evaluation: Process, tools: dict[str, Process], turns: int) -> Iterator[Workload]:
    """Hold the conversation of one eval with all tools."""
    workload = None
    present = dict(tools)
    for line in evaluation.lines():
        message = json.loads(line)
        answer: Any = {"id": message["id"]}
        if message["kind"] == "evaluate":
            if workload is not None:
                yield workload
            workload, answer = take_turns(message, present, turns)
        elif message["kind"] == "analysis":
            if workload is not None and not message["valid"]:
                workload.wrong = message.get("error") or "not valid"
        else:
            answers = {name: tool.ask(message) for name, tool in present.items()}
            answer = answers[TOOL]
            if message["kind"] == "define":
                present = {name: tool for name, tool in present.items() if answers[name].get("success")}
                if TOOL not in present:
                    raise RuntimeError(f"fastgrad has no eval {message['module']!r}: {answer.get('error')}")
        evaluation.say(answer)
    if workload is not None:
        yield workload
    evaluation.end()


def geometric_mean(numbers: list[float]) -> float | None:
    """Of ratios; those of a time that is too short for the clock are left out."""
    numbers = [x for x in numbers if 0.0 < x < math.inf]
    return math.exp(statistics.fmean(map(math.log, numbers))) if numbers else None


def _ratio(seconds: float, reference: float) -> float:
    return seconds / reference if reference else math.inf


def ratio(workloads: list[Workload], tool: str, reference: str, primal: bool) -> float | None:
    """Geometric mean of a tool's times over the reference's, of the workloads that both have."""
    return geometric_mean(
        [
            _ratio(w.seconds[tool], w.seconds[reference])
            for w in workloads
            if w.is_primal == primal and tool in w.seconds and reference in w.seconds
        ]
    )


def over_primal(workloads: list[Workload], tool: str, reference: str) -> float | None:
    """Geometric mean of a tool's derivative times over the reference's times without derivative."""
    primals = {w.label: w.seconds[reference] for w in workloads if w.is_primal and reference in w.seconds}
    return geometric_mean(
        [
            _ratio(w.seconds[tool], primals[w.label])
            for w in workloads
            if not w.is_primal and tool in w.seconds and w.label in primals
        ]
    )


def table(results: dict[str, list[Workload]], tools: list[str], reference: str) -> str:
    """Geometric means by eval, as Markdown."""
    what = (
        f"Times over those of {reference}, geometric means: derivative / its derivative, "
        "primal / its primal, derivative / its primal."
    )
    lines = [
        what,
        "",
        "| eval | " + " | ".join(tools) + " |",
        "|---" * (len(tools) + 1) + "|",
    ]
    for name, workloads in results.items():
        cells = []
        for tool in tools:
            numbers = (
                ratio(workloads, tool, reference, primal=False),
                ratio(workloads, tool, reference, primal=True),
                over_primal(workloads, tool, reference),
            )
            cells.append(", ".join("-" if x is None else f"{x:.3g}" for x in numbers))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def last_line(error: str) -> str:
    return (error.splitlines() or ["for no reason that was told"])[-1]


def one_line(name: str, workload: Workload) -> str:
    parts = [f"{tool} {seconds * 1e6:.1f} us" for tool, seconds in workload.seconds.items()]
    parts += [f"{tool} failed: {last_line(error)}" for tool, error in workload.failed.items()]
    if workload.wrong:
        parts.append(f"not valid: {last_line(workload.wrong)}")
    return f"{name} {workload.function} {workload.label}: " + ", ".join(parts)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.gradbench.compare",
        description="Times fastgrad and other tools of GradBench on the inputs of its evals, taking turns.",
    )
    parser.add_argument("evals", nargs="*", metavar="eval", help=f"any of {', '.join(EVALS)}; all by default")
    parser.add_argument("--checkout", type=Path, required=True, help="where the suite lies")
    parser.add_argument(
        "--tool",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="a tool, run in the checkout; by default the C++ tool with derivatives written by hand",
    )
    parser.add_argument("--jax", metavar="PYTHON", help="beside the suite's JAX tool, by this interpreter")
    parser.add_argument("--pytorch", metavar="PYTHON", help="beside the suite's PyTorch tool")
    parser.add_argument("--reference", default="manual", help="whose times are 1 (default: manual)")
    parser.add_argument("--python", default=sys.executable, help="what runs the evals and Python tools")
    parser.add_argument("--turns", type=int, default=3, help="of each tool (default: 3)")
    parser.add_argument("--seconds", type=float, default=0.1, help="of repetition in a turn (default: 0.1)")
    parser.add_argument("--threads", type=int, default=1, help="for fastgrad (default: 1)")
    parser.add_argument(
        "--options", default="", help='more for the evals, as they take it: "-n 1000" (only with one eval)'
    )
    parser.add_argument("--out", type=Path, help="a file for all times, as JSON")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.evals if name not in EVALS]
    if unknown:
        parser.error(f"unknown eval {unknown[0]!r}; expected any of {', '.join(EVALS)}")
    if not (chosen.checkout / "python/gradbench").is_dir():
        parser.error(f"--checkout {chosen.checkout}: no checkout of GradBench")
    if chosen.turns < 1 or chosen.seconds < 0 or chosen.threads < 0:
        parser.error("--turns must be positive; --seconds and --threads must not be negative")
    if chosen.options and len(chosen.evals) != 1:
        parser.error("--options is for one eval")
    if any("=" not in tool for tool in chosen.tool):
        parser.error("--tool must be NAME=COMMAND")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    chosen = parse(arguments)
    checkout = chosen.checkout.resolve()
    package = checkout / "python" / "gradbench"
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    commands = dict(tool.split("=", 1) for tool in chosen.tool)
    if not commands:
        commands["manual"] = shlex.join([chosen.python, str(package / "gradbench" / "cpp.py"), "manual"])
    here = Path(__file__).parent.parent.parent
    if chosen.jax:
        commands["jax"] = shlex.join([chosen.jax, str(here / "bench" / "gradbench" / "jax_tool.py")])
    if chosen.pytorch:
        tool = package / "gradbench" / "tools" / "pytorch" / "run.py"
        commands["pytorch"] = shlex.join([chosen.pytorch, str(tool)])
    results: dict[str, list[Workload]] = {}
    for name in chosen.evals or EVALS:
        own = [sys.executable, "-m", "bench.gradbench", "--threads", str(chosen.threads)]
        script = str(package / "gradbench" / "evals" / name / "run.py")
        repeats = [] if name == "hello" else ["--min-runs", "2", "--min-seconds", str(chosen.seconds)]
        asks = [chosen.python, script, *repeats, *shlex.split(chosen.options)]
        with contextlib.ExitStack() as stack:
            tools = {TOOL: stack.enter_context(Process(own, here, dict(os.environ)))}
            for tool, command in commands.items():
                tools[tool] = stack.enter_context(Process(shlex.split(command), checkout, environment))
            evaluation = stack.enter_context(Process(asks, checkout, environment))
            results[name] = []
            for workload in run(evaluation, tools, chosen.turns):
                results[name].append(workload)
                print(one_line(name, workload), file=sys.stderr, flush=True)
    if chosen.out is not None:
        told = {name: [vars(workload) for workload in found] for name, found in results.items()}
        chosen.out.write_text(json.dumps(told, indent=1))
    print(table(results, [TOOL, *commands], chosen.reference))
    return 1 if any(w.wrong or TOOL in w.failed for found in results.values() for w in found) else 0


if __name__ == "__main__":
    sys.exit(main())
