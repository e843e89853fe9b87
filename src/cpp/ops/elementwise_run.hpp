// Runs an elementwise kernel over operands of any layout.
#pragma once

#include "kernels/table.hpp"
#include "tape/op.hpp"

namespace fg {

// Kernels know contiguous operands and single values; every other layout is gathered block by block in L1.
// The operands broadcast to out, which is contiguous.
void run_elementwise(kernels::ElementwiseKernel kernel, Views in, const View& out);

}  // namespace fg
