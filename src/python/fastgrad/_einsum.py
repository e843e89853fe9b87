"""einsum: Einstein's summation convention, lowered to transposes, matrix products and sums."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from fastgrad._matrices import diagonal
from fastgrad._native import core
from fastgrad._operands import as_tensor

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from fastgrad._core import Tensor

__all__ = ["einsum"]

_ops = core.ops

# A label of an axis: a letter; or, for one that "..." stands for, its place from the end, a negative number.
_Label: TypeAlias = "str | int"


@dataclass(frozen=True)
class _Plan:
    """What a call does, from its subscripts and the shapes of its operands."""

    inputs: tuple[tuple[_Label, ...], ...]
    output: tuple[_Label, ...]
    sizes: dict[_Label, int]
    order: tuple[tuple[int, ...], ...]  # which operands to join, one step after the other; a result goes last


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
    terms = [_reduced(t, labels, plan.sizes) for t, labels in zip(tensors, plan.inputs, strict=True)]
    for step in plan.order:
        joined = [terms.pop(i) for i in sorted(step, reverse=True)][::-1]
        result = joined[0]
        for k, other in enumerate(joined[1:], 2):
            rest = [labels for _, labels in [*terms, *joined[k:]]]
            result = _product(result, other, {*plan.output, *(x for labels in rest for x in labels)})
        terms.append(result)
    ((t, labels),) = terms
    t, labels = _summed(t, labels, set(plan.output))
    return _turned(t, labels, plan.output)


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
    order: tuple[tuple[int, ...], ...] = ((0, 1),) if len(shapes) == 2 else ()
    if len(shapes) > 2:
        path, _ = np.einsum_path(subscripts, *[np.broadcast_to(0.0, s) for s in shapes], optimize="greedy")
        order = tuple(step for step in path[1:] if len(step) > 1)
    return _Plan(tuple(inputs), output, sizes, order)


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


def _reduced(
    t: Tensor, labels: tuple[_Label, ...], sizes: dict[_Label, int]
) -> tuple[Tensor, tuple[_Label, ...]]:
    """An operand with each label once, and without axes that only broadcast."""
    for label in [label for label in dict.fromkeys(labels) if labels.count(label) > 1]:
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if t.shape[first] != t.shape[second]:
                raise ValueError(
                    f"einsum: {label!r} has sizes {t.shape[first]} and {t.shape[second]} in one operand"
                )
            t = diagonal(t, 0, first, second)
            labels = (*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], label)
    kept = [i for i, label in enumerate(labels) if t.shape[i] == sizes[label]]
    if len(kept) < len(labels):
        t = _ops.reshape(t, [t.shape[i] for i in kept])
        labels = tuple(labels[i] for i in kept)
    return t, labels


def _summed(t: Tensor, labels: tuple[_Label, ...], kept: set[_Label]) -> tuple[Tensor, tuple[_Label, ...]]:
    axes = [i for i, label in enumerate(labels) if label not in kept]
    if not axes:
        return t, labels
    return _ops.sum(t, axes), tuple(label for label in labels if label in kept)


def _turned(t: Tensor, labels: tuple[_Label, ...], wanted: tuple[_Label, ...]) -> Tensor:
    return t if labels == wanted else _ops.transpose(t, [labels.index(label) for label in wanted])


def _product(
    a: tuple[Tensor, tuple[_Label, ...]], b: tuple[Tensor, tuple[_Label, ...]], kept: set[_Label]
) -> tuple[Tensor, tuple[_Label, ...]]:
    """Two operands as one; labels that nobody else names are summed over."""
    left, of_left = _summed(*a, kept | set(b[1]))
    right, of_right = _summed(*b, kept | set(of_left))
    both = [label for label in of_left if label in of_right]
    batch = tuple(label for label in both if label in kept)
    inside = tuple(label for label in both if label not in kept)
    rows = tuple(label for label in of_left if label not in both)
    columns = tuple(label for label in of_right if label not in both)
    sizes = dict(zip(of_left, left.shape, strict=True)) | dict(zip(of_right, right.shape, strict=True))
    b_size, m, k, n = (prod(sizes[label] for label in part) for part in (batch, rows, inside, columns))
    left = _turned(left, of_left, (*batch, *rows, *inside))
    if not inside:
        right = _turned(right, of_right, (*batch, *columns))
        product = _ops.multiply(_ops.reshape(left, (b_size, m, 1)), _ops.reshape(right, (b_size, 1, n)))
    elif batch and not rows and not columns:
        right = _turned(right, of_right, (*batch, *inside))
        product = _ops.sum(_ops.multiply(_as_real(left), right), tuple(range(len(batch), left.ndim)))
    else:
        right = _turned(right, of_right, (*batch, *inside, *columns))
        lead = (b_size,) if batch else ()
        product = _ops.matmul(_ops.reshape(left, (*lead, m, k)), _ops.reshape(right, (*lead, k, n)))
    labels = (*batch, *rows, *columns)
    return _ops.reshape(product, [sizes[label] for label in labels]), labels


def _as_real(t: Tensor) -> Tensor:
    return t if t.dtype.kind == "f" else _ops.astype(t, np.float64)
