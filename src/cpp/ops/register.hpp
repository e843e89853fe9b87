// Fills the registry with every family of ops.
#pragma once

namespace fg {

void register_all_ops();

}  // namespace fg
