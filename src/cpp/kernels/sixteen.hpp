// Sixteen<T>: sixteen logical lanes, whatever the vector width, and the fixed tree that combines them.
//
// Lane i meets lane i + 8, then i + 4, i + 2, i + 1: the same on every level, so sums have the same bits.
#pragma once

#include <utility>

#include "kernels/first_lanes.hpp"

namespace fg::kernels {
namespace {

template <class T> struct Sixteen {
    static constexpr int width = Vec<T>::size, parts = 16 / width;
    Vec<T> v[parts];

    static FG_INLINE Sixteen of(T x) {
        Sixteen s;
#pragma GCC unroll 8
        for (int i = 0; i < parts; ++i) s.v[i] = Vec<T>(x);
        return s;
    }
    static FG_INLINE Sixteen load(const T* p) {
        Sixteen s;
#pragma GCC unroll 8
        for (int i = 0; i < parts; ++i) s.v[i] = Vec<T>::load(p + i * width);
        return s;
    }
    FG_INLINE void store(T* p) const {
#pragma GCC unroll 8
        for (int i = 0; i < parts; ++i) v[i].store(p + i * width);
    }
};

template <class T> FG_INLINE Sixteen<T> operator+(const Sixteen<T>& a, const Sixteen<T>& b) {
    Sixteen<T> s;
#pragma GCC unroll 8
    for (int i = 0; i < Sixteen<T>::parts; ++i) s.v[i] = a.v[i] + b.v[i];
    return s;
}
template <class T> FG_INLINE Sixteen<T> fma(const Sixteen<T>& a, const Sixteen<T>& b, const Sixteen<T>& c) {
    Sixteen<T> s;
#pragma GCC unroll 8
    for (int i = 0; i < Sixteen<T>::parts; ++i) s.v[i] = fma(a.v[i], b.v[i], c.v[i]);
    return s;
}

// Lane p of the result is lane Order::at(p) of a and b laid end to end.
template <class Order, class T, int... P>
FG_INLINE Vec<T> shuffle(Vec<T> a, Vec<T> b, std::integer_sequence<int, P...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a.v, b.v, Order::at(P)...);
#else
    return __builtin_shuffle(a.v, b.v, typename Vec<T>::bits{Order::at(P)...});
#endif
}
template <class Order, class T> FG_INLINE Vec<T> shuffle(Vec<T> a, Vec<T> b) {
    return shuffle<Order>(a, b, std::make_integer_sequence<int, Vec<T>::size>{});
}

// Segments of 2 * half lanes: their lower (or upper) halves, taken from a and b in turn.
template <int half, int width, bool upper> struct Halves {
    static constexpr int at(int p) {
        const int segment = p / half;
        return segment % 2 * width + segment / 2 * (2 * half) + p % half + (upper ? half : 0);
    }
};

struct JoinSum {
    template <class T> static FG_INLINE Vec<T> join(Vec<T> a, Vec<T> b) { return a + b; }
};
struct JoinMax {
    template <class T> static FG_INLINE Vec<T> join(Vec<T> a, Vec<T> b) { return maximum(a, b); }
};

// Joins the parts, so that one vector is left of sixteen lanes.
template <class Op, class T> FG_INLINE Vec<T> fold(const Sixteen<T>& x) {
    Sixteen<T> s = x;
#pragma GCC unroll 4
    for (int half = Sixteen<T>::parts / 2; half > 0; half /= 2)
#pragma GCC unroll 4
        for (int i = 0; i < half; ++i) s.v[i] = Op::join(s.v[i], s.v[i + half]);
    return s.v[0];
}

// Halves the lanes of each row until one is left; count rows go in, row r ends in lane r.
template <class Op, int half, class T> FG_INLINE Vec<T> fold_rows(Vec<T>* rows) {
    constexpr int width = Vec<T>::size;
#pragma GCC unroll 16
    for (int i = 0; i < half; ++i) {
        const Vec<T> lower = shuffle<Halves<half, width, false>>(rows[i], rows[i + half]);
        const Vec<T> upper = shuffle<Halves<half, width, true>>(rows[i], rows[i + half]);
        rows[i] = Op::join(lower, upper);
    }
    if constexpr (half > 1) return fold_rows<Op, half / 2>(rows);
    else return rows[0];
}

// The trees of Vec<T>::size rows at once: lane r is row r's.
template <class Op, class T> FG_INLINE Vec<T> tree_of_rows(const Sixteen<T>* rows) {
    constexpr int width = Vec<T>::size;
    Vec<T> one[width];
#pragma GCC unroll 16
    for (int i = 0; i < width; ++i) one[i] = fold<Op>(rows[i]);
    return fold_rows<Op, width / 2>(one);
}

template <class Op, int half, class T> FG_INLINE T fold_lanes(Vec<T> x) {
    const Vec<T> joined = Op::join(x, shuffle<Halves<half, Vec<T>::size, true>>(x, x));
    if constexpr (half > 1) return fold_lanes<Op, half / 2>(joined);
    else return joined.v[0];
}

// The tree of one row.
template <class Op, class T> FG_INLINE T tree(const Sixteen<T>& x) {
    return fold_lanes<Op, Vec<T>::size / 2>(fold<Op>(x));
}

}  // namespace
}  // namespace fg::kernels
