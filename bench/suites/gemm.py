"""Matrix products, called from Python: fastgrad beside OpenBLAS (through NumPy) and MKL (PyTorch)."""

from collections.abc import Iterator

import numpy as np

from bench import machine, peers
from bench.harness import Case, Contestant, Options

SQUARE = [8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048]
ODD = [7, 13, 31, 33, 65, 100, 127, 129, 255, 257, 300]
# (m, n, k): a layer's forward, its weight gradient, one row, one column, outer products, a long sum, layers
# of a tiny and of a large network.
RECTANGULAR = [
    (256, 64, 256),
    (64, 256, 4096),
    (4096, 16, 64),
    (1, 512, 512),
    (512, 1, 512),
    (512, 512, 1),
    (64, 64, 1),
    (64, 64, 1000),
    (16, 16, 8),
    (512, 512, 1024),
]


def shapes() -> Iterator[tuple[str, tuple[int, int, int], str]]:
    for n in SQUARE + ODD:
        yield f"{n}", (n, n, n), ""
    for m, n, k in RECTANGULAR:
        yield f"{m}x{k} @ {k}x{n}", (m, n, k), ""
    for n in (192, 512):
        yield f"{n}, A transposed", (n, n, n), "a"
        yield f"{n}, B transposed", (n, n, n), "b"


def case(name: str, size: tuple[int, int, int], transposed: str, dtype: str, options: Options) -> Case:
    m, n, k = size
    rng = np.random.default_rng(0)
    a = rng.standard_normal((k, m) if transposed == "a" else (m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if transposed == "b" else (k, n)).astype(dtype)
    a, b = (a.T if transposed == "a" else a), (b.T if transposed == "b" else b)
    outs = {who: np.empty((m, n), dtype) for who in ("NumPy", "PyTorch")}

    def fastgrad() -> Contestant:
        asarray = peers.load("fastgrad").asarray
        x, y = asarray(a), asarray(b)
        return Contestant(lambda: x @ y, result=lambda: np.asarray(x @ y))

    def numpy() -> Contestant:
        matmul, out = np.matmul, outs["NumPy"]
        return Contestant(lambda: matmul(a, b, out=out), result=lambda: matmul(a, b, out=out))

    def torch() -> Contestant:
        mm = peers.load("PyTorch").mm
        ta, tb, out = (peers.load("PyTorch").from_numpy(x) for x in (a, b, outs["PyTorch"]))
        return Contestant(lambda: mm(ta, tb, out=out), result=lambda: mm(ta, tb, out=out).numpy())

    def check(found: np.ndarray) -> str | None:
        exact = a.astype("float64") @ b.astype("float64")
        bound = (k + 2) * np.finfo(dtype).eps * (np.abs(a.astype("float64")) @ np.abs(b.astype("float64")))
        # Float64 is compared with another float64 product, which may be off by as much itself.
        worst = np.max(np.abs(found - exact) / (2 * bound))
        return None if worst <= 1 else f"off by {worst:.2g} times the error bound"

    return Case(
        "gemm",
        f"{dtype} {name}",
        {"fastgrad": fastgrad, "NumPy": numpy, "PyTorch": torch},
        check,
        limits={"FMA peak": machine.fma_peak(dtype, options.threads)},
        work=2.0 * m * n * k,
        rate="GFLOP/s",
    )


def cases(options: Options) -> Iterator[Case]:
    for dtype in ("float32", "float64"):
        for name, size, transposed in shapes():
            yield case(name, size, transposed, dtype, options)
