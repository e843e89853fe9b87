// The register tile of the matrix product: rows by vectors of C, one chain of fused multiply-adds for each element.
#pragma once

#include "kernels/first_lanes.hpp"
#include "kernels/table.hpp"

namespace fg::kernels {
namespace {

// The most rows of a tile that is so many vectors wide: all sums in registers, and at least 8 of them, to hide the
// latency of the fused multiply-add. 4 rows of 3 vectors take fewer instructions than 6 of 2, which counts where two
// threads share a core, but more of L1: `lean_vectors` are for a B that does not stay near.
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr int tile_vectors = 4, lean_vectors = 4, rows_by_vectors[] = {8, 8, 8, 6};  // 24 of 32 registers
#elif defined(__AVX2__)
constexpr int tile_vectors = 3, lean_vectors = 2, rows_by_vectors[] = {8, 6, 4};  // 12 of 16
#else
constexpr int tile_vectors = 2, lean_vectors = 2, rows_by_vectors[] = {8, 6};
#endif
constexpr int tile_rows = 8;  // of any tile

// c (R rows of NV vectors) = or += a (R, k) @ b (k, NV vectors).
template <class T, int R, int NV, bool adjacent, bool ragged>
void tile(int64_t k, const Rows<T>& a, const Panel<T>& b, T* c, int64_t ldc, bool add) {
    constexpr int lanes = Vec<T>::size;
    const FirstLanes<T> last(b.last);
    Vec<T> sum[R][NV];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sum[r][v] = Vec<T>(T(0));

    // C is next touched when the chains end: long ones give it time to arrive.
    if (k >= 64)
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) __builtin_prefetch(c + r * ldc + v * lanes, 1);

    const T* row[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) row[r] = a.p + r * (adjacent ? 1 : a.row);
    const T* pb = b.p;
    const int64_t a_step = a.step, b_step = b.step;
#pragma GCC unroll 2
    for (int64_t i = 0, ia = 0; i < k; ++i, ia += a_step, pb += b_step) {
        Vec<T> x[NV];
#pragma GCC unroll 4
        for (int v = 0; v < NV - 1; ++v) x[v] = Vec<T>::load(pb + v * lanes);
        x[NV - 1] = ragged && has_masked_loads ? last.load(pb + (NV - 1) * lanes) : Vec<T>::load(pb + (NV - 1) * lanes);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const Vec<T> y(row[r][ia]);
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) sum[r][v] = fma(y, x[v], sum[r][v]);
        }
    }

    // Apart from storing: in one loop, compilers wrote the whole of it twice, with adding and without.
    if (add) {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const T* const from = c + r * ldc;
#pragma GCC unroll 4
            for (int v = 0; v < NV - 1; ++v) sum[r][v] = Vec<T>::load(from + v * lanes) + sum[r][v];
            const T* const end = from + (NV - 1) * lanes;
            sum[r][NV - 1] = (ragged ? last.load(end) : Vec<T>::load(end)) + sum[r][NV - 1];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
        T* const to = c + r * ldc;
#pragma GCC unroll 4
        for (int v = 0; v < NV - 1; ++v) sum[r][v].store(to + v * lanes);
        if (ragged) last.store(to + (NV - 1) * lanes, sum[r][NV - 1]);
        else sum[r][NV - 1].store(to + (NV - 1) * lanes);
    }
}

}  // namespace
}  // namespace fg::kernels
