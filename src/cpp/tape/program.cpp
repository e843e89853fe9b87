// Replaying.
#include "tape/program.hpp"

#include <algorithm>
#include <chrono>

#include "tape/loop.hpp"

namespace fg {
namespace {

// One that has nothing to gain.
class SameStep final : public ResolvedStep {
public:
    SameStep(const Step& step, Bases bases) : step_(step), bases_(bases) {}
    void run() const override { step_.run(bases_); }

private:
    const Step& step_;
    Bases bases_;
};

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

std::unique_ptr<Program::RunState> Program::make_state() const {
    auto state = std::make_unique<RunState>();
    state->arena = Storage::allocate(lowered_.arena_bytes);
    state->bases.resize(size_t(lowered_.bases.count));
    state->bases[0] = static_cast<char*>(state->arena->data());
    if (const int key = lowered_.bases.key; key >= 0) state->bases[size_t(key)] = reinterpret_cast<char*>(state->key);
    for (const auto& [base, tensor] : lowered_.bases.from_outside)
        state->bases[size_t(base)] = tensor.view().as<char>();
    state->stacks.resize(size_t(lowered_.bases.stack_count));
    for (size_t i = 0; i < state->stacks.size(); ++i)
        state->bases[size_t(lowered_.bases.stacks) + i] = reinterpret_cast<char*>(&state->stacks[i]);
    return state;
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
    return make_state();
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
    const RandomKey key = generator.take(uint64_t(recording_.draws()));
    state.key[0] = int64_t(key.seed);
    state.key[1] = int64_t(key.stream);
}

void Program::replay(RunState& state, Generator& generator) const {
    draw(state, generator);
    for (const auto& step : lowered_.steps) step->run(state.bases.data());
}

Tensor Program::result(size_t i, const RunState& state, Span<Tensor> outputs) const {
    const Result& result = lowered_.results[i];
    const Meta& meta = recording_.values()[size_t(recording_.outputs()[i])].meta;
    View view = result.operand.in(state.bases.data());
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
    auto state = make_state();
    std::vector<Tensor> memory;
    const auto ones = [&](const View& view) {  // a number that every op can take
        memory.push_back(Tensor::full(view.dtype, view.shape, is_floating(view.dtype) ? 1 : 0));
        weigh_diagonals(memory.back());
        return memory.back().view().as<char>();
    };
    for (size_t i = 0; i < recording_.inputs().size(); ++i) {
        const Meta& meta = recording_.values()[size_t(recording_.inputs()[i])].meta;
        state->bases[size_t(lowered_.bases.inputs) + i] = ones({nullptr, meta.dtype, false, meta.shape, {}});
    }
    for (size_t i = 0; i < lowered_.bases.output_views.size(); ++i)
        state->bases[size_t(lowered_.bases.outputs) + i] = ones(lowered_.bases.output_views[i]);
    const RoundLimit endless(1000);
    std::vector<double> least(lowered_.steps.size(), 0);
    for (int r = 0; r < runs; ++r) {
        auto before = Clock::now();
        for (size_t i = 0; i < least.size(); ++i) {
            try {
                lowered_.steps[i]->run(state->bases.data());
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
    : program_(std::move(program)), state_(program_->make_state()) {
    const Lowered& lowered = program_->lowered_;
    const Recording& recording = program_->recording();
    for (size_t i = 0; i < recording.inputs().size(); ++i) {
        inputs_.push_back(Tensor::empty(recording.values()[size_t(recording.inputs()[i])].meta));
        state_->bases[size_t(lowered.bases.inputs) + i] = inputs_.back().view().as<char>();
    }
    const std::vector<View>& views = lowered.bases.output_views;
    bool alike = other && other->outputs_.size() == views.size();
    for (size_t i = 0; alike && i < views.size(); ++i)
        alike = other->outputs_[i].dtype() == views[i].dtype && other->outputs_[i].shape() == views[i].shape;
    if (alike) outputs_ = other->outputs_;
    else place_outputs(views);
    for (size_t i = 0; i < outputs_.size(); ++i)
        state_->bases[size_t(lowered.bases.outputs) + i] = outputs_[i].view().as<char>();
    for (size_t i = 0; i < lowered.results.size(); ++i) {
        results_.push_back(program_->result(i, *state_, outputs_));
        if (lowered.results[i].output < 0) copied_.push_back(i);
    }
    resolve_steps();
}

void Session::resolve_steps() {
    int64_t work_bytes = 0;
    for (const auto& step : program_->steps()) work_bytes = std::max(work_bytes, step->resolved_work_bytes());
    work_ = Storage::allocate(work_bytes);
    for (const auto& step : program_->steps()) {
        steps_.push_back(step->resolve(state_->bases.data(), work_->data()));
        if (!steps_.back()) steps_.back() = std::make_unique<SameStep>(*step, state_->bases.data());
    }
}

void Session::run(Generator& generator) {
    program_->draw(*state_, generator);
    for (const auto& step : steps_) step->run();
    for (size_t i : copied_) copy(program_->lowered_.results[i].operand.in(state_->bases.data()), results_[i].view());
}

}  // namespace fg
