"""Random programs of ops as Python source: any ops, or smooth ones, on shapes that leave ragged ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import fastgrad as fg
import op_table

SIZES = (1, 2, 3, 7, 8, 9, 31, 33, 100, 257, 1025)
MOST_NUMBERS = 6000
MOST_NUMBERS_OF_LARGE = 150_000
LARGE_SHAPES = ((100_003,), (3, 33_335), (33_335, 3), (317, 317), (9, 101, 110))
MOST_WORK = 3e6  # multiply-adds of a product

ELEMENTWISE = tuple(row for row in op_table.ROWS if row.elementwise)
SMOOTH = ("sin", "cos", "tanh", "sigmoid", "softplus", "erf", "square", "gelu", "silu", "normal_cdf")
SMOOTH += ("arctan", "arcsinh", "erfc")

# What brings any number to where an op is defined.
SAFE = {
    op_table.positive: "(fg.abs({}) + 0.25)",
    op_table.nonzero: "fg.where({0} < 0, {0} - 0.25, {0} + 0.25)",
    op_table.above_minus_one: "(fg.abs({}) - 0.75)",
    op_table.within_one: "(0.9 * fg.tanh({}))",
    op_table.probability: "(0.1 + 0.8 * fg.sigmoid({}))",
    op_table.above_one: "(fg.abs({}) + 1.25)",
    op_table.often_halves: "fg.where({0} < 0, {0} - 0.25, {0} + 0.25)",
    op_table.truth: "({} > 0.125)",
}


@dataclass(frozen=True)
class Program:
    """Lines ``v3 = fg.sin(v1)``, and the values that are handed out. Inputs are v0, v1, ..."""

    seed: int
    arrays: tuple[np.ndarray, ...]
    constants: tuple[np.ndarray, ...]  # K[i] in the source
    lines: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def source(self) -> str:
        names = ", ".join(f"v{i}" for i in range(len(self.arrays)))
        body = "".join(f"    {line}\n" for line in self.lines)
        return f"def program({names}):\n{body}    return ({', '.join(self.outputs)},)\n"

    def function(self, library: Any = fg, constants: list[Any] | None = None) -> Callable[..., Any]:
        names = {"fg": library, "np": np, "K": list(self.constants) if constants is None else constants}
        exec(self.source, names)
        return names["program"]

    def text(self) -> str:
        inputs = "".join(f"# v{i}: {a.dtype}{a.shape}\n" for i, a in enumerate(self.arrays))
        constants = "".join(f"# K[{i}]: {a.dtype}{a.shape}\n" for i, a in enumerate(self.constants))
        return f"# seed {self.seed}\n{inputs}{constants}{self.source}"

    def smaller(self) -> Iterator[Program]:
        """Programs that do less: one output fewer, outputs from further up, one line fewer."""
        if len(self.outputs) > 1:
            for i in range(len(self.outputs)):
                yield replace(self, outputs=self.outputs[:i] + self.outputs[i + 1 :])
        for i in reversed(range(len(self.lines))):
            name = self.lines[i].split(" = ")[0]
            rest = self.lines[:i] + self.lines[i + 1 :]
            if name not in self.outputs and not any(uses(line, name) for line in rest):
                yield replace(self, lines=rest)
        for i in range(len(self.arrays), len(self.arrays) + len(self.lines)):
            if len(self.outputs) == 1 and i < int(self.outputs[0][1:]):
                yield replace(self, outputs=(f"v{i}",))


def uses(line: str, name: str) -> bool:
    words = "".join(c if c.isalnum() else " " for c in line.split(" = ", 1)[1]).split()
    return name in words


def shrunk(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The program cut down as far as it still fails."""
    for candidate in program.smaller():
        try:
            failed = fails(candidate)
        except Exception:
            failed = False  # no program any more: a name is gone
        if failed:
            return shrunk(candidate, fails)
    return program


class Writer:
    """Writes a program line by line, and runs each as it is written, so that shapes are known."""

    def __init__(self, seed: int, smooth: bool = False, large: bool = False, lines: int = 12) -> None:
        self.rng = np.random.default_rng(seed)
        self.smooth = smooth
        self.most = MOST_NUMBERS_OF_LARGE if large else 400 if smooth else MOST_NUMBERS
        self.dtype = np.dtype("float64" if smooth else self.choose(("float32", "float64")))
        self.base = self.choose(LARGE_SHAPES) if large else self.shape()
        self.constants: list[np.ndarray] = []
        self.lines: list[str] = []
        self.values: dict[str, fg.Tensor] = {}
        arrays = []
        for shape in [self.base, *(self.related() for _ in range(self.rng.integers(0, 4)))]:
            arrays.append(self.numbers(shape))
            self.values[f"v{len(arrays) - 1}"] = fg.tensor(arrays[-1])
        with fg.no_grad(), np.errstate(all="ignore"):
            while len(self.lines) < lines:
                self.write_line()
        self.program = Program(seed, tuple(arrays), tuple(self.constants), tuple(self.lines), self.outputs())

    # --- drawing

    def choose(self, options):
        return options[self.rng.integers(len(options))]

    def happens(self, probability: float) -> bool:
        return self.rng.random() < probability

    def shape(self) -> tuple[int, ...]:
        while True:
            shape = tuple(int(self.choose(SIZES)) for _ in range(self.rng.integers(0, 4)))
            if self.happens(0.02) and shape:
                shape = (0, *shape[1:])
            if math.prod(shape) <= self.most:
                return shape

    def related(self) -> tuple[int, ...]:
        """A shape that broadcasts with the first one, or any."""
        if self.happens(0.2):
            return self.shape() if self.most <= MOST_NUMBERS else ()
        shape = self.base[self.rng.integers(len(self.base) + 1) :] if self.happens(0.6) else self.base
        return tuple(1 if self.happens(0.3) else size for size in shape)

    def numbers(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.rng.uniform(-1.5, 1.5, shape).astype(self.dtype)

    def value(self, *kinds: str) -> str:
        fitting = [name for name, t in self.values.items() if t.dtype.kind in (kinds or "f")]
        recent = fitting[-4:] if self.happens(0.5) else fitting
        return self.choose(recent)

    def axis(self, ndim: int) -> int:
        return int(self.rng.integers(-ndim, ndim))

    # --- lines

    def write_line(self) -> None:
        kinds = [(self.elementwise, 0.5), (self.reduction, 0.1), (self.product, 0.1), (self.moved, 0.25)]
        if not self.smooth:
            kinds += [(self.converted, 0.05), (self.constant, 0.05)]
        weights = np.array([weight for _, weight in kinds])
        write = kinds[self.rng.choice(len(kinds), p=weights / weights.sum())][0]
        text = write()
        name = f"v{len(self.values)}"
        if text is None:
            return
        value = eval(text, {"fg": fg, "np": np, "K": self.constants}, dict(self.values))
        if isinstance(value, fg.Tensor) and value.size <= self.most and value.ndim <= 5:
            self.values[name] = value
            self.lines.append(f"{name} = {text}")

    def partner(self, shape: tuple[int, ...]) -> str:
        """Something that broadcasts with a shape: a value, a part of one, or a number."""
        fitting = []
        for name, t in self.values.items():
            if t.dtype.kind == "f":
                try:
                    if math.prod(np.broadcast_shapes(shape, t.shape)) <= self.most:
                        fitting.append(name)
                except ValueError:
                    pass
        if not fitting or self.happens(0.15):
            return repr(round(float(self.rng.uniform(-2, 2)), 2))
        name = self.choose(fitting)
        ndim = self.values[name].ndim
        if ndim and self.happens(0.2):
            return f"{name}[{', '.join([':1' if self.happens(0.5) else ':'] * ndim)}]"
        return name

    def elementwise(self) -> str:
        first = self.value()
        shape = self.values[first].shape
        if self.smooth:
            kind = self.rng.integers(4)
            if kind == 0:
                return f"fg.{self.choose(SMOOTH)}({first})"
            if kind == 1:
                return f"{first} {self.choose('+-')} {self.partner(shape)}"
            if kind == 2:
                return f"fg.tanh({first}) * {self.partner(shape)}"
            return f"{first} / (1.5 + fg.square({self.partner(shape)}))"
        row = self.choose(ELEMENTWISE)
        operands = [first]
        for _ in row.args[1:]:
            operands.append(self.partner(shape))
            part = eval(operands[-1], dict(self.values))
            shape = np.broadcast_shapes(shape, part.shape if isinstance(part, fg.Tensor) else ())
        self.rng.shuffle(operands)
        if all(o[0] != "v" for o in operands):
            operands[0] = first
        if row.dtypes == "?":
            operands = [f"({o} > 0.125)" if o[0] == "v" else "True" for o in operands]
        else:
            draws = [SAFE.get(arg, "{}") for arg in row.args]
            operands = [safe.format(o) for safe, o in zip(draws, operands, strict=True)]
        if row.args and row.args[0] is op_table.truth and "v" not in operands[0]:
            operands[0] = f"({first} > 0)"
        text = f"fg.{row.name}({', '.join(operands)})"
        return f"fg.tanh({text})" if self.happens(0.2) and row.dtypes != "?" else text

    def reduction(self) -> str | None:
        name = self.value() if self.smooth else self.value("f", "i")
        t = self.values[name]
        op = self.choose(
            ("sum", "mean", "logsumexp") if self.smooth else ("sum", "mean", "max", "min", "logsumexp")
        )
        if t.size == 0:
            op = "sum"
        if t.ndim == 0 or self.happens(0.1):
            return f"fg.{op}({name})"
        axes = tuple(int(a) for a in self.rng.permutation(t.ndim)[: self.rng.integers(1, t.ndim + 1)])
        text = f"fg.{op}({name}, axis={axes}, keepdims={self.happens(0.5)})"
        return f"fg.tanh(0.1 * {text})" if self.smooth else text

    def product(self) -> str | None:
        left = self.value()
        a = self.values[left]
        if a.ndim == 0 or a.dtype.kind != "f":
            return None
        swapped = list(range(a.ndim))
        swapped[-2:] = swapped[-2:][::-1]
        candidates = [
            f"fg.transpose({left}, {tuple(swapped)})",
            f"{left}[..., ::-1, :]" if a.ndim > 1 else left,
        ]
        candidates += [name for name, t in self.values.items() if t.dtype.kind == "f" and t.ndim]
        candidates += [f"fg.transpose({c})" for c in candidates[2:]]
        self.rng.shuffle(candidates)
        for right in candidates[:8]:
            for order in ((left, right), (right, left)):
                try:
                    x, y = (eval(o, {"fg": fg}, dict(self.values)) for o in order)
                    shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
                except ValueError:
                    continue
                if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
                    continue
                columns = y.shape[-1] if y.ndim > 1 else 1
                rows = x.shape[-2] if x.ndim > 1 else 1
                if math.prod(shape) * rows * columns * x.shape[-1] <= MOST_WORK:
                    text = f"{order[0]} @ {order[1]}"
                    return f"fg.tanh(0.1 * ({text}))" if self.smooth or self.happens(0.3) else text
        return None

    def moved(self) -> str | None:
        name = self.value() if self.smooth else self.value("f", "f", "i", "b")
        t = self.values[name]
        return self.choose((self.reshaped, self.turned, self.sliced, self.spread, self.joined, self.picked))(
            name, t
        )

    def reshaped(self, name, t) -> str:
        if t.size == 0 or self.happens(0.3):
            return f"fg.reshape({name}, {(t.size,)})"
        divisors = [d for d in range(1, 40) if t.size % d == 0]
        first = self.choose(divisors)
        shape = self.choose(((first, t.size // first), (t.size // first, first), (1, t.size), (t.size, 1)))
        return f"fg.reshape({name}, {shape})"

    def turned(self, name, t) -> str:
        return f"fg.transpose({name}, {tuple(int(i) for i in self.rng.permutation(t.ndim))})"

    def sliced(self, name, t) -> str | None:
        if t.ndim == 0:
            return f"{name}[None]"
        items = []
        for size in t.shape:
            start = int(self.rng.integers(0, size + 1))
            items.append(
                self.choose(
                    (":", ":", "::-1", "::2", "::-3", f"{start}:", f":{start}", f"{start}::-1", "None, :")
                    + ((str(int(self.rng.integers(-size, size))),) if size else ())
                )
            )
        return f"{name}[{', '.join(items)}]"

    def spread(self, name, t) -> str | None:
        shape = tuple(int(self.rng.integers(2, 5)) if n == 1 and self.happens(0.7) else n for n in t.shape)
        if self.happens(0.4) or not shape:
            shape = (int(self.rng.integers(1, 4)), *shape)
        return f"fg.broadcast_to({name}, {shape})" if math.prod(shape) <= self.most else None

    def joined(self, name, t) -> str | None:
        if t.ndim == 0:
            return f"fg.stack([{name}, {name}])"
        alike = [
            n
            for n, other in self.values.items()
            if other.shape == t.shape and other.dtype.kind == t.dtype.kind
        ]
        count = int(self.choose((2, 2, 3, 10)))
        parts = [self.choose(alike) for _ in range(count)]
        return (
            f"fg.concatenate([{', '.join(parts)}], {self.axis(t.ndim)})"
            if count * t.size <= self.most
            else None
        )

    def picked(self, name, t) -> str | None:
        if t.size == 0 or t.ndim == 0:
            return None
        axis = self.axis(t.ndim)
        places = self.rng.integers(-t.shape[axis], t.shape[axis], self.choose(((3,), (2, 2), (5,)))).tolist()
        return f"fg.take({name}, np.array({places}), axis={axis})"

    def converted(self) -> str:
        name = self.value("f", "f", "i", "b")
        if self.happens(0.2):
            return f"fg.stop_gradient({name})"
        return f"fg.astype({name}, np.{self.choose(('float32', 'float64', 'int64'))})"

    def constant(self) -> str:
        if self.happens(0.5):
            self.constants.append(self.numbers(self.related()))
            return f"fg.sin(fg.tensor(K[{len(self.constants) - 1}]))"
        shape = self.related()
        return f"fg.tensor(np.linspace(-1, 1, {math.prod(shape)}).reshape({shape}))"

    def outputs(self) -> tuple[str, ...]:
        if self.smooth:
            return (list(self.values)[-1], self.value())
        names = list(self.values)
        drawn = [self.choose(names) for _ in range(self.rng.integers(0, 4))]
        return (names[-1], *drawn)
