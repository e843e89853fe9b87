// Replaying, clipping, updating.
#include "train/step.hpp"

#include <cmath>

#include "train/gradient_norm.hpp"

namespace fg {

double RecordedStep::weight(Span<Tensor> batch) const {
    if (weight_input < 0) return double(batch[0].shape()[0]);
    const Tensor& weights = batch[size_t(weight_input)];
    return visit_floating(weights.dtype(), [&](auto zero) {
        const auto* w = weights.view().as<const decltype(zero)>();
        const int64_t step = weights.ndim() ? weights.strides()[0] : 1;
        double sum = 0;
        for (int64_t i = 0, n = weights.size(); i < n; ++i) sum += double(w[i * step]);
        return sum;
    });
}

Stepper::Stepper(Tables tables, double max_norm) : tables_(std::move(tables)), max_norm_(max_norm) {
    for (size_t t = 0; t < tables_.size(); ++t) {
        const int count = int(tables_[t]->segments().size());
        gradients_.emplace_back(size_t(count));
        for (int i = 0; i < count; ++i) places_.emplace_back(int(t), i);
    }
}

// The one place that runs the program: leaves the gradients in gradients_, returns the loss.
double Stepper::replay(const RecordedStep& step, Span<Tensor> batch) {
    const std::vector<Tensor> out = step.program->run(batch);
    for (auto& group : gradients_)
        for (Tensor& g : group) g = Tensor();
    for (size_t i = 0; i < step.parameters.size(); ++i) {
        const auto [table, place] = places_[size_t(step.parameters[i])];
        const Tensor& param = tables_[size_t(table)]->segments()[size_t(place)].param;
        gradients_[size_t(table)][size_t(place)] = from_memory_order(out[i + 1], param);
    }
    return out[0].item();
}

void Stepper::clip() {
    std::vector<Tensor> all;
    for (const auto& group : gradients_)
        for (const Tensor& g : group)
            if (g) all.push_back(g);
    const double factor = clip_factor(gradient_norm(all), max_norm_);
    if (factor == 1.0) return;
    for (const Tensor& g : all) scale(g, factor);
}

Stepper::Outcome Stepper::operator()(const RecordedStep& step, Span<Tensor> batch, Span<Rule> rules) {
    if (rules.size() != int(tables_.size()))
        throw ValueError(say("expected ", tables_.size(), " rules, one a table, got ", rules.size()));
    const double weight = step.weight(batch);
    if (weight == 0) return {Effect::skipped, std::nan(""), 0};
    const double loss = replay(step, batch);
    if (!std::isfinite(loss)) return {Effect::bad_loss, loss, weight};
    if (max_norm_ > 0) clip();
    bool finite = true;
    for (size_t t = 0; t < tables_.size(); ++t) finite &= tables_[t]->step(gradients_[t], rules[t]);
    return {finite ? Effect::updated : Effect::bad_parameters, loss, weight};
}

}  // namespace fg
