// log, log1p and softplus: x = m 2^k, and one approximation of log m.
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

// k ln 2 + log(1 + f) for f in [-0.25, 0.5].
FG_INLINE Vec<float> log_from_parts(Vec<float> k, Vec<float> f) {
    // log(1 + f) = f + f^2 p(f): degree 8, 2^-26.9.
    constexpr float p[] = {-0.5f,        0.333334535f,  -0.250000536f, 0.199906066f,  -0.166477695f,
                           0.144820631f, -0.131622046f, 0.104482673f,  -0.0449091867f};
    // ln 2 in one float is near enough: off by 2^-28 of itself.
    return fma(k, Vec<float>(Ln2<float>::whole), fma(f * f, polynomial(f, p), f));
}

FG_INLINE Vec<double> log_from_parts(Vec<double> k, Vec<double> f) {
    // log(1 + f) = 2 artanh s with s = f / (2 + f) = s (2 + z r(z)), z = s^2 <= 0.04: degree 6, 2^-55.8.
    // Written as f - (f^2 / 2 - s (f^2 / 2 + z r)), where the rounding of s counts little.
    constexpr double r[] = {0.66666666666672714, 0.39999999996161872, 0.28571429395268699, 0.22222138502605354,
                            0.18186356044721311, 0.15250188824618033, 0.15368190445500243};
    const Vec<double> s = f / (Vec<double>(2.0) + f);
    const Vec<double> z = s * s;
    const Vec<double> half_square = Vec<double>(0.5) * f * f;
    const Vec<double> series = fma(z, polynomial(z, r), half_square);
    const Vec<double> small = fma(s, series, k * Vec<double>(Ln2<double>::low));
    return fma(k, Vec<double>(Ln2<double>::high), f - (half_square - small));
}

template <class T> FG_INLINE Vec<T> log(Vec<T> x) {
    const MantissaExponent<T> e = split_exponent(x);
    return log_from_parts(e.k, e.m - Vec<T>(T(1)));
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

template <class T> FG_INLINE Vec<T> softplus(Vec<T> x) {
    const Vec<T> e = exp_in_range(higher(Vec<T>(ExpRange<T>::lowest), -abs(x)));
    // log(1 + e) with e in [0, 1]: beyond 0.5 as ln 2 + log((1 + e) / 2).
    const Vec<T> half(T(0.5)), zero(T(0)), one(T(1));
    const Mask<T> upper = e > half;
    const Vec<T> l = log_from_parts(select(upper, one, zero), select(upper, fma(half, e, -half), e));
    return higher(zero, x) + l;
}

}  // namespace
}  // namespace fg::kernels
