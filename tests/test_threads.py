"""The thread pool: the same bits on any number of threads, and nothing that hangs: forks, callers, exits."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import fastgrad as fg
from fastgrad._native import core

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="sets the affinity of a process")

COUNTS = (1, 2, 3, 8)


@pytest.fixture(autouse=True)
def number_of_threads():
    before = fg.get_num_threads()
    yield
    fg.set_num_threads(before)


def run_python(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name != "FASTGRAD_NUM_THREADS"}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**clean, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def output(script: str, **environment: str) -> str:
    result = run_python(script, **environment)
    assert result.returncode == 0, (
        f"exit status {result.returncode}\n{result.stdout}\n{result.stderr[-4000:]}"
    )
    assert not result.stderr, result.stderr
    return result.stdout


# --- bits


def numbers(*shape, dtype="float32"):
    return np.random.default_rng(list(shape)).normal(size=shape).astype(dtype)


def products(*shapes, dtype="float32"):
    a, b = (numbers(*shape, dtype=dtype) for shape in shapes)
    yield fg.asarray(a) @ fg.asarray(b)
    yield fg.asarray(np.asfortranarray(a)) @ fg.asarray(np.asfortranarray(b))
    if a.ndim == b.ndim == 2:
        yield fg.asarray(np.repeat(a, 2, axis=1)[:, ::2]) @ fg.asarray(b[::-1].copy()[::-1])


def elementwise():
    x, row, column = numbers(700, 500), numbers(500), numbers(700, 1)
    wide = numbers(3, 100_001, dtype="float64")
    yield fg.exp(x)
    yield fg.asarray(x) + row
    yield fg.asarray(x) * column - row
    yield fg.where(x > 0, fg.asarray(x), fg.tanh(x.T.copy().T))
    yield fg.sin(wide) / (1.0 + wide * wide)
    yield fg.asarray(wide)[:, ::-3] * 2.0
    yield fg.asarray(np.arange(200_001)) * 3
    yield fg.exp(numbers(65_535)) + numbers(1)
    yield fg.asarray(numbers(3, 5, 20_000)) * numbers(3, 1, 20_000)


def reductions():
    for shape, axis in [
        ((3000, 70), -1),
        ((1001, 1500), -1),
        ((90_000, 3), 1),
        ((17, 50_000), -1),
        ((40, 300, 30), 1),
        ((40, 30, 300), (0, 2)),
        ((300, 700), 0),
        ((300, 700), None),
        ((2, 100_000), 1),
    ]:
        x = numbers(*shape)
        for reduce in (fg.sum, fg.mean, fg.max, fg.logsumexp):
            yield reduce(x, axis=axis)
    yield fg.sum(numbers(0, 70_000), axis=1)
    yield fg.sum(numbers(70_000, 0), axis=1)


def gradients():
    x = fg.tensor(numbers(1500, 200), requires_grad=True)
    w = fg.tensor(numbers(200, 120), requires_grad=True)
    v = fg.tensor(numbers(120, 10), requires_grad=True)
    b = fg.tensor(numbers(120), requires_grad=True)
    loss = fg.logsumexp(fg.tanh(x @ w + b) @ v, axis=-1).mean()
    loss.backward()
    yield from (loss, x.grad, w.grad, v.grad, b.grad)
    f = fg.compile(fg.value_and_grad(lambda w: (fg.sigmoid(fg.asarray(numbers(1500, 200)) @ w) ** 2).sum()))
    yield from f(numbers(200, 120))


WORK = {
    **{
        f"{a} @ {b} {dtype}": lambda a=a, b=b, dtype=dtype: products(a, b, dtype=dtype)
        for a, b in [
            ((256, 256), (256, 256)),
            ((500, 300), (300, 257)),  # 256 columns and one
            ((129, 301), (301, 129)),
            ((20, 1000), (1000, 1025)),  # few rows: cut by columns
            ((7, 900), (900, 513)),
            ((1, 2000), (2000, 3000)),
            ((3001, 2000), (2000, 1)),  # one column has an order of its own
            ((9001, 300), (300, 2)),
            ((30_001, 17), (17, 5)),
            ((600, 600), (600, 65)),
            ((6, 200, 90), (6, 90, 200)),
            ((1001, 16, 16), (1001, 16, 16)),
            ((5, 1, 200, 90), (3, 90, 66)),
            ((300, 7, 30), (300, 30, 50)),
        ]
        for dtype in ("float32", "float64")
    },
    "elementwise": elementwise,
    "reductions": reductions,
    "gradients": gradients,
}


def digests(work):
    arrays = [np.asarray(fg.stop_gradient(x)) for x in work()]
    assert arrays
    return [hashlib.sha256(x.tobytes()).hexdigest() for x in arrays]


@pytest.mark.parametrize("name", WORK)
def test_bits_do_not_depend_on_the_number_of_threads(name):
    found = {}
    for count in COUNTS:
        with fg.threads(count):
            found[count] = digests(WORK[name])
    assert all(each == found[1] for each in found.values())


def test_products_are_right():
    a, b = numbers(400, 300, dtype="float64"), numbers(300, 500, dtype="float64")
    with fg.threads(3):
        np.testing.assert_allclose((fg.asarray(a) @ fg.asarray(b)).numpy(), a @ b, rtol=1e-12, atol=1e-12)


# --- forks and other processes

PRODUCT = """
    import os, sys
    import numpy as np
    import fastgrad as fg
    fg.set_num_threads(3)
    a = np.random.default_rng(0).normal(size=(300, 300))
    def product():
        return (fg.asarray(a) @ fg.asarray(a)).numpy().tobytes()
    expected = product()
"""


@forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_fork_in_a_loop_while_the_pool_works():
    script = """
    import signal, threading, warnings
    warnings.simplefilter("ignore")
    def compute():
        while True:
            product()
    threading.Thread(target=compute, daemon=True).start()
    for attempt in range(40):
        assert product() == expected
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # a child that hangs dies, and the parent says so
            right = False
            try:
                right = product() == expected and fg.get_num_threads() == 3
                if attempt % 10 == 0:  # a child's child
                    grandchild = os.fork()
                    if grandchild == 0:
                        os._exit(0 if product() == expected else 4)
                    right = right and os.waitpid(grandchild, 0)[1] == 0
            finally:
                os._exit(0 if right else 3)
        _, status = os.waitpid(child, 0)
        assert status == 0, (attempt, status)
    print("fine")
    """
    assert output(PRODUCT + script) == "fine\n"


def product_in_a_process(seed):
    a = np.random.default_rng(seed).normal(size=(300, 300))
    fg.set_num_threads(3)
    return (fg.asarray(a) @ fg.asarray(a)).numpy()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_multiprocessing(method):
    expected = [product_in_a_process(seed) for seed in range(4)]
    with multiprocessing.get_context(method).Pool(2) as pool:
        results = pool.map_async(product_in_a_process, range(4)).get(timeout=120)
    for result, right in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, right)


# --- Python threads


def test_python_threads_at_once():
    def train(seed, out):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(600, 100)), rng.normal(size=(600, 1))
        w = [fg.tensor(rng.normal(size=shape) / 10, requires_grad=True) for shape in ((100, 120), (120, 1))]
        optimizer = fg.optim.SGD(w, lr=0.05)
        for _ in range(20):
            optimizer.zero_grad()
            ((fg.tanh(X @ w[0]) @ w[1] - y) ** 2).mean().backward()
            optimizer.step()
        out[seed] = [x.detach().numpy().tobytes() for x in w]

    alone, together = {}, {}
    with fg.threads(1):
        for seed in range(4):
            train(seed, alone)
    with fg.threads(3):
        callers = [threading.Thread(target=train, args=(seed, together)) for seed in range(4)]
        for caller in callers:
            caller.start()
        for count in (2, 8, 1, 3):  # changing the number meanwhile harms nobody
            fg.set_num_threads(count)
        for caller in callers:
            caller.join(timeout=120)
            assert not caller.is_alive()
    assert together == alone


def test_loops_that_run_at_the_same_time_share_the_threads():
    stop = threading.Event()

    def train():
        X = np.random.default_rng(0).normal(size=(2000, 4))
        model = fg.nn.MLP(4, [8], 1)
        fg.fit(model, X, X[:, 0], epochs=10**9, progress=False, callbacks=[lambda info: not stop.is_set()])

    def wait_for(count):
        deadline = time.monotonic() + 60
        while core.threads_now() != count:
            assert time.monotonic() < deadline

    with fg.threads(5):
        callers = [threading.Thread(target=train) for _ in range(2)]
        assert core.threads_now() == 5
        try:
            callers[0].start()
            time.sleep(0.05)
            assert core.threads_now() == 5  # one loop has them all
            callers[1].start()
            wait_for(2)
            assert fg.get_num_threads() == 5
        finally:
            stop.set()
            for caller in callers:
                caller.join(timeout=60)
        assert core.threads_now() == 5


@pytest.mark.parametrize(
    "end", ["", "sys.exit(0)", "os._exit(0)", "import atexit; atexit.register(product); product()"]
)
def test_exit_right_after_using_the_pool(end):
    for _ in range(3):
        assert output(PRODUCT + f"    print('fine', flush=True)\n    {end}\n") == "fine\n"


def test_exit_while_a_daemon_thread_uses_the_pool():
    script = """
    import threading
    started = threading.Event()
    def compute():
        while True:
            product()
            started.set()
    for _ in range(2):
        threading.Thread(target=compute, daemon=True).start()
    started.wait()
    print("leaving")
    """
    for _ in range(3):
        assert output(PRODUCT + script) == "leaving\n"


@pytest.mark.skipif(sys.platform == "win32", reason="sets the modes through libm")
def test_other_threads_round_as_the_caller_does():
    script = """
        import ctypes, ctypes.util, platform
        import numpy as np
        import fastgrad as fg
        libm = ctypes.CDLL(ctypes.util.find_library("m") or None)
        upward = {"x86_64": 0x800, "aarch64": 0x400000, "arm64": 0x400000}.get(platform.machine())
        x = fg.tensor(np.random.default_rng(0).normal(size=300_000))
        fg.set_num_threads(2)
        (x / 3.0).numpy()  # the pool's thread begins in the usual mode
        results = []
        for count in (1, 2):
            fg.set_num_threads(count)
            assert upward is None or libm.fesetround(upward) == 0
            y = x / 3.0
            libm.fesetround(0)
            results.append(y.numpy().tobytes())
        assert results[0] == results[1]
        assert upward is None or results[0] != (x / 3.0).numpy().tobytes()
        print("fine")
    """
    assert output(script) == "fine\n"


# --- the number


def test_setting_and_getting():
    before = fg.get_num_threads()
    assert before >= 1
    fg.set_num_threads(5)
    assert fg.get_num_threads() == 5
    fg.set_num_threads(np.int64(4))
    assert fg.get_num_threads() == 4
    with fg.threads(2):
        assert fg.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError), fg.threads(3):
            1 // (fg.get_num_threads() - 3)
        assert fg.get_num_threads() == 2
    assert fg.get_num_threads() == 4


@pytest.mark.parametrize("wrong", [None, 2.0, "2", [2], True])
def test_what_is_no_integer_is_refused(wrong):
    fg.set_num_threads(2)
    with pytest.raises(TypeError, match=f"set_num_threads: n must be an int, got {type(wrong).__name__}"):
        fg.set_num_threads(wrong)
    with pytest.raises(TypeError, match="n must be an int"), fg.threads(wrong):
        pass
    assert fg.get_num_threads() == 2


@pytest.mark.parametrize("wrong", [0, -1, 1025, 10**30])
def test_a_number_that_makes_no_sense_is_refused(wrong):
    fg.set_num_threads(2)
    with pytest.raises(ValueError, match=f"set_num_threads: expected 1 to 1024 threads, got {wrong}$"):
        fg.set_num_threads(wrong)
    assert fg.get_num_threads() == 2


@pytest.mark.parametrize("text", ["1", "7", "07", "1024"])
def test_the_environment_says_how_many(text):
    script = "import fastgrad as fg; print(fg.get_num_threads()); fg.show_config()"
    count, *config = output(script, FASTGRAD_NUM_THREADS=text).splitlines()
    assert int(count) == int(text)
    (line,) = (line for line in config if line.split()[0] == "threads")
    assert line.endswith(f"{int(text)}   (from FASTGRAD_NUM_THREADS)")


@pytest.mark.parametrize("text", ["0", "-1", "two", "2.0", "1025", "2 ", " 2", "99999999999999999999", "+2"])
def test_a_wrong_environment_is_an_error_at_import(text):
    result = run_python("import fastgrad", FASTGRAD_NUM_THREADS=text)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert f"FASTGRAD_NUM_THREADS is '{text}'; expected a whole number from 1 to 1024" in last


def test_an_empty_environment_says_nothing():
    script = "import fastgrad as fg; print(fg.get_num_threads())"
    assert output(script, FASTGRAD_NUM_THREADS="") == output(script)


@linux
def test_the_affinity_says_how_many():
    script = """
        import os
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        import fastgrad as fg
        assert fg.get_num_threads() == 1
        import numpy as np
        fg.exp(np.ones(300_000))
        print(len(os.sched_getaffinity(0)))
        fg.set_num_threads(2)  # two on one CPU: slower, but right
        assert fg.sum(fg.exp(np.zeros(300_000))).item() == 300_000
    """
    assert output(script) == "1\n"
