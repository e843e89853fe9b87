// Steps of the optimizers over flat buffers, by the formulas of torch.optim; Lion by those of its paper.
//
// https://pytorch.org/docs/stable/generated/torch.optim.SGD.html, Adam.html, AdamW.html, RMSprop.html, Adagrad.html,
// Adadelta.html, NAdam.html; https://arxiv.org/abs/2302.06675
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

// An average that nothing is added to any more decays into subnormal numbers and rounds back to them for ever, which
// makes steps several times slower; it goes to zero instead. Beside a parameter such numbers are nothing.
template <class T> FG_INLINE Vec<T> settled(Vec<T> average) {
    constexpr T smallest = sizeof(T) == 4 ? T(__FLT_MIN__) : T(__DBL_MIN__);
    return select(abs(average) < Vec<T>(smallest), Vec<T>(T(0)), average);
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
                const Vec<T> buffer = first ? g : settled(fma(momentum, lanes.load(momentum_buffer + i), damped * g));
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
            const Vec<T> m = settled(fma(weight, g, beta1 * lanes.load(exp_avg + i)));
            const Vec<T> v = settled(fma(weight2 * g, g, beta2 * lanes.load(exp_avg_sq + i)));
            lanes.store(exp_avg + i, m);
            lanes.store(exp_avg_sq + i, v);
            const Vec<T> updated = p + rate * m / fma(sqrt(v), scale, eps);
            lanes.store(param + i, updated);
            return updated;
        });
}

template <class T> int64_t rmsprop(int64_t n, T* param, const T* grad, T* square_avg, T* momentum_buffer, T* grad_avg,
                                   const RmspropStep& step) {
    const Vec<T> sign(T(step.maximize ? -1 : 1)), decay(T(step.weight_decay)), eps(T(step.eps)), rate(T(-step.lr));
    const Vec<T> alpha(T(step.alpha)), weight(T(1 - step.alpha)), momentum(T(step.momentum)), zero(T(0));
    const bool decays = step.weight_decay != 0, remembers = step.momentum != 0, centered = step.centered;
    return update_all(
        n, param, [=](auto lanes, int64_t i) __attribute__((always_inline)) {
            const Vec<T> p = lanes.load(param + i);
            Vec<T> g = sign * lanes.load(grad + i);
            if (decays) g = fma(decay, p, g);
            const Vec<T> v = settled(fma(weight * g, g, alpha * lanes.load(square_avg + i)));
            lanes.store(square_avg + i, v);
            Vec<T> spread = v;
            if (centered) {
                const Vec<T> mean = settled(fma(weight, g, alpha * lanes.load(grad_avg + i)));
                lanes.store(grad_avg + i, mean);
                spread = maximum(zero, fma(-mean, mean, v));  // a variance, which rounding may put below 0
            }
            Vec<T> move = g / (sqrt(spread) + eps);
            if (remembers) {
                move = settled(fma(momentum, lanes.load(momentum_buffer + i), move));
                lanes.store(momentum_buffer + i, move);
            }
            const Vec<T> updated = fma(rate, move, p);
            lanes.store(param + i, updated);
            return updated;
        });
}

template <class T> int64_t adagrad(int64_t n, T* param, const T* grad, T* sum, const AdagradStep& step) {
    const Vec<T> sign(T(step.maximize ? -1 : 1)), decay(T(step.weight_decay)), eps(T(step.eps)), rate(T(-step.rate));
    const bool decays = step.weight_decay != 0;
    return update_all(
        n, param, [=](auto lanes, int64_t i) __attribute__((always_inline)) {
            const Vec<T> p = lanes.load(param + i);
            Vec<T> g = sign * lanes.load(grad + i);
            if (decays) g = fma(decay, p, g);
            const Vec<T> total = fma(g, g, lanes.load(sum + i));
            lanes.store(sum + i, total);
            const Vec<T> updated = p + rate * g / (sqrt(total) + eps);
            lanes.store(param + i, updated);
            return updated;
        });
}

template <class T>
int64_t adadelta(int64_t n, T* param, const T* grad, T* square_avg, T* acc_delta, const AdadeltaStep& step) {
    const Vec<T> sign(T(step.maximize ? -1 : 1)), decay(T(step.weight_decay)), eps(T(step.eps)), rate(T(-step.lr));
    const Vec<T> rho(T(step.rho)), weight(T(1 - step.rho));
    const bool decays = step.weight_decay != 0;
    return update_all(
        n, param, [=](auto lanes, int64_t i) __attribute__((always_inline)) {
            const Vec<T> p = lanes.load(param + i);
            Vec<T> g = sign * lanes.load(grad + i);
            if (decays) g = fma(decay, p, g);
            const Vec<T> v = settled(fma(weight * g, g, rho * lanes.load(square_avg + i)));
            lanes.store(square_avg + i, v);
            const Vec<T> moved = lanes.load(acc_delta + i);
            const Vec<T> move = sqrt(moved + eps) / sqrt(v + eps) * g;
            lanes.store(acc_delta + i, settled(fma(weight * move, move, rho * moved)));
            const Vec<T> updated = fma(rate, move, p);
            lanes.store(param + i, updated);
            return updated;
        });
}

template <class T> int64_t nadam(int64_t n, T* param, const T* grad, T* exp_avg, T* exp_avg_sq, const NadamStep& step) {
    const Vec<T> sign(T(step.maximize ? -1 : 1)), decay(T(step.weight_decay)), eps(T(step.eps));
    const Vec<T> kept(T(1 - step.lr * step.weight_decay));
    const Vec<T> weight(T(1 - step.beta1)), beta1(T(step.beta1)), beta2(T(step.beta2)), weight2(T(1 - step.beta2));
    const Vec<T> scale(T(1 / __builtin_sqrt(step.bias_correction2)));
    const Vec<T> of_gradient(T(-step.lr * step.gradient_share)), of_average(T(-step.lr * step.average_share));
    const bool decays = step.weight_decay != 0, decoupled = step.decoupled;
    return update_all(
        n, param, [=](auto lanes, int64_t i) __attribute__((always_inline)) {
            Vec<T> p = lanes.load(param + i), g = sign * lanes.load(grad + i);
            if (decays) {
                if (decoupled) p = p * kept;
                else g = fma(decay, p, g);
            }
            const Vec<T> m = settled(fma(weight, g, beta1 * lanes.load(exp_avg + i)));
            const Vec<T> v = settled(fma(weight2 * g, g, beta2 * lanes.load(exp_avg_sq + i)));
            lanes.store(exp_avg + i, m);
            lanes.store(exp_avg_sq + i, v);
            const Vec<T> updated = p + fma(of_gradient, g, of_average * m) / fma(sqrt(v), scale, eps);
            lanes.store(param + i, updated);
            return updated;
        });
}

template <class T> int64_t lion(int64_t n, T* param, const T* grad, T* exp_avg, const LionStep& step) {
    const Vec<T> sign(T(step.maximize ? -1 : 1)), kept(T(1 - step.lr * step.weight_decay));
    const Vec<T> beta1(T(step.beta1)), weight1(T(1 - step.beta1)), beta2(T(step.beta2)), weight2(T(1 - step.beta2));
    const Vec<T> up(T(step.lr)), down(T(-step.lr)), zero(T(0));
    return update_all(
        n, param, [=](auto lanes, int64_t i) __attribute__((always_inline)) {
            const Vec<T> g = sign * lanes.load(grad + i), m = lanes.load(exp_avg + i);
            const Vec<T> direction = fma(weight1, g, beta1 * m);
            lanes.store(exp_avg + i, settled(fma(weight2, g, beta2 * m)));
            // A direction that is not a number is kept: only its sign would count, and hide it.
            const Vec<T> flat = direction - direction;
            const Vec<T> move = select(direction > zero, down, select(direction < zero, up, zero));
            const Vec<T> updated = fma(lanes.load(param + i), kept, move) + flat;
            lanes.store(param + i, updated);
            return updated;
        });
}

}  // namespace
}  // namespace fg::kernels
