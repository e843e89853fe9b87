// Batching: a recording of what is done with one example, used on many of them at once.
#pragma once

#include <vector>

#include "tape/recording.hpp"

namespace fg {

// A value of each example: along an axis in front where it is batched, else one and the same for all.
struct BatchedValue {
    Tensor value;
    bool batched = false;
};

// What the batch rule of an op sees: one use of it, of whose operands at least one is batched.
class Batching {
public:
    Batching(const Op& op, const Attrs& attrs, Span<BatchedValue> in, const Dims& out_shape, int64_t size)
        : op_(op), attrs_(attrs), in_(in), out_shape_(out_shape), size_(size) {}

    const Op& op() const { return op_; }
    const Attrs& attrs() const { return attrs_; }
    int64_t size() const { return size_; }  // how many examples
    int arity() const { return in_.size(); }
    const Tensor& in(int i) const { return in_[size_t(i)].value; }
    bool batched(int i) const { return in_[size_t(i)].batched; }
    // Dimensions of the operand, and the shape of the result, of one example.
    int ndim(int i) const { return in(i).ndim() - (batched(i) ? 1 : 0); }
    const Dims& out_shape() const { return out_shape_; }

private:
    const Op& op_;
    const Attrs& attrs_;
    Span<BatchedValue> in_;
    const Dims& out_shape_;
    int64_t size_;
};

// Uses every instruction again on a batch of `size` examples, each once for all of them: by the rule of its op where an
// operand is batched, as it is elsewhere. Random numbers are drawn for each example. What is used is differentiable and
// recordable, as of Recording::replay_over.
std::vector<BatchedValue> replay_batched(const Recording& recording, Span<BatchedValue> inputs, int64_t size);

}  // namespace fg
