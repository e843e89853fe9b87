// Contractions: products that sum over a shared axis.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// NumPy's matmul: the last two axes multiply, axes before them broadcast, a 1-d operand is a row or a column.
Tensor matmul(const Tensor& a, const Tensor& b);

void register_contract_ops();

}  // namespace fg
