// Streamed: steps that go over the rows of one large operand, run one after the other on some rows while these are
// near.
//
// The last of them adds up over the rows (class Accumulated): a linear model's loss and gradient read X once.
#pragma once

#include "tape/step.hpp"

namespace fg {

class Streamed final : public FindingStep {
public:
    // `steps` make what `sum` adds up, and read the rows of its first operand, too.
    Streamed(std::vector<std::unique_ptr<RowStep>> steps, const Op& op, std::unique_ptr<Accumulated> sum,
             std::vector<Operand> in, const Operand& out);

    void run(Bases bases) const override;
    StepInfo info() const override;
    bool reads(int base) const override;

private:
    void run_part(Bases bases, int64_t begin, int64_t end, void* state) const;

    std::vector<std::unique_ptr<RowStep>> steps_;
    const Op& op_;  // of the sum
    std::unique_ptr<Accumulated> sum_;
    std::vector<Operand> in_;
    Operand out_;
    int64_t together_;  // rows at a time
    int64_t part_;      // rows for one thread at a time
};

}  // namespace fg
