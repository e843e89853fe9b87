// Streamed: steps that go over the rows of one large operand, run one after the other on some rows while these are
// near.
//
// The last of them add up over the rows (class Accumulated): a linear model's loss and gradient read X once, and what
// is between them never is in memory as a whole.
#pragma once

#include "tape/group_step.hpp"
#include "tape/windows.hpp"

namespace fg {

// A step that adds up.
struct StreamedSum {
    const Op* op;
    std::unique_ptr<Accumulated> sum;
    std::vector<Operand> in;
    Operand out;

    bool reads(int base) const;
};

class Streamed final : public GroupStep {
public:
    // `steps` make what `sums` add up, and read the rows of the first operand of the first sum, too. Windows are filled
    // by steps, and counted through steps and sums.
    Streamed(RowSteps steps, std::vector<StreamedSum> sums, std::vector<RowWindow> windows, int bases);

    void run(Bases bases) const override;
    StepInfo info() const override;
    bool reads(int base) const override;

private:
    void run_part(Bases bases, int64_t begin, int64_t end, char* state) const;

    std::vector<StreamedSum> sums_;
    RowWindows windows_;
    int64_t rows_;
    int64_t part_;                   // rows for one thread at a time
    std::vector<int64_t> state_at_;  // of each sum; and the end
};

}  // namespace fg
