"""The gradient of each example of a batch: vmap of a gradient, compiled."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench import peers
from bench.harness import Case, Contestant, Options


def _loss(tanh: Any) -> Any:
    def loss(w: dict[str, Any], x: Any, y: Any) -> Any:
        return ((tanh(x @ w["a"] + w["b"]) @ w["c"] + w["d"] - y) ** 2).sum()

    return loss


def _by_hand(w: dict[str, Any], x: Any, y: Any) -> dict[str, np.ndarray]:
    h = np.tanh(x @ w["a"] + w["b"])
    d = 2.0 * (h @ w["c"] + w["d"] - y)
    before = d * w["c"][:, 0] * (1.0 - h * h)
    return {"a": x[:, :, None] * before[:, None], "b": before, "c": (d * h)[:, :, None], "d": d}


def case(inputs: int, width: int, batch: int, dtype: str) -> Case:
    rng = np.random.default_rng(0)
    w = {
        "a": rng.normal(size=(inputs, width)) / np.sqrt(inputs),
        "b": rng.normal(size=width),
        "c": rng.normal(size=(width, 1)) / np.sqrt(width),
        "d": rng.normal(size=1),
    }
    w = {name: values.astype(dtype) for name, values in w.items()}
    x, y = rng.normal(size=(batch, inputs)).astype(dtype), rng.normal(size=(batch, 1)).astype(dtype)
    axes = (None, 0, 0)

    def fastgrad() -> Contestant:
        fg = peers.load("fastgrad")
        f = fg.compile(fg.vmap(fg.grad(_loss(fg.tanh)), axes))
        return Contestant(lambda: f(w, x, y), result=lambda: f(w, x, y))

    def loop() -> Contestant:
        fg = peers.load("fastgrad")
        f = fg.compile(fg.grad(_loss(fg.tanh)))

        def run() -> dict[str, np.ndarray]:
            flows = [f(w, *example) for example in zip(x, y, strict=True)]
            return {name: np.stack([flow[name] for flow in flows]) for name in w}

        return Contestant(run, result=run)

    def torch() -> Contestant:
        t = peers.load("PyTorch")
        of = {name: t.tensor(values) for name, values in w.items()}
        f = t.func.vmap(t.func.grad(_loss(t.tanh)), in_dims=axes)
        tx, ty = t.tensor(x), t.tensor(y)
        return Contestant(
            lambda: f(of, tx, ty), result=lambda: {n: g.numpy() for n, g in f(of, tx, ty).items()}
        )

    def jax() -> Contestant:
        j = peers.load("JAX")
        of, jx, jy = j.tree_util.tree_map(j.numpy.asarray, (w, x, y))
        f = j.jit(j.vmap(j.grad(_loss(j.numpy.tanh)), axes))
        return Contestant(
            lambda: j.block_until_ready(f(of, jx, jy)),
            result=lambda: {name: np.asarray(g) for name, g in f(of, jx, jy).items()},
        )

    def check(found: dict[str, np.ndarray]) -> str | None:
        want = _by_hand(*({n: v.astype(float) for n, v in w.items()}, x.astype(float), y.astype(float)))
        error = max(float(np.max(np.abs(found[name] - want[name]))) for name in w)
        return None if error < (1e-4 if dtype == "float32" else 1e-11) else f"off by {error:.3g}"

    builders = {"fastgrad": fastgrad, "fastgrad, one by one": loop, "PyTorch": torch, "JAX": jax}
    return Case("examples", f"{inputs}, {width}, {batch}, {dtype}", builders, check)


def cases(_options: Options) -> Iterator[Case]:
    for dtype in ("float32", "float64"):
        yield case(16, 32, 128, dtype)
    yield case(64, 128, 256, "float32")
