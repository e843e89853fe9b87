"""What a recorded gradient costs per call from Python, and what recording it costs."""

from collections.abc import Iterator

from bench import functions
from bench.harness import Case, Options


def cases(_options: Options) -> Iterator[Case]:
    for function in (functions.SCALAR, functions.ROSENBROCK):
        yield functions.case("compile", function, functions.MAKERS)
    with_matrices = {name: maker for name, maker in functions.MAKERS.items() if name != "CasADi"}
    yield functions.case("compile", functions.DETERMINANT, with_matrices)
    makers = {name: functions.MAKERS[name] for name in ("fastgrad", "JAX", "CasADi")}
    for ops in (10, 100):
        yield functions.making_case("compile", functions.chain(ops), makers)
