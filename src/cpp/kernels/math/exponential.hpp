// exp, exp2, expm1, sigmoid, silu, tanh, sinh and cosh: one reduction x = n ln 2 + r, one polynomial, and what is built
// around them.
#pragma once

#include "kernels/math/pieces.hpp"

namespace fg::kernels {
namespace {

// e^r = 1 + r + r^2 q(r) on |r| <= 0.347.
template <class T> struct ExpPolynomial;
template <> struct ExpPolynomial<float> {  // degree 4, 2^-25.8 of e^r - 1
    static constexpr float q[] = {0.49999997f, 0.166665435f, 0.0416672006f, 0.00836657919f, 0.00138824934f};
};
template <> struct ExpPolynomial<double> {  // degree 9, 2^-54.8 of e^r - 1
    static constexpr double q[] = {0.50000000000000056,    0.16666666666666588,    0.041666666666576119,
                                   0.0083333333333899216,  0.0013888888931793105,  0.00019841269718437322,
                                   2.4801504980881386e-05, 2.7557407768592453e-06, 2.7626160707270901e-07,
                                   2.5053809615255457e-08};
};

// Where the functions reach their limits; beyond these inputs are held there.
template <class T> struct ExpRange;
template <> struct ExpRange<float> {
    static constexpr float lowest = -104.0f, highest = 89.0f;  // exp is 0 or infinite
    static constexpr int two_steps_bias = 152;                 // see times_power
    static constexpr float expm1_lowest = -18.0f;              // expm1 is -1
    static constexpr float tanh_highest = 10.0f;               // tanh is 1
    static constexpr float sigmoid_lowest = -112.0f;           // x sigmoid is 0
    static constexpr float sigmoid_highest = 40.0f;            // sigmoid is 1
    static constexpr int sigmoid_shift = 64;
};
template <> struct ExpRange<double> {
    static constexpr double lowest = -746.0, highest = 710.0;
    static constexpr int two_steps_bias = 1078;
    static constexpr double expm1_lowest = -38.0;
    static constexpr double tanh_highest = 20.0;
    static constexpr double sigmoid_lowest = -760.0;
    static constexpr double sigmoid_highest = 80.0;
    static constexpr int sigmoid_shift = 512;
};

// x = n ln 2 + r with |r| <= ln 2 / 2; the low bits of `shifted` hold n + bias.
template <class T> struct ExpReduced { Vec<T> shifted, n, r; };

template <class T> FG_INLINE ExpReduced<T> reduce_by_ln2(Vec<T> x, int bias) {
    const Vec<T> magic(Format<T>::round_magic + T(bias));
    const Vec<T> shifted = fma(x, Vec<T>(Ln2<T>::inverse), magic);
    const Vec<T> n = shifted - magic;
    return {shifted, n, fma(n, Vec<T>(-Ln2<T>::low), fma(n, Vec<T>(-Ln2<T>::high), x))};
}

// The number whose exponent field is the integer in the low bits.
template <class T> FG_INLINE Vec<T> from_exponent_field(Vec<T> shifted) {
    return from_words<T>(to_words(shifted) << Format<T>::mantissa_bits);
}

// (e^r - 1) / r, times a power of two.
template <class T> FG_INLINE Vec<T> expm1_over_r(Vec<T> r, T scale = 1) {
    return fma(polynomial(r, ExpPolynomial<T>::q, scale), r, Vec<T>(scale));
}

// What exp asks of reduce_by_ln2, and the scale it gives the polynomial, so that times_power can finish.
#if defined(__AVX512F__)
template <class T> constexpr int exp_bias = 0;
template <class T> constexpr T exp_scale = 1;
#else
template <class T> constexpr int exp_bias = ExpRange<T>::two_steps_bias;
template <class T> constexpr T exp_scale = power_of_two<T, 2 * Format<T>::exponent_bias - exp_bias<T>>;
#endif

// p / exp_scale * 2^n, rounded once: down to zero by way of the subnormals, and up to infinity.
template <class T> FG_INLINE Vec<T> times_power(Vec<T> p, ExpReduced<T> e) {
#if defined(__AVX512F__)
    // One instruction, correctly rounded like the product below: the bits are those of the other levels.
    if constexpr (sizeof(T) == 4) return float_native(_mm512_maskz_scalef_ps(all_lanes, __m512(p.v), __m512(e.n.v)));
    else return double_native(_mm512_maskz_scalef_pd(all_lanes_8, __m512d(p.v), __m512d(e.n.v)));
#else
    // 2^n may lie beyond the normal numbers. With b = n + exp_bias two factors take its place, whose exponent fields
    // are floor(b / 2) and ceil(b / 2), both at least 1; the first product is exact. exp_scale has taken out the rest.
    using F = Format<T>;
    const auto floor_half = (to_words(e.shifted) << (F::mantissa_bits - 1)) & ~(F::sign | F::mantissa);
    const auto whole = to_words(e.shifted) << F::mantissa_bits;
    return p * from_words<T>(floor_half) * from_words<T>(whole - floor_half);
#endif
}

// e^x for x within ExpRange.
template <class T> FG_INLINE Vec<T> exp_in_range(Vec<T> x) {
    const ExpReduced<T> e = reduce_by_ln2(x, exp_bias<T>);
    return times_power(fma(expm1_over_r(e.r, exp_scale<T>), e.r, Vec<T>(exp_scale<T>)), e);
}

// e^(x + low) for x within ExpRange and |low| below 2^-40, for floats below 2^-16.
template <class T> FG_INLINE Vec<T> exp_of_sum(Vec<T> x, Vec<T> low) {
    const ExpReduced<T> e = reduce_by_ln2(x, exp_bias<T>);
    const Vec<T> high = fma(e.n, Vec<T>(-Ln2<T>::high), x);  // exact
    const Vec<T> rest = fma(e.n, Vec<T>(-Ln2<T>::low), high - e.r) + low;
    const Vec<T> one(exp_scale<T>), v = expm1_over_r(e.r, exp_scale<T>);
    return times_power(one + fma(v, e.r, rest * fma(v, e.r, one)), e);
}

template <class T> FG_INLINE Vec<T> exp(Vec<T> x) {
    using R = ExpRange<T>;
    return exp_in_range(lower(Vec<T>(R::highest), higher(Vec<T>(R::lowest), x)));
}

template <class T> FG_INLINE Vec<T> exp2(Vec<T> x) {
    // Beyond these 2^x is 0 or infinite. What is left of x after its nearest integer is exact.
    constexpr T lowest = T(2 - ExpRange<T>::two_steps_bias), highest = T(Format<T>::exponent_bias + 2);
    const Vec<T> held = lower(Vec<T>(highest), higher(Vec<T>(lowest), x)), one(exp_scale<T>);
    const Vec<T> magic(Format<T>::round_magic + T(exp_bias<T>));
    const Vec<T> shifted = held + magic, n = shifted - magic;
    const Vec<T> r = (held - n) * Vec<T>(T(0.69314718055994531));
    return times_power(fma(expm1_over_r(r, exp_scale<T>), r, one), {shifted, n, r});
}

template <class T> FG_INLINE Vec<T> expm1(Vec<T> x) {
    using R = ExpRange<T>;
    const Vec<T> held = lower(Vec<T>(R::highest), higher(Vec<T>(R::expm1_lowest), x));
    const ExpReduced<T> e = reduce_by_ln2(held, Format<T>::exponent_bias - 1);
    const Vec<T> square = e.r * e.r, q = polynomial(e.r, ExpPolynomial<T>::q);
    // Half of 2^n (1 + r + r^2 q) - 1, because 2^n itself may overflow; doubling at the end is exact.
    const Vec<T> half_power = from_exponent_field(e.shifted);
    const Vec<T> half = fma(half_power * square, q, fma(half_power, e.r, half_power - Vec<T>(T(0.5))));
    const Vec<T> near_zero = fma(square, q, e.r);
    return give_sign(select(e.n == Vec<T>(T(0)), near_zero, half + half), x);
}

// numerator * sigmoid x, rounded once, for numerators that times 2^-shift are normal.
template <class T> FG_INLINE Vec<T> times_sigmoid(Vec<T> numerator, Vec<T> x) {
    using R = ExpRange<T>;
    const Vec<T> held = lower(Vec<T>(R::sigmoid_highest), higher(Vec<T>(R::sigmoid_lowest), x));
    // numerator / (1 + 2^n (1 + r v)), above and below times 2^-shift so that it stays finite where the quotient is
    // subnormal.
    const ExpReduced<T> e = reduce_by_ln2(-held, Format<T>::exponent_bias - R::sigmoid_shift);
    const Vec<T> power = from_exponent_field(e.shifted), one(power_of_two<T, -R::sigmoid_shift>);
    const Vec<T> sum = power + one;
    const Vec<T> lost = one - (sum - power);  // without it 2.3 ulp where 2^n is next above the mantissa's range
    return numerator * one / (sum + fma(power * e.r, expm1_over_r(e.r), lost));
}

template <class T> FG_INLINE Vec<T> sigmoid(Vec<T> x) { return times_sigmoid(Vec<T>(T(1)), x); }

// x sigmoid x; at -inf its limit, -0. The numerator is x only where it is not small and sigmoid x may be subnormal.
template <class T> FG_INLINE Vec<T> silu(Vec<T> x) {
    const Vec<T> one(T(1));
    const Mask<T> far = x < -one;
    const Vec<T> y = times_sigmoid(select(far, higher(Vec<T>(ExpRange<T>::sigmoid_lowest), x), one), x);
    return select(far, y, x * y);
}

// tanh x = x + x^3 p(x^2) on |x| <= 0.5625.
template <class T> struct TanhPolynomial;
template <> struct TanhPolynomial<float> {  // degree 4, 2^-28.7
    static constexpr float p[] = {-0.333333135f, 0.133324519f, -0.0538374335f, 0.0210074708f, -0.00617982354f};
};
template <> struct TanhPolynomial<double> {  // degree 9, 2^-54.5
    static constexpr double p[] = {-0.33333333333331777,   0.13333333333093533,    -0.053968253839857067,
                                   0.021869485123760034,   -0.0088631832463408906, 0.0035916301298907888,
                                   -0.0014527793746151835, 0.00057785429588175696, -0.00020822982202568831,
                                   4.9603877743808957e-05};
};

template <class T> FG_INLINE Vec<T> tanh(Vec<T> x) {
    const Vec<T> a = abs(x);
    // 1 - 2 / (e^2a + 1) loses digits where the result is below 1/2: there a polynomial takes over.
    const Vec<T> held = lower(Vec<T>(ExpRange<T>::tanh_highest), a);
    const ExpReduced<T> e = reduce_by_ln2(held + held, Format<T>::exponent_bias);
    const Vec<T> power = from_exponent_field(e.shifted), one(T(1));
    const Vec<T> large = one - Vec<T>(T(2)) / fma(power * e.r, expm1_over_r(e.r), power + one);
    const Vec<T> z = x * x;
    const Vec<T> small = fma(z * x, polynomial(z, TanhPolynomial<T>::p), x);
    return give_sign(select(a < Vec<T>(T(0.5625)), small, large), x);
}

// e^x / 2 for x >= 0.
template <class T> FG_INLINE Vec<T> half_exp(Vec<T> x) {
    const ExpReduced<T> e = reduce_by_ln2(lower(Vec<T>(ExpRange<T>::highest + 1), x), exp_bias<T>);
    constexpr T scale = exp_scale<T> / 2;
    return times_power(fma(expm1_over_r(e.r, scale), e.r, Vec<T>(scale)), e);
}

template <class T> FG_INLINE Vec<T> cosh(Vec<T> x) {
    const Vec<T> h = half_exp(abs(x));
    return h + Vec<T>(T(0.25)) / h;
}

// sinh x = x + x^3 p(x^2) on |x| <= 1.
template <class T> struct SinhPolynomial;
template <> struct SinhPolynomial<float> {  // degree 3, 2^-27.5
    static constexpr float p[] = {0.166666672f, 0.0083333496f, 0.000198361595f, 2.81695134e-06f};
};
template <> struct SinhPolynomial<double> {  // degree 6, 2^-56.6
    static constexpr double p[] = {0.16666666666666669,    0.0083333333333331476,  0.00019841269841431873,
                                   2.7557319157071505e-06, 2.5052123136775844e-08, 1.6057259765109409e-10,
                                   7.758748897133053e-13};
};

template <class T> FG_INLINE Vec<T> sinh(Vec<T> x) {
    const Vec<T> a = abs(x), h = half_exp(a), z = a * a;
    const Vec<T> small = fma(z * a, polynomial(z, SinhPolynomial<T>::p), a);
    return give_sign(select(a < Vec<T>(T(1)), small, h - Vec<T>(T(0.25)) / h), x);
}

}  // namespace
}  // namespace fg::kernels
