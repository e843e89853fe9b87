// One row times a matrix (m == 1): the matrix is read once, some of its rows side by side, and the sums of a strip of
// columns stay in the first cache. Every element is the same chain as in a tile, hence the same bits.
#pragma once

#include "kernels/first_lanes.hpp"

namespace fg::kernels {
namespace {

constexpr int64_t row_strip = 1024;  // columns whose sums are held between two visits

// sums (n) = or += a (K) @ b (K, n), continuing each element's chain.
template <class T, int K>
FG_INLINE void add_rows(int64_t n, const T* a, int64_t a_step, const T* b, int64_t b_row, bool fresh, T* sums) {
    constexpr int lanes = Vec<T>::size;
    Vec<T> y[K];
#pragma GCC unroll 8
    for (int i = 0; i < K; ++i) y[i] = Vec<T>(a[i * a_step]);
    const Vec<T> zero(T(0));
    int64_t j = 0;
    for (; j + lanes <= n; j += lanes) {
        Vec<T> sum = fresh ? zero : Vec<T>::load(sums + j);
#pragma GCC unroll 8
        for (int i = 0; i < K; ++i) sum = fma(y[i], Vec<T>::load(b + i * b_row + j), sum);
        sum.store(sums + j);
    }
    if (j == n) return;
    const FirstLanes<T> rest(int(n - j));
    Vec<T> sum = fresh ? zero : rest.load(sums + j);
#pragma GCC unroll 8
    for (int i = 0; i < K; ++i) sum = fma(y[i], rest.load(b + i * b_row + j), sum);
    rest.store(sums + j, sum);
}

// c (1, n) = a (1, k) @ b (k, n) with the columns of b side by side, in blocks of `depth` k.
template <class T> FG_OUT_OF_LINE void row_product(int64_t n, int64_t k, int64_t depth, const T* a, int64_t a_step,
                                                   const T* b, int64_t b_row, T* c) {
    constexpr int lanes = Vec<T>::size;
    T sums[row_strip];
    for (int64_t j = 0; j < n; j += row_strip) {
        const int64_t columns = smaller(row_strip, n - j);
        for (int64_t begin = 0; begin < k; begin += depth) {
            const int64_t end = smaller(k, begin + depth);
            T* const to = begin == 0 ? c + j : sums;
            int64_t i = begin;
            for (; i + 8 <= end; i += 8)
                add_rows<T, 8>(columns, a + i * a_step, a_step, b + i * b_row + j, b_row, i == begin, to);
            for (; i < end; ++i)
                add_rows<T, 1>(columns, a + i * a_step, a_step, b + i * b_row + j, b_row, i == begin, to);
            if (begin == 0) continue;
            int64_t at = 0;
            for (; at + lanes <= columns; at += lanes)
                (Vec<T>::load(c + j + at) + Vec<T>::load(sums + at)).store(c + j + at);
            if (at < columns) {
                const FirstLanes<T> rest(int(columns - at));
                rest.store(c + j + at, rest.load(c + j + at) + rest.load(sums + at));
            }
        }
    }
}

}  // namespace
}  // namespace fg::kernels
