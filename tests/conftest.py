"""Settings and fixtures of the whole suite: the source tree, and CMake builds of it, kept between runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import hypothesis
import pytest

from fastgrad._native import core

# The same examples in every run; HYPOTHESIS_PROFILE=explore looks for new ones, and for longer.
hypothesis.settings.register_profile(
    "default", derandomize=True, database=None, deadline=None, max_examples=100
)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share CMake builds in one worker, where tests run in several (`--dist loadgroup`)."""
    for item in items:
        if item.get_closest_marker("cpp"):
            item.add_marker(pytest.mark.xdist_group("cpp"))


def find_tool(name: str) -> str | None:
    """Find a program, this environment's own first."""
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Each test leaves the modes of the thread as they were."""
    yield
    assert not core.is_recording()
    assert core.is_grad_enabled()
    assert core.set_borrowing(False) is False
    assert core.set_transforming(False) is False


@pytest.fixture(scope="session")
def source_tree() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def cmake() -> str:
    return find_tool("cmake") or pytest.fail("needs CMake: install the 'test' extra")


@pytest.fixture(scope="session")
def cmake_build(source_tree, cmake):
    """Return ``build(name, *options, target)``, which builds in build/tests-<name> and returns it."""
    ninja = find_tool("ninja") or pytest.fail("needs Ninja: install the 'test' extra")

    def build(name: str, *options: str, target: str) -> Path:
        folder = source_tree / "build" / f"tests-{name}"
        configure = [cmake, "-S", source_tree, "-B", folder, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
        run([*configure, "-DFASTGRAD_BUILD_PYTHON=OFF", *options])
        run([cmake, "--build", folder, "--target", target, "--parallel", str(os.cpu_count() or 1)])
        return folder

    return build


def run(command: list[str | Path]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        told = f"{result.stdout[-8000:]}\n{result.stderr[-8000:]}"
        pytest.fail(f"{' '.join(map(str, command))}\n{told}", pytrace=False)
