"""What several tests make and compare."""

from __future__ import annotations

import re

import numpy as np

import fastgrad as fg


def names_of_steps(program):
    """The ops of each step, as `explain` tells them; many go on below the first of them."""
    lines = re.sub(r"\n {20,}", " ", program.explain()).splitlines()[:-1]
    return [re.split("  +", line)[-1] for line in lines]


def counted(f):
    """The function compiled, and a list that grows each time its Python code runs."""
    calls = []

    def body(*args, **keywords):
        calls.append(1)
        return f(*args, **keywords)

    return fg.compile(body), calls


def same_bits(compiled, eager):
    compiled = compiled.detach().numpy() if isinstance(compiled, fg.Tensor) else compiled
    eager = eager.detach().numpy() if isinstance(eager, fg.Tensor) else np.asarray(eager)
    assert compiled.dtype == eager.dtype
    assert compiled.shape == eager.shape
    assert compiled.tobytes() == np.ascontiguousarray(eager).tobytes()


def assert_same(tensor, array):
    """Same shape, dtype and bits."""
    array = np.asarray(array)
    assert isinstance(tensor, fg.Tensor)
    assert tensor.shape == array.shape
    assert tensor.dtype == array.dtype
    np.testing.assert_array_equal(tensor.detach().numpy(), array)


def leaf(*numbers, dtype=np.float64):
    return fg.tensor(np.array(numbers, dtype), requires_grad=True)
