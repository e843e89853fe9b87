"""fastgrad.data: every row once an epoch, in an order that a seed and the epoch decide."""

from __future__ import annotations

import numpy as np
import pytest

import fastgrad as fg
from fastgrad.data import DataLoader, Subset, TensorDataset, random_split


def rows_of(loader) -> list[int]:
    """Numbers of the rows of one epoch of a loader whose last array counts the rows."""
    return [int(i) for batch in loader for i in batch[-1].tolist()]


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return rng.normal(size=(103, 4)), rng.normal(size=(103, 2, 3)).astype(np.float32), np.arange(103)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 10, 103, 1000])
def test_every_row_once_and_rows_stay_together(table, batch_size, shuffle, drop_last):
    loader = DataLoader(table, batch_size, shuffle=shuffle, drop_last=drop_last, seed=3)
    batches = list(loader)
    expected = 103 // batch_size if drop_last else -(-103 // batch_size)
    assert len(loader) == len(batches) == expected
    seen = []
    for x, z, i in batches:
        rows = i.numpy()
        assert len(rows) == batch_size or (not drop_last and i is batches[-1][2])
        np.testing.assert_array_equal(x.numpy(), table[0][rows])
        np.testing.assert_array_equal(z.numpy(), table[1][rows])
        assert (x.dtype, z.dtype, i.dtype) == (np.float64, np.float32, np.int64)
        seen += rows.tolist()
    assert len(set(seen)) == len(seen)
    if not drop_last:
        assert sorted(seen) == list(range(103))
    if not shuffle:
        assert seen == list(range(len(seen)))


def test_each_epoch_has_its_own_order(table):
    loader = DataLoader(table, 8, shuffle=True, seed=11)
    epochs = [rows_of(loader) for _ in range(3)]
    assert loader.epoch == 3
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    again = DataLoader(table, 8, shuffle=True, seed=11)
    again.epoch = 1  # as one that resumes
    assert rows_of(again) == epochs[1]
    assert rows_of(DataLoader(table, 8, shuffle=True, seed=12)) != epochs[0]
    assert rows_of(DataLoader(table, 50, shuffle=True, seed=11)) == epochs[0]


def test_seed_comes_from_the_global_generator(table):
    fg.manual_seed(0)
    first, second = DataLoader(table, shuffle=True), DataLoader(table, shuffle=True)
    assert first.seed != second.seed
    fg.manual_seed(0)
    again = DataLoader(table, shuffle=True)
    assert again.seed == first.seed
    order = rows_of(first)
    assert (
        rows_of(again)
        == rows_of(DataLoader(table, shuffle=True, seed=first.seed))
        == order
        != rows_of(second)
    )


def test_an_iterator_keeps_its_epoch(table):
    loader = DataLoader(table, 10, shuffle=True, seed=2)
    reference = [rows_of(loader), rows_of(loader)]
    loader.epoch = 0
    first, second = iter(loader), iter(loader)
    mixed = [[], []]
    for a, b in zip(first, second, strict=True):
        mixed[0] += a[2].tolist()
        mixed[1] += b[2].tolist()
    assert mixed == reference


@pytest.mark.parametrize(
    "layout",
    [
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a[::-1][::-1].copy()[:, ::-1][:, ::-1],
        lambda a: np.repeat(a, 3, axis=1)[:, ::3],
        lambda a: a.astype(">f8"),
        lambda a: np.broadcast_to(a[:1], a.shape),
        lambda a: a.tolist(),
        lambda a: fg.tensor(a),
        lambda a: fg.tensor(np.ascontiguousarray(a.T)).T,
    ],
)
def test_any_layout_gives_the_same_rows(table, layout):
    given = layout(table[0])
    reference = np.asarray(given.numpy() if isinstance(given, fg.Tensor) else given, dtype=float)
    loader = DataLoader((given, np.arange(103)), 9, shuffle=True, seed=1)
    for x, i in loader:
        np.testing.assert_array_equal(x.numpy(), reference[i.numpy()])


def test_batches_are_copies(table):
    x = table[0].copy()
    loader = DataLoader(x, 103)
    (batch,) = next(iter(loader))
    x[:] = 0.0
    np.testing.assert_array_equal(batch.numpy(), table[0])


def test_dataset_indexing(table):
    data = TensorDataset(*table)
    assert len(data) == 103
    x, z, i = data[5]
    assert (x.shape, z.shape, i.item()) == ((4,), (2, 3), 5)
    assert data[-1][2].item() == 102
    np.testing.assert_array_equal(data[10:13][2].numpy(), [10, 11, 12])
    assert repr(data) == "TensorDataset(float64(103, 4), float32(103, 2, 3), int64(103,))"


def test_subsets_nest(table):
    data = TensorDataset(*table)
    outer = Subset(data, np.arange(100, 0, -1))
    inner = Subset(outer, [0, 2, -1])
    assert [row.item() for row in (inner[0][2], inner[1][2], inner[2][2])] == [100, 98, 1]
    assert inner.tensors[2].tolist() == [100, 98, 1]
    assert sorted(rows_of(DataLoader(inner, 2, shuffle=True, seed=0))) == [1, 98, 100]
    assert rows_of(DataLoader(inner, 2)) == [100, 98, 1]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([3, 100], [3, 100]),
        ([0.5, 0.5], [52, 51]),
        ([0.7, 0.2, 0.1], [73, 20, 10]),
        ([1.0], [103]),
        ([103], [103]),
    ],
)
def test_random_split_deals_every_row_out(table, lengths, expected):
    parts = random_split(table, lengths, seed=4)
    assert [len(part) for part in parts] == expected
    rows = np.concatenate([part.indices for part in parts])
    assert sorted(rows.tolist()) == list(range(103))
    assert rows.tolist() != list(range(103))
    again = random_split(TensorDataset(*table), lengths, seed=4)
    assert all(np.array_equal(a.indices, b.indices) for a, b in zip(parts, again, strict=True))
    other = random_split(table, lengths, seed=5)
    assert not np.array_equal(other[0].indices, parts[0].indices)


def test_random_split_draws_a_seed(table):
    fg.manual_seed(9)
    first = random_split(table, [50, 53])
    fg.manual_seed(9)
    np.testing.assert_array_equal(random_split(table, [50, 53])[0].indices, first[0].indices)


X = np.zeros((4, 2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: TensorDataset(), ValueError, "at least one array"),
        (
            lambda: TensorDataset(X, np.zeros(3)),
            ValueError,
            r"arrays\[1\] has 3 rows \(shape \(3,\)\), arrays\[0\] has 4",
        ),
        (lambda: TensorDataset(X[:0]), ValueError, r"the data set is empty: arrays\[0\] has shape \(0, 2\)"),
        (
            lambda: TensorDataset(3.0),
            ValueError,
            r"arrays\[0\] must have shape \(n, ...\), got a single number",
        ),
        (lambda: TensorDataset(X, ["a", "b", "c", "d"]), TypeError, r"arrays\[1\]"),
        (lambda: TensorDataset(X.astype(complex)), TypeError, "complex128"),
        (lambda: TensorDataset(np.array([None, 1], object)), TypeError, "object"),
        (lambda: TensorDataset(np.ma.masked_array(X)), TypeError, "masked"),
        (lambda: DataLoader(X, 0), ValueError, "batch_size must be at least 1, got 0"),
        (lambda: DataLoader(X, 2.0), TypeError, "batch_size must be an int, got float"),
        (lambda: DataLoader(X, True), TypeError, "batch_size must be an int, got bool"),
        (lambda: DataLoader(X, seed=-1), ValueError, "seed must be from 0"),
        (lambda: DataLoader(X, seed="a"), TypeError, "seed must be an int, got str"),
        (lambda: DataLoader((X, X[:2])), ValueError, "2 rows"),
        (lambda: DataLoader(()), ValueError, "at least one array"),
        (lambda: Subset(X, [0]), TypeError, "dataset must be a TensorDataset or a Subset, got ndarray"),
        (lambda: Subset(TensorDataset(X), []), ValueError, r"shape \(m,\) with m at least 1"),
        (lambda: Subset(TensorDataset(X), [0.5]), TypeError, "must be integers, got float64"),
        (
            lambda: Subset(TensorDataset(X), [0, 4]),
            IndexError,
            "index 4 is out of range for a data set of 4 rows",
        ),
        (lambda: Subset(TensorDataset(X), [-5]), IndexError, "index -5 is out of range"),
        (lambda: random_split(X, [1, 2]), ValueError, "lengths add up to 3, the data set has 4 rows"),
        (lambda: random_split(X, [0.5, 0.4]), ValueError, "fractions must add up to 1, got 0.9"),
        (lambda: random_split(X, [4, 0]), ValueError, "each part needs at least one row"),
        (lambda: random_split(X, [0.99, 0.01]), ValueError, "at least one row; of 4 rows"),
        (lambda: random_split(X, [2, 2.5]), ValueError, "whole numbers of rows, or fractions"),
        (lambda: random_split(X, []), ValueError, "at least one part"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_out_of_range_batches_are_refused():
    batches = DataLoader(X, 3)._batches
    with pytest.raises(IndexError, match="batch 2 of 2"):
        batches.batch(0, 2)
