// Values with a derivative that somebody wrote, and functions that are computed again for theirs.
#pragma once

#include <memory>

#include "tape/recording.hpp"

namespace fg {

// The values as a function of `inputs` whose derivative is the rule's: how they were computed does not count. `kept` is
// what the rule reads. Values are real numbers, one at least.
std::vector<Tensor> ruled(Span<Tensor> values, Span<Tensor> inputs, Span<Tensor> kept, const Ref<DerivativeRule>& rule);

// Uses a recording on inputs, keeping nothing but these and what it reads from outside: gradients compute it again.
std::vector<Tensor> rematerialized(std::shared_ptr<const Recording> recording, Span<Tensor> inputs);

void register_ruled_ops();

}  // namespace fg
