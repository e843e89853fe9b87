"""Nests of dicts, lists and tuples: taken apart into leaves and put together again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastgrad._native import core

flatten, unflatten = core.flatten, core.unflatten


def map_leaves(function: Callable[[Any], Any], nest: Any) -> Any:
    """The nest with every leaf replaced."""
    leaves, structure = flatten(nest)
    return unflatten(structure, [function(leaf) for leaf in leaves])


def parts(structure: Any) -> list[tuple[Any, Any]]:
    """The key or place, and the structure, of each item of a nest that is no leaf ("*") and not None."""
    _, keys, *items = structure
    return list(zip(range(len(items)) if keys is None else keys, items, strict=True))
