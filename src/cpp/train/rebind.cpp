// Recording a recording again.
#include "train/rebind.hpp"

#include "tape/apply.hpp"

namespace fg {

Ref<Program> rebound(const Program& program, Span<Tensor> from, Span<Tensor> to) {
    const Recording& old = program.recording();
    Recording recording;
    std::vector<Tensor> inputs;
    for (int v : old.inputs()) inputs.push_back(recording.add_input(old.values()[size_t(v)].meta));
    {
        const RecordingScope scope(recording);
        const GradMode off(false);
        recording.set_outputs(old.replay_over(inputs, from, to));
    }
    // Those that were rebound are not there any more.
    for (const ValueInfo& value : old.values())
        if (value.constant) recording.set_constant(value.captured);
    return make_ref<Program>(std::move(recording));
}

}  // namespace fg
