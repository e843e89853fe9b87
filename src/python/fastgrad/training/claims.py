"""One training at a time for each parameter: the second finds it claimed and is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Claim"]

# By identity of a parameter, what claimed it. Single operations on a dict need no lock, which another thread
# could hold as the process forks.
_claimed: dict[int, Claim] = {}


class Claim:
    """Context in which nobody else may train these parameters."""

    def __init__(self, params: Iterable[Any]) -> None:
        self._params = list(params)  # held, so that no other object gets their identity
        self._held: list[int] = []

    def __enter__(self) -> Self:
        for param in self._params:
            if _claimed.setdefault(id(param), self) is not self:
                self.__exit__()
                raise RuntimeError(
                    "the model is being trained already, by a fit or a training step in another thread or "
                    "around this callback; wait for its end, or train a copy.deepcopy of the model"
                )
            self._held.append(id(param))
        return self

    def __exit__(self, *exception: object) -> None:
        for key in self._held:
            del _claimed[key]
        self._held.clear()
