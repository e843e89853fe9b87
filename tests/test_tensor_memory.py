"""The memory of tensors: sharing with arrays, copies, and that nothing leaks."""

from __future__ import annotations

import copy
import gc
import itertools
import math
import os
import pickle
import sys
import tracemalloc
import weakref

import numpy as np
import pytest

import fastgrad as fg
from checking import assert_same
from fastgrad import nn

DTYPES = [np.bool_, np.int64, np.float32, np.float64]


# --- memory


def test_tensor_copies_and_asarray_does_not():
    a = np.arange(3.0)
    copied, shared = fg.tensor(a), fg.asarray(a)
    a[0] = 9.0
    assert copied.tolist() == [0.0, 1.0, 2.0]
    assert shared.tolist() == [9.0, 1.0, 2.0]
    assert np.shares_memory(shared.numpy(), a)
    assert not np.shares_memory(fg.asarray(a.astype(np.float16)).numpy(), a)
    t = fg.tensor(a)
    assert fg.asarray(t) is t


def test_arrays_are_read_only_views():
    t = fg.tensor([1.0, 2.0])
    array = t.numpy()
    assert np.shares_memory(array, t.numpy())
    assert np.shares_memory(array, np.asarray(t))
    assert not array.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 5.0
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


def test_array_protocol():
    t = fg.tensor([1.0, 2.0])
    own = np.array(t)
    own[0] = 7.0
    assert t.tolist() == [1.0, 2.0]
    assert np.asarray(t, np.float32).dtype == np.float32
    assert np.asarray(t, copy=False) is not None
    with pytest.raises(ValueError, match=r"[Uu]nable to avoid copy"):
        np.asarray(t, np.float32, copy=False)
    own = np.asarray(t, copy=True)
    own[0] = 7.0
    assert t.tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(np.asarray([fg.tensor(1.0), fg.tensor(2.0)]), [1.0, 2.0])


@pytest.mark.parametrize("read", [np.asarray, np.array, lambda t: t.numpy(), lambda t: np.array([t, t])])
def test_no_array_of_what_requires_a_gradient(read):
    w = fg.tensor([1.0, 2.0], requires_grad=True)
    for t in (w, w * 2.0, w[0]):
        with pytest.raises(RuntimeError, match=r"\.detach\(\)\.numpy\(\)"):
            read(t)
    np.testing.assert_array_equal(np.asarray(w.detach()), [1.0, 2.0])
    assert w.tolist() == [1.0, 2.0]
    assert float(w[1]) == 2.0


def test_a_list_of_tensors_that_require_gradients_is_not_read():
    w = fg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises((TypeError, RuntimeError), match="stack"):
        fg.tensor([w[0], w[1]])
    assert_same(fg.stack([w[0], w[1]]), [1.0, 2.0])


@pytest.mark.parametrize(
    "view",
    [
        lambda a: fg.reshape(a, (3, 2)),
        lambda a: fg.reshape(a, (2, 3)),
        lambda a: fg.transpose(a),
        lambda a: fg.broadcast_to(a, (4, 2, 3)),
        lambda a: fg.broadcast_to(a, (2, 3)),
        lambda a: fg.astype(a, np.float64),
        lambda a: fg.concatenate([a]),
        lambda a: fg.stack([a]),
        lambda a: fg.sum(a, ()),
        lambda a: fg.clip(a, -100.0, 100.0),
        lambda a: fg.tensor(a),
        lambda a: fg._native.core.ops.identity(a),
    ],
)
def test_what_functions_make_of_an_array_is_not_the_array(view):
    a = np.arange(6.0).reshape(2, 3)
    t = view(a)
    before = t.tolist()
    a[...] = -1.0
    assert t.tolist() == before


def test_an_array_mixed_into_a_graph_may_be_written_to():
    w = fg.tensor([1.0, 2.0], requires_grad=True)
    a = np.array([3.0, 4.0])
    y = (
        (w * a).sum()
        + (fg.where(a > 0, w, a) * fg.reshape(a, (2,))).sum()
        + (w.reshape(1, 2) @ a.reshape(2, 1)).sum()
    )
    a[...] = 0.0
    y.backward()
    np.testing.assert_array_equal(w.grad.numpy(), [9.0, 12.0])


def test_shared_memory_outlives_its_array():
    a = np.arange(1000.0)
    alive = weakref.ref(a)
    t = fg.asarray(a)[10:20]
    del a
    gc.collect()
    assert alive() is not None
    assert t.tolist() == list(range(10, 20))
    array = t.numpy()
    del t
    gc.collect()
    assert array.tolist() == list(range(10, 20))
    del array
    gc.collect()
    assert alive() is None


def test_memory_of_a_tensor_outlives_it():
    array = (fg.tensor(np.arange(100_000.0)) + 1.0)[::2].numpy()
    others = [fg.tensor(np.zeros(100_000)) + float(i) for i in range(20)]
    np.testing.assert_array_equal(array, np.arange(1.0, 100_001.0, 2.0))
    assert len(others) == 20


def test_an_array_in_a_graph_lives_as_long_as_the_graph():
    a = np.ones(10)
    alive = weakref.ref(a)
    w = fg.tensor(np.ones(10), requires_grad=True)
    y = (w * fg.asarray(a)).sum()
    del a
    gc.collect()
    assert alive() is not None
    y.backward()
    assert w.grad.tolist() == [1.0] * 10
    del y
    gc.collect()
    assert alive() is None


def test_detach_shares_and_clone_does_not():
    w = fg.tensor([1.0, 2.0], requires_grad=True)
    detached, cloned = w.detach(), w.clone()
    assert not detached.requires_grad
    assert np.shares_memory(detached.numpy(), w.detach().numpy())
    assert not np.shares_memory(cloned.detach().numpy(), w.detach().numpy())
    (cloned * 3.0).sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]
    plain = fg.tensor([1.0, 2.0])
    assert not np.shares_memory(plain.clone().numpy(), plain.numpy())


def test_a_clone_keeps_numbers_that_an_optimizer_overwrites():
    p = nn.Parameter([1.0, 2.0])
    before, before_detached = p.clone(), p.detach().clone()
    p.grad = [1.0, 1.0]
    fg.optim.SGD([p], lr=0.5).step()
    assert p.tolist() == [0.5, 1.5]
    assert before.tolist() == [1.0, 2.0]
    assert before_detached.tolist() == [1.0, 2.0]


# --- copies


@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 4)])
def test_copies(make_copy, dtype, shape):
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    requires_grad = np.dtype(dtype).kind == "f"
    t = fg.tensor(array, requires_grad=requires_grad)
    other = make_copy(t)
    assert type(other) is fg.Tensor
    assert other.requires_grad is requires_grad
    assert other.is_leaf
    assert_same(other, array)
    if array.size:
        assert not np.shares_memory(other.detach().numpy(), t.detach().numpy())


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_keep_type_layout_and_attributes(protocol):
    p = nn.Parameter(np.asfortranarray(np.arange(6.0).reshape(2, 3)), requires_grad=False)
    p.note = {"layer": 3}
    for other in (pickle.loads(pickle.dumps(p, protocol)), copy.deepcopy(p)):
        assert type(other) is nn.Parameter
        assert other.requires_grad is False
        assert other.detach().numpy().flags.f_contiguous
        assert not other.detach().numpy().flags.c_contiguous
        assert other.note == {"layer": 3}
        assert other.note is not p.note
        assert_same(other, np.arange(6.0).reshape(2, 3))


def test_shared_tensors_stay_shared():
    w = fg.tensor([1.0], requires_grad=True)
    for a, b in (copy.deepcopy([w, w]), pickle.loads(pickle.dumps([w, w]))):
        assert a is b
    cyclic = nn.Parameter([1.0])
    cyclic.me = cyclic
    other = copy.deepcopy(cyclic)
    assert other.me is other


def test_a_computed_tensor_is_not_deep_copied():
    w = fg.tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        copy.deepcopy(w * 2.0)
    assert_same(copy.deepcopy((w * 2.0).detach()), [2.0])


def test_weak_references():
    t = fg.tensor([1.0])
    gone = []
    reference = weakref.ref(t, gone.append)
    assert reference() is t
    table = weakref.WeakKeyDictionary({t: 1})
    del t
    gc.collect()
    assert reference() is None
    assert gone == [reference]
    assert len(table) == 0


class Tagged(fg.Tensor):
    tag = "plain"

    def doubled(self):
        return self * 2.0


def test_subclasses():
    t = Tagged([1.0, 2.0], requires_grad=True)
    t.tag = "special"
    assert isinstance(t, fg.Tensor)
    assert_same(t.doubled(), [2.0, 4.0])
    assert type(t.doubled()) is fg.Tensor
    t.doubled().sum().backward()
    assert t.grad.tolist() == [2.0, 2.0]
    cycle = Tagged([3.0])
    cycle.me = cycle
    alive = weakref.ref(cycle)
    del cycle
    gc.collect()
    assert alive() is None


# --- nothing leaks


COMPILED = fg.compile(lambda x, c: fg.tanh(x) * c)


def exercise(a, other):
    """One of everything that makes and drops references, errors included."""
    w = fg.tensor(a, requires_grad=True)
    y = (fg.sin(w) * a + 2.0 * fg.asarray(a) - [1.0, 2.0, 3.0]) @ a
    y.backward()
    assert w.grad is not None
    assert w.grad.numpy() is not None
    float(y), bool(y > 0), repr(y), w.shape, w.dtype, w[0], w[1:], w[[0, 2]], list(w), hash(w)
    np.sin(w), np.sum(w), np.asarray(w.detach()), np.float64(2.0) * w, a * w
    pickle.loads(pickle.dumps(w))
    copy.deepcopy(w)
    for bad in (
        lambda: w + other,
        lambda: w["a"],
        lambda: w[9],
        lambda: w.item(),
        lambda: y.backward(),
        lambda: w + None,
    ):
        try:
            bad()
        except (TypeError, ValueError, IndexError, RuntimeError):
            continue
        raise AssertionError("expected an error")
    fg.grad(lambda x: (x * a).sum())(a)
    fg.value_and_grad(lambda t: t["x"] * t["y"])({"x": 1.0, "y": 2.0})
    fg.hessian(lambda x: (x * x * x).sum())(a)
    COMPILED(a, 2.0)
    COMPILED(w, 2.0).sum().backward()


def test_no_references_leak():
    arrays = (np.ones(3), np.ones(4))  # NumPy 2.4 itself leaks a dtype in each np.ones
    for _ in range(20):
        exercise(*arrays)
    gc.collect()
    singletons = [None, True, 1.0, np.dtype(np.float64), np.float64, fg.Tensor, np.ndarray, tuple, ()]
    before = [sys.getrefcount(s) for s in singletons]
    objects = len(gc.get_objects())
    tracemalloc.start()
    try:
        exercise(*arrays)
        traced = [tracemalloc.get_traced_memory()[0]]
        for _ in range(5):
            for _ in range(100):
                exercise(*arrays)
            gc.collect()
            traced.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    after = [sys.getrefcount(s) for s in singletons]
    for s, was, now in zip(singletons, before, after, strict=True):
        assert now - was < 100, s  # 500 rounds: one leaked reference each would show
    assert len(gc.get_objects()) - objects < 100
    # A leak grows in every hundred rounds, the interpreter's caches only in some: 100 bytes a round.
    assert min(later - earlier for earlier, later in itertools.pairwise(traced)) < 10_000, traced


def test_operands_keep_their_reference_counts():
    a = np.ones(3)
    w = fg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    t = fg.tensor([1.0, 2.0, 3.0])
    number = 12345.678
    before = [sys.getrefcount(x) for x in (a, w, t, number)]
    for _ in range(100):
        (
            w * a,
            t * a,
            a * t,
            t + number,
            fg.where(a > 0, t, number),
            fg.asarray(a),
            t.numpy(),
            np.add(t, a),
            w == a,
        )
        fg.concatenate([t, a]), fg.grad(lambda x: (x * t * a).sum())(a)
    gc.collect()
    after = [sys.getrefcount(x) for x in (a, w, t, number)]
    assert after == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_stays_flat_over_many_operations():
    def resident():
        with open("/proc/self/statm") as statm:  # noqa: PTH123 - one line
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def some(count):
        w = fg.tensor(np.ones(50), requires_grad=True)
        for _ in range(count):
            y = w * 2.0 + 1.0
            y.sum().backward()
            w.grad = None
        big = np.ones(50_000)  # large enough for the kept blocks
        for _ in range(count // 1000):
            (fg.asarray(big) * 2.0 + 1.0).sum().item()

    some(2000)
    gc.collect()
    before = resident()
    some(30_000)  # 1e5 operations and their backward
    gc.collect()
    assert resident() - before < 8e6
