// What follows from the order of numbers: where the largest stands, places in a sorted row. NaN is the largest.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// The first of the largest (smallest) numbers, or the first NaN: its position among those of the axes, flattened.
Tensor argmax(const Tensor& x, const Dims& axes, bool keepdims);
Tensor argmin(const Tensor& x, const Dims& axes, bool keepdims);
// sorted (n,): how many of its numbers are less than each value; `right`: less or equal.
Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right);

void register_order_ops();

}  // namespace fg
