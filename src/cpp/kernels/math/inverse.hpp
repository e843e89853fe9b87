// arcsin, arccos, arctan and arctan2: the argument brought to at most 1/2, and one polynomial for each pair.
#pragma once

#include "kernels/math/pieces.hpp"

namespace fg::kernels {
namespace {

// Multiples of pi in two parts, by quarters.
template <class T> struct QuartersOfPi;
template <> struct QuartersOfPi<float> {
    static constexpr float high[] = {0.0f, 0.785398185f, 1.57079637f, 2.3561945f, 3.14159274f};
    static constexpr float low[] = {0.0f, -2.18556941e-08f, -4.37113883e-08f, -5.96244032e-09f, -8.74227766e-08f};
};
template <> struct QuartersOfPi<double> {
    static constexpr double high[] = {0.0, 0.78539816339744828, 1.5707963267948966, 2.3561944901923448,
                                      3.1415926535897931};
    static constexpr double low[] = {0.0, 3.061616997868383e-17, 6.123233995736766e-17, 9.1848509936051484e-17,
                                     1.2246467991473532e-16};
};

// arcsin s = s + s^3 p(s^2) and arctan t = t + t^3 q(t^2), both up to 1/2.
template <class T> struct InversePolynomial;
template <> struct InversePolynomial<float> {  // degree 4: 2^-27.4 and 2^-26.8
    static constexpr float p[] = {0.166667521f, 0.0749529749f, 0.045470383f, 0.0241794828f, 0.0421663597f};
    static constexpr float q[] = {-0.33333233f, 0.199942261f, -0.141750097f, 0.10160014f, -0.0513259619f};
};
template <> struct InversePolynomial<double> {  // degree 11: 2^-55.8; degree 12: 2^-56.9
    static constexpr double p[] = {0.16666666666665408,  0.075000000003370162,  0.044642856828324598,
                                   0.030381959137123139, 0.02237175804752168,   0.017359704789576481,
                                   0.013885235397770663, 0.01216921086247431,   0.0065279834116208114,
                                   0.019528231757844915, -0.016224185737713819, 0.031912215653101851};
    static constexpr double q[] = {-0.33333333333333315,  0.19999999999993268,   -0.14285714284960965,
                                   0.11111111068563635,   -0.090909076697379632, 0.07692277079721932,
                                   -0.066662190023571544, 0.058777713757574665,  -0.052298201014099002,
                                   0.045887500523817626,  -0.037102482042776143, 0.023633016426482321,
                                   -0.0083525242646692831};
};

// arcsin a = s + tail, and for a above 1/2 the arccosine of a is 2 (s + tail): there s = sqrt((1 - a) / 2), and what
// the root rounded away is in the tail.
template <class T> struct ArcsinParts {
    Mask<T> upper;
    Vec<T> s, tail;
};

template <class T> FG_INLINE ArcsinParts<T> arcsin_parts(Vec<T> a) {
    const Vec<T> one(T(1)), half(T(0.5));
    const Mask<T> upper = a > half;
    const Vec<T> z = select(upper, half * (one - a), a * a);
    const Vec<T> s = select(upper, sqrt(z), a);
    const Parts<T> back = exact_product(s, s);
    const Vec<T> lost = ((z - back.high) - back.low) / (s + s + Vec<T>(Format<T>::min_normal));  // s may be 0
    return {upper, s, fma(s * z, polynomial(z, InversePolynomial<T>::p), select(upper, lost, Vec<T>(T(0))))};
}

template <class T> FG_INLINE Vec<T> arcsin(Vec<T> x) {
    using Q = QuartersOfPi<T>;
    const ArcsinParts<T> e = arcsin_parts(abs(x));
    const Parts<T> rest = exact_sum(Vec<T>(Q::high[2]), -(e.s + e.s));
    const Vec<T> above = rest.high + (rest.low + (Vec<T>(Q::low[2]) - (e.tail + e.tail)));
    return give_sign(select(e.upper, above, e.s + e.tail), x);
}

template <class T> FG_INLINE Vec<T> arccos(Vec<T> x) {
    using Q = QuartersOfPi<T>;
    const ArcsinParts<T> e = arcsin_parts(abs(x));
    const Vec<T> zero(T(0));
    const Mask<T> negative = x < zero;
    // 2 (s + tail), pi - 2 (s + tail), or pi/2 - x.
    const auto sign = sign_bits(x) ^ sign_bits(select(e.upper, zero, -Vec<T>(T(1))));
    const Vec<T> s = flip_sign(select(e.upper, e.s + e.s, e.s), sign);
    const Vec<T> tail = flip_sign(select(e.upper, e.tail + e.tail, e.tail), sign);
    const Vec<T> start = select(e.upper, select(negative, Vec<T>(Q::high[4]), zero), Vec<T>(Q::high[2]));
    const Vec<T> low = select(e.upper, select(negative, Vec<T>(Q::low[4]), zero), Vec<T>(Q::low[2]));
    const Parts<T> sum = exact_sum(start, s);
    return sum.high + (sum.low + (low + tail));
}

// The angle whose tangent is part / whole, 0 <= part <= whole and whole above 0; counted down from a quarter of a turn
// where `swapped`, and then from half a turn where `negative`.
template <class T> FG_INLINE Vec<T> angle(Vec<T> part, Vec<T> whole, Mask<T> swapped, Mask<T> negative) {
    using Q = QuartersOfPi<T>;
    const auto quarters = [](int i) { return Parts<T>{Vec<T>(Q::high[i]), Vec<T>(Q::low[i])}; };
    const auto choose = [](Mask<T> m, Parts<T> a, Parts<T> b) {
        return Parts<T>{select(m, a.high, b.high), select(m, a.low, b.low)};
    };
    // Above 1/2 the tangent of the angle's distance to pi/4, with an exact numerator.
    const Mask<T> upper = part + part > whole;
    const Vec<T> t = select(upper, part - whole, part) / select(upper, part + whole, whole);
    const Parts<T> start = choose(upper, choose(negative, quarters(3), quarters(1)),
                                  choose(swapped, quarters(2), choose(negative, quarters(4), quarters(0))));
    const Vec<T> zero(T(0));
    const auto sign = sign_bits(select(swapped ^ negative, -zero, zero));
    const Vec<T> z = t * t;
    const Vec<T> tail = flip_sign(t * z * polynomial(z, InversePolynomial<T>::q), sign);
    const Parts<T> sum = exact_sum(start.high, flip_sign(t, sign));
    return sum.high + (sum.low + (start.low + tail));
}

template <class T> FG_INLINE Vec<T> arctan(Vec<T> x) {
    const Vec<T> a = abs(x), one(T(1));
    const Mask<T> swapped = a > one, never = one < one;
    return give_sign(angle(select(swapped, one, a), select(swapped, a, one), swapped, never), x);
}

template <class T> FG_INLINE Vec<T> arctan2(Vec<T> y, Vec<T> x) {
    using F = Format<T>;
    const Vec<T> zero(T(0)), one(T(1)), infinity(F::infinity), b = abs(y), a = abs(x);
    const Mask<T> swapped = b > a;
    Vec<T> whole = select(swapped, b, a), part = select(swapped, a, b);
    const Mask<T> infinite = whole == infinity;
    part = select(infinite, select(part == infinity, one, zero), part);
    whole = select(infinite | (whole == zero), one, whole);
    // So that their sum stays finite.
    const Vec<T> scale = select(whole > Vec<T>(power_of_two<T, F::exponent_bias - 2>), Vec<T>(T(0.25)), one);
    const Vec<T> s = from_words<T>(sign_bits(x) | to_words(one));
    const Vec<T> r = angle(part * scale, whole * scale, swapped, s < zero);
    return give_sign(select(is_nan(x) | is_nan(y), Vec<T>(F::nan), r), y);
}

}  // namespace
}  // namespace fg::kernels
