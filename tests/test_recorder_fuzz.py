"""Random programs: eager and compiled agree bit for bit, gradients with differences and with JAX.

FASTGRAD_FUZZ_PROGRAMS=10000 tests so many programs instead of the usual ones, FASTGRAD_FUZZ_SEED others.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import fastgrad as fg
import op_table
from random_programs import Program, Writer, shrunk

PROGRAMS = int(os.environ.get("FASTGRAD_FUZZ_PROGRAMS", "0"))
FIRST_SEED = int(os.environ.get("FASTGRAD_FUZZ_SEED", "0"))


def seeds(usual: int, share: float):
    """Some of the seeds, in batches: a test a batch."""
    count = max(int(PROGRAMS * share), 1) if PROGRAMS else usual
    batch = max(count // 8, 1)
    return [range(FIRST_SEED + i, FIRST_SEED + min(i + batch, count)) for i in range(0, count, batch)]


@pytest.fixture(autouse=True)
def threads_as_before():
    before = fg.get_num_threads()
    yield
    fg.set_num_threads(before)


def bits(value) -> tuple:
    """All that two results must share. There are many NaNs: any is as good as another."""
    array = value.detach().numpy() if isinstance(value, fg.Tensor) else np.asarray(value)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.asarray(np.nan, array.dtype), array)
    return array.dtype, array.shape, array.tobytes()


def all_bits(values) -> list[tuple]:
    return [bits(value) for value in values]


def other_numbers(arrays) -> list[np.ndarray]:
    return [
        np.ascontiguousarray(a * a.dtype.type(0.75) + a.dtype.type(0.125)).reshape(a.shape) for a in arrays
    ]


def loss_of(program: Program):
    function = program.function()

    def loss(arguments):
        total = 0.0
        for k, value in enumerate(function(*arguments)):
            if value.dtype.kind == "f":
                total = total + fg.sum(fg.tanh(value) * (k + 0.5))
        return fg.astype(total, np.float64) if isinstance(total, fg.Tensor) else arguments[0].sum()

    return loss


def differs(program: Program) -> str:
    """What eager and compiled disagree about; nothing when they agree."""
    with np.errstate(all="ignore"):
        function = program.function()
        compiled = fg.compile(function)
        loss = fg.value_and_grad(loss_of(program))
        compiled_loss = fg.compile(loss)
        for threads, arrays in ((1, program.arrays), (3, other_numbers(program.arrays)), (3, program.arrays)):
            fg.set_num_threads(threads)
            if all_bits(function(*map(fg.tensor, arrays))) != all_bits(compiled(*arrays)):
                return f"values, {threads} threads"
            value, gradients = loss(list(arrays))
            compiled_value, compiled_gradients = compiled_loss(list(arrays))
            if bits(value) != bits(compiled_value):
                return f"loss, {threads} threads"
            if all_bits(gradients) != all_bits(compiled_gradients):
                return f"gradients, {threads} threads"
    return ""


def check(program: Program, differs) -> None:
    found = differs(program)
    if found:
        small = shrunk(program, lambda candidate: bool(differs(candidate)))
        pytest.fail(f"{found} differ\n{small.text()}", pytrace=False)


@pytest.mark.parametrize("batch", seeds(800, 0.9))
def test_compiled_programs_give_the_bits_of_eager_ones(batch):
    for seed in batch:
        check(Writer(seed).program, differs)


@pytest.mark.parametrize("batch", seeds(40, 0.1))
def test_programs_cut_for_threads_give_the_bits_of_eager_ones(batch):
    for seed in batch:
        check(Writer(seed, large=True, lines=8).program, differs)


# --- gradients of smooth programs


def direction(program: Program) -> list[np.ndarray]:
    rng = np.random.default_rng([program.seed, 1])
    return [rng.uniform(-1, 1, a.shape) for a in program.arrays]


def along(gradients, d) -> float:
    return float(sum(np.sum(np.asarray(g) * part) for g, part in zip(gradients, d, strict=True)))


def moved(program: Program, d, by: float) -> list[np.ndarray]:
    return [a + by * part for a, part in zip(program.arrays, d, strict=True)]


def is_close(value: float, expected: float, scale: float, tolerance: float) -> bool:
    return abs(value - expected) <= tolerance * (1.0 + scale)


def differs_from_differences(program: Program) -> str:
    loss, d, h = loss_of(program), direction(program), 1e-5
    value_of = lambda arrays: float(loss(list(map(fg.tensor, arrays))))
    gradient = fg.compile(fg.grad(loss))
    slope = along(gradient(list(program.arrays)), d)
    size = sum(float(np.abs(g).sum()) for g in gradient(list(program.arrays))) + abs(value_of(program.arrays))
    difference = (value_of(moved(program, d, h)) - value_of(moved(program, d, -h))) / (2 * h)
    if not is_close(slope, difference, size, 1e-6):
        return f"gradient {slope} and difference {difference}"
    if program.seed % 4:
        return ""
    slope_of = lambda arrays: sum(fg.sum(g * part) for g, part in zip(fg.grad(loss)(arrays), d, strict=True))
    second = fg.compile(fg.grad(slope_of))(list(program.arrays))
    if all_bits(second) != all_bits(fg.grad(slope_of)(list(program.arrays))):
        return "second gradients of eager and compiled"
    curvature = along(second, d)
    difference = (along(gradient(moved(program, d, h)), d) - along(gradient(moved(program, d, -h)), d)) / (
        2 * h
    )
    size += sum(float(np.abs(g).sum()) for g in second)
    if not is_close(curvature, difference, size, 1e-5):
        return f"curvature {curvature} and difference {difference}"
    return ""


@pytest.mark.parametrize("batch", seeds(300, 0.3))
def test_gradients_are_those_of_differences(batch):
    for seed in batch:
        check(Writer(seed, smooth=True, lines=10).program, differs_from_differences)


class JaxNames:
    """The functions that programs use, as JAX has them."""

    def __init__(self, jax) -> None:
        self.jax = jax
        self.tanh = jax.numpy.tanh
        self.gelu = lambda x: jax.nn.gelu(x, approximate=False)

    def __getattr__(self, name):
        (row,) = (row for row in op_table.ROWS if row.name == name)
        if not isinstance(row.jax, str):
            return row.jax(self.jax)
        found = self.jax if row.jax else self.jax.numpy
        for part in (row.jax or name).split("."):
            found = getattr(found, part)
        return found


def test_gradients_are_those_of_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    library = JaxNames(jax)

    def differs(program: Program) -> str:
        function = program.function(library)

        def loss(arguments):
            values = function(*arguments)
            return sum(jax.numpy.sum(jax.numpy.tanh(v) * (k + 0.5)) for k, v in enumerate(values))

        value, gradients = jax.value_and_grad(loss)(list(map(jax.numpy.asarray, program.arrays)))
        own_value, own = fg.compile(fg.value_and_grad(loss_of(program)))(list(program.arrays))
        for a, b in zip([value, *gradients], map(np.asarray, [own_value, *own]), strict=True):
            if a.shape != b.shape or not np.allclose(a, b, rtol=1e-8, atol=1e-9):
                return "values or gradients of JAX"
        return ""

    for batch in seeds(4, 0.005):
        for seed in batch:
            check(Writer(seed, smooth=True, lines=10).program, differs)
