// Replaying, clipping, updating.
#include "train/step.hpp"

#include <cmath>

#include "train/gradient_norm.hpp"

namespace fg {
namespace {

using Gradients = std::vector<std::vector<Tensor>>;  // by table; empty where nothing flows

std::vector<Tensor> all_of(const Gradients& gradients) {
    std::vector<Tensor> all;
    for (const auto& group : gradients)
        for (const Tensor& g : group)
            if (g) all.push_back(g);
    return all;
}

void clip(Span<Tensor> gradients, double max_norm) {
    const double factor = clip_factor(gradient_norm(gradients), max_norm);
    if (factor == 1.0) return;
    for (const Tensor& g : gradients) scale(g, factor);
}

// The outputs of a step at the parameters they are the gradients of, each in the layout of its parameter.
Gradients by_parameter(const RecordedStep& step, const Tables& tables, const std::vector<Tensor>& outputs) {
    Gradients gradients;
    std::vector<std::pair<size_t, size_t>> places;
    for (size_t t = 0; t < tables.size(); ++t) {
        gradients.emplace_back(tables[t]->segments().size());
        for (size_t i = 0; i < gradients[t].size(); ++i) places.emplace_back(t, i);
    }
    for (size_t i = 0; i < step.parameters.size(); ++i) {
        const auto [table, place] = places[size_t(step.parameters[i])];
        gradients[table][place] = from_memory_order(outputs[i + 1], tables[table]->segments()[place].param);
    }
    return gradients;
}

}  // namespace

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

BoundStep::BoundStep(const RecordedStep& step, const Tables& tables, double max_norm, const BoundStep* other)
    : step_(step), max_norm_(max_norm), session_(step.program, other ? &other->session_ : nullptr), tables_(tables) {
    Gradients gradients = by_parameter(step, tables, session_.outputs());
    for (size_t t = 0; t < tables.size(); ++t)
        for (size_t i = 0; i < gradients[t].size(); ++i) {
            Tensor& g = gradients[t][i];
            const Tensor& param = tables[t]->segments()[i].param;
            if (!g || has_layout_of(g, param)) continue;
            rearranged_.emplace_back(g, copy_like(param));
            g = rearranged_.back().second;
        }
    gradients_ = all_of(gradients);
    for (size_t t = 0; t < tables.size(); ++t) updates_.emplace_back(*tables[t], std::move(gradients[t]));
}

Outcome BoundStep::operator()(Span<Rule> rules, Generator& generator) {
    if (rules.size() != int(updates_.size()))
        throw ValueError(say("expected ", updates_.size(), " rules, one a table, got ", rules.size()));
    const double weight = step_.weight(session_.inputs());
    if (weight == 0) return {Effect::skipped, std::nan(""), 0};
    session_.run(generator);
    for (const auto& [from, to] : rearranged_) copy(from.view(), to.view());
    const double loss = session_.outputs()[0].item();
    if (!std::isfinite(loss)) return {Effect::bad_loss, loss, weight};
    if (max_norm_ > 0) clip(gradients_, max_norm_);
    bool finite = true;
    for (size_t t = 0; t < updates_.size(); ++t) finite &= updates_[t].step(rules[t]);
    return {finite ? Effect::updated : Effect::bad_parameters, loss, weight};
}

}  // namespace fg
