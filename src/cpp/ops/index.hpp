// Picking numbers by index, and its gradient.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// x (batch..., left..., n, right...), index (batch..., at...) -> (batch..., left..., at..., right...): the numbers at
// index along `axis`, where the first `batch` axes of both run together. Indices from -n to n-1.
Tensor gather(const Tensor& x, const Tensor& index, int axis, int batch = 0);

void register_index_ops();

}  // namespace fg
