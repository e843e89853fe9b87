// The cube root and the length of a vector.
#pragma once

#include "kernels/elementwise/arithmetic.hpp"

namespace fg::kernels {

struct Cbrt {
    static constexpr Entry entry{"cbrt", "Cube root, of negative numbers too; its slope at 0 is infinite.", "cbrt",
                                 Domain::reals, false};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return cbrt(x); }
    template <class V> static V d0(V g, V, V y) { return g / (V(3) * (y * y)); }
};

struct Hypot {
    static constexpr Entry entry{"hypot", "sqrt(a ** 2 + b ** 2), without overflow; it is flat at the origin.", "hypot",
                                 Domain::reals, false};
    static constexpr int uses[] = {in0 | out, in1 | out};
    template <class V> static V f(V a, V b) { return hypot(a, b); }
    template <class V> static V d0(V g, V a, V, V y) { return g * (a / length(y)); }
    template <class V> static V d1(V g, V, V b, V y) { return g * (b / length(y)); }

private:
    // At the origin infinite, so that slopes of every order are 0 there.
    template <class V> static V length(V y) { return select(y == V(0), V(__builtin_inf()), y); }
};

using RootOps = OpList<Cbrt, Hypot>;

}  // namespace fg::kernels
