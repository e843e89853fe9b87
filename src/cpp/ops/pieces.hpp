// Outputs put together from pieces, also prepared to be made some rows at a time: what follows finds them in cache.
#pragma once

#include <memory>

#include "tape/op.hpp"

namespace fg {

// The operands one after the other along attrs.axes[0].
int64_t run_concatenate(const Op&, const Attrs& attrs, Views in, const View& out);

// Of concatenate: the operands one after the other along attrs.axes[0]. Null where one is not contiguous, or there are
// many.
std::unique_ptr<Prepared> prepare_concatenate(const Op&, const Attrs& attrs, Views in, const View& out);

// Of embed: the operand at attrs.starts, attrs.steps apart, among zeros.
std::unique_ptr<Prepared> prepare_embed(const Op&, const Attrs& attrs, Views in, const View& out);

}  // namespace fg
