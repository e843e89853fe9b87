// Step: one native call of a replay, and where its operands lie.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tape/calls.hpp"
#include "tape/op.hpp"

namespace fg {

// Memory is found when a run begins: the arena, each input, each output, each tensor from outside is a base.
using Bases = char* const*;

struct Address {
    int base = 0;
    int64_t offset = 0;  // bytes

    char* in(Bases bases) const { return bases[base] + offset; }
};

struct Operand {
    Address at;
    View view;  // its layout; data is null

    View in(Bases bases) const {
        View v = view;
        v.data = at.in(bases);
        return v;
    }
};

// Where the use of a region lies in a program: its operands and results, its working memory, and the base of the first
// stack for what is inside. The address of a stack is that of the object.
struct RegionPlaces {
    std::vector<Operand> in, out;
    Address work;
    int first_stack = 0;

    bool reads(int base) const;
};

// What a step does, for people.
struct StepInfo {
    std::string ops;  // "matmul + add + relu"
    DType dtype;
    Dims shape;         // of what it makes
    double work = 0;    // multiply-adds, and results of elementwise ops
    int64_t bytes = 0;  // of the operands it reads and the results it writes in memory

    void add(const Op& op) {
        if (!ops.empty()) ops += " + ";
        ops += op.name;
    }
};

// The next multiple of the alignment of storage.
inline int64_t aligned(int64_t bytes) {
    return (bytes + storage_alignment - 1) / storage_alignment * storage_alignment;
}

// How many parts a computation that takes about so long is cut into at most, for the threads of core/pool.hpp.
int64_t parts_for(double nanoseconds);
// Rows of a prepared op for one thread at a time, where it is cut into so many parts at most: what each part reads
// again costs more than uneven parts do, so there are few for each thread.
int64_t rows_for_part(int64_t rows, int64_t most_parts);
// Makes what all parts share in so many bytes of memory, by the threads together.
void make_shared(const Prepared& prepared, const void* const* in, int64_t bytes, void* shared);
// About what an elementwise op takes for a number.
constexpr double number_ns = 0.4;

// Bytes of the numbers of an operand, repeated ones once.
int64_t bytes_read(const View& view);

// What a step finds its operands by, once. Where a base moves later, the addresses that follow it move along.
class Resolver {
public:
    virtual ~Resolver() = default;

    // Stays where it is, and so does what it points to; the memory behind it moves.
    virtual Bases bases() const = 0;
    // Step::resolved_work_bytes() of memory, for the time of a run.
    virtual char* work() const = 0;
    // From now on *at is that address. `at` stays where it is, too.
    template <class T> void follow(const Address& address, T** at) {
        follow_address(address, const_cast<std::remove_cv_t<T>**>(at));
    }

private:
    virtual void follow_address(const Address& address, void* at) = 0;
};

class Step {
public:
    virtual ~Step() = default;
    // Appends what it does, for one thread, as long as the step and the bases last.
    virtual void resolve(Resolver& resolver, Calls& calls) const = 0;
    virtual int64_t resolved_work_bytes() const { return 0; }
    // Whether any number is read behind a base.
    virtual bool reads(int base) const = 0;
    // Whether the result behind one base may be made in the very memory of the operand behind another: every number is
    // read for the last time before the one in its place is written.
    virtual bool overwrites(int, int) const { return false; }
    virtual StepInfo info() const = 0;
    double work() const { return work_; }
    int64_t bytes() const { return bytes_; }
    double nanoseconds() const { return nanoseconds_; }

protected:
    double work_ = 0;  // see StepInfo
    int64_t bytes_ = 0;
    double nanoseconds_ = 0;  // about how long it takes on one core, where that is estimated
};

// A step that can also find its operands as it runs, on several threads: large ones lose nothing by that.
class FindingStep : public Step {
public:
    virtual void run(Bases bases) const = 0;
    void resolve(Resolver& resolver, Calls& calls) const override;
};

// A step whose results can be made by rows of their first axis, `rows` in all, in any order and on any thread.
class RowStep : public FindingStep {
public:
    virtual int64_t rows() const = 0;  // that it can be cut into
    // `shared`: what share has made, or null.
    virtual void run_rows(Bases bases, int64_t rows, int64_t first, int64_t count, const void* shared) const = 0;
    // What rows run in several parts can share is made before them, in so much memory (0: there is nothing).
    virtual int64_t shared_bytes() const { return 0; }
    virtual void share(Bases, void*) const {}
};

// One use of an op by itself.
class OpStep final : public RowStep {
public:
    OpStep(const Op& op, const Attrs& attrs, std::vector<Operand> in, const Operand& out,
           std::unique_ptr<Prepared> prepared);

    // Of a prepared op; others are resolved.
    void run(Bases bases) const override;
    int64_t rows() const override { return prepared_->rows; }
    void run_rows(Bases bases, int64_t rows, int64_t first, int64_t count, const void* shared) const override;
    int64_t shared_bytes() const override { return shared_bytes_; }
    void share(Bases bases, void* shared) const override;
    void resolve(Resolver& resolver, Calls& calls) const override;
    int64_t resolved_work_bytes() const override { return in_one_go() ? work_bytes_ : 0; }
    bool reads(int base) const override;
    bool overwrites(int result, int operand) const override;
    StepInfo info() const override { return {op_.name, out_.view.dtype, out_.view.shape, work_, bytes_}; }

private:
    struct PreparedCall;
    class ResolvedViews;

    bool in_one_go() const { return prepared_ && parts_ == 1; }
    void find_inputs(Bases bases, const void** in) const;
    // Rows of the prepared op.
    int64_t run_prepared(Bases bases, int64_t first, int64_t count, const void* shared) const;
    [[noreturn]] void fail(Bases bases, int64_t status) const;

    const Op& op_;
    Attrs attrs_;
    std::vector<Operand> in_;
    Operand out_;
    std::unique_ptr<Prepared> prepared_;  // null: by Op::run
    int64_t parts_ = 1, work_bytes_ = 0;  // at most
    int64_t shared_bytes_ = 0;            // 0: each part does all by itself
};

}  // namespace fg
