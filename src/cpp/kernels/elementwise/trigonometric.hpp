// Trigonometric and hyperbolic functions. Angles in radians.
#pragma once

#include "kernels/elementwise/formula.hpp"

namespace fg::kernels {

struct Sin {
    static constexpr Entry entry{"sin", "Sine; x in radians.", "sin", Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return sin(x); }
    template <class V> static V d0(V g, V x, V);
};

struct Cos {
    static constexpr Entry entry{"cos", "Cosine; x in radians.", "cos", Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return cos(x); }
    template <class V> static V d0(V g, V x, V) { return -(g * call<Sin>(x)); }
};

template <class V> V Sin::d0(V g, V x, V) { return g * call<Cos>(x); }

struct Tanh {
    static constexpr Entry entry{"tanh", "Hyperbolic tangent.", "tanh", Domain::reals};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return tanh(x); }
    template <class V> static V d0(V g, V, V y) { return g * (V(1) - y * y); }
};

using TrigonometricOps = OpList<Sin, Cos, Tanh>;

}  // namespace fg::kernels
