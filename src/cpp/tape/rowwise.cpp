// Running steps together by rows.
#include "tape/rowwise.hpp"

#include <algorithm>
#include <cstring>

#include "core/pool.hpp"
#include "core/scratch.hpp"

namespace fg {
namespace {

constexpr int64_t together_bytes = 256 << 10;  // of the rows: they stay in L2
constexpr int64_t unit = 16;                   // rows

}  // namespace

Rowwise::Rowwise(RowSteps steps, std::vector<RowWindow> windows, int64_t rows, int64_t row_bytes, int bases)
    : steps_(std::move(steps)),
      shared_at_(shared_places(steps_)),
      windows_(std::move(windows)),
      rows_(rows),
      bases_(bases),
      together_(rows) {
    if (!windows_.empty()) together_ = std::min(std::max(together_bytes / row_bytes / unit * unit, unit), rows_);
    window_bytes_ = 0;
    for (const RowWindow& w : windows_) window_bytes_ += aligned(together_ * w.row_bytes);
    for (const auto& step : steps_) {
        work_ += step->work();
        bytes_ += step->bytes();
        nanoseconds_ += step->nanoseconds();
    }
    // A window has been counted as memory by the step that fills it, and by those that read it.
    for (const RowWindow& w : windows_)
        for (size_t i = 0; i < steps_.size(); ++i)
            if (i == w.maker || steps_[i]->reads(w.base)) bytes_ -= rows_ * w.row_bytes;
    parts_ = std::max<int64_t>(std::min(parts_for(nanoseconds_), rows_ / unit), 1);
}

StepInfo Rowwise::info() const {
    StepInfo info = steps_.back()->info();
    info.ops = ops_of(steps_, " + ");
    info.work = work_;
    info.bytes = bytes_;
    return info;
}

bool Rowwise::reads(int base) const {
    return std::any_of(steps_.begin(), steps_.end(), [&](const auto& step) { return step->reads(base); });
}

void Rowwise::run(Bases bases) const {
    const int64_t part = rows_for_part(rows_, parts_);
    char* const shared = share_all(steps_, shared_at_, bases);
    parallel_for((rows_ + part - 1) / part,
                 [&](int64_t i) { run_part(bases, shared, i * part, std::min((i + 1) * part, rows_)); });
}

// The steps find the windows where a base of each says that the whole value would be.
void Rowwise::run_part(Bases bases, char* shared, int64_t begin, int64_t end) const {
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
        for (size_t i = 0; i < steps_.size(); ++i)
            steps_[i]->run_rows(own, rows_, first, count, steps_[i]->shared_bytes() ? shared + shared_at_[i] : nullptr);
    }
}

std::unique_ptr<ResolvedStep> Rowwise::resolve(Resolver& resolver) const {
    if (!windows_.empty()) return FindingStep::resolve(resolver);
    return resolve_one_by_one(*this, steps_, resolver);
}

}  // namespace fg
