// Running steps together by rows.
#include "tape/rowwise.hpp"

#include <algorithm>

#include "core/pool.hpp"

namespace fg {
namespace {

constexpr int64_t together_bytes = 256 << 10;  // of the rows: they stay in L2
constexpr int64_t unit = 16;                   // rows

}  // namespace

Rowwise::Rowwise(RowSteps steps, std::vector<RowWindow> windows, int64_t rows, int bases)
    : GroupStep(std::move(steps), " + "),
      windows_(std::move(windows), rows, bases, steps_.size(),
               [&](size_t i, int base) { return steps_[i]->reads(base); }),
      rows_(rows) {
    if (!windows_.empty())
        windows_.set_together(std::min(std::max(together_bytes / windows_.row_bytes() / unit * unit, unit), rows_));
    bytes_ -= windows_.bytes_saved();
    parts_ = std::max<int64_t>(std::min(parts_for(nanoseconds_), rows_ / unit), 1);
}

void Rowwise::run(Bases bases) const {
    const int64_t part = rows_for_part(rows_, parts_);
    char* const shared = share_all(bases);
    parallel_for((rows_ + part - 1) / part,
                 [&](int64_t i) { run_part(bases, shared, i * part, std::min((i + 1) * part, rows_)); });
}

void Rowwise::run_part(Bases bases, char* shared, int64_t begin, int64_t end) const {
    windows_.for_rows(bases, begin, end, [&](Bases own, int64_t first, int64_t count) {
        for (size_t i = 0; i < steps_.size(); ++i) run_rows_of(i, own, rows_, first, count, shared);
    });
}

void Rowwise::resolve(Resolver& resolver, Calls& calls) const {
    if (!windows_.empty()) FindingStep::resolve(resolver, calls);
    else resolve_one_by_one(resolver, calls);
}

}  // namespace fg
