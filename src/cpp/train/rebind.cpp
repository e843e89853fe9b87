// Recording a recording again.
#include "train/rebind.hpp"

#include "tape/apply.hpp"

namespace fg {

Ref<Program> rebound(const Program& program, Span<Tensor> from, Span<Tensor> to) {
    const Recording& old = program.recording();
    const GradMode off(false);
    Recording recording;
    std::vector<Tensor> now(old.values().size());
    for (size_t v = 0; v < now.size(); ++v) {
        const Tensor& captured = old.values()[v].captured;
        if (!captured) continue;
        now[v] = captured;
        for (int i = 0; i < from.size(); ++i) {
            if (from[i].impl() != captured.impl()) continue;
            if (to[i].dtype() != captured.dtype() || to[i].shape() != captured.shape())
                throw ValueError(say("a captured ", name(captured.dtype()), captured.shape(), " cannot become ",
                                     name(to[i].dtype()), to[i].shape()));
            now[v] = to[i];
        }
    }
    for (int v : old.inputs()) now[size_t(v)] = recording.add_input(old.values()[size_t(v)].meta);
    {
        const RecordingScope scope(recording);
        std::vector<Tensor> arguments;
        for (const Instruction& instruction : old.instructions()) {
            arguments.clear();
            for (int v : old.inputs_of(instruction)) arguments.push_back(now[size_t(v)]);
            now[size_t(instruction.output)] = apply(*instruction.op, arguments, instruction.attrs);
        }
        std::vector<Tensor> outputs;
        for (int v : old.outputs()) outputs.push_back(now[size_t(v)]);
        recording.set_outputs(outputs);
    }
    for (size_t v = 0; v < now.size(); ++v)
        if (old.values()[v].constant) recording.set_constant(now[v]);
    return make_ref<Program>(std::move(recording));
}

}  // namespace fg
