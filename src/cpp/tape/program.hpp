// Program: a recording made ready to replay. Memory planned, kernels resolved, no Python, nothing decided twice.
#pragma once

#include <memory>
#include <mutex>

#include "tape/frame.hpp"

namespace fg {

class Program : public RefCounted {
public:
    explicit Program(Recording&& recording);

    // Inputs of the recorded shapes and dtypes (others are refused); fresh outputs.
    std::vector<Tensor> run(Span<Tensor> inputs);

    // The recording, for inlining and for questions about it.
    const Recording& recording() const { return recording_; }
    const std::vector<std::unique_ptr<Step>>& steps() const { return lowered_.steps; }
    int64_t arena_bytes() const { return lowered_.arena_bytes; }
    // Whether the tensors from outside want gradients exactly as they did while recording.
    bool is_current() const;
    // Whether a value lies in the memory of a tensor from outside.
    bool reads_captured(const Tensor& t) const;
    // Seconds that each step takes, the least of several runs on numbers made up for it.
    std::vector<double> profile(int runs) const;

    // Where results lie, and what the outputs of a run are like.
    const Lowered& lowered() const { return lowered_; }

private:
    friend class Run;
    friend class Session;

    struct RunState {
        explicit RunState(const Lowered& lowered);

        Frame frame;
        std::vector<Stack> stacks;
    };

    std::unique_ptr<RunState> borrow();
    void give_back(std::unique_ptr<RunState> state);
    void replay(RunState& state, Generator& generator) const;
    void draw(RunState& state, Generator& generator) const;  // the key of a run
    // The i-th result; `outputs` are what the run has made.
    Tensor result(size_t i, const RunState& state, Span<Tensor> outputs) const;

    Recording recording_;
    Lowered lowered_;
    std::vector<std::pair<Tensor, bool>> captured_;  // tensors from outside, and whether they required gradients

    // Only ever tried: when another thread holds it (or held it as the process forked), a fresh state serves.
    std::mutex mutex_;
    std::vector<std::unique_ptr<RunState>> idle_;
};

// One run of a program on memory that the caller finds, contiguous and of the recorded sizes.
class Run {
public:
    explicit Run(Program& program) : program_(program), state_(program.borrow()) {}
    ~Run() { program_.give_back(std::move(state_)); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    void set_input(size_t i, const void* data) { state_->frame.place(program_.lowered_.bases.inputs + int(i), data); }
    // Of lowered().bases.output_views.
    void set_output(size_t i, void* data) { state_->frame.place(program_.lowered_.bases.outputs + int(i), data); }
    void replay() { program_.replay(*state_, global_generator()); }
    // The i-th result, once replayed. `outputs` lie where set_output said.
    Tensor result(size_t i, Span<Tensor> outputs) const { return program_.result(i, *state_, outputs); }

private:
    Program& program_;
    std::unique_ptr<Program::RunState> state_;
};

// Runs of a program on memory that stays where it is: nothing is allocated from one to the next. For one thread.
class Session {
public:
    // Outputs of the program lie one after the other in memory, numbers alone apart, where those of `other` lie when
    // they are alike.
    explicit Session(Ref<Program> program, const Session* other = nullptr);
    Session(Session&&) = default;
    Session& operator=(Session&&) = default;

    // Contiguous, to be written before a run.
    const std::vector<Tensor>& inputs() const { return inputs_; }
    // Written by each run; in whatever layout they are made.
    const std::vector<Tensor>& outputs() const { return results_; }
    void run(Generator& generator = global_generator());

private:
    Ref<Program> program_;
    std::unique_ptr<Program::RunState> state_;
    void place_outputs(const std::vector<View>& views);

    std::vector<Tensor> inputs_, outputs_, results_;
    std::vector<size_t> copied_;  // results that are not made in memory of their own
};

}  // namespace fg
