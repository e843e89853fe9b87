"""What the core must survive: long graphs on small stacks, forks, threads, absurd sizes, failing calls."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import fastgrad as fg
from fastgrad._native import core

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="measures through Linux's limits and /proc"
)
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def run_script(script: str, timeout: float = 60.0) -> str:
    """Run Python code in a process of its own; return what it printed, or fail with what it said."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert result.returncode == 0, (
        f"exit status {result.returncode}\n{result.stdout}\n{result.stderr[-4000:]}"
    )
    assert not result.stderr, result.stderr
    return result.stdout


# The stack limit holds for threads made after it was set, and for the main thread of processes begun later.
SMALL_STACK = """
    import resource, sys, threading
    resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, 1 << 20))
    threading.stack_size(1 << 20)
    failures = []
    def on_small_stack(work):
        def guarded():
            try:
                work()
            except BaseException as error:
                failures.append(repr(error))
        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join()
        assert not failures, failures
    def peak_megabytes():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
"""

# --- a million operations, a stack of 1 MB


@linux
@pytest.mark.parametrize(
    ("step", "steps"),
    [
        ("y = y * 1.0", 1_000_000),  # a chain, each with a saved value
        ("y = y * 0.5 + y * 0.5", 334_000),  # diamonds, one on the other
    ],
    ids=["chain", "diamonds"],
)
@pytest.mark.parametrize(
    "end",
    [
        "y.backward(); assert x.grad.item() == 1.0, x.grad",
        "(g,) = fg.autograd.grad(y, x, retain_graph=True); assert g.item() == 1.0, g; del y",
        "repr(y); del y",  # a graph nobody went back through
    ],
    ids=["backward", "grad", "dropped"],
)
def test_a_million_operations_on_a_small_stack(step, steps, end):
    script = f"""
        import fastgrad as fg
        before = peak_megabytes()
        def work():
            x = fg.tensor(2.0, requires_grad=True)
            y = x
            for _ in range({steps}):
                {step}
            {end}
        on_small_stack(work)
        assert peak_megabytes() - before < 1500, peak_megabytes() - before
        print("fine")
    """
    assert run_script(textwrap.dedent(SMALL_STACK) + textwrap.dedent(script)) == "fine\n"


@linux
def test_a_million_operations_in_the_main_thread_begun_on_a_small_stack():
    script = """
        import fastgrad as fg
        x = fg.tensor([1.0, 2.0], requires_grad=True)
        y = x
        for _ in range(1_000_000):
            y = -y
        y.sum().backward()
        assert x.grad.tolist() == [1.0, 1.0]
        print("fine")
    """
    command = 'ulimit -s 1024 && exec "$0" -c "$1"'
    result = subprocess.run(
        ["bash", "-c", command, sys.executable, textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout == "fine\n", f"exit status {result.returncode}: {result.stderr[-2000:]}"


@linux
def test_long_recordings_and_second_order_on_a_small_stack():
    script = """
        import fastgrad as fg
        def many(x, steps):
            y = x
            for _ in range(steps):
                y = y * 1.0
            return y
        def work():
            compiled = fg.compile(lambda x: many(x, 200_000))
            assert compiled(3.0) == 3.0
            assert fg.grad(compiled)(3.0) == 1.0
            assert fg.grad(fg.grad(lambda x: many(x * x, 50_000)))(3.0) == 2.0
        on_small_stack(work)
        print("fine")
    """
    assert run_script(textwrap.dedent(SMALL_STACK) + textwrap.dedent(script)) == "fine\n"


@linux
def test_arrays_and_tensors_wrapped_in_one_another():
    script = """
        import numpy as np
        import fastgrad as fg
        def work():
            t = fg.tensor([1.0, 2.0])
            for _ in range(200_000):
                t = fg.asarray(t.numpy())
            assert t.tolist() == [1.0, 2.0]
            del t
        on_small_stack(work)
        print("fine")
    """
    assert run_script(textwrap.dedent(SMALL_STACK) + textwrap.dedent(script)) == "fine\n"


def test_memory_of_a_graph_is_linear_and_comes_back():
    def live_after(steps):
        x = fg.tensor(np.ones(1000), requires_grad=True)
        y = x
        for _ in range(steps):
            y = y * 1.0
        y.sum().backward()
        return x.grad

    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    live_after(2000)
    before = resident_bytes()
    for _ in range(20):
        live_after(2000)  # 2000 values of 8 kB: 16 MB, were they kept
    assert resident_bytes() - before < 40e6


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - one line
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- fork


@forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_fork_in_a_loop_after_computing():
    script = """
        import os, signal, sys, threading
        import numpy as np
        import fastgrad as fg

        f = fg.compile(fg.value_and_grad(lambda w, x: (fg.tanh(x @ w) ** 2).sum()))
        w, x = np.ones((10, 10)), np.ones((20, 10)) / 10
        expected = float(f(w, x)[0])
        big = fg.tensor(np.ones(1_000_000))

        def compute():
            while True:
                f(w, x)
        threading.Thread(target=compute, daemon=True).start()
        for attempt in range(50):
            total = (big * 2.0 + 1.0).sum().item()  # large blocks come and go
            child = os.fork()
            if child == 0:
                signal.alarm(20)  # a child that hangs dies, and the parent says so
                right = False
                try:
                    right = float(f(w, x)[0]) == expected and (big * 2.0 + 1.0).sum().item() == total
                    p = fg.tensor(np.ones(100_000), requires_grad=True)
                    (p * p).sum().backward()
                    right = right and p.grad.tolist()[-1] == 2.0
                finally:
                    os._exit(0 if right else 3)
            _, status = os.waitpid(child, 0)
            assert status == 0, (attempt, status)
        print("fine")
    """
    assert (
        run_script("import warnings; warnings.simplefilter('ignore')\n" + textwrap.dedent(script)) == "fine\n"
    )


# --- the process's floating-point modes


@pytest.mark.skipif(sys.platform == "win32", reason="reads the modes through libm")
def test_denormals_and_rounding_are_left_alone():
    script = """
        import ctypes, ctypes.util
        import numpy as np
        libm = ctypes.CDLL(ctypes.util.find_library("m") or None)
        tiny = np.float64(5e-324)
        def modes():
            kept = np.float32(1e-45) * np.float32(1.0) > 0
            return libm.fegetround(), float(tiny * np.float64(3.0)) / 5e-324, kept
        before = modes()
        assert before[1:] == (3.0, True)
        import fastgrad as fg
        assert modes() == before
        def compute():
            w = fg.tensor(np.linspace(-800, 800, 5000), requires_grad=True)
            fg.logsumexp(fg.tanh(w) * fg.exp(w * 0.1) + fg.sin(w)).backward()
            fg.compile(lambda a: fg.sigmoid(a @ a.T))(np.ones((64, 64), np.float32))
        compute()
        assert modes() == before
        # Denormals are computed with, too.
        assert (fg.tensor(5e-324) * 3.0).item() == 1.5e-323
        assert (fg.tensor([1e-310] * 100) * 2.0).tolist() == [2e-310] * 100
        assert fg.tensor([1e-310] * 100).sum().item() == np.sum([1e-310] * 100)
        upward = {"x86_64": 0x800, "AMD64": 0x800, "aarch64": 0x400000, "arm64": 0x400000}
        import platform
        if platform.machine() in upward:
            assert libm.fesetround(upward[platform.machine()]) == 0
            compute()
            assert libm.fegetround() == upward[platform.machine()]
            libm.fesetround(0)
        print("fine")
    """
    assert run_script(script) == "fine\n"


def test_signal_handlers_are_left_alone():
    script = """
        import signal
        names = ["SIGINT", "SIGTERM", "SIGSEGV", "SIGFPE", "SIGABRT", "SIGCHLD"]
        names = [name for name in names if hasattr(signal, name)]
        before = [signal.getsignal(getattr(signal, name)) for name in names]
        import numpy as np
        import fastgrad as fg
        fg.grad(lambda x: fg.sum(x @ x))(np.ones((200, 200)))
        assert [signal.getsignal(getattr(signal, name)) for name in names] == before
        print("fine")
    """
    assert run_script(script) == "fine\n"


# --- threads, and the end of the interpreter


def test_first_import_in_a_thread():
    script = """
        import threading
        values = []
        def work():
            import fastgrad as fg
            values.append(float(fg.grad(lambda x: x**3)(2.0)))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert values == [12.0] * 4, values
        print("fine")
    """
    assert run_script(script) == "fine\n"


@pytest.mark.parametrize("size", [3, 200_000], ids=["with the GIL", "without the GIL"])
def test_daemon_thread_at_exit(size):
    script = f"""
        import threading, time
        import numpy as np
        import fastgrad as fg
        f = fg.compile(lambda x: fg.exp(x) + 1.0)
        started = threading.Event()
        def work():
            x = np.zeros({size})
            w = fg.tensor(x, requires_grad=True)
            while True:
                f(x)
                (fg.sin(w) * fg.asarray(x.copy())).sum().backward()
                w.grad = None
                started.set()
        for _ in range(2):
            threading.Thread(target=work, daemon=True).start()
        started.wait()
        time.sleep(0.05)
        print("leaving")
    """
    for _ in range(3):
        assert run_script(script) == "leaving\n"


def test_tensors_alive_at_exit():
    script = """
        import atexit
        import numpy as np
        import fastgrad as fg
        array = np.ones(1000)
        kept = [fg.asarray(array), fg.tensor(array, requires_grad=True)]
        graph = (kept[1] * kept[0]).sum()
        program = fg.compile(lambda x: x * kept[1])
        program(array)
        cycle = []
        cycle.append((cycle, kept, graph, program, kept[0].numpy()))
        fg._kept_by_the_module = cycle
        atexit.register(lambda: print(graph.item()))
    """
    assert run_script(script) == "1000.0\n"


def test_threads_each_with_their_own_graph():
    errors = []

    def work(seed):
        try:
            rng = np.random.default_rng(seed)
            a = rng.normal(size=(60, 60))
            expected = fg.grad(lambda x: fg.sum(fg.tanh(x @ x)))(a)
            for _ in range(20):
                x = fg.tensor(a, requires_grad=True)
                fg.sum(fg.tanh(x @ x)).backward()
                np.testing.assert_array_equal(x.grad.numpy(), expected)
                with fg.no_grad():
                    assert not (x * 2.0).requires_grad
                assert core.is_grad_enabled()
        except BaseException as error:  # told to the main thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_grad_mode_belongs_to_a_thread():
    seen = []
    with fg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(core.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="earlier interpreters cannot refuse")
def test_subinterpreters_are_refused_cleanly():
    inside = """
        try:
            import fastgrad
        except ImportError:
            print("refused", flush=True)
        else:
            print("imported", fastgrad.tensor([1.0]).item(), flush=True)
    """
    script = f"""
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        import fastgrad
        code = {textwrap.dedent(inside)!r}
        other = interpreters.create()
        interpreters.run_string(other, code)
        interpreters.destroy(other)
        assert fastgrad.tensor(2.0).item() == 2.0
    """
    # NumPy refuses sub-interpreters itself; either refusal is clean.
    assert run_script(script) == "refused\n"


# --- sizes that cannot be


def fake(*shape):
    """An array that claims a shape without having the memory."""
    return np.broadcast_to(np.float64(1.0), shape)


HUGE = 2**40


@linux
def test_absurd_sizes_are_memory_errors_and_harm_nothing():
    script = """
        import resource
        import numpy as np
        import fastgrad as fg
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # whatever the machine would promise
        huge = np.broadcast_to(np.float64(1.0), (2**40,))
        w = fg.tensor(2.0, requires_grad=True)
        w.grad = 5.0
        t = fg.asarray(huge)
        assert t.shape == (2**40,) and t.size == 2**40
        column, row = fg.reshape(t, (2**20, 2**20))[:1, :].T, t[: 2**20].reshape(1, -1)
        recorded = fg.compile(lambda x: x + 1.0)
        for what, attempt in {
            "tensor": lambda: fg.tensor(huge),
            "add": lambda: t + 1.0,
            "scalar": lambda: w * huge,
            "exp": lambda: fg.exp(huge),
            "outer": lambda: column @ row,
            "sum": lambda: column + row,
            "concatenate": lambda: fg.concatenate([t, t]),
            "astype": lambda: t.astype(np.float32),
            "clone": lambda: t.clone(),
            "take": lambda: fg.take(fg.tensor([1.0]), np.broadcast_to(np.int64(0), (2**40,)), 0),
            "grad": lambda: fg.grad(lambda x: (x * w).sum())(huge),
            "compile": lambda: recorded(huge),
            "pickle": lambda: fg.nn.Parameter(huge),
        }.items():
            try:
                attempt()
            except MemoryError:
                pass
            else:
                raise AssertionError(what)
        assert fg._native.core.is_grad_enabled() and not fg._native.core.is_recording()
        assert w.grad.item() == 5.0 and w.item() == 2.0
        (w * w).backward()
        assert w.grad.item() == 9.0
        assert recorded(1.0) == 2.0
        print("fine")
    """
    assert run_script(script) == "fine\n"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: fg.broadcast_to(1.0, (HUGE, HUGE)),
        lambda: fg.asarray(fake(HUGE, 1)) + fg.asarray(fake(1, HUGE)),
        lambda: fg.asarray(fake(HUGE, 1)) @ fg.asarray(fake(1, HUGE)),
        lambda: fg.reshape(fg.asarray(fake(HUGE)), (HUGE, HUGE)),
        lambda: fg.reshape(fg.tensor([1.0]), (2**32, 2**32)),  # 2^64: nought, were it to wrap round
        lambda: fg.reshape(fg.tensor([1.0]), (2**62, 4, -1)),
        lambda: fg.compile(lambda a: fg.broadcast_to(a, (HUGE, HUGE)))(1.0),
        lambda: fg.compile(lambda a: fg.broadcast_to(a, (HUGE, 1)) @ fg.broadcast_to(a, (1, HUGE)))(1.0),
        lambda: fg.grad(lambda x: fg.broadcast_to(x, (HUGE, HUGE)).sum())(1.0),
    ],
)
def test_sizes_whose_product_overflows_are_value_errors(attempt):
    with pytest.raises(ValueError, match=r"more (elements|bytes) than an int64|do not fit shape"):
        attempt()
    assert not core.is_recording()
    assert core.is_grad_enabled()


def test_more_dimensions_than_there_are():
    with pytest.raises(ValueError, match="9 dimensions; tensors have at most 8"):
        fg.tensor(np.ones((1,) * 9))
    with pytest.raises(ValueError, match="at most 8 dimensions"):
        fg.reshape(fg.tensor([1.0]), (1,) * 9)
    with pytest.raises(ValueError, match="at most 8 dimensions"):
        fg.tensor(np.ones((1,) * 8))[None]
    with pytest.raises(ValueError, match="at most 8 dimensions"):
        fg.jacobian(lambda x: x * 2.0)(np.ones((1, 1, 1, 1, 1)))


# --- functions that fail


class Stop(BaseException):
    """Neither an Exception nor caught by anything that catches those."""


def failing(x):
    y = fg.sin(x) * 2.0
    if y.shape == ():
        raise Stop
    return y


@pytest.mark.parametrize(
    "transformed",
    [
        fg.grad(failing),
        fg.value_and_grad(failing),
        fg.jacobian(failing),
        fg.hessian(failing),
        fg.elementwise_grad(failing),
        lambda x: fg.hvp(failing, x, 1.0),
        fg.compile(failing),
        fg.compile(fg.grad(failing)),
        fg.grad(fg.compile(failing)),
        fg.grad(fg.grad(fg.compile(fg.grad(failing)))),
        fg.no_grad()(failing),
    ],
)
@pytest.mark.parametrize("enabled", [True, False])
def test_a_failing_function_leaves_modes_as_they_were(transformed, enabled):
    before = core.set_grad_enabled(enabled)
    try:
        with pytest.raises(Stop):
            transformed(1.0)
        assert core.is_grad_enabled() is enabled
        assert not core.is_recording()
        assert core.set_borrowing(False) is False
    finally:
        core.set_grad_enabled(before)
    assert fg.grad(lambda x: x**3)(2.0) == 12.0
    assert fg.compile(lambda x: x + 1.0)(1.0) == 2.0


def test_out_of_memory_inside_a_transform_leaves_modes_as_they_were():
    def hungry(x):
        raise MemoryError("no more")

    with pytest.raises(MemoryError, match="no more"):
        fg.grad(fg.compile(hungry))(1.0)
    assert not core.is_recording()
    assert core.set_borrowing(False) is False
