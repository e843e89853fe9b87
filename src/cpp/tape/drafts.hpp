// Drafts: a recording on its way to becoming steps, see tape/lowering.cpp.
#pragma once

#include <memory>
#include <vector>

#include "tape/recording.hpp"
#include "tape/step.hpp"

namespace fg {

// A value of the recording while it is lowered.
struct Slot {
    View view;              // its layout
    int base = -1;          // the value whose memory it reads, itself no view; -1: none, it has its own
    int64_t offset = 0;     // from the memory of the base, in bytes
    int draft = -1;         // what makes it; -1: it comes from outside
    Tensor numbers;         // of a value from outside that is not an input
    bool constant = false;  // nobody can change those numbers
    bool kept = false;      // read outside the step that makes it
    bool windowed = false;  // made and read by one step of several alone, some rows at a time
    int after = -1;         // of a view: a draft that what reads it must not come before
    Address at;
    int numbered_for = -1, number = -1;  // its number among the values of a step in the making
};

// An instruction, unlike all before it, on the values that stand for its inputs.
struct Use {
    const Instruction* instruction;
    int first_input, input_count;
    int next = -1;                                // use of its draft
    kernels::ElementwiseKernel kernel = nullptr;  // of an elementwise op
    const Op* chained = nullptr;                  // the op that runs in one with it: its operands come first
    bool chained_to_next = false;
};

// A step in the making: one op, or several elementwise ones, perhaps behind an op that makes its output row by row.
struct Draft {
    int first, last;                     // of its uses; first: -1 where all are chained to others
    std::unique_ptr<Prepared> prepared;  // of the first use
    bool elementwise;                    // whether elementwise ops of `shape` may join
    Dims shape;
    int64_t work = 0, work_at = 0;  // bytes of working memory of a region, and where in the arena
    int first_stack = 0;            // base of the stacks inside a region

    bool alone() const { return first == last; }
};

struct Drafts {
    std::vector<Slot> slots;    // of the recording's values
    std::vector<Use> uses;      // of views and constants too
    std::vector<int> operands;  // of all uses
    std::vector<Draft> all;     // each behind those that it reads

    Slot& slot(int value) { return slots[size_t(value)]; }
    const Slot& slot(int value) const { return slots[size_t(value)]; }
    int root(int value) const { return slot(value).base >= 0 ? slot(value).base : value; }
    // The draft that makes what a value reads, or -1.
    int maker(int value) const { return slot(root(value)).draft; }

    Span<int> inputs_of(const Use& use) const { return {operands.data() + use.first_input, size_t(use.input_count)}; }

    // The values that a use makes.
    class Range {
    public:
        struct Iterator {
            int value;
            int operator*() const { return value; }
            void operator++() { ++value; }
            bool operator!=(const Iterator& other) const { return value != other.value; }
        };
        Range(int first, int count) : first_(first), count_(count) {}
        Iterator begin() const { return {first_}; }
        Iterator end() const { return {first_ + count_}; }

    private:
        int first_, count_;
    };
    static Range outputs_of(const Use& use) { return {use.instruction->output, use.instruction->output_count}; }

    // f(use) for those of a draft, in order.
    template <class F> void for_uses(const Draft& draft, F&& f) const {
        for (int u = draft.first; u >= 0; u = uses[size_t(u)].next) f(uses[size_t(u)]);
    }
    // f(use, operand, the draft that makes it or -1).
    template <class F> void for_operands(int draft, F&& f) const {
        for_uses(all[size_t(draft)], [&](const Use& use) {
            const Span<int> in = inputs_of(use);
            for (int k = 0; k < in.size(); ++k) f(use, size_t(k), maker(in[size_t(k)]));
        });
    }
    bool is_first(const Draft& draft, const Use& use) const { return &use == uses.data() + draft.first; }

    // f(root, shift, single) for all that a use of a draft reads, if that are numbers of contiguous memory in their
    // order: for its own number j number j + shift, or, where single, number `shift` for all.
    template <class F> bool for_lines(const Draft& draft, const Use& use, F&& f) const {
        const Span<int> in = inputs_of(use);
        const auto first_number = [&](int v) { return slot(v).offset / itemsize(slot(v).view.dtype); };
        if (draft.prepared && is_first(draft, use)) {
            const std::vector<Stretch> stretches = draft.prepared->stretches();
            for (const Stretch& s : stretches)
                if (s.operand >= 0)
                    f(root(in[size_t(s.operand)]), s.shift + first_number(in[size_t(s.operand)]), false);
            return !stretches.empty();
        }
        if (!use.instruction->op->kernel) return false;
        const int64_t numbers = element_count(draft.shape);
        for (int v : in) {
            const View& view = slot(v).view;
            const bool single = bytes_read(view) == itemsize(view.dtype);
            if (!single && (view.size() != numbers || !view.contiguous())) return false;
            f(root(v), first_number(v), single);
        }
        return true;
    }

    // Of a use of an op that accumulates.
    std::unique_ptr<Accumulated> accumulate(const Use& use) const {
        std::vector<const View*> in;
        for (int v : inputs_of(use)) in.push_back(&slot(v).view);
        const Instruction& i = *use.instruction;
        return i.op->accumulate(*i.op, i.attrs, in, slot(i.output).view);
    }
};

// Whether a view reads each number of its base once.
inline bool rearranges(const View& view, const View& base) {
    for (int i = 0; i < view.shape.size(); ++i)
        if (view.strides[i] == 0 && view.shape[i] > 1) return false;
    return view.size() == base.size();
}

}  // namespace fg
