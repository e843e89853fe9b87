// The logarithm of the gamma function and its derivatives.
#pragma once

#include "tape/apply.hpp"

namespace fg {

Tensor gammaln(const Tensor& x);
// Derivative n of digamma, which is itself the first derivative of gammaln.
Tensor polygamma(int64_t n, const Tensor& x);

void register_special_ops();

}  // namespace fg
