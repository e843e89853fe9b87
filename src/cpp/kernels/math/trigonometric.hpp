// sin and cos: x = q pi/2 + r, and one polynomial for each; arguments too large for that go to libm, lane by lane.
#pragma once

#include "kernels/math/pieces.hpp"

namespace fg::kernels {
namespace {

// pi/2 in parts of falling size, and the largest |x| for which they leave x - q pi/2 right to the last bit.
// With fused multiply-add the parts are whole numbers of the format. Without, q times each part but the last must
// be exact, so the parts are short and `limit` is lower.
template <class T> struct HalfPi;
template <> struct HalfPi<float> {
    static constexpr float inverse = 0.636619772f;
    static constexpr float limit = has_fma ? 1e5f : 6400.0f;
    static constexpr float first = has_fma ? 0x1.921fb6p+0f : 0x1.922p+0f;
    static constexpr float second = has_fma ? 0.0f : -0x1.2cp-18f;  // first + second is pi/2 to the last place of r
    static constexpr float third = has_fma ? -0x1.777a5cp-25f : 0x1.11p-26f;
    static constexpr float fourth = has_fma ? -0x1.ee59dap-50f : 0x1.68c234p-39f;
};
template <> struct HalfPi<double> {
    static constexpr double inverse = 0.63661977236758138;
    static constexpr double limit = has_fma ? 1e9 : 1e6;
    static constexpr double first = has_fma ? 0x1.921fb54442d18p+0 : 0x1.921fb544p+0;
    static constexpr double second = has_fma ? 0.0 : 0x1.0b4620p-34;
    static constexpr double third = has_fma ? 0x1.1a62633145c07p-54 : -0x1.cb3b399dp-55;
    static constexpr double fourth = has_fma ? -0x1.f1976b7ed8fbcp-110 : -0x1.d1fc8f8cbb5bfp-89;
};

// sin r = r + r^3 s(r^2), cos r = 1 - r^2 / 2 + r^4 c(r^2) on |r| <= 0.787.
template <class T> struct TrigPolynomial;
template <> struct TrigPolynomial<float> {  // degree 2: 2^-26.9 and 2^-32.3
    static constexpr float s[] = {-0.166666538f, 0.00833215099f, -0.000195139844f};
    static constexpr float c[] = {0.0416666456f, -0.00138873036f, 2.44316725e-05f};
};
template <> struct TrigPolynomial<double> {  // degree 5: 2^-57.5 and 2^-59.0
    static constexpr double s[] = {-0.1666666666666663,    0.008333333333321891,    -0.0001984126982940066,
                                   2.7557313553668784e-06, -2.5050736837196508e-08, 1.5895579148195683e-10};
    static constexpr double c[] = {0.041666666666666588,    -0.0013888888888872733, 2.4801587288644418e-05,
                                   -2.7557314117902654e-07, 2.0875692301866104e-09, -1.135808472154155e-11};
};

// sin(x + quarter pi/2) for |x| <= limit.
template <class T> FG_INLINE Vec<T> sin_of_quarters(Vec<T> x, int quarter) {
    using P = HalfPi<T>;
    using F = Format<T>;
    const Vec<T> one(T(1));
    // The low bits of `shifted` hold q + quarter.
    const Vec<T> magic(F::round_magic + T(quarter));
    const Vec<T> shifted = fma(x, Vec<T>(P::inverse), magic);
    const Vec<T> q = shifted - magic;

    // high is exact; r + r_low is x - q pi/2 to twice the precision near the zeros.
    Vec<T> high = fma(q, Vec<T>(-P::first), x);
    if constexpr (!has_fma) high = fma(q, Vec<T>(-P::second), high);
    const Vec<T> next = q * Vec<T>(P::third);
    const Vec<T> r = high - next;
    Vec<T> rest = q * Vec<T>(P::fourth);
    if constexpr (has_fma) rest = fma(q, Vec<T>(P::fourth), fma(q, Vec<T>(P::third), -next));
    const Vec<T> r_low = ((high - r) - next) - rest;

    const Vec<T> z = r * r;
    const Vec<T> sine = r + fma(z * r, polynomial(z, TrigPolynomial<T>::s), r_low);
    const Vec<T> cosine = fma(z * z, polynomial(z, TrigPolynomial<T>::c), fma(z, Vec<T>(T(-0.5)), one));
    const auto w = to_words(shifted);
    const Vec<T> y = select(is_odd<T>(w), cosine, sine);
    return flip_sign(y, (w << (8 * sizeof(T) - 2)) & F::sign);  // the second bit of q: the half of the circle
}

// The builtins are calls of libm's sin and cos; <math.h> would bring in the standard library's inline overloads.
// In double for floats too, so that the result does not depend on whose libm it is.
template <class T> __attribute__((noinline, cold)) void replace_large(const T* x, bool cosine, T* y) {
    for (int i = 0; i < Vec<T>::size; ++i)
        if (!(__builtin_fabs(x[i]) <= HalfPi<T>::limit)) y[i] = T(cosine ? __builtin_cos(x[i]) : __builtin_sin(x[i]));
}

template <class T> FG_INLINE Vec<T> with_large(Vec<T> x, bool cosine, Vec<T> y) {
    if (__builtin_expect(any(abs(x) > Vec<T>(HalfPi<T>::limit)), 0)) {
        T in[Vec<T>::size], out[Vec<T>::size];
        x.store(in);
        y.store(out);
        replace_large(in, cosine, out);
        y = Vec<T>::load(out);
    }
    return y;
}

template <class T> FG_INLINE Vec<T> sin(Vec<T> x) {
    return with_large(x, false, flip_sign(sin_of_quarters(abs(x), 0), sign_bits(x)));
}

template <class T> FG_INLINE Vec<T> cos(Vec<T> x) { return with_large(x, true, sin_of_quarters(x, 1)); }

}  // namespace
}  // namespace fg::kernels
