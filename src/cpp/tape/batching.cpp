// One use of an op for all examples, instruction by instruction.
#include "tape/batching.hpp"

#include "tape/apply.hpp"

namespace fg {
namespace {

Tensor use(const Instruction& instruction, const Attrs& attrs, Span<BatchedValue> in, const Meta& out, bool batched,
           int64_t size) {
    const Op& op = *instruction.op;
    const GradMode mode(grad_enabled() && !instruction.stops);
    if (batched) {
        if (!op.batch) throw TypeError(say("vmap: '", op.name, "' has no rule for a batch of examples"));
        return op.batch(Batching(op, attrs, in, out.shape, size));
    }
    std::vector<Tensor> plain;
    for (const BatchedValue& v : in) plain.push_back(v.value);
    return apply(op, plain, attrs);
}

std::vector<BatchedValue> use_region(const Instruction& instruction, const Attrs& attrs, Span<BatchedValue> in,
                                     bool batched, int64_t size) {
    const GradMode mode(grad_enabled() && !instruction.stops);
    if (batched) return attrs.region->batched(in, attrs.draw, size);
    std::vector<Tensor> plain;
    for (const BatchedValue& v : in) plain.push_back(v.value);
    std::vector<BatchedValue> out;
    for (Tensor& t : apply_region(attrs.region, plain, attrs.draw)) out.push_back({std::move(t), false});
    return out;
}

}  // namespace

std::vector<BatchedValue> replay_batched(const Recording& recording, Span<BatchedValue> inputs, int64_t size) {
    const std::vector<ValueInfo>& values = recording.values();
    const std::vector<Instruction>& instructions = recording.instructions();
    std::vector<BatchedValue> now(values.size());
    for (size_t v = 0; v < values.size(); ++v) now[v].value = values[v].captured;
    for (size_t i = 0; i < recording.inputs().size(); ++i) now[size_t(recording.inputs()[i])] = inputs[i];
    int64_t first_draw = 0;
    if (recording.draws()) {
        Draws draws = Recording::take_draws(recording.draws());
        // No example has a key of its own, but what is drawn by it differs between them.
        now[size_t(recording.key())] = {std::move(draws.key), true};
        first_draw = draws.first;
    }

    // Values are let go of after their last use.
    std::vector<size_t> last_use(values.size(), 0);
    for (size_t i = 0; i < instructions.size(); ++i)
        for (int v : recording.inputs_of(instructions[i])) last_use[size_t(v)] = i;
    for (int v : recording.outputs()) last_use[size_t(v)] = instructions.size();

    std::vector<BatchedValue> in;
    for (size_t i = 0; i < instructions.size(); ++i) {
        const Instruction& instruction = instructions[i];
        const Span<int> operands = recording.inputs_of(instruction);
        bool batched = false;
        in.clear();
        for (int v : operands) {
            in.push_back(now[size_t(v)]);
            batched |= in.back().batched;
        }
        Attrs attrs = instruction.attrs;
        if (recording.draws() && operands.size() > 0 && operands[0] == recording.key()) attrs.draw += first_draw;
        const size_t out = size_t(instruction.output);
        if (attrs.region) {
            std::vector<BatchedValue> results = use_region(instruction, attrs, in, batched, size);
            std::move(results.begin(), results.end(), now.begin() + instruction.output);
        } else {
            now[out] = {use(instruction, attrs, in, values[out].meta, batched, size), batched};
        }
        for (int v : operands)
            if (last_use[size_t(v)] == i) now[size_t(v)] = {};
    }
    std::vector<BatchedValue> out;
    for (int v : recording.outputs()) out.push_back(now[size_t(v)]);
    return out;
}

}  // namespace fg
