"""Optional libraries to compare with: found or absent, their versions, and their threads pinned."""

import os
import sys
from functools import cache
from importlib import import_module, metadata
from types import ModuleType

from bench.harness import AbsentError

# Name in the tables: (module to import, distribution that carries the version).
LIBRARIES = {
    "fastgrad": ("fastgrad", "fastgrad"),
    "NumPy": ("numpy", "numpy"),
    "PyTorch": ("torch", "torch"),
    "JAX": ("jax", "jax"),
    "autograd": ("autograd", "autograd"),
    "CasADi": ("casadi", "casadi"),
    "scikit-learn": ("sklearn", "scikit-learn"),
}


def pin_environment(threads: int) -> None:
    """Say to every library how many threads it may use, before any of them is imported.

    The process is also kept to that many cores: JAX sizes its pool by the cores it may run on.
    """
    count = str(threads)
    for name in ("OMP", "OPENBLAS", "MKL", "FASTGRAD", "NUMEXPR", "VECLIB_MAXIMUM"):
        os.environ[f"{name}_NUM_THREADS"] = count
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ["JAX_ENABLE_X64"] = "1"
    if threads == 1:
        os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
    if hasattr(os, "sched_setaffinity"):
        # The last cores: interrupts tend to be served on the first.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def already_imported() -> list[str]:
    """Libraries that read their thread count before this process could set it."""
    return [name for name, (module, _) in LIBRARIES.items() if module in sys.modules]


@cache
def load(name: str) -> ModuleType:
    """Import a library by its name in the tables, or raise `AbsentError`."""
    module = LIBRARIES[name][0]
    try:
        found = import_module(module)
    except ImportError as error:
        raise AbsentError(str(error)) from error
    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    if name == "PyTorch":
        found.set_num_threads(threads)
        found.set_num_interop_threads(1)
    elif name == "fastgrad":
        found.set_num_threads(threads)
    return found


def version(name: str) -> str | None:
    try:
        return metadata.version(LIBRARIES[name][1])
    except metadata.PackageNotFoundError:
        module = sys.modules.get(LIBRARIES[name][0])
        return getattr(module, "__version__", None)
