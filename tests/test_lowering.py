"""Lowering and replay: what runs together, what memory it takes, and the native way of compiled calls."""

from __future__ import annotations

import gc
import re
import sys
import threading
import time
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest

import fastgrad as fg
from fastgrad._native import core

rng = np.random.default_rng(17)
X = rng.normal(size=(64, 32))
W = rng.normal(size=(32, 16))
BIAS = rng.normal(size=16)

LINE = re.compile(r"(\d+) +(\w+\([\d, ]*\)) +(\d[\d.]*(?: \w+)?) operations, ([\d.]+ \w+) +(\w+(?: \+ \w+)*)")


def record(f, *examples):
    return core.record(lambda values: list(as_tuple(f(*values))), list(examples))


def as_tuple(value):
    return value if isinstance(value, (tuple, list)) else (value,)


def steps(f, *examples):
    """What each step runs; the replay is checked against the function itself."""
    program = record(f, *examples)
    for got, expected in zip(program(examples), as_tuple(f(*map(fg.tensor, examples))), strict=True):
        np.testing.assert_array_equal(got.numpy(), expected.detach().numpy())
    return [LINE.fullmatch(line)[5] for line in program.explain().splitlines()[:-1]]


# --- what runs together


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_bias_and_activation_follow_a_product(dtype, rows):
    operands = [a.astype(dtype) for a in (X[:rows], W, BIAS)]
    assert steps(lambda x, w, b: fg.relu(x @ w + b), *operands) == ["matmul + add + relu"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [1, 8, 16, 17, 50, 96, 1000, 3000])
@pytest.mark.parametrize("rows", [1, 3, 40, 300])
def test_a_row_beside_a_matrix(dtype, columns, rows):
    """A row is read as it lies, or copied where somebody takes it otherwise."""
    x, y, b = (rng.normal(size=shape).astype(dtype) for shape in ((rows, columns), (rows, columns), columns))
    steps(lambda x, b: fg.relu(x + b), x, b)
    steps(lambda x, b: (fg.exp(x) - b) * b + fg.relu(x * b), x, b)
    steps(lambda x, b: b - x * b, x, b)  # behind it and before it
    steps(lambda x, b: (x + b) * fg.exp(b), x, b)
    steps(lambda x, y, b: (fg.sum(x, 1, keepdims=True) + b) * (y.T + fg.reshape(b, (columns, 1))).T, x, y, b)
    steps(lambda b: (fg.zeros((rows, columns), dtype=b.dtype) + b) * (b + b), b)
    assert steps(lambda x, b: fg.relu(x[:, ::-1] + b) + b, x, b)


def test_elementwise_ops_run_together():
    assert steps(lambda x: fg.exp(fg.sin(x) * 2.0 + 1.0), X) == ["sin + multiply + add + exp"]
    column, row = X[:, :1], X[:1]
    f = lambda x, c, r: fg.where(x > c, fg.tanh(x * r), r - c)
    assert len(steps(f, X, column, row)) <= 2  # the small difference may be made on its own


def test_elementwise_ops_follow_a_reduction():
    assert steps(lambda x: fg.mean(x, 1) * 2.0 + 1.0, X) == ["mean + multiply + add"]


def test_a_reduction_ends_what_runs_together():
    softmax = lambda x: fg.exp(x - fg.logsumexp(x, 1, True))
    assert steps(softmax, X) == ["logsumexp", "subtract + exp"]


def test_equal_computations_are_done_once():
    assert steps(lambda x: fg.sin(x) + fg.sin(x) * fg.sin(x), X) == ["sin + multiply + add"]
    assert steps(lambda x: x[1:, 0] * x[1:, 1] + x[1:, 0] * x[1:, 1], X) == ["multiply + add"]
    assert steps(lambda x: fg.sum(x, 0) * fg.sum(x, 0), X) == ["sum + multiply"]


def test_what_differs_in_its_constants_is_no_repetition():
    f = lambda x: fg.sum(x[::2], 0) - fg.sum(x[1::2], 0) + fg.sum(x[::2], 0, keepdims=True)[0]
    assert steps(f, X).count("sum") == 3
    assert steps(lambda x: fg.astype(x, "float32") + fg.astype(x, "int64"), X).count("astype") >= 2


def test_constants_are_computed_once():
    constant = rng.normal(size=X.shape)
    assert steps(lambda x: x * fg.exp(fg.tensor(constant) * 2.0), X) == ["multiply"]
    assert steps(lambda x: (x + 1.0, fg.sum(fg.tensor(constant).T[1:])), X) == ["add"]


def test_tensors_that_others_hold_are_no_constants():
    held = fg.tensor([1.0, 2.0])
    program = record(lambda x: x + fg.exp(held), np.zeros(2))
    core.assign(held, np.array([3.0, 4.0]))
    np.testing.assert_array_equal(program([np.zeros(2)])[0].numpy(), fg.exp(held).numpy())


def test_values_that_are_read_elsewhere_are_kept():
    f = lambda x: (fg.cos(fg.sin(x)), fg.sin(x), fg.sum(fg.sin(x), 0), fg.sin(x).T[::-1])
    assert steps(f, X) == ["sin + cos", "sum"]
    program = record(lambda x: fg.sum(fg.sin(x), 0) + fg.sum(fg.cos(fg.sin(x)), 0), X)
    assert program.arena_bytes >= 2 * X.nbytes


def test_steps_of_a_training_step():
    operands = [X, rng.normal(size=(64, 4)), W, BIAS, rng.normal(size=(16, 4)), rng.normal(size=4)]

    def step(x, y, *parameters):
        def loss(p):
            return fg.mean((fg.relu(x @ p[0] + p[1]) @ p[2] + p[3] - y) ** 2)

        value, gradients = fg.value_and_grad(loss)(list(parameters))
        return (value, *gradients)

    program = record(step, *operands)
    names = [LINE.fullmatch(line)[5] for line in program.explain().splitlines()[:-1]]
    assert sum("matmul" in name for name in names) == 5  # two forward, three back
    assert names[0] == "matmul + add + relu"
    assert "matmul + relu_vjp" in names
    assert len(names) == 8
    assert program.instruction_count > 2 * len(names)


# --- what it says


def test_text_of_the_steps():
    program = record(lambda x, w: fg.sum(fg.tanh(x @ w), 0), X, W)
    *lines, total = program.explain().splitlines()
    assert [LINE.fullmatch(line)[1] for line in lines] == ["0", "1"]
    assert [LINE.fullmatch(line)[2] for line in lines] == ["float64(64, 16)", "float64(16,)"]
    assert re.fullmatch(
        r"2 steps from 3 recorded ops: 34\.8 thousand operations, [\d.]+ KiB read and written, "
        r"8\.0 KiB of working memory",
        total,
    )


def test_times_of_the_steps():
    program = record(lambda x, w: fg.sum(fg.tanh(x @ w), 0), X, W)
    *lines, total, all_in_all = program.profile(3).splitlines()
    times = [float(re.search(r" ([\d.]+) us ", line)[1]) for line in lines]
    assert [re.sub(r" [\d.]+ us ", " ", line).split() for line in lines] == [
        line.split() for line in program.explain().splitlines()[:-1]
    ]
    assert total == program.explain().splitlines()[-1]
    assert float(all_in_all.split(" us")[0]) == pytest.approx(sum(times), abs=0.01)
    assert all(t >= 0 for t in times)


# --- memory, and length

# Results that one other op reads last are made in its place.
IN_PLACE = {
    "one after the other": lambda x, w: fg.exp(fg.tanh(fg.sin(x @ w) * 0.5) - 1.0),
    "read again later": lambda x, w: (h := fg.tanh(x @ w)) * fg.exp(h) - h * h,
    "the product read again": lambda x, w: (h := x @ w) * fg.exp(fg.tanh(h)) + h,
    "two that end at once": lambda x, w: fg.exp(h := fg.sin(x @ w)) - fg.cos(h) * fg.tanh(h),
    "truth values between": lambda x, w: fg.where((h := x @ w) > 0.0, fg.exp(h), fg.tanh(h)) * h,
    "wider numbers between": lambda x, w: fg.astype(fg.astype(fg.sin(x @ w), "float64") * 0.1, x.dtype) + 1.0,
    "kept as well": lambda x, w: ((h := fg.tanh(x @ w)), fg.exp(h) * 2.0, fg.exp(h) + h),
    "without a product": lambda x, w: fg.tanh(fg.exp(fg.sin(x) * w[0, 0]) - x) * w[0, 1] - x,
    "a row": lambda x, w: fg.maximum(fg.sin(x @ w) + w[0], 0.0) * w[1] - w[2],
}


@pytest.mark.parametrize("rows", [1, 16, 300, 5000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", IN_PLACE)
def test_results_in_the_place_of_others(name, dtype, rows):
    values = np.random.default_rng(rows)
    steps(
        IN_PLACE[name],
        values.normal(size=(rows, 12)).astype(dtype),
        values.normal(size=(12, 12)).astype(dtype),
    )


def test_memory_serves_again():
    def f(x):
        for _ in range(40):
            x = fg.tanh(x @ x)
        return x

    program = record(f, np.zeros((32, 32)))
    assert len(program.explain().splitlines()) == 41
    assert program.arena_bytes == 2 * 32 * 32 * 8


def test_a_long_chain():
    def f(x):
        for k in range(100_000):
            x = x * 1.0001 if k % 2 else x + 1e-5
        return x

    program = record(f, X)
    assert program.instruction_count == 100_000
    assert program.explain().splitlines()[-1].startswith("1 step ")
    expected = X
    for k in range(100_000):
        expected = expected * 1.0001 if k % 2 else expected + 1e-5
    np.testing.assert_array_equal(program([X])[0].numpy(), expected)


def many_slices(n):
    def f(x):
        total = x[0]
        for k in range(n):
            total = total + x[k]
        return total

    return record(f, np.zeros(n))


def views_of_views(n):
    def f(x):
        for _ in range(n):
            x = fg.transpose(x)
        return x * 2.0

    return record(f, np.zeros((2, 3)))


def products(n):
    def f(x):
        total = y = x
        for _ in range(n):
            y = y @ x
            total = total + fg.sum(y, 0)
        return total

    return record(fg.grad(lambda x: fg.sum(f(x))), np.zeros((2, 2)))


@pytest.mark.parametrize(("make", "n"), [(many_slices, 4000), (views_of_views, 10_000), (products, 1000)])
def test_lowering_takes_time_in_proportion(make, n):
    """Of eight times as many ops about that much more, not 64 times; other programs may spoil a try."""

    def seconds(n):
        before = time.process_time()
        make(n)
        return time.process_time() - before

    def is_in_proportion():
        return min(seconds(8 * n) for _ in range(3)) < 24 * min(seconds(n) for _ in range(3))

    seconds(n)
    assert any(is_in_proportion() for _ in range(4))


# --- results are the caller's own


def results_of_one_memory(x):
    y = fg.sin(x)
    return y, y, y.T, y[::-1], y[1:], fg.reshape(y, -1), fg.broadcast_to(y[:1], y.shape), x, x.T


@pytest.mark.parametrize("make", [np.array, fg.tensor])
def test_writing_to_one_result_changes_no_other(make):
    def write(result):
        if isinstance(result, fg.Tensor):
            core.assign(result, np.full(result.shape, 7.0))
        else:
            result[...] = 7.0

    x = rng.normal(size=(3, 3))
    expected = [r.numpy().copy() for r in results_of_one_memory(fg.tensor(x))]
    compiled = fg.compile(results_of_one_memory)
    for _ in range(3):  # recorded, replayed, replayed natively
        argument = make(x)
        results = compiled(argument)
        for k, result in enumerate(results):
            write(result)
            for other, value in zip(results[k + 1 :], expected[k + 1 :], strict=True):
                np.testing.assert_array_equal(np.asarray(other), value)
        np.testing.assert_array_equal(np.asarray(argument), x)


@pytest.mark.parametrize("requires_grad", [False, True])
def test_writing_to_a_constant_that_was_handed_out(requires_grad):
    def f(x):
        constant = fg.tensor([[1.0, 2.0], [3.0, 4.0]])
        return x * 2.0, constant, constant.T, constant[0]

    compiled = fg.compile(f)
    x = fg.tensor([1.0, 1.0], requires_grad=requires_grad)
    expected = [value.tolist() for value in f(x)]
    for _ in range(3):
        results = compiled(x)
        assert [value.tolist() for value in results] == expected
        for constant in results[1:]:
            fg.nn.init.constant_(constant, 7.0)


def test_an_error_in_a_replay_leaves_all_as_it_was():
    f = fg.compile(lambda x, i: fg.sum(fg.exp(x) * fg.take(x * 2.0, i)))
    x, good, bad = np.array([1.0, 2.0]), np.array([1, 0]), np.array([1, 5])
    expected = f(x, good)
    for _ in range(3):
        with pytest.raises(IndexError, match="5"):
            f(x, bad)
        assert f(x, good) == expected
    assert f.recordings == 1


# --- compile(check=True), and the number of recordings


def test_check_finds_what_changes_from_call_to_call():
    calls = []

    def counts(x):
        calls.append(1)
        return x * float(len(calls))

    f = fg.compile(counts, check=True)
    f(X)
    with pytest.raises(fg.RecordingError, match=r"check=True: output 0 of counts"):
        f(X)
    pure = fg.compile(lambda x: fg.exp(x) @ x.T, check=True)
    expected = pure(X)
    for _ in range(3):
        np.testing.assert_array_equal(pure(X), expected)
    assert pure.recordings == 1


def test_too_many_kinds_of_arguments_warn_once():
    f = fg.compile(lambda x, n: x * float(n))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(300):
            assert f(1.5, n) == 1.5 * n
    assert [str(w.message)[:25] for w in caught] == ["the compiled <lambda> has"]
    assert f.recordings == 256
    assert f(1.5, 0) == 0.0  # forgotten, and recorded anew


# --- the native way of a call


class Point(NamedTuple):
    x: Any
    y: Any


class Kind(np.ndarray):
    pass


def watched(f):
    """The function compiled, and a list that grows with each call that Python had to see to."""
    compiled, seen = fg.compile(f), []
    through_python = compiled._call

    def call(*args, **keywords):
        seen.append(1)
        return through_python(*args, **keywords)

    compiled._call = call
    return compiled, seen


def leaves(nest):
    if isinstance(nest, dict):
        return [leaf for key in sorted(nest) for leaf in leaves(nest[key])]
    if isinstance(nest, (list, tuple)):
        return [leaf for item in nest for leaf in leaves(item)]
    return [nest] if isinstance(nest, (float, np.ndarray, np.generic, fg.Tensor)) else []


def total(*args):
    return {
        "sum": sum(fg.sum(fg.tanh(leaf)) for leaf in leaves(args)),
        "each": [leaf * 2.0 for leaf in leaves(args)],
    }


A = rng.normal(size=(4, 3))


@pytest.mark.parametrize(
    "args",
    [
        (A,),
        (1.5, -0.0),
        ({"a": A, "b": [A, (2.0, A)], "c": ()},),
        ([A, 3, "text", None, True, b"bytes"],),
        (fg.tensor(A), 2.0),
        (np.asfortranarray(A), A[::-1], A[:, ::2], np.broadcast_to(A, (2, 4, 3))),
        (A.astype(np.float32), 1.5),
        (np.zeros((0, 3)), np.array(2.0)),
        tuple(np.full(2, float(k)) for k in range(20)),
    ],
)
def test_calls_that_are_alike_go_natively(args):
    compiled, seen = watched(total)
    expected = total(*tensors_of(args))
    for _ in range(4):
        got = compiled(*args)
        for a, b in zip([got["sum"], *got["each"]], [expected["sum"], *expected["each"]], strict=True):
            assert bits(a) == bits(b)
    assert compiled.recordings == 1
    assert len(seen) == 1


def bits(value):
    array = value.detach().numpy() if isinstance(value, fg.Tensor) else np.asarray(value)
    return array.dtype, array.shape, array.tobytes()


def tensors_of(nest):
    if isinstance(nest, dict):
        return {key: tensors_of(item) for key, item in nest.items()}
    if isinstance(nest, (list, tuple)):
        return type(nest)(tensors_of(item) for item in nest)
    return core.operand(nest) if isinstance(nest, (float, np.ndarray)) else nest


@pytest.mark.parametrize(
    "argument",
    [
        np.float64(1.5),
        np.float32(1.5),
        A.astype(">f8"),
        A.view(Kind),
        Point(A, 2.0),
        A.astype(np.int32),
        fg.tensor(A, requires_grad=True),
    ],
    ids=lambda a: type(a).__name__,
)
def test_calls_that_only_python_knows_are_right_too(argument):
    compiled = fg.compile(total)
    plain = Point(*map(fg.tensor, argument)) if isinstance(argument, Point) else fg.tensor(argument)
    expected = total(plain)
    for _ in range(3):
        got = compiled(argument)
        assert bits(got["sum"]) == bits(expected["sum"])
        assert bits(got["each"][0]) == bits(expected["each"][0])


def test_calls_that_differ_a_little_are_told_apart():
    compiled, _ = watched(lambda x, n=1: (fg.sum(x) * float(n), n))
    values = [
        A,
        A[:2],
        A.ravel(),
        A.astype(np.float32),
        1.5,
        fg.tensor(A),
        np.float64(1.5),
        np.array(1.5),
        A > 0,
    ]
    for _ in range(3):
        for value in values:
            for n in (1, True, 2):
                result, same = compiled(value, n)
                assert same is n
                expected = fg.sum(fg.tensor(value)) * float(n)
                assert float(result) == expected.item()
                assert result.dtype == expected.dtype
    compiled(A)
    compiled(x=A)
    for unlike in ([A], (A,), {"a": A}):
        with pytest.raises((TypeError, ValueError)):
            compiled(unlike)


def test_read_only_arguments_and_arguments_that_change():
    compiled, seen = watched(lambda x: x * 2.0)
    frozen = A.copy()
    frozen.flags.writeable = False
    x = A.copy()
    for k in range(4):
        x[0, 0] = k
        assert compiled(x)[0, 0] == 2.0 * k
        np.testing.assert_array_equal(compiled(frozen), A * 2.0)
    assert len(seen) == 1


def test_grad_mode_and_recordings_around_a_native_call():
    w = fg.tensor(2.0, requires_grad=True)
    compiled = fg.compile(lambda x: x * w)
    for _ in range(3):
        assert compiled(fg.tensor(3.0)).requires_grad
        with fg.no_grad():
            assert not compiled(fg.tensor(3.0)).requires_grad
        assert fg.compile(lambda x: compiled(x) + compiled(x * x))(3.0).item() == 24.0
        w.requires_grad = not w.requires_grad
        assert compiled(fg.tensor(3.0)).requires_grad == w.requires_grad
        w.requires_grad = True
        assert fg.grad(compiled)(3.0) == 2.0


def test_calls_leave_no_references():
    compiled = fg.compile(lambda p, s: {"a": p["w"] * s, "b": (fg.sum(p["w"]), [p["w"].T, s])})
    p, s = {"w": A.copy()}, 1.25
    t = {"w": fg.tensor(A)}

    def call(times):
        for _ in range(times):
            compiled(p, s)
            compiled(t, s)

    call(100)
    gc.collect()
    before = sys.getrefcount(p["w"]), sys.getrefcount(t["w"]), sys.getrefcount(p), sys.getrefcount(None)
    blocks = sys.getallocatedblocks()
    call(10_000)
    gc.collect()
    after = sys.getrefcount(p["w"]), sys.getrefcount(t["w"]), sys.getrefcount(p), sys.getrefcount(None)
    assert after[:3] == before[:3]
    assert abs(after[3] - before[3]) < 1000
    assert sys.getallocatedblocks() - blocks < 1000


# --- threads


def in_threads(count, work):
    errors = []

    def guarded(k):
        try:
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_threads_make_the_first_call_at_once():
    barrier = threading.Barrier(4)
    compiled = fg.compile(lambda x: fg.tanh(x @ x.T) + 1.0)
    expected = [fg.tanh(fg.tensor(X * k) @ (X * k).T).numpy() + 1.0 for k in range(4)]

    def work(k):
        barrier.wait()
        for _ in range(20):
            np.testing.assert_array_equal(compiled(X * k), expected[k])

    in_threads(4, work)
    assert compiled.recordings == 1


def test_a_list_that_changes_while_its_arrays_are_read():
    size = 1 << 20  # memory that goes back to the system when its array goes
    compiled = fg.compile(lambda arrays: fg.sum(fg.tanh(arrays[0]) * 0.0) + arrays[0][-1])
    arrays = [np.ones(size)]
    compiled(arrays)
    done = threading.Event()

    def work(k):
        if k:
            while not done.is_set():
                arrays[0] = np.ones(size)
                time.sleep(0.0005)
            return
        try:
            for _ in range(30):
                assert compiled(arrays) == 1.0
        finally:
            done.set()

    in_threads(2, work)
