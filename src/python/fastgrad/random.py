"""Random numbers from a counter: a seed and the number of the draw decide them, on every machine alike.

Functions that are recorded, by `fastgrad.compile`, `train_step` and `fit`, may draw too: each replay draws
anew, the numbers that the function itself would.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from fastgrad._native import core

if TYPE_CHECKING:
    from fastgrad._core import Tensor

__all__ = [
    "bernoulli",
    "get_state",
    "integers",
    "manual_seed",
    "next_stream",
    "normal",
    "permutation",
    "set_state",
    "uniform",
]

_SEEDS = 2**64


# Where the streams of a fit begin. Those of `manual_seed` begin at 0: initial parameters are made of them.
FIT_STREAMS = 2**63


def checked_seed(seed: Any, what: str = "seed") -> int:
    """Return a seed as an int, or raise naming the argument."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"{what} must be an int, got {type(seed).__name__}")
    if not 0 <= seed < _SEEDS:
        raise ValueError(f"{what} must be from 0 to 2**64 - 1, got {seed}")
    return int(seed)


def manual_seed(seed: int) -> None:
    """Start the global generator anew, so that what is drawn from here on is the same each time.

    Parameters
    ----------
    seed : int
        From 0 to 2**64 - 1.

    Raises
    ------
    TypeError, ValueError
        When `seed` is not such an int.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.manual_seed(0)
    >>> first = fg.random.normal((3,)).tolist()
    >>> fg.manual_seed(0)
    >>> fg.random.normal((3,)).tolist() == first
    True
    """
    core.random.set_state(checked_seed(seed), 0)


def get_state() -> tuple[int, int]:
    """Return where the global generator stands, for `set_state`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.manual_seed(7)
    >>> fg.random.get_state()
    (7, 0)
    """
    return core.random.get_state()


def set_state(state: tuple[int, int]) -> None:
    """Put the global generator where `get_state` found it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> state = fg.random.get_state()
    >>> first = fg.random.uniform((2,)).tolist()
    >>> fg.random.set_state(state)
    >>> fg.random.uniform((2,)).tolist() == first
    True
    """
    seed, streams = state
    core.random.set_state(checked_seed(seed, "state[0]"), checked_seed(streams, "state[1]"))


def next_stream() -> tuple[int, int]:
    """Return the global seed and a number that was not handed out before: the key of one draw.

    Raises
    ------
    RecordingError
        While a function is recorded, for a replay would repeat it.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.manual_seed(7)
    >>> fg.random.next_stream(), fg.random.next_stream()
    ((7, 0), (7, 1))
    """
    if core.is_recording():
        raise core.RecordingError(
            "a permutation or a seed was asked for while recording, and replays would repeat it; draw "
            "outside and pass it in as an argument"
        )
    return core.random.take()


def draw_seed() -> int:
    """Return a seed that the global generator decides, for what keeps a seed of its own."""
    seed, stream = next_stream()
    return int(core.random.integers((), 0, 2**63 - 1, (seed, stream)).item())


def uniform(
    shape: SupportsIndex | Sequence[int] = (), low: float = 0.0, high: float = 1.0, dtype: Any = np.float64
) -> Tensor:
    """Draw numbers evenly from [low, high).

    Parameters
    ----------
    shape : int or sequence of int
        Of the result; a single number by default.
    low, high : float
        ``low <= x < high``; all `low` when they are equal.
    dtype : numpy.dtype
        float64 or float32. The two are drawn separately: one is not the other rounded.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        When `high` is below `low`, or one of them is not finite.

    Notes
    -----
    Philox4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.manual_seed(0)
    >>> x = fg.random.uniform((2, 3), -1.0, 1.0)
    >>> x.shape, bool(abs(x).max() <= 1.0)
    ((2, 3), True)
    """
    return core.random.uniform(shape, low, high, dtype)


def normal(
    shape: SupportsIndex | Sequence[int] = (), mean: float = 0.0, std: float = 1.0, dtype: Any = np.float64
) -> Tensor:
    """Draw normally distributed numbers.

    Parameters
    ----------
    shape : int or sequence of int
        Of the result; a single number by default.
    mean, std : float
        Mean and standard deviation.
    dtype : numpy.dtype
        float64 or float32. The two are drawn separately: one is not the other rounded.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        When `std` is negative, or one of them is not finite.

    Notes
    -----
    The transformation of Box and Muller (1958) over Philox4x32-10, with a logarithm and a sine of its own, so
    that the bits do not depend on the machine's.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.manual_seed(0)
    >>> x = fg.random.normal((1000,), mean=5.0, std=2.0)
    >>> bool(abs(x.mean() - 5.0) < 0.3)
    True
    """
    return core.random.normal(shape, mean, std, dtype)


def integers(shape: SupportsIndex | Sequence[int], low: int, high: int) -> Tensor:
    """Draw integers evenly from `low` to ``high - 1``.

    Parameters
    ----------
    shape : int or sequence of int
        Of the result.
    low, high : int
        ``low <= x < high``.

    Returns
    -------
    Tensor
        Of int64.

    Raises
    ------
    ValueError
        When `high` is not above `low`, or they do not fit int64.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.manual_seed(0)
    >>> sorted(set(fg.random.integers((100,), 1, 7).tolist()))
    [1, 2, 3, 4, 5, 6]
    """
    first, last = operator.index(low), operator.index(high) - 1
    if first > last:
        raise ValueError(f"high must be above low, got low = {low} and high = {high}")
    if first < -(2**63) or last >= 2**63:
        raise ValueError(f"low and high - 1 must fit int64, got low = {low} and high = {high}")
    return core.random.integers(shape, first, last)


def bernoulli(shape: SupportsIndex | Sequence[int] = (), p: float = 0.5) -> Tensor:
    """Draw truth values that are true with probability `p`.

    Parameters
    ----------
    shape : int or sequence of int
        Of the result; a single value by default.
    p : float
        From 0 to 1; rounded to a multiple of 2^-32.

    Returns
    -------
    Tensor
        Of bool.

    Raises
    ------
    ValueError
        When `p` is not a probability.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.random.bernoulli((3,), p=1.0).tolist()
    [True, True, True]
    """
    return core.random.bernoulli(shape, p)


def permutation(n: int) -> Tensor:
    """Draw an order of 0 to ``n - 1``.

    Parameters
    ----------
    n : int
        How many; 0 or more.

    Returns
    -------
    Tensor
        (n,) of int64.

    Raises
    ------
    ValueError
        When `n` is negative.
    RecordingError
        While a function is recorded.

    Notes
    -----
    Up to 64 elements every order is equally likely. Larger ones come from a keyed Feistel network, as in
    Mitchell et al., "Bandwidth-optimal random shuffling for GPUs" (2022).

    Examples
    --------
    >>> import fastgrad as fg
    >>> sorted(fg.random.permutation(5).tolist())
    [0, 1, 2, 3, 4]
    """
    return core.random.permutation(operator.index(n), draw_seed())
