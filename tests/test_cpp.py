"""The C++ test program: under sanitizers at every level this CPU has, and on 64-bit ARM under an emulator."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fastgrad import _core

pytestmark = pytest.mark.cpp


def run_tests(program: list[str | Path], **environment: str) -> None:
    clean = {name: value for name, value in os.environ.items() if name != "FASTGRAD_ISA"}
    result = subprocess.run(
        program, env=clean | environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert result.returncode == 0, f"{result.stdout[-6000:]}\n{result.stderr[-6000:]}"


@pytest.fixture(scope="module")
def sanitized_program(cmake_build) -> Path:
    if sys.platform == "win32":
        pytest.skip("clang-cl does not link both sanitizers on Windows")
    options = ["-DCMAKE_BUILD_TYPE=Debug", "-DFASTGRAD_BUILD_TESTS=ON", "-DFASTGRAD_SANITIZE=ON"]
    # Half a minute and more for each level, and what this CPU lacks would not run.
    options.append(f"-DFASTGRAD_AVX512={'ON' if 'avx512' in _core.available_isa() else 'OFF'}")
    return cmake_build("sanitized", *options, target="fastgrad_tests") / "fastgrad_tests"


@pytest.mark.parametrize("level", _core.available_isa())
def test_under_sanitizers(sanitized_program, level):
    run_tests([sanitized_program], FASTGRAD_ISA=level, UBSAN_OPTIONS="print_stacktrace=1")


def test_on_arm(cmake_build, source_tree):
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
    if not compiler or not emulator:
        pytest.skip("needs aarch64-linux-gnu-g++ and qemu-aarch64")
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={source_tree / 'cmake' / 'aarch64-linux-gnu.cmake'}"
    options = [toolchain, "-DCMAKE_BUILD_TYPE=Release", "-DFASTGRAD_BUILD_TESTS=ON"]
    folder = cmake_build("neon", *options, target="fastgrad_tests")
    run_tests([emulator, "-L", "/usr/aarch64-linux-gnu", folder / "fastgrad_tests"], FASTGRAD_ISA="neon")
