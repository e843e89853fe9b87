// The error function and the normal distribution.
#pragma once

#include "kernels/elementwise/exponential.hpp"

namespace fg::kernels {

struct Erf {
    static constexpr Entry entry{"erf", "Error function, 2 / sqrt(pi) times the integral of exp(-t ** 2) from 0 to x.",
                                 nullptr, Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return erf(x); }
    template <class V> static V d0(V g, V x, V) { return g * (V(1.1283791670955126) * call<Exp>(-(x * x))); }
};

struct Erfc {
    static constexpr Entry entry{"erfc", "Complementary error function 1 - erf(x), accurate where it is small.",
                                 nullptr, Domain::reals, false};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return erfc(x); }
    template <class V> static V d0(V g, V x, V) { return g * (V(-1.1283791670955126) * call<Exp>(-(x * x))); }
};

struct NormalPdf {
    static constexpr Entry entry{"normal_pdf", "Density of the standard normal distribution.", nullptr, Domain::reals};
    static constexpr int uses[] = {in0 | out};
    template <class V> static V f(V x) { return normal_pdf(x); }
    template <class V> static V d0(V g, V x, V y) { return -(g * (x * y)); }
};

struct NormalCdf {
    static constexpr Entry entry{"normal_cdf", "Probability of being below x under the standard normal distribution.",
                                 nullptr, Domain::reals};
    static constexpr int uses[] = {in0};
    template <class V> static V f(V x) { return normal_cdf(x); }
    template <class V> static V d0(V g, V x, V) { return g * call<NormalPdf>(x); }
};

using NormalOps = OpList<Erf, Erfc, NormalPdf, NormalCdf>;

}  // namespace fg::kernels
