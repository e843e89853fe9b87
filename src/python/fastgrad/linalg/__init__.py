"""Linear algebra, by NumPy's names: functions of the matrices in the last two axes, to differentiate at will.

The numbers come from LAPACK by way of NumPy, except those of small systems (up to 16 by 16) and of triangles.
They are outside what is promised about bits, but a compiled function gives those of the function itself.
Matrices that an operation is not defined for raise `numpy.linalg.LinAlgError`.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from fastgrad.linalg.norms import cond, matrix_norm, matrix_rank, norm, vector_norm
    from fastgrad.linalg.powers import (
        cross,
        diagonal,
        expm,
        matmul,
        matrix_power,
        matrix_transpose,
        multi_dot,
        outer,
        tensordot,
        trace,
        vecdot,
    )
    from fastgrad.linalg.spectra import (
        EighResult,
        EigResult,
        QRResult,
        SVDResult,
        eig,
        eigh,
        eigvals,
        eigvalsh,
        qr,
        svd,
        svdvals,
    )
    from fastgrad.linalg.systems import (
        LstsqResult,
        SlogdetResult,
        cholesky,
        det,
        inv,
        lstsq,
        pinv,
        slogdet,
        solve,
        solve_triangular,
        tensorinv,
        tensorsolve,
    )

# Loaded when used, as all that not every process needs.
_LOADED_ON_USE = {
    "norms": "cond matrix_norm matrix_rank norm vector_norm",
    "powers": (
        "cross diagonal expm matmul matrix_power matrix_transpose multi_dot outer tensordot trace vecdot"
    ),
    "spectra": "EigResult EighResult QRResult SVDResult eig eigh eigvals eigvalsh qr svd svdvals",
    "systems": (
        "LstsqResult SlogdetResult cholesky det inv lstsq pinv slogdet solve solve_triangular tensorinv "
        "tensorsolve"
    ),
}
_HOME = {name: module for module, names in _LOADED_ON_USE.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'fastgrad.linalg' has no attribute {name!r}")
    globals()[name] = value = getattr(_import_module(f"fastgrad.linalg.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


__all__ = [
    "EigResult",
    "EighResult",
    "LstsqResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "expm",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]
