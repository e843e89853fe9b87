// The loop over batches, and what happens when it cannot go on.
#include "train/fit.hpp"

#include <cmath>

#include "core/thread_count.hpp"
#include "train/rebind.hpp"

namespace fg {
namespace {

constexpr int64_t indices_together = 4096;  // drawn at a time: several times quicker than batch by batch

Tables clones(const Tables& tables) {
    Tables out;
    for (const auto& table : tables) out.push_back(std::make_shared<ParameterTable>(table->clone()));
    return out;
}

std::vector<Tensor> params_of(const Tables& tables) {
    std::vector<Tensor> out;
    for (const auto& table : tables)
        for (const ParameterTable::Segment& s : table->segments()) out.push_back(s.param);
    return out;
}

}  // namespace

const char* name(EpochEnd end) {
    constexpr const char* names[] = {"complete", "max_seconds", "diverged"};
    return names[int(end)];
}

FitLoop::FitLoop(Tables tables, Batches batches, const RecordedStep& full, const RecordedStep& rest, double max_norm,
                 const RandomKey& draws)
    : originals_(std::move(tables)),
      tables_(clones(originals_)),
      batches_(std::move(batches)),
      full_(on_copies(full), tables_, max_norm),
      rest_(on_copies(rest), tables_, max_norm, &full_),
      generator_(draws.seed, draws.stream) {}

RecordedStep FitLoop::on_copies(const RecordedStep& step) const {
    RecordedStep copied = step;
    copied.program = rebound(*step.program, params_of(originals_), params_of(tables_));
    return copied;
}

BoundStep& FitLoop::gather(const Permutation& order, int64_t i) {
    const int64_t rows = batches_.batch_rows(i), usual = batches_.batch_rows(0);
    BoundStep& step = rows == usual ? full_ : rest_;
    if (i < first_ || i >= first_ + drawn_) {
        first_ = i;
        drawn_ = std::max<int64_t>(indices_together / usual, 1);
        batches_.fill_indices(order, i, indices_, drawn_);
    }
    batches_.gather({indices_.data() + (i - first_) * usual, size_t(rows)}, step.batch());
    return step;
}

EpochResult FitLoop::epoch(uint64_t epoch, Span<Rule> rules, Pulse::Clock::time_point deadline,
                           const std::function<void()>& poll) {
    const LoopRuns running;
    const Permutation order = batches_.order(epoch);
    Pulse pulse(poll);
    drawn_ = 0;  // of another epoch
    const RandomKey first = generator_.state();
    const auto step = [&](int64_t i) { return gather(order, i)(rules, generator_); };
    const bool draws = full_.program()->recording().draws() > 0;
    EpochResult r;
    r.draws = first;
    double sum = 0, weight = 0;
    for (; r.batches < batches_.count(); ++r.batches) {
        if (pulse() >= deadline) {
            r.end = EpochEnd::out_of_time;
            break;
        }
        if (draws) r.draws = generator_.state();
        const Outcome outcome = step(r.batches);
        if (outcome.effect == Effect::bad_loss || outcome.effect == Effect::bad_parameters) {
            r.end = EpochEnd::diverged;
            r.worst = outcome.loss;
            if (outcome.effect == Effect::bad_loss) break;
            // The numbers before that step are gone; those of the last commit are not, and steps repeat exactly.
            pull();
            generator_.set(first.seed, first.stream);
            for (int64_t i = 0; i < r.batches; ++i) {
                pulse();
                step(i);
            }
            break;
        }
        if (outcome.effect == Effect::skipped) continue;
        sum += outcome.loss * outcome.weight;
        weight += outcome.weight;
    }
    r.loss = sum / weight;
    return r;
}

void FitLoop::commit() {
    for (size_t t = 0; t < tables_.size(); ++t) originals_[t]->copy_from(*tables_[t]);
}

void FitLoop::pull() {
    for (size_t t = 0; t < tables_.size(); ++t) tables_[t]->copy_from(*originals_[t]);
}

void FitLoop::keep_best() {
    const std::vector<Tensor> now = params_of(tables_);
    if (best_.empty())
        for (const Tensor& p : now) best_.push_back(copy_like(p));
    else
        for (size_t i = 0; i < now.size(); ++i) copy_numbers(now[i], best_[i]);
}

void FitLoop::restore_best() {
    const std::vector<Tensor> now = params_of(tables_);
    for (size_t i = 0; i < best_.size(); ++i) copy_numbers(best_[i], now[i]);
}

}  // namespace fg
