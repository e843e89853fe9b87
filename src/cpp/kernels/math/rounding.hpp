// Rounding to integers, signs, and the remainders of division, exact over the whole range.
#pragma once

#include "kernels/math/pieces.hpp"

namespace fg::kernels {
namespace {

// To the nearest integer, ties to even. From 2^mantissa_bits on all numbers are integers.
template <class T> FG_INLINE Vec<T> rint(Vec<T> x) {
    const Vec<T> a = abs(x), step(power_of_two<T, Format<T>::mantissa_bits>);
    return select(a < step, give_sign((a + step) - step, x), x);
}

template <class T> FG_INLINE Vec<T> floor(Vec<T> x) {
    const Vec<T> r = rint(x);
    return r - select(r > x, Vec<T>(T(1)), Vec<T>(T(0)));
}

template <class T> FG_INLINE Vec<T> ceil(Vec<T> x) { return -floor(-x); }

template <class T> FG_INLINE Vec<T> trunc(Vec<T> x) { return give_sign(floor(abs(x)), x); }

template <class T> FG_INLINE Vec<T> copysign(Vec<T> x, Vec<T> s) { return give_sign(abs(x), s); }

template <class T> FG_INLINE Mask<T> signbit(Vec<T> x) {
    return from_words<T>(sign_bits(x) | Format<T>::one) < Vec<T>(T(0));
}

template <class T> FG_INLINE Mask<T> isfinite(Vec<T> x) { return x - x == Vec<T>(T(0)); }
template <class T> FG_INLINE Mask<T> isinf(Vec<T> x) { return abs(x) == Vec<T>(Format<T>::infinity); }

// a modulo b for finite a >= b > 0, by long division of the mantissas.
template <class T> __attribute__((noinline, cold)) T fmod_of_far(T a, T b) {
    using F = Format<T>;
    using W = typename VecTraits<T>::word;
    constexpr W hidden = F::mantissa + 1;
    W wa, wb;
    memcpy(&wa, &a, sizeof a);
    memcpy(&wb, &b, sizeof b);
    int ea = int(wa >> F::mantissa_bits), eb = int(wb >> F::mantissa_bits);
    uint64_t r = ea ? (wa & F::mantissa) | hidden : wa, m = eb ? (wb & F::mantissa) | hidden : wb;
    if (!ea) ea = 1;
    if (!eb) eb = 1;
    r %= m;
    for (int left = ea - eb; left > 0; left -= 11) r = (r << (left < 11 ? left : 11)) % m;
    if (!r) return 0;
    while (eb > 1 && r < hidden) r <<= 1, --eb;
    const W w = r < hidden ? W(r) : W(r - hidden) | W(eb) << F::mantissa_bits;
    T y;
    memcpy(&y, &w, sizeof y);
    return y;
}

template <class T> __attribute__((noinline, cold)) void replace_far(const T* a, const T* b, const T* far, T* r) {
    for (int i = 0; i < Vec<T>::size; ++i)
        if (far[i] != 0) r[i] = fmod_of_far(a[i], b[i]);
}

// C's fmod: what truncated division leaves, with the sign of x.
template <class T> FG_INLINE Vec<T> fmod(Vec<T> x, Vec<T> y) {
    using F = Format<T>;
    const Vec<T> a = abs(x), b = abs(y), zero(T(0)), infinity(F::infinity), nan(F::nan);
    const Vec<T> ratio = a / b, q = trunc(ratio);
    Vec<T> r;
    if constexpr (has_fma) {
        r = fma(-q, b, a);
    } else {
        const Parts<T> p = exact_product(q, b);
        r = (a - p.high) - p.low;
    }
    // The quotient may have been rounded up to an integer.
    r = select(r < zero, r + b, r);
    Mask<T> far = ratio >= Vec<T>(power_of_two<T, F::mantissa_bits>);
    if constexpr (!has_fma) far = far | (a > Vec<T>(power_of_two<T, F::exponent_bias - 30>));
    far = far & (a < infinity) & (b > zero) & (b <= a);
    if (__builtin_expect(any(far), 0)) {
        T in[Vec<T>::size], by[Vec<T>::size], which[Vec<T>::size], out[Vec<T>::size];
        a.store(in);
        b.store(by);
        select(far, Vec<T>(T(1)), zero).store(which);
        r.store(out);
        replace_far(in, by, which, out);
        r = Vec<T>::load(out);
    }
    r = select(a < b, a, r);
    r = select((b == zero) | (a == infinity) | is_nan(x) | is_nan(y), nan, r);
    return give_sign(r, x);
}

// NumPy's: what floored division leaves, with the sign of y.
template <class T> FG_INLINE Vec<T> remainder(Vec<T> x, Vec<T> y) {
    const Vec<T> r = fmod(x, y), zero(T(0));
    return select(r == zero, copysign(zero, y), select((r < zero) ^ (y < zero), r + y, r));
}

// NumPy's: the quotient that belongs to `remainder`.
template <class T> FG_INLINE Vec<T> floor_divide(Vec<T> x, Vec<T> y) {
    const Vec<T> r = fmod(x, y), zero(T(0)), one(T(1)), ratio = x / y;
    const Vec<T> exact = (x - r) / y;
    const Vec<T> quotient = select((r != zero) & ((r < zero) ^ (y < zero)), exact - one, exact);
    const Vec<T> down = floor(quotient);
    const Vec<T> nearest = select(quotient - down > Vec<T>(T(0.5)), down + one, down);
    return select(y == zero, ratio, select(quotient == zero, copysign(zero, ratio), nearest));
}

}  // namespace
}  // namespace fg::kernels
