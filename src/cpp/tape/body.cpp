// Recording bodies, and running them.
#include "tape/body.hpp"

#include <cstring>

#include "tape/apply.hpp"
#include "tape/backward.hpp"

namespace fg {

Recording record_body(Span<Meta> inputs, const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& f) {
    Recording recording(true);
    std::vector<Tensor> given;
    for (const Meta& meta : inputs) given.push_back(recording.add_input(meta));
    {
        const RecordingScope scope(recording);
        recording.set_outputs(f(given));
    }
    recording.remove_dead_code();
    recording.find_constants();
    return recording;
}

std::vector<Tensor> flows_through_body(const Recording& body, Span<Tensor> variables, const std::vector<int>& to,
                                       const std::vector<int>& of, Span<Tensor> seeds) {
    std::vector<Tensor> chosen, ends, outputs;
    for (int i : to) {
        chosen.push_back(variables[size_t(i)]);
        chosen.back().impl()->requires_grad = true;
    }
    {
        const GradMode on(true);
        const PassesGradients as_recorded(false);
        outputs = body.replay_over(variables);
    }
    for (int o : of) ends.push_back(outputs[size_t(o)]);
    return gradients(ends, seeds, chosen, false, false);
}

ContiguousOperands::ContiguousOperands(const std::vector<Operand>& operands, size_t first, WorkPlan& plan)
    : first_(first) {
    for (size_t i = first; i < operands.size(); ++i) {
        const View& view = operands[i].view;
        const bool whole = is_stack(view.shape) || view.contiguous();
        copied_to_.push_back(whole ? -1 : plan.take(view.size() * itemsize(view.dtype)));
    }
    pointers_at_ = plan.pointers(copied_to_.size());
}

const char* const* ContiguousOperands::find(const std::vector<Operand>& operands, Bases bases, char* work) const {
    char** const found = reinterpret_cast<char**>(work + pointers_at_);
    for (size_t i = 0; i < copied_to_.size(); ++i) {
        const Operand& operand = operands[first_ + i];
        const View& view = operand.view;
        found[i] = operand.at.in(bases);
        if (is_stack(view.shape)) {
            found[i] = reinterpret_cast<Stack*>(found[i])->data();
        } else if (copied_to_[i] >= 0) {
            found[i] = work + copied_to_[i];
            copy(operand.in(bases), {found[i], view.dtype, false, view.shape, contiguous_strides(view.shape)});
        }
    }
    return found;
}

Stack* const* find_stacks(int first, int count, Bases bases, char* pointers) {
    Stack** const found = reinterpret_cast<Stack**>(pointers);
    for (int i = 0; i < count; ++i) found[i] = reinterpret_cast<Stack*>(bases[first + i]);
    return found;
}

Op region_op(const char* name, const char* doc) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = -1;
    op.infer = [](const Op& used, const Attrs&, Views) -> Meta {
        throw std::logic_error(say("'", used.name, "' is a region, used by apply_region"));
    };
    return op;
}

RandomKey key_from(const void* numbers, int64_t draw) {
    const auto* key = static_cast<const int64_t*>(numbers);
    return {uint64_t(key[0]), uint64_t(key[1]) + uint64_t(draw), 0};
}

BodyCode::BodyCode(const Recording& recording) : lowered_(lower(recording, true)) {
    const auto& outputs = recording.outputs();
    for (size_t i = 0; i < outputs.size(); ++i) {
        const auto& result = lowered_.results[i];
        const View& view = result.operand.view;
        results_.push_back({result.output >= 0 ? lowered_.bases.outputs + result.output : -1,
                            view.size() * itemsize(view.dtype), result.operand, view.contiguous()});
        if (result.output < 0) copied_.push_back(int(i));
        const auto& in = recording.inputs();
        const auto found = std::find(in.begin(), in.end(), outputs[i]);
        handed_on_.push_back(found == in.end() ? -1 : int(found - in.begin()));
    }
    for (const auto& step : lowered_.steps) {
        work_ += step->work();
        bytes_ += step->bytes();
    }
}

std::string BodyCode::steps_text() const {
    std::string text;
    for (const auto& step : lowered_.steps) text += (text.empty() ? "" : ", ") + step->info().ops;
    return text;
}

bool BodyCode::overwrites(int result, int input) const {
    const int from = lowered_.bases.inputs + input, to = results_[size_t(result)].base;
    if (to < 0) return false;
    for (const Result& r : results_)
        if (r.operand.at.base == from) return false;
    size_t last = lowered_.steps.size();
    for (size_t s = 0; s < lowered_.steps.size(); ++s)
        if (lowered_.steps[s]->reads(from)) last = s;
    return last < lowered_.steps.size() && lowered_.steps[last]->overwrites(to, from);
}

void BodyCode::Run::copy_out(int i) const {
    const Result& result = code_.results_[size_t(i)];
    const char* const from = result.operand.at.in(frame_.bases());
    char* const to = targets_[size_t(i)];
    if (from == to) return;
    if (result.contiguous) {
        std::memcpy(to, from, size_t(result.bytes));
        return;
    }
    const View& view = result.operand.view;
    copy(result.operand.in(frame_.bases()), {to, view.dtype, false, view.shape, contiguous_strides(view.shape)});
}

}  // namespace fg
