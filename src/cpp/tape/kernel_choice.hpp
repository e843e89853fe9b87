// Choosing a kernel for each elementwise use of a recording that is lowered.
#pragma once

#include "tape/drafts.hpp"

namespace fg {

// `order`: of the drafts. An elementwise use whose one reader is another runs in one with that, where there is a kernel
// for both; it then belongs to no draft any more.
void choose_kernels(Drafts& drafts, Span<int> order);

}  // namespace fg
