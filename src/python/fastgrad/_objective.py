"""A function to descend on, its gradient and its Hessian, over one flat vector in place of a nest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastgrad import _nest
from fastgrad._native import core

if TYPE_CHECKING:
    from fastgrad._core import Tensor

    Array = np.ndarray[Any, Any]


class Unknowns:
    """What a function is minimised over: a number, an array or a nest, and how it lies in a flat vector."""

    def __init__(self, x: Any, what: str) -> None:
        if _is_numbers(x):
            try:
                x = np.asarray(x)
            except (ValueError, OverflowError) as error:
                raise ValueError(f"{what} cannot be read as an array: {error}") from None
        leaves, self._structure = _nest.flatten(x)
        self.gives_tensors = any(isinstance(leaf, core.Tensor) for leaf in leaves)
        arrays = [_as_array(leaf, what) for leaf in leaves]
        self.shapes = [array.shape for array in arrays]
        # As in arithmetic, Python numbers take the type of the arrays around them.
        firm = [a.dtype for a, leaf in zip(arrays, leaves, strict=True) if not isinstance(leaf, (int, float))]
        single = bool(firm) and all(dtype == np.float32 for dtype in firm)
        self.dtype: np.dtype[np.floating] = np.dtype(np.float32 if single else np.float64)
        parts = [array.ravel() for array in arrays]
        self.start: Array = np.concatenate(parts).astype(self.dtype) if parts else np.empty(0)
        if self.start.size == 0:
            raise ValueError(f"{what} holds no numbers: there is nothing to vary")
        self.size = self.start.size
        self._ends = np.cumsum([part.size for part in parts])

    def parts(self, flat: Any) -> list[Any]:
        """The leaves, as views of an array (n,)."""
        starts = [0, *self._ends[:-1]]
        slices = zip(starts, self._ends, self.shapes, strict=True)
        return [flat[start:end].reshape(shape) for start, end, shape in slices]

    def nest(self, leaves: list[Any]) -> Any:
        """The nest with these leaves."""
        return _nest.unflatten(self._structure, leaves)

    def flat(self, nest: Any) -> Array:
        """The flat vector of a nest of this structure."""
        leaves, _ = _nest.flatten(nest)
        parts = [np.ravel(leaf.detach() if isinstance(leaf, core.Tensor) else leaf) for leaf in leaves]
        return np.concatenate(parts).astype(self.dtype, copy=False)

    def result(self, flat: Array) -> Any:
        """The nest as the caller gets it: of copies, in the kind that was given."""
        if self.gives_tensors:
            return self.nest([core.Tensor(part) for part in self.parts(flat)])
        return self.nest([part.copy() if part.ndim else part[()] for part in self.parts(flat)])


class Objective:
    """Value and gradient of a function at a flat vector: by replay where it can be recorded, else call."""

    def __init__(self, f: Callable[..., Any], unknowns: Unknowns) -> None:
        from fastgrad.autodiff import value_and_grad

        self._unknowns = unknowns
        self._value_and_grad = value_and_grad(f)
        self.evaluate: Callable[[Tensor], tuple[float, Tensor]]
        try:
            program = core.record(self._record, unknowns.parts(unknowns.start))
        except core.RecordingError:
            if core.is_recording():
                raise
            self.evaluate = self._call
        else:
            self.evaluate = core.train.Objective(program)

    def __call__(self, x: Array) -> tuple[float, Array]:
        value, gradient = self.evaluate(core.asarray(np.ascontiguousarray(x, self._unknowns.dtype)))
        return value, gradient.numpy()

    def _record(self, parts: list[Tensor]) -> list[Tensor]:
        value, gradient = self._value_and_grad(self._unknowns.nest(parts))
        return [value, *_nest.flatten(gradient)[0]]

    def _call(self, x: Tensor) -> tuple[float, Tensor]:
        value, gradient = self._value_and_grad(self._unknowns.nest(self._unknowns.parts(x.numpy())))
        return float(value), core.asarray(self._unknowns.flat(gradient))


class Hessian:
    """Products of a function's matrix of second derivatives with flat vectors.

    `constant` tells whether that matrix is known to be the same everywhere: its recording does not read x.
    """

    def __init__(self, f: Callable[..., Any], unknowns: Unknowns) -> None:
        self._f = f
        self._unknowns = unknowns
        parts = unknowns.parts(unknowns.start)
        self._program: Any = None
        self.constant = False
        try:
            self._program = core.record(self._record, parts + parts)
        except core.RecordingError:
            if core.is_recording():
                raise
        else:
            self.constant = not any(self._program.depends_on(i) for i in range(len(parts)))

    def product(self, x: Array, v: Array) -> Array:
        """The product at x with v, both (n,)."""
        at, along = (self._unknowns.parts(np.asarray(a, self._unknowns.dtype)) for a in (x, v))
        if self._program is not None:
            leaves = [leaf.numpy() for leaf in self._program(at + along)]
        else:
            leaves, _ = _nest.flatten(self._hvp(self._unknowns.nest(at), self._unknowns.nest(along)))
        return np.concatenate([np.ravel(leaf) for leaf in leaves]).astype(self._unknowns.dtype, copy=False)

    def matrix(self, x: Array) -> Array:
        """The whole matrix at x, (n, n), symmetric."""
        rows: Array = np.stack(
            [self.product(x, unit) for unit in np.eye(self._unknowns.size, dtype=self._unknowns.dtype)]
        )
        symmetric: Array = 0.5 * (rows + rows.T)
        return symmetric

    def _hvp(self, x: Any, v: Any) -> Any:
        from fastgrad.products import hvp

        return hvp(self._f, x, v)

    def _record(self, inputs: list[Tensor]) -> list[Tensor]:
        half = len(inputs) // 2
        product = self._hvp(self._unknowns.nest(inputs[:half]), self._unknowns.nest(inputs[half:]))
        return _nest.flatten(product)[0]


def _is_numbers(x: Any) -> bool:
    """Whether x is a list or tuple of plain numbers, at any depth: what SciPy calls array_like."""
    if not isinstance(x, (list, tuple)) or hasattr(x, "_fields") or not x:
        return False
    return all(_is_numbers(item) or isinstance(item, (int, float, np.number)) for item in x)


def _as_array(leaf: Any, what: str) -> Array:
    array = np.asarray(leaf.detach() if isinstance(leaf, core.Tensor) else leaf)
    if array.dtype.kind in "iu":
        return array.astype(np.float64)
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise TypeError(f"{what} must hold real numbers, got {type(leaf).__name__} with dtype {array.dtype}")
    if np.ma.isMaskedArray(leaf):
        raise TypeError(f"{what} is a masked array; fill or drop the masked values first")
    return array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64)
