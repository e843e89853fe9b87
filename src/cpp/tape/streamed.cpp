// Running steps together by rows, and adding up.
#include "tape/streamed.hpp"

#include <algorithm>

#include "core/pool.hpp"
#include "core/scratch.hpp"

namespace fg {
namespace {

// Of the large operand at a time: it is read again while in L1, and as much that follows is fetched meanwhile. Of wide
// rows some more, for the sums are read and written again each time.
constexpr int64_t together_bytes = 16 << 10, wide_together_bytes = 32 << 10, few_rows = 32;
constexpr int64_t most_operands = 4;

}  // namespace

bool StreamedSum::reads(int base) const {
    return std::any_of(in.begin(), in.end(), [&](const Operand& operand) { return operand.at.base == base; });
}

Streamed::Streamed(RowSteps steps, std::vector<StreamedSum> sums, std::vector<RowWindow> windows, int bases)
    : GroupStep(std::move(steps), " + "),
      sums_(std::move(sums)),
      windows_(std::move(windows), sums_[0].sum->rows, bases, steps_.size() + sums_.size(),
               [&](size_t i, int base) {
                   return i < steps_.size() ? steps_[i]->reads(base) : sums_[i - steps_.size()].reads(base);
               }),
      rows_(sums_[0].sum->rows),
      state_at_{0} {
    int64_t together = 1, block = 1;  // powers of two
    for (const StreamedSum& s : sums_) {
        work_ += s.sum->row_work * double(rows_);
        bytes_ += bytes_read(s.out.view);
        for (const Operand& operand : s.in) bytes_ += bytes_read(operand.view);
        state_at_.push_back(state_at_.back() + aligned(s.sum->state_bytes()));
        together = std::max(together, s.sum->grain);
        block = std::max(block, s.sum->block);
    }
    bytes_ -= bytes_read(sums_[0].in[0].view);  // counted by the step that reads it, too
    bytes_ -= windows_.bytes_saved();
    while (together < block &&
           2 * together * sums_[0].sum->row_bytes <= (together < few_rows ? wide_together_bytes : together_bytes))
        together *= 2;
    windows_.set_together(together);
    // The steps take about as long as the first sum, which reads the same rows.
    const int64_t parts = parts_for(2 * sums_[0].sum->row_ns * double(rows_));
    part_ = parts == 1 ? rows_ : ((rows_ + parts - 1) / parts + block - 1) / block * block;
}

StepInfo Streamed::info() const {
    StepInfo info = GroupStep::info();
    info.dtype = sums_[0].out.view.dtype;
    info.shape = sums_[0].out.view.shape;
    for (const StreamedSum& s : sums_) info.add(*s.op);
    return info;
}

bool Streamed::reads(int base) const {
    return GroupStep::reads(base) ||
           std::any_of(sums_.begin(), sums_.end(), [&](const StreamedSum& s) { return s.reads(base); });
}

void Streamed::run(Bases bases) const {
    char* const state = static_cast<char*>(shared_scratch(state_at_.back()));
    const int64_t part = threads_now() == 1 ? rows_ : part_;
    parallel_for((rows_ + part - 1) / part,
                 [&](int64_t i) { run_part(bases, i * part, std::min((i + 1) * part, rows_), state); });
    for (size_t i = 0; i < sums_.size(); ++i) sums_[i].sum->finish(state + state_at_[i], sums_[i].out.at.in(bases));
}

void Streamed::run_part(Bases bases, int64_t begin, int64_t end, char* state) const {
    windows_.for_rows(bases, begin, end, [&](Bases own, int64_t first, int64_t count) {
        for (const auto& step : steps_) step->run_rows(own, rows_, first, count, nullptr);
        for (size_t i = 0; i < sums_.size(); ++i) {
            const StreamedSum& s = sums_[i];
            const void* in[most_operands];
            for (size_t k = 0; k < s.in.size(); ++k) in[k] = s.in[k].at.in(own);
            s.sum->add(in, first, count, state + state_at_[i]);
        }
    });
}

}  // namespace fg
