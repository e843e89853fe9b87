// Running sums and products along an axis.
#pragma once

#include "tape/apply.hpp"

namespace fg {

Tensor cumsum(const Tensor& x, int axis);
Tensor cumprod(const Tensor& x, int axis);

void register_scan_ops();

}  // namespace fg
