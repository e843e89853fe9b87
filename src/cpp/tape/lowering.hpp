// Lowering: from a recording to the steps of a replay. Nothing here changes a bit of any result.
//
// Computations that occur twice are done once, what is computed from constants alone is computed now, elementwise ops
// run together by block (tape/blockwise.hpp), also behind the op whose rows they read, and every value gets its place.
#pragma once

#include "tape/recording.hpp"
#include "tape/step.hpp"

namespace fg {

// Where the memory of the bases comes from.
struct BasePlan {
    int inputs = 0;   // base of the first input; the arena is base 0
    int outputs = 0;  // base of the first of output_metas
    int key = -1;     // base of the key of its draws, when it makes any
    int stacks = 0;   // base of the first of the stacks that its regions need, which are whole objects
    int stack_count = 0;
    int count = 0;
    std::vector<View> output_views;                    // memory that each run makes anew, by layout
    std::vector<std::pair<int, Tensor>> from_outside;  // base, and the tensor whose memory it is
};

// How a run's result is found once the steps are done.
struct Result {
    Operand operand;
    int output = -1;  // it lies in this one of output_views; -1: elsewhere, and is copied out
};

struct Lowered {
    std::vector<std::unique_ptr<Step>> steps;
    BasePlan bases;
    std::vector<Result> results;
    int64_t arena_bytes = 0;
};

// With contiguous_results, those that would not be contiguous are copied out.
Lowered lower(const Recording& recording, bool contiguous_results = false);

}  // namespace fg
