"""Value and gradient of the mean squared error of a linear model: one read of X is the limit."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench import machine, peers
from bench.harness import Case, Contestant, Options

SIZES = [(1_000_000, 32), (100_000, 100), (1_000, 16)]


def case(n: int, d: int, dtype: str, options: Options) -> Case:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d)).astype(dtype)  # (n, d)
    w = (rng.standard_normal(d) / np.sqrt(d)).astype(dtype)
    b = np.array(0.5, dtype)
    y = (X @ w + rng.standard_normal(n)).astype(dtype)

    def compiled(captured: bool) -> Callable[[], Contestant]:
        """As a user writes it, with X taken from outside or given as an argument."""

        def build() -> Contestant:
            fg = peers.load("fastgrad")
            fX, fy, fw, fb = (fg.asarray(v) for v in (X, y, w, b))

            def loss(w: Any, b: Any, X: Any = fX, y: Any = fy) -> Any:
                return ((X @ w + b - y) ** 2).mean()

            gradient = fg.compile(fg.value_and_grad(loss, argnums=(0, 1)))
            arguments = (fw, fb) if captured else (fw, fb, fX, fy)

            def result() -> tuple[float, np.ndarray, float]:
                value, (grad_w, grad_b) = gradient(*arguments)
                return value.item(), grad_w.numpy(), grad_b.item()

            return Contestant(lambda: gradient(*arguments), result=result)

        return build

    def numpy() -> Contestant:
        def run() -> tuple[float, np.ndarray, float]:
            r = X @ w + b - y
            return r @ r / n, (2 / n) * (r @ X), (2 / n) * r.sum()

        return Contestant(run, result=run)

    def torch() -> Contestant:
        t = peers.load("PyTorch")
        tX, ty = t.from_numpy(X), t.from_numpy(y)
        tw, tb = (t.tensor(v, requires_grad=True) for v in (w, b))
        mse_loss = t.nn.functional.mse_loss

        def run() -> Any:
            tw.grad = tb.grad = None
            loss = mse_loss(tX @ tw + tb, ty)
            loss.backward()
            return loss

        return Contestant(run, result=lambda: (run().item(), tw.grad.numpy(), tb.grad.item()))

    def jax() -> Contestant:
        j = peers.load("JAX")
        jX, jy, jw, jb = (j.numpy.asarray(v) for v in (X, y, w, b))

        def loss(w: Any, b: Any, X: Any, y: Any) -> Any:
            return ((X @ w + b - y) ** 2).mean()

        gradient = j.jit(j.value_and_grad(loss, argnums=(0, 1)))

        def run() -> Any:
            return gradient(jw, jb, jX, jy)

        def result() -> tuple[float, np.ndarray, float]:
            value, (grad_w, grad_b) = run()
            return float(value), np.asarray(grad_w), float(grad_b)

        def run_and_wait() -> None:
            value, _ = run()
            value.block_until_ready()  # one executable makes all outputs: this waits for them all

        return Contestant(run_and_wait, result=result)

    def check(found: tuple[float, np.ndarray, float]) -> str | None:
        r = np.zeros(n)
        for start in range(
            0, n, 100_000
        ):  # in pieces: a float64 copy of X would be the suite's largest array
            part = slice(start, start + 100_000)
            r[part] = X[part].astype("float64") @ w.astype("float64") + float(b) - y[part]
        grad_w = sum(2 / n * (r[s : s + 100_000] @ X[s : s + 100_000]) for s in range(0, n, 100_000))
        want = np.array([r @ r / n, *grad_w, 2 / n * r.sum()])
        got = np.array([found[0], *np.ravel(found[1]), found[2]], "float64")
        if got.shape != want.shape:
            return f"gradient has shape {np.shape(found[1])}, expected ({d},)"
        # A plain float32 sum over a million samples may lose three digits; the terms are of size one.
        worst = np.max(np.abs(got - want))
        allowed = 1e-3 if dtype == "float32" else 1e-10
        return None if worst <= allowed else f"value or gradient off by {worst:.2g}"

    return Case(
        "linear",
        f"{dtype} {n:,} x {d}",
        {
            "fastgrad": compiled(captured=True),
            "fastgrad, X an argument": compiled(captured=False),
            "NumPy": numpy,
            "PyTorch": torch,
            "JAX": jax,
        },
        check,
        limits={"plain read": machine.plain_read(X, options.threads)},
        work=float(X.nbytes),
        rate="GB/s",
    )


def cases(options: Options) -> Iterator[Case]:
    for n, d in SIZES:
        for dtype in ("float32", "float64"):
            yield case(n, d, dtype, options)
