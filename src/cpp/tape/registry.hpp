// The list of ops, by name: filled once by ops/, read by whoever works on all of them.
#pragma once

#include <vector>

#include "tape/op.hpp"

namespace fg {

void register_op(const Op& op);
const std::vector<const Op*>& all_ops();
// Throws ValueError when there is none.
const Op& find_op(const char* name);

}  // namespace fg
