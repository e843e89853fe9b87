// An op is data: how to infer, run and differentiate it, and its name. Everything above works on these.
#pragma once

#include <memory>
#include <vector>

#include "core/tensor.hpp"
#include "kernels/table.hpp"
#include "tape/derivative_rule.hpp"
#include "tape/region.hpp"

namespace fg {

// The constants of one use of an op. Axes are counted from the end (-1 is the last), and shapes and slices speak of
// the last axes only, so that leading batch axes may be added without touching them.
struct Attrs {
    Dims axes;           // reduced, permuted or joined
    Dims shape;          // target sizes, or lengths of slices
    Dims starts, steps;  // slices
    int64_t ndim = 0;    // how many trailing axes the op works on, where that is not plain from the rest
    int64_t draw = 0;    // of random numbers: which stream, counted from the one the key names
    bool keepdims = false;
    DType dtype = DType::float64;
    Ref<Region> region;  // of an op that owns recordings: each is like itself only
    // Of values with a derivative of their own: the first `ndim` operands after them are its inputs.
    Ref<DerivativeRule> rule;

    friend bool operator==(const Attrs& a, const Attrs& b) {
        return a.axes == b.axes && a.shape == b.shape && a.starts == b.starts && a.steps == b.steps &&
               a.ndim == b.ndim && a.draw == b.draw && a.keepdims == b.keepdims && a.dtype == b.dtype &&
               a.region.get() == b.region.get() && a.rule.get() == b.rule.get();
    }
};

using Views = Span<const View*>;

class Pullback;
class Batching;

// Numbers of an output that are those of an operand: number j is number j + shift, for j from begin to end.
struct Stretch {
    int64_t begin, end;
    int operand;  // -1: they are zero
    int64_t shift;
};

// One use of an op on operands of known layouts, with everything worked out that does not depend on the numbers.
class Prepared {
public:
    virtual ~Prepared() = default;

    // What all calls of run can share is made once before them, in shared_bytes() of memory (0: there is nothing), in
    // some parts, at the same time if need be.
    virtual int64_t shared_bytes() const { return 0; }
    virtual void share(const void* const*, int64_t, int64_t, void*) const {}

    // Of an output that is put together of contiguous operands: all its numbers, in order. Empty for others.
    virtual std::vector<Stretch> stretches() const { return {}; }

    // Rows first..first+count of the output, whose numbers begin at `out`; `work` is work_bytes() of memory, `shared`
    // what share has made, or null. Status as from Op::run. A row's bits are the same whatever rows are run with it.
    virtual int64_t run(const void* const* in, void* out, int64_t first, int64_t count, void* work,
                        const void* shared) const = 0;
    // For up to `count` rows at a time.
    virtual int64_t work_bytes(int64_t count) const = 0;

    // All rows by one call, kernel(plan, in, out, work), where nothing can be wrong with the numbers. Null: by run.
    struct Whole {
        kernels::PlannedKernel kernel = nullptr;
        const void* plan = nullptr;
    };
    virtual Whole whole() const { return {}; }
    // By the run of one with which nothing can be wrong.
    template <class Kind> static Whole by_run(const Kind& prepared) {
        const auto all = [](const void* plan, const void* const* in, void* out, void* work) {
            const auto& it = *static_cast<const Kind*>(plan);
            it.run(in, out, 0, it.rows, work, nullptr);
        };
        return {all, &prepared};
    }

    int64_t rows = 1;      // parts of the output, one after the other in memory, that can be computed on their own
    int64_t row_size = 1;  // numbers in each
    double row_work = 0;   // multiply-adds, or numbers read, for one row
    double row_ns = 0;     // about how long a row takes
    int64_t grain = 1;     // rows at a time that it works well with
    bool aligned = false;  // row i reads row i of the first operand, which has as many, and all of the others
};

// One use of an op on operands of known layouts that adds up over their rows as these come.
class Accumulated {
public:
    virtual ~Accumulated() = default;

    // Adds rows first..first+count of the operands, a multiple of `grain` like all counts but the last, to
    // state_bytes() of memory that hold nothing yet where first is a multiple of `block`. Rows of different blocks may
    // be added at the same time, those of one block come in order.
    virtual void add(const void* const* in, int64_t first, int64_t count, void* state) const = 0;
    virtual void finish(const void* state, void* out) const = 0;  // the bits of Op::run
    virtual int64_t state_bytes() const = 0;

    int64_t rows = 1;
    int64_t row_bytes = 0;  // of the first operand
    int64_t grain = 1, block = 1;
    double row_work = 0, row_ns = 0;  // as in Prepared
};

struct Op {
    const char* name;
    const char* doc;
    int arity;  // -1: any number of inputs

    // Checks the inputs, naming what is wrong with them, and says what comes out.
    Meta (*infer)(const Op&, const Attrs&, Views in) = nullptr;

    // Computes out from in; out is contiguous and overlaps no input, unless replaces_first. Returns -1, or the position
    // of the first input element that cannot be used (an index out of range); fault then says what is wrong with it.
    int64_t (*run)(const Op&, const Attrs&, Views in, const View& out) = nullptr;
    // The same for many runs on operands of these layouts (data is null). Null where run serves as well.
    std::unique_ptr<Prepared> (*prepare)(const Op&, const Attrs&, Views in, const View& out) = nullptr;
    // For operands that it can take by rows: the first is (..., rows), the others are (rows, ...). Null where it
    // cannot.
    std::unique_ptr<Accumulated> (*accumulate)(const Op&, const Attrs&, Views in, const View& out) = nullptr;
    // The result is the first input with some numbers replaced. `out` may then be that input, of the same layout, which
    // nobody reads any more and no other input overlaps: run leaves the others as they are.
    bool replaces_first = false;
    // Of an elementwise op: the kernel for operands of these types.
    kernels::ElementwiseKernel (*kernel)(const Op&, Views in, const View& out) = nullptr;
    int formula = -1;  // its place in kernels::ElementwiseOps; -1 where it is none of these

    std::string (*fault)(const Attrs&, Views in, int64_t position) = nullptr;

    // An op that only reads the memory of its one input in another way: shape and strides of the output, and where it
    // begins, in elements. False when the input's layout does not allow it and run must copy. Null for other ops.
    bool (*alias)(const Attrs&, const View& in, View& out, int64_t& offset) = nullptr;
    // alias serves replays only, whose values nobody writes to; by itself, the op makes a result with its own memory.
    bool copies = false;

    // The gradient of argument `arg`, written over Tensor: run, recorded or differentiated again as the caller likes.
    Tensor (*vjp)(const Pullback&, int arg) = nullptr;

    // The op for each example of a batch (tape/batching.hpp), the batch axis in front of the result. Null where it has
    // no meaning for a batch: vmap then says so.
    Tensor (*batch)(const Batching&) = nullptr;

    // Per argument, what its vjp reads: bit i for input i < max_saved_inputs, and uses_out. Null: nothing.
    const int* uses = nullptr;
    // Bits of the arguments that a gradient passes to.
    unsigned differentiable = ~0u;
};

constexpr int max_saved_inputs = 5;
constexpr int uses_out = kernels::out;

inline int uses(const Op& op, int arg) { return op.uses ? op.uses[arg] : 0; }

// Whether a gradient passes to an argument.
inline bool is_differentiable(const Op& op, const Attrs& attrs, int arg) {
    if (attrs.rule) return arg >= 1 && arg <= attrs.ndim;
    return op.differentiable >> std::min(arg, 31) & 1;
}

}  // namespace fg
