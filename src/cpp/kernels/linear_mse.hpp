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

// residual[r] = x_r w + bias - y_r for `count` <= 16 rows, zero for the others.
template <class T>
FG_INLINE void residuals(int64_t count, int64_t d, const T* x, int64_t x_row, const T* y, const T* w, T bias, T* residual) {
    constexpr int width = Vec<T>::size, some = width / 2;
    if (count == mse_group) {
        for (int r = 0; r < mse_group; r += width) {
            Sixteen<T> lanes[width];
            dot_rows<T, some>(d, x + r * x_row, x_row, w, lanes);
            dot_rows<T, some>(d, x + (r + some) * x_row, x_row, w, lanes + some);
            (tree_of_rows<JoinSum>(lanes) + Vec<T>(bias) - Vec<T>::load(y + r)).store(residual + r);
        }
        return;
    }
    for (int r = 0; r < mse_group; ++r) {
        residual[r] = 0;
        if (r >= count) continue;
        Sixteen<T> lanes;
        dot_rows<T, 1>(d, x + r * x_row, x_row, w, &lanes);
        residual[r] = tree<JoinSum>(lanes) + bias - y[r];
    }
}

// gradient += x^T residual over `count` rows, for N vectors of columns, the last of them `lanes` wide.
template <class T, int N>
FG_INLINE void add_gradient(int64_t count, const T* x, int64_t x_row, const T* residual, FirstLanes<T> lanes, T* gradient) {
    constexpr int width = Vec<T>::size;
    Vec<T> sum[4][N];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q)
#pragma GCC unroll 4
        for (int j = 0; j < N; ++j) sum[q][j] = Vec<T>(T(0));
    for (int64_t r = 0; r < count; r += 4, x += 4 * x_row)
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) {
            if (r + q >= count) break;
            const Vec<T> factor(residual[r + q]);
#pragma GCC unroll 4
            for (int j = 0; j < N; ++j) {
                const T* const p = x + q * x_row + j * width;
                sum[q][j] = fma(factor, j == N - 1 ? lanes.load(p) : Vec<T>::load(p), sum[q][j]);
            }
        }
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) {
        T* const to = gradient + j * width;
        (Vec<T>::load(to) + ((sum[0][j] + sum[1][j]) + (sum[2][j] + sum[3][j]))).store(to);
    }
}

// to += from, `count` numbers, a multiple of 16.
template <class T> FG_INLINE void add_to(int64_t count, T* to, const T* from) {
    for (int64_t i = 0; i < count; i += 16) (Sixteen<T>::load(from + i) + Sixteen<T>::load(to + i)).store(to + i);
}

// The sums over n <= mse_block rows.
template <class T>
void mse_block_sums(int64_t n, int64_t d, const T* x, int64_t x_row, const T* y, const T* w, T bias, T* sums) {
    constexpr int width = Vec<T>::size;
    const int64_t size = mse_gradient_size(d), vectors = (d + width - 1) / width;
    for (int64_t i = 0; i < mse_sums_size(d); i += width) Vec<T>(T(0)).store(sums + i);
    const FirstLanes<T> all(width), last(int(d - (vectors - 1) * width));
    Sixteen<T> squares = Sixteen<T>::of(T(0)), total = squares;
    for (int64_t i = 0; i < n; i += mse_group) {
        const int64_t count = smaller(mse_group, n - i);
        const T* const rows = x + i * x_row;
        T residual[mse_group];
        residuals(count, d, rows, x_row, y + i, w, bias, residual);
        const Sixteen<T> r = Sixteen<T>::load(residual);
        squares = fma(r, r, squares);
        total = total + r;
        int64_t j = 0;
        for (; j + 2 <= vectors; j += 2)
            add_gradient<T, 2>(count, rows + j * width, x_row, residual, j + 2 == vectors ? last : all, sums + j * width);
        if (j < vectors) add_gradient<T, 1>(count, rows + j * width, x_row, residual, last, sums + j * width);
    }
    squares.store(sums + size);
    total.store(sums + size + 16);
}

template <class T>
void linear_mse(int64_t n, int64_t d, const T* x, int64_t x_row, const T* y, const T* w, T bias, T* loss_sum, T* grad_w,
                T* grad_b, void* scratch) {
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
