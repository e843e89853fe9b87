// Running steps together by rows, on windows.
#include "tape/rowwise.hpp"

#include <algorithm>
#include <cstring>

#include "core/pool.hpp"
#include "core/scratch.hpp"

namespace fg {
namespace {

constexpr int64_t together_bytes = 256 << 10;  // of the rows: they stay in L2
constexpr int64_t unit = 16;                   // rows
constexpr double work_ns = 0.1;                // about what a unit of work takes

}  // namespace

Rowwise::Rowwise(std::vector<std::unique_ptr<RowStep>> steps, std::vector<RowWindow> windows, int64_t rows,
                 int64_t row_bytes, int bases)
    : steps_(std::move(steps)), windows_(std::move(windows)), rows_(rows), bases_(bases) {
    together_ = std::min(std::max(together_bytes / row_bytes / unit * unit, unit), rows_);
    window_bytes_ = 0;
    for (const RowWindow& w : windows_) window_bytes_ += aligned(together_ * w.row_bytes);
    for (const auto& step : steps_) {
        work_ += step->work();
        bytes_ += step->bytes();
        for (const RowWindow& w : windows_)
            if (step == steps_[0] || step->reads(w.base)) bytes_ -= rows_ * w.row_bytes;
    }
    parts_ = std::max<int64_t>(std::min(parts_for(work_ns * work_), rows_ / unit), 1);
}

StepInfo Rowwise::info() const {
    StepInfo info = steps_.back()->info();
    info.ops.clear();
    for (const auto& step : steps_) info.ops += (info.ops.empty() ? "" : " + ") + step->info().ops;
    info.work = work_;
    info.bytes = bytes_;
    return info;
}

bool Rowwise::reads(int base) const {
    return std::any_of(steps_.begin(), steps_.end(), [&](const auto& step) { return step->reads(base); });
}

void Rowwise::run(Bases bases) const {
    const void* const shared = steps_[0]->share(bases);
    const int64_t part = rows_for_part(rows_, parts_);
    parallel_for((rows_ + part - 1) / part,
                 [&](int64_t i) { run_part(bases, shared, i * part, std::min((i + 1) * part, rows_)); });
}

// The steps find the windows where a base of each says that the whole value would be.
void Rowwise::run_part(Bases bases, const void* shared, int64_t begin, int64_t end) const {
    const int64_t bases_bytes = aligned(bases_ * int64_t(sizeof(char*)));
    char* const memory = static_cast<char*>(window_scratch(bases_bytes + window_bytes_));
    char** const own = reinterpret_cast<char**>(memory);
    std::memcpy(own, bases, size_t(bases_) * sizeof(char*));
    for (int64_t first = begin; first < end; first += together_) {
        const int64_t count = std::min(together_, end - first);
        char* window = memory + bases_bytes;
        for (const RowWindow& w : windows_) {
            own[w.base] = window - first * w.row_bytes;
            window += aligned(together_ * w.row_bytes);
        }
        for (const auto& step : steps_) step->run_rows(own, rows_, first, count, step == steps_[0] ? shared : nullptr);
    }
}

}  // namespace fg
