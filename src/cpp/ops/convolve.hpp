// Convolutions along the last axis; leading axes run together.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// a (..., n), b (..., m) -> (..., n + m - 1): sums of a[i] b[k - i].
Tensor convolve_full(const Tensor& a, const Tensor& b);
// With n >= m the n - m + 1 numbers from k = m - 1 on, which all of b has part in.
Tensor convolve_valid(const Tensor& a, const Tensor& b);

void register_convolve_ops();

}  // namespace fg
