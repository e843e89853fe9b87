"""Nests of dicts, lists and tuples: taken apart into leaves and put together again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

Structure = Hashable
"""What is left of a nest without its leaves. Equal structures hold leaves at equal places."""


class _Leaf:
    def __repr__(self) -> str:
        return "*"


LEAF = _Leaf()


def flatten(nest: Any) -> tuple[list[Any], Structure]:
    """Leaves in order (dicts by sorted key, as JAX does), and the structure to rebuild with."""
    leaves: list[Any] = []
    return leaves, _flatten_into(nest, leaves)


def _flatten_into(nest: Any, leaves: list[Any]) -> Structure:
    kind = type(nest)
    if kind is tuple or kind is list:
        return (kind, None, tuple(_flatten_into(item, leaves) for item in nest))
    if kind is dict:
        keys = sorted_keys(nest)
        return (dict, keys, tuple(_flatten_into(nest[key], leaves) for key in keys))
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return (kind, "namedtuple", tuple(_flatten_into(item, leaves) for item in nest))
    if nest is None:
        return None
    leaves.append(nest)
    return LEAF


def sorted_keys(nest: dict[Any, Any]) -> tuple[Any, ...]:
    """The keys of a dict in the order of its leaves."""
    try:
        return tuple(sorted(nest))
    except TypeError:
        return tuple(nest)  # keys that do not compare keep the order they were put in


def unflatten(structure: Structure, leaves: list[Any]) -> Any:
    """The nest of that structure with these leaves."""
    return _rebuild(structure, iter(leaves))


def _rebuild(structure: Any, leaves: Iterator[Any]) -> Any:
    if structure is LEAF:
        return next(leaves)
    if structure is None:
        return None
    kind, keys, items = structure
    parts = [_rebuild(item, leaves) for item in items]
    if kind is dict:
        return dict(zip(keys, parts, strict=True))
    if keys == "namedtuple":
        return kind(*parts)
    return kind(parts)


def map_leaves(function: Callable[[Any], Any], nest: Any) -> Any:
    """The nest with every leaf replaced."""
    leaves, structure = flatten(nest)
    return unflatten(structure, [function(leaf) for leaf in leaves])
