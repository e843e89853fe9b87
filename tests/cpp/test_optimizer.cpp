// Optimizer steps against torch.optim's formulas in long double, bits on all levels, and finding what diverged.
#include "kernel_testing.hpp"

namespace {

using namespace fg::test;
using fg::kernels::AdadeltaStep;
using fg::kernels::AdagradStep;
using fg::kernels::AdamStep;
using fg::kernels::KernelTable;
using fg::kernels::LionStep;
using fg::kernels::NadamStep;
using fg::kernels::RmspropStep;
using fg::kernels::SgdStep;
using std::int64_t;

// first is of both signs, second not negative, third not negative and above the square of first.
template <class T> struct State {
    Fenced<T> param, grad, first, second, third;

    State(int64_t n, Numbers& numbers)
        : param(n, numbers), grad(n, numbers), first(n, numbers), second(n, numbers), third(n, numbers) {
        for (int64_t i = 0; i < n; ++i) {
            second[i] = std::fabs(second[i]);
            third[i] = std::fabs(third[i]) + first[i] * first[i] + T(0.1);
        }
    }
    bool fences_stand() const {
        return param.fences_stand() && grad.fences_stand() && first.fences_stand() && second.fences_stand() &&
               third.fences_stand();
    }
    std::vector<T> all() const {
        std::vector<T> values;
        for (const Fenced<T>* part : {&param, &grad, &first, &second, &third})
            for (T x : part->values()) values.push_back(x);
        return values;
    }
};

template <class T> int64_t step_with(const KernelTable& level, int64_t n, State<T>& s, const SgdStep& step) {
    return fg::kernels::numbers<T>(level).sgd(n, s.param.data(), s.grad.data(),
                                              step.momentum != 0 ? s.first.data() : nullptr, step);
}
template <class T> int64_t step_with(const KernelTable& level, int64_t n, State<T>& s, const AdamStep& step) {
    return fg::kernels::numbers<T>(level).adam(n, s.param.data(), s.grad.data(), s.first.data(), s.second.data(), step);
}
template <class T> int64_t step_with(const KernelTable& level, int64_t n, State<T>& s, const RmspropStep& step) {
    return fg::kernels::numbers<T>(level).rmsprop(n, s.param.data(), s.grad.data(), s.third.data(),
                                                  step.momentum != 0 ? s.second.data() : nullptr,
                                                  step.centered ? s.first.data() : nullptr, step);
}
template <class T> int64_t step_with(const KernelTable& level, int64_t n, State<T>& s, const AdagradStep& step) {
    return fg::kernels::numbers<T>(level).adagrad(n, s.param.data(), s.grad.data(), s.second.data(), step);
}
template <class T> int64_t step_with(const KernelTable& level, int64_t n, State<T>& s, const AdadeltaStep& step) {
    return fg::kernels::numbers<T>(level).adadelta(n, s.param.data(), s.grad.data(), s.second.data(), s.third.data(),
                                                   step);
}
template <class T> int64_t step_with(const KernelTable& level, int64_t n, State<T>& s, const NadamStep& step) {
    return fg::kernels::numbers<T>(level).nadam(n, s.param.data(), s.grad.data(), s.first.data(), s.second.data(),
                                                step);
}
template <class T> int64_t step_with(const KernelTable& level, int64_t n, State<T>& s, const LionStep& step) {
    return fg::kernels::numbers<T>(level).lion(n, s.param.data(), s.grad.data(), s.first.data(), step);
}

// One number's parameter and states after a step.
struct Reference {
    long double p, first, second, third;
};
Reference reference(Reference s, long double g, const SgdStep& step) {
    if (step.maximize) g = -g;
    g += step.weight_decay * s.p;
    if (step.momentum != 0) {
        s.first = step.first ? g : step.momentum * s.first + (1 - step.dampening) * g;
        g = step.nesterov ? g + step.momentum * s.first : s.first;
    }
    s.p -= step.lr * g;
    return s;
}
Reference reference(Reference s, long double g, const AdamStep& step) {
    if (step.maximize) g = -g;
    if (step.decoupled) s.p -= step.lr * step.weight_decay * s.p;
    else g += step.weight_decay * s.p;
    s.first = step.beta1 * s.first + (1 - step.beta1) * g;
    s.second = step.beta2 * s.second + (1 - step.beta2) * g * g;
    const long double denominator = std::sqrt(s.second) / std::sqrt((long double)step.bias_correction2) + step.eps;
    s.p -= step.lr / step.bias_correction1 * s.first / denominator;
    return s;
}
Reference reference(Reference s, long double g, const RmspropStep& step) {
    if (step.maximize) g = -g;
    g += step.weight_decay * s.p;
    s.third = step.alpha * s.third + (1 - step.alpha) * g * g;
    if (step.centered) s.first = step.alpha * s.first + (1 - step.alpha) * g;
    const long double spread = step.centered ? s.third - s.first * s.first : s.third;
    long double move = g / (std::sqrt(spread) + step.eps);
    if (step.momentum != 0) move = s.second = step.momentum * s.second + move;
    s.p -= step.lr * move;
    return s;
}
Reference reference(Reference s, long double g, const AdagradStep& step) {
    if (step.maximize) g = -g;
    g += step.weight_decay * s.p;
    s.second += g * g;
    s.p -= step.rate * g / (std::sqrt(s.second) + step.eps);
    return s;
}
Reference reference(Reference s, long double g, const AdadeltaStep& step) {
    if (step.maximize) g = -g;
    g += step.weight_decay * s.p;
    s.second = step.rho * s.second + (1 - step.rho) * g * g;
    const long double move = std::sqrt(s.third + step.eps) / std::sqrt(s.second + step.eps) * g;
    s.third = step.rho * s.third + (1 - step.rho) * move * move;
    s.p -= step.lr * move;
    return s;
}
Reference reference(Reference s, long double g, const NadamStep& step) {
    if (step.maximize) g = -g;
    if (step.decoupled) s.p -= step.lr * step.weight_decay * s.p;
    else g += step.weight_decay * s.p;
    s.first = step.beta1 * s.first + (1 - step.beta1) * g;
    s.second = step.beta2 * s.second + (1 - step.beta2) * g * g;
    const long double denominator = std::sqrt(s.second / (long double)step.bias_correction2) + step.eps;
    s.p -= step.lr * (step.gradient_share * g + step.average_share * s.first) / denominator;
    return s;
}
Reference reference(Reference s, long double g, const LionStep& step) {
    if (step.maximize) g = -g;
    const long double direction = step.beta1 * s.first + (1 - step.beta1) * g;
    s.p -= step.lr * ((direction > 0) - (direction < 0) + step.weight_decay * s.p);
    s.first = step.beta2 * s.first + (1 - step.beta2) * g;
    return s;
}

template <class T, class Step> void check_step(int64_t n, const Step& step) {
    static const auto levels = all_levels();
    std::vector<T> fused;
    for (const KernelTable* level : levels) {
        Numbers numbers(std::uint64_t(n + 1));
        State<T> state(n, numbers);
        State<T> before = state;
        CHECK(step_with(*level, n, state, step) == -1);
        CHECK(state.fences_stand());
        CHECK(same_bits(state.grad.values(), before.grad.values()));
        const long double bound = 16 * std::numeric_limits<T>::epsilon();
        int64_t too_far = 0;
        for (int64_t i = 0; i < n; ++i) {
            const Reference e =
                reference({before.param[i], before.first[i], before.second[i], before.third[i]}, before.grad[i], step);
            too_far += !(std::fabs(state.param[i] - e.p) <= bound * (1 + std::fabs(e.p)));
            too_far += !(std::fabs(state.first[i] - e.first) <= bound);
            too_far += !(std::fabs(state.second[i] - e.second) <= bound * (1 + std::fabs(e.second)));
            too_far += !(std::fabs(state.third[i] - e.third) <= bound * (1 + std::fabs(e.third)));
        }
        if (level->fused && fused.empty()) fused = state.all();
        const bool near = CHECK(too_far == 0);
        if (!(CHECK(!level->fused || same_bits(state.all(), fused)) && near))
            std::printf("  %s float%d n %lld\n", level->isa, int(8 * sizeof(T)), (long long)n);
    }
}

template <class T, class Step> void check_divergence(Step step) {
    for (const KernelTable* level : all_levels())
        for (int64_t n : {1, 5, 16, 53})
            for (T bad : {std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN()})
                for (int64_t at = 0; at < n; at += 3) {
                    Numbers numbers(9);
                    State<T> state(n, numbers);
                    state.grad[n - 1] = bad, state.grad[at] = bad;
                    CHECK(step_with(*level, n, state, step) == at);
                    CHECK(state.fences_stand());
                }
}

template <class T> void check_type() {
    const int64_t sizes[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 1000};
    for (int64_t n : sizes)
        for (double momentum : {0.0, 0.9})
            for (double decay : {0.0, 0.01})
                for (int flags = 0; flags < 8; ++flags)
                    check_step<T>(n, SgdStep{0.05, momentum, flags & 1 ? 0.0 : 0.25, decay, (flags & 1) != 0,
                                             (flags & 2) != 0, (flags & 4) != 0});
    for (int64_t n : sizes)
        for (double decay : {0.0, 0.01})
            for (double beta1 : {0.0, 0.9})
                for (int flags = 0; flags < 4; ++flags)
                    for (int t : {1, 1000})
                        check_step<T>(n, AdamStep{0.01, beta1, 0.999, 1e-8, decay, 1 - std::pow(beta1, t),
                                                  1 - std::pow(0.999, t), (flags & 1) != 0, (flags & 2) != 0});
    for (int64_t n : sizes)
        for (double decay : {0.0, 0.01})
            for (int flags = 0; flags < 4; ++flags) {
                const bool up = (flags & 1) != 0, other = (flags & 2) != 0;
                for (double momentum : {0.0, 0.9})
                    check_step<T>(n, RmspropStep{0.01, 0.9, 1e-3, decay, momentum, other, up});
                check_step<T>(n, AdagradStep{0.01, 1e-3, decay, up});
                check_step<T>(n, AdadeltaStep{0.1, 0.9, 1e-3, decay, up});
                check_step<T>(n, NadamStep{0.01, 0.9, 0.999, 1e-3, decay, 1.25, 0.5, 0.25, other, up});
                check_step<T>(n, LionStep{0.01, 0.9, 0.99, decay, up});
            }
    check_divergence<T>(RmspropStep{0.01, 0.9, 1e-8, 0, 0.9, true, false});
    check_divergence<T>(AdagradStep{0.01, 1e-8, 0, false});
    check_divergence<T>(AdadeltaStep{0.1, 0.9, 1e-6, 0, false});
    check_divergence<T>(NadamStep{0.01, 0.9, 0.999, 1e-8, 0, 1, 0.5, 0.001, false, false});
    check_divergence<T>(LionStep{0.01, 0.9, 0.99, 0, false});
    check_divergence<T>(SgdStep{0.1, 0, 0, 0, false, true, false});
    check_divergence<T>(SgdStep{0.1, 0.9, 0, 0, true, false, false});
    check_divergence<T>(AdamStep{0.01, 0.9, 0.999, 1e-8, 0, 0.1, 0.001, false, false});

    // A step that overflows the parameter itself is found too.
    for (const KernelTable* level : all_levels()) {
        Numbers numbers(2);
        State<T> state(20, numbers);
        state.param[13] = std::numeric_limits<T>::max(), state.grad[13] = -std::numeric_limits<T>::max();
        CHECK(step_with(*level, 20, state, SgdStep{0.5, 0, 0, 0, false, true, false}) == 13);
    }
}

}  // namespace

int suite_optimizer() {
    check_type<float>();
    check_type<double>();
    return 0;
}
