// Replaying a loss chunk by chunk.
#include "train/evaluation.hpp"

#include <algorithm>

#include "core/thread_count.hpp"
#include "train/pulse.hpp"

namespace fg {

Evaluation::Evaluation(std::vector<Tensor> arrays, int64_t chunk, RecordedStep full, RecordedStep rest)
    : arrays_(std::move(arrays)), chunk_(chunk), full_(std::move(full)), rest_(std::move(rest)) {
    if (arrays_.empty()) throw ValueError("expected at least one array");
    if (chunk < 1) throw ValueError(say("chunk must be at least 1, got ", chunk));
    for (Tensor& a : arrays_) {
        if (a.ndim() < 1 || a.shape()[0] != arrays_[0].shape()[0])
            throw ValueError(say("arrays have shapes ", arrays_[0].shape(), " and ", a.shape(), "; expected (n, ...)"));
        a = contiguous(a);
    }
}

double Evaluation::operator()(const std::function<void()>& poll) const {
    const LoopRuns running;
    Pulse pulse(poll);
    double sum = 0, weight = 0;
    std::vector<Tensor> part(arrays_.size());
    const int64_t rows = arrays_[0].shape()[0];
    for (int64_t start = 0; start < rows; start += chunk_) {
        pulse();
        const int64_t count = std::min(chunk_, rows - start);
        for (size_t a = 0; a < arrays_.size(); ++a) {
            Dims shape = arrays_[a].shape();
            shape[0] = count;
            part[a] = arrays_[a].with_view(shape, arrays_[a].strides(), start * arrays_[a].strides()[0]);
        }
        const RecordedStep& step = count == chunk_ ? full_ : rest_;
        const double share = step.weight(part);
        if (share == 0) continue;
        sum += step.program->run(part)[0].item() * share;
        weight += share;
    }
    return sum / weight;
}

}  // namespace fg
