// RowWindows: values that steps run together hand on, some rows at a time, without ever being in memory as a whole.
#pragma once

#include <cstring>
#include <vector>

#include "core/scratch.hpp"
#include "tape/step.hpp"

namespace fg {

// A value that is handed on. Its base is nobody else's.
struct RowWindow {
    int base;
    int64_t row_bytes;
    size_t maker;  // the step that fills it
};

class RowWindows {
public:
    // bases: how many there are.
    RowWindows(std::vector<RowWindow> windows, int64_t rows, int bases) : all_(std::move(windows)), rows_(rows) {
        bases_bytes_ = bases * int64_t(sizeof(char*));
    }

    bool empty() const { return all_.empty(); }
    // Rows that are handed on together.
    void set_together(int64_t rows) { together_ = rows; }
    // Bytes that steps count as read or written though they never are in memory: each window by the step that fills it,
    // and by those that read it. reads(step, base)
    template <class Reads> int64_t bytes_saved(size_t steps, const Reads& reads) const {
        int64_t bytes = 0;
        for (const RowWindow& w : all_)
            for (size_t i = 0; i < steps; ++i)
                if (i == w.maker || reads(i, w.base)) bytes += rows_ * w.row_bytes;
        return bytes;
    }

    // f(bases, first, count) for rows begin..end, `together` at a time: steps find the windows where a base of each
    // says that the whole value would be.
    template <class F> void for_rows(Bases bases, int64_t begin, int64_t end, F&& f) const {
        if (all_.empty()) {
            for (int64_t first = begin; first < end; first += together_)
                f(bases, first, std::min(together_, end - first));
            return;
        }
        int64_t bytes = aligned(bases_bytes_);
        for (const RowWindow& w : all_) bytes += aligned(together_ * w.row_bytes);
        char* const memory = static_cast<char*>(window_scratch(bytes));
        char** const own = reinterpret_cast<char**>(memory);
        std::memcpy(own, bases, size_t(bases_bytes_));
        for (int64_t first = begin; first < end; first += together_) {
            char* window = memory + aligned(bases_bytes_);
            for (const RowWindow& w : all_) {
                own[w.base] = window - first * w.row_bytes;
                window += aligned(together_ * w.row_bytes);
            }
            f(Bases(own), first, std::min(together_, end - first));
        }
    }

private:
    std::vector<RowWindow> all_;
    int64_t rows_, together_ = 1, bases_bytes_;
};

}  // namespace fg
