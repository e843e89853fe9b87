"""Every op of the table against PyTorch and JAX, where they are installed: values and gradients."""

from __future__ import annotations

from operator import attrgetter

import numpy as np
import pytest

from op_table import CASE_NAMES, CASES, seed_like, value_and_gradients

tolerances = {"f": 3e-6, "d": 1e-13}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def jax():
    module = pytest.importorskip("jax")
    module.config.update("jax_enable_x64", True)
    module.config.update("jax_platforms", "cpu")
    return module


def cases_with(peer: str):
    found = [
        (case, name)
        for case, name in zip(CASES, CASE_NAMES, strict=True)
        if getattr(case[0], peer) is not None
    ]
    return pytest.mark.parametrize(
        ("row", "call"), [case for case, _ in found], ids=[name for _, name in found]
    )


def counterpart(path_or_maker, module, name, home):
    """The peer's function for a row: by its own name in `home`, by a path, or made from the module."""
    if callable(path_or_maker):
        return path_or_maker(module)
    return attrgetter(path_or_maker)(module) if path_or_maker else getattr(home, name)


def assert_close(ours, theirs, code):
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    if theirs.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs)
        return
    assert ours.dtype == theirs.dtype
    bound = tolerances[code]
    np.testing.assert_allclose(ours, theirs, rtol=bound, atol=bound * np.max(np.abs(theirs), initial=1e-30))


@pytest.mark.parametrize("code", ["f", "d"])
@cases_with("torch")
def test_pytorch_agrees(row, call, code, torch):
    arrays = row.inputs(code, n=5)
    ours, flows = value_and_gradients(row, call, arrays)

    tensors = [torch.tensor(a) for a in arrays]
    leaves = [t.requires_grad_() for t in tensors if t.is_floating_point() and row.gradient]
    theirs = call(counterpart(row.torch, torch, row.name, torch), *tensors)
    assert_close(ours, theirs.detach().numpy(), code)
    if leaves:
        gradients = torch.autograd.grad(theirs, leaves, torch.tensor(seed_like(ours)), allow_unused=True)
        for flow, gradient, leaf in zip(flows, gradients, leaves, strict=True):
            assert_close(flow, np.zeros(leaf.shape, code) if gradient is None else gradient.numpy(), code)


@cases_with("jax")
def test_jax_agrees(row, call, jax):
    arrays = row.inputs("d", n=5)
    ours, flows = value_and_gradients(row, call, arrays)
    f = counterpart(row.jax, jax, row.name, jax.numpy)
    if not row.gradient:
        assert_close(ours, call(f, *[jax.numpy.asarray(a) for a in arrays]), "d")
        return
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]

    def of_floats(*numbers):
        operands = [jax.numpy.asarray(a) for a in arrays]
        for i, a in zip(floats, numbers, strict=True):
            operands[i] = a
        return call(f, *operands)

    theirs, pullback = jax.vjp(of_floats, *[jax.numpy.asarray(arrays[i]) for i in floats])
    assert_close(ours, theirs, "d")
    for flow, gradient in zip(flows, pullback(jax.numpy.asarray(seed_like(ours))), strict=True):
        assert_close(flow, gradient, "d")
