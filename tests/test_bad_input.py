"""Calls with something wrong: each raises what fits, says what came and what was expected, and does nothing.

One row a call. Errors of derivative functions stand in test_autodiff.py, of recordings in test_compile.py, of
models, optimizers, data and minimize in their own files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fastgrad as fg
from fastgrad import autograd
from fastgrad._native import core

Broken = (TypeError, ValueError, IndexError, OverflowError, RuntimeError)


@dataclass(frozen=True)
class Bad:
    """A call, the exception it raises, and words that its message holds, in any order."""

    call: Callable[[], Any]
    error: type[Exception]
    words: tuple[str, ...]


def vector(*numbers, **keywords):
    return fg.tensor(np.array(numbers or (1.0, 2.0)), **keywords)


def leaf(*numbers):
    return vector(*numbers, requires_grad=True)


def twice_backward():
    w = leaf(1.0, 2.0)
    y = fg.sin(w).sum()
    y.backward()
    y.backward()


def stepped_between():
    p = fg.nn.Parameter([1.0, 2.0])
    loss = (p * p).sum()
    p.grad = [1.0, 1.0]
    fg.optim.SGD([p], lr=0.1).step()
    loss.backward()


MATRIX = np.zeros((2, 3))

TABLE = {
    # --- shapes
    "shapes that do not broadcast": Bad(
        lambda: vector() + np.ones(3), ValueError, ("add", "(2,)", "(3,)", "broadcast")
    ),
    "shapes of three": Bad(
        lambda: fg.where(np.ones(2, bool), np.ones(3), 0.0),
        ValueError,
        ("where", "(2,)", "(3,)", "()", "broadcast"),
    ),
    "shapes of a comparison": Bad(lambda: vector() < np.ones((2, 3)), ValueError, ("less", "(2,)", "(2, 3)")),
    "shapes of a clip": Bad(lambda: fg.clip(MATRIX, np.ones(2), 1.0), ValueError, ("clip", "(2, 3)", "(2,)")),
    "matmul": Bad(
        lambda: fg.tensor(MATRIX) @ MATRIX, ValueError, ("matmul", "(2, 3)", "3 columns", "2 rows")
    ),
    "matmul of vectors": Bad(lambda: vector() @ np.ones(3), ValueError, ("matmul", "2 columns", "3 rows")),
    "matmul of batches": Bad(
        lambda: fg.matmul(np.ones((2, 1, 1)), np.ones((3, 1, 1))),
        ValueError,
        ("matmul", "(2, 1, 1)", "(3, 1, 1)", "broadcast"),
    ),
    "matmul with a number": Bad(lambda: vector() @ 2.0, ValueError, ("matmul", "(2,)", "()", "*")),
    "dot": Bad(
        lambda: fg.dot(np.ones((2, 2, 2)), np.ones(3)),
        ValueError,
        ("dot", "axes (2,)", "(2, 2, 2)", "axes (0,)", "(3,)"),
    ),
    "reshape": Bad(lambda: vector().reshape(3), ValueError, ("reshape", "2 numbers", "(2,)", "(3,)")),
    "reshape with a remainder": Bad(
        lambda: vector().reshape(-1, 3), ValueError, ("reshape", "(2,)", "(-1, 3)")
    ),
    "reshape with two unknowns": Bad(lambda: vector().reshape(-1, -1), ValueError, ("reshape", "(-1, -1)")),
    "reshape to a negative size": Bad(lambda: vector().reshape(-2), ValueError, ("reshape", "(-2,)")),
    "reshape to a float": Bad(lambda: vector().reshape(2.0), TypeError, ("shape", "int", "float")),
    "reshape to floats": Bad(lambda: vector().reshape((2.0,)), TypeError, ("shape", "int", "float")),
    "reshape to text": Bad(lambda: fg.reshape(vector(), "ab"), TypeError, ("shape", "int", "str")),
    "reshape to nothing": Bad(lambda: fg.reshape(vector(), None), TypeError, ("shape", "int", "NoneType")),
    "broadcast_to": Bad(
        lambda: fg.broadcast_to(vector(), (3,)), ValueError, ("broadcast_to", "(2,)", "(3,)")
    ),
    "broadcast_to fewer": Bad(
        lambda: fg.broadcast_to(MATRIX, (3,)), ValueError, ("broadcast_to", "(2, 3)", "(3,)")
    ),
    "broadcast_to a negative size": Bad(
        lambda: fg.broadcast_to(1.0, (-1,)), ValueError, ("broadcast_to", "(-1,)")
    ),
    "concatenate": Bad(
        lambda: fg.concatenate([MATRIX, np.ones((2, 2))]),
        ValueError,
        ("concatenate", "(2, 3)", "part 1", "(2, 2)", "axis"),
    ),
    "concatenate of other dimensions": Bad(
        lambda: fg.concatenate([MATRIX, np.ones(3)]), ValueError, ("(2, 3)", "(3,)")
    ),
    "concatenate of nothing": Bad(
        lambda: fg.concatenate([]), ValueError, ("concatenate", "at least one", "none")
    ),
    "concatenate of numbers": Bad(
        lambda: fg.concatenate([1.0, 2.0]), ValueError, ("concatenate", "()", "no axis")
    ),
    "stack": Bad(lambda: fg.stack([vector(), np.ones(3)]), ValueError, ("stack", "(2,)", "part 1", "(3,)")),
    "stack of nothing": Bad(lambda: fg.stack([]), ValueError, ("stack", "at least one", "none")),
    "take_along_last": Bad(
        lambda: core.ops.take_along_last(MATRIX, np.array([0, 1, 2])), ValueError, ("(2, 3)", "(2,)", "(3,)")
    ),
    "grad of another shape": Bad(
        lambda: setattr(leaf(), "grad", np.ones(3)), ValueError, ("grad", "(3,)", "(2,)")
    ),
    "a tensor of a ragged list": Bad(lambda: fg.tensor([[1.0], [1.0, 2.0]]), TypeError, ("data", "list")),
    # --- axes
    "axis": Bad(lambda: vector().sum(1), ValueError, ("sum", "axis 1", "1 dimension")),
    "negative axis": Bad(lambda: fg.mean(MATRIX, -3), ValueError, ("mean", "axis -3", "2 dimensions")),
    "axis twice": Bad(lambda: fg.max(MATRIX, (1, -1)), ValueError, ("max", "axis", "twice", "(1, -1)")),
    "axis of a number": Bad(lambda: fg.sum(1.0, 0), ValueError, ("sum", "axis 0", "0 dimensions")),
    "axis in words": Bad(lambda: vector().sum("rows"), TypeError, ("axis", "int", "str")),
    "axis as a float": Bad(lambda: vector().sum(0.0), TypeError, ("axis", "int", "float")),
    "axis of concatenate": Bad(
        lambda: fg.concatenate([MATRIX], 2), ValueError, ("concatenate", "axis 2", "2 dimensions")
    ),
    "axis of stack": Bad(lambda: fg.stack([vector()], 3), ValueError, ("stack", "axis 3", "2 dimensions")),
    "axis of take": Bad(lambda: fg.take(MATRIX, [0], 2), ValueError, ("axis 2", "2 dimensions")),
    "transpose": Bad(lambda: fg.transpose(MATRIX, (0,)), ValueError, ("transpose", "(0,)", "(2, 3)")),
    "transpose of an axis that is not": Bad(
        lambda: fg.transpose(MATRIX, (0, 2)), ValueError, ("transpose", "axis 2")
    ),
    "transpose of an axis twice": Bad(
        lambda: fg.transpose(MATRIX, (0, 0)), ValueError, ("transpose", "axis 0", "twice")
    ),
    "max of nothing": Bad(lambda: fg.max(np.ones((2, 0)), 1), ValueError, ("max", "(2, 0)", "empty")),
    "min of nothing": Bad(lambda: fg.tensor([]).min(), ValueError, ("(0,)", "empty")),
    "mean of nothing": Bad(lambda: fg.tensor([]).mean(), ValueError, ("mean", "(0,)", "empty")),
    "logsumexp of nothing": Bad(lambda: fg.logsumexp([]), ValueError, ("logsumexp", "(0,)", "empty")),
    # --- dtypes
    "an unknown dtype": Bad(lambda: fg.tensor([1.0], dtype="float31"), TypeError, ("float31",)),
    "an unsuitable dtype": Bad(
        lambda: fg.tensor([1.0], dtype=np.int8), TypeError, ("int8", "int64", "float32", "float64")
    ),
    "a complex dtype": Bad(lambda: fg.tensor([1.0], dtype=complex), TypeError, ("complex128", "float64")),
    "a dtype of objects": Bad(lambda: fg.tensor([1.0], dtype=object), TypeError, ("object", "float64")),
    "astype": Bad(lambda: vector().astype("float16"), TypeError, ("float16", "float32")),
    "astype of an array": Bad(lambda: fg.astype(np.ones(2), "U1"), TypeError, ("U1", "float32")),
    "a tensor of objects": Bad(lambda: fg.tensor([object()]), TypeError, ("data", "object", "float64")),
    "a tensor of None": Bad(lambda: fg.tensor(None), TypeError, ("data", "object")),
    "a tensor of a dict": Bad(lambda: fg.tensor({"a": 1.0}), TypeError, ("data", "object")),
    "a tensor of complex numbers": Bad(lambda: fg.tensor(np.array([1j])), TypeError, ("data", "complex128")),
    "a tensor of one complex number": Bad(lambda: fg.tensor(1j), TypeError, ("data", "complex128")),
    "a tensor of text": Bad(lambda: fg.tensor(["a"]), TypeError, ("data", "<U1")),
    "a tensor of text that reads as numbers": Bad(
        lambda: fg.tensor(["1.5"], dtype=float), TypeError, ("data", "<U3")
    ),
    "a tensor of bytes": Bad(lambda: fg.tensor(np.array([b"a"])), TypeError, ("data", "S1")),
    "a tensor with None in it": Bad(
        lambda: fg.tensor([1.0, None], dtype=float), TypeError, ("data", "object")
    ),
    "a tensor of dates": Bad(
        lambda: fg.tensor(np.array(["2020-01-01"], "M8[D]")), TypeError, ("data", "datetime64")
    ),
    "a tensor of records": Bad(lambda: fg.tensor(np.zeros(2, "i4,f8")), TypeError, ("data", "f1")),
    "a tensor of large unsigned numbers": Bad(
        lambda: fg.tensor(np.array([1], np.uint64)), TypeError, ("data", "uint64")
    ),
    "a tensor of a large int": Bad(lambda: fg.tensor(2**63), TypeError, ("data", "uint64")),
    "a tensor of a larger int": Bad(lambda: fg.tensor(2**70), TypeError, ("data", "object")),
    "a masked tensor": Bad(
        lambda: fg.tensor(np.ma.masked_array([1.0], [True])), TypeError, ("data", "masked", "fill")
    ),
    "asarray of objects": Bad(lambda: fg.asarray(np.array([None])), TypeError, ("data", "object")),
    "an operand of objects": Bad(lambda: vector() + np.array([None, 1]), TypeError, ("operand", "object")),
    "an operand of complex numbers": Bad(
        lambda: np.array([1j, 2j]) * vector(), TypeError, ("operand", "complex128")
    ),
    "a complex operand": Bad(lambda: vector() * 1j, TypeError, ("complex",)),
    "an operand of text": Bad(lambda: fg.sin("0.5"), TypeError, ("sin", "argument 0", "str")),
    "an operand that is nothing": Bad(
        lambda: fg.add(1.0, None), TypeError, ("add", "argument 1", "NoneType")
    ),
    "an operand beyond int64": Bad(lambda: vector() + 2**70, ValueError, ("int64", "float")),
    "gradients of integers": Bad(
        lambda: fg.tensor([1, 2], requires_grad=True), TypeError, ("requires_grad", "float32", "int64")
    ),
    "a condition of numbers": Bad(
        lambda: fg.where(vector(), 1.0, 0.0), TypeError, ("where", "condition", "float64", "bool")
    ),
    "and of numbers": Bad(lambda: vector() & vector(), TypeError, ("logical_and", "bool", "float64")),
    "not of integers": Bad(lambda: ~fg.tensor([1]), TypeError, ("logical_not", "bool", "int64")),
    "indices of floats": Bad(
        lambda: fg.take(MATRIX, np.array([0.0]), 0), TypeError, ("index", "float64", "int64")
    ),
    "indices of text": Bad(lambda: fg.take(MATRIX, ["a"], 0), TypeError, ("indices", "<U1")),
    # --- arguments
    "too few arguments": Bad(lambda: fg.add(1.0), TypeError, ("add", "2 arguments", "1")),
    "too many arguments": Bad(lambda: fg.sin(1.0, 2.0), TypeError, ("sin", "1 argument", "2")),
    "an unknown keyword": Bad(lambda: fg.tensor([1.0], device="cpu"), TypeError, ("device",)),
    "an index beyond": Bad(lambda: vector()[2], IndexError, ("index 2", "axis 0", "(2,)")),
    "indices beyond": Bad(
        lambda: fg.take(MATRIX, [[0, 5]], 1), IndexError, ("index 5", "position 1", "size 3")
    ),
    "more than one number read": Bad(lambda: float(vector()), ValueError, ("float()", "one number", "(2,)")),
    "a truth value of many": Bad(lambda: bool(vector() > 0), ValueError, ("bool()", "one number", "(2,)")),
    # --- gradients
    "backward without a gradient": Bad(
        lambda: (leaf() * 2.0).backward(), ValueError, ("scalar", "(2,)", "gradient")
    ),
    "backward with a gradient of another shape": Bad(
        lambda: (leaf() * 2.0).backward(np.ones(3)), ValueError, ("gradient", "(3,)", "(2,)")
    ),
    "backward with a gradient of text": Bad(
        lambda: (leaf() * 2.0).backward("a"), TypeError, ("gradient", "str")
    ),
    "backward without a graph": Bad(
        lambda: vector().sum().backward(), fg.GradientError, ("requires_grad=True", "no_grad")
    ),
    "backward a second time": Bad(
        twice_backward, fg.GradientError, ("second backward", "'sin'", "retain_graph=True")
    ),
    "backward after a step": Bad(
        stepped_between, fg.GradientError, ("'multiply'", "(2,)", "changed in place", "step")
    ),
    "grad of what needs none": Bad(
        lambda: autograd.grad(leaf().sum(), vector()), fg.GradientError, ("input 0", "requires_grad=True")
    ),
    "grad of what is not used": Bad(
        lambda: autograd.grad(leaf().sum(), leaf()), fg.GradientError, ("input 0", "allow_unused")
    ),
    "grad of no tensor": Bad(lambda: autograd.grad(3.0, leaf()), TypeError, ("outputs", "tensor", "float")),
    "numpy of what requires a gradient": Bad(lambda: leaf().numpy(), fg.GradientError, ("detach()",)),
    "requires_grad of what is computed": Bad(
        lambda: setattr(leaf() * 2.0, "requires_grad", False), fg.GradientError, ("leaves", "detach()")
    ),
    "a value read while a derivative is taken": Bad(
        lambda: fg.grad(lambda x: float(x) * x)(1.0),
        fg.GradientError,
        ("float()", "derivative", "stop_gradient"),
    ),
    # --- recordings
    "a branch while recording": Bad(
        lambda: fg.compile(lambda x: x if x > 0 else -x)(1.0),
        fg.RecordingError,
        ("bool()", "recording", "fastgrad.where", "static"),
    ),
    "a number read while recording": Bad(
        lambda: fg.compile(lambda x: x * x.item())(1.0), fg.RecordingError, ("recording", "static argument")
    ),
    "an array read while recording": Bad(
        lambda: fg.compile(lambda x: np.linalg.norm(x.detach().numpy()))(vector()),
        fg.RecordingError,
        ("recording", "operations"),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_says_what_is_wrong(name):
    bad = TABLE[name]
    with pytest.raises(Broken) as caught:
        bad.call()
    assert isinstance(caught.value, bad.error), f"{type(caught.value).__name__}: {caught.value}"
    message = str(caught.value)
    for word in bad.words:
        assert word in message
    assert len(message) < 500
    assert not re.search(r"0x[0-9a-f]+|std::|pybind|fg::", message)  # nothing of how it is made
    assert core.is_grad_enabled()
    assert not core.is_recording()
    assert core.set_borrowing(False) is False
    assert core.set_transforming(False) is False


def test_every_operation_refuses_strangers():
    for name in core.elementwise_table:
        function = getattr(fg, name)
        count = core.elementwise_table[name][1]
        for stranger in ("text", None, object(), {}, {1.0}, 1j, b"1", fg, float):
            for place in range(count):
                arguments = [
                    np.ones(2, bool) if name.startswith("logical") or (name == "where" and k == 0) else 1.0
                    for k in range(count)
                ]
                arguments[place] = stranger
                with pytest.raises(TypeError, match=rf"{name}.*argument {place} .*{type(stranger).__name__}"):
                    function(*arguments)
    for function in (fg.sum, fg.mean, fg.max, fg.min, fg.logsumexp, fg.transpose):
        for stranger in ("text", None, object(), {}):
            with pytest.raises(TypeError, match=type(stranger).__name__):
                function(stranger)


def test_a_failed_call_leaves_its_operands_alone():
    w, x = leaf(1.0, 2.0), np.array([3.0, 4.0])
    w.grad = [5.0, 6.0]
    for attempt in (
        lambda: w + np.ones(3),
        lambda: (w * x).backward(),
        lambda: w.backward(np.ones(3)),
        lambda: setattr(w, "grad", "text"),
        lambda: setattr(w, "requires_grad", "maybe"),
        lambda: core.assign(w, np.ones(3)),
        lambda: core.assign(w, np.array(["a", "b"])),
        lambda: core.assign(w * 2.0, x),
        lambda: core.assign(fg.asarray(x), np.zeros(2)),
        lambda: w.reshape(5),
        lambda: w[7],
        lambda: w.astype("int3"),
    ):
        with pytest.raises(Broken):
            attempt()
        assert w.tolist() == [1.0, 2.0]
        assert w.grad.tolist() == [5.0, 6.0]
        assert w.requires_grad
        assert x.tolist() == [3.0, 4.0]
