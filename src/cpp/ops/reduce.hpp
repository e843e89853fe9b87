// Reductions over axes.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// axes may be negative; keepdims leaves them with size 1. The full set of axes stands for "all".
Tensor sum(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor mean(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor max(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor min(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor logsumexp(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor prod(const Tensor& x, const Dims& axes, bool keepdims = false);

Dims all_axes(const Tensor& x);

// For ops that reduce: the axes, checked and in order, and the shape that is left.
Attrs reduction(const Tensor& x, const Dims& axes, bool keepdims, const char* op);
Dims reduced_shape(const Dims& from, const Attrs& a);

void register_reduce_ops();

}  // namespace fg
