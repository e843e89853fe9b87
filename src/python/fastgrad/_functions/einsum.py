"""einsum: Einstein's summation convention, lowered to transposes, matrix products and sums."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastgrad._functions.matrices import diagonal
from fastgrad._functions.shapes import turned
from fastgrad._native import core
from fastgrad._operands import as_floating, as_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

    from fastgrad._core import Tensor

__all__ = ["einsum"]

_ops = core.ops

# A label of an axis: a letter; or, for one that "..." stands for, its place from the end, a negative number.
_Label: TypeAlias = "str | int"


class _Single(NamedTuple):
    """How an operand gets each label once, and loses axes that only broadcast."""

    diagonals: tuple[tuple[int, int], ...]
    shape: tuple[int, ...] | None


class _Join(NamedTuple):
    """How two terms become one: what is summed before, and the shapes that they are multiplied in."""

    places: tuple[int, int]
    sums: tuple[tuple[int, ...], tuple[int, ...]]
    axes: tuple[tuple[int, ...], tuple[int, ...]]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    product: str  # multiply; matmul; or sum: of products over the last axis
    result: tuple[int, ...]


class _Plan(NamedTuple):
    """What a call does, from its subscripts and the shapes of its operands."""

    singles: tuple[_Single, ...]
    joins: tuple[_Join, ...]  # one after the other; a result goes last
    sums: tuple[int, ...]  # of the term that is left
    axes: tuple[int, ...]


def einsum(*operands: Any) -> Tensor:
    """Return sums of products, with axes named by letters.

    Parameters
    ----------
    *operands
        Subscripts and array_like operands, ``einsum("ij,jk->ik", a, b)``, or each operand with a list of
        integers as its labels, ``einsum(a, [0, 1], b, [1, 2], [0, 2])``. Axes with one label run together;
        labels that the result does not name are summed over. Without ``->`` the result names those that stand
        once, in alphabetical order. ``...`` stands for axes that broadcast.

    Returns
    -------
    Tensor
        Sums of products of integers are float64, as those of `matmul`.

    Raises
    ------
    ValueError
        If the subscripts do not fit the operands.

    Notes
    -----
    More than two operands are joined pair by pair, in the order that ``numpy.einsum_path`` finds.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.einsum("ij,jk->ki", [[1.0, 2.0]], [[3.0], [4.0]]).tolist()
    [[11.0]]
    >>> fg.einsum("ii", [[1.0, 2.0], [3.0, 4.0]]).item()
    5.0
    """
    subscripts, given = _as_text(operands)
    tensors = [as_tensor(x) for x in given]
    plan = _plan(subscripts, tuple(t.shape for t in tensors))
    terms = [_ready(t, single) for t, single in zip(tensors, plan.singles, strict=True)]
    for join in plan.joins:
        right, left = (terms.pop(place) for place in sorted(join.places, reverse=True))
        terms.append(_joined(left, right, join))
    return turned(_summed(terms[0], plan.sums), plan.axes)


def _ready(t: Tensor, single: _Single) -> Tensor:
    for first, second in single.diagonals:
        t = diagonal(t, 0, first, second)
    return t if single.shape is None else _ops.reshape(t, single.shape)


def _joined(left: Tensor, right: Tensor, join: _Join) -> Tensor:
    a, b = (
        _ops.reshape(turned(_summed(t, sums), axes), shape)
        for t, sums, axes, shape in zip((left, right), join.sums, join.axes, join.shapes, strict=True)
    )
    if join.product == "matmul":
        product = _ops.matmul(a, b)
    elif join.product == "sum":
        product = _ops.sum(_ops.multiply(as_floating(a), b), -1)
    else:
        product = _ops.multiply(a, b)
    return _ops.reshape(product, join.result)


def _summed(t: Tensor, axes: tuple[int, ...]) -> Tensor:
    return _ops.sum(t, axes) if axes else t


def _as_text(operands: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """The subscripts as text, and the operands."""
    if operands and isinstance(operands[0], str):
        return operands[0].replace(" ", ""), operands[1:]
    if len(operands) < 2:
        raise ValueError("einsum: expected subscripts and operands")

    def letters(labels: Any) -> str:
        return "".join(
            "..." if label is Ellipsis else chr(ord("A") + label + 6 * (label > 25)) for label in labels
        )

    text = ",".join(letters(labels) for labels in operands[1::2])
    if len(operands) % 2:
        text += "->" + letters(operands[-1])
    return text, operands[: len(operands) // 2 * 2 : 2]


@lru_cache(maxsize=256)
def _plan(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> _Plan:
    left, arrow, right = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, got {len(shapes)}")
    sizes: dict[_Label, int] = {}
    inputs = []
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        labels = _labels(term, len(shape), f"operand {i} of shape {shape}", subscripts)
        inputs.append(labels)
        for label, size in zip(labels, shape, strict=True):
            known = sizes.setdefault(label, size)
            if 1 not in {known, size} and known != size:
                raise ValueError(
                    f"einsum: {label!r} in {subscripts!r} has size {size} in operand {i}, {known} before it"
                )
            if size != 1:
                sizes[label] = size
    dots = tuple(sorted(label for label in sizes if isinstance(label, int)))
    if arrow:
        output = _labels(right, len(right.replace("...", "")) + len(dots), "the result", subscripts)
    else:
        named = [label for labels in inputs for label in labels if isinstance(label, str)]
        output = (*dots, *sorted(label for label in set(named) if named.count(label) == 1))
    if len(set(output)) < len(output) or not set(output) <= set(sizes):
        raise ValueError(f"einsum: the result of {subscripts!r} must name labels of the operands, each once")
    singles, terms_left = [], []
    for labels, shape in zip(inputs, shapes, strict=True):
        single, once = _single(labels, shape, sizes)
        singles.append(single)
        terms_left.append(once)
    joins = []
    for place, other in _order(subscripts, shapes):
        rest = [labels for k, labels in enumerate(terms_left) if k not in {place, other}]
        kept = set(output).union(*rest)
        join, labels = _join((place, other), terms_left[place], terms_left[other], kept, sizes)
        joins.append(join)
        terms_left = [*rest, labels]
    (last,) = terms_left
    sums, last = _without(last, set(output))
    return _Plan(tuple(singles), tuple(joins), sums, tuple(last.index(label) for label in output))


def _order(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> Iterator[tuple[int, int]]:
    """Which two terms to join, step by step; a result goes last."""
    if len(shapes) == 2:
        yield 0, 1
    if len(shapes) < 3:
        return
    path, _ = np.einsum_path(subscripts, *[np.broadcast_to(0.0, s) for s in shapes], optimize="greedy")
    count = len(shapes)
    for step in path[1:]:
        places = sorted(step)
        while len(places) > 1:
            first, second = places[:2]
            yield first, second
            count -= 1
            places = sorted([*(place - 2 for place in places[2:]), count - 1])


def _labels(term: str, ndim: int, what: str, subscripts: str) -> tuple[_Label, ...]:
    """One label for each axis of an operand."""
    before, dots, after = term.partition("...")
    letters = before + after
    if not all(letter.isascii() and letter.isalpha() for letter in letters):
        raise ValueError(f"einsum: {term!r} in {subscripts!r} must be letters and at most one '...'")
    more = ndim - len(letters)
    if more < 0 or (more and not dots):
        raise ValueError(f"einsum: {term!r} in {subscripts!r} names {len(letters)} axes of {what}")
    return (*before, *range(-more, 0), *after)


def _single(
    labels: tuple[_Label, ...], shape: tuple[int, ...], sizes: dict[_Label, int]
) -> tuple[_Single, tuple[_Label, ...]]:
    diagonals = []
    for label in [label for label in dict.fromkeys(labels) if labels.count(label) > 1]:
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if shape[first] != shape[second]:
                raise ValueError(
                    f"einsum: {label!r} has sizes {shape[first]} and {shape[second]} in one operand"
                )
            diagonals.append((first, second))
            labels = (*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], label)
            shape = (*shape[:first], *shape[first + 1 : second], *shape[second + 1 :], shape[first])
    kept = [i for i, label in enumerate(labels) if shape[i] == sizes[label]]
    thinner = tuple(shape[i] for i in kept) if len(kept) < len(labels) else None
    return _Single(tuple(diagonals), thinner), tuple(labels[i] for i in kept)


def _without(labels: tuple[_Label, ...], kept: set[_Label]) -> tuple[tuple[int, ...], tuple[_Label, ...]]:
    """The axes that nobody else names, to be summed over, and the labels of the others."""
    sums = tuple(i for i, label in enumerate(labels) if label not in kept)
    return sums, tuple(label for label in labels if label in kept)


def _join(
    places: tuple[int, int],
    left: tuple[_Label, ...],
    right: tuple[_Label, ...],
    kept: set[_Label],
    sizes: dict[_Label, int],
) -> tuple[_Join, tuple[_Label, ...]]:
    sums_left, left = _without(left, kept | set(right))
    sums_right, right = _without(right, kept | set(left))
    both = [label for label in left if label in right]
    batch = tuple(label for label in both if label in kept)
    inside = tuple(label for label in both if label not in kept)
    rows = tuple(label for label in left if label not in both)
    columns = tuple(label for label in right if label not in both)
    b, m, k, n = (prod(sizes[label] for label in part) for part in (batch, rows, inside, columns))
    order = (*batch, *rows, *inside), (*batch, *inside, *columns)
    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    if not inside:
        product, shapes = "multiply", ((b, m, 1), (b, 1, n))
    elif batch and not rows and not columns:
        product, shapes = "sum", ((b, k), (b, k))
    else:
        lead = (b,) if batch else ()
        product, shapes = "matmul", ((*lead, m, k), (*lead, k, n))
    axes = tuple(left.index(label) for label in order[0]), tuple(right.index(label) for label in order[1])
    labels = (*batch, *rows, *columns)
    result = tuple(sizes[label] for label in labels)
    return _Join(places, (sums_left, sums_right), axes, shapes, product, result), labels
