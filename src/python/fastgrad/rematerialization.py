"""remat: values between argument and result are computed again for the gradient, instead of kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastgrad import _nest
from fastgrad._native import core
from fastgrad._transform import checked_function


def _tensor(leaf: Any) -> core.Tensor:
    tensor = core.operand(leaf)
    assert tensor is not None
    return tensor


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Function whose values on the way are not kept for the gradient, but computed again.

    Parameters
    ----------
    f : callable
        Takes numbers, arrays, tensors and nests of them, computes with fastgrad operations, and returns
        tensors or nests of them: a function, or a model or layer.

    Returns
    -------
    callable
        Gives the same bits, and the same gradients to any order, also to tensors that `f` takes from outside
        (parameters). Of a call only the arguments and these are kept for backward.

    Raises
    ------
    RecordingError
        If `f` reads a value (``if x > 0``, ``float(x)``): it runs on stand-ins without numbers.

    Notes
    -----
    Also known as gradient checkpointing: Griewank and Walther, *Evaluating Derivatives*, 2nd ed., chapter 12.
    A chain of n layers made of about sqrt(n) such functions keeps of the order of sqrt(n) values for one more
    run of each layer. In a compiled function the second computation comes after the gradient that needs it
    and is never taken for the first, so that the memory in between is free for others. Random numbers are the
    same in both.

    Examples
    --------
    >>> import fastgrad as fg
    >>> layer = fg.remat(lambda x, w: fg.tanh(x @ w))
    >>> x = fg.tensor([[1.0, 2.0]])
    >>> w = fg.tensor([[0.5], [0.1]], requires_grad=True)
    >>> layer(x, w).sum().backward()
    >>> w.grad.numpy().round(3)
    array([[0.635],
           [1.269]])
    """
    checked_function(f)

    @functools.wraps(f)
    def rematerialized(*args: Any, **keywords: Any) -> Any:
        if not core.is_grad_enabled() and not core.is_recording():
            return f(*args, **keywords)
        leaves, structure = _nest.flatten((args, keywords))
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, (core.Tensor, np.ndarray))]
        results: list[Any] = []

        def run(stand_ins: list[Any]) -> list[Any]:
            given = list(leaves)
            for place, tensor in zip(places, stand_ins, strict=True):
                given[place] = tensor
            some_args, some_keywords = _nest.unflatten(structure, given)
            results.extend(_nest.flatten(f(*some_args, **some_keywords)))
            return [leaf for leaf in results[0] if isinstance(leaf, core.Tensor)]

        values = core.remat(run, [_tensor(leaves[i]) for i in places])
        out, nesting = results
        finished = iter(values)
        return _nest.unflatten(
            nesting, [next(finished) if isinstance(leaf, core.Tensor) else leaf for leaf in out]
        )

    return rematerialized
