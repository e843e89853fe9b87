"""The lesson, run once as its user runs it: its pictures, and what its account claims."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys

import pytest

for package in ("matplotlib", "sklearn", "tqdm"):
    pytest.importorskip(package)

from fastgrad.demo import derivative, descent  # noqa: E402
from fastgrad.demo.report import Report  # noqa: E402

PICTURES = {
    "descent_one_variable.png",
    "descent_two_minima.png",
    "descent_valley.png",
    "diabetes_network.png",
    "digits_learning.png",
    "digits_read.png",
    "learning_rates_loss.png",
    "learning_rates_paths.png",
    "linear_regression.png",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The account of one run, and the folder of its pictures."""
    folder = tmp_path_factory.mktemp("demo") / "pictures"
    result = subprocess.run(
        [sys.executable, "-m", "fastgrad", "demo", "--out", str(folder)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "COLUMNS": "80",
            "PYTHONIOENCODING": "utf-8",
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout, folder


def chapter(account, number):
    heading = re.compile(rf"^{number}  [^\n]*\n─+\n(.*?)(?=^\d  [^\n]*\n─|\Z)", re.DOTALL | re.MULTILINE)
    return heading.search(account)[1]


def one_line(text):
    return " ".join(text.split())


def test_pictures_are_written_and_named(told):
    account, folder = told
    assert {path.name for path in folder.iterdir()} == PICTURES
    for path in folder.iterdir():
        data = path.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", data[16:24])
        assert width >= 800
        assert height >= 400
        assert len(data) > 10_000
        assert path.name in account


def test_the_account_fits_the_terminal_and_has_no_colour_codes(told):
    account, folder = told
    assert "\033" not in account
    lines = [line for line in account.splitlines() if str(folder) not in line]
    assert max(map(len, lines)) <= 80
    assert [line[0] for line in lines if re.match(r"\d  \w", line)] == list("123456")


def test_derivatives_agree_with_differences(told):
    rows = re.findall(r"^ +-?\d\.0 .* ([\d.e-]+) +(?:right|left)$", chapter(told[0], 1), re.MULTILINE)
    assert len(rows) == 5
    assert max(map(float, rows)) < 1e-9


def test_descent_ends_at_the_minimum(told):
    text = one_line(chapter(told[0], 2))
    assert float(re.search(r"ending at x = ([\d.]+\d)", text)[1]) == pytest.approx(3.0, abs=1e-8)
    ends = [float(x) for x in re.findall(r"it ends at x = (-?[\d.]+\d)", text)]
    assert ends == pytest.approx([-1.300840, 1.130901], abs=1e-6)


def test_learning_rates_behave_as_told(told):
    text = chapter(told[0], 3)
    rows = {
        name: re.search(rf"^ +{name} .*$", text, re.MULTILINE)[0].split()[len(name.split()) :]
        for name in ("too small", "good", "near the edge", "too large")
    }
    assert {name: row[-1] for name, row in rows.items()} == {
        "too small": "max_iter",
        "good": "converged",
        "near the edge": "converged",
        "too large": "diverged",
    }
    assert int(rows["good"][3]) < int(rows["near the edge"][3])
    assert float(rows["good"][0]) == pytest.approx(2.0 / (1.0 + descent.STEEPNESS), rel=1e-3)
    assert "local" in text
    assert "exact" in text


def test_linear_regression_reaches_the_closed_form(told):
    text = one_line(chapter(told[0], 4))
    predicted, measured = re.search(
        r"predicts ([\d,]+) iterations for 10 digits, and ([\d,]+) were needed", text
    ).groups()
    assert int(measured.replace(",", "")) == pytest.approx(int(predicted.replace(",", "")), rel=0.02)
    assert float(re.search(r"digits end at ([\d.]+):", text)[1]) > 11.0
    assert float(re.search(r"explains ([\d.]+)% of the variance \(R²\)", text)[1]) == pytest.approx(
        51.8, abs=0.1
    )
    assert float(re.search(r"condition number is ([\d.]+) million", text)[1]) > 10.0


def test_second_derivatives_agree_with_those_by_hand(told):
    apart = re.findall(r"^ +\S*d\S* +[+-][\d.]+ +[+-][\d.]+ +(\S+)$", chapter(told[0], 5), re.MULTILINE)
    assert len(apart) == 7
    assert max(map(float, apart)) < 1e-12


def test_networks_learn(told):
    text = one_line(chapter(told[0], 6))
    assert float(re.search(r"reads ([\d.]+)% correctly", text)[1]) > 95.0
    ours, linear = (
        float(x) for x in re.search(r"R² = ([\d.]+) of .*? same patients, ([\d.]+)\.", text).groups()
    )
    assert ours > 0.3
    assert ours > linear - 0.05


def test_central_difference_is_one():
    assert derivative.central_difference(lambda x: x**3, 2.0, 1e-4) == pytest.approx(12.0, rel=1e-8)


class Terminal:
    """A stream that says what it is."""

    def __init__(self, encoding, terminal):
        self.encoding = encoding
        self.text = ""
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    def write(self, text):
        text.encode(self.encoding)
        self.text += text

    def flush(self):
        pass


def test_a_plain_terminal_gets_plain_characters(tmp_path):
    stream = Terminal("ascii", terminal=False)
    report = Report(tmp_path, stream)
    report.title("λ")
    report.chapter("x² · y")
    report.say("κ → ∞ is beyond the table, λ is not".replace("∞", "1e9"))
    report.table(["λ", "²"], [["1", "2"]])
    assert "lambda" in stream.text
    assert "x^2 * y\n" in stream.text
    assert stream.text.isascii()


def test_colour_only_on_a_terminal_that_wants_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for terminal, environment, coloured in (
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
    ):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            stream = Terminal("utf-8", terminal)
            Report(tmp_path, stream).chapter("A chapter")
            assert ("\033[" in stream.text) is coloured


def test_tables_align_numbers_right_and_words_left(tmp_path):
    stream = Terminal("utf-8", terminal=False)
    Report(tmp_path, stream).table(["name", "n"], [["a", "1"], ["long one", "100"]])
    assert stream.text.splitlines()[1:] == [
        "   name        n",
        "   ────────  ───",
        "   a           1",
        "   long one  100",
    ]
