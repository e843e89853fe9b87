"""The suites by their names on the command line; each module's ``cases(options)`` generates its cases."""

from importlib import import_module
from types import ModuleType

MODULES = {
    "gemm": "gemm",
    "linear": "linear",
    "eager": "eager",
    "compile": "compile",
    "import": "import_",  # a keyword
    "train": "train",
    "fleet": "fleet",
    "examples": "examples",
    "science": "science",
    "widths": "widths",
    "threads": "threads",
}


def load(name: str) -> ModuleType:
    return import_module(f"bench.suites.{MODULES[name]}")
