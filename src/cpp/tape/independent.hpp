// Independent: steps that read nothing of one another, shared out to threads as one piece of work.
//
// The gradients of a network's weights, once those of its layers are there: each would give two cores too little to do,
// all of them keep every core busy until the end.
#pragma once

#include "tape/step.hpp"

namespace fg {

class Independent final : public FindingStep {
public:
    explicit Independent(std::vector<std::unique_ptr<RowStep>> steps);

    void run(Bases bases) const override;
    std::unique_ptr<ResolvedStep> resolve(Resolver& resolver) const override;
    int64_t resolved_work_bytes() const override { return most_work_bytes(steps_); }
    StepInfo info() const override;
    bool reads(int base) const override;

private:
    std::vector<std::unique_ptr<RowStep>> steps_;
    std::vector<double> begin_;       // of each step, in nanoseconds from the start of the first; and the end
    std::vector<int64_t> shared_at_;  // see share_all
};

}  // namespace fg
