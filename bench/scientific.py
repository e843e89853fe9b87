"""Derivatives that science asks for, written once for libraries with NumPy's names and JAX's transforms."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import functions, peers

# Of what was found and the arrays: how far off it is, relative to the largest number.
Error = Callable[..., float]


@dataclass(frozen=True)
class Problem:
    """What to compute at some arrays: ``of(lib)(*arrays)`` gives one array."""

    name: str
    of: Callable[[Any], Callable[..., Any]]
    arrays: tuple[np.ndarray, ...]
    error: Error
    tolerance: float = 1e-10
    missing: tuple[str, ...] = ()  # libraries that lack something it is written with

    def check(self, found: Any) -> str | None:
        error = self.error(np.asarray(found), *self.arrays)
        return None if error <= self.tolerance else f"off by {error:.2g}"


def by_formula(formula: Callable[..., np.ndarray]) -> Error:
    def error(found: np.ndarray, *arrays: np.ndarray) -> float:
        want = formula(*arrays)
        return float(np.max(np.abs(found - want)) / (1 + np.max(np.abs(want))))

    return error


def by_differences(loss: Callable[..., Any]) -> Error:
    """Of a gradient by the first array, along some directions: central differences of the fourth order."""

    def error(found: np.ndarray, x: np.ndarray, *others: np.ndarray) -> float:
        worst = 0.0
        for seed in range(3):
            v = np.random.default_rng(seed).normal(size=x.shape)
            v *= 1e-3 / np.linalg.norm(v)
            first = loss(x + v, *others) - loss(x - v, *others)
            second = loss(x + 2 * v, *others) - loss(x - 2 * v, *others)
            want = (8 * first - second) / 12
            worst = max(worst, abs(float(np.sum(found * v)) - want) / (1e-3 * (1 + np.max(np.abs(found)))))
        return worst

    return error


def loop_over(np_: Any) -> Callable[..., Any]:
    """A scan for libraries that run Python's loops: over the rows of an array, or of a tuple of arrays."""

    def scan(step: Callable[..., Any], carry: Any, xs: Any) -> Any:
        out = []
        for row in zip(*xs, strict=True) if isinstance(xs, tuple) else xs:
            carry, y = step(carry, row)
            out.append(y)
        return carry, np_.stack(out)

    return scan


@dataclass(frozen=True)
class Library:
    """A library by one set of names: `np` its NumPy, and its transforms."""

    np: Any
    grad: Any = None
    hessian: Any = None
    hvp: Any = None  # of f, x, v
    vmap: Any = None
    scan: Any = None


# For each library a function that makes of a problem what is called without arguments.
Maker = Callable[[Problem], Callable[[], Any]]


def _fastgrad(p: Problem) -> Callable[[], Any]:
    fg = peers.load("fastgrad")
    f = fg.compile(p.of(Library(fg.numpy, fg.grad, fg.hessian, fg.hvp, fg.vmap, fg.scan)))
    return lambda: f(*p.arrays)


def _jax(p: Problem) -> Callable[[], Any]:
    j = peers.load("JAX")
    library = Library(
        j.numpy, j.grad, j.hessian, lambda f, x, v: j.jvp(j.grad(f), (x,), (v,))[1], j.vmap, j.lax.scan
    )
    f = j.jit(p.of(library))
    arrays = tuple(map(j.numpy.asarray, p.arrays))  # NumPy's would be converted anew at each call
    return lambda: f(*arrays).block_until_ready()


def _torch(p: Problem) -> Callable[[], Any]:
    t = peers.load("PyTorch")

    class Names:
        sum, mean, stack, tanh, concatenate = t.sum, t.mean, t.stack, t.tanh, t.cat
        linalg = t.linalg

        @staticmethod
        def logaddexp(a: float, b: Any) -> Any:
            return t.logaddexp(t.full_like(b, a), b)

    func = t.func
    library = Library(
        Names,
        func.grad,
        func.hessian,
        lambda f, x, v: func.jvp(func.grad(f), (x,), (v,))[1],
        func.vmap,
        loop_over(t),
    )
    f, arrays = p.of(library), tuple(map(t.tensor, p.arrays))
    return lambda: f(*arrays)


def _autograd(p: Problem) -> Callable[[], Any]:
    a = peers.load("autograd")
    import autograd.numpy as anp

    library = Library(anp, a.grad, a.hessian, lambda f, x, v: a.make_hvp(f)(x)[0](v), None, loop_over(anp))
    f = p.of(library)
    return lambda: f(*p.arrays)


def _casadi(p: Problem) -> Callable[[], Any]:
    c = peers.load("CasADi")

    class Names:
        sum = c.sum1

        @staticmethod
        def stack(parts: Any) -> Any:
            return c.vertcat(*parts)

        @staticmethod
        def mean(x: Any) -> Any:
            return c.sum1(x) / x.numel()

    def scan(step: Callable[..., Any], carry: Any, xs: Any) -> Any:
        return loop_over(Names)(step, carry, [xs[i, :].T for i in range(xs.shape[0])])

    library = Library(
        Names,
        lambda f: lambda x, *others: c.gradient(f(x, *others), x),
        lambda f: lambda x: c.hessian(f(x), x)[0],
        lambda f, x, v: c.jtimes(c.gradient(f(x), x), x, v),
        None,
        scan,
    )
    symbols = [c.SX.sym(f"a{i}", *array.shape) for i, array in enumerate(p.arrays)]
    f = c.Function("f", symbols, [p.of(library)(*symbols)])
    arrays = list(map(c.DM, p.arrays))

    def run() -> Any:
        found = f(*arrays).full()
        return found[:, 0] if found.shape[1] == 1 else found

    return run


MAKERS: dict[str, Maker] = {
    "fastgrad": _fastgrad,
    "JAX": _jax,
    "CasADi": _casadi,
    "autograd": _autograd,
    "PyTorch": _torch,
}


# ---- Rosenbrock's function


def rosenbrock(lib: Any) -> Callable[[Any], Any]:
    return lambda x: lib.np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_product(lib: Any) -> Callable[..., Any]:
    f = rosenbrock(lib)
    return lambda x, v: lib.hvp(f, x, v)


def rosenbrock_hessian(x: np.ndarray) -> np.ndarray:
    h = np.zeros((len(x), len(x)))
    i = np.arange(len(x) - 1)
    h[i, i] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    h[i + 1, i + 1] += 200
    h[i, i + 1] = h[i + 1, i] = -400 * x[:-1]
    return h


def rosenbrocks() -> list[Problem]:
    found = []
    for n in (2, 10, 100, 1000):
        x, v = np.linspace(-1.0, 1.3, n), np.cos(np.arange(n))
        found.append(
            Problem(
                f"Rosenbrock of {n}: gradient",
                lambda lib: lib.grad(rosenbrock(lib)),
                (x,),
                by_formula(lambda x: functions.ROSENBROCK.by_hand(x)[1]),
            )
        )
        found.append(
            Problem(
                f"Rosenbrock of {n}: Hessian times vector",
                rosenbrock_product,
                (x, v),
                by_formula(lambda x, v: rosenbrock_hessian(x) @ v),
            )
        )
        if n <= 100:
            found.append(
                Problem(
                    f"Rosenbrock of {n}: Hessian",
                    lambda lib: lib.hessian(rosenbrock(lib)),
                    (x,),
                    by_formula(rosenbrock_hessian),
                )
            )
    return found


# ---- logistic regression: a step of Newton's method


def newton_step(lib: Any) -> Callable[..., Any]:
    def loss(w: Any, x: Any, y: Any) -> Any:
        z = x @ w
        return lib.np.mean(lib.np.logaddexp(0.0, z) - y * z) + 0.005 * lib.np.sum(w * w)

    def step(w: Any, x: Any, y: Any) -> Any:
        return w - lib.np.linalg.solve(lib.hessian(loss)(w, x, y), lib.grad(loss)(w, x, y))

    return step


def newton_by_hand(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    p = 1 / (1 + np.exp(-(x @ w)))
    gradient = x.T @ (p - y) / len(y) + 0.01 * w
    hessian = (x.T * (p * (1 - p))) @ x / len(y) + 0.01 * np.eye(len(w))
    return w - np.linalg.solve(hessian, gradient)


def logistic() -> Problem:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 20))
    y = (x @ rng.normal(size=20) + rng.normal(size=1000) > 0).astype(float)
    return Problem(
        "Newton step, logistic regression 1000 x 20",
        newton_step,
        (np.zeros(20), x, y),
        by_formula(newton_by_hand),
        missing=("CasADi",),  # a solution of linear equations that stays an expression of its scalars
    )


# ---- an ordinary differential equation fitted to what was seen of it


def predators(np_: Any, p: Any, z: Any) -> Any:
    """Lotka and Volterra's equations."""
    return np_.stack([p[0] * z[0] - p[1] * z[0] * z[1], p[2] * z[0] * z[1] - p[3] * z[1]])


def runge_kutta(np_: Any, p: Any, z: Any, h: float) -> Any:
    a = predators(np_, p, z)
    b = predators(np_, p, z + h / 2 * a)
    c = predators(np_, p, z + h / 2 * b)
    d = predators(np_, p, z + h * c)
    return z + h / 6 * (a + 2 * b + 2 * c + d)


def ode_misfit(lib: Any) -> Callable[..., Any]:
    def loss(p: Any, start: Any, seen: Any) -> Any:
        def step(z: Any, wanted: Any) -> Any:
            z = runge_kutta(lib.np, p, z, 0.02)
            return z, lib.np.sum((z - wanted) ** 2)

        return lib.np.mean(lib.scan(step, start, seen)[1])

    return loss


# NumPy alone, to compute losses that differences are taken of.
PLAIN = Library(np, scan=loop_over(np))


def ode(steps: int = 500) -> Problem:
    p, start, seen = np.array([1.1, 0.4, 0.1, 0.4]), np.array([10.0, 5.0]), []
    z = start
    for _ in range(steps):
        z = runge_kutta(np, p, z, 0.02)
        seen.append(z)
    return Problem(
        f"ODE fit, {steps} Runge-Kutta steps: gradient",
        lambda lib: lib.grad(ode_misfit(lib)),
        (0.9 * p, start, np.stack(seen)),
        by_differences(ode_misfit(PLAIN)),
        1e-6,
    )


# ---- a physics-informed loss: a network that is to solve u'' = -u, by its second derivative


WIDTH = 32


def network(np_: Any, w: Any, x: Any) -> Any:
    a, b, c = w[:WIDTH], w[WIDTH : 2 * WIDTH], w[2 * WIDTH :]
    return np_.sum(c * np_.tanh(a * x + b))


def physics_loss(lib: Any) -> Callable[..., Any]:
    def loss(w: Any, points: Any) -> Any:
        def residual(x: Any) -> Any:
            return lib.grad(lib.grad(lambda x: network(lib.np, w, x)))(x) + network(lib.np, w, x)

        return lib.np.mean(lib.vmap(residual)(points) ** 2)

    return loss


def physics_loss_by_hand(w: np.ndarray, points: np.ndarray) -> float:
    a, b, c = w[:WIDTH], w[WIDTH : 2 * WIDTH], w[2 * WIDTH :]
    t = np.tanh(np.outer(points, a) + b)
    second = (c * a * a * (-2 * t * (1 - t * t))).sum(1)
    return float(np.mean((second + (c * t).sum(1)) ** 2))


def physics() -> Problem:
    w = np.random.default_rng(0).normal(size=3 * WIDTH) / np.sqrt(WIDTH)
    return Problem(
        "physics-informed loss, 128 points: gradient",
        lambda lib: lib.grad(physics_loss(lib)),
        (w, np.linspace(0.0, 3.0, 128)),
        by_differences(physics_loss_by_hand),
        1e-8,
        ("CasADi", "autograd"),  # vmap
    )


# ---- a long short-term memory over many steps


def lstm_loss(lib: Any) -> Callable[..., Any]:
    def sigmoid(x: Any) -> Any:
        return 0.5 * (lib.np.tanh(0.5 * x) + 1.0)

    def loss(w: Any, xs: Any, ys: Any) -> Any:
        width = w.shape[1] // 4

        def step(state: Any, row: Any) -> Any:
            (h, c), (x, y) = state, row
            z = lib.np.concatenate([x, h]) @ w
            i, f, o = (sigmoid(z[k * width : (k + 1) * width]) for k in range(3))
            c = f * c + i * lib.np.tanh(z[3 * width :])
            h = o * lib.np.tanh(c)
            return (h, c), lib.np.mean((h - y) ** 2)

        zeros = ys[0] * 0.0
        return lib.np.mean(lib.scan(step, (zeros, zeros), (xs, ys))[1])

    return loss


def lstm(steps: int = 1000, width: int = 8) -> Problem:
    rng = np.random.default_rng(0)
    w = rng.normal(size=(4 + width, 4 * width)) / np.sqrt(4 + width)
    arrays = (w, rng.normal(size=(steps, 4)), rng.uniform(-1, 1, (steps, width)))
    return Problem(
        f"LSTM of {width} over {steps} steps: gradient",
        lambda lib: lib.grad(lstm_loss(lib)),
        arrays,
        by_differences(lstm_loss(PLAIN)),
        1e-8,
        ("CasADi",),  # its tanh of matrices, its slices by rows
    )
