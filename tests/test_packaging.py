"""What the installed package promises: NumPy alone, a process left as it was, clear words where it fails."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import fastgrad as fg

package = Path(fg.__file__).parent


def run_python(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_import_needs_numpy_alone():
    result = run_python(
        """
        import sys
        import numpy

        class Block:
            def find_spec(self, name, path=None, target=None):
                top = name.partition(".")[0]
                if top not in {"fastgrad", "numpy"} and top not in sys.stdlib_module_names:
                    raise ModuleNotFoundError(f"{name} is blocked", name=name)

        sys.meta_path.insert(0, Block())
        before = {name.partition(".")[0] for name in sys.modules}
        import fastgrad
        after = {name.partition(".")[0] for name in sys.modules}
        print(*(after - before - set(sys.stdlib_module_names)))
        """
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["fastgrad"]


def test_only_numpy_is_required():
    required = [line for line in importlib.metadata.requires("fastgrad") if "extra ==" not in line]
    assert [re.match(r"[\w-]+", line).group() for line in required] == ["numpy"]


def test_import_leaves_denormals_alone():
    result = run_python(
        """
        import sys
        import numpy

        def denormals():
            arrays = numpy.full(64, 2.0**-1074), numpy.full(64, 2.0**-149, dtype=numpy.float32)
            kept = all((x > 0).all() and ((x + x) / x == 2).all() for x in arrays)
            return sys.float_info.min / 2 > 0.0, kept

        before = denormals()
        import fastgrad
        print(before, denormals())
        """
    )
    assert result.stdout.strip() == "(True, True) (True, True)", result.stderr


def test_version_is_the_installed_one():
    assert fg.__version__ == importlib.metadata.version("fastgrad")
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.?(a|b|rc|dev|post)\d+)*", fg.__version__)


def test_types_are_shipped():
    assert (package / "py.typed").is_file()
    assert (package / "_core" / "__init__.pyi").is_file()


class TestBrokenCore:
    """A copy of the package without its compiled core, imported with ``site`` off so that it is found."""

    @pytest.fixture
    def copy(self, tmp_path):
        compiled = shutil.ignore_patterns("_core*.so", "_core*.pyd", "*.pyc")
        shutil.copytree(package, tmp_path / "fastgrad", ignore=compiled)
        return tmp_path

    def import_copy(self, folder):
        numpy_home = Path(np.__file__).parent.parent
        result = run_python(
            f"import sys; sys.path[:0] = [{str(folder)!r}, {str(numpy_home)!r}]; import fastgrad", "-S", "-E"
        )
        assert result.returncode != 0
        return result.stderr.strip().splitlines()[-1]

    def test_missing(self, copy):
        last = self.import_copy(copy)
        assert last.startswith("ImportError: fastgrad's compiled core is missing")
        assert str(copy / "fastgrad") in last
        assert "pip install" in last

    def test_built_for_another_python(self, copy):
        (copy / "fastgrad" / "_core.cpython-27-other.so").touch()
        assert "another Python or platform: _core.cpython-27-other.so" in self.import_copy(copy)

    def test_damaged(self, copy):
        name = f"_core{importlib.machinery.EXTENSION_SUFFIXES[0]}"
        (copy / "fastgrad" / name).write_bytes(b"not a library")
        last = self.import_copy(copy)
        assert last.startswith("ImportError: fastgrad's compiled core is there but does not load: ")
        assert "_core" in last.partition("does not load: ")[2]


@pytest.mark.cpp
class TestCompilerCheck:
    """cmake/check_toolchain.cmake as a script, told of compilers that need not be here."""

    def configure(self, cmake, source_tree, compiler, version, flags=""):
        script = source_tree / "cmake" / "check_toolchain.cmake"
        variables = [f"-DCMAKE_CXX_COMPILER_ID={compiler}", f"-DCMAKE_CXX_COMPILER_VERSION={version}"]
        command = [cmake, *variables, f"-DCMAKE_CXX_FLAGS={flags}", "-P", script]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.returncode == 0, " ".join(result.stderr.split())

    @pytest.mark.parametrize(("compiler", "version"), [("GNU", "11.1"), ("GNU", "12.2"), ("Clang", "14.0.6")])
    def test_accepts(self, cmake, source_tree, compiler, version):
        assert self.configure(cmake, source_tree, compiler, version, "-O2 -g") == (True, "")

    @pytest.mark.parametrize(
        ("compiler", "version"), [("MSVC", "19.40"), ("GNU", "10.5"), ("Clang", "13.0"), ("Intel", "2021.10")]
    )
    def test_refuses(self, cmake, source_tree, compiler, version):
        accepted, message = self.configure(cmake, source_tree, compiler, version)
        assert not accepted
        assert "fastgrad needs GCC 11 or newer, or Clang 14 or newer" in message
        assert ("clang-cl" if compiler == "MSVC" else version) in message

    @pytest.mark.parametrize("flags", ["-O2 -ffast-math", "-Ofast"])
    def test_refuses_fast_math(self, cmake, source_tree, flags):
        accepted, message = self.configure(cmake, source_tree, "GNU", "12.2", flags)
        assert not accepted
        assert "CXXFLAGS" in message


def test_readme_examples_run_from_top_to_bottom(source_tree):
    text = (source_tree / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    result = run_python("\n".join(blocks))
    assert result.returncode == 0, result.stderr
