// cbrt and hypot.
#pragma once

#include "kernels/math/logarithm.hpp"

namespace fg::kernels {
namespace {

template <class T> FG_INLINE Vec<T> cbrt(Vec<T> x) {
    // m^(-1/3) on [0.75, 1.5): degree 5, 2^-17.4; for floats degree 3, 2^-11.9.
    constexpr T five[] = {T(1.9603075625215729),  T(-2.2981829720297418), T(2.433710912790719),
                          T(-1.5598068479424942), T(0.54290554060206297), T(-0.078935756763897566)};
    constexpr T three[] = {T(1.6970662863600385), T(-1.1886356630732626), T(0.62175466218047903),
                           T(-0.13028189826483894)};
    const Vec<T> one(T(1)), half(T(0.5)), two(T(2)), third(T(1) / 3);
    const MantissaExponent<T> e = split_exponent(abs(x));
    // x = m 2^(3 j + i), i from -1 to 1.
    const Vec<T> magic(Format<T>::round_magic + T(Format<T>::exponent_bias));
    const Vec<T> shifted = fma(e.k, third, magic);
    const Vec<T> i = e.k - Vec<T>(T(3)) * (shifted - magic);
    const Mask<T> above = i > half, below = i < -half;
    const Vec<T> m = e.m * select(above, two, select(below, half, one));
    const Vec<T> root_of_two(T(1.2599210498948732)), inverse_root(T(0.79370052598409974));
    // Of m to the power of -1/3: with y^3 m = 1 - d, y (1 + d/3 + 2 d^2/9) is right to d^3.
    Vec<T> y = select(above, inverse_root, select(below, root_of_two, one));
    if constexpr (sizeof(T) == 8) y = y * polynomial(e.m, five);
    else y = y * polynomial(e.m, three);
    const Vec<T> d = one - m * y * (y * y);
    y = fma(y * d, fma(d, Vec<T>(T(2) / 9), third), y);
    const Vec<T> square = y * y, c = m * square;
    // A step of Newton's method from what c^3 is short of m.
    const Parts<T> p = exact_product(c, c), q = exact_product(p.high, c);
    const Vec<T> missing = ((m - q.high) - q.low) - p.low * c;
    const Vec<T> r = fma(missing * third, square, c) * from_exponent_field(shifted);
    const Mask<T> usual = (x - x == Vec<T>(T(0))) & (x != Vec<T>(T(0)));
    return select(usual, give_sign(r, x), x);
}

template <class T> FG_INLINE Vec<T> hypot(Vec<T> x, Vec<T> y) {
    constexpr bool single = sizeof(T) == 4;
    constexpr T tall = power_of_two < T, single ? 60 : 500 >, small = power_of_two < T, single ? -50 : -450 > ;
    constexpr T up = power_of_two < T, single ? 100 : 600 >, down = power_of_two < T, single ? -100 : -600 > ;
    const Vec<T> a = abs(x), b = abs(y), one(T(1)), infinity(Format<T>::infinity);
    const Vec<T> larger = maximum(a, b), smaller = minimum(a, b);
    const Mask<T> is_tall = larger > Vec<T>(tall), is_small = larger < Vec<T>(small);
    const Vec<T> scale = select(is_tall, Vec<T>(down), select(is_small, Vec<T>(up), one));
    const Vec<T> back = select(is_tall, Vec<T>(up), select(is_small, Vec<T>(down), one));
    const Vec<T> s = smaller * scale, l = larger * scale;
    return select((a == infinity) | (b == infinity), infinity, sqrt(fma(l, l, s * s)) * back);
}

}  // namespace
}  // namespace fg::kernels
