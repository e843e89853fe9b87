"""Loops and branches at their edges: bad input, threads, memory, Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import fastgrad as fg

ROWS = np.ones(3)


def two(c, x):
    return c, None


BAD = {
    "a shape that changes": (
        lambda: fg.scan(
            lambda c, x: ({"a": c["a"], "b": [c["b"][0] * np.ones(2)]}, None), {"a": 0.0, "b": [1.0]}, ROWS
        ),
        ValueError,
        "carry['b'][0] goes in as float64() and comes out as float64(2,)",
    ),
    "a dtype that changes": (
        lambda: fg.scan(lambda c, x: (c + x, None), np.float32(1), ROWS),
        TypeError,
        "carry goes in as float32() and comes out as float64()",
    ),
    "a dtype that changes, of a while loop": (
        lambda: fg.while_loop(lambda c: c[0] < 3, lambda c: (c[0] / 2, c[1]), (np.int64(1), 2.0)),
        TypeError,
        "carry[0] goes in as int64() and comes out as float64()",
    ),
    "another structure": (
        lambda: fg.scan(lambda c, x: ([c[0]], None), [0.0, {"k": 1.0}], ROWS),
        TypeError,
        "must return a carry of the structure it gets, [*, {'k': *}], got [*]",
    ),
    "no pair": (lambda: fg.scan(lambda c, x: c, 0.0, ROWS), TypeError, "and a row of results, got a Tensor"),
    "three": (lambda: fg.scan(lambda c, x: (c, c, c), 0.0, ROWS), TypeError, "got a tuple of 3"),
    "unequal lengths": (
        lambda: fg.scan(two, 0.0, {"a": np.ones((3, 2)), "b": np.ones(4)}),
        ValueError,
        "xs['a'] has 3 rows, but xs['b'] has shape (4,)",
    ),
    "not the length given": (
        lambda: fg.scan(two, 0.0, ROWS, length=5),
        ValueError,
        "length is 5, but xs has shape (3,)",
    ),
    "a number among xs": (lambda: fg.scan(two, 0.0, (ROWS, 2.0)), ValueError, "xs[1] has shape ()"),
    "no length": (lambda: fg.scan(two, 0.0), ValueError, "so length must be given"),
    "a negative length": (lambda: fg.scan(two, 0.0, length=-1), ValueError, "at least 0, got -1"),
    "what is no number": (
        lambda: fg.scan(two, {"a": "text"}, ROWS),
        TypeError,
        "init['a'] is a str; expected a number, an array or a tensor",
    ),
    "a result that is no number": (
        lambda: fg.scan(lambda c, x: (c, {"y": "text"}), 0.0, ROWS),
        TypeError,
        "['y'] is a str",
    ),
    "no function": (lambda: fg.scan(3, 0.0, ROWS), TypeError, "f must be a function, got int"),
    "a condition of several": (
        lambda: fg.while_loop(lambda c: c < 3, lambda c: c + 1, np.zeros(2)),
        TypeError,
        "must be one bool, of shape (), got bool(2,)",
    ),
    "a condition of numbers": (
        lambda: fg.while_loop(lambda c: c, lambda c: c + 1, 0.0),
        TypeError,
        "must be one bool, of shape (), got float64()",
    ),
    "a condition that is nothing": (
        lambda: fg.while_loop(lambda c: None, lambda c: c + 1, 0.0),
        TypeError,
        "must be one bool, got a NoneType",
    ),
    "cond without a bool": (
        lambda: fg.cond(np.ones(2) > 0, lambda: 1.0, lambda: 2.0),
        TypeError,
        "pred must be one bool, of shape (), got bool(2,)",
    ),
    "branches of two structures": (
        lambda: fg.cond(True, lambda: (1.0, 2.0), lambda: {"a": 1.0}),
        TypeError,
        "the same structure, got (*, *) from <lambda> and {'a': *} from <lambda>",
    ),
    "branches of two shapes": (
        lambda: fg.cond(True, lambda x: [x], lambda x: [x[0]], ROWS),
        ValueError,
        "got float64(3,) from <lambda> and float64() from <lambda> for the result[0]",
    ),
    "branches of two dtypes": (
        lambda: fg.cond(True, lambda: np.float32(1), lambda: np.float64(1)),
        TypeError,
        "got float32() from <lambda> and float64() from <lambda>",
    ),
    "a value that is read": (
        lambda: fg.scan(lambda c, x: (c if c > 0 else x, None), 0.0, ROWS),
        fg.RecordingError,
        "while recording",
    ),
    "too many dimensions": (
        lambda: fg.scan(lambda c, x: (c, c), np.ones((1,) * 8), ROWS),
        ValueError,
        "at most 8 dimensions",
    ),
}


@pytest.mark.parametrize(("f", "error", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input(f, error, message):
    with pytest.raises(error, match=re.escape(message)):
        f()
    with pytest.raises(error, match=re.escape(message)):
        fg.compile(lambda x: f())(1.0)


def test_a_value_that_escapes_its_body():
    kept = []

    def body(c, x):
        kept.append(c * 2.0)
        return c, None

    fg.scan(body, 0.0, ROWS)
    with pytest.raises(fg.RecordingError, match="a recording that has ended"):
        kept[0] + 1.0


def test_an_error_in_a_body():
    def body(c, x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fg.scan(body, 0.0, ROWS)


def test_a_bad_index_in_some_round():
    f = fg.compile(lambda t, i: fg.scan(lambda c, i: (c + fg.take(t, i), None), 0.0, i)[0])
    assert f(np.arange(4.0), np.array([0, 3, -1])) == 6.0
    for _ in range(2):
        with pytest.raises(IndexError, match="index 4"):
            f(np.arange(4.0), np.array([0, 4, 1]))
    assert f(np.arange(4.0), np.array([0, 3, -1])) == 6.0


def test_threads_share_a_program():
    f = fg.compile(fg.grad(lambda w, x: fg.while_loop(lambda c: abs(c) < 50.0, lambda c: c * w + x, x)))
    inputs = [(1.1 + 0.01 * i, 0.5 + 0.1 * i) for i in range(20)]
    expected = [f(*i) for i in inputs]
    results: dict[int, list[object]] = {}

    def work(number):
        results[number] = [f(*i) for i in inputs * 20]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(results[n] == expected * 20 for n in range(4))


def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_does_not_grow():
    n = np.int64(20000)
    w = np.full(4, 0.999)

    def loss(w):
        return fg.while_loop(lambda s: s[1] < n, lambda s: (s[0] * w + 0.1, s[1] + 1), (np.ones(4), 0))[
            0
        ].sum()

    f = fg.compile(fg.grad(loss))
    eager = fg.grad(loss)
    for _ in range(3):
        f(w)
        eager(w)
    before = resident()
    for _ in range(20):  # each would leave 640 kB of carries
        f(w)
        eager(w)
    assert resident() - before < 4e6


@pytest.mark.parametrize("way", ["eager", "compiled", "gradient", "scan"])
def test_ctrl_c_ends_an_endless_loop(way):
    program = f"""
import signal
import fastgrad as fg
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script starts in the background
f = lambda x: fg.while_loop(lambda c: c < 2.0, lambda c: c * 1.0, x)
if "{way}" == "scan":
    f = lambda x: fg.scan(lambda c, _: (c * 1.0, None), x, length=10**12)[0]
if "{way}" == "compiled":
    f = fg.compile(f)
if "{way}" == "gradient":
    body = lambda s: (s[0] * 1.0, s[1])
    f = fg.grad(fg.compile(lambda x: fg.while_loop(lambda s: s[1] >= 0, body, (x, 1))[0]))
print("ready", flush=True)
try:
    f(1.0)
except KeyboardInterrupt:
    print("stopped", flush=True)
assert float(fg.compile(lambda x: fg.while_loop(lambda c: c < 9.0, lambda c: c * 2.0, x))(1.0)) == 16.0
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.4)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopped\n"
        assert process.wait(60) == 0


def test_other_threads_go_on_during_an_endless_loop():
    program = """
import signal, threading, time, _thread
import fastgrad as fg
signal.signal(signal.SIGINT, signal.default_int_handler)
ticks = []
def tick():
    for _ in range(10):
        time.sleep(0.01)
        ticks.append(1)
    _thread.interrupt_main()
threading.Thread(target=tick).start()
f = fg.compile(lambda x: fg.while_loop(lambda c: c < 2.0, lambda c: c * 1.0, x))
try:
    f(1.0)
except KeyboardInterrupt:
    print(len(ticks))
"""
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert out.stdout == "10\n"
