// Rounding, remainders, signs, and which numbers are finite.
#pragma once

#include "kernels/elementwise/arithmetic.hpp"

namespace fg::kernels {

struct Floor {
    static constexpr Entry entry{"floor", "The next integer downwards; its derivative is 0.", "floor", Domain::numbers,
                                 false};
    static constexpr int uses[] = {nothing};
    template <class V> static V f(V x) { return floor(x); }
    template <class V> static V d0(V g, V, V) { return g * V(0); }
};

struct Ceil {
    static constexpr Entry entry{"ceil", "The next integer upwards; its derivative is 0.", "ceil", Domain::numbers,
                                 false};
    static constexpr int uses[] = {nothing};
    template <class V> static V f(V x) { return ceil(x); }
    template <class V> static V d0(V g, V, V) { return g * V(0); }
};

struct Trunc {
    static constexpr Entry entry{"trunc", "The next integer towards 0; its derivative is 0.", "trunc", Domain::numbers,
                                 false};
    static constexpr int uses[] = {nothing};
    template <class V> static V f(V x) { return trunc(x); }
    template <class V> static V d0(V g, V, V) { return g * V(0); }
};

struct Rint {
    static constexpr Entry entry{"rint", "The nearest integer, ties to even; its derivative is 0.", "rint",
                                 Domain::numbers, false};
    static constexpr int uses[] = {nothing};
    template <class V> static V f(V x) { return rint(x); }
    template <class V> static V d0(V g, V, V) { return g * V(0); }
};

// The integer n of x = n y + remainder, by which y's slope counts.
template <class V> V whole_quotient(V x, V y, V remainder) { return call<Rint>((x - remainder) / y); }

struct Remainder {
    static constexpr Entry entry{"remainder", "a - b * floor(a / b), exactly: it has the sign of b.", "remainder",
                                 Domain::numbers, false};
    static constexpr int uses[] = {nothing, in0 | in1 | out};
    template <class V> static V f(V a, V b) { return remainder(a, b); }
    template <class V> static V d0(V g, V, V, V) { return g; }
    template <class V> static V d1(V g, V a, V b, V y) { return -(g * whole_quotient(a, b, y)); }
};

struct Fmod {
    static constexpr Entry entry{"fmod", "a - b * trunc(a / b), exactly: it has the sign of a.", "fmod",
                                 Domain::numbers, false};
    static constexpr int uses[] = {nothing, in0 | in1 | out};
    template <class V> static V f(V a, V b) { return fmod(a, b); }
    template <class V> static V d0(V g, V, V, V) { return g; }
    template <class V> static V d1(V g, V a, V b, V y) { return -(g * whole_quotient(a, b, y)); }
};

struct FloorDivide {
    static constexpr Entry entry{"floor_divide", "The integer below a / b; its derivatives are 0.", "floor_divide",
                                 Domain::numbers, false};
    static constexpr int uses[] = {nothing, nothing};
    template <class V> static V f(V a, V b) { return floor_divide(a, b); }
    template <class V> static V d0(V g, V, V, V) { return g * V(0); }
    template <class V> static V d1(V g, V, V, V) { return g * V(0); }
};

struct Copysign {
    static constexpr Entry entry{"copysign", "a with the sign of b; its derivative in a at 0, and that in b, are 0.",
                                 "copysign", Domain::reals, false};
    static constexpr int uses[] = {in0 | out, nothing};
    template <class V> static V f(V a, V b) { return copysign(a, b); }
    template <class V> static V d0(V g, V a, V, V y) { return select(a == V(0), V(0), select(a == y, g, -g)); }
    template <class V> static V d1(V g, V, V, V) { return g * V(0); }
};

struct Heaviside {
    static constexpr Entry entry{"heaviside", "0 where a is below 0, b where it is 0, 1 where it is above.",
                                 "heaviside", Domain::reals, false};
    static constexpr int uses[] = {nothing, in0};
    template <class V> static V f(V a, V b) {
        return select(a > V(0), V(1), select(a < V(0), V(0), select(a == V(0), b, a)));
    }
    template <class V> static V d0(V g, V, V, V) { return g * V(0); }
    template <class V> static V d1(V g, V a, V, V) { return select(a == V(0), g, V(0)); }
};

struct Isnan {
    static constexpr Entry entry{"isnan", "Whether x is NaN.", "isnan", Domain::ordered, false};
    static constexpr int uses[] = {nothing};
    template <class V> static auto f(V x) { return x != x; }
};

struct Isinf {
    static constexpr Entry entry{"isinf", "Whether x is infinite.", "isinf", Domain::ordered, false};
    static constexpr int uses[] = {nothing};
    template <class V> static auto f(V x) { return isinf(x); }
};

struct Isfinite {
    static constexpr Entry entry{"isfinite", "Whether x is neither infinite nor NaN.", "isfinite", Domain::ordered,
                                 false};
    static constexpr int uses[] = {nothing};
    template <class V> static auto f(V x) { return isfinite(x); }
};

struct Signbit {
    static constexpr Entry entry{"signbit", "Whether the sign of x is minus, that of -0.0 too.", "signbit",
                                 Domain::ordered, false};
    static constexpr int uses[] = {nothing};
    template <class V> static auto f(V x) { return signbit(x); }
};

using RoundingOps = OpList<Floor, Ceil, Trunc, Rint, Remainder, Fmod, FloorDivide, Copysign, Heaviside, Isnan, Isinf,
                           Isfinite, Signbit>;

}  // namespace fg::kernels
