"""Parameter: a tensor that a module learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgrad._native import core

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Parameter"]


class Parameter(core.Tensor):
    """A tensor that a `Module` takes up among its parameters when it becomes an attribute.

    Parameters
    ----------
    data : array_like or Tensor
        The first values, copied; Fortran order is kept, through pickle and deepcopy too.
    dtype : numpy.dtype, optional
        float32 or float64; as `data` has it by default.
    requires_grad : bool
        Whether gradients are computed for it. False freezes it.

    Raises
    ------
    TypeError
        When the data are not floating-point numbers and `requires_grad` is true.

    Examples
    --------
    >>> import fastgrad as fg
    >>> p = fg.nn.Parameter([1.0, 2.0])
    >>> p.requires_grad, p.is_leaf
    (True, True)
    """

    def __new__(cls, data: Any, dtype: Any = None, requires_grad: bool = True) -> Self:
        """Copy the data: keyword `requires_grad` is true by default here."""
        return super().__new__(cls, data, dtype=dtype, requires_grad=requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
