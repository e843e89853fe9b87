// Picking numbers by index, and its gradient.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// x (batch..., left..., n, right...), index (batch..., at...) -> (batch..., left..., at..., right...): the numbers at
// index along `axis`, where the first `batch` axes of both run together. Indices from -n to n-1.
Tensor gather(const Tensor& x, const Tensor& index, int axis, int batch = 0);

// NumPy's take_along_axis: index has the sizes of x but for that axis, or 1.
Tensor take_along_axis(const Tensor& x, const Tensor& index, int axis);

// Positions along axes of these sizes, as one along those axes joined.
Tensor flat_index(Span<Tensor> positions, const Dims& sizes);

// picked and index of one shape -> (n,): what has index i is added up at place i. The gradient of gather.
Tensor scatter_add(const Tensor& picked, const Tensor& index, int64_t n);

void register_index_ops();

}  // namespace fg
