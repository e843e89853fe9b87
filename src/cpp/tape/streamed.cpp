// Running steps together by rows.
#include "tape/streamed.hpp"

#include <algorithm>

#include "core/pool.hpp"
#include "core/scratch.hpp"

namespace fg {
namespace {

// Of the large operand at a time: it is read again while in L1, and as much that follows is fetched meanwhile.
constexpr int64_t together_bytes = 16 << 10;
constexpr int64_t most_operands = 4;

}  // namespace

Streamed::Streamed(std::vector<std::unique_ptr<RowStep>> steps, const Op& op, std::unique_ptr<Accumulated> sum,
                   std::vector<Operand> in, const Operand& out)
    : steps_(std::move(steps)), op_(op), sum_(std::move(sum)), in_(std::move(in)), out_(out) {
    work_ = sum_->row_work * double(sum_->rows);
    bytes_ = bytes_read(out_.view);
    // The first operand has been counted by the step that reads it, too.
    for (size_t k = 1; k < in_.size(); ++k) bytes_ += bytes_read(in_[k].view);
    for (const auto& step : steps_) {
        work_ += step->work();
        bytes_ += step->bytes();
    }
    together_ = sum_->grain;  // doubled, so that a block is a whole number of goes
    while (together_ < sum_->block && 2 * together_ * sum_->row_bytes <= together_bytes) together_ *= 2;
    // The steps take about as long as the sum, which reads the same rows.
    const int64_t rows = sum_->rows, parts = parts_for(2 * sum_->row_ns * double(rows));
    part_ = parts == 1 ? rows : ((rows + parts - 1) / parts + sum_->block - 1) / sum_->block * sum_->block;
}

StepInfo Streamed::info() const {
    StepInfo info{"", out_.view.dtype, out_.view.shape, work_, bytes_};
    for (const auto& step : steps_) info.ops += step->info().ops + " + ";
    info.ops += op_.name;
    return info;
}

bool Streamed::reads(int base) const {
    return std::any_of(in_.begin(), in_.end(), [&](const Operand& operand) { return operand.at.base == base; }) ||
           std::any_of(steps_.begin(), steps_.end(), [&](const auto& step) { return step->reads(base); });
}

void Streamed::run(Bases bases) const {
    void* const state = shared_scratch(sum_->state_bytes());
    const int64_t rows = sum_->rows, part = num_threads() == 1 ? rows : part_;
    parallel_for((rows + part - 1) / part,
                 [&](int64_t i) { run_part(bases, i * part, std::min((i + 1) * part, rows), state); });
    sum_->finish(state, out_.at.in(bases));
}

void Streamed::run_part(Bases bases, int64_t begin, int64_t end, void* state) const {
    const void* in[most_operands];
    for (size_t k = 0; k < in_.size(); ++k) in[k] = in_[k].at.in(bases);
    for (int64_t first = begin; first < end; first += together_) {
        const int64_t count = std::min(together_, end - first);
        for (const auto& step : steps_) step->run_rows(bases, sum_->rows, first, count, nullptr);
        sum_->add(in, first, count, state);
    }
}

}  // namespace fg
