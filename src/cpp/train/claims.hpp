// Claims: one training at a time for each parameter.
#pragma once

#include "core/tensor.hpp"

namespace fg {

// Marks all tensors as being trained; false, marking none, when one of them is so already.
bool claim(Span<Tensor> params);
void release(Span<Tensor> params);

}  // namespace fg
