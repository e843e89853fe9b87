// Rowwise: a step that makes large rows, and those that make something of each row, run together on some rows at a
// time.
//
// A matrix of distances of which the least in each row is asked, of scores whose logarithms of sums: the matrix is
// larger than a cache, and nobody else reads it. It never is in memory as a whole: each thread has a window of some
// rows.
#pragma once

#include "tape/step.hpp"

namespace fg {

// A value that is handed on from step to step. Its base is nobody else's.
struct RowWindow {
    int base;
    int64_t row_bytes;
};

class Rowwise final : public FindingStep {
public:
    // The first step makes so many rows of so many bytes, in the windows or for others, too. `bases`: how many there
    // are.
    Rowwise(std::vector<std::unique_ptr<RowStep>> steps, std::vector<RowWindow> windows, int64_t rows,
            int64_t row_bytes, int bases);

    void run(Bases bases) const override;
    StepInfo info() const override;
    bool reads(int base) const override;

private:
    void run_part(Bases bases, const void* shared, int64_t begin, int64_t end) const;

    std::vector<std::unique_ptr<RowStep>> steps_;
    std::vector<RowWindow> windows_;
    int64_t rows_;
    int bases_;             // how many
    int64_t together_;      // rows at a time
    int64_t parts_;         // at most
    int64_t window_bytes_;  // of all windows
};

}  // namespace fg
