"""The gamma function's relatives, by SciPy's names."""

from __future__ import annotations

import math
from operator import index
from typing import TYPE_CHECKING

from fastgrad._native import core

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core import Tensor

__all__ = ["betaln", "digamma", "gammaln", "multigammaln", "polygamma"]

_ops = core.ops
_special = core.special


def gammaln(x: Any) -> Tensor:
    """Return the logarithm of the absolute value of the gamma function.

    Parameters
    ----------
    x : array_like
        inf at 0, at negative integers and at either infinity.

    Notes
    -----
    Within 8 ulp of the exact value for x > 0, also next to its roots at 1 and 2; for x < 0 within 4 ulp of
    the largest of the numbers it is the sum of. Its derivative is `digamma`, and so on by `polygamma`.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.gammaln([1.0, 2.0]).tolist()
    [0.0, 0.0]
    """
    return _special.gammaln(x)


def digamma(x: Any) -> Tensor:
    """Return the derivative of `gammaln`.

    Parameters
    ----------
    x : array_like
        -inf at 0 (inf at -0), NaN at negative integers.

    Notes
    -----
    Within 4 ulp of the exact value for x > 0, also next to its root at 1.4616...; for x < 0 within 4 ulp of
    the largest of the numbers it is the sum of.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.digamma(1.0).item(), 6)
    -0.577216
    """
    return _special.polygamma(0, x)


def polygamma(n: int, x: Any) -> Tensor:
    """Return derivative n of `digamma`.

    Parameters
    ----------
    n : int
        From 0 to 100.
    x : array_like
        At 0 and negative integers inf, or -inf for an even n.

    Notes
    -----
    ``(-1)**(n + 1) n! zeta(n + 1, x)``, the sum by the formula of Euler and Maclaurin; within 4 + 2 n ulp of
    the exact value for x > 0.

    Examples
    --------
    >>> import fastgrad as fg
    >>> round(fg.polygamma(1, 1.0).item(), 6)
    1.644934
    """
    return _special.polygamma(index(n), x)


def betaln(a: Any, b: Any) -> Tensor:
    """Return the logarithm of the absolute value of the beta function.

    Parameters
    ----------
    a, b : array_like
        Broadcast with one another.

    Notes
    -----
    ``gammaln(a) + gammaln(b) - gammaln(a + b)``: the error is that of the largest of the three.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.betaln(1.0, 1.0).item()
    0.0
    """
    return _special.gammaln(a) + _special.gammaln(b) - _special.gammaln(_ops.add(a, b))


def multigammaln(a: Any, d: int) -> Tensor:
    """Return the logarithm of the multivariate gamma function.

    Parameters
    ----------
    a : array_like
        Larger than (d - 1) / 2, else NaN; SciPy raises an error there.
    d : int
        Of how many dimensions, at least 1.

    Notes
    -----
    ``d (d - 1) / 4 log(pi)`` and the sum of ``gammaln(a - j / 2)`` for j from 0 to d - 1: R. Muirhead,
    *Aspects of multivariate statistical theory*, theorem 2.1.12.

    Examples
    --------
    >>> import fastgrad as fg
    >>> fg.multigammaln(2.0, 1).item()
    0.0
    """
    if index(d) < 1:
        raise ValueError(f"multigammaln: expected a dimension of at least 1, got d={d}")
    total = _special.gammaln(a)
    for j in range(1, index(d)):
        total = total + _special.gammaln(_ops.subtract(a, j / 2))
    return _ops.where(_ops.greater(a, (d - 1) / 2), total + d * (d - 1) / 4 * math.log(math.pi), math.nan)
