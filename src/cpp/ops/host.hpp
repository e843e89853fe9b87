// Host ops: their numbers are computed in Python, by NumPy. This storey knows only that somebody lends the function.
#pragma once

#include "tape/op.hpp"

namespace fg {

// Writes out from in, for the op of that name, from any thread. Returns -1, or which matrix of the batch, counted
// along the leading axes, it cannot do.
using HostFunction = int64_t (*)(const char* name, Views in, const View& out);
void lend_host_function(HostFunction f);

// Op::run of such an op.
int64_t run_on_host(const Op& op, const Attrs& attrs, Views in, const View& out);

}  // namespace fg
