// What the elementary functions share: polynomials, exact products, signs, powers of two.
#pragma once

#include "kernels/vec.hpp"

namespace fg::kernels {
namespace {

// Adding 1.5 * 2^mantissa_bits rounds to an integer and leaves it in the low bits, in two's complement.
template <class T> struct Format;
template <> struct Format<float> {
    static constexpr int mantissa_bits = 23;
    static constexpr int exponent_bias = 127;
    static constexpr float round_magic = 12582912.0f;
    static constexpr uint32_t sign = 0x80000000u;
    static constexpr uint32_t mantissa = 0x007fffffu;
    static constexpr uint32_t one = 0x3f800000u;
    static constexpr float infinity = __builtin_inff();
    static constexpr float nan = __builtin_nanf("");
    static constexpr float min_normal = 0x1p-126f;
};
template <> struct Format<double> {
    static constexpr int mantissa_bits = 52;
    static constexpr int exponent_bias = 1023;
    static constexpr double round_magic = 6755399441055744.0;
    static constexpr uint64_t sign = 0x8000000000000000u;
    static constexpr uint64_t mantissa = 0x000fffffffffffffu;
    static constexpr uint64_t one = 0x3ff0000000000000u;
    static constexpr double infinity = __builtin_inf();
    static constexpr double nan = __builtin_nan("");
    static constexpr double min_normal = 0x1p-1022;
};

template <class T> constexpr T make_power_of_two(int e) {
    T r = 1;
    for (; e > 0; --e) r *= 2;
    for (; e < 0; ++e) r /= 2;
    return r;
}
// A variable, so that no compiler runs the loop later.
template <class T, int e> constexpr T power_of_two = make_power_of_two<T>(e);

// c[0] + c[1] x + c[2] x^2 + ...; scale, a power of two, multiplies the result exactly and costs nothing.
template <int i = 0, class T, int n> FG_INLINE Vec<T> polynomial(Vec<T> x, const T (&c)[n], T scale = 1) {
    if constexpr (i == n - 1) return Vec<T>(c[i] * scale);
    else return fma(polynomial<i + 1>(x, c, scale), x, Vec<T>(c[i] * scale));
}

template <class T> FG_INLINE typename VecTraits<T>::words sign_bits(Vec<T> x) { return to_words(x) & Format<T>::sign; }

// x with its sign bit flipped where that of s is set.
template <class T> FG_INLINE Vec<T> flip_sign(Vec<T> x, typename VecTraits<T>::words s) {
    return from_words<T>(to_words(x) ^ s);
}

// x >= 0 with the sign of s.
template <class T> FG_INLINE Vec<T> give_sign(Vec<T> x, Vec<T> s) { return from_words<T>(to_words(x) | sign_bits(s)); }

// True where the lowest bit of w is set.
template <class T> FG_INLINE Mask<T> is_odd(typename VecTraits<T>::words w) {
    using bits = typename VecTraits<T>::bits;
#if defined(__AVX2__)
    return {(bits)(w << (8 * sizeof(T) - 1)) < 0};
#else
    return {-(bits)(w & 1)};  // SSE2 has no comparison of 64-bit integers
#endif
}

// The sum of two numbers, the second below the last place of the first.
template <class T> struct Parts { Vec<T> high, low; };
using TwoParts = Parts<double>;

template <class T> FG_INLINE Parts<T> split_halves(Vec<T> a) {
    constexpr T factor = power_of_two<T, (Format<T>::mantissa_bits + 2) / 2> + 1;  // Veltkamp
    const Vec<T> c = a * Vec<T>(factor);
    const Vec<T> high = c - (c - a);
    return {high, a - high};
}

// a * b = high + low exactly, but for underflow; without fused multiply-add |a|, |b| must stay below 2^996, floats
// below 2^115.
template <class T> FG_INLINE Parts<T> exact_product(Vec<T> a, Vec<T> b) {
    const Vec<T> p = a * b;
    if constexpr (has_fma) {
        return {p, fma(a, b, -p)};
    } else {
        const Parts<T> x = split_halves(a), y = split_halves(b);
        return {p, ((x.high * y.high - p) + x.high * y.low + x.low * y.high) + x.low * y.low};
    }
}

// a + b = high + low exactly, given |a| >= |b| or a = 0.
template <class T> FG_INLINE Parts<T> exact_sum(Vec<T> a, Vec<T> b) {
    const Vec<T> s = a + b;
    return {s, (a - s) + b};
}

// ln 2 in two parts: whole multiples of the first, up to those that exponents need, are exact.
template <class T> struct Ln2;
template <> struct Ln2<float> {
    static constexpr float high = 0x1.62e4p-1f, low = 0x1.7f7d1cp-20f, whole = 0x1.62e43p-1f;
    static constexpr float inverse = 1.44269504f;
};
template <> struct Ln2<double> {
    static constexpr double high = 0x1.62e42fefa38p-1, low = 0x1.ef35793c7673p-45;
    static constexpr double inverse = 1.4426950408889634;
};

}  // namespace
}  // namespace fg::kernels
