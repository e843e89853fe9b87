"""Switching off the memory that backward needs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from fastgrad._native import core

_F = TypeVar("_F", bound=Callable[..., Any])


class no_grad:
    """Context and decorator: operations inside are not remembered for backward.

    Use it for predictions and for updates of parameters. It holds for the current thread only.

    Examples
    --------
    >>> import fastgrad as fg
    >>> w = fg.tensor([1.0, 2.0], requires_grad=True)
    >>> with fg.no_grad():
    ...     (w * 2).requires_grad
    False
    """

    def __enter__(self) -> no_grad:
        self._before = core.set_grad_enabled(False)
        return self

    def __exit__(self, *exception: object) -> None:
        core.set_grad_enabled(self._before)

    def __call__(self, function: _F) -> _F:
        @functools.wraps(function)
        def wrapped(*args: Any, **keywords: Any) -> Any:
            with no_grad():
                return function(*args, **keywords)

        return wrapped  # type: ignore[return-value]
