// Activations of neural networks.
#pragma once

#include "kernels/elementwise/formula.hpp"

namespace fg::kernels {

struct Sigmoid {
    static constexpr Entry entry{"sigmoid", "Logistic function 1 / (1 + exp(-x)).", nullptr, Domain::reals};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return sigmoid(x); }
    template <class V> static V d0(V g, V, V y) { return g * (y * (V(1) - y)); }
};

struct Relu {
    static constexpr Entry entry{"relu", "max(x, 0); its derivative at 0 is 0.", nullptr, Domain::reals};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return maximum(x, V(0)); }
    template <class V> static V d0(V g, V, V y) { return select(y > V(0), g, V(0)); }
};

struct Softplus {
    static constexpr Entry entry{"softplus", "log(1 + exp(x)), without overflow.", nullptr, Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return softplus(x); }
    template <class V> static V d0(V g, V x, V) { return g * call<Sigmoid>(x); }
};

using ActivationOps = OpList<Sigmoid, Relu, Softplus>;

}  // namespace fg::kernels
