// Sum, maximum and logsumexp over the middle axis of an array (outer, n, inner) whose rows lie `row` >= inner numbers
// apart, by a fixed tree over n.
//
// row == 1: within a block of 1024, element i goes to lane i % 64; the four groups of sixteen lanes are joined, then
// the blocks pairwise, then the sixteen lanes by their tree. row > 1: rows join in eights, the eights pairwise.
// What is missing at the end counts as the neutral number. Nothing depends on the vector width.
#pragma once

#include "kernels/math.hpp"
#include "kernels/sixteen.hpp"
#include "kernels/table.hpp"

namespace fg::kernels {
namespace {

constexpr int64_t reduce_block = sum_block;
constexpr int64_t chunk_bytes = 1024;  // of a row, while its sums wait on the stack; for speed only

// Pairs of pairs of ...: item i, once there, takes in the results of this many levels, as a binary counter carries.
constexpr int pairwise_levels = 44;  // more than memory holds
FG_INLINE int carries(int64_t i) { return __builtin_ctzll(~uint64_t(i)); }

template <class T> constexpr T minus_infinity = T(-__builtin_inf());

// A reduction joins numbers; `neutral` changes nothing when joined. Before that, it may prepare a block of rows and
// columns of x, `step` apart from row to row: what is joined then lies at the result, whose rows are `step` apart. Or
// it takes the numbers as they are.
template <class T> struct Summing : JoinSum {
    static constexpr bool as_they_are = true;
    static constexpr T neutral = 0;
    FG_INLINE const T* prepare(int64_t, int64_t, const T* x, int64_t&, T*) const { return x; }
};
template <class T> struct Maximizing : JoinMax {
    static constexpr bool as_they_are = true;
    static constexpr T neutral = minus_infinity<T>;
    FG_INLINE const T* prepare(int64_t, int64_t, const T* x, int64_t&, T*) const { return x; }
};
template <class T> struct SummingExp : Summing<T> {  // exp(x - shift)
    static constexpr bool as_they_are = false;
    const T* shift;
    int64_t shift_step;  // 1: a shift for each column; 0: the vector at shift for all

    const T* prepare(int64_t rows, int64_t columns, const T* x, int64_t& step, T* space) const {
        constexpr int width = Vec<T>::size;
        const int64_t padded = round_up(columns, width);
        for (int64_t i = 0; i < rows; ++i)
            for (int64_t j = 0; j < columns; j += width) {
                const int there = int(smaller(width, columns - j));
                const Vec<T> by = Vec<T>::load(shift + j * shift_step);
                exp(FirstLanes<T>(there).load(x + i * step + j, by) - by).store(space + i * padded + j);
            }
        step = padded;
        return space;
    }
};

// What to take from every number before exp, so that nothing overflows: the maximum, unless that is not finite.
template <class T> FG_INLINE Vec<T> shift_for(Vec<T> largest) {
    return select(is_nan(largest - largest), Vec<T>(T(0)), largest);
}

template <class R, class T> FG_INLINE Vec<T> join(Vec<T> a, Vec<T> b) { return R::join(a, b); }
template <class R, class T> FG_INLINE Sixteen<T> join(const Sixteen<T>& a, const Sixteen<T>& b) {
    Sixteen<T> s;
#pragma GCC unroll 8
    for (int i = 0; i < Sixteen<T>::parts; ++i) s.v[i] = R::join(a.v[i], b.v[i]);
    return s;
}

// of(i): block i, asked for in order.
template <class R, class Block, class Of> FG_INLINE Block join_blocks(int64_t blocks, Of of) {
    Block level[pairwise_levels], s;
    for (int64_t i = 0; i < blocks; ++i) {
        s = of(i);
        const int carried = carries(i);
        for (int l = 0; l < carried; ++l) s = join<R>(level[l], s);
        level[carried] = s;
    }
    int l = __builtin_ctzll(uint64_t(blocks));
    s = level[l];
    while (blocks >> ++l)
        if (blocks >> l & 1) s = join<R>(level[l], s);
    return s;
}

// --- row == 1

// The first n of sixteen numbers at x joined to s.
template <class R, class T> FG_INLINE Sixteen<T> join_first(Sixteen<T> s, const T* x, int64_t n) {
    constexpr int width = Vec<T>::size;
#pragma GCC unroll 8
    for (int i = 0; i < Sixteen<T>::parts; ++i) {
        const int64_t there = n - i * width;
        if (there <= 0) break;
        s.v[i] = R::join(s.v[i], there >= width ? Vec<T>::load(x + i * width)
                                                : FirstLanes<T>(int(there)).load(x + i * width, Vec<T>(R::neutral)));
    }
    return s;
}

// Joins n numbers to the lanes of the block they are of, in which they begin at a multiple of 64.
template <class R, class T> FG_INLINE void join_numbers(int64_t n, const T* x, Sixteen<T>* s) {
    int64_t i = 0;
    for (; i + 64 <= n; i += 64)
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) s[q] = join<R>(s[q], Sixteen<T>::load(x + i + 16 * q));
    for (int q = 0; i < n; i += 16, ++q) s[q] = join_first<R>(s[q], x + i, n - i);
}
template <class R, class T> FG_INLINE Sixteen<T> join_groups(const Sixteen<T>* s) {
    return join<R>(join<R>(s[0], s[1]), join<R>(s[2], s[3]));
}

// n <= 16
template <class R, class T> FG_INLINE Sixteen<T> few_lanes(int64_t n, const T* x) {
    return join_first<R>(Sixteen<T>::of(R::neutral), x, n);
}
// n <= reduce_block
template <class R, class T> Sixteen<T> block_lanes(int64_t n, const T* x) {
    if (n <= 16) return few_lanes<R>(n, x);
    Sixteen<T> s[4];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) s[q] = Sixteen<T>::of(R::neutral);
    join_numbers<R>(n, x, s);
    return join_groups<R>(s);
}

// n > reduce_block
template <class R, class T> FG_OUT_OF_LINE Sixteen<T> long_row_lanes(int64_t n, const T* x, const R& reduction) {
    T space[reduce_block];
    int64_t step = 0;
    return join_blocks<R, Sixteen<T>>((n + reduce_block - 1) / reduce_block, [&](int64_t i) {
        const int64_t size = smaller(n - i * reduce_block, reduce_block);
        return block_lanes<R>(size, reduction.prepare(1, size, x + i * reduce_block, step, space));
    });
}

template <class R, class T> FG_INLINE Sixteen<T> row_lanes(int64_t n, const T* x, const R& reduction) {
    if (n > reduce_block) return long_row_lanes(n, x, reduction);
    if constexpr (R::as_they_are) return block_lanes<R>(n, x);
    T space[reduce_block];
    int64_t step = 0;
    return block_lanes<R>(n, reduction.prepare(1, n, x, step, space));
}

// Numbers `apart` from one another.
template <class T, int... I> FG_INLINE Vec<T> gathered(const T* x, int64_t apart, std::integer_sequence<int, I...>) {
    return typename Vec<T>::native{x[I * apart]...};
}

// Vec<T>::size rows of n <= 64: the same tree, a logical lane of all rows at a time. `of` makes what is joined.
constexpr int64_t short_row = 64;
template <class R, class T, class Of> FG_INLINE Vec<T> reduce_short_rows(int64_t n, const T* x, Of of) {
    const Vec<T> neutral(R::neutral);
    Vec<T> lanes[short_row];
    const int there = n <= 16 ? 16 : n <= 32 ? 32 : 64;
    for (int i = 0; i < n; ++i)
        lanes[i] = R::join(neutral, of(gathered(x + i, n, std::make_integer_sequence<int, Vec<T>::size>{})));
    for (int i = int(n); i < there; ++i) lanes[i] = neutral;
    for (int i = 0; i < 16 && there > 16; ++i) {  // the four groups of sixteen
        lanes[i] = R::join(lanes[i], lanes[16 + i]);
        if (there > 32) lanes[i] = R::join(lanes[i], R::join(lanes[32 + i], lanes[48 + i]));
    }
#pragma GCC unroll 4
    for (int half = 8; half > 0; half /= 2)
#pragma GCC unroll 8
        for (int i = 0; i < half; ++i) lanes[i] = R::join(lanes[i], lanes[i + half]);
    return lanes[0];
}

// count <= Vec<T>::size rows of n: row r ends in lane r.
template <class R, class T> FG_INLINE Vec<T> reduce_rows(int count, int64_t n, const T* x, const R* reductions) {
    constexpr int width = Vec<T>::size;
    if constexpr (R::as_they_are)
        if (count == width && n <= short_row) return reduce_short_rows<R>(n, x, [](Vec<T> numbers) { return numbers; });
    if (count == 1) return Vec<T>(tree<R>(row_lanes(n, x, reductions[0])));
    Sixteen<T> rows[width];
    for (int r = 0; r < width; ++r)
        rows[r] = r < count ? row_lanes(n, x + r * n, reductions[r]) : Sixteen<T>::of(R::neutral);
    return tree_of_rows<R>(rows);
}

// --- row > 1

// One vector of columns, eight rows of it, joined.
template <class R, class T, class Lanes> FG_INLINE Vec<T> join_eight(const T* x, int64_t step, const Lanes& lanes) {
    Vec<T> row[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
        row[i] = lanes.load(x + i % 4 * step);
        if (i == 3) x = opaque(x + 4 * step);
    }
#pragma GCC unroll 4
    for (int stride = 1; stride < 8; stride *= 2)
#pragma GCC unroll 4
        for (int i = 0; i < 8; i += 2 * stride) row[i] = R::join(row[i], row[i + stride]);
    return row[0];
}
// The first of N rows, at least one of them. What is missing would change nothing.
template <int N, class R, class T, class Lanes>
FG_INLINE Vec<T> join_first_of(int64_t there, const T* x, int64_t step, const Lanes& lanes) {
    if constexpr (N == 1) {
        return lanes.load(x);
    } else {
        const Vec<T> s = join_first_of<N / 2, R>(there, x, step, lanes);
        if (there <= N / 2) return s;
        return R::join(s, join_first_of<N / 2, R>(there - N / 2, x + N / 2 * step, step, lanes));
    }
}
template <class R, class T, class Lanes>
FG_OUT_OF_LINE Vec<T> join_few(int64_t there, const T* x, int64_t step, Lanes lanes) {
    return there > 0 ? join_first_of<8, R>(there, x, step, lanes) : Vec<T>(R::neutral);
}
// Sixteen rows, or the first ones of them, perhaps none.
template <class R, class T, class Lanes>
FG_INLINE Vec<T> join_sixteen(int64_t there, const T* x, int64_t step, const Lanes& lanes) {
    const Vec<T> first = there >= 8 ? join_eight<R>(x, step, lanes) : join_few<R>(there, x, step, lanes);
    if (there <= 8) return first;
    x = opaque(x + 8 * step);
    return R::join(first, there >= 16 ? join_eight<R>(x, step, lanes) : join_few<R>(there - 8, x, step, lanes));
}

// out[j] = reduction over i < n of x[i * row + j], for j < columns <= chunk.
template <class R, class T>
FG_OUT_OF_LINE void reduce_chunk(int64_t n, int64_t row, int64_t columns, const T* x, const R& reduction, T* out) {
    constexpr int width = Vec<T>::size;
    constexpr int64_t chunk = chunk_bytes / int64_t(sizeof(T));
    T level[pairwise_levels][chunk], space[8 * chunk];
    const int64_t eights = (n + 7) / 8;
    for (int64_t i = 0; i < eights; ++i) {
        const int carried = carries(i);
        const int64_t there = n - 8 * i;
        int64_t step = row;
        const T* const rows = reduction.prepare(smaller(8, there), columns, x + i * 8 * row, step, space);
        for (int64_t j = 0; j < columns; j += width) {
            const FirstLanes<T> lanes(int(smaller(width, columns - j)));
            Vec<T> s =
                there >= 8 ? join_eight<R>(rows + j, step, lanes) : join_first_of<8, R>(there, rows + j, step, lanes);
            for (int l = 0; l < carried; ++l) s = R::join(Vec<T>::load(level[l] + j), s);
            s.store(level[carried] + j);
        }
    }
    for (int64_t j = 0; j < columns; j += width) {
        Vec<T> s(R::neutral);
        for (int l = 0; l < pairwise_levels && eights >> l; ++l)
            if (eights >> l & 1) s = R::join(Vec<T>::load(level[l] + j), s);
        FirstLanes<T>(int(smaller(width, columns - j))).store(out + j, s);
    }
}

// One vector of columns of rows that are near. More than sixteen:
template <class R, class T, class Lanes>
FG_OUT_OF_LINE Vec<T> join_many(int64_t n, const T* x, int64_t row, Lanes lanes) {
    return join_blocks<R, Vec<T>>((n + 15) / 16, [&](int64_t i) __attribute__((always_inline)) {
        return join_sixteen<R>(n - i * 16, x + i * 16 * row, row, lanes);
    });
}
template <class R, class T, class Lanes>
FG_INLINE void reduce_vector(int64_t n, int64_t row, const T* x, T* out, const Lanes& lanes) {
    const Vec<T> joined = n <= 16 ? join_sixteen<R>(n, x, row, lanes) : join_many<R>(n, x, row, lanes);
    lanes.store(out, R::join(joined, Vec<T>(R::neutral)));
}

// The same where all numbers are near: a vector of columns after the other, whatever there is of it.
constexpr int64_t near_bytes = 32768;
template <class R, class T>
FG_OUT_OF_LINE void reduce_near(int64_t outer, int64_t n, int64_t row, int64_t columns, const T* x, T* out) {
    constexpr int width = Vec<T>::size;
    for (; outer > 0; --outer, x += n * row, out += columns) {
        int64_t j = 0;
        for (; j + width <= columns; j += width) reduce_vector<R>(n, row, x + j, out + j, AllLanes<T>());
        if (j < columns) reduce_vector<R>(n, row, x + j, out + j, FirstLanes<T>(int(columns - j)));
    }
}

// --- the kernels

template <class R, class T> FG_OUT_OF_LINE void reduce_many_rows(int64_t outer, int64_t n, const T* x, T* out) {
    constexpr int width = Vec<T>::size;
    const R reductions[width] = {};
    for (int64_t o = 0; o < outer; o += width) {
        const int count = int(smaller(width, outer - o));
        FirstLanes<T>(count).store(out + o, reduce_rows(count, n, x + o * n, reductions));
    }
}
template <class R, class T> FG_OUT_OF_LINE void reduce_columns(int64_t outer, int64_t n, int64_t inner, int64_t row,
                                                               const T* x, T* out, const R& reduction) {
    constexpr int64_t chunk = chunk_bytes / int64_t(sizeof(T));
    for (int64_t o = 0; o < outer; ++o, x += n * row, out += inner)
        for (int64_t j = 0; j < inner; j += chunk)
            reduce_chunk(n, row, smaller(chunk, inner - j), x + j, reduction, out + j);
}

template <class R, class T> FG_OUT_OF_LINE void reduce_row(int64_t n, const T* x, T* out, const R& reduction) {
    *out = tree<R>(row_lanes(n, x, reduction));
}

// What small sums take is mostly on their way to here: it saves no registers.
template <class R, class T>
FG_INLINE void reduce(int64_t outer, int64_t n, int64_t inner, int64_t row, const T* x, T* out, const R& reduction) {
    if (row == 1) {
        if (outer != 1) return reduce_many_rows<R>(outer, n, x, out);
        if constexpr (R::as_they_are)
            if (n <= 16) {
                *out = tree<R>(few_lanes<R>(n, x));
                return;
            }
        return reduce_row(n, x, out, reduction);
    }
    if constexpr (R::as_they_are)
        if (n * row * int64_t(sizeof(T)) <= near_bytes) return reduce_near<R>(outer, n, row, inner, x, out);
    reduce_columns(outer, n, inner, row, x, out, reduction);
}

template <class T> void sum(int64_t outer, int64_t n, int64_t inner, int64_t row, const T* x, T* out) {
    reduce(outer, n, inner, row, x, out, Summing<T>{});
}

// The same sum of one row whose numbers come some at a time: 64 lanes for each block.
template <class T> int64_t sum_lanes_bytes(int64_t n) {
    return (n + reduce_block - 1) / reduce_block * 64 * int64_t(sizeof(T));
}
template <class T> void sum_add(int64_t first, int64_t count, const T* x, void* lanes) {
    for (const int64_t end = first + count; first < end;) {
        const int64_t at = first % reduce_block, n = smaller(reduce_block - at, end - first);
        T* const to = static_cast<T*>(lanes) + first / reduce_block * 64;
        Sixteen<T> s[4];
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) s[q] = at ? Sixteen<T>::load(to + 16 * q) : Sixteen<T>::of(T(0));
        join_numbers<Summing<T>>(n, x, s);
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) s[q].store(to + 16 * q);
        first += n;
        x += n;
    }
}
template <class T> T sum_join(int64_t n, const void* lanes) {
    return tree<JoinSum>(join_blocks<JoinSum, Sixteen<T>>((n + reduce_block - 1) / reduce_block, [&](int64_t i) {
        Sixteen<T> s[4];
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) s[q] = Sixteen<T>::load(static_cast<const T*>(lanes) + i * 64 + 16 * q);
        return join_groups<JoinSum>(s);
    }));
}

template <class T> void max(int64_t outer, int64_t n, int64_t inner, int64_t row, const T* x, T* out) {
    reduce(outer, n, inner, row, x, out, Maximizing<T>{});
}

// max + log(sum(exp(x - max)))
template <class T> void logsumexp(int64_t outer, int64_t n, int64_t inner, int64_t row, const T* x, T* out) {
    constexpr int width = Vec<T>::size;
    constexpr int64_t chunk = chunk_bytes / int64_t(sizeof(T));
    if (row == 1) {
        T shifts[width][width];
        SummingExp<T> reductions[width];
        const Maximizing<T> maxima[width] = {};
        for (int r = 0; r < width; ++r) reductions[r].shift = shifts[r], reductions[r].shift_step = 0;
        for (int64_t o = 0; o < outer; o += width) {
            const int count = int(smaller(width, outer - o));
            const Vec<T> shift = shift_for(reduce_rows(count, n, x + o * n, maxima));
            if (count == width && n <= short_row) {
                const Vec<T> total = reduce_short_rows<Summing<T>>(
                    n, x + o * n, [&](Vec<T> numbers) __attribute__((always_inline)) { return exp(numbers - shift); });
                (shift + log(total)).store(out + o);
                continue;
            }
            for (int r = 0; r < width; ++r) Vec<T>(shift.v[r]).store(shifts[r]);
            FirstLanes<T>(count).store(out + o, shift + log(reduce_rows(count, n, x + o * n, reductions)));
        }
        return;
    }
    T shift[chunk] = {}, total[chunk] = {};
    for (int64_t o = 0; o < outer; ++o, x += n * row, out += inner)
        for (int64_t j = 0; j < inner; j += chunk) {
            const int64_t columns = smaller(chunk, inner - j);
            reduce_chunk(n, row, columns, x + j, Maximizing<T>{}, shift);
            for (int64_t i = 0; i < columns; i += width) shift_for(Vec<T>::load(shift + i)).store(shift + i);
            reduce_chunk(n, row, columns, x + j, SummingExp<T>{{}, shift, 1}, total);
            for (int64_t i = 0; i < columns; i += width) {
                const Vec<T> result = Vec<T>::load(shift + i) + log(Vec<T>::load(total + i));
                FirstLanes<T>(int(smaller(width, columns - i))).store(out + j + i, result);
            }
        }
}

}  // namespace
}  // namespace fg::kernels
