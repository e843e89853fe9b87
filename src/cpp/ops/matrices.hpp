// What the rules of linear algebra share: parts of matrices, as operations, and how a matrix is refused.
#pragma once

#include "ops/contract.hpp"
#include "ops/elementwise.hpp"
#include "ops/shape.hpp"

namespace fg {

// A matrix that the computation is not defined for: singular, not positive definite, without convergence.
struct MatrixError : ValueError {
    using ValueError::ValueError;
};

// Throws it for matrix `position` of a batch; `lacks`: "is singular" and the like.
[[noreturn]] void refuse_matrix(const char* op, const char* lacks, const View& matrices, int64_t position);

// Throws unless the operand is (..., n, n).
void check_square(const char* op, const Dims& shape);
// Throws unless it is (..., m, n).
void check_matrix(const char* op, const Dims& shape);

// The last two axes exchanged.
Tensor turned(const Tensor& x);
// `length` places of an axis, counted from the end, from `start` on.
Tensor part(const Tensor& x, int axis_from_end, int64_t start, int64_t length);
// Zeros above a diagonal, or below it.
Tensor lower_part(const Tensor& x, int64_t diagonal = 0);
Tensor upper_part(const Tensor& x, int64_t diagonal = 0);
// (..., n) as the diagonals of (..., n, n).
Tensor on_diagonal(const Tensor& x);
// Half of a matrix and half of it turned.
Tensor symmetrised(const Tensor& x);
// One axis of size 1 more: a row (..., 1, n) or a column (..., n, 1).
Tensor as_row(const Tensor& x);
Tensor as_column(const Tensor& x);
// (...) as (..., 1, 1).
Tensor as_single(const Tensor& x);

// As real numbers: what is not floating becomes float64.
inline Tensor floating(const Tensor& x) { return astype(x, to_floating(x.dtype())); }

}  // namespace fg
