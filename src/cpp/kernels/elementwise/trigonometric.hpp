// Trigonometric and hyperbolic functions and their inverses. Angles in radians.
#pragma once

#include "kernels/elementwise/roots.hpp"

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

struct Tan {
    static constexpr Entry entry{"tan", "Tangent; x in radians.", "tan", Domain::reals, false};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return tan(x); }
    template <class V> static V d0(V g, V, V y) { return g * (V(1) + y * y); }
};

struct Arcsin {
    static constexpr Entry entry{"arcsin", "Inverse sine, from -pi/2 to pi/2; its slope at -1 and 1 is infinite.",
                                 "arcsin", Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return arcsin(x); }
    template <class V> static V d0(V g, V x, V) { return g / call<Sqrt>((V(1) - x) * (V(1) + x)); }
};

struct Arccos {
    static constexpr Entry entry{"arccos", "Inverse cosine, from 0 to pi; its slope at -1 and 1 is infinite.", "arccos",
                                 Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return arccos(x); }
    template <class V> static V d0(V g, V x, V) { return -(g / call<Sqrt>((V(1) - x) * (V(1) + x))); }
};

struct Arctan {
    static constexpr Entry entry{"arctan", "Inverse tangent, from -pi/2 to pi/2.", "arctan", Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return arctan(x); }
    template <class V> static V d0(V g, V x, V) { return g / (V(1) + x * x); }
};

struct Arctan2 {
    static constexpr Entry entry{"arctan2", "Angle of the point (b, a), from -pi to pi; at the origin it has no slope.",
                                 "arctan2", Domain::reals, false};
    static constexpr int uses[] = {in0 | in1, in0 | in1};
    template <class V> static V f(V y, V x) { return arctan2(y, x); }
    template <class V> static V d0(V g, V y, V x, V) {
        const V r = call<Hypot>(y, x);
        return g * (x / r) / r;
    }
    template <class V> static V d1(V g, V y, V x, V) {
        const V r = call<Hypot>(y, x);
        return -(g * (y / r) / r);
    }
};

struct Sinh {
    static constexpr Entry entry{"sinh", "Hyperbolic sine.", "sinh", Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return sinh(x); }
    template <class V> static V d0(V g, V x, V);
};

struct Cosh {
    static constexpr Entry entry{"cosh", "Hyperbolic cosine.", "cosh", Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return cosh(x); }
    template <class V> static V d0(V g, V x, V) { return g * call<Sinh>(x); }
};

template <class V> V Sinh::d0(V g, V x, V) { return g * call<Cosh>(x); }

struct Arcsinh {
    static constexpr Entry entry{"arcsinh", "Inverse hyperbolic sine.", "arcsinh", Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return arcsinh(x); }
    template <class V> static V d0(V g, V x, V) { return g / call<Hypot>(x, V(1)); }
};

struct Arccosh {
    static constexpr Entry entry{"arccosh", "Inverse hyperbolic cosine, not negative; its slope at 1 is infinite.",
                                 "arccosh", Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return arccosh(x); }
    template <class V> static V d0(V g, V x, V) { return g / (call<Sqrt>(x - V(1)) * call<Sqrt>(x + V(1))); }
};

struct Arctanh {
    static constexpr Entry entry{"arctanh", "Inverse hyperbolic tangent; its slope at -1 and 1 is infinite.", "arctanh",
                                 Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return arctanh(x); }
    template <class V> static V d0(V g, V x, V) { return g / ((V(1) - x) * (V(1) + x)); }
};

using TrigonometricOps =
    OpList<Sin, Cos, Tan, Arcsin, Arccos, Arctan, Arctan2, Sinh, Cosh, Tanh, Arcsinh, Arccosh, Arctanh>;

}  // namespace fg::kernels
