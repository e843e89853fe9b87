// GroupStep: what steps that run several others together, by their rows, have in common.
#pragma once

#include "tape/step.hpp"

namespace fg {

using RowSteps = std::vector<std::unique_ptr<RowStep>>;

class GroupStep : public FindingStep {
public:
    // The ops of all, with `between_` between them; the shape is that of the last.
    StepInfo info() const override;
    bool reads(int base) const override;

protected:
    GroupStep(RowSteps steps, const char* between);

    // Makes what the rows of each step share; the memory of all of it, or null.
    char* share_all(Bases bases) const;
    void run_rows_of(size_t step, Bases bases, int64_t rows, int64_t first, int64_t count, char* shared) const {
        steps_[step]->run_rows(bases, rows, first, count,
                               steps_[step]->shared_bytes() ? shared + shared_at_[step] : nullptr);
    }
    // On several threads this step finds its operands as it runs; on one those in it run as they would alone, for which
    // most_work_bytes() is the memory they work in.
    void resolve_one_by_one(Resolver& resolver, Calls& calls) const;
    int64_t most_work_bytes() const;

    const RowSteps steps_;

private:
    class OneByOne;

    const char* between_;
    std::vector<int64_t> shared_at_;  // of each step, in the memory of what all share; and the end
};

}  // namespace fg
