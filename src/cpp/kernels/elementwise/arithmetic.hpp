// Arithmetic: sums, products, powers, and choosing between values.
#pragma once

#include "kernels/elementwise/formula.hpp"

namespace fg::kernels {

struct Add {
    static constexpr Entry entry{"add", "Sum a + b.", "add", Domain::numbers};
    static constexpr int uses[] = {nothing, nothing};
    template <class V> static V f(V a, V b) { return a + b; }
    template <class V> static V d0(V g, V, V, V) { return g; }
    template <class V> static V d1(V g, V, V, V) { return g; }
};

struct Subtract {
    static constexpr Entry entry{"subtract", "Difference a - b.", "subtract", Domain::numbers};
    static constexpr int uses[] = {nothing, nothing};
    template <class V> static V f(V a, V b) { return a - b; }
    template <class V> static V d0(V g, V, V, V) { return g; }
    template <class V> static V d1(V g, V, V, V) { return -g; }
};

struct Multiply {
    static constexpr Entry entry{"multiply", "Product a * b.", "multiply", Domain::numbers};
    static constexpr int uses[] = {in1, in0};
    static constexpr bool pullbacks_are_ops = true;
    template <class V> static V f(V a, V b) { return a * b; }
    template <class V> static V d0(V g, V, V b, V) { return g * b; }
    template <class V> static V d1(V g, V a, V, V) { return g * a; }
};

struct Divide {
    static constexpr Entry entry{"divide", "Quotient a / b.", "divide", Domain::reals};
    static constexpr int uses[] = {in1, in1 | out};
    template <class V> static V f(V a, V b) { return a / b; }
    template <class V> static V d0(V g, V, V b, V) { return g / b; }
    template <class V> static V d1(V g, V, V b, V y) { return -(g * y / b); }
};

struct Negative {
    static constexpr Entry entry{"negative", "Negation -x.", "negative", Domain::numbers};
    static constexpr int uses[] = {nothing};
    template <class V> static V f(V x) { return -x; }
    template <class V> static V d0(V g, V, V) { return -g; }
};

struct Absolute {
    static constexpr Entry entry{"abs", "Absolute value; its derivative at 0 is 0.", "absolute", Domain::numbers};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return abs(x); }
    template <class V> static V d0(V g, V x, V) { return select(x == V(0), V(0), select(x < V(0), -g, g)); }
};

struct Sign {
    static constexpr Entry entry{"sign", "Sign: -1, 0 or 1; its derivative is 0.", "sign", Domain::numbers};
    static constexpr int uses[] = {nothing};
    template <class V> static V f(V x) { return select(x > V(0), V(1), select(x < V(0), V(-1), x)); }
    template <class V> static V d0(V g, V, V) { return g * V(0); }
};

struct Square {
    static constexpr Entry entry{"square", "Square x * x.", "square", Domain::numbers};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return x * x; }
    template <class V> static V d0(V g, V x, V) { return g * (x + x); }
};

struct Reciprocal {
    static constexpr Entry entry{"reciprocal", "Reciprocal 1 / x.", "reciprocal", Domain::reals};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return V(1) / x; }
    template <class V> static V d0(V g, V, V y) { return -(g * y * y); }
};

struct Sqrt {
    static constexpr Entry entry{"sqrt", "Square root.", "sqrt", Domain::reals};
    static constexpr int uses[] = {out};
    template <class V> static V f(V x) { return sqrt(x); }
    template <class V> static V d0(V g, V, V y) { return g * V(0.5) / y; }
};

struct Power {
    static constexpr Entry entry{
        "power",
        "Power a ** b. The derivative in a is 0 where b is 0, the one in b is 0 where a is 0 and b is not negative.",
        "power", Domain::reals};
    static constexpr int uses[] = {in0 | in1, in0 | in1 | out};
    template <class V> static V f(V a, V b) { return pow(a, b); }
    template <class V> static V d0(V g, V a, V b, V) {
        // 1 for the base where 0 times infinity or NaN would come out. Not a chosen 0: at b = 0 this still varies with
        // b.
        const V base = select((b == V(0)) & ((a == V(0)) | (a != a)), V(1), a);
        return g * (b * call<Power>(base, b - V(1)));
    }
    template <class V> static V d1(V g, V a, V b, V y);
};

struct Minimum {
    static constexpr Entry entry{"minimum", "The smaller of a and b; a NaN wins. Ties share the gradient evenly.",
                                 "minimum", Domain::numbers};
    static constexpr int uses[] = {in0 | in1, in0 | in1};
    template <class V> static V f(V a, V b) { return minimum(a, b); }
    template <class V> static V d0(V g, V a, V b, V) { return select(a < b, g, select(a == b, g * V(0.5), V(0))); }
    template <class V> static V d1(V g, V a, V b, V y) { return d0(g, b, a, y); }
};

struct Maximum {
    static constexpr Entry entry{"maximum", "The larger of a and b; a NaN wins. Ties share the gradient evenly.",
                                 "maximum", Domain::numbers};
    static constexpr int uses[] = {in0 | in1, in0 | in1};
    template <class V> static V f(V a, V b) { return maximum(a, b); }
    template <class V> static V d0(V g, V a, V b, V) { return select(a > b, g, select(a == b, g * V(0.5), V(0))); }
    template <class V> static V d1(V g, V a, V b, V y) { return d0(g, b, a, y); }
};

struct Clip {
    static constexpr Entry entry{"clip", "x held between low and high; the gradient passes on the edges.", "clip",
                                 Domain::numbers};
    static constexpr int uses[] = {in0 | in1 | in2, in0 | in1 | in2, in0 | in1 | in2};
    template <class V> static V f(V x, V low, V high) { return minimum(maximum(x, low), high); }
    template <class V> static V d0(V g, V x, V low, V high, V) { return select((x >= low) & (x <= high), g, V(0)); }
    template <class V> static V d1(V g, V x, V low, V high, V) { return select((x < low) & (low <= high), g, V(0)); }
    template <class V> static V d2(V g, V x, V low, V high, V) { return select((x > high) | (low > high), g, V(0)); }
};

// The first argument is a truth value, not a number: nothing flows to it.
struct Where {
    static constexpr Entry entry{"where", "a where the condition holds, else b.", nullptr, Domain::numbers, false};
    static constexpr int uses[] = {nothing, in0, in0};
    static constexpr bool first_is_mask = true;
    template <class M, class V> static V f(M condition, V a, V b) { return select(condition, a, b); }
    template <class M, class V> static V d1(V g, M condition, V, V, V) { return select(condition, g, V(0)); }
    template <class M, class V> static V d2(V g, M condition, V, V, V) { return select(condition, V(0), g); }
};

using ArithmeticOps = OpList<Add, Subtract, Multiply, Divide, Negative, Absolute, Sign, Square, Reciprocal, Sqrt, Power,
                             Minimum, Maximum, Clip, Where>;

}  // namespace fg::kernels
