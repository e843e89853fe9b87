// Elementary functions over Vec<float> and Vec<double>; accuracy in ulp is stated and tested by
// tests/cpp/test_math.cpp.
//
// Every polynomial is a minimax fit made for this file: Remez exchange in 240-bit arithmetic, the weight of the
// relative error of the function, then each coefficient rounded to the lane type. Beside it: interval, degree, relative
// error. Bits agree on all levels with fused multiply-add; the same source holds its accuracy without.
#pragma once

#include "kernels/math/exponential.hpp"
#include "kernels/math/inverse.hpp"
#include "kernels/math/logarithm.hpp"
#include "kernels/math/normal.hpp"
#include "kernels/math/power.hpp"
#include "kernels/math/roots.hpp"
#include "kernels/math/rounding.hpp"
#include "kernels/math/trigonometric.hpp"
