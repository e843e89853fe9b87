"""The type stubs: as the compiled core has it, and right in mypy's eyes where it is installed."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from fastgrad import _core

needs_mypy = pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")

# What cannot be said in a stub: pybind11's metaclass and constructor, and the layout of a type written in C.
UNSAYABLE = r"""
fastgrad\._core\.(Body|Program|Transform|train\.[A-Z]\w+)
fastgrad\._core\.(Body|Program|train\.Rule)\.__init__
fastgrad\._core\.(CompiledCall|Tensor)
"""

USER_CODE = """
from typing import Any, assert_type

import numpy as np

import fastgrad as fg

x = fg.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
array = np.ones(2)
assert_type(fg.sin(x), fg.Tensor)
assert_type(fg.expit(array), fg.Tensor)
assert_type(x.relu().sum(axis=-1, keepdims=True), fg.Tensor)
assert_type(2 * x + array, fg.Tensor)
assert_type(x**2 @ x, fg.Tensor)
assert_type(x < 1, fg.Tensor)
assert_type(x == 1, fg.Tensor)
assert_type(x[None, ..., :-1, [0, 1]], fg.Tensor)
assert_type(x.shape, tuple[int, ...])
assert_type(x.dtype, np.dtype[Any])
assert_type(x.grad, fg.Tensor | None)
assert_type(x.item(), float)
x.grad = np.zeros(2)
fg.sin(x, 1)  # type: ignore[call-arg]
fg.sum(x, axes=0)  # type: ignore[call-arg]
x[0] = 1.0  # type: ignore[index, assignment]
"""


@pytest.fixture(scope="module")
def make_stubs(source_tree):
    spec = importlib.util.spec_from_file_location("make_stubs", source_tree / "tools" / "make_stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def check(source_tree, tmp_path_factory):
    """Return ``check(module, *arguments)``, which runs mypy or stubtest on the source tree's package."""
    folder = tmp_path_factory.mktemp("mypy")
    (folder / "unsayable").write_text(UNSAYABLE, encoding="utf-8")
    (folder / "user.py").write_text(USER_CODE, encoding="utf-8")
    places = {"MYPYPATH": str(source_tree / "src" / "python"), "MYPY_CACHE_DIR": str(folder / "cache")}

    def run(module: str, *arguments: str | os.PathLike[str]) -> None:
        command = [sys.executable, "-m", module, *arguments]
        environment = {**os.environ, **places}
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=600
        )
        assert result.returncode == 0, result.stdout + result.stderr

    return run


def test_up_to_date(make_stubs):
    written = {path.name: path.read_text(encoding="utf-8") for path in make_stubs.FOLDER.glob("*.pyi")}
    stale = [name for name, text in make_stubs.stubs().items() if written.pop(name, None) != text]
    assert not stale, f"{', '.join(stale)} differ from the compiled core: run python tools/make_stubs.py"
    assert not written, f"stubs of nothing: {', '.join(written)}"


def test_every_operation_is_there(make_stubs):
    texts = make_stubs.stubs()
    for name, (_, arity, _) in _core.elementwise_table.items():
        (arguments,) = re.findall(rf"^def {name}\((.*), /\) -> Tensor:$", texts["ops.pyi"], re.MULTILINE)
        assert arguments.count(": _Operand") == arity
    for owner, file, indent in ((_core.ops, "ops.pyi", ""), (_core.Tensor, "__init__.pyi", "    ")):
        for name in vars(owner):
            if not name.startswith("__"):
                assert re.search(rf"^{indent}def {name}\(", texts[file], re.MULTILINE), f"{file} lacks {name}"


@needs_mypy
def test_package_in_mypy(check, source_tree):
    check(
        "mypy", "--config-file", source_tree / "pyproject.toml", source_tree / "src" / "python" / "fastgrad"
    )


@needs_mypy
def test_user_code_in_mypy(check):
    check("mypy", "--strict", "--python-version", "3.11", "user.py")


@needs_mypy
def test_stubs_against_runtime(check):
    check("mypy.stubtest", "fastgrad._core", "--allowlist", "unsayable", "--ignore-unused-allowlist")
