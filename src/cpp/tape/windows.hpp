// RowWindows: values that steps run together hand on, some rows at a time, without ever being in memory as a whole.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/scratch.hpp"
#include "tape/buffers.hpp"
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
    // bases: how many there are. reads(step, base), for so many steps in the order they run in.
    template <class Reads>
    RowWindows(std::vector<RowWindow> windows, int64_t rows, int bases, size_t steps, const Reads& reads)
        : together_(rows), bases_bytes_(bases * int64_t(sizeof(char*))) {
        for (const RowWindow& w : windows) {
            all_.push_back({w, w.maker, 0});
            bytes_saved_ += rows * w.row_bytes;
            for (size_t i = w.maker + 1; i < steps; ++i)
                if (reads(i, w.base)) {
                    all_.back().last_reader = i;
                    bytes_saved_ += rows * w.row_bytes;
                }
        }
        steps_ = steps;
        row_bytes_ = lay_out([](int64_t row_bytes) { return row_bytes; });
    }

    bool empty() const { return all_.empty(); }
    // Bytes that the steps count as read or written though they never are in memory.
    int64_t bytes_saved() const { return bytes_saved_; }
    // Of all windows that are needed at a time.
    int64_t row_bytes() const { return row_bytes_; }
    // How many rows are handed on together; all of them at first.
    void set_together(int64_t rows) {
        together_ = rows;
        bytes_ = lay_out([&](int64_t row_bytes) { return aligned(rows * row_bytes); });
    }

    // f(bases, first, count) for rows begin..end, some at a time: steps find the windows where a base of each says that
    // the whole value would be.
    template <class F> void for_rows(Bases bases, int64_t begin, int64_t end, F&& f) const {
        char* const memory = static_cast<char*>(all_.empty() ? nullptr : window_scratch(bytes_ + bases_bytes_));
        char** const own = reinterpret_cast<char**>(memory + bytes_);
        if (memory) std::memcpy(own, bases, size_t(bases_bytes_));
        for (int64_t first = begin; first < end; first += together_) {
            for (const Placed& w : all_) own[w.window.base] = memory + w.offset - first * w.window.row_bytes;
            f(memory ? own : bases, first, std::min(together_, end - first));
        }
    }

private:
    struct Placed {
        RowWindow window;
        size_t last_reader;
        int64_t offset;
    };

    // Windows that nobody reads any more serve again. Returns how much memory they need.
    template <class Size> int64_t lay_out(const Size& size) {
        Buffers buffers;
        for (size_t i = 0; i < steps_; ++i) {
            for (Placed& w : all_)
                if (w.window.maker == i) w.offset = buffers.take(size(w.window.row_bytes));
            for (Placed& w : all_)
                if (w.last_reader == i) buffers.give_back(w.offset, size(w.window.row_bytes));
        }
        return buffers.end();
    }

    std::vector<Placed> all_;
    size_t steps_ = 0;
    int64_t together_, bases_bytes_, bytes_ = 0, row_bytes_ = 0, bytes_saved_ = 0;
};

}  // namespace fg
