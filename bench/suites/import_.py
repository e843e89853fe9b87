"""What a process pays that only imports a library, and how large the libraries are on disk."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from bench.harness import AbsentError, Case, Contestant, Options, Row, Timing

MODULES = {
    "fastgrad": "fastgrad",
    "NumPy": "numpy",
    "PyTorch": "torch",
    "JAX": "jax",
    "scikit-learn": "sklearn.neural_network",
    "autograd": "autograd",
}
# What a user has to install for the library to work, beside NumPy.
DISTRIBUTIONS = {
    "fastgrad": ["fastgrad"],
    "NumPy": ["numpy"],
    "PyTorch": ["torch"],
    "JAX": ["jax", "jaxlib"],
    "scikit-learn": ["scikit-learn", "scipy"],
    "autograd": ["autograd"],
}


def _import(module: str) -> Callable[[], Contestant]:
    def build() -> Contestant:
        if module and find_spec(module.partition(".")[0]) is None:
            raise AbsentError(f"No module named {module!r}")
        command = [sys.executable, "-c", f"import {module}" if module else "pass"]

        def run() -> None:
            subprocess.run(command, check=True, capture_output=True)

        run()  # reads the files from disk, writes the byte code
        return Contestant(run)

    return build


def _installed_megabytes(distributions: list[str]) -> Timing:
    total = 0
    for name in distributions:
        try:
            files = metadata.files(name)
        except metadata.PackageNotFoundError as error:
            return Timing("absent", str(error))
        if not files:
            return Timing("absent", f"{name} lists no files")
        paths = [Path(str(file.locate())) for file in files if not str(file).endswith(".pyc")]
        total += sum(path.stat().st_size for path in paths if path.is_file())
    return Timing("ok", seconds=[total / 1e6], loops=1)


def sizes(options: Options) -> Iterator[Row]:
    wanted = {name: parts for name, parts in DISTRIBUTIONS.items() if options.wants(name)}
    found = {name: _installed_megabytes(parts) for name, parts in wanted.items()}
    if any(timing.ok for timing in found.values()):
        yield Row("import", "installed files", found, unit="MB")
    if options.wheel is not None:
        megabytes = options.wheel.stat().st_size / 1e6
        yield Row(
            "import",
            f"wheel {options.wheel.name}",
            {"fastgrad": Timing("ok", seconds=[megabytes])},
            unit="MB",
        )


def cases(options: Options) -> Iterator[Case | Row]:
    builders = {name: _import(module) for name, module in MODULES.items()}
    limits = {"bare Python": _import("")}
    yield Case("import", "a process that only imports", builders, limits=limits, work=1.0, warm_turns=False)
    yield from sizes(options)
