// All elementwise ops, joined from the families: the order gives each its place in the kernel tables.
#pragma once

#include "kernels/elementwise/activation.hpp"
#include "kernels/elementwise/arithmetic.hpp"
#include "kernels/elementwise/comparison.hpp"
#include "kernels/elementwise/exponential.hpp"
#include "kernels/elementwise/normal.hpp"
#include "kernels/elementwise/rounding.hpp"
#include "kernels/elementwise/trigonometric.hpp"

namespace fg::kernels {

using ElementwiseOps = Concat<ArithmeticOps, RootOps, RoundingOps, ExponentialOps, TrigonometricOps, NormalOps,
                              ActivationOps, ComparisonOps>::type;

constexpr int elementwise_count = ElementwiseOps::size;

template <class Op> constexpr int elementwise_index = IndexOf<Op, ElementwiseOps>::value;

}  // namespace fg::kernels
