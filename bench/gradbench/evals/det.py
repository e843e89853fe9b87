"""A determinant by expansion along the first row, over and over, and its gradient."""

import itertools
from typing import Any

import numpy as np

import fastgrad as fg
from bench.gradbench.protocol import Function

# Minors of so many rows are expanded for all choices of columns at once, which takes memory for about as many
# numbers as they have permutations; those of a larger matrix one after the other.
AT_ONCE = 7


def determinants(a: Any) -> Any:
    """Of n matrices (l, l, n), by expansion along the first row: the minors of all are the next matrices."""
    size, _, n = a.shape
    if size == 1:
        return a[0, 0]
    columns = np.arange(size)
    others = np.array([np.delete(columns, j) for j in columns]).T  # of the minor without j, in column j
    minors = fg.take(a[1:], others, axis=1).reshape(size - 1, size - 1, size * n)
    signs = (-1.0) ** columns[:, None]
    return fg.sum(signs * a[0] * determinants(minors).reshape(size, n), axis=0)


def determinant(a: Any) -> Any:
    """Of a (l, l), without pivots: with about as many products as there are permutations of l columns."""
    size = a.shape[0]
    first = max(0, size - AT_ONCE)
    if first == 0:
        return determinants(a[:, :, None])[0]
    # All ways to choose columns for the first rows, in order, what is left of them, and the sign of both.
    chosen = np.array(list(itertools.permutations(range(size), first)))
    is_left = (chosen[:, :, None] != np.arange(size)).all(1)
    left = np.nonzero(is_left)[1].reshape(-1, AT_ONCE)
    signs = sign_of(np.concatenate([chosen, left], axis=1))

    def expand(total: Any, row: Any) -> Any:
        some, rest, sign = row
        product = sign * fg.prod(a[np.arange(first), some])
        return total + product * determinants(fg.take(a[first:], rest, axis=1)[:, :, None])[0], None

    return fg.scan(expand, 0.0, (chosen, left, signs))[0]


def sign_of(permutations: Any) -> Any:
    """1 or -1 for each row: whether the pairs that stand in the wrong order are even or odd in number."""
    pairs = np.array(list(itertools.combinations(range(permutations.shape[1]), 2)))
    wrong = (permutations[:, pairs[:, 0]] > permutations[:, pairs[:, 1]]).sum(1)
    return (-1.0) ** wrong


def primal(a: Any, size: int) -> Any:
    return determinant(a.reshape(size, size))


def prepare(given: Any) -> tuple[Any, ...]:
    return np.array(given["A"], float), int(given["ell"])


FUNCTIONS = {
    "primal": Function(fg.compile(primal), prepare, float),
    "gradient": Function(fg.compile(fg.grad(primal)), prepare, np.ndarray.tolist),
}
