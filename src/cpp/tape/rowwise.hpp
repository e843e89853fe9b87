// Rowwise: steps that make rows, each of the same row of the ones before, run together on some rows at a time.
//
// The layers of a network, there and back again: each thread takes its rows through all of them, what it has made in
// its own cache, and waits for the others once. Or a matrix of distances of which the least in each row is asked: the
// matrix is larger than a cache, and nobody else reads it. It never is in memory as a whole: each thread has a window
// of some rows.
#pragma once

#include "tape/group_step.hpp"
#include "tape/windows.hpp"

namespace fg {

class Rowwise final : public GroupStep {
public:
    // bases: how many there are.
    Rowwise(RowSteps steps, std::vector<RowWindow> windows, int64_t rows, int bases);

    void run(Bases bases) const override;
    void resolve(Resolver& resolver, Calls& calls) const override;
    int64_t resolved_work_bytes() const override { return most_work_bytes(); }

private:
    void run_part(Bases bases, char* shared, int64_t begin, int64_t end) const;

    RowWindows windows_;
    int64_t rows_;
    int64_t parts_;  // at most
};

}  // namespace fg
