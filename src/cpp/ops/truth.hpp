// Whether numbers are zero: any, all, how many.
#pragma once

#include "tape/apply.hpp"

namespace fg {

Tensor any(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor all(const Tensor& x, const Dims& axes, bool keepdims = false);
Tensor count_nonzero(const Tensor& x, const Dims& axes, bool keepdims = false);

void register_truth_ops();

}  // namespace fg
