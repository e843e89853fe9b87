// Exponentials and logarithms.
#pragma once

#include "kernels/elementwise/arithmetic.hpp"

namespace fg::kernels {

struct Exp {
    static constexpr Entry entry{"exp", "Exponential e ** x.", "exp", Domain::reals};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return exp(x); }
    template <class V> static V d0(V g, V, V y) { return g * y; }
};

struct Expm1 {
    static constexpr Entry entry{"expm1", "e ** x - 1, accurate near 0.", "expm1", Domain::reals};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return expm1(x); }
    template <class V> static V d0(V g, V, V y) { return g * (y + V(1)); }
};

struct Log {
    static constexpr Entry entry{"log", "Natural logarithm.", "log", Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return log(x); }
    template <class V> static V d0(V g, V x, V) { return g / x; }
};

struct Log1p {
    static constexpr Entry entry{"log1p", "Natural logarithm of 1 + x, accurate near 0.", "log1p", Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return log1p(x); }
    template <class V> static V d0(V g, V x, V) { return g / (x + V(1)); }
};

struct Exp2 {
    static constexpr Entry entry{"exp2", "Power 2 ** x.", "exp2", Domain::reals, false};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return exp2(x); }
    template <class V> static V d0(V g, V, V y) { return g * (y * V(0.69314718055994531)); }
};

struct Log2 {
    static constexpr Entry entry{"log2", "Logarithm to base 2.", "log2", Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return log2(x); }
    template <class V> static V d0(V g, V x, V) { return g / (x * V(0.69314718055994531)); }
};

struct Log10 {
    static constexpr Entry entry{"log10", "Logarithm to base 10.", "log10", Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return log10(x); }
    template <class V> static V d0(V g, V x, V) { return g / (x * V(2.3025850929940457)); }
};

template <class V> V Power::d1(V g, V a, V b, V y) {
    return select((a == V(0)) & (b >= V(0)), V(0), g * (y * call<Log>(a)));
}

using ExponentialOps = OpList<Exp, Exp2, Expm1, Log, Log2, Log10, Log1p>;

}  // namespace fg::kernels
