// Random numbers as ops: a key in, numbers out, so that a recording draws new ones at each replay.
#pragma once

#include <optional>

#include "core/random.hpp"
#include "tape/apply.hpp"

namespace fg {

// The stream to draw from; without one, the next of the recording being made or of the global generator.
using DrawnFrom = std::optional<RandomKey>;

// As fill_uniform and the others have them; dtype is float32 or float64.
Tensor uniform(DType dtype, const Dims& shape, double low, double high, const DrawnFrom& from = {});
Tensor normal(DType dtype, const Dims& shape, double mean, double deviation, const DrawnFrom& from = {});
Tensor bernoulli(const Dims& shape, double p, const DrawnFrom& from = {});
Tensor integers(const Dims& shape, int64_t low, int64_t last, const DrawnFrom& from = {});

void register_random_ops();

}  // namespace fg
