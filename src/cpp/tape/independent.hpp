// Independent: steps that read nothing of one another, shared out to threads as one piece of work.
//
// The gradients of a network's weights, once those of its layers are there: each would give two cores too little to do,
// all of them keep every core busy until the end.
#pragma once

#include "tape/group_step.hpp"

namespace fg {

class Independent final : public GroupStep {
public:
    explicit Independent(RowSteps steps);

    void run(Bases bases) const override;
    void resolve(Resolver& resolver, Calls& calls) const override { resolve_one_by_one(resolver, calls); }
    int64_t resolved_work_bytes() const override { return most_work_bytes(); }

private:
    std::vector<double> begin_;  // of each step, in nanoseconds from the start of the first; and the end
};

}  // namespace fg
