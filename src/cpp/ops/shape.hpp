// Ops that move, view, join or convert numbers without computing.
#pragma once

#include <vector>

#include "tape/apply.hpp"

namespace fg {

Tensor astype(const Tensor& x, DType dtype);
// A new value of the graph with the same numbers.
Tensor identity(const Tensor& x);
// The same, in memory of its own.
Tensor clone(const Tensor& x);
// One size may be -1: it is found from the others.
Tensor reshape(const Tensor& x, const Dims& shape);
// Axes in their new order; empty: reversed.
Tensor transpose(const Tensor& x, const Dims& axes = {});
Tensor broadcast_to(const Tensor& x, const Dims& shape);
// Per axis of x: where to begin, the step (never 0), and how many.
Tensor slice(const Tensor& x, const Dims& starts, const Dims& steps, const Dims& lengths);
Tensor concatenate(Span<Tensor> parts, int axis);

// The gradient of a value that was broadcast: summed over the axes it was repeated along.
Tensor sum_to(const Tensor& g, const Dims& shape);

// An axis as given (negative: from the end), checked, as one from the front.
int checked_axis(int64_t axis, int ndim, const char* op);

void register_shape_ops();

}  // namespace fg
