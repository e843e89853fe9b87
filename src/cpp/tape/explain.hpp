// Telling people what a program does, and what a graph keeps.
#pragma once

#include <string>

#include "tape/program.hpp"

namespace fg {

// One line per op that was recorded: what it computes from what.
std::string recorded_text(const Recording& recording, const std::string& indent = "");
// One line per step of a replay: the ops that run together, the shape they make, multiply-adds, bytes; seconds, where
// they are given one a step.
std::string steps_text(const Program& program, const std::vector<double>& seconds);

struct GraphSize {
    int64_t nodes = 0, bytes = 0;
};
// The nodes below a tensor that no backward has gone through, and the memory of the values that they keep for it, each
// counted once.
GraphSize graph_size(const Tensor& root);

}  // namespace fg
