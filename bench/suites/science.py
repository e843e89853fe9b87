"""Derivatives that science asks for: a call of what was recorded or compiled, and the first call."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench import peers, scientific
from bench.harness import Case, Contestant, Options

LIBRARIES = {"fastgrad": scientific.fastgrad, "JAX": scientific.jax}


def _made(library: Callable[[], Any], p: scientific.Problem) -> Callable[[], Any]:
    lib, compiled = library()
    function = compiled(p.of(lib))
    arrays = p.arrays
    if library is scientific.jax:  # NumPy's arrays would be converted anew at each call
        arrays = tuple(map(peers.load("JAX").numpy.asarray, arrays))
        return lambda: function(*arrays).block_until_ready()
    return lambda: function(*arrays)


def case(p: scientific.Problem) -> Case:
    def contestant(library: Callable[[], Any]) -> Callable[[], Contestant]:
        def build() -> Contestant:
            call = _made(library, p)
            return Contestant(call, result=lambda: np.asarray(call()))

        return build

    builders = {name: contestant(library) for name, library in LIBRARIES.items()}
    return Case("science", p.name, builders, p.check)


def first_case(p: scientific.Problem) -> Case:
    def contestant(library: Callable[[], Any]) -> Callable[[], Contestant]:
        def run() -> Any:
            return _made(library, p)()

        return lambda: Contestant(run, result=lambda: np.asarray(run()))

    builders = {name: contestant(library) for name, library in LIBRARIES.items()}
    return Case("science", f"{p.name}: made and called once", builders, p.check, warm_turns=False)


def cases(_options: Options) -> Iterator[Case]:
    large = [scientific.logistic(), scientific.ode(), scientific.physics(), scientific.lstm()]
    for problem in [*scientific.rosenbrocks(), *large]:
        yield case(problem)
    for problem in large:
        yield first_case(problem)
