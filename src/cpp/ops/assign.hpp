// Numbers put in the place of others: what `x[index] = values` computes. A new value, nothing is written in place.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// x with `values` at every step-th number along each axis; see slice. values: of shape `lengths`, of x's type.
Tensor set_slice(const Tensor& x, const Tensor& values, const Dims& starts, const Dims& steps, const Dims& lengths);

// x with values[i] at places[i], positions in the C order of x; where one comes twice, the last counts. places (int64)
// and values have the same shape.
Tensor put(const Tensor& x, const Tensor& places, const Tensor& values);

// 0, 1, 2, ...: where each number of a value of that shape stands in C order, for `put`.
Tensor positions(const Dims& shape);

void register_assign_ops();

}  // namespace fg
