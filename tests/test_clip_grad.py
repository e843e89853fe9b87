"""Clipping gradients: norms by NumPy and PyTorch, in any dtype, without overflow."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.nn.utils import clip_grad_norm_, clip_grad_value_

rng = np.random.default_rng(5)
SLOPES = [rng.normal(size=(3, 4)), rng.normal(size=5), rng.normal(size=())]


def parameters(library=fg, dtype=np.float64):
    made = [library.tensor(np.zeros(s.shape, dtype), requires_grad=True) for s in SLOPES]
    for p, slope in zip(made, SLOPES, strict=True):
        p.grad = library.tensor(slope.astype(dtype))
    return [*made, library.tensor(1.0, requires_grad=True)]  # one without a gradient


def flat(params):
    return np.concatenate([np.ravel(p.grad.numpy()) for p in params if p.grad is not None])


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, 0.5, np.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 100.0])
def test_the_norm_is_that_of_one_vector(max_norm, norm_type):
    params = parameters()
    before = flat(params)
    want = np.linalg.norm(before, norm_type)
    assert clip_grad_norm_(iter(params), max_norm, norm_type).item() == pytest.approx(want, rel=1e-13)
    np.testing.assert_allclose(flat(params), before * min(1.0, max_norm / (want + 1e-6)), rtol=1e-13)
    torch = pytest.importorskip("torch")
    theirs = parameters(torch)
    total = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert total.item() == pytest.approx(want, rel=1e-13)
    np.testing.assert_allclose(flat(params), flat(theirs), rtol=1e-13)


def test_the_dtype_stays():
    params = parameters(dtype=np.float32)
    assert clip_grad_norm_(params, 1.0).dtype == np.float32
    assert {p.grad.dtype for p in params[:3]} == {np.dtype(np.float32)}
    assert np.linalg.norm(flat(params)) == pytest.approx(1.0, rel=1e-5)


def test_large_gradients_do_not_overflow():
    p = fg.tensor(np.zeros(2), requires_grad=True)
    p.grad = np.array([3e200, 4e200])
    assert clip_grad_norm_(p, 1.0).item() == pytest.approx(5e200, rel=1e-14)
    np.testing.assert_allclose(p.grad.numpy(), [0.6, 0.8], rtol=1e-14)


def test_what_is_not_finite():
    p = fg.tensor(np.zeros(2), requires_grad=True)
    for bad in (np.inf, np.nan):
        p.grad = np.array([1.0, bad])
        with pytest.raises(ValueError, match=f"norm of the gradients is {bad}"):
            clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
        assert p.grad.tolist()[0] == 1.0
        assert not np.isfinite(clip_grad_norm_(p, 1.0).item())


def test_nothing_to_clip():
    assert clip_grad_norm_([], 1.0).item() == 0.0
    p = fg.tensor(1.0, requires_grad=True)
    p.grad = 0.0
    assert clip_grad_norm_(p, 1.0).item() == 0.0
    assert p.grad.item() == 0.0


def test_values_are_held_between():
    params = parameters()
    before = flat(params)
    clip_grad_value_(params, 0.5)
    np.testing.assert_array_equal(flat(params), np.clip(before, -0.5, 0.5))


def test_arguments_are_checked():
    p = fg.tensor(1.0, requires_grad=True)
    with pytest.raises(ValueError, match="max_norm must be finite and at least 0, got -1"):
        clip_grad_norm_(p, -1.0)
    with pytest.raises(ValueError, match="norm_type must be above 0, got 0"):
        clip_grad_norm_(p, 1.0, 0)
    with pytest.raises(ValueError, match="clip_value must be finite"):
        clip_grad_value_(p, np.nan)
    with pytest.raises(TypeError, match=r"parameters\[1\] must be a tensor, got float"):
        clip_grad_norm_([p, 1.0], 1.0)
