// Cutting several steps into parts that take equally long.
#include "tape/independent.hpp"

#include <algorithm>
#include <cmath>

#include "core/pool.hpp"

namespace fg {

Independent::Independent(RowSteps steps) : GroupStep(std::move(steps), ", "), begin_{0} {
    for (const auto& step : steps_) begin_.push_back(begin_.back() + step->nanoseconds());
}

void Independent::run(Bases bases) const {
    constexpr int64_t unit = 16;  // rows
    char* const shared = share_all(bases);
    // The same number for each thread, two at most, for they are not equally fast.
    const int64_t threads = threads_now(), most = parts_for(nanoseconds_);
    const int64_t parts = most <= threads ? most : 2 * threads;
    const auto row_at = [&](size_t i, int64_t part) {
        const int64_t rows = steps_[i]->rows();
        const double at = nanoseconds_ * double(part) / double(parts);
        const double done = (at - begin_[i]) / (begin_[i + 1] - begin_[i]);
        if (part == parts || done >= 1) return rows;
        const int64_t row = std::llround(std::max(done, 0.0) * double(rows) / double(unit)) * unit;
        return std::min(row, rows);
    };
    parallel_for(parts, [&](int64_t part) {
        for (size_t i = 0; i < steps_.size(); ++i) {
            const int64_t first = row_at(i, part), end = row_at(i, part + 1);
            if (first < end) run_rows_of(i, bases, steps_[i]->rows(), first, end - first, shared);
        }
    });
}

}  // namespace fg
