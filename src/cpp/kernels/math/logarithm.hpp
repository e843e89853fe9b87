// log, log2, log10, log1p, softplus and the inverse hyperbolic functions: x = m 2^k, and one approximation of log m.
#pragma once

#include "kernels/math/exponential.hpp"

namespace fg::kernels {
namespace {

// x = m * 2^k with m in [0.75, 1.5). k is -inf or inf (and m = 1) where x is zero or inf; m is NaN where x < 0 or NaN.
template <class T> struct MantissaExponent { Vec<T> m, k; };

#if defined(__AVX512F__)
// Both instructions are exact, so k and m are those of the other levels.
FG_INLINE Vec<float> exponent(Vec<float> x) { return float_native(_mm512_maskz_getexp_ps(all_lanes, __m512(x.v))); }
FG_INLINE Vec<double> exponent(Vec<double> x) {
    return double_native(_mm512_maskz_getexp_pd(all_lanes_8, __m512d(x.v)));
}
FG_INLINE Vec<float> mantissa(Vec<float> x) {
    return float_native(_mm512_maskz_getmant_ps(all_lanes, __m512(x.v), _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan));
}
FG_INLINE Vec<double> mantissa(Vec<double> x) {
    return double_native(_mm512_maskz_getmant_pd(all_lanes_8, __m512d(x.v), _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan));
}
template <class T> FG_INLINE MantissaExponent<T> split_exponent(Vec<T> x) {
    const Vec<T> m = mantissa(x);
    return {m, exponent(x) - exponent(m)};
}
#else
FG_INLINE Vec<float> small_integer(uint32_native w, Vec<float>) {
    return __builtin_convertvector((int32_native)w, float_native);
}
FG_INLINE Vec<double> small_integer(uint64_native w, Vec<double>) {  // 2^52 + w, by its bits, less 2^52
    return from_words<double>(w | 0x4330000000000000u) - Vec<double>(4503599627370496.0);
}

template <class T> FG_INLINE MantissaExponent<T> split_exponent(Vec<T> x) {
    using F = Format<T>;
    constexpr typename VecTraits<T>::word three_quarters = F::one - (F::mantissa + 1) / 2;
    const Vec<T> up(power_of_two<T, F::mantissa_bits + 2>), zero(T(0)), infinity(F::infinity);
    const Mask<T> subnormal = x < Vec<T>(F::min_normal);
    const Vec<T> bias =
        select(subnormal, Vec<T>(T(F::exponent_bias + F::mantissa_bits + 2)), Vec<T>(T(F::exponent_bias)));
    const auto w = to_words(select(subnormal, x * up, x)) + (F::one - three_quarters);
    const Vec<T> m = from_words<T>((w & F::mantissa) + three_quarters);
    const Vec<T> k = small_integer(w >> F::mantissa_bits, x) - bias;
    return {select(x >= zero, m, Vec<T>(F::nan)), select(x == zero, -infinity, select(x == infinity, infinity, k))};
}
#endif

template <class T> struct LogPolynomial;
template <> struct LogPolynomial<float> {
    // log(1 + f) = f + f^2 p(f): degree 8, 2^-26.9.
    static constexpr float p[] = {-0.5f,        0.333334535f,  -0.250000536f, 0.199906066f,  -0.166477695f,
                                  0.144820631f, -0.131622046f, 0.104482673f,  -0.0449091867f};
};
template <> struct LogPolynomial<double> {
    // log(1 + f) = 2 artanh s with s = f / (2 + f) = s (2 + z r(z)), z = s^2 <= 0.04: degree 6, 2^-55.8.
    static constexpr double r[] = {0.66666666666672714, 0.39999999996161872, 0.28571429395268699, 0.22222138502605354,
                                   0.18186356044721311, 0.15250188824618033, 0.15368190445500243};
};

// k ln 2 + log(1 + f) for f in [-0.25, 0.5].
FG_INLINE Vec<float> log_from_parts(Vec<float> k, Vec<float> f) {
    // ln 2 in one float is near enough: off by 2^-28 of itself.
    return fma(k, Vec<float>(Ln2<float>::whole), fma(f * f, polynomial(f, LogPolynomial<float>::p), f));
}

FG_INLINE Vec<double> log_from_parts(Vec<double> k, Vec<double> f) {
    // f - (f^2 / 2 - s (f^2 / 2 + z r)), where the rounding of s counts little.
    const Vec<double> s = f / (Vec<double>(2.0) + f);
    const Vec<double> z = s * s;
    const Vec<double> half_square = Vec<double>(0.5) * f * f;
    const Vec<double> series = fma(z, polynomial(z, LogPolynomial<double>::r), half_square);
    const Vec<double> small = fma(s, series, k * Vec<double>(Ln2<double>::low));
    return fma(k, Vec<double>(Ln2<double>::high), f - (half_square - small));
}

template <class T> FG_INLINE Vec<T> log(Vec<T> x) {
    const MantissaExponent<T> e = split_exponent(x);
    return log_from_parts(e.k, e.m - Vec<T>(T(1)));
}

// log(1 + f) for f in [-0.25, 0.5], with what its last addition rounded away.
FG_INLINE Parts<float> long_log_of_mantissa(Vec<float> f) {
    return exact_sum(f, f * f * polynomial(f, LogPolynomial<float>::p));
}

FG_INLINE Parts<double> long_log_of_mantissa(Vec<double> f) {
    const Vec<double> s = f / (Vec<double>(2.0) + f);
    const Vec<double> z = s * s;
    const Vec<double> half_square = Vec<double>(0.5) * f * f;
    Parts<double> l = exact_sum(f, -half_square);
    l.low = fma(s, fma(z, polynomial(z, LogPolynomial<double>::r), half_square), l.low);
    return l;
}

// The logarithm to another base: log x times `inverse`, that of 2 in two parts.
template <class T> FG_INLINE Vec<T> log_to_base(Vec<T> x, Parts<T> two, Parts<T> inverse) {
    const MantissaExponent<T> e = split_exponent(x);
    const Parts<T> l = long_log_of_mantissa(e.m - Vec<T>(T(1)));
    const Parts<T> p = exact_product(l.high, inverse.high);
    const Parts<T> sum = exact_sum(e.k * two.high, p.high);
    const Vec<T> rest = fma(l.low, inverse.high, fma(l.high, inverse.low, p.low));
    const Vec<T> y = sum.high + (fma(e.k, two.low, sum.low) + rest);
    return select(abs(e.k) == Vec<T>(Format<T>::infinity), e.k, y);
}

template <class T> FG_INLINE Vec<T> log2(Vec<T> x) {
    if constexpr (sizeof(T) == 4)
        return log_to_base<T>(x, {Vec<T>(1.0f), Vec<T>(0.0f)}, {Vec<T>(1.44269502f), Vec<T>(1.92596303e-08f)});
    else
        return log_to_base<T>(x, {Vec<T>(1.0), Vec<T>(0.0)},
                              {Vec<T>(1.4426950408889634), Vec<T>(2.0355273740931033e-17)});
}

// Whole multiples of the first part of log10(2), up to those that exponents need, are exact.
template <class T> FG_INLINE Vec<T> log10(Vec<T> x) {
    if constexpr (sizeof(T) == 4)
        return log_to_base<T>(x, {Vec<T>(0.301025391f), Vec<T>(4.60503907e-06f)},
                              {Vec<T>(0.434294492f), Vec<T>(-1.010305e-08f)});
    else
        return log_to_base<T>(x, {Vec<T>(0.30102999566383914), Vec<T>(1.4205023227266099e-13)},
                              {Vec<T>(0.43429448190325182), Vec<T>(1.0983196502167651e-17)});
}

template <class T> FG_INLINE Vec<T> log1p(Vec<T> x) {
    const Vec<T> one(T(1));
    const Vec<T> u = one + x;
    const Vec<T> lost = x - (u - one);  // what the sum rounded away, exact wherever it counts
    const MantissaExponent<T> e = split_exponent(u);
    // 2^-k = m / u, by the bits of both. Where x is large nothing that counts was lost, and at inf `lost` is NaN.
    const Vec<T> down = from_words<T>(to_words(one) + to_words(e.m) - to_words(u));
    const Vec<T> rest = select(x < Vec<T>(power_of_two<T, 60>), lost * down, Vec<T>(T(0)));
    return give_sign(log_from_parts(e.k, (e.m - one) + rest), x);
}

// log(1 + e) with e in [0, 1]: beyond 0.5 as ln 2 + log((1 + e) / 2).
template <class T> FG_INLINE Vec<T> log1p_below_one(Vec<T> e) {
    const Vec<T> half(T(0.5)), zero(T(0)), one(T(1));
    const Mask<T> upper = e > half;
    return log_from_parts(select(upper, one, zero), select(upper, fma(half, e, -half), e));
}

template <class T> FG_INLINE Vec<T> softplus(Vec<T> x) {
    const Vec<T> e = exp_in_range(higher(Vec<T>(ExpRange<T>::lowest), -abs(x)));
    return higher(Vec<T>(T(0)), x) + log1p_below_one(e);
}

// The larger, and what the smaller adds to it: log(1 + e) with e the exponential of their distance in two parts.
template <class T> FG_INLINE Vec<T> logaddexp(Vec<T> a, Vec<T> b) {
    const Vec<T> zero(T(0)), far(ExpRange<T>::lowest);
    const Vec<T> larger = maximum(a, b), smaller = minimum(a, b);
    const Vec<T> distance = select(a == b, zero, smaller - larger);  // of equal infinities too
    const Vec<T> added = distance - smaller;
    const Vec<T> low = (smaller - (distance - added)) - (larger + added);
    const Mask<T> counts = (distance > far) & (abs(low) < Vec<T>(T(1)));
    return larger + log1p_below_one(exp_of_sum(higher(far, distance), select(counts, low, zero)));
}

// log(1 + w + low) + more ln 2 for a low part that counts where w is below 2^60.
template <class T> FG_INLINE Vec<T> log_of_one_and(Vec<T> w, Vec<T> low, Vec<T> more) {
    const Vec<T> one(T(1)), u = one + w;
    const MantissaExponent<T> e = split_exponent(u);
    const Vec<T> down = from_words<T>(to_words(one) + to_words(e.m) - to_words(u));  // as in log1p
    const Vec<T> rest = ((w - (u - one)) + low) * down;
    return log_from_parts(e.k + more, (e.m - one) + select(w < Vec<T>(power_of_two<T, 60>), rest, Vec<T>(T(0))));
}

// log(a + sqrt(a^2 + 1)), the argument as 1 and a sum of two parts; where a^2 is large, as log 2 a.
template <class T> FG_INLINE Vec<T> arcsinh(Vec<T> x) {
    const Vec<T> a = abs(x), one(T(1)), zero(T(0));
    const Mask<T> large = a >= Vec<T>(power_of_two<T, 60>);
    const Vec<T> square = a * a;
    const Parts<T> w = exact_sum(a, square / (one + sqrt(one + square)));
    return give_sign(log_of_one_and(select(large, a, w.high), w.low, select(large, one, zero)), x);
}

// log(1 + t + sqrt(t (t + 2))) with t = x - 1.
template <class T> FG_INLINE Vec<T> arccosh(Vec<T> x) {
    const Vec<T> one(T(1)), zero(T(0));
    const Mask<T> large = x >= Vec<T>(power_of_two<T, 60>);
    const Vec<T> held = lower(Vec<T>(power_of_two<T, 60>), x), t = held - one;
    const Parts<T> beyond = exact_sum(held, one);
    Parts<T> square = exact_product(t, beyond.high);
    square.low = fma(t, beyond.low, square.low);
    const Vec<T> root = sqrt(square.high);
    const Parts<T> back = exact_product(root, root);
    const Vec<T> root_low = ((square.high - back.high) - back.low + square.low) /
                            (root + root + Vec<T>(Format<T>::min_normal));  // the root may be 0
    Parts<T> w = exact_sum(root, t);
    w.low = w.low + root_low;
    const Vec<T> y = log_of_one_and(select(large, x, w.high), w.low, select(large, one, zero));
    return select(x >= one, y, Vec<T>(Format<T>::nan));
}

// log(1 + 2 a / (1 - a)) / 2.
template <class T> FG_INLINE Vec<T> arctanh(Vec<T> x) {
    const Vec<T> a = abs(x), one(T(1)), zero(T(0)), half(T(0.5)), twice = a + a;
    const Parts<T> below = exact_sum(one, -a);
    const Vec<T> w = twice / below.high;
    const Parts<T> back = exact_product(w, below.high);
    const Vec<T> low = (((twice - back.high) - back.low) - w * below.low) / below.high;
    const Vec<T> y = half * log_of_one_and(w, select(a < one, low, zero), zero);
    return give_sign(select(a <= one, y, Vec<T>(Format<T>::nan)), x);
}

// log(x / (1 - x)): near 1/2 as an arctanh, below by two logarithms.
template <class T> FG_INLINE Vec<T> logit(Vec<T> x) {
    const Vec<T> one(T(1)), two(T(2)), quarter(T(0.25)), far = log(x / (one - x));
    const Mask<T> near = abs(x - Vec<T>(T(0.5))) <= quarter;
    return select(near, two * arctanh(select(near, two * x - one, quarter)), far);
}

}  // namespace
}  // namespace fg::kernels
