// Blockwise: several elementwise ops on values of one shape, run one after the other on a block while it is in cache.
//
// The values between them never reach memory unless somebody else reads them. The first may be an op that makes its
// output row by row, such as a matrix product: the elementwise ops then follow on the rows it has just made.
#pragma once

#include <algorithm>

#include "tape/step.hpp"

namespace fg {

// What a Blockwise is made from. Values are numbered by whoever builds it.
struct BlockwisePlan {
    struct Use {
        const Op* op;
        const Op* chained;                  // the op that runs in one with it, before it, or null
        kernels::ElementwiseKernel kernel;  // null: that of the producer
        int first_operand, operand_count;   // in `operands`
        int out;
    };
    struct Value {
        Address at;
        const View* view;  // its layout
        bool in_memory;    // comes from outside, or is read there; else it lives in a block
    };

    Dims shape;  // of every result
    std::vector<Use> uses;
    std::vector<int> operands;
    std::vector<Value> values;
    std::unique_ptr<Prepared> producer;  // of the first use, whose operands are values of its own

    Span<int> operands_of(const Use& use) const {
        return {operands.data() + use.first_operand, size_t(use.operand_count)};
    }
};

class Blockwise final : public RowStep {
public:
    explicit Blockwise(BlockwisePlan&& plan);

    void run(Bases bases) const override;
    int64_t rows() const override { return producer_ ? producer_->rows : shape_.empty() ? 1 : shape_[0]; }
    void run_rows(Bases bases, int64_t rows, int64_t first, int64_t count, const void* shared) const override {
        run_part(bases, shared, first * (numbers_ / rows), (first + count) * (numbers_ / rows));
    }
    int64_t shared_bytes() const override { return shared_bytes_; }
    void share(Bases bases, void* shared) const override;
    void resolve(Resolver& resolver, Calls& calls) const override;
    int64_t resolved_work_bytes() const override { return places_.empty() ? 0 : places_at_; }
    bool reads(int base) const override;
    bool overwrites(int result, int operand) const override;
    StepInfo info() const override;

private:
    struct CopyCall;

    // How a value is found: at a place that moves with the block, or in a buffer that holds one block of it.
    struct Value {
        Address at;  // where it is in memory
        bool in_memory = false;
        int64_t buffer = -1;                                  // offset into the working memory; -1: not in a buffer
        int64_t per_number = 0, per_column = 0, per_row = 0;  // bytes to move by, per number, column or row passed
        int64_t step = 1;  // for the kernels: 0 is one number for all, a row's length a row for all
    };
    // A value copied into its buffer: once where every block is the same, else for each block.
    struct Copied {
        int value;
        DType dtype;
        Dims shape, strides;
        bool once;
    };
    struct Use {
        kernels::ElementwiseKernel kernel;
        const Op *op, *chained;
        int first_operand, operand_count;  // into operands_
        int out;
    };

    // Where a value is when one block does: behind a base, or, where that is -1, in the working memory.
    struct Place {
        int base;
        int step;
        int64_t offset;
    };

    // One block does, all of it made at once.
    bool in_one_go() const {
        return numbers_ > 0 && numbers_ <= std::min(part_, block_) &&
               (!producer_ || (parts_ == 1 && rows_made_ == producer_->rows));
    }
    void find_places();
    void resolve_producer(Resolver& resolver, Calls& calls) const;
    void lay_out(const BlockwisePlan& plan, int64_t most);  // numbers in a block
    void cut(const BlockwisePlan& plan);
    bool has_row_form(const BlockwisePlan& plan, int index) const;
    void place_in_memory(const BlockwisePlan& plan, int index);
    std::vector<int> find_homes(const BlockwisePlan& plan, const std::vector<size_t>& last_read) const;
    void assign_buffers(const BlockwisePlan& plan);
    void copy(const Copied& copied, Bases bases, char* to, int64_t first, int64_t count) const;
    void repeat_row(const Copied& copied, Bases bases, char* to) const;
    void find_producer_in(Bases bases, const void** in) const;
    void run_part(Bases bases, const void* shared, int64_t part_begin, int64_t part_end) const;
    void run_block(char* const* places, int64_t first, int64_t count) const;

    int64_t numbers_ = 1;    // in each result
    int64_t row_ = 1;        // numbers in a row
    int64_t block_ = 1;      // numbers at a time: whole rows, or a part of one
    int64_t rows_made_ = 0;  // by the producer at a time; 0: there is none
    int64_t part_ = 1;       // numbers for one thread at a time, without a producer
    int64_t parts_ = 1;      // of the producer's rows, at most
    std::vector<Value> values_;
    std::vector<Copied> copied_;
    std::vector<Use> uses_;
    std::vector<int> operands_;
    std::vector<Place> places_;  // where one block does: of the operands and the result of each use, in order
    std::unique_ptr<Prepared> producer_;
    const Op* producer_op_ = nullptr;
    int producer_operands_ = 0;  // the first of operands_
    int producer_out_ = -1;
    int64_t shared_bytes_ = 0;  // of what the producer makes once for all rows
    // Working memory: buffers, the producer's, and the place of each value.
    int64_t buffers_bytes_ = 0, places_at_ = 0, work_bytes_ = 0;
    Dims shape_;
    DType dtype_ = DType::float64;  // of the last result
};

}  // namespace fg
