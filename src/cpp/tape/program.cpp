// Replaying.
#include "tape/program.hpp"

#include <algorithm>
#include <chrono>

#include "tape/loop.hpp"

namespace fg {
namespace {

// Adds n to the diagonals of square matrices: what has an inverse, and factors, is a number that more ops can take.
void weigh_diagonals(const Tensor& t) {
    const int64_t n = t.ndim() < 2 ? 0 : t.shape().at_end(1);
    if (n < 2 || t.shape().at_end(2) != n || !is_floating(t.dtype())) return;
    visit_floating(t.dtype(), [&](auto zero) {
        using T = decltype(zero);
        for (int64_t i = 0; i < t.size(); ++i)
            if (i % (n * n) % (n + 1) == 0) t.view().as<T>()[i] += T(n);
    });
}

}  // namespace

Program::Program(Recording&& recording) : recording_(std::move(recording)) {
    recording_.remove_dead_code();
    recording_.find_constants();
    lowered_ = lower(recording_);
    for (const ValueInfo& value : recording_.values())
        if (value.captured) captured_.emplace_back(value.captured, value.captured.requires_grad());
}

Program::RunState::RunState(const Lowered& lowered) : frame(lowered), stacks(size_t(lowered.bases.stack_count)) {
    for (size_t i = 0; i < stacks.size(); ++i) frame.place(lowered.bases.stacks + int(i), &stacks[i]);
}

std::unique_ptr<Program::RunState> Program::borrow() {
    {
        const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
        if (lock && !idle_.empty()) {
            auto state = std::move(idle_.back());
            idle_.pop_back();
            return state;
        }
    }
    return std::make_unique<RunState>(lowered_);
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

bool Program::reads_captured(const Tensor& t) const {
    for (const auto& [tensor, required_grad] : captured_)
        if (tensor.impl()->storage == t.impl()->storage) return true;
    return false;
}

void Program::draw(RunState& state, Generator& generator) const {
    if (!recording_.draws()) return;
    state.frame.set_key(generator.take(uint64_t(recording_.draws())));
}

void Program::replay(RunState& state, Generator& generator) const {
    draw(state, generator);
    state.frame.run();
}

Tensor Program::result(size_t i, const RunState& state, Span<Tensor> outputs) const {
    const Result& result = lowered_.results[i];
    const Meta& meta = recording_.values()[size_t(recording_.outputs()[i])].meta;
    View view = result.operand.in(state.frame.bases());
    Tensor t;
    if (result.output >= 0) {
        t = Tensor::on_storage(outputs[size_t(result.output)].impl()->storage, view.data, view.dtype, view.shape,
                               view.strides);
    } else {
        t = Tensor::empty(view.dtype, view.shape);
        copy(view, t.view());
    }
    t.impl()->view.weak = meta.weak;
    return t;
}

std::vector<Tensor> Program::run(Span<Tensor> inputs) {
    recording_.check_inputs(inputs);
    for (const Tensor& t : inputs)
        if (t.traced()) {
            Recording::check_usable(t, "a replay");  // says so when its recording has ended
            throw RecordingError("a replay was given a value of a recording in the making; inline the program instead");
        }
    std::vector<Tensor> held, outputs, results;  // contiguous copies live until the run is over
    Run run(*this);
    for (size_t i = 0; i < size_t(inputs.size()); ++i) {
        held.push_back(contiguous(inputs[i]));
        run.set_input(i, held.back().view().data);
    }
    for (const View& view : lowered_.bases.output_views) {
        outputs.push_back(Tensor::empty(view.dtype, view.shape));
        run.set_output(outputs.size() - 1, outputs.back().view().data);
    }
    run.replay();
    results.reserve(lowered_.results.size());
    for (size_t i = 0; i < lowered_.results.size(); ++i) results.push_back(run.result(i, outputs));
    return results;
}

std::vector<double> Program::profile(int runs) const {
    using Clock = std::chrono::steady_clock;
    RunState state(lowered_);
    std::vector<Tensor> memory;
    const auto ones = [&](const View& view) {  // a number that every op can take
        memory.push_back(Tensor::full(view.dtype, view.shape, is_floating(view.dtype) ? 1 : 0));
        weigh_diagonals(memory.back());
        return memory.back().view().as<char>();
    };
    for (size_t i = 0; i < recording_.inputs().size(); ++i) {
        const Meta& meta = recording_.values()[size_t(recording_.inputs()[i])].meta;
        state.frame.place(lowered_.bases.inputs + int(i), ones({nullptr, meta.dtype, false, meta.shape, {}}));
    }
    for (size_t i = 0; i < lowered_.bases.output_views.size(); ++i)
        state.frame.place(lowered_.bases.outputs + int(i), ones(lowered_.bases.output_views[i]));
    const RoundLimit endless(1000);
    std::vector<double> least(lowered_.steps.size(), 0);
    for (int r = 0; r < runs; ++r) {
        auto before = Clock::now();
        for (size_t i = 0; i < least.size(); ++i) {
            try {
                state.frame.run_step(i);
            } catch (const ValueError&) {
            }  // of a matrix that came out singular: its time is that of finding it so
            const auto after = Clock::now();
            const double seconds = std::chrono::duration<double>(after - before).count();
            least[i] = r ? std::min(least[i], seconds) : seconds;
            before = after;
        }
    }
    return least;
}

// A gradient after the other, so that an optimizer can go over all of them at once.
void Session::place_outputs(const std::vector<View>& views) {
    int64_t bytes = 0;
    const auto alone = [](const View& view) { return view.shape.empty(); };
    for (const View& view : views) bytes += alone(view) ? 0 : view.size() * itemsize(view.dtype);
    const Ref<Storage> block = Storage::allocate(bytes);
    int64_t offset = 0;
    for (const View& view : views) {
        const int64_t item = itemsize(view.dtype);
        if (alone(view) || offset % item != 0) {
            outputs_.push_back(Tensor::empty(view.dtype, view.shape));
            continue;
        }
        char* const data = static_cast<char*>(block->data()) + offset;
        outputs_.push_back(Tensor::on_storage(block, data, view.dtype, view.shape, view.strides));
        offset += view.size() * item;
    }
}

Session::Session(Ref<Program> program, const Session* other)
    : program_(std::move(program)), state_(std::make_unique<Program::RunState>(program_->lowered_)) {
    const Lowered& lowered = program_->lowered_;
    const Recording& recording = program_->recording();
    for (size_t i = 0; i < recording.inputs().size(); ++i) {
        inputs_.push_back(Tensor::empty(recording.values()[size_t(recording.inputs()[i])].meta));
        state_->frame.place(lowered.bases.inputs + int(i), inputs_.back().view().data);
    }
    const std::vector<View>& views = lowered.bases.output_views;
    bool alike = other && other->outputs_.size() == views.size();
    for (size_t i = 0; alike && i < views.size(); ++i)
        alike = other->outputs_[i].dtype() == views[i].dtype && other->outputs_[i].shape() == views[i].shape;
    if (alike) outputs_ = other->outputs_;
    else place_outputs(views);
    for (size_t i = 0; i < outputs_.size(); ++i)
        state_->frame.place(lowered.bases.outputs + int(i), outputs_[i].view().data);
    for (size_t i = 0; i < lowered.results.size(); ++i) {
        results_.push_back(program_->result(i, *state_, outputs_));
        if (lowered.results[i].output < 0) copied_.push_back(i);
    }
}

void Session::run(Generator& generator) {
    program_->draw(*state_, generator);
    state_->frame.run();
    for (size_t i : copied_) copy(program_->lowered_.results[i].operand.in(state_->frame.bases()), results_[i].view());
}

}  // namespace fg
