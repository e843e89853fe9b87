// Planning where values live, and replaying.
#include "tape/program.hpp"

#include <algorithm>
#include <map>

#include "tape/apply.hpp"

namespace fg {
namespace {

int64_t aligned(int64_t bytes) { return (bytes + storage_alignment - 1) / storage_alignment * storage_alignment; }

// Hands out offsets in a growing block: first hole that fits, holes join when freed.
class ArenaPlan {
public:
    int64_t take(int64_t bytes) {
        for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
            if (hole->second < bytes) continue;
            const auto [offset, size] = *hole;
            holes_.erase(hole);
            if (size > bytes) holes_[offset + bytes] = size - bytes;
            return offset;
        }
        const int64_t offset = end_;
        end_ += bytes;
        return offset;
    }
    void give_back(int64_t offset, int64_t bytes) {
        auto after = holes_.emplace(offset, bytes).first;
        const auto next = std::next(after);
        if (next != holes_.end() && offset + bytes == next->first) {
            after->second += next->second;
            holes_.erase(next);
        }
        if (after == holes_.begin()) return;
        const auto before = std::prev(after);
        if (before->first + before->second != offset) return;
        before->second += after->second;
        holes_.erase(after);
    }
    int64_t end() const { return end_; }

private:
    std::map<int64_t, int64_t> holes_;  // offset -> bytes
    int64_t end_ = 0;
};

}  // namespace

Program::Program(Recording&& recording) : recording_(std::move(recording)) {
    recording_.remove_dead_code();
    lay_out();
    plan_arena();
}

// The value whose memory an alias reads, through any number of aliases.
int Program::root(int value) const {
    while (slots_[size_t(value)].place == Place::alias) value = slots_[size_t(value)].base;
    return value;
}

void Program::lay_out() {
    const auto& values = recording_.values();
    slots_.resize(values.size());
    for (size_t v = 0; v < values.size(); ++v) {
        Slot& slot = slots_[v];
        if (values[v].kind == ValueKind::captured && values[v].captured) {
            slot.place = Place::captured;
            slot.view = values[v].captured.view();
            captured_.emplace_back(values[v].captured, values[v].captured.requires_grad());
        } else {
            const Meta& meta = values[v].meta;
            slot.view = {nullptr, meta.dtype, meta.weak, meta.shape, contiguous_strides(meta.shape)};
            if (values[v].kind == ValueKind::input) slot.place = Place::input;
        }
    }
    for (const Instruction& instruction : recording_.instructions()) {
        Slot& slot = slots_[size_t(instruction.output)];
        if (instruction.op->alias) {
            const int base = instruction.inputs[0];
            View to;
            int64_t offset = 0;
            if (instruction.op->alias(instruction.attrs, slots_[size_t(base)].view, to, offset)) {
                slot.place = Place::alias;
                slot.base = base;
                slot.offset = offset * itemsize(slot.view.dtype);
                slot.view.shape = to.shape;
                slot.view.strides = to.strides;
                continue;
            }
        }
        slot.place = Place::arena;
        steps_.push_back({instruction.op, &instruction.attrs, int(step_inputs_.size()), int(instruction.inputs.size()),
                          instruction.output});
        step_inputs_.insert(step_inputs_.end(), instruction.inputs.begin(), instruction.inputs.end());
    }
    // A result that is handed out whole is computed where the caller will find it.
    for (int v : recording_.outputs())
        if (slots_[size_t(v)].place == Place::arena) slots_[size_t(v)].place = Place::output;
}

void Program::plan_arena() {
    std::vector<size_t> last_use(slots_.size(), 0);
    for (size_t s = 0; s < steps_.size(); ++s) {
        last_use[size_t(steps_[s].output)] = s;
        for (int i = 0; i < steps_[s].input_count; ++i)
            last_use[size_t(root(step_inputs_[size_t(steps_[s].first_input + i)]))] = s;
    }
    for (int v : recording_.outputs()) last_use[size_t(root(v))] = steps_.size();

    std::vector<std::vector<int>> dying(steps_.size() + 1);
    ArenaPlan plan;
    const auto bytes = [&](int v) {
        const View& view = slots_[size_t(v)].view;
        return std::max(aligned(view.size() * itemsize(view.dtype)), storage_alignment);
    };
    for (size_t s = 0; s < steps_.size(); ++s) {
        const int out = steps_[s].output;
        if (slots_[size_t(out)].place == Place::arena) {
            slots_[size_t(out)].offset = plan.take(bytes(out));
            dying[last_use[size_t(out)]].push_back(out);
        }
        for (int v : dying[s]) plan.give_back(slots_[size_t(v)].offset, bytes(v));
    }
    arena_bytes_ = plan.end();
}

void Program::bind(RunState& state, int value, char* data) const { state.views[size_t(value)].data = data; }

std::unique_ptr<Program::RunState> Program::borrow() {
    {
        const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
        if (lock && !idle_.empty()) {
            auto state = std::move(idle_.back());
            idle_.pop_back();
            return state;
        }
    }
    auto state = std::make_unique<RunState>();
    state->arena = Storage::allocate(arena_bytes_);
    state->views.reserve(slots_.size());
    for (const Slot& slot : slots_) state->views.push_back(slot.view);
    for (size_t v = 0; v < slots_.size(); ++v)
        if (slots_[v].place == Place::arena)
            bind(*state, int(v), static_cast<char*>(state->arena->data()) + slots_[v].offset);
    for (int v : step_inputs_) state->inputs.push_back(&state->views[size_t(v)]);
    return state;
}

void Program::give_back(std::unique_ptr<RunState> state) {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (lock) idle_.push_back(std::move(state));
}

bool Program::is_current() const {
    for (const auto& [tensor, required_grad] : captured_)
        if (tensor.requires_grad() != required_grad) return false;
    return true;
}

std::vector<Tensor> Program::run(Span<Tensor> inputs) {
    recording_.check_inputs(inputs);
    for (const Tensor& t : inputs)
        if (t.traced()) {
            Recording::check_usable(t, "a replay");  // says so when its recording has ended
            throw RecordingError("a replay was given a value of a recording in the making; inline the program instead");
        }
    std::vector<Tensor> held;  // contiguous copies live until the run is over
    auto state = borrow();
    for (int i = 0; i < inputs.size(); ++i) {
        const int v = recording_.inputs()[size_t(i)];
        held.push_back(contiguous(inputs[i]));
        bind(*state, v, held.back().view().as<char>());
    }
    std::vector<Tensor> outputs(recording_.outputs().size());
    for (size_t i = 0; i < outputs.size(); ++i) {
        const int v = recording_.outputs()[i];
        if (slots_[size_t(v)].place != Place::output) continue;
        const auto first = std::find(recording_.outputs().begin(), recording_.outputs().end(), v);
        outputs[i] = outputs[size_t(first - recording_.outputs().begin())];
        if (outputs[i]) continue;  // handed out twice
        outputs[i] = Tensor::empty(recording_.values()[size_t(v)].meta);
        bind(*state, v, outputs[i].view().as<char>());
    }
    for (size_t v = 0; v < slots_.size(); ++v)
        if (slots_[v].place == Place::alias)
            bind(*state, int(v), state->views[size_t(slots_[v].base)].as<char>() + slots_[v].offset);

    for (const Step& step : steps_) {
        const Views in(state->inputs.data() + step.first_input, size_t(step.input_count));
        check_status(*step.op, *step.attrs, in,
                     step.op->run(*step.op, *step.attrs, in, state->views[size_t(step.output)]));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
        if (outputs[i]) continue;
        const int v = recording_.outputs()[i];
        outputs[i] = Tensor::empty(recording_.values()[size_t(v)].meta);
        copy(state->views[size_t(v)], outputs[i].view());
    }
    give_back(std::move(state));
    return outputs;
}

}  // namespace fg
