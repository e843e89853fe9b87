// Activations of neural networks.
#pragma once

#include "kernels/elementwise/normal.hpp"

namespace fg::kernels {

struct Sigmoid {
    static constexpr Entry entry{"sigmoid", "Logistic function 1 / (1 + exp(-x)).", nullptr, Domain::reals};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return sigmoid(x); }
    template <class V> static V d0(V g, V, V y) { return g * (y * (V(1) - y)); }
};

struct Logit {
    static constexpr Entry entry{"logit", "log(x / (1 - x)), the inverse of the logistic function.", nullptr,
                                 Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return logit(x); }
    template <class V> static V d0(V g, V x, V) { return g / (x * (V(1) - x)); }
};

struct Logaddexp {
    static constexpr Entry entry{"logaddexp", "log(exp(a) + exp(b)), without overflow; flat where both are -inf.",
                                 "logaddexp", Domain::reals, false};
    static constexpr int uses[] = {in0 | in1, in0 | in1};
    template <class V> static V f(V a, V b) { return logaddexp(a, b); }
    template <class V> static V d0(V g, V a, V b, V) {
        return g * call<Sigmoid>(select(a == V(-__builtin_inf()), a, a - b));
    }
    template <class V> static V d1(V g, V a, V b, V y) { return d0(g, b, a, y); }
};

struct Relu {
    static constexpr Entry entry{"relu", "max(x, 0); its derivative at 0 is 0.", nullptr, Domain::reals};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return higher(V(0), x); }  // x where it is NaN
    template <class V> static V d0(V g, V, V y) { return select(y > V(0), g, V(0)); }
};

struct Softplus {
    static constexpr Entry entry{"softplus", "log(1 + exp(x)), without overflow.", nullptr, Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return softplus(x); }
    template <class V> static V d0(V g, V x, V) { return g * call<Sigmoid>(x); }
};

// x as far as the slopes of silu and gelu vary with it: at infinity 0 * x would not be their limit.
template <class V> V within_reach(V x) { return call<Clip>(x, V(-1000), V(1000)); }

struct Silu {
    static constexpr Entry entry{"silu", "x * sigmoid(x), also called swish.", nullptr, Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return silu(x); }
    template <class V> static V d0(V g, V x, V) {
        return g * (call<Sigmoid>(x) * (V(1) + within_reach(x) * call<Sigmoid>(-x)));
    }
};

struct Gelu {
    static constexpr Entry entry{"gelu",
                                 "x times the probability of being below x under the standard normal distribution.",
                                 nullptr, Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return gelu(x); }
    template <class V> static V d0(V g, V x, V) {
        return g * (call<NormalCdf>(x) + within_reach(x) * call<NormalPdf>(x));
    }
};

struct Elu {
    static constexpr Entry entry{"elu", "x where it is above 0, else alpha * expm1(x); its derivative at 0 is alpha.",
                                 nullptr, Domain::reals, false};
    static constexpr int uses[] = {in0 | in1, in0};
    template <class V> static V f(V x, V alpha) { return select(x > V(0), x, alpha * expm1(x)); }
    template <class V> static V d0(V g, V x, V alpha, V) {
        return select(x > V(0), g, g * (alpha * call<Exp>(below_zero(x))));
    }
    template <class V> static V d1(V g, V x, V, V) { return g * call<Expm1>(below_zero(x)); }

private:
    // Not x itself where it is above 0: an infinite exponential would spoil second derivatives.
    template <class V> static V below_zero(V x) { return select(x > V(0), V(0), x); }
};

struct LeakyRelu {
    static constexpr Entry entry{"leaky_relu", "x where it is above 0, else slope * x; its derivative at 0 is slope.",
                                 nullptr, Domain::reals, false};
    static constexpr int uses[] = {in0 | in1, in0};
    template <class V> static V f(V x, V slope) { return select(x > V(0), x, slope * x); }
    template <class V> static V d0(V g, V x, V slope, V) { return select(x > V(0), g, g * slope); }
    template <class V> static V d1(V g, V x, V, V) { return select(x > V(0), V(0), g * x); }
};

using ActivationOps = OpList<Sigmoid, Logit, Logaddexp, Relu, Softplus, Silu, Gelu, Elu, LeakyRelu>;

}  // namespace fg::kernels
