"""fg.compile: record a function once per kind of arguments, replay it natively from then on."""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgrad import _nest, random
from fastgrad._core import RecordingError
from fastgrad._grad_mode import no_grad
from fastgrad._native import core

_STATIC = (int, bool, str, bytes, type(None))
_MOST_RECORDINGS = 256


class _Recorded:
    """One recording: the program, and how its outputs are nested among constants."""

    def __init__(self, f: Callable[..., Any], structure: Any, leaves: list[Any], dynamic: list[int]) -> None:
        self.outputs: list[int] = []  # which leaves of the result the program computes
        self.arrays: list[int] = []  # which are arrays that do not depend on the arguments
        self.wants_gradient = False
        self.checked = False  # against the function itself, on other arguments

        def run(traced: list[Any]) -> list[Any]:
            arguments = list(leaves)
            for place, tensor in zip(dynamic, traced, strict=True):
                arguments[place] = tensor
            args, keywords = _nest.unflatten(structure, arguments)
            self.leaves, self.structure = _nest.flatten(f(*args, **keywords))
            tensors = []
            for i, leaf in enumerate(self.leaves):
                if isinstance(leaf, core.Tensor):
                    self.outputs.append(i)
                    # Reached from a captured tensor that wants a gradient: a model's parameter.
                    self.wants_gradient = self.wants_gradient or leaf.requires_grad
                    tensors.append(leaf)
                    self.leaves[i] = None
                elif isinstance(leaf, np.ndarray):
                    self.arrays.append(i)
                    self.leaves[i] = leaf.copy()
            return tensors

        self.program = core.record(run, [leaves[place] for place in dynamic])

    def result(self, tensors: list[Any], finish: Callable[[Any], Any]) -> Any:
        leaves = list(self.leaves)
        for place, tensor in zip(self.outputs, tensors, strict=True):
            leaves[place] = finish(tensor)
        for place in self.arrays:
            leaves[place] = leaves[place].copy()  # the caller's own, as at every call of the function itself
        return _nest.unflatten(self.structure, leaves)

    def builder(self) -> Callable[[list[Any]], Any] | None:
        """What makes the result of the finished outputs, unless they are all of its leaves."""
        if len(self.outputs) == len(self.leaves):
            return None
        return lambda finished: self.result(finished, lambda leaf: leaf)


class CompiledFunction(core.CompiledCall):
    """What `compile` returns. Call it as the function it was made from."""

    def __init__(self, f: Callable[..., Any], check: bool = False) -> None:
        functools.update_wrapper(self, f, updated=())
        self._f = f
        self._check = check
        # A model, or the model whose method this is: train and eval mode make different recordings.
        self._model = f if hasattr(f, "training") else getattr(f, "__self__", None)
        self._recordings: dict[Any, _Recorded] = {}
        self._warned = False

    @property
    def recordings(self) -> int:
        """How many kinds of arguments have been recorded so far."""
        return len(self._recordings)

    def explain(self, *args: Any, **keywords: Any) -> str:
        """Return what a replay for such arguments does, a line a step; without any, for the latest ones.

        Each line names the operations that run together, the shape they make, how many multiply-adds and
        elementwise results that is, and the bytes read and written.

        Examples
        --------
        >>> import numpy as np
        >>> import fastgrad as fg
        >>> f = fg.compile(lambda x, w: fg.tanh(x @ w + 1.0))
        >>> print(f.explain(np.ones((2, 3)), np.ones((3, 4))))  # doctest: +NORMALIZE_WHITESPACE
        0  float64(2, 4)  40 operations, 216 bytes  matmul + add + tanh
        1 step from 3 recorded ops: 40 operations, 216 bytes read and written, 0 bytes of working memory
        <BLANKLINE>
        """
        return str(self._program(args, keywords).explain())

    def profile(self, *args: Any, runs: int = 100, **keywords: Any) -> str:
        """Return `explain` with the time each step takes, the least of `runs` replays on inputs of ones."""
        return str(self._program(args, keywords).profile(runs))

    def _program(self, args: Any, keywords: Any) -> core.Program:
        if args or keywords:
            self(*args, **keywords)
        if not self._recordings:
            raise ValueError(
                f"the compiled {_name(self)} has not been recorded yet: call it, or pass arguments"
            )
        if not (args or keywords):
            return list(self._recordings.values())[-1].program
        return self._recordings[self._key(args, keywords)[0]].program

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As a function does: the compiled method of an instance."""
        return self if instance is None else types.MethodType(self, instance)

    def _call(self, *args: Any, **keywords: Any) -> Any:
        """Replay what was recorded for such arguments, or record it first."""
        if core.is_recording():
            return self._f(*args, **keywords)  # part of the recording around it
        key, structure, leaves, dynamic, tensors, graph = self._key(args, keywords)
        recorded = self._recordings.get(key)
        fresh = recorded is None or not recorded.program.is_current()  # a parameter was frozen or thawed
        if recorded is None or fresh:
            recorded = self._record(key, structure, leaves, dynamic)
        inputs = [leaves[i] for i in dynamic]
        if (graph or recorded.wants_gradient) and core.is_grad_enabled():
            return recorded.result(recorded.program.inline(inputs), lambda t: t)
        if self._check and not fresh and not recorded.checked:
            draws = random.get_state()
            outputs = recorded.program(inputs)
            random.set_state(draws)  # the same numbers for both, and for the call itself
            self._compare(recorded, structure, leaves, outputs)
            random.set_state(draws)
            recorded.checked = True
        if self._model is None and not keywords and (recorded.checked or not self._check):
            result = self._remember(args, recorded.program, tensors, recorded.structure, recorded.builder())
            if result is not NotImplemented:
                return result
        return recorded.result(recorded.program(inputs), (lambda t: t) if tensors else core.to_result)

    def _key(self, args: Any, keywords: Any) -> tuple[Any, Any, list[Any], list[int], bool, bool]:
        """What tells calls apart; their structure, leaves and inputs; whether tensors, or graphs."""
        leaves, structure = _nest.flatten((args, keywords))
        key: list[Any] = [structure, core.is_grad_enabled(), _modes(self._model)]
        dynamic: list[int] = []
        tensors = graph = False
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, core.Tensor):
                key.append((leaf.shape, leaf.dtype, leaf.weak))
                tensors = True
                graph = graph or leaf.requires_grad
            elif isinstance(leaf, (np.ndarray, np.generic)):
                key.append((leaf.shape, leaf.dtype, False))
            elif isinstance(leaf, float):
                key.append(float)
            elif isinstance(leaf, _STATIC):
                key.append((type(leaf), leaf))
                continue
            else:
                # Anything else is one fixed object; a model also by whether it trains.
                _check_hashable(leaf, self)
                key.append((leaf, _modes(leaf)))
                continue
            dynamic.append(i)
        return tuple(key), structure, leaves, dynamic, tensors, graph

    def _record(self, key: Any, structure: Any, leaves: list[Any], dynamic: list[int]) -> _Recorded:
        recorded = _Recorded(self._f, structure, leaves, dynamic)
        if key not in self._recordings and len(self._recordings) == _MOST_RECORDINGS:
            del self._recordings[next(iter(self._recordings))]  # the oldest
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"the compiled {_name(self)} has been recorded for more than {_MOST_RECORDINGS} kinds of "
                    "arguments and forgets the oldest: each other shape, dtype, int, bool, str or object "
                    "makes a recording of its own; pass what varies as floats, or arrays of few shapes",
                    RuntimeWarning,
                    stacklevel=3,
                )
        self._recordings[key] = recorded
        return recorded

    def _compare(self, recorded: _Recorded, structure: Any, leaves: list[Any], outputs: list[Any]) -> None:
        """Raise when the function itself gives something else than its recording."""
        args, keywords = _nest.unflatten(structure, [core.operand(x) if _is_number(x) else x for x in leaves])
        with no_grad():
            eager, shape = _nest.flatten(self._f(*args, **keywords))
        if shape != recorded.structure:
            raise RecordingError(
                f"check=True: {_name(self)} returned another structure than while it was recorded; it "
                "branches on something that is no argument"
            )
        for place, replayed in zip(recorded.outputs, outputs, strict=True):
            value = eager[place]
            value = value.detach().numpy() if isinstance(value, core.Tensor) else np.asarray(value)
            if value.shape == replayed.shape and np.array_equal(value, replayed.numpy(), equal_nan=True):
                continue
            raise RecordingError(
                f"check=True: output {place} of {_name(self)} is not what its recording gives on these "
                "arguments: the function changes from call to call, or uses numbers that were not recorded "
                "(computed with NumPy or math from something other than an argument)"
            )


def _modes(model: Any) -> tuple[bool, ...] | None:
    """Which parts of a model are in training mode."""
    if model is None or not hasattr(model, "training"):
        return None
    modules = model.modules() if hasattr(model, "modules") else (model,)
    return tuple(module.training for module in modules)


def _check_hashable(leaf: Any, function: CompiledFunction) -> None:
    try:
        hash(leaf)
    except TypeError:
        raise TypeError(
            f"an argument of the compiled {_name(function)} is a {type(leaf).__name__}, which cannot be told "
            "from another one; expected numbers, arrays, tensors, nests of them, or hashable objects"
        ) from None


def _name(function: CompiledFunction) -> str:
    return str(getattr(function, "__name__", "function"))


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, (float, np.ndarray, np.generic))


def compile(f: Callable[..., Any], check: bool = False) -> CompiledFunction:
    """Function that records `f` on its first call and replays the recording natively afterwards.

    Parameters
    ----------
    f : callable
        Takes numbers, arrays, tensors and nests of them; floats and arrays are inputs of the recording, while
        ints, bools, strings and other objects are fixed: another one makes another recording. Computes with
        fastgrad operations and returns tensors, or nests of them.
    check : bool
        Whether the first replay is compared with `f` itself, which finds functions that change from call to
        call.

    Returns
    -------
    CompiledFunction
        Gives NumPy arrays for NumPy arguments, tensors for tensors, the same bits as `f` itself. It can be
        differentiated, and compiled into other functions.

    Raises
    ------
    RecordingError
        On the first call, if `f` reads a value (``if x > 0``, ``float(x)``): there is none while recording.
        Use `fastgrad.where`, or pass an int, bool or str. With `check`, on the first replay, if its result is
        not what `f` gives.

    Notes
    -----
    Arrays that `f` takes from outside are copied into the recording; tensors are used by reference, so that a
    model's parameters are read anew at each call. Each call draws new random numbers, those that `f` itself
    would. The recordings of up to 256 kinds of arguments are kept.

    Examples
    --------
    >>> import fastgrad as fg
    >>> step = fg.compile(fg.grad(lambda x: (x - 2.0) ** 2))
    >>> step(5.0)
    np.float64(6.0)
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    return CompiledFunction(f, check)
