// The loop over batches, and what happens when it cannot go on.
#include "train/fit.hpp"

#include <cmath>

#include "train/rebind.hpp"

namespace fg {
namespace {

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

FitLoop::FitLoop(Tables tables, Batches batches, const RecordedStep& full, const RecordedStep& rest, double max_norm)
    : originals_(std::move(tables)),
      tables_(clones(originals_)),
      batches_(std::move(batches)),
      stepper_(tables_, max_norm) {
    full_.step = on_copies(full);
    rest_.step = on_copies(rest);
    const auto memory = [&](Sized& sized, int64_t rows) {
        for (const Tensor& a : batches_.arrays()) {
            Dims shape = a.shape();
            shape[0] = rows;
            sized.batch.push_back(Tensor::empty(a.dtype(), shape));
        }
    };
    memory(full_, batches_.batch_rows(0));
    memory(rest_, batches_.batch_rows(batches_.count() - 1));
}

RecordedStep FitLoop::on_copies(const RecordedStep& step) const {
    RecordedStep copied = step;
    copied.program = rebound(*step.program, params_of(originals_), params_of(tables_));
    return copied;
}

const FitLoop::Sized& FitLoop::gather(const Permutation& order, int64_t i) {
    const bool usual = batches_.batch_rows(i) == batches_.batch_rows(0);
    const Sized& sized = usual ? full_ : rest_;
    batches_.fill_indices(order, i, indices_);
    for (size_t a = 0; a < sized.batch.size(); ++a) gather_rows(batches_.arrays()[a], indices_, sized.batch[a]);
    return sized;
}

EpochResult FitLoop::epoch(uint64_t epoch, Span<Rule> rules, Pulse::Clock::time_point deadline,
                           const std::function<void()>& poll) {
    const Permutation order = batches_.order(epoch);
    Pulse pulse(poll);
    const auto step = [&](int64_t i) {
        const Sized& sized = gather(order, i);
        return stepper_(sized.step, sized.batch, rules);
    };
    EpochResult r;
    double sum = 0, weight = 0;
    for (; r.batches < batches_.count(); ++r.batches) {
        if (pulse() >= deadline) {
            r.end = EpochEnd::out_of_time;
            break;
        }
        const Stepper::Outcome outcome = step(r.batches);
        if (outcome.effect == Stepper::Effect::bad_loss || outcome.effect == Stepper::Effect::bad_parameters) {
            r.end = EpochEnd::diverged;
            r.worst = outcome.loss;
            if (outcome.effect == Stepper::Effect::bad_loss) break;
            // The numbers before that step are gone; those of the last commit are not, and steps repeat exactly.
            pull();
            for (int64_t i = 0; i < r.batches; ++i) {
                pulse();
                step(i);
            }
            break;
        }
        if (outcome.effect == Stepper::Effect::skipped) continue;
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
