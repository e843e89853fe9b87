// erf and the normal distribution: one approximation of e^(t^2) erfc t, and what is built around it.
#pragma once

#include "kernels/math/exponential.hpp"

namespace fg::kernels {
namespace {

// erf x = x + x p(x^2) on |x| <= 1; e^(t^2) erfc t = r p(1 - 2 pole r) with r = 1 / (t + pole) on 0 <= t <= end, where
// erfc(t) is 0, as at erfc_end already; e^(-x^2/2) is 0 at density_end. The poles were chosen among multiples of 1/64
// for how little is lost by rounding the coefficients.
template <class T> struct ErrorFunction;
template <> struct ErrorFunction<float> {
    // degree 6, 2^-28.7 of erf
    static constexpr float small[] = {0.128379166f,   -0.37612626f,     0.112835854f,   -0.0268538147f,
                                      0.00518833054f, -0.000801020244f, 7.85384982e-05f};
    // degree 9, 2^-26.3
    static constexpr float pole = 3.0f, end = 10.5f, erfc_end = 10.125f, density_end = 14.422f;
    static constexpr float tail[] = {1.07400692f,      -0.88339448f,    0.59022826f,     -0.310465902f,
                                     0.119529396f,     -0.0268405247f,  -0.00122833042f, 0.00308102719f,
                                     -0.000479604234f, -0.000323461718f};
};
template <> struct ErrorFunction<double> {
    // degree 12, 2^-56 of erf
    static constexpr double small[] = {0.12837916709551259,     -0.37612638903183748,    0.11283791670954858,
                                       -0.026866170645072959,   0.0052239776247813702,   -0.00085483269787651485,
                                       0.00012055331037551108,  -1.4925593518728226e-05, 1.6460972954153765e-06,
                                       -1.6350026192077269e-07, 1.4657883530919653e-08,  -1.136567067182716e-09,
                                       5.945255584223488e-11};
    // degree 22, 2^-54.4
    static constexpr double pole = 3.609375, end = 28.0, erfc_end = 27.25, density_end = 38.62;
    static constexpr double tail[] = {
        1.0892950871189264,      -0.94739006095784406,    0.71328519183526418,     -0.46001509923859529,
        0.24919522912401965,     -0.10926758045651887,    0.035767345560489959,    -0.0067169287818249646,
        -0.00061217442843829542, 0.0008482530087781093,   -0.00017656763682254319, -5.2796026057285826e-05,
        3.21189206607841e-05,    1.2759677340160947e-06,  -4.4912289503525746e-06, 2.9146236200215494e-07,
        6.356410554367221e-07,   -7.2455486128422595e-08, -9.5192154004476356e-08, 9.7734022340510786e-09,
        1.3093126188389694e-08,  -5.1584047817946545e-10, -1.0270682014530392e-09};
};

// e^(t^2) erfc t for t from 0 to ErrorFunction::end. What the sum and the division round away would count four times in
// the result: `missing` puts it back.
template <class T> FG_INLINE Vec<T> scaled_erfc(Vec<T> t) {
    using E = ErrorFunction<T>;
    const Vec<T> one(T(1)), pole(E::pole), twice(2 * E::pole);
    const Vec<T> sum = t + pole, added = sum - t;
    const Vec<T> lost = (t - (sum - added)) + (pole - added);
    const Vec<T> r = one / sum;
    const Parts<T> product = exact_product(r, sum);
    const Vec<T> missing = ((one - product.high) - product.low) - r * lost;  // 1 / (t + pole) = r (1 + missing)
    const Vec<T> q = fma(-twice, r, one) - twice * r * missing;
    const Vec<T> y = r * polynomial(q, E::tail);
    return fma(y, missing, y);
}

// e^(-x^2/2): a rounded square would cost as many ulp as x^2 has halves.
template <class T> FG_INLINE Vec<T> exp_of_half_square(Vec<T> x) {
    const Vec<T> minus_half(T(-0.5));
    const Vec<T> held = lower(Vec<T>(ErrorFunction<T>::density_end), abs(x));
    const Parts<T> square = exact_product(held, held);
    return exp_of_sum(minus_half * square.high, minus_half * square.low);
}

template <class T> FG_INLINE Vec<T> erf(Vec<T> x) {
    const Vec<T> t = lower(Vec<T>(T(6)), abs(x)), square = t * t;  // erf is 1
    const Vec<T> small = fma(t, polynomial(square, ErrorFunction<T>::small), t);
    const Vec<T> large = Vec<T>(T(1)) - exp_in_range(-square) * scaled_erfc(t);
    return give_sign(select(t < Vec<T>(T(1)), small, large), x);
}

template <class T> FG_INLINE Vec<T> erfc(Vec<T> x) {
    const Vec<T> one(T(1)), held = lower(Vec<T>(ErrorFunction<T>::erfc_end), abs(x));
    const Parts<T> square = exact_product(held, held);
    const Vec<T> tail = exp_of_sum(-square.high, -square.low) * scaled_erfc(held);
    const Vec<T> large = select(x < Vec<T>(T(0)), Vec<T>(T(2)) - tail, tail);
    const Parts<T> rest = exact_sum(one, -x);
    const Vec<T> small = rest.high - fma(x, polynomial(square.high, ErrorFunction<T>::small), -rest.low);
    return select(held < one, small, large);
}

// scale times the tail of a standard normal distribution beyond |x|, scale * erfc(|x| / sqrt 2) / 2. Where the density
// is subnormal, scales of about |x| are taken in without loss.
template <class T> FG_INLINE Vec<T> times_normal_tail(Vec<T> scale, Vec<T> x) {
    const Vec<T> t = lower(Vec<T>(ErrorFunction<T>::end), abs(x) * Vec<T>(T(0.70710678118654752)));
    return exp_of_half_square(x) * (scale * (Vec<T>(T(0.5)) * scaled_erfc(t)));
}

// The part of the distribution below x, to the last digits where it is small.
template <class T> FG_INLINE Vec<T> normal_cdf(Vec<T> x) {
    const Vec<T> one(T(1)), tail = times_normal_tail(one, x);
    return select(x > Vec<T>(T(0)), one - tail, tail);
}

// Its density, e^(-x^2/2) / sqrt(2 pi).
template <class T> FG_INLINE Vec<T> normal_pdf(Vec<T> x) {
    return exp_of_half_square(x) * Vec<T>(T(0.39894228040143268));
}

// x normal_cdf x; at -inf its limit, -0.
template <class T> FG_INLINE Vec<T> gelu(Vec<T> x) {
    const Vec<T> far(T(1000));
    const Vec<T> tail = times_normal_tail(lower(far, higher(-far, x)), x);
    return select(x > Vec<T>(T(0)), x - tail, tail);
}

}  // namespace
}  // namespace fg::kernels
