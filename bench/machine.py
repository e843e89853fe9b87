"""The machine a run took place on: its processor, its noise, and its limits as contestants."""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from bench.harness import AbsentError, Contestant

NATIVE = Path(__file__).parent / "native"
_FLAGS = ["-O3", "-std=c++17", "-shared", "-fPIC", "-pthread", "-fno-math-errno", "-fno-trapping-math"]


def _cpu_info() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _isa(flags: str) -> str:
    have = set(flags.split())
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= have:
        return "AVX-512"
    if {"avx2", "fma"} <= have:
        return "AVX2 + FMA"
    return "NEON" if "asimd" in have else "baseline"


def steal_jiffies() -> tuple[int, int]:
    """(stolen, total) processor time since boot: what other guests of the host took."""
    path = Path("/proc/stat")
    if not path.exists():
        return 0, 0
    fields = [int(x) for x in path.read_text().splitlines()[0].split()[1:9]]
    return fields[7], sum(fields)


def describe() -> dict[str, Any]:
    info = _cpu_info()
    about: dict[str, Any] = {
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "family_model": f"{info['cpu family']}/{info['model']}" if "cpu family" in info else "",
        "isa": _isa(info.get("flags", info.get("Features", ""))),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        about["memory_gb"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    return about


def compiler() -> str | None:
    return next(
        (path for name in (os.environ.get("CXX"), "g++", "clang++") if name and (path := shutil.which(name))),
        None,
    )


def _cache_folder() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastgrad-bench"
    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="fastgrad-bench-"))
    return base if os.access(base, os.W_OK) else Path(tempfile.mkdtemp(prefix="fastgrad-bench-"))


@cache
def native(source: str) -> ctypes.CDLL:
    """Compile one of ``bench/native`` for this very machine, once, outside the source tree, and load it."""
    found = compiler()
    if found is None:
        raise AbsentError("no C++ compiler (g++ or clang++)")
    said = subprocess.run(
        [found, "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    info = _cpu_info()
    key = hashlib.sha256(
        f"{said} {_FLAGS} {info.get('model name')} {info.get('flags', info.get('Features'))}".encode()
    )
    for path in sorted(NATIVE.iterdir()):
        key.update(path.read_bytes())
    library = _cache_folder() / f"{Path(source).stem}-{key.hexdigest()[:16]}.so"
    if not library.exists():
        wide = ["-mprefer-vector-width=512"] if platform.machine() in {"x86_64", "AMD64"} else []
        fresh = library.with_suffix(f".{os.getpid()}.tmp")
        command = [found, *_FLAGS, "-march=native", *wide, str(NATIVE / source), "-o", str(fresh)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            raise RuntimeError(
                f"{Path(found).name} could not compile {source}: {errors[:1] or done.stderr[-200:]}"
            )
        fresh.replace(library)
    return ctypes.CDLL(str(library))


def fma_peak(dtype: str, threads: int) -> Callable[[], Contestant]:
    """A limit whose units are floating-point operations: fused multiply-adds held in registers."""

    def build() -> Contestant:
        run = native("limits.cpp")[f"limits_fma_{dtype}"]
        run.restype, run.argtypes = ctypes.c_double, [ctypes.c_int, ctypes.c_int64]
        rounds = 500_000
        return Contestant(lambda: run(threads, rounds), units=run(threads, 1) * rounds)

    return build


def plain_read(array: Any, threads: int) -> Callable[[], Contestant]:
    """A limit whose units are bytes: one read of the very array the contestants read."""

    def build() -> Contestant:
        run = native("limits.cpp")["limits_read"]
        run.restype, run.argtypes = None, [ctypes.c_int, ctypes.c_void_p, ctypes.c_int64]
        address, size = array.ctypes.data, array.nbytes
        return Contestant(lambda: run(threads, address, size), units=size)

    return build


def limits(threads: int, seconds: float = 0.1) -> dict[str, float | str]:
    """The machine's limits by themselves, for the head of the report; rows carry those of their own turns."""
    import numpy as np

    from bench.harness import Case, Options, measure

    found: dict[str, float | str] = {}
    for count in sorted({1, threads}):
        data = np.ones(256_000_000 // 8)
        entries = {f"fma_float32_gflops_{count}": (fma_peak("float32", count), 1e9)}
        entries[f"fma_float64_gflops_{count}"] = (fma_peak("float64", count), 1e9)
        entries[f"read_256mb_gbs_{count}"] = (plain_read(data, count), 1e9)
        case = Case("limits", "limits", {name: build for name, (build, _) in entries.items()})
        row = measure(case, Options(repeats=3, turn_seconds=seconds))
        for name, timing in row.contestants.items():
            found[name] = 1 / timing.median / entries[name][1] if timing.ok else timing.detail
    return found
