"""Derivatives that science asks for: a call of what was recorded or compiled, and the first call."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bench import scientific
from bench.harness import Case, Contestant, Options
from bench.scientific import MAKERS, Maker

COMPILED = ("fastgrad", "JAX", "CasADi")


def _makers(p: scientific.Problem, names: Sequence[str]) -> dict[str, Maker]:
    return {name: MAKERS[name] for name in names if name not in p.missing}


def case(p: scientific.Problem) -> Case:
    def contestant(make: Maker) -> Callable[[], Contestant]:
        def build() -> Contestant:
            call = make(p)
            return Contestant(call, result=lambda: np.asarray(call()))

        return build

    builders = {name: contestant(make) for name, make in _makers(p, list(MAKERS)).items()}
    return Case("science", p.name, builders, p.check)


def first_case(p: scientific.Problem) -> Case:
    def contestant(make: Maker) -> Callable[[], Contestant]:
        def run() -> Any:
            return make(p)()

        return lambda: Contestant(run, result=lambda: np.asarray(run()))

    builders = {name: contestant(make) for name, make in _makers(p, COMPILED).items()}
    return Case("science", f"{p.name}: made and called once", builders, p.check, warm_turns=False)


def cases(_options: Options) -> Iterator[Case]:
    large = [scientific.logistic(), scientific.ode(), scientific.physics(), scientific.lstm()]
    for problem in [*scientific.rosenbrocks(), *large]:
        yield case(problem)
    for problem in large:
        yield first_case(problem)
