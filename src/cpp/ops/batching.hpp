// Batch rules that ops of several families share, and what the others are made of.
#pragma once

#include "tape/batching.hpp"

namespace fg {

// The batch as one more axis in front: for an op of one operand whose attributes speak of the last axes.
Tensor batch_in_front(const Batching& b);
// For an op whose operands broadcast: they do so behind the batch axis.
Tensor batch_broadcasting(const Batching& b);
// For an op that wants its operands alike: those that are not batched are repeated.
Tensor batch_repeated(const Batching& b);

// Operand i with a batch axis: as it is, or repeated for all examples.
Tensor with_batch(const Batching& b, int i);
// A batched value whose examples have `ndim` dimensions, those that were missing of size 1.
Tensor with_ndim(const Tensor& batched, int ndim);
// One axis moved to another place, the others in their order.
Tensor with_axis_moved(const Tensor& x, int from, int to);

}  // namespace fg
