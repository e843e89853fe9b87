"""What recordings keep from outside, values that leave them and come in, programs and threads."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import fastgrad as fg
from checking import counted, same_bits
from fastgrad import nn
from fastgrad._native import core

rng = np.random.default_rng(11)


# --- what a recording keeps from outside


def test_captured_parameters_are_read_anew():
    layer = nn.Linear(2, 1).to(np.float64)
    f, calls = counted(lambda x: layer(x).sum())
    x = np.ones((3, 2))
    before = f(x)
    before.backward()
    fg.optim.SGD(layer.parameters(), lr=0.1).step()
    after = f(x)
    same_bits(after, layer(x).sum())
    assert after.item() != before.item()
    layer.load_state_dict({"weight": np.ones((1, 2)), "bias": np.zeros(1)})
    assert f(x).item() == 6.0
    with fg.no_grad():
        quiet = fg.compile(lambda x: layer(x).sum())
        assert quiet(x) == 6.0
        layer.load_state_dict({"weight": np.zeros((1, 2)), "bias": np.ones(1)})
        assert quiet(x) == 3.0
    assert len(calls) == 1


def test_captured_tensors_are_by_reference_and_arrays_are_snapshots():
    array = np.array([1.0, 2.0])
    shared, tensor = fg.asarray(array), fg.tensor(array)
    f = fg.compile(lambda x: (x * array, x * shared, x * tensor, fg.reshape(array, (2, 1)) * x))
    f(np.ones(2))
    array[:] = 10.0
    for by_value, by_reference, copied, viewed in (f(np.ones(2)),):
        assert by_value.tolist() == [1.0, 2.0]
        assert by_reference.tolist() == [10.0, 10.0]  # asarray shares, as its documentation says
        assert copied.tolist() == [1.0, 2.0]
        assert viewed.tolist() == [[1.0, 1.0], [2.0, 2.0]]


def test_captured_tensors_live_as_long_as_the_function():
    array = np.ones(3)
    alive = weakref.ref(array)
    held = fg.asarray(array)
    f = fg.compile(lambda x, kept=[held]: x * kept[0])
    f(2.0)
    del held, array
    gc.collect()
    assert alive() is not None
    assert f(3.0).tolist() == [3.0] * 3
    del f
    gc.collect()
    assert alive() is None


def test_recordings_do_not_keep_arguments_alive():
    array = np.ones(1000)
    alive = weakref.ref(array)
    f = fg.compile(lambda x: x * 2.0)
    f(array)
    f(array)
    del array
    gc.collect()
    assert alive() is None


def test_arrays_passed_beside_a_parameter_may_be_written_to():
    w = fg.tensor([1.0, 2.0], requires_grad=True)
    f = fg.compile(lambda x: (w * x).sum())
    g = fg.compile(lambda w, x: (w * x).sum())
    x = np.array([3.0, 4.0])
    for loss in (f(x), g(w, x), f(x)):  # as the recording is made, and inlined
        x[:] = 0.0
        w.grad = None
        loss.backward()
        assert w.grad.tolist() == [3.0, 4.0]
        x[:] = [3.0, 4.0]


# --- reading values


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x if x > 0 else -x,
        lambda x: float(x.sum()),
        lambda x: int(x.sum()),
        lambda x: bool(x.sum() > 0),
        lambda x: x.item(),
        lambda x: x.tolist(),
        lambda x: x.numpy(),
        np.asarray,
        lambda x: np.array(x),
        lambda x: np.ones(3)[fg.astype(x.sum(), int)],
        lambda x: range(fg.astype(x.sum(), int)),
        lambda x: [1, 2][fg.astype(x.sum(), int)],
        lambda x: np.linalg.norm(x.detach().numpy()),
        lambda x: fg.tensor(x),
        lambda x: max(x, x * 2.0),
        lambda x: 1.0 in x,
        lambda x: np.zeros(2) + float(x.sum()),
    ],
)
def test_reading_a_value_while_recording(read):
    for x in (np.ones(1), fg.tensor([1.0], requires_grad=True)):
        with pytest.raises(fg.RecordingError, match=r"while recording.*(fastgrad\.where|static argument)"):
            fg.compile(read)(x)
        assert not core.is_recording()


def test_what_may_be_asked_while_recording():
    seen = []

    def f(x):
        seen.append(
            (
                x.shape,
                x.dtype,
                x.ndim,
                x.size,
                len(x),
                x.requires_grad,
                x.is_leaf,
                repr(x),
                f"{x}",
                hash(x) is None,
            )
        )
        return sum(row * (k + 1.0) for k, row in enumerate(x)) * float(x.shape[0])

    assert fg.compile(f)(np.array([1.0, 2.0])) == 10.0
    assert seen[0][:5] == ((2,), np.float64, 1, 2, 2)
    assert "recorded" in seen[0][7]
    assert "(2,)" in seen[0][8]


def test_numpys_functions_are_recorded():
    f = fg.compile(lambda x: np.sum(np.sin(x) * np.ones(2)) + np.mean(x, axis=0))
    assert f(np.array([1.0, 2.0])) == pytest.approx(np.sin([1.0, 2.0]).sum() + 1.5)
    with pytest.raises(TypeError, match=r"np\.\w*spacing has no operation"):
        fg.compile(lambda x: np.spacing(x))(np.ones(3))


# --- values that leave, and values that come in from elsewhere


def test_a_traced_value_that_leaked():
    leaked = []

    def f(x):
        leaked.append(x * 2.0)
        return x

    fg.compile(f)(np.ones(2))
    (value,) = leaked
    assert value.shape == (2,)
    assert "recorded" in repr(value)
    for use in (
        lambda: value + 1.0,
        lambda: fg.sin(value),
        lambda: np.sin(value),
        lambda: value @ np.ones(2),
        lambda: value[0],
        lambda: fg.concatenate([value, np.ones(2)]),
        lambda: fg.grad(lambda y: (y * value).sum())(np.ones(2)),
        lambda: fg.compile(lambda y: y * value)(np.ones(2)),
        lambda: fg.compile(lambda y: value)(np.ones(2)),
    ):
        with pytest.raises(fg.RecordingError, match=r"recording that has ended.*return"):
            use()
    for read in (lambda: value.numpy(), lambda: float(value.sum()), lambda: value.tolist()):
        with pytest.raises(fg.RecordingError):
            read()
    w = fg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(fg.RecordingError):
        w.grad = value
    with pytest.raises(fg.RecordingError, match="has ended"):
        fg.compile(lambda x: x)(value)
    with pytest.raises((fg.RecordingError, TypeError)):
        core.assign(w, value)
    assert w.tolist() == [1.0, 2.0]
    assert w.grad is None


def test_backward_has_no_place_in_a_recording():
    w = fg.tensor([1.0, 2.0], requires_grad=True)

    def f(x):
        (w * x).sum().backward()
        return w.grad

    with pytest.raises(fg.RecordingError, match=r"backward\(\).*while recording.*fastgrad\.grad"):
        fg.compile(f)(np.ones(2))
    assert w.grad is None

    def g(x):
        w.grad = x
        return x

    with pytest.raises(fg.RecordingError, match=r"grad.*while recording"):
        fg.compile(g)(np.ones(2))
    assert w.grad is None
    loss = (w * w).sum()
    with pytest.raises(fg.RecordingError, match="backward"):
        fg.compile(lambda x: loss.backward())(np.ones(2))
    loss.backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_a_value_of_the_recording_around():
    def outer(x):
        program = core.record(lambda values: [values[0] * x], [np.ones(2)])
        return program.inline([x])[0]

    with pytest.raises(fg.RecordingError, match="nested recordings"):
        fg.compile(outer)(np.ones(2))


# --- programs


def test_program_text_and_questions():
    program = core.record(
        lambda v: [fg.sin(v[0]) * v[1], v[0] * 2.0], [np.ones(2), np.ones(3)[:2], np.ones(1)]
    )
    text = program.text()
    assert [line.split(" = ")[-1].split("(")[0] for line in text.splitlines()[:-1]] == [
        "sin",
        "multiply",
        "multiply",
    ]
    assert text.splitlines()[0].endswith("float64(2,)")
    assert text.splitlines()[-1].startswith("return ")
    assert [program.depends_on(i) for i in range(3)] == [True, True, False]
    assert program.instruction_count == 3
    for i in (-1, 3):
        with pytest.raises(IndexError, match=f"input {i} of 3"):
            program.depends_on(i)


def test_a_hessian_product_of_a_quadratic_does_not_depend_on_x():
    a = np.diag([1.0, 2.0, 3.0])
    program = core.record(
        lambda v: [fg.hvp(lambda x: 0.5 * (x @ a @ x), v[0], v[1])], [np.ones(3), np.ones(3)]
    )
    assert (program.depends_on(0), program.depends_on(1)) == (False, True)
    cubic = core.record(lambda v: [fg.hvp(lambda x: (x**3).sum(), v[0], v[1])], [np.ones(3), np.ones(3)])
    assert cubic.depends_on(0)


def test_programs_check_their_inputs():
    program = core.record(lambda v: [v[0] * 2.0], [np.ones((2, 3))])
    assert program([np.ones((2, 3))])[0].tolist() == [[2.0] * 3] * 2
    for bad, words in [
        ([np.ones((3, 2))], r"input 0 .*float64\(2, 3\), got float64\(3, 2\)"),
        ([np.ones((2, 3), np.float32)], r"input 0 .*float64.*got float32"),
        ([], "1 inputs was given 0"),
        ([np.ones((2, 3))] * 2, "1 inputs was given 2"),
    ]:
        with pytest.raises(ValueError, match=words):
            program(bad)
        with pytest.raises(ValueError, match=words):
            program.inline(bad)
    with pytest.raises(TypeError, match="str"):
        program(["text"])
    with pytest.raises(TypeError, match="must be tensors, got float"):
        core.record(lambda v: [1.0], [np.ones(2)])


# --- threads


def test_threads_share_a_compiled_function():
    f, calls = counted(lambda x: fg.sum(fg.tanh(x @ x) @ x, 1) * 2.0)
    inputs = [rng.normal(size=(40, 40)) for _ in range(6)]
    expected = [fg.sum(fg.tanh(fg.tensor(x) @ x) @ x, 1).numpy() * 2.0 for x in inputs]
    f(inputs[0])
    errors = []

    def work(k):
        try:
            for _ in range(50):
                np.testing.assert_array_equal(f(inputs[k]), expected[k])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(calls) == 1


def test_threads_record_side_by_side():
    barrier = threading.Barrier(4)
    results, errors = {}, []

    def work(k):
        def body(x):
            barrier.wait()  # all are recording now
            assert core.is_recording()
            return fg.grad(lambda y: (y**3).sum() * (k + 1.0))(x)

        try:
            results[k] = fg.compile(body)(np.array([2.0])).tolist()
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert results == {k: [12.0 * (k + 1)] for k in range(4)}
    assert not core.is_recording()


def test_recursion():
    def power(x, n):
        return x * compiled(x, n - 1) if n > 1 else x

    compiled = fg.compile(power)
    assert compiled(2.0, 5) == 32.0
    assert compiled.recordings == 1
    assert fg.grad(lambda x: compiled(x, 5))(2.0) == 80.0
