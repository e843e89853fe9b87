"""The command line and the configuration."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.__main__ import main
from fastgrad._extras import require


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "fastgrad", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_command_it_shows_the_configuration():
    result = run()
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith(f"fastgrad {fg.__version__}\n")
    assert np.__version__ in result.stdout
    in_use = next(line.split()[2] for line in result.stdout.splitlines() if "instruction set" in line)
    assert f"(here: {', '.join(fg._native.core.available_isa())};" in result.stdout
    assert in_use in fg._native.core.available_isa()


def test_a_forced_instruction_set_is_shown():
    lowest = fg._native.core.available_isa()[0]
    assert f"instruction set  {lowest} " in run(FASTGRAD_ISA=lowest).stdout


def test_show_config_prints_the_same(capsys):
    fg.show_config()
    shown = capsys.readouterr().out
    assert main([]) == 0
    assert capsys.readouterr().out == shown
    assert f"threads          {fg.get_num_threads()}   (from " in shown


@pytest.mark.parametrize("package", ["matplotlib", "sklearn", "tqdm"])
def test_without_the_demo_extra_it_says_what_to_install(package, tmp_path):
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('No module', name={package!r})")
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    result = run("demo", "--out", str(tmp_path / "pictures"), PYTHONPATH=paths)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert package in result.stderr
    assert 'pip install "fastgrad[demo]"' in result.stderr
    assert not (tmp_path / "pictures").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    pytest.importorskip("tqdm")
    (tmp_path / "file").write_text("")
    result = run("demo", "--out", str(tmp_path / "file"))
    assert result.returncode == 1
    assert result.stderr.startswith("fastgrad demo: cannot write to ")
    assert "Traceback" not in result.stderr


def test_an_unknown_command_is_refused_with_the_ones_there_are():
    result = run("dmeo")
    assert result.returncode == 2
    assert "demo" in result.stderr
    assert "invalid choice: 'dmeo'" in result.stderr


def test_require_names_the_package_only_when_it_is_the_one_missing(tmp_path, monkeypatch):
    assert require("json.decoder", "demo").__name__ == "json.decoder"
    with pytest.raises(
        ImportError, match=r'no_such_package is not installed .* pip install "fastgrad\[demo\]"'
    ):
        require("no_such_package.part", "demo")
    (tmp_path / "broken_package.py").write_text("import its_missing_requirement")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="its_missing_requirement"):
        require("broken_package", "demo")
