"""No code compiled for one instruction set runs on a CPU without it; a forced level is really in use."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys

import pytest

from fastgrad import _core

if platform.machine() in {"x86_64", "AMD64"}:
    levels_built = ["baseline", "avx2", "avx512"]
elif platform.machine() in {"aarch64", "arm64", "ARM64"}:
    levels_built = ["neon"]
else:
    levels_built = ["baseline"]


def run_python(code: str, *, emulator=(), isa: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "FASTGRAD_ISA"}
    if isa is not None:
        environment["FASTGRAD_ISA"] = isa
    command = [*emulator, sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def mangled(level: str) -> str:
    name = f"{level}_table"
    return f"{len(name)}{name}"


def output(*command: object) -> str:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def isa_objects(cmake_build):
    """The objects of src/cpp/kernels/isa as a release build makes them, by level."""
    if sys.platform != "linux" or not shutil.which("nm") or not shutil.which("objdump"):
        pytest.skip("needs binutils and ELF objects")
    folder = cmake_build("isa", "-DCMAKE_BUILD_TYPE=Release", target="fastgrad_isa")
    objects = {path.name.split(".")[0]: path for path in folder.glob("CMakeFiles/fastgrad_isa.dir/**/*.o")}
    assert sorted(objects) == sorted(levels_built)
    return objects


@pytest.mark.cpp
@pytest.mark.parametrize("level", levels_built)
def test_objects_run_nothing_when_loaded(isa_objects, level):
    sections = re.findall(r"^\s*\d+\s+(\S+)", output("objdump", "-h", isa_objects[level]), re.MULTILINE)
    assert any(name.startswith(".text") for name in sections)
    run_when_loaded = (".init_array", ".preinit_array", ".fini_array", ".ctors", ".dtors")
    assert not [name for name in sections if name.startswith(run_when_loaded)]


@pytest.mark.cpp
@pytest.mark.parametrize("level", levels_built)
def test_objects_share_only_their_table(isa_objects, level):
    # A weak symbol is one the linker may take from another level's object.
    lines = output("nm", "--format=posix", isa_objects[level]).splitlines()
    symbols = [line.split()[:2] for line in lines]  # name, kind
    assert [name for name, kind in symbols if kind not in "tdbrnU"] == [f"_ZN2fg7kernels{mangled(level)}E"]
    # What it calls must be plain C, as memcpy is: a C++ name might be an inline function of another level.
    assert not [name for name, kind in symbols if kind == "U" and name.startswith("_Z")]


@pytest.mark.cpp
def test_baseline_object_uses_no_wide_registers(isa_objects):
    if "avx2" not in isa_objects:
        pytest.skip("no x86 levels on this machine")
    wide = re.compile(r"%[yz]mm\d|\bv(?:fn?m|mov|add|mul)\w+\s")
    assert not wide.search(output("objdump", "-d", "--no-show-raw-insn", isa_objects["baseline"]))
    assert wide.search(output("objdump", "-d", "--no-show-raw-insn", isa_objects["avx2"]))


@pytest.mark.parametrize("level", levels_built)
def test_forced_level_is_in_use(level):
    code = "import fastgrad; print(fastgrad._core.isa())"
    result = run_python(code, isa=level)
    if level in _core.available_isa():
        assert result.returncode == 0, result.stderr
        assert result.stdout.split() == [level]
    else:
        assert result.returncode != 0
        assert "ImportError" in result.stderr
        assert level in result.stderr


def test_best_level_is_the_default():
    result = run_python("import fastgrad; print(fastgrad._core.isa())")
    assert result.stdout.split() == [_core.available_isa()[0]]


def test_configuration_names_the_level():
    result = run_python("import fastgrad; fastgrad.show_config()")
    assert result.returncode == 0, result.stderr
    assert _core.available_isa()[0] in result.stdout


@pytest.mark.parametrize("name", ["doesnotexist", "AVX2", "avx2 ", "avx"])
def test_unknown_level_is_an_error_that_names_the_levels(name):
    result = run_python("import fastgrad", isa=name)
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError")
    assert name.strip() in last
    for level in _core.available_isa():
        assert level in last


old_cpu_code = """
import numpy as np

import fastgrad as fg

assert fg._core.isa() == "baseline", fg._core.isa()
x = np.linspace(-2, 2, 257)
gradient = fg.grad(lambda x: (x.tanh() ** 2).sum())(x)
expected = 2 * np.tanh(x) * (1 - np.tanh(x) ** 2)
assert np.allclose(gradient, expected, rtol=1e-12, atol=1e-14)
product = (fg.tensor(np.ones((33, 17))) @ fg.tensor(np.ones((17, 29)))).numpy()
assert np.all(product == 17)
print("ran")
"""


@pytest.mark.skipif("avx2" not in levels_built, reason="no x86 levels on this machine")
@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="needs qemu-x86_64")
class TestOnACpuWithoutAvx:
    emulator = ("qemu-x86_64", "-cpu", "Nehalem")

    def test_works(self):
        result = run_python(old_cpu_code, emulator=self.emulator)
        assert result.stdout.split() == ["ran"], result.stderr

    def test_refuses_a_level_it_lacks(self):
        result = run_python("import fastgrad", emulator=self.emulator, isa="avx2")
        assert result.returncode != 0
        last = result.stderr.strip().splitlines()[-1]
        assert last.startswith("ImportError")
        assert "avx2" in last
        assert "baseline" in last
