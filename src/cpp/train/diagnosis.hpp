// Where a replay first leaves the finite numbers.
#pragma once

#include <optional>
#include <string>

#include "tape/program.hpp"

namespace fg {

struct NotFinite {
    std::string op;  // of the first result with such a number; "input" or "captured" for what came from outside
    int number = 0;  // which input, when it is one
    Dims shape;      // of the value
    Dims position;   // of its first number that is not finite
};

// Runs the program op by op on these inputs, with draws from that key on. Empty when all numbers are finite.
std::optional<NotFinite> first_not_finite(const Program& program, Span<Tensor> inputs, const RandomKey& draws);

}  // namespace fg
