"""One training at a time for each parameter: the second finds it claimed and is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastgrad._native import core

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Claim"]


class Claim:
    """Context in which nobody else may train these parameters; it may be entered again and again."""

    def __init__(self, params: Iterable[Any]) -> None:
        self._params = list(params)

    def __enter__(self) -> Self:
        core.train.claim(self._params)
        return self

    def __exit__(self, *exception: object) -> None:
        core.train.release(self._params)
