// The length of all gradients together, and shortening them to it.
#pragma once

#include "core/tensor.hpp"

namespace fg {

// sqrt(sum of squares) over all numbers of all tensors, in double, in an order that depends on their sizes only; empty
// tensors count nothing. Numbers that fill their memory are taken as they lie there.
double gradient_norm(Span<Tensor> gradients);

// What gradients are multiplied by so that their norm is at most max_norm: PyTorch's formula, 1 where they are short.
double clip_factor(double norm, double max_norm);

// In place.
void scale(const Tensor& t, double factor);

}  // namespace fg
