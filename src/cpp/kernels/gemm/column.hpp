// Matrix times one column (n == 1): sixteen chains of fused multiply-adds over k, joined by a fixed tree.
//
// Lane k % 16 holds the chain over its k within a block of column_depth, the blocks' sums are added in order, and k is
// filled with zeros up to a multiple of 16. Rows of A that are contiguous are read along k, columns that are
// contiguous along m: the same operations on the same lanes, hence the same bits.
#pragma once

#include "kernels/gemm/micro.hpp"
#include "kernels/sixteen.hpp"

namespace fg::kernels {
namespace {

constexpr int64_t column_depth = 4096;             // changes bits
constexpr int64_t column_rows = 1024;              // rows whose sums are held in scratch while columns of A go by
constexpr int64_t column_lane = column_rows + 16;  // from lane to lane of the sums, not all in the same set of L1
constexpr int64_t column_bytes = 32768;            // of an A that stays in L1
// Of A between two visits to the sums of a row. More than L1 holds: a visit reads A only once, but reads and writes the
// sums.
constexpr int64_t visit_bytes = 64 << 10;
// An A of so many bytes or more is not in a near cache: what follows is fetched ahead.
constexpr int64_t column_far_bytes = 512 << 10;

// The lanes of R rows of a (R, k) with contiguous k, k <= column_depth.
template <class T, int R> FG_INLINE void dot_rows(int64_t k, const T* a, int64_t a_row, const T* b, Sixteen<T>* out) {
    const T* row[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
        row[r] = a + r * a_row;
        out[r] = Sixteen<T>::of(T(0));
    }
    int64_t i = 0;
    for (; i + 16 <= k; i += 16) {
        const Sixteen<T> y = Sixteen<T>::load(b + i);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) out[r] = fma(Sixteen<T>::load(row[r] + i), y, out[r]);
    }
    if (i == k) return;
    constexpr int width = Vec<T>::size;
#pragma GCC unroll 8
    for (int part = 0; part < 16 / width; ++part, i += width) {
        if (i >= k) {  // zero times zero is added, which only makes zeros of negative ones
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) out[r].v[part] = out[r].v[part] + Vec<T>(T(0));
            continue;
        }
        const FirstLanes<T> rest(int(smaller(width, k - i)));
        const Vec<T> y = rest.load(b + i);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) out[r].v[part] = fma(rest.load(row[r] + i), y, out[r].v[part]);
    }
}

// One row with any k.
template <class T> FG_INLINE T dot_row(int64_t k, const T* a, const T* b) {
    Sixteen<T> total, sum;
    dot_rows<T, 1>(smaller(k, column_depth), a, 0, b, &total);
    for (int64_t begin = column_depth; begin < k; begin += column_depth) {
        dot_rows<T, 1>(smaller(k - begin, column_depth), a + begin, 0, b + begin, &sum);
        total = total + sum;
    }
    return tree<JoinSum>(total);
}

// Vec<T>::size rows, k <= column_depth. Two halves: eight sums in flight hide the latency.
template <class T> FG_INLINE Vec<T> dot_many(int64_t k, const T* a, int64_t a_row, const T* b) {
    constexpr int width = Vec<T>::size, some = width / 2;
    Vec<T> one[width];
#pragma GCC unroll 2
    for (int first = 0; first < width; first += some) {
        Sixteen<T> lanes[some];
        dot_rows<T, some>(k, a, a_row, b, lanes);
#pragma GCC unroll 8
        for (int r = 0; r < some; ++r) one[first + r] = fold<JoinSum>(lanes[r]);
        a = opaque(a + some * a_row);
    }
    return fold_rows<JoinSum, some>(one);
}

// Some numbers, `apart` from one another. Out of line, lest their places are found where they are side by side.
template <class T> FG_OUT_OF_LINE void put_apart(Vec<T> x, int used, T* c, int64_t apart) {
    for (int r = 0; r < used; ++r) c[r * apart] = x.v[r];
}

// c (m, 1) = a (m, k) @ b (k, 1) with contiguous rows of a that are near.
template <class T> FG_INLINE bool rows_are_near(int64_t m, int64_t a_row) {
    return m * a_row * int64_t(sizeof(T)) < column_far_bytes;
}
template <class T>
FG_WRITTEN_ONCE void near_rows(int64_t m, int64_t k, const T* a, int64_t a_row, const T* b, T* c, int64_t ldc) {
    constexpr int width = Vec<T>::size;
    if (k <= column_depth)
        for (; m >= width; m -= width, a = opaque(a + width * a_row), c += width * ldc) {
            const Vec<T> sums = dot_many(k, a, a_row, b);
            if (ldc == 1) sums.store(c);
            else put_apart(sums, width, c, ldc);
        }
    for (; m > 0; --m, a += a_row, c += ldc) *c = dot_row(k, a, b);
}

// Fetches lines of so many numbers, `apart` from one another, in the order of their addresses, some at a time: rows
// side by side and the strips of add_columns jump over parts of cache lines and over whole ones, which no processor
// foresees.
template <class T> struct Ahead {
    const T* line_begin;
    int64_t apart, size, lines, at = 0;

    FG_INLINE Ahead(const T* begin, int64_t step, int64_t numbers, int64_t count)
        : line_begin(begin), apart(step), size(numbers), lines(count) {
        if (apart != size || lines <= 0) return;
        size *= lines;  // one behind the other: one line
        lines = 1;
    }
    FG_INLINE void fetch(int64_t count) {
        constexpr int64_t step = 64 / int64_t(sizeof(T));
        while (count > 0 && lines > 0) {
            const int64_t end = smaller(at + count, size);
            count -= end - at;
            for (; at < end; at += step) __builtin_prefetch(line_begin + at);
            if (at < size) return;
            at = 0;
            line_begin += apart;
            --lines;
        }
    }
};

// Streams read the same rows twice: multiplied by one column, then as the columns of a sum. Of those that follow, the
// first so many are fetched by the one, the others by the other.
FG_INLINE int64_t fetched_by_rows(int64_t count) { return count * 2 / 5; }

// `following`: of the rows behind these are fetched meanwhile.
template <class T> void column_by_rows(int64_t m, int64_t k, const T* a, int64_t a_row, const T* b, T* c, int64_t ldc,
                                       int64_t following = 0) {
    constexpr int64_t together = 16;  // rows between two times of fetching
    // Masked loads do not make a processor read ahead, nor do some rows read side by side.
    constexpr int64_t line = 64 / int64_t(sizeof(T));
    const int64_t some = Vec<T>::size * a_row, ahead = some < 16 * line ? 16 * line : some;
    const int64_t lines_end = !rows_are_near<T>(m, a_row) && some <= 64 * line ? together * a_row : 0;
    Ahead<T> next(a + m * a_row, a_row, k, following);
    for (int64_t i = 0; i < m; i += together) {
        next.fetch(fetched_by_rows(together * k));
        for (int64_t at = 0; at < lines_end; at += line) __builtin_prefetch(a + i * a_row + ahead + at);
        near_rows(smaller(together, m - i), k, a + i * a_row, a_row, b, c + i * ldc, ldc);
    }
}

// Adds lanes [first, first + L) of NV vectors of rows, the last of them read as `last` says, over whole sixteens of k
// columns of a.
template <class T, int L, int NV, class Lanes> FG_INLINE void add_lanes(int64_t k, const T* a, int64_t a_col,
                                                                        const T* b, const Lanes& last, int first,
                                                                        Vec<T> (&sum)[L][NV]) {
    constexpr int width = Vec<T>::size;
    a += first * a_col;
    b += first;
    for (; k >= 16; k -= 16, a += 16 * a_col, b += 16)
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l) {
            const Vec<T> y(b[l]);
            const T* const column = a + l * a_col;
#pragma GCC unroll 4
            for (int v = 0; v < NV - 1; ++v) sum[l][v] = fma(Vec<T>::load(column + v * width), y, sum[l][v]);
            sum[l][NV - 1] = fma(last.load(column + (NV - 1) * width), y, sum[l][NV - 1]);
        }
}

// What is left of k, k % 16 of its columns: lane l of one vector of rows lies at sums[l * lane].
template <class T, class Lanes> FG_OUT_OF_LINE void add_rest(int64_t k, const T* a, int64_t a_col, const T* b,
                                                             const Lanes& rows, T* sums, int64_t lane) {
    const Vec<T> zero(T(0));
#pragma GCC unroll 1
    for (int l = 0; l < 16; ++l, a += a_col, sums += lane) {
        const Vec<T> sum = Vec<T>::load(sums);
        (l < k ? fma(rows.load(a), Vec<T>(b[l]), sum) : fma(zero, zero, sum)).store(sums);
    }
}

// Out of line: strips need their registers.
template <class T> FG_OUT_OF_LINE void fetch_some(Ahead<T>& ahead, int64_t count) { ahead.fetch(count); }

// All lanes of NV vectors of rows, L of them at a time, of sums that lie in memory: lane l at sums[l * lane]; `fresh`:
// nothing is there yet. Before each time, so many numbers are fetched ahead.
template <class T, int L, int NV, class Lanes>
FG_OUT_OF_LINE void add_strip(int64_t k, const T* a, int64_t a_col, const T* b, const Lanes& last, bool fresh, T* sums,
                              int64_t lane, Ahead<T>& ahead, int64_t fetched) {
    constexpr int width = Vec<T>::size;
    static constexpr T nothing[NV * width] = {};
    const int64_t step = fresh ? 0 : lane;
    const T* from = fresh ? nothing : sums;
    T* to = sums;
    for (int first = 0; first < 16; first += L, from += L * step, to += L * lane) {
        if (ahead.lines > 0) fetch_some(ahead, fetched);
        Vec<T> sum[L][NV];
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l)
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) sum[l][v] = Vec<T>::load(from + l * step + v * width);
        add_lanes<T, L, NV>(k, a, a_col, b, last, first, sum);
#pragma GCC unroll 16
        for (int l = 0; l < L; ++l)
#pragma GCC unroll 4
            for (int v = 0; v < NV; ++v) sum[l][v].store(to + l * lane + v * width);
    }
    const int64_t rest = k % 16;
    if (rest == 0) return;
    a += (k - rest) * a_col;
    b += k - rest;
    for (int v = 0; v < NV - 1; ++v) add_rest(rest, a + v * width, a_col, b, AllLanes<T>(), sums + v * width, lane);
    add_rest(rest, a + (NV - 1) * width, a_col, b, last, sums + (NV - 1) * width, lane);
}

// As many sums as hide the latency: lanes of one vector of rows; or, in a strip, fewer lanes of some vectors side by
// side, which are whole cache lines and share each number of b.
constexpr int column_lanes = 8;
constexpr bool has_32_registers = tile_vectors == 4;
constexpr int strip_vectors = 128 / vector_bytes, strip_lanes = (has_32_registers ? 16 : 8) / strip_vectors;

// The lanes of c += a (m, k) @ b (k, 1) with contiguous columns of a, over k that begin at a multiple of 16 in one
// block of column_depth: lane l of row i at sums[l * lane + i]; `fresh`: nothing is there yet. Some columns of a at a
// time; meanwhile what follows is fetched, as far as `readable` columns of a go (k: none of it), in a stream what
// column_by_rows leaves of it.
template <class T> void add_columns(int64_t m, int64_t k, const T* a, int64_t a_col, const T* b, bool fresh,
                                    int64_t readable, bool in_stream, T* sums, int64_t lane) {
    constexpr int width = Vec<T>::size, strip = strip_vectors * width;
    const int64_t fit = visit_bytes / (m * int64_t(sizeof(T))) / 16 * 16, visit = fit < 16 ? 16 : fit;
    for (int64_t at = 0; at < k; at += visit) {
        const int64_t depth = smaller(visit, k - at), skipped = in_stream ? fetched_by_rows(depth) : 0;
        const int64_t from = at + depth + skipped, wanted = smaller(depth - skipped, readable - from);
        Ahead<T> ahead(a + from * a_col, a_col, m, readable > k ? wanted : 0);
        const T* const columns = a + at * a_col;
        const bool none_yet = fresh && at == 0;
        int64_t i = 0;
        for (; i + strip <= m; i += strip)
            add_strip<T, strip_lanes, strip_vectors>(depth, columns + i, a_col, b + at, AllLanes<T>(), none_yet,
                                                     sums + i, lane, ahead,
                                                     (depth - skipped) * strip_lanes * strip / 16);
        for (; i < m; i += width)
            add_strip<T, column_lanes, 1>(depth, columns + i, a_col, b + at, FirstLanes<T>(int(smaller(width, m - i))),
                                          none_yet, sums + i, lane, ahead,
                                          (depth - skipped) * column_lanes * width / 16);
    }
}

// The tree of the lanes of some rows, into c: `used` of them.
template <class T, int L> FG_INLINE void put_tree(Vec<T>* sum, int used, T* c, int64_t ldc) {
#pragma GCC unroll 4
    for (int half = L / 2; half > 0; half /= 2)
#pragma GCC unroll 8
        for (int l = 0; l < half; ++l) sum[l] = sum[l] + sum[l + half];
    if (ldc == 1) FirstLanes<T>(used).store(c, sum[0]);
    else put_apart(sum[0], used, c, ldc);
}

// c (m, 1): the tree of the lanes of each row, for some blocks of sums added in order.
template <class T> void join_columns(int64_t m, int64_t blocks, const T* sums, int64_t lane, T* c, int64_t ldc) {
    constexpr int width = Vec<T>::size;
    for (int64_t i = 0; i < m; i += width) {
        Vec<T> sum[16];
#pragma GCC unroll 16
        for (int l = 0; l < 16; ++l) sum[l] = Vec<T>::load(sums + l * lane + i);
        for (int64_t block = 1; block < blocks; ++block) {
            const T* const more = sums + block * 16 * lane + i;
#pragma GCC unroll 16
            for (int l = 0; l < 16; ++l) sum[l] = sum[l] + Vec<T>::load(more + l * lane);
        }
        put_tree<T, 16>(sum, int(smaller(width, m - i)), c + i * ldc, ldc);
    }
}

// c (m, 1) = a (m, k) @ b (k, 1) with contiguous columns of a that are few and near, for one vector of rows. Whole
// sixteens of k: no sum is put down.
template <class T> FG_INLINE void near_vector(int64_t k, const T* a, int64_t a_col, const T* b, T* c, int64_t ldc) {
    constexpr int L = column_lanes;
    const AllLanes<T> lanes;
    Vec<T> sum[2][L][1];
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
#pragma GCC unroll 8
        for (int l = 0; l < L; ++l) sum[half][l][0] = Vec<T>(T(0));
        add_lanes<T, L, 1>(k, a, a_col, b, lanes, half * L, sum[half]);
    }
#pragma GCC unroll 8
    for (int l = 0; l < L; ++l) sum[0][l][0] = sum[0][l][0] + sum[1][l][0];
    put_tree<T, L>(&sum[0][0][0], Vec<T>::size, c, ldc);
}
// Any k, and the first `used` of its rows.
template <class T>
FG_OUT_OF_LINE void near_ragged(int64_t k, const T* a, int64_t a_col, const T* b, int used, T* c, int64_t ldc) {
    constexpr int width = Vec<T>::size;
    T sums[16 * width];
    Ahead<T> nothing(a, a_col, 0, 0);
    add_strip<T, column_lanes, 1>(k, a, a_col, b, FirstLanes<T>(used), true, sums, width, nothing, 0);
    join_columns(used, 1, sums, width, c, ldc);
}

// Whether near_columns takes them: for those that fit L1.
template <class T> FG_INLINE bool columns_are_near(int64_t m, int64_t k, int64_t a_row) {
    return a_row == 1 && k <= column_depth && m * k * int64_t(sizeof(T)) <= column_bytes;
}
template <class T>
FG_OUT_OF_LINE void near_columns(int64_t m, int64_t k, const T* a, int64_t a_col, const T* b, T* c, int64_t ldc) {
    constexpr int width = Vec<T>::size;
    int64_t i = 0;
    if (k % 16 == 0)
        for (; i + width <= m; i += width) near_vector(k, a + i, a_col, b, c + i * ldc, ldc);
    for (; i < m; i += width) near_ragged(k, a + i, a_col, b, int(smaller(width, m - i)), c + i * ldc, ldc);
}

// a has contiguous columns. scratch: 2 * 16 * column_lane numbers.
template <class T> FG_OUT_OF_LINE void column_by_columns(int64_t m, int64_t k, const T* a, int64_t a_col, const T* b,
                                                         T* c, int64_t ldc, T* scratch) {
    constexpr int width = Vec<T>::size;
    T *const totals = scratch, *const sums = scratch + 16 * column_lane;
    for (int64_t i0 = 0; i0 < m; i0 += column_rows) {
        const int64_t rows = smaller(column_rows, m - i0);
        const bool far = rows * k * int64_t(sizeof(T)) >= column_far_bytes;
        for (int64_t begin = 0; begin < k; begin += column_depth) {
            const int64_t depth = smaller(column_depth, k - begin);
            add_columns(rows, depth, a + i0 + begin * a_col, a_col, b + begin, true, far ? k - begin : depth, false,
                        begin ? sums : totals, column_lane);
            if (begin == 0) continue;
            for (int l = 0; l < 16; ++l)
                for (int64_t i = l * column_lane; i < l * column_lane + rows; i += width)
                    (Vec<T>::load(totals + i) + Vec<T>::load(sums + i)).store(totals + i);
        }
        join_columns(rows, 1, totals, column_lane, c + i0 * ldc, ldc);
    }
}

// Numbers of scratch that column_product wants.
FG_INLINE int64_t column_scratch(int64_t k) { return 2 * k + 2 * 16 * column_lane; }

// The sums of c (m, 1) = a @ b over some k at a time: 16 lanes for each block of column_depth.
FG_INLINE int64_t column_sums_lane(int64_t m) { return round_up(m, 16); }
template <class T> int64_t column_sums_bytes(int64_t m, int64_t k) {
    return (k + column_depth - 1) / column_depth * 16 * column_sums_lane(m) * int64_t(sizeof(T));
}
template <class T> void column_add(int64_t m, int64_t all, int64_t first, int64_t count, const T* a, int64_t a_col,
                                   const T* b, void* sums) {
    const int64_t lane = column_sums_lane(m);
    for (int64_t k = first, end = first + count; k < end;) {
        const int64_t block = k / column_depth, depth = smaller(end, (block + 1) * column_depth) - k;
        add_columns(m, depth, a + k * a_col, a_col, b + k, k % column_depth == 0, all - k, true,
                    static_cast<T*>(sums) + block * 16 * lane, lane);
        k += depth;
    }
}

// The rows that make what is added, before it is: rows first to first + count of c (all, 1) = a (all, k) @ b, with
// contiguous rows of a and b. With the bits of column_product.
template <class T>
void column_part(int64_t all, int64_t k, int64_t first, int64_t count, const T* a, int64_t a_row, const T* b, T* c) {
    const bool far = count * k * int64_t(sizeof(T)) <= column_bytes && all * k * int64_t(sizeof(T)) >= column_far_bytes;
    const int64_t following = far ? fetched_by_rows(smaller(count, all - first - count)) : 0;
    column_by_rows(count, k, a + first * a_row, a_row, b, c, 1, following);
}
template <class T> void column_join(int64_t m, int64_t k, const void* sums, T* c, int64_t ldc) {
    join_columns(m, (k + column_depth - 1) / column_depth, static_cast<const T*>(sums), column_sums_lane(m), c, ldc);
}

template <class T> const T* gathered(int64_t n, const T* from, int64_t step, T* to) {
    if (step == 1) return from;
    for (int64_t i = 0; i < n; ++i) to[i] = from[i * step];
    return to;
}

// c (m, 1) = a (m, k) @ b (k, 1).
template <class T> FG_OUT_OF_LINE void column_product(int64_t m, int64_t k, const T* a, int64_t a_row, int64_t a_col,
                                                      const T* b, int64_t b_row, T* c, int64_t ldc, T* scratch) {
    T* const space = scratch + 2 * 16 * column_lane;
    b = gathered(k, b, b_row, space);
    if (a_col == 1) return column_by_rows(m, k, a, a_row, b, c, ldc);
    if (columns_are_near<T>(m, k, a_row)) return near_columns(m, k, a, a_col, b, c, ldc);
    if (a_row == 1) return column_by_columns(m, k, a, a_col, b, c, ldc, scratch);
    for (int64_t i = 0; i < m; ++i)
        near_rows(1, k, gathered(k, a + i * a_row, a_col, space + k), 0, b, c + i * ldc, ldc);
}

}  // namespace
}  // namespace fg::kernels
