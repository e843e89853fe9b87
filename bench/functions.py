"""Small functions, and what each library needs to differentiate one again and again from Python."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import peers
from bench.harness import Case, Contestant


@dataclass(frozen=True)
class Function:
    """A function to differentiate at a point, in float64.

    ``of(lib)`` is the function written with a library's ``sin``, ``exp``, ``log`` and ``total``, a sum;
    ``by_hand(point)`` is what is asked for: the gradient, or with ``value`` the value and the gradient.
    """

    name: str
    of: Callable[[Any], Callable[[Any], Any]]
    point: Any  # a number or an array
    by_hand: Callable[[Any], Any]
    value: bool = False

    @property
    def transform(self) -> str:
        return "value_and_grad" if self.value else "grad"

    def check(self, found: Any) -> str | None:
        got, want = _numbers(found), _numbers(self.by_hand(self.point))
        worst = float(np.max(np.abs(got - want) / (1 + np.abs(want))))
        return None if worst <= 1e-13 else f"off by {worst:.2g}"


def _parts(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


def _numbers(found: Any) -> np.ndarray:
    """All of it in one row; `full` makes an array of a CasADi matrix."""
    return np.concatenate([np.ravel(x.full() if hasattr(x, "full") else x) for x in _parts(found)])


class _Library:
    """A library's functions, its sum as `total`, and its determinant where it has one."""

    def __init__(self, module: Any, total: str = "sum") -> None:
        self.sin, self.exp, self.log = module.sin, module.exp, module.log
        self.total = getattr(module, total)
        self.det = getattr(getattr(module, "linalg", None), "det", None)


def _scalar(lib: Any) -> Callable[[Any], Any]:
    return lambda x: lib.sin(x) * lib.exp(-(x * x)) + lib.log(1 + x * x)


def _scalar_by_hand(x: float) -> float:
    return (math.cos(x) - 2 * x * math.sin(x)) * math.exp(-x * x) + 2 * x / (1 + x * x)


def _rosenbrock(lib: Any) -> Callable[[Any], Any]:
    return lambda x: lib.total(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _rosenbrock_by_hand(x: np.ndarray) -> tuple[Any, np.ndarray]:
    a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    gradient = np.zeros_like(x)
    gradient[:-1] = -400 * a * x[:-1] - 2 * b
    gradient[1:] += 200 * a
    return (100 * a * a + b * b).sum(), gradient


SCALAR = Function("gradient of sin(x) exp(-x^2) + log(1 + x^2)", _scalar, 0.7, _scalar_by_hand)
ROSENBROCK = Function(
    "value and gradient of Rosenbrock's function of 8",
    _rosenbrock,
    np.linspace(-1.0, 1.3, 8),
    _rosenbrock_by_hand,
    value=True,
)

DETERMINANT = Function(
    "gradient of a determinant 5 x 5",
    lambda lib: lib.det,
    np.eye(5) + np.linspace(-0.5, 0.5, 25).reshape(5, 5) ** 2,
    lambda x: np.linalg.det(x) * np.linalg.inv(x).T,
)


def chain(ops: int) -> Function:
    """Put x = sin(x) exp(-x x) again and again, with five operations in a round."""

    def of(lib: Any) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for _ in range(ops // 5):
                x = lib.sin(x) * lib.exp(-(x * x))
            return x

        return run

    def by_hand(x: float) -> float:
        slope = 1.0
        for _ in range(ops // 5):
            slope *= (math.cos(x) - 2 * x * math.sin(x)) * math.exp(-x * x)
            x = math.sin(x) * math.exp(-x * x)
        return slope

    return Function(f"gradient of {ops} operations", of, 0.7, by_hand)


# For each library a function that makes, from nothing, what is called with the point.
Maker = Callable[[Function], Callable[[Any], Any]]


def _fastgrad_eager(f: Function) -> Callable[[Any], Any]:
    fg = peers.load("fastgrad")
    made: Callable[[Any], Any] = getattr(fg, f.transform)(f.of(_Library(fg)))
    return made


def _fastgrad(f: Function) -> Callable[[Any], Any]:
    made: Callable[[Any], Any] = peers.load("fastgrad").compile(_fastgrad_eager(f))
    return made


def _torch(f: Function) -> Callable[[Any], Any]:
    t = peers.load("PyTorch")
    function = f.of(_Library(t))
    x = t.tensor(f.point, dtype=t.float64, requires_grad=True)

    def run(_: Any) -> Any:
        x.grad = None
        value = function(x)
        value.backward()
        return (value.detach(), x.grad) if f.value else x.grad

    return run


def _autograd(f: Function) -> Callable[[Any], Any]:
    library = peers.load("autograd")
    import autograd.numpy as anp

    made: Callable[[Any], Any] = getattr(library, f.transform)(f.of(_Library(anp)))
    return made


def _jax(f: Function) -> Callable[[Any], Any]:
    j = peers.load("JAX")
    gradient = j.jit(getattr(j, f.transform)(f.of(_Library(j.numpy))))
    point = j.numpy.asarray(f.point)  # a number or a NumPy array would be converted anew at each call

    def run(_: Any) -> Any:
        found = gradient(point)
        _parts(found)[0].block_until_ready()  # one executable makes all outputs: this waits for them all
        return found

    return run


def _casadi(f: Function) -> Callable[[Any], Any]:
    c = peers.load("CasADi")
    x = c.SX.sym("x", np.size(f.point))
    value = f.of(_Library(c, "sum1"))(x)
    function = c.Function("f", [x], [*([value] if f.value else []), c.gradient(value, x)])
    point = c.DM(f.point)  # as for JAX
    return lambda _: function(point)


def _by_hand(f: Function) -> Callable[[Any], Any]:
    return f.by_hand


MAKERS: dict[str, Maker] = {
    "fastgrad": _fastgrad,
    "fastgrad eager": _fastgrad_eager,
    "by hand": _by_hand,
    "JAX": _jax,
    "CasADi": _casadi,
    "autograd": _autograd,
    "PyTorch": _torch,
}


def case(suite: str, f: Function, makers: Mapping[str, Maker]) -> Case:
    """Calls of what has been made and called before."""

    def contestant(make: Maker) -> Callable[[], Contestant]:
        def build() -> Contestant:
            call, point = make(f), f.point
            return Contestant(lambda: call(point), result=lambda: call(point))

        return build

    return Case(suite, f.name, {name: contestant(make) for name, make in makers.items()}, f.check)


def making_case(suite: str, f: Function, makers: Mapping[str, Maker]) -> Case:
    """Making it from nothing, and the first call, which records or compiles."""

    def contestant(make: Maker) -> Callable[[], Contestant]:
        def run() -> Any:
            return make(f)(f.point)

        return lambda: Contestant(run, result=run)

    builders = {name: contestant(make) for name, make in makers.items()}
    return Case(suite, f"{f.name}: made and called once", builders, f.check)
