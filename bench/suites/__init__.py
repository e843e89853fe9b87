"""The suites by their names on the command line; each module's ``cases(options)`` generates its cases."""

from importlib import import_module
from types import ModuleType

# `import` is a keyword, hence the underscore.
MODULES = {"gemm": "gemm", "linear": "linear", "eager": "eager", "import": "import_", "train": "train"}


def load(name: str) -> ModuleType:
    return import_module(f"bench.suites.{MODULES[name]}")
