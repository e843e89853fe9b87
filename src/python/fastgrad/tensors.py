"""Making tensors from numbers and arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgrad._native import core

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from fastgrad._core import Tensor


def tensor(data: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of the numbers in `data`.

    Parameters
    ----------
    data : array_like
        Numbers, nested lists of them, or an array of any layout. At most 8 dimensions.
    dtype : dtype, optional
        bool, int64, float32 or float64. By default what NumPy makes of `data`: Python floats become float64,
        smaller integers int64, float16 float32.
    requires_grad : bool, default False
        Whether operations on it are remembered for ``backward()``. Needs a float dtype.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        For objects, strings, complex and masked arrays, and dtypes that do not fit.

    Examples
    --------
    >>> import fastgrad as fg
    >>> x = fg.tensor([1.0, 2.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    return core.Tensor(data, dtype, requires_grad)


def asarray(data: ArrayLike) -> Tensor:
    """A tensor on the memory of an array, without a copy where dtype and alignment allow.

    Writing to the array afterwards changes the tensor, and can make gradients computed later wrong: the
    caller promises not to. `tensor` copies and is always safe.

    Parameters
    ----------
    data : array_like
        As for `tensor`; a tensor is returned as it is.

    Returns
    -------
    Tensor

    Raises
    ------
    TypeError
        As `tensor`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastgrad as fg
    >>> fg.asarray(np.zeros((2, 3))).shape
    (2, 3)
    """
    return core.asarray(data)
