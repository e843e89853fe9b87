// A recorded function over other tensors in place of those it captured.
#pragma once

#include "tape/program.hpp"

namespace fg {

// The same program, reading to[i] where it read from[i] (the very tensor); shapes and dtypes must be the same.
Ref<Program> rebound(const Program& program, Span<Tensor> from, Span<Tensor> to);

}  // namespace fg
