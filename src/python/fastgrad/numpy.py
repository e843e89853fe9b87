"""The operations, by NumPy's names: functions of tensors, arrays and numbers that record and differentiate.

``import fastgrad.numpy as np`` in place of NumPy works for what is here; the same functions are ``fg.sin``,
``fg.where``, and so on. Array arguments give tensors.

NumPy's own functions do the same where a tensor is among their arguments. Where none is, or where NumPy asks
for numbers (``np.zeros`` to be filled, ``np.full(3, t)``, ``np.array([t0, t1])``), the names here are needed.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

import numpy as _np  # noqa: ICN001 - np.np would be a name of this module

from fastgrad import linalg as linalg  # noqa: PLC0414 - np.linalg.norm
from fastgrad._functions import elementwise as _elementwise
from fastgrad._functions.contractions import *  # noqa: F403
from fastgrad._functions.creation import *  # noqa: F403
from fastgrad._functions.einsum import *  # noqa: F403
from fastgrad._functions.elementwise import *  # noqa: F403
from fastgrad._functions.joining import *  # noqa: F403
from fastgrad._functions.matrices import *  # noqa: F403
from fastgrad._functions.picking import *  # noqa: F403
from fastgrad._functions.reductions import *  # noqa: F403
from fastgrad._functions.shapes import *  # noqa: F403
from fastgrad._functions.signals import *  # noqa: F403
from fastgrad._functions.special import *  # noqa: F403
from fastgrad._functions.statistics import *  # noqa: F403
from fastgrad._native import core

if TYPE_CHECKING:
    from typing import Any

    from fastgrad._core.ops import *  # type: ignore[assignment]  # noqa: F403
    from fastgrad._functions.arithmetic import *  # noqa: F403
    from fastgrad._functions.choosing import *  # noqa: F403
    from fastgrad._functions.comparisons import *  # noqa: F403
    from fastgrad._functions.correlation import *  # noqa: F403
    from fastgrad._functions.counting import *  # noqa: F403
    from fastgrad._functions.editing import *  # noqa: F403
    from fastgrad._functions.grids import *  # noqa: F403
    from fastgrad._functions.nans import *  # noqa: F403
    from fastgrad._functions.polynomials import *  # noqa: F403
    from fastgrad._functions.sets import *  # noqa: F403
    from fastgrad._functions.writing import *  # noqa: F403

_ops = core.ops

# Every elementwise operation, as the compiled core lists them: adding one needs no line here.
globals().update({name: getattr(_ops, name) for name in core.elementwise_table})

sum = _ops.sum
mean = _ops.mean
max = amax = _ops.max
min = amin = _ops.min
logsumexp = _ops.logsumexp
prod = _ops.prod
any = _ops.any
all = _ops.all
count_nonzero = _ops.count_nonzero
argmax = _ops.argmax
argmin = _ops.argmin
cumsum = _ops.cumsum
cumprod = _ops.cumprod
matmul = _ops.matmul
reshape = _ops.reshape
transpose = _ops.transpose
broadcast_to = _ops.broadcast_to
concatenate = _ops.concatenate
astype = _ops.astype
take = _ops.take
take_along_axis = _ops.take_along_axis
sort = _ops.sort
argsort = _ops.argsort
searchsorted = _ops.searchsorted

# Second names that NumPy and the field use.
absolute = _ops.abs
true_divide = _ops.divide
pow = _ops.power
expit = _ops.sigmoid
asin = _ops.arcsin
acos = _ops.arccos
atan = _ops.arctan
atan2 = _ops.arctan2
asinh = _ops.arcsinh
acosh = _ops.arccosh
atanh = _ops.arctanh
mod = _ops.remainder
positive = _ops.identity
around = _elementwise.round
radians = _elementwise.deg2rad
degrees = _elementwise.rad2deg


# Numbers and number types that code written for `np` names.
e, euler_gamma, inf, nan, newaxis, pi = _np.e, _np.euler_gamma, _np.inf, _np.nan, _np.newaxis, _np.pi
bool_, float32, float64, int64 = _np.bool_, _np.float32, _np.float64, _np.int64


# Functions that few programs use: a process loads their modules when it does.
_LOADED_ON_USE = {
    "arithmetic": (
        "angle divmod fabs fix float_power fmax fmin i0 ldexp logaddexp2 modf real_if_close unwrap"
    ),
    "choosing": "apply_along_axis apply_over_axes choose fromfunction piecewise select",
    "comparisons": (
        "allclose array_equal array_equiv can_cast iscomplex iscomplexobj isclose isneginf isposinf isreal "
        "isrealobj logical_xor result_type"
    ),
    "correlation": (
        "corrcoef cov cumulative_prod cumulative_sum ediff1d matrix_transpose matvec vecdot vecmat"
    ),
    "counting": (
        "argwhere bincount digitize flatnonzero histogram histogram2d histogram_bin_edges histogramdd nonzero"
    ),
    "editing": (
        "append block broadcast_arrays broadcast_shapes delete diagflat dsplit dstack extract insert resize "
        "rollaxis row_stack unstack"
    ),
    "grids": (
        "bartlett blackman diag_indices diag_indices_from geomspace hamming hanning indices ix_ kaiser "
        "logspace mask_indices ravel_multi_index tril_indices tril_indices_from triu_indices "
        "triu_indices_from unravel_index"
    ),
    "nans": (
        "nanargmax nanargmin nancumprod nancumsum nanmax nanmedian nanmin nanpercentile nanprod nanquantile "
        "nanstd nanvar"
    ),
    "polynomials": "poly polyadd polyder polydiv polyfit polyint polymul polysub polyval roots vander",
    "sets": (
        "argpartition intersect1d isin lexsort partition setdiff1d setxor1d trim_zeros union1d unique "
        "unique_values"
    ),
    "writing": "copyto fill_diagonal place put put_along_axis putmask",
}
_HOME = {name: module for module, names in _LOADED_ON_USE.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name == "fft":
        return _import_module("fastgrad.fft")
    if name in _HOME:
        globals()[name] = value = getattr(_import_module(f"fastgrad._functions.{_HOME[name]}"), name)
        return value
    raise AttributeError(
        f"fastgrad.numpy has no function {name!r}; NumPy's own works on arrays, not on tensors"
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, "fft"})
