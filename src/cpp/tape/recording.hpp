// Recording: the ops a function used, written down in order without running them. Also the IR that a Program keeps.
#pragma once

#include <unordered_map>
#include <vector>

#include "core/random.hpp"
#include "tape/op.hpp"

namespace fg {

// One use of an op: static single assignment, `output` is made here and nowhere else.
// A loop or branch is an instruction that owns further Recordings (Attrs::region), with several outputs.
struct Instruction {
    const Op* op;
    Attrs attrs;
    int first_input, input_count;  // see Recording::inputs_of
    int output;                    // the first, where there are several
    int output_count = 1;
    bool stops = false;  // recorded with gradients off: none pass when it is used again
};

enum class ValueKind : uint8_t { input, captured, result, key };

struct ValueInfo {
    Meta meta;
    ValueKind kind;
    Tensor captured;        // a tensor from outside, by reference: its numbers are read at each replay
    bool constant = false;  // nobody else has that tensor: its numbers never change
};

// What names the streams that ops draw random numbers from: int64 (2,), seed and stream.
Tensor key_tensor(const RandomKey& key);
struct Draws {
    Tensor key;
    int64_t first;  // Attrs::draw of the first of them; the others follow
};

class Recording {
public:
    Recording() : Recording(false) {}
    // A body may read values of the recordings around it: it captures them, as tensors from outside. That of a region
    // is closed in the end.
    explicit Recording(bool is_body);
    Recording(Recording&&) = default;
    Recording& operator=(Recording&&) = default;

    // A value that replays are given.
    Tensor add_input(const Meta& meta);
    Tensor record(const Op& op, const Attrs& attrs, Span<Tensor> in, const Meta& out);
    std::vector<Tensor> record_region(const Attrs& attrs, Span<Tensor> in);
    // So many draws that nobody else makes: of the active recording's key, which each replay takes anew from a
    // generator, or, where nothing is recorded, of one that the global generator gives now.
    static Draws take_draws(int64_t count);
    // Marks what replays give back. A tensor from outside is captured.
    void set_outputs(Span<Tensor> outputs);

    uint64_t id() const { return id_; }
    const std::vector<ValueInfo>& values() const { return values_; }
    const std::vector<Instruction>& instructions() const { return instructions_; }
    Span<int> inputs_of(const Instruction& i) const {
        return {operands_.data() + i.first_input, size_t(i.input_count)};
    }
    const std::vector<int>& inputs() const { return inputs_; }
    const std::vector<int>& outputs() const { return outputs_; }
    // The value that is the key of its draws, -1 when it makes none; and how many streams a run takes, as the function
    // itself does: those of draws that no output needs are counted.
    int key() const { return key_ ? key_.impl()->value : -1; }
    int64_t draws() const { return draws_; }

    // A captured tensor that nobody will write to.
    void set_constant(const Tensor& captured);
    void set_constants();  // all of them
    // Finds the captured tensors that nobody else holds: numbers written in the function, arrays it took from outside.
    void find_constants();
    // Drops instructions whose results reach no output, and what regions need not compute.
    void remove_dead_code();
    // Whether any output is computed from that input.
    bool depends_on(int input) const;
    // Of each output, whether it changes smoothly with any of the chosen inputs.
    std::vector<bool> reached_from(const std::vector<bool>& inputs) const;
    // Of each input, whether any instruction reads it or it is an output.
    std::vector<bool> read_inputs() const;
    // Of each input, whether gradients may read it, or what is computed from it.
    std::vector<bool> inputs_for_gradients() const;

    // Of a body that is run again and again: does what is the same in every run once and now, outside of it, and
    // captures the results. What may fail, is random or a region stays.
    void hoist_invariants();
    // Of a body: what it reads from outside, constants apart; and these made its last inputs, which closes it.
    std::vector<Tensor> read_from_outside() const;
    void take_as_inputs(Span<Tensor> outside);
    // The same for some of the inputs and outputs. Those left out must not be needed; outputs may be inputs, too.
    Recording restricted(const std::vector<bool>& inputs, const std::vector<int>& output_values) const;

    // Throws unless these are as many values as it was recorded with, of the same shapes and dtypes.
    void check_inputs(Span<Tensor> inputs) const;
    // Uses every instruction again, on other values: how a recording is inlined into another, or differentiated. Where
    // from[i] was captured (the very tensor), to[i] is read, of the same shape and dtype.
    // `draws` are its random streams; without, it takes new ones.
    std::vector<Tensor> replay_over(Span<Tensor> inputs, Span<Tensor> from = {nullptr, 0},
                                    Span<Tensor> to = {nullptr, 0}, const Draws* draws = nullptr) const;

    // The innermost recording of this thread, or null.
    static Recording* active();
    // Throws when a traced value is used outside its recording.
    static void check_usable(const Tensor& traced, const char* op);

private:
    friend class RecordingScope;

    Recording(const Recording&) = default;
    void reduce(Instruction& region, std::vector<bool>& live, std::vector<int>& renamed);
    Tensor traced(const Meta& meta, ValueKind kind);
    int value_of(const Tensor& t);
    bool is_own(const Tensor& t) const { return t.traced() && t.impl()->recording == id_; }

    uint64_t id_;
    bool is_body_ = false;
    std::vector<ValueInfo> values_;
    std::vector<Instruction> instructions_;
    std::vector<int> operands_;  // of all instructions, one after the other
    std::vector<int> inputs_, outputs_;
    std::unordered_map<const TensorImpl*, int> captured_;
    Tensor key_;
    int64_t draws_ = 0;
    Recording* outer_ = nullptr;
};

// Makes a recording the active one of this thread.
class RecordingScope {
public:
    explicit RecordingScope(Recording& recording);
    ~RecordingScope();
    RecordingScope(const RecordingScope&) = delete;
    RecordingScope& operator=(const RecordingScope&) = delete;

private:
    Recording& recording_;
};

// While one lives, gradients pass through what this thread records when it is used again, also where it builds no graph
// now; or, made with false, only where it builds one.
class PassesGradients {
public:
    explicit PassesGradients(bool passes = true);
    ~PassesGradients();
    PassesGradients(const PassesGradients&) = delete;
    PassesGradients& operator=(const PassesGradients&) = delete;

private:
    bool before_;
};

}  // namespace fg
