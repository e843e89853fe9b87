"""Switching off the memory that backward needs."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from fastgrad._native import core

if TYPE_CHECKING:
    from typing_extensions import Self

_F = TypeVar("_F", bound=Callable[..., Any])


class grad_mode:  # noqa: N801 - a context, as no_grad
    """Context, entered once: whether operations inside are remembered for backward. Gives the mode before."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled

    def __enter__(self) -> bool:
        self._before = core.set_grad_enabled(self._enabled)
        return self._before

    def __exit__(self, *exception: object) -> None:
        core.set_grad_enabled(self._before)


class no_grad:  # noqa: N801 - the name everybody knows
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

    def __init__(self) -> None:
        # Per thread a stack: one instance may be entered again inside itself.
        self._before = threading.local()

    def __enter__(self) -> Self:
        stack = self._before.__dict__.setdefault("stack", [])
        stack.append(core.set_grad_enabled(False))
        return self

    def __exit__(self, *exception: object) -> None:
        core.set_grad_enabled(self._before.stack.pop())

    def __call__(self, function: _F) -> _F:
        if inspect.isgeneratorfunction(function):
            return _quiet_generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def wrapped(*args: Any, **keywords: Any) -> Any:
            with no_grad():
                return function(*args, **keywords)

        return wrapped  # type: ignore[return-value]


def _quiet_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    """The mode holds while the generator runs, and not for its caller in between."""

    @functools.wraps(function)
    def wrapped(*args: Any, **keywords: Any) -> Any:
        with no_grad():
            generator = function(*args, **keywords)
            try:
                item = next(generator)
            except StopIteration as end:
                return end.value
        while True:
            try:
                sent = yield item
            except GeneratorExit:
                with no_grad():
                    generator.close()
                raise
            except BaseException as error:  # goes where the generator was waiting
                resume: Callable[[], Any] = functools.partial(generator.throw, error)
            else:
                resume = functools.partial(generator.send, sent)
            with no_grad():
                try:
                    item = resume()
                except StopIteration as end:
                    return end.value

    return wrapped
