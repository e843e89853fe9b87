// Sliding: elementwise ops, and such as put numbers one behind the other, that read one another some places ahead or
// behind, run together on a window that slides along their numbers.
//
// A difference u[1:] - u[:-1], a stencil, a chain of equations: each op is a pass over memory by itself. Here number j
// of an op is made at time j + lag, the lag so large that what it reads ahead of j is there by then, and what it reads
// behind j is held in the window. What nobody else reads never reaches memory, and what is only put together of parts
// of others is never made at all: its readers go on to these.
#pragma once

#include <algorithm>

#include "tape/step.hpp"

namespace fg {

// When a value is made.
struct Pace {
    int64_t lag = 0;     // number j at time j + lag
    int64_t behind = 0;  // to make it from some time on, what it is made of is needed from so much earlier on
};

// Of a use that reads number j + shift of these for its own number j.
struct Followed {
    Pace pace;
    int64_t shift;
};
Pace follow(const std::vector<Followed>& followed);

constexpr int64_t most_behind = 128;  // numbers: half a window

struct SlidingPlan {
    struct Read {
        int value;
        int64_t shift;  // number j reads number j + shift
        bool single;    // or that one alone, for all
    };
    struct Use {
        const Op* op;
        const Op* chained;                  // the op that runs in one with it, before it, or null
        kernels::ElementwiseKernel kernel;  // null: put together of stretches
        std::vector<Stretch> stretches;     // the operands are those of `reads`
        int first_read, read_count;
        int out;
    };
    struct Value {
        Address at;        // of number 0
        const View* view;  // its layout
        bool made;         // by one of the uses
        bool in_memory;    // comes from outside, or is read there
    };

    std::vector<Use> uses;
    std::vector<Read> reads;
    std::vector<Value> values;
};

class Sliding final : public FindingStep {
public:
    explicit Sliding(SlidingPlan&& plan);

    void run(Bases bases) const override;
    void resolve(Resolver& resolver, Calls& calls) const override;
    int64_t resolved_work_bytes() const override { return is_short() ? work_bytes_ : 0; }
    bool reads(int base) const override;
    StepInfo info() const override;

private:
    struct Value {
        Address at;
        int64_t item;  // bytes of a number
        int64_t size;  // numbers
        bool made, in_memory;
        int parts = -1;  // not made: the use whose stretches it is put together of
        Pace pace;
        int64_t history = 0;      // numbers behind the window that are read
        int64_t needed_from = 0;  // before the first time of a part
        int64_t buffer = -1;      // offset into the working memory; -1: never in a buffer
    };
    struct Use : SlidingPlan::Use {
        bool reads_parts = false;
    };

    // Where a use finds its operands and its result, from some number on.
    struct KernelPlaces;
    // A window on its way along some times, and what is done with the kernels that it comes by, see sliding.cpp.
    template <class Sink> class Window;
    class Running;
    class Listing;
    struct MoveCall;

    // A few windows do: the calls are found beforehand.
    bool is_short() const { return end_ <= std::min(part_, 8 * window_); }
    void find_parts();
    void find_paces();
    void find_events();
    void lay_out();
    // f(value, shift) for what a use reads, or is put together of what it reads.
    template <class F> void for_sources(const Use& use, F&& f);
    bool is_buffered(const Value& v, bool apart = false) const { return v.made && (!v.in_memory || apart); }

    std::vector<Use> uses_;
    std::vector<SlidingPlan::Read> reads_;
    std::vector<Value> values_;
    std::vector<int64_t> events_;  // times, in order, at which a use begins, ends or goes on with another part
    int64_t end_ = 0;              // time
    int64_t behind_ = 0;           // the most of any value
    int64_t window_ = 0;           // numbers
    int64_t part_ = 0;             // times for one thread
    int64_t work_bytes_ = 0;
    Dims shape_;
    DType dtype_ = DType::float64;  // of the last result
};

}  // namespace fg
