// Program: a recording made ready to replay. Memory planned, kernels resolved, no Python, nothing decided twice.
#pragma once

#include <memory>
#include <mutex>

#include "tape/recording.hpp"

namespace fg {

class Program : public RefCounted {
public:
    explicit Program(Recording&& recording);

    // Inputs of the recorded shapes and dtypes (others are refused); fresh outputs.
    std::vector<Tensor> run(Span<Tensor> inputs);

    // The recording, for inlining and for questions about it.
    const Recording& recording() const { return recording_; }
    int64_t arena_bytes() const { return arena_bytes_; }
    // Whether the tensors from outside want gradients exactly as they did while recording.
    bool is_current() const;

private:
    enum class Place : uint8_t { nowhere, input, captured, arena, output, alias };

    // Where a value lives during a replay.
    struct Slot {
        Place place = Place::nowhere;
        View view;           // shape and strides; data for captured values
        int64_t offset = 0;  // into the arena, or from the base of an alias, in bytes
        int base = -1;       // of an alias
    };
    struct Step {
        const Op* op;
        const Attrs* attrs;
        int first_input, input_count;  // into step_inputs_
        int output;
    };
    // What one run needs for itself. Runs borrow one each, so that threads may share a Program.
    struct RunState {
        Ref<Storage> arena;
        std::vector<View> views;
        std::vector<const View*> inputs;  // of the steps, resolved to views
    };

    void lay_out();
    void plan_arena();
    int root(int value) const;
    std::unique_ptr<RunState> borrow();
    void give_back(std::unique_ptr<RunState> state);
    void bind(RunState& state, int value, char* data) const;

    Recording recording_;
    std::vector<Slot> slots_;
    std::vector<Step> steps_;
    std::vector<int> step_inputs_;
    std::vector<std::pair<Tensor, bool>> captured_;  // tensors from outside, and whether they required gradients
    int64_t arena_bytes_ = 0;

    // Only ever tried: when another thread holds it (or held it as the process forked), a fresh state serves.
    std::mutex mutex_;
    std::vector<std::unique_ptr<RunState>> idle_;
};

}  // namespace fg
