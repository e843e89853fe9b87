// Rule: what one step of an optimizer does with a parameter and its gradient.
//
// A new kind is its kernel (kernels/optimizer.hpp), an alternative of Rule, a slot_count and an update_one here, and a
// maker in bindings/bind_train.cpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <variant>

#include "kernels/table.hpp"

namespace fg {

// Hyper-parameters that the kernels do not see as they are.
struct AdagradRule {
    kernels::AdagradStep step;  // rate: the one to begin with
    double lr_decay, first_sum;
};
struct NadamRule {
    kernels::NadamStep step;
    double momentum_decay;
};

// A kind of update and its hyper-parameters, which are read anew at each step.
struct Rule {
    std::variant<kernels::SgdStep, kernels::AdamStep, kernels::RmspropStep, AdagradRule, kernels::AdadeltaStep,
                 NadamRule, kernels::LionStep>
        step;
};

constexpr int max_slots = 3;

// Numbers of a parameter, or of several that lie one after the other, as the kernels see them.
template <class T> struct Numbers {
    int64_t n;
    T* param;
    const T* grad;
    T* slot[max_slots];
};
template <class T> const kernels::NumberKernels<T>& kernel(const Numbers<T>&) {
    return kernels::numbers<T>(kernels::table());
}

// Of each kind: how many slots it needs, and its step. `t` counts the steps of the parameter, this one included;
// `first` tells that its slots hold nothing yet.

inline int slot_count(const kernels::SgdStep& step) { return step.momentum != 0 ? 1 : 0; }
template <class T> int64_t update_one(kernels::SgdStep step, const Numbers<T>& p, int64_t, bool first) {
    step.first = first;
    return kernel(p).sgd(p.n, p.param, p.grad, p.slot[0], step);
}

// 1 - beta^t, without asking for a power that 1 swallows: beta^t <= exp(-t (1 - beta)) < 2^-54.
inline double bias_correction(double beta, int64_t t) {
    return double(t) * (1.0 - beta) > 40.0 ? 1.0 : 1.0 - std::pow(beta, double(t));
}

inline int slot_count(const kernels::AdamStep&) { return 2; }
template <class T> int64_t update_one(kernels::AdamStep step, const Numbers<T>& p, int64_t t, bool) {
    step.bias_correction1 = bias_correction(step.beta1, t);
    step.bias_correction2 = bias_correction(step.beta2, t);
    return kernel(p).adam(p.n, p.param, p.grad, p.slot[0], p.slot[1], step);
}

inline int slot_count(const kernels::RmspropStep& step) { return step.centered ? 3 : step.momentum != 0 ? 2 : 1; }
template <class T> int64_t update_one(const kernels::RmspropStep& step, const Numbers<T>& p, int64_t, bool) {
    return kernel(p).rmsprop(p.n, p.param, p.grad, p.slot[0], p.slot[1], p.slot[2], step);
}

inline int slot_count(const AdagradRule&) { return 1; }
template <class T> int64_t update_one(AdagradRule rule, const Numbers<T>& p, int64_t t, bool first) {
    if (first) std::fill_n(p.slot[0], p.n, T(rule.first_sum));
    rule.step.rate /= 1.0 + double(t - 1) * rule.lr_decay;
    return kernel(p).adagrad(p.n, p.param, p.grad, p.slot[0], rule.step);
}

inline int slot_count(const kernels::AdadeltaStep&) { return 2; }
template <class T> int64_t update_one(const kernels::AdadeltaStep& step, const Numbers<T>& p, int64_t, bool) {
    return kernel(p).adadelta(p.n, p.param, p.grad, p.slot[0], p.slot[1], step);
}

inline int slot_count(const NadamRule&) { return 2; }
template <class T> int64_t update_one(NadamRule rule, const Numbers<T>& p, int64_t t, bool) {
    kernels::NadamStep& step = rule.step;
    const auto momentum_at = [&](int64_t i) {
        return step.beta1 * (1.0 - 0.5 * std::pow(0.96, double(i) * rule.momentum_decay));
    };
    // The product of all momenta so far, which soon is nothing beside 1.
    double product = 1.0;
    for (int64_t i = 1; i <= t && product > 1e-20; ++i) product *= momentum_at(i);
    const double now = momentum_at(t), next = momentum_at(t + 1);
    step.gradient_share = (1.0 - now) / (1.0 - product);
    step.average_share = next / (1.0 - product * next);
    step.bias_correction2 = bias_correction(step.beta2, t);
    return kernel(p).nadam(p.n, p.param, p.grad, p.slot[0], p.slot[1], step);
}

inline int slot_count(const kernels::LionStep&) { return 1; }
template <class T> int64_t update_one(const kernels::LionStep& step, const Numbers<T>& p, int64_t, bool) {
    return kernel(p).lion(p.n, p.param, p.grad, p.slot[0], step);
}

}  // namespace fg
