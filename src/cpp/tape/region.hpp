// Region: an op that owns recordings and runs them as often as it finds right: a loop, a branch.
//
// Unlike other ops it may have several outputs. In a program it is one step; what is inside runs on memory that the
// program has planned for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/tensor.hpp"

namespace fg {

class Node;
class Step;
struct Op;
struct RegionPlaces;
struct BatchedValue;

// A value of which a run decides how many rows it has. Its shape begins with unknown_length while it is recorded; only
// regions read and write it. Eager ones are ordinary tensors.
constexpr int64_t unknown_length = -1;
inline bool is_stack(const Dims& shape) { return shape.size() > 0 && shape[0] == unknown_length; }

// The memory of such a value in a program, which grows and is kept for the next run.
class Stack {
public:
    int64_t rows = 0;

    char* data() const { return memory_ ? static_cast<char*>(memory_->data()) : nullptr; }
    // Room for so many bytes; the first `used` stay as they are.
    void reserve(int64_t bytes, int64_t used) {
        if (!memory_ || bytes > memory_->bytes()) grow(bytes, used);
    }
    const Ref<Storage>& memory() const { return memory_; }

private:
    void grow(int64_t bytes, int64_t used);

    Ref<Storage> memory_;
};

class Region : public RefCounted {
public:
    const std::vector<Meta>& outputs() const { return outputs_; }
    virtual const Op& op() const = 0;

    // Numbers in, numbers out. `draw`: which stream of the key, its first input where it draws random numbers.
    virtual std::vector<Tensor> run(Span<Tensor> in, int64_t draw) const = 0;

    // The same, with what its vjp reads behind its own outputs.
    virtual Ref<Region> for_gradient() const = 0;
    // What a node keeps for vjp.
    virtual bool keeps_input(int i) const = 0;
    virtual bool keeps_output(int i) const = 0;
    // The gradient of each input that is wanted, of those of the outputs; both may be null where nothing flows.
    virtual std::vector<Tensor> vjp(const Node& node, Span<Tensor> grads, const std::vector<bool>& wanted) const = 0;
    // Of each output, whether it changes smoothly with any of the chosen inputs.
    virtual std::vector<bool> reached_from(const std::vector<bool>& inputs) const = 0;

    // The same for fewer outputs: what it is then, and which of the inputs and outputs it has. It may have more outputs
    // than are live.
    struct Reduced {
        Ref<Region> region;
        std::vector<int> inputs, outputs;
    };
    virtual Reduced reduced(const std::vector<bool>& live) const = 0;

    // What it is for a batch of so many examples, of whose inputs some are batched: see replay_batched. Stacks have the
    // examples along their second axis.
    virtual std::vector<BatchedValue> batched(Span<BatchedValue> in, int64_t draw, int64_t size) const = 0;

    // As a step: working memory for operands of these layouts, stacks for what is inside, and the step itself.
    virtual int64_t work_bytes(Span<const View*> in) const = 0;
    virtual int stacks() const = 0;
    virtual std::unique_ptr<Step> step(int64_t draw, RegionPlaces places) const = 0;

    // The recordings inside, for people.
    virtual std::string text(const std::string& indent) const = 0;

protected:
    explicit Region(std::vector<Meta> outputs) : outputs_(std::move(outputs)) {}

private:
    std::vector<Meta> outputs_;
};

}  // namespace fg
