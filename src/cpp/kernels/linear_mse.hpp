// Mean squared error of a linear model: the sums for value and gradient from one read of X.
//
// Sixteen rows at a time: their residuals, then, while the rows are in L1, their part of the gradient. Row dot products
// are those of gemm/column.hpp. In a group, row i belongs to chain i % 4; the four chains are joined, groups are added
// up in blocks of 64 and blocks joined pairwise: an order that n alone fixes.
#pragma once

#include "kernels/gemm/column.hpp"
#include "kernels/reduce.hpp"

namespace fg::kernels {
namespace {

constexpr int64_t mse_group = 16, mse_block = 64 * mse_group;  // rows

// The sums over some rows: weights (d, filled up to whole vectors), then sixteen lanes of squares and of residuals.
FG_INLINE int64_t mse_gradient_size(int64_t d) { return round_up(d, 16); }
FG_INLINE int64_t mse_sums_size(int64_t d) { return mse_gradient_size(d) + 32; }

template <class T> int64_t linear_mse_scratch(int64_t n, int64_t d) {
    int64_t levels = 1;
    for (int64_t blocks = (n + mse_block - 1) / mse_block; blocks > 0; blocks /= 2) ++levels;
    return levels * mse_sums_size(d) * int64_t(sizeof(T));
}

// These are out of line: with everything in one function, compilers keep the addresses of all sixteen rows in memory,
// and fetching those takes as long as the arithmetic.

// residual[r] = x_r w + bias - y_r for sixteen rows.
template <class T>
FG_OUT_OF_LINE void residuals(int64_t d, const T* x, int64_t x_row, const T* y, const T* w, T bias, T* residual) {
    constexpr int width = Vec<T>::size;
    for (int64_t r = 0; r < mse_group; r += width)
        (dot_many(d, FirstOfSixteen<T>(int(d % 16)), x + r * x_row, x_row, w) + Vec<T>(bias) - Vec<T>::load(y + r))
            .store(residual + r);
}

// The same for any count <= 16 of rows and any d; zero for the other rows.
template <class T> FG_OUT_OF_LINE void any_residuals(int64_t count, int64_t d, const T* x, int64_t x_row, const T* y,
                                                     const T* w, T bias, T* residual) {
    Sixteen<T>::of(T(0)).store(residual);
    for (int64_t r = 0; r < count; ++r) residual[r] = dot_row(d, x + r * x_row, w) + bias - y[r];
}

// gradient += x^T residual over `count` rows, for N vectors of columns, each as wide as `lanes`; fetches the numbers
// from `ahead` on, as many as it reads.
template <class T, int N, bool full, class Lanes>
FG_OUT_OF_LINE void add_gradient(int64_t given, const T* x, int64_t x_row, const T* residual, Lanes lanes, T* gradient,
                                 const T* ahead) {
    constexpr int width = Vec<T>::size;
    const int64_t count = full ? mse_group : given;
    Vec<T> sum[4][N];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q)
#pragma GCC unroll 4
        for (int j = 0; j < N; ++j) sum[q][j] = Vec<T>(T(0));
    for (int64_t r = 0; r < count; r += 4, x += 4 * x_row)
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) {
            if (!full && r + q >= count) break;
            const Vec<T> factor(residual[r + q]);
#pragma GCC unroll 4
            for (int j = 0; j < N; ++j) {
                const T* const p = x + q * x_row + j * width;
                sum[q][j] = fma(factor, lanes.load(p), sum[q][j]);
                if (full && j * vector_bytes % 64 == 0) __builtin_prefetch(ahead + ((r + q) * N + j) * width);
            }
        }
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) {
        T* const to = gradient + j * width;
        (Vec<T>::load(to) + ((sum[0][j] + sum[1][j]) + (sum[2][j] + sum[3][j]))).store(to);
    }
}

template <bool full, class T>
FG_INLINE void add_gradients(int64_t count, int64_t d, const T* x, int64_t x_row, const T* residual, T* gradient) {
    constexpr int width = Vec<T>::size;
    const int64_t whole = d / width * width;
    int64_t j = 0;
    // The next group is fetched now, when nothing else is read, in the order of its addresses. On a Zen 3 core, float64
    // is read at 75 to 100 % of read bandwidth so; where each strip of columns fetches its own part, 55 to 65 %.
    const T* const next = x + mse_group * x_row;
    for (; j + 2 * width <= whole; j += 2 * width)
        add_gradient<T, 2, full>(count, x + j, x_row, residual, AllLanes<T>{}, gradient + j, next + mse_group * j);
    if (j < whole)
        add_gradient<T, 1, full>(count, x + j, x_row, residual, AllLanes<T>{}, gradient + j, next + mse_group * j);
    if (whole < d)
        add_gradient<T, 1, full>(count, x + whole, x_row, residual, FirstLanes<T>(int(d - whole)), gradient + whole,
                                 next + mse_group * whole);
}

// to += from, `count` numbers, a multiple of 16.
template <class T> FG_INLINE void add_to(int64_t count, T* to, const T* from) {
    for (int64_t i = 0; i < count; i += 16) (Sixteen<T>::load(from + i) + Sixteen<T>::load(to + i)).store(to + i);
}

// The sums over n <= mse_block rows.
template <class T>
void mse_block_sums(int64_t n, int64_t d, const T* x, int64_t x_row, const T* y, const T* w, T bias, T* sums) {
    constexpr int width = Vec<T>::size;
    const int64_t size = mse_gradient_size(d);
    for (int64_t i = 0; i < mse_sums_size(d); i += width) Vec<T>(T(0)).store(sums + i);
    Sixteen<T> squares = Sixteen<T>::of(T(0)), total = squares;
    for (int64_t i = 0; i < n; i += mse_group) {
        const int64_t count = smaller(mse_group, n - i);
        const T* const rows = x + i * x_row;
        T residual[mse_group];
        if (count == mse_group && d <= column_depth) residuals(d, rows, x_row, y + i, w, bias, residual);
        else any_residuals(count, d, rows, x_row, y + i, w, bias, residual);
        const Sixteen<T> r = Sixteen<T>::load(residual);
        squares = fma(r, r, squares);
        total = total + r;
        if (count == mse_group) add_gradients<true>(count, d, rows, x_row, residual, sums);
        else add_gradients<false>(count, d, rows, x_row, residual, sums);
    }
    squares.store(sums + size);
    total.store(sums + size + 16);
}

template <class T> void linear_mse(int64_t n, int64_t d, const T* x, int64_t x_row, const T* y, const T* w, T bias,
                                   T* loss_sum, T* grad_w, T* grad_b, void* scratch) {
    const int64_t size = mse_sums_size(d), blocks = (n + mse_block - 1) / mse_block;
    T *const sums = static_cast<T*>(scratch), *const levels = sums + size;
    for (int64_t i = 0; i < blocks; ++i) {
        const int64_t begin = i * mse_block;
        mse_block_sums(smaller(mse_block, n - begin), d, x + begin * x_row, x_row, y + begin, w, bias, sums);
        const int carried = carries(i);
        for (int l = 0; l < carried; ++l) add_to(size, sums, levels + l * size);
        memcpy(levels + carried * size, sums, size_t(size) * sizeof(T));
    }
    bool any = false;
    for (int l = 0; blocks >> l; ++l) {
        if (!(blocks >> l & 1)) continue;
        if (any) add_to(size, sums, levels + l * size);
        else memcpy(sums, levels + l * size, size_t(size) * sizeof(T));
        any = true;
    }
    if (!any) memset(sums, 0, size_t(size) * sizeof(T));
    memcpy(grad_w, sums, size_t(d) * sizeof(T));
    *loss_sum = tree<JoinSum>(Sixteen<T>::load(sums + size - 32));
    *grad_b = tree<JoinSum>(Sixteen<T>::load(sums + size - 16));
}

}  // namespace
}  // namespace fg::kernels
