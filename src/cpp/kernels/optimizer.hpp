// Stochastic gradient descent and Adam over flat buffers, by the formulas of torch.optim.
//
// https://pytorch.org/docs/stable/generated/torch.optim.SGD.html, Adam.html, AdamW.html
#pragma once

#include "kernels/first_lanes.hpp"
#include "kernels/table.hpp"

namespace fg::kernels {
namespace {

// The first of n numbers that is not finite, or -1.
template <class T> int64_t first_not_finite(int64_t n, const T* x) {
    for (int64_t i = 0; i < n; ++i)
        if (x[i] - x[i] != 0) return i;
    return -1;
}

// Runs update(lanes, i) over n numbers, a vector at a time; it returns the new parameters, which are looked at.
template <class T, class Update> FG_INLINE int64_t update_all(int64_t n, T* param, Update update) {
    constexpr int width = Vec<T>::size;
    Vec<T> poison(T(0));  // 0 while all were finite, then NaN
    const Vec<T> zero(T(0));
    int64_t i = 0;
    for (; i + width <= n; i += width) poison = fma(update(AllLanes<T>{}, i), zero, poison);
    if (i < n) poison = fma(update(FirstLanes<T>(int(n - i)), i), zero, poison);
    return any(is_nan(poison)) ? first_not_finite(n, param) : -1;
}

template <class T> int64_t sgd(int64_t n, T* param, const T* grad, T* momentum_buffer, const SgdStep& step) {
    const Vec<T> rate(T(-step.lr)), decay(T(step.weight_decay)), momentum(T(step.momentum));
    const Vec<T> damped(T(1 - step.dampening)), sign(T(step.maximize ? -1 : 1));
    const bool decays = step.weight_decay != 0, remembers = step.momentum != 0, first = step.first;
    const bool nesterov = step.nesterov;
    return update_all(
        n, param, [=](auto lanes, int64_t i) __attribute__((always_inline)) {
            const Vec<T> p = lanes.load(param + i);
            Vec<T> g = sign * lanes.load(grad + i);
            if (decays) g = fma(decay, p, g);
            if (remembers) {
                const Vec<T> buffer = first ? g : fma(momentum, lanes.load(momentum_buffer + i), damped * g);
                lanes.store(momentum_buffer + i, buffer);
                g = nesterov ? fma(momentum, buffer, g) : buffer;
            }
            const Vec<T> updated = fma(rate, g, p);
            lanes.store(param + i, updated);
            return updated;
        });
}

template <class T> int64_t adam(int64_t n, T* param, const T* grad, T* exp_avg, T* exp_avg_sq, const AdamStep& step) {
    const Vec<T> sign(T(step.maximize ? -1 : 1)), decay(T(step.weight_decay));
    const Vec<T> kept(T(1 - step.lr * step.weight_decay));
    const Vec<T> weight(T(1 - step.beta1)), beta1(T(step.beta1)), beta2(T(step.beta2)), weight2(T(1 - step.beta2));
    const Vec<T> scale(T(1 / __builtin_sqrt(step.bias_correction2))), eps(T(step.eps));
    const Vec<T> rate(T(-step.lr / step.bias_correction1));
    const bool decays = step.weight_decay != 0, decoupled = step.decoupled;
    return update_all(
        n, param, [=](auto lanes, int64_t i) __attribute__((always_inline)) {
            Vec<T> p = lanes.load(param + i), g = sign * lanes.load(grad + i);
            if (decays) {
                if (decoupled) p = p * kept;
                else g = fma(decay, p, g);
            }
            const Vec<T> m = fma(weight, g, beta1 * lanes.load(exp_avg + i));
            const Vec<T> v = fma(weight2 * g, g, beta2 * lanes.load(exp_avg_sq + i));
            lanes.store(exp_avg + i, m);
            lanes.store(exp_avg_sq + i, v);
            const Vec<T> updated = p + rate * m / fma(sqrt(v), scale, eps);
            lanes.store(param + i, updated);
            return updated;
        });
}

}  // namespace
}  // namespace fg::kernels
