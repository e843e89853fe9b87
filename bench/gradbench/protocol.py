"""GradBench's protocol: one JSON object a line comes in, one goes out; the timing of what it asks for."""

import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TextIO

TOOL = "fastgrad"
EVALS = (
    "ba",
    "det",
    "gmm",
    "hello",
    "ht",
    "kmeans",
    "llsq",
    "lse",
    "lstm",
    "ode",
    "particle",
    "saddle",
)


@dataclass(frozen=True)
class Function:
    """What an eval may ask for.

    ``prepare(input)`` makes of the JSON of a message the arguments of ``run``, whose calls are timed;
    ``finish(result)`` makes JSON of what it returned.
    """

    run: Callable[..., Any]
    prepare: Callable[[Any], tuple[Any, ...]]
    finish: Callable[[Any], Any]


class UnknownNameError(Exception):
    """A message asks for a module or function that is not there."""


def functions_of(module: str) -> dict[str, Function]:
    """The functions of an eval, by the names that the protocol has for them."""
    if module not in EVALS:
        raise UnknownNameError(f"no module {module!r}; there are {', '.join(EVALS)}")
    functions: dict[str, Function] = import_module(f"bench.gradbench.evals.{module}").FUNCTIONS
    return functions


def evaluate(function: Function, given: Any) -> tuple[Any, list[int]]:
    """Run a function as often as its input asks for; its output and the nanoseconds of each run."""
    runs, seconds = 1, 0.0
    if isinstance(given, dict):
        runs, seconds = int(given.get("min_runs", 1)), float(given.get("min_seconds", 0.0))
    arguments = function.prepare(given)
    run, clock = function.run, time.perf_counter_ns
    times: list[int] = []
    left = seconds * 1e9
    while True:
        start = clock()
        result = run(*arguments)
        taken = clock() - start
        times.append(taken)
        left -= taken
        if len(times) >= runs and left <= 0:
            return function.finish(result), times


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """What is said to a message; an error while it is worked on is a part of that."""
    said: dict[str, Any] = {"id": message["id"]}
    kind = message.get("kind")
    try:
        if kind == "start":
            said["tool"] = TOOL
        elif kind == "define":
            functions_of(message["module"])
            said["success"] = True
        elif kind == "evaluate":
            functions = functions_of(message["module"])
            name = message["function"]
            if name not in functions:
                raise UnknownNameError(
                    f"{message['module']} has no function {name!r}; it has {', '.join(functions)}"
                )
            output, times = evaluate(functions[name], message["input"])
            timings = [{"name": "evaluate", "nanoseconds": taken} for taken in times]
            said |= {"success": True, "output": output, "timings": timings}
    except UnknownNameError as error:
        said |= {"success": False, "error": str(error)}
    except Exception:
        said |= {"success": False, "error": traceback.format_exc()}
    return said


def serve(lines: TextIO, out: TextIO) -> None:
    """Answer each line until there is none; a message that is no JSON object ends it with an error."""
    for line in lines:
        print(json.dumps(answer(json.loads(line))), file=out, flush=True)
