"""What eager operations and gradients cost where the arithmetic is nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench import functions, peers
from bench.harness import Case, Contestant, Options


def layer_case() -> Case:
    """Forward and backward of ((x @ w + b).tanh() ** 2).mean() at 8 x 8, float32, with respect to w and b."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 8, 8)).astype("float32")
    b = rng.standard_normal(8).astype("float32")

    def numpy_gradient() -> tuple[Any, np.ndarray, np.ndarray]:
        h = np.tanh(x @ w + b)
        value = (h * h).mean()
        delta = (2 / h.size) * h * (1 - h * h)
        return value, x.T @ delta, delta.sum(axis=0)

    def numpy() -> Contestant:
        return Contestant(numpy_gradient, result=numpy_gradient)

    def fastgrad() -> Contestant:
        fg = peers.load("fastgrad")
        fx, fw, fb = fg.tensor(x), fg.tensor(w, requires_grad=True), fg.tensor(b, requires_grad=True)

        def run() -> Any:
            fw.grad = fb.grad = None
            loss = ((fx @ fw + fb).tanh() ** 2).mean()
            loss.backward()
            return loss

        return Contestant(run, result=lambda: (run().item(), fw.grad.numpy(), fb.grad.numpy()))

    def torch() -> Contestant:
        t = peers.load("PyTorch")
        tx, tw, tb = t.tensor(x), t.tensor(w, requires_grad=True), t.tensor(b, requires_grad=True)

        def run() -> Any:
            tw.grad = tb.grad = None
            loss = ((tx @ tw + tb).tanh() ** 2).mean()
            loss.backward()
            return loss

        return Contestant(run, result=lambda: (run().item(), tw.grad.numpy(), tb.grad.numpy()))

    def autograd() -> Contestant:
        peers.load("autograd")
        import autograd.numpy as anp
        from autograd import value_and_grad

        gradient = value_and_grad(lambda p: anp.mean(anp.tanh(anp.dot(x, p[0]) + p[1]) ** 2))

        def run() -> Any:
            return gradient((w, b))

        def result() -> tuple[Any, Any, Any]:
            value, grads = run()
            return value, *grads

        return Contestant(run, result=result)

    def jax() -> Contestant:
        j = peers.load("JAX")
        gradient = j.jit(j.value_and_grad(lambda p, x: (j.numpy.tanh(x @ p[0] + p[1]) ** 2).mean()))
        jx, parameters = j.numpy.asarray(x), (j.numpy.asarray(w), j.numpy.asarray(b))

        def run() -> Any:
            return gradient(parameters, jx)

        def result() -> tuple[Any, Any, Any]:
            value, grads = run()
            return value, *grads

        def run_and_wait() -> None:
            value, _ = run()
            value.block_until_ready()  # one executable makes all outputs: this waits for them all

        return Contestant(run_and_wait, result=result)

    def check(found: tuple[Any, Any, Any]) -> str | None:
        worst = max(
            float(np.max(np.abs(np.asarray(f) - want)))
            for f, want in zip(found, numpy_gradient(), strict=True)
        )
        return None if worst < 1e-5 else f"value or gradient off by {worst:.2g}"

    names = {
        "fastgrad": fastgrad,
        "by hand": numpy,
        "PyTorch": torch,
        "autograd": autograd,
        "JAX": jax,
    }
    return Case("eager", "forward + backward, ((x@w+b).tanh()**2).mean(), 8x8", names, check)


def add_case() -> Case:
    """One recorded addition of two vectors of 8."""
    values = np.arange(8, dtype="float32")

    def eager(library: str) -> Callable[[], Contestant]:
        def build() -> Contestant:
            tensor = peers.load(library).tensor
            x, y = tensor(values, requires_grad=True), tensor(values, requires_grad=True)
            return Contestant(lambda: x + y, result=lambda: (x + y).detach().numpy())

        return build

    def numpy() -> Contestant:
        y = values.copy()
        return Contestant(lambda: values + y, result=lambda: values + y)

    def jax() -> Contestant:
        j = peers.load("JAX")
        x, y = j.numpy.asarray(values), j.numpy.asarray(values)

        def run() -> None:
            total = x + y
            total.block_until_ready()

        return Contestant(run, result=lambda: np.asarray(x + y))

    def check(found: np.ndarray) -> str | None:
        return None if np.array_equal(found, 2 * values) else f"{found} is not the sum"

    names = {
        "fastgrad": eager("fastgrad"),
        "by hand": numpy,
        "PyTorch": eager("PyTorch"),
        "JAX": jax,
    }
    return Case("eager", "x + y on 8 numbers, recorded for backward", names, check)


def mask_case() -> Case:
    """A mask of truth values as Dropout draws it, 64 x 64."""
    shape, p = (64, 64), 0.8

    def fastgrad() -> Contestant:
        bernoulli = peers.load("fastgrad").random.bernoulli
        return Contestant(lambda: bernoulli(shape, p), result=lambda: bernoulli(shape, p).numpy())

    def numpy() -> Contestant:
        rng = np.random.default_rng(0)

        def run() -> Any:
            return rng.random(shape, np.float32) < p

        return Contestant(run, result=run)

    def torch() -> Contestant:
        t = peers.load("PyTorch")

        def run() -> Any:
            return t.empty(shape, dtype=t.bool).bernoulli_(p)

        return Contestant(run, result=lambda: run().numpy())

    def jax() -> Contestant:
        j = peers.load("JAX")

        @j.jit
        def draw(key: Any) -> tuple[Any, Any]:
            key, used = j.random.split(key)
            return key, j.random.bernoulli(used, p, shape)

        key = j.random.key(0)

        def run() -> Any:
            nonlocal key
            key, mask = draw(key)
            return mask.block_until_ready()

        return Contestant(run, result=lambda: np.asarray(run()))

    def check(found: np.ndarray) -> str | None:
        share = float(np.mean(found))
        return None if abs(share - p) < 0.04 else f"{share:.3f} of the values are true, expected {p}"

    names = {"fastgrad": fastgrad, "by hand": numpy, "PyTorch": torch, "JAX": jax}
    return Case("eager", "a mask of truth values, 64x64", names, check)


def cases(_options: Options) -> Iterator[Case]:
    yield layer_case()
    yield add_case()
    yield mask_case()
    names = {"fastgrad": "fastgrad eager", "PyTorch": "PyTorch", "autograd": "autograd"}
    makers = {shown: functions.MAKERS[name] for shown, name in names.items()}
    yield functions.case("eager", functions.SCALAR, makers)
