// FitLoop: epochs of training on a private copy of the parameters, which the model takes over at completed steps.
#pragma once

#include "train/batches.hpp"
#include "train/pulse.hpp"
#include "train/step.hpp"

namespace fg {

enum class EpochEnd { complete, out_of_time, diverged };
const char* name(EpochEnd end);

struct EpochResult {
    EpochEnd end = EpochEnd::complete;
    double loss = 0;      // mean over the batches seen, each as much as it weighs; NaN when none was
    int64_t batches = 0;  // seen; those of zero weight too
    double worst = 0;     // diverged: the loss of the batch that ended it, number `batches`,
    RandomKey draws;      // and where the generator stood before it
};

class FitLoop {
public:
    // tables: of the optimizer, over the parameters of the model; they are written to by `commit` only.
    // full, rest: recorded on those parameters, for batches of the usual size and for a smaller last one. draws: where
    // the generator of what the model draws begins.
    FitLoop(Tables tables, Batches batches, const RecordedStep& full, const RecordedStep& rest, double max_norm,
            const RandomKey& draws);

    // One pass over the data. Ends at a completed step in every case; what poll or a step throws comes through.
    // After divergence the numbers are those of the last step after which all were finite.
    EpochResult epoch(uint64_t epoch, Span<Rule> rules, Pulse::Clock::time_point deadline,
                      const std::function<void()>& poll);

    // Hands numbers, slots and counts to the optimizer's tables; takes them from there.
    void commit();
    void pull();

    // Remembers the numbers; goes back to them.
    void keep_best();
    void restore_best();

private:
    RecordedStep on_copies(const RecordedStep& step) const;
    // Batch i in the memory of the step of its size.
    BoundStep& gather(const Permutation& order, int64_t i);

    Tables originals_, tables_;
    Batches batches_;
    BoundStep full_, rest_;
    // Of its own, so that steps can be repeated and fits in other threads take nothing away.
    Generator generator_;
    // Rows of the data for some batches together, from first_ on.
    std::vector<int64_t> indices_;
    int64_t first_ = 0, drawn_ = 0;
    std::vector<Tensor> best_;
};

}  // namespace fg
