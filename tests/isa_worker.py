"""Runs every row of the op table at the ISA level of this process, for test_isa_bits.py.

Prints a line for each call of a row and each dtype, with a SHA-256 over values and gradients. Values are held
against the reference too: a wrong one is named on stderr, and the exit status is 1.
"""

from __future__ import annotations

import hashlib
import itertools
import sys

import numpy as np

from fastgrad import _core
from op_table import CASE_NAMES, CASES, truth, value_and_gradients

# Below, at and beyond every vector width, with many remainders; then beyond blocks of products and sums.
# The C++ tests of kernels go through every length.
lengths = [*range(1, 20), 31, 32, 33, 47, 48, 49, *range(63, 68), 270]

edges = {
    "f": [88.72, 88.73, -87.34, -103.9, -104.1, 9.0, 16.6, 6399.0, 6401.0, 99999.0, 1e5 + 1, 2.0**24 + 1],
    "d": [
        709.78,
        709.79,
        -708.4,
        -745.1,
        -745.2,
        19.0,
        36.7,
        1e6 - 1,
        1e6 + 1,
        1e9 - 1,
        1e9 + 1,
        2.0**53 - 1,
    ],
}


def edge_numbers(code):
    """Where an op may leave its usual path: zeros, infinities, NaN, subnormals, the ends of ranges."""
    info = np.finfo(code)
    common = [
        0.0,
        1.0,
        0.5,
        1.5,
        2.0,
        3.0,
        np.pi / 2,
        np.pi,
        1e-30,
        1e30,
        np.inf,
        1 + info.eps,
        1 - info.epsneg,
    ]
    small = [info.smallest_subnormal, info.smallest_normal, info.smallest_normal / 8, info.max, info.eps]
    positive = np.array([*common, *small, *edges[code]], code)
    return np.concatenate([positive, -positive, np.array([np.nan], code)])


def edge_inputs(row, code):
    """Every edge number with every other; three arguments with one another in a row."""
    numbers = edge_numbers(code)
    if len(row.args) == 1:
        return [numbers]
    pairs = [np.array(column) for column in zip(*itertools.product(numbers, numbers), strict=True)]
    if len(row.args) == 2:
        return pairs
    third = np.resize(numbers, pairs[0].size)
    return [np.signbit(third), *pairs] if row.args[0].draw is truth.draw else [*pairs, third]


def update(digest, array):
    array = np.array(array)
    if array.dtype.kind == "f":
        array[np.isnan(array)] = np.nan  # NaN has many patterns, and they mean nothing
    digest.update(repr(array.shape).encode())
    digest.update(array.tobytes())


def hash_case(row, call, code, wrong):
    digest = hashlib.sha256()
    inputs = [row.inputs(code, n=n) for n in lengths]
    if row.elementwise and code in "fd":
        inputs.append(edge_inputs(row, code))
    for arrays in inputs:
        value, flows = value_and_gradients(row, call, arrays)
        for array in (value, *flows):
            update(digest, array)
        error = row.error(call, arrays, value)
        if not error <= 1:
            wrong.append(f"{error:.3g} times the allowed error for inputs of shape {arrays[-1].shape}")
    return digest.hexdigest()


def main():
    print("fused" if _core.isa_is_fused() else "unfused", _core.isa())
    failed = False
    for (row, call), name in zip(CASES, CASE_NAMES, strict=True):
        for code in "" if row.host else row.dtypes:
            wrong = []
            print(name, np.dtype(code).name, hash_case(row, call, code, wrong))
            for complaint in wrong:
                print(f"{name} {np.dtype(code).name}: {complaint}", file=sys.stderr)
            failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
