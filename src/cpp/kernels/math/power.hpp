// pow: x^y = e^(y log x), with a logarithm of more digits than the lanes hold, and C99's special cases.
#pragma once

#include "kernels/math/logarithm.hpp"

namespace fg::kernels {
namespace {

// Float vectors as two double vectors: the lanes of the first half, then the second.
struct Widened {
    Vec<double> first, second;
};

FG_INLINE Widened widen(Vec<float> x) {
    typedef float half_native __attribute__((vector_size(vector_bytes / 2)));
    half_native h[2];
    memcpy(h, &x.v, sizeof h);
    return {__builtin_convertvector(h[0], double_native), __builtin_convertvector(h[1], double_native)};
}

FG_INLINE Vec<float> narrow(Widened x) {
    typedef float half_native __attribute__((vector_size(vector_bytes / 2)));
    const half_native h[2] = {__builtin_convertvector(x.first.v, half_native),
                              __builtin_convertvector(x.second.v, half_native)};
    Vec<float> r;
    memcpy(&r.v, h, sizeof h);
    return r;
}

// x^y for floats in doubles, x > 0: the two polynomials are cut to 2^-35.
FG_INLINE Vec<double> pow_for_float(Vec<double> x, Vec<double> y) {
    // As in log_from_parts, degree 3, 2^-35.4, and as in ExpPolynomial, degree 5, 2^-32 of e^r - 1 (2^-33.5 of e^r).
    constexpr double r[] = {0.66666663095967349, 0.40000860762706442, 0.2850712931613702, 0.24098511705772002};
    constexpr double q[] = {0.50000000444002013,   0.16666666368880473,   0.041666359824549866,
                            0.0083333895709723754, 0.0013940719452301901, 0.00019845884170952602};
    const Vec<double> one(1.0);
    const MantissaExponent<double> e = split_exponent(x);
    const Vec<double> f = e.m - one;
    const Vec<double> s = f / (Vec<double>(2.0) + f);
    const Vec<double> z = s * s;
    const Vec<double> log_m = fma(z * s, polynomial(z, r), s + s);
    const Vec<double> l = y * fma(e.k, Vec<double>(Ln2<double>::high), log_m);
    const Vec<double> held = lower(Vec<double>(90.0), higher(Vec<double>(-105.0), l));  // as floats: inf and 0
    const ExpReduced<double> g = reduce_by_ln2(held, Format<double>::exponent_bias);
    const Vec<double> p = fma(fma(polynomial(g.r, q), g.r, one), g.r, one);
    return p * from_exponent_field(g.shifted);
}

FG_INLINE Vec<float> pow_positive(Vec<float> x, Vec<float> y) {
    const Widened a = widen(x), b = widen(y);
    return narrow({pow_for_float(a.first, b.first), pow_for_float(a.second, b.second)});
}

// log x as a sum of two doubles, off by less than 2^-63 of itself.
FG_INLINE TwoParts long_log(Vec<double> x) {
    // log m = 2 artanh s = 2 s + s z (2/3 + z t(z)), z = s^2 <= 0.02944: degree 6, 2^-66. s, z and the sums in two
    // parts.
    constexpr double t[] = {0.40000000000002256, 0.2857142857009935,  0.22222222519959212, 0.18181784364240383,
                            0.15386757452825969, 0.13256815130369773, 0.13196351327851705};
    const Vec<double> one(1.0), two(2.0), half(0.5);
    MantissaExponent<double> e = split_exponent(x);
    const Mask<double> upper = e.m > Vec<double>(1.4142135623730951);  // smaller |s| needs fewer digits below
    e.m = select(upper, half * e.m, e.m);
    e.k = select(upper, e.k + one, e.k);

    const Vec<double> f = e.m - one;
    const TwoParts d = exact_sum(two, f);
    const Vec<double> inverse = one / d.high;
    const Vec<double> s = f * inverse;
    const TwoParts back = exact_product(s, d.high);
    const Vec<double> s_low = ((f - back.high) - back.low - s * d.low) * inverse;

    TwoParts z = exact_product(s, s);
    z.low = fma(two * s, s_low, z.low);
    TwoParts series = exact_sum(Vec<double>(0.66666666666666663), z.high * polynomial(z.high, t));
    series.low = series.low + Vec<double>(3.7007434154171883e-17);
    TwoParts a = exact_product(z.high, series.high);
    a.low = fma(z.high, series.low, fma(z.low, series.high, a.low));
    TwoParts b = exact_product(s, a.high);
    b.low = fma(s, a.low, fma(s_low, a.high, b.low));

    const TwoParts c = exact_sum(e.k * Vec<double>(Ln2<double>::high), s + s);
    const TwoParts g = exact_sum(c.high, b.high);
    const Vec<double> low = c.low + g.low + (fma(e.k, Vec<double>(Ln2<double>::low), s_low + s_low) + b.low);
    return exact_sum(g.high, low);
}

FG_INLINE Vec<double> pow_positive(Vec<double> x, Vec<double> y) {
    using R = ExpRange<double>;
    const Vec<double> zero(0.0), limit(0x1p+990);
    // exact_product's limit; every power but that of 1 is 0 or infinite long before.
    if constexpr (!has_fma) y = lower(limit, higher(-limit, y));
    const TwoParts l = long_log(x);
    TwoParts p = exact_product(y, l.high);
    p.low = fma(y, l.low, p.low);
    const Vec<double> held = lower(Vec<double>(R::highest), higher(Vec<double>(R::lowest), p.high));
    const Vec<double> low = select(held == p.high, p.low, zero);
    return exp_of_sum(held, low);
}

// C99's table: what pow_positive(|x|, y) cannot know.
template <class T> FG_INLINE Vec<T> pow(Vec<T> x, Vec<T> y) {
    using F = Format<T>;
    const Vec<T> zero(T(0)), one(T(1)), half(T(0.5)), infinity(F::infinity), nan(F::nan);
    const Vec<T> a = abs(x), b = abs(y);
    Vec<T> r = pow_positive(a, y);
    const Mask<T> extreme = (a == zero) | (a == infinity) | (b == infinity);
    r = select(extreme, select((a > one) ^ (y > zero), zero, infinity), r);
    r = select(is_nan(x) | is_nan(y), nan, r);

    // Below 2^mantissa_bits adding that much rounds to an integer; above it all are, above twice that even ones.
    const Vec<T> step(power_of_two<T, F::mantissa_bits>);
    const Vec<T> h = half * lower(b, step + step);
    const Mask<T> is_integer = (b >= step) | ((b + step) - step == b);
    const Mask<T> half_is_integer = (h + step) - step == h;
    const Mask<T> odd = is_integer & !half_is_integer;
    r = select((x < zero) & (a < infinity) & !is_integer, nan, r);
    r = flip_sign(r, sign_bits(x) & (typename VecTraits<T>::words)odd.b);
    return select((y == zero) | (x == one) | ((a == one) & (b == infinity)), one, r);
}

}  // namespace
}  // namespace fg::kernels
