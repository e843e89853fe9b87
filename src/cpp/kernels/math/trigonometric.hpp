// sin, cos and tan: x = q pi/2 + r, and one polynomial for each; arguments too large for that are reduced lane by lane.
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

// sin(q pi/2 + r + r_low), q in the two lowest bits of each word.
template <class T> FG_INLINE Vec<T> sin_of_rest(Vec<T> r, Vec<T> r_low, typename VecTraits<T>::words q) {
    const Vec<T> one(T(1));
    const Vec<T> z = r * r;
    const Vec<T> sine = r + fma(z * r, polynomial(z, TrigPolynomial<T>::s), r_low);
    const Vec<T> cosine = fma(z * z, polynomial(z, TrigPolynomial<T>::c), fma(z, Vec<T>(T(-0.5)), one));
    const Vec<T> y = select(is_odd<T>(q), cosine, sine);
    return flip_sign(y, (q << (8 * sizeof(T) - 2)) & Format<T>::sign);  // the second bit: the half of the circle
}

// tan(q pi/2 + r + r_low): sine over cosine, each with what its last addition rounded away.
template <class T> FG_INLINE Vec<T> tan_of_rest(Vec<T> r, Vec<T> r_low, typename VecTraits<T>::words q) {
    const Vec<T> one(T(1)), half(T(0.5));
    const Parts<T> z = exact_product(r, r);
    const Parts<T> sine = exact_sum(r, fma(z.high * r, polynomial(z.high, TrigPolynomial<T>::s), r_low));
    const Vec<T> below_one = fma(z.high * z.high, polynomial(z.high, TrigPolynomial<T>::c), -(half * z.high));
    Parts<T> cosine = exact_sum(one, below_one);
    cosine.low = cosine.low - fma(r, r_low, half * z.low);
    const Mask<T> odd = is_odd<T>(q);  // tan(x + pi/2) = -1 / tan x
    const Parts<T> above = {select(odd, -cosine.high, sine.high), select(odd, -cosine.low, sine.low)};
    const Parts<T> below = {select(odd, sine.high, cosine.high), select(odd, sine.low, cosine.low)};
    const Vec<T> inverse = one / below.high, y = above.high * inverse;
    const Parts<T> back = exact_product(y, below.high);
    const Vec<T> missing = ((above.high - back.high) - back.low) + (above.low - y * below.low);
    return fma(missing, inverse, y);
}

// x = q pi/2 + r + r_low for |x| <= limit; the low bits of `shifted` hold q + quarter.
template <class T> struct QuarterReduced { Vec<T> r, r_low, shifted; };

template <class T> FG_INLINE QuarterReduced<T> reduce_by_quarters(Vec<T> x, int quarter) {
    using P = HalfPi<T>;
    const Vec<T> magic(Format<T>::round_magic + T(quarter));
    const Vec<T> shifted = fma(x, Vec<T>(P::inverse), magic);
    const Vec<T> q = shifted - magic;

    // high is exact; r + r_low is x - q pi/2 to twice the precision near the zeros.
    Vec<T> high = fma(q, Vec<T>(-P::first), x);
    if constexpr (!has_fma) high = fma(q, Vec<T>(-P::second), high);
    const Vec<T> next = q * Vec<T>(P::third);
    const Vec<T> r = high - next;
    Vec<T> rest = q * Vec<T>(P::fourth);
    if constexpr (has_fma) rest = fma(q, Vec<T>(P::fourth), fma(q, Vec<T>(P::third), -next));
    return {r, ((high - r) - next) - rest, shifted};
}

// sin(x + quarter pi/2) for |x| <= limit.
template <class T> FG_INLINE Vec<T> sin_of_quarters(Vec<T> x, int quarter) {
    const QuarterReduced<T> e = reduce_by_quarters(x, quarter);
    return sin_of_rest(e.r, e.r_low, to_words(e.shifted));
}

// 2/pi: a word of zeros, then its bits after the point.
constexpr uint64_t two_over_pi[] = {
    0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41,
    0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7,
    0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
};

// In place of a quarter: the tangent.
constexpr int tangent = -1;

// sin(x + quarter pi/2), or tan x, for |x| > 4096, after Payne and Hanek, "Radian reduction for trigonometric
// functions", 1983: of the product x 2/pi only the bits from the quarters of a turn downwards are computed, 192 of
// them. At most 62 are lost where a double comes closest to a multiple of pi/2.
__attribute__((noinline, cold)) double sin_of_large(double x, int quarter) {
    __extension__ typedef unsigned __int128 Product;
    using F = Format<double>;
    uint64_t pattern;
    memcpy(&pattern, &x, sizeof pattern);
    const int exponent = int(pattern >> F::mantissa_bits & 0x7ff);
    if (exponent == 0x7ff) return x - x;
    const uint64_t m = (pattern & F::mantissa) | (uint64_t(1) << F::mantissa_bits);

    // x 2/pi / 4 = m (2/pi) 2^(exponent - 1077): the words that follow the point of all but m.
    const int start = exponent - 1077 + 64, shift = start % 64;
    const uint64_t* const from = two_over_pi + start / 64;
    uint64_t w[3];
    for (int k = 0; k < 3; ++k) w[k] = shift ? from[k] << shift | from[k + 1] >> (64 - shift) : from[k];
    Product p = 0;
    for (int k = 2; k >= 0; --k) {
        p = Product(m) * w[k] + (p >> 64);
        w[k] = uint64_t(p);
    }

    // Two bits are the nearest quarter, the others what is left: w / 2^190 quarters, between -1/2 and 1/2.
    const uint64_t quarters = (w[0] + (uint64_t(1) << 61)) >> 62;
    w[0] -= quarters << 62;
    const bool below = w[0] >> 63;
    if (below) {
        w[2] = 0 - w[2];
        w[1] = ~w[1] + (w[2] == 0);
        w[0] = ~w[0] + (w[1] == 0 && w[2] == 0);
    }
    double part[6], scale = 0x1p-30;  // 32 bits each
    for (int k = 0; k < 6; ++k, scale *= 0x1p-32) part[k] = double(uint32_t(w[k / 2] >> (k % 2 ? 0 : 32))) * scale;
    double high = 0, low = 0;
    for (int k = 5; k >= 0; --k) high += part[k];
    for (int k = 0; k < 6; ++k) low += k ? part[k] : part[0] - high;

    const TwoParts product = exact_product(Vec<double>(high), Vec<double>(0x1.921fb54442d18p+0));
    const Vec<double> rest = product.low + Vec<double>(high * 0x1.1a62633145c07p-54 + low * 0x1.921fb54442d18p+0);
    const TwoParts r = exact_sum(product.high, rest);
    const Vec<double> sign(below == (x < 0) ? 1.0 : -1.0);
    const uint64_t turns = x < 0 ? 0 - quarters : quarters;
    if (quarter == tangent) return tan_of_rest(sign * r.high, sign * r.low, VecTraits<double>::words{} + turns).v[0];
    return sin_of_rest(sign * r.high, sign * r.low, VecTraits<double>::words{} + (turns + uint64_t(quarter))).v[0];
}

template <class T> __attribute__((noinline, cold)) void replace_large(const T* x, int quarter, T* y) {
    for (int i = 0; i < Vec<T>::size; ++i)
        if (!(__builtin_fabs(x[i]) <= HalfPi<T>::limit)) y[i] = T(sin_of_large(x[i], quarter));
}

template <class T> FG_INLINE Vec<T> with_large(Vec<T> x, int quarter, Vec<T> y) {
    if (__builtin_expect(any(abs(x) > Vec<T>(HalfPi<T>::limit)), 0)) {
        T in[Vec<T>::size], out[Vec<T>::size];
        x.store(in);
        y.store(out);
        replace_large(in, quarter, out);
        y = Vec<T>::load(out);
    }
    return y;
}

template <class T> FG_INLINE Vec<T> sin(Vec<T> x) {
    return with_large(x, 0, flip_sign(sin_of_quarters(abs(x), 0), sign_bits(x)));
}

template <class T> FG_INLINE Vec<T> cos(Vec<T> x) { return with_large(x, 1, sin_of_quarters(x, 1)); }

template <class T> FG_INLINE Vec<T> tan(Vec<T> x) {
    const QuarterReduced<T> e = reduce_by_quarters(abs(x), 0);
    return with_large(x, tangent, flip_sign(tan_of_rest(e.r, e.r_low, to_words(e.shifted)), sign_bits(x)));
}

}  // namespace
}  // namespace fg::kernels
