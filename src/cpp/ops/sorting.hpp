// Numbers in ascending order, NaN last: sorted, the places that sort them, the places of some ranks.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// Positions in ascending order; equal numbers keep theirs.
Tensor argsort(const Tensor& x, int axis);
Tensor sort(const Tensor& x, int axis);
// Where the numbers of these ranks stand along the last axis: (..., n) -> (..., ranks), as argsort says.
Tensor places_of_ranks(const Tensor& x, const Dims& ranks);

void register_sorting_ops();

}  // namespace fg
