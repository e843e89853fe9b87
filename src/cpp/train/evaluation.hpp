// Evaluation: the mean loss of a model over rows that it does not learn from.
#pragma once

#include <functional>

#include "train/step.hpp"

namespace fg {

class Evaluation {
public:
    // arrays: each (n, ...). full replays `chunk` rows, rest what is left over (it may be null when nothing is).
    Evaluation(std::vector<Tensor> arrays, int64_t chunk, RecordedStep full, RecordedStep rest);

    // Weighted as the batches are; NaN when all weights are zero. poll, about every 50 ms, may throw.
    double operator()(const std::function<void()>& poll) const;

private:
    std::vector<Tensor> arrays_;
    int64_t chunk_;
    RecordedStep full_, rest_;
};

}  // namespace fg
