// The matrix product of the hand-written loop: C = epilogue(A B), tiled for registers, packed where that pays.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace {

#if defined(__AVX512F__)
constexpr int lanes = 16, max_vectors = 4, accumulators = 24;
#elif defined(__AVX__)
constexpr int lanes = 8, max_vectors = 2, accumulators = 12;
#elif defined(__aarch64__)
constexpr int lanes = 4, max_vectors = 4, accumulators = 24;
#else
constexpr int lanes = 4, max_vectors = 2, accumulators = 12;
#endif

typedef float Vec __attribute__((vector_size(lanes * sizeof(float))));
typedef std::int32_t Index __attribute__((vector_size(lanes * sizeof(float))));

inline Vec load(const float* p) {
    Vec v;
    std::memcpy(&v, p, sizeof(v));
    return v;
}

inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof(v)); }

inline float sum_lanes(Vec v) {
    float part[lanes];
    store(part, v);
    for (int half = lanes / 2; half > 0; half /= 2)
        for (int l = 0; l < half; ++l) part[l] += part[l + half];
    return part[0];
}

struct Free {
    void operator()(float* p) const { std::free(p); }
};
using Buffer = std::unique_ptr<float[], Free>;

inline std::int64_t padded(std::int64_t n) { return (n + 15) / 16 * 16; }

// Zeroed and aligned to a cache line: a vector load across two lines costs double.
inline Buffer make_buffer(std::int64_t n) {
    const auto bytes = std::size_t(padded(n)) * sizeof(float);
    auto* p = static_cast<float*>(std::aligned_alloc(64, bytes));
    std::memset(p, 0, bytes);
    return Buffer(p);
}

struct Operand {
    const float* data;
    std::int64_t row_stride, col_stride;
};

struct Epilogue {
    const float* bias = nullptr;  // (N,), added to every row
    const float* mask = nullptr;  // (M, N) like C: where it is not positive, C is 0
    bool relu = false;
};

struct TileArgs {
    const float* a;
    std::int64_t a_row, a_col;
    const float* b;
    std::int64_t ldb;
    float* c;
    std::int64_t ldc, k;
    const float *bias, *mask;
    bool relu, accumulate;
};

// R rows by V vectors of C held in registers. Everything over R and V has to be unrolled, else GCC keeps the sums in
// memory. `a_row` is 1 for a transposed or packed A, `a_col` is 1 for a row-major one; the constant lets loads use
// fixed offsets.
template <int R, int V, bool row_is_one> void tile(const TileArgs& t) {
    Vec acc[R][V];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v)
            acc[r][v] = t.accumulate        ? load(t.c + r * t.ldc + v * lanes)
                        : t.bias != nullptr ? load(t.bias + v * lanes)
                                            : Vec{};
    const float* a = t.a;
    const float* b = t.b;
    const std::int64_t a_row = row_is_one ? 1 : t.a_row, a_col = row_is_one ? t.a_col : 1;
    for (std::int64_t k = t.k; k > 0; --k) {
        Vec bv[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) bv[v] = load(b + v * lanes);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const float av = a[r * a_row];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) acc[r][v] += av * bv[v];
        }
        a += a_col;
        b += t.ldb;
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            Vec value = acc[r][v];
            const std::int64_t at = r * t.ldc + v * lanes;
            if (t.relu) value = value > Vec{} ? value : Vec{};
            if (t.mask != nullptr) value = load(t.mask + at) > Vec{} ? value : Vec{};
            store(t.c + at, value);
        }
}

using TileFn = void (*)(const TileArgs&);
constexpr int max_rows = 12;
constexpr int rows_for(int vectors) { return std::min(max_rows, accumulators / vectors); }

template <int V, bool row_is_one, int... R> TileFn pick_rows(int rows, std::integer_sequence<int, R...>) {
    static constexpr TileFn table[] = {tile<R + 1, V, row_is_one>...};
    return table[rows - 1];
}

template <int V> TileFn pick_tile(int rows, bool row_is_one) {
    constexpr auto all = std::make_integer_sequence<int, rows_for(V)>{};
    return row_is_one ? pick_rows<V, true>(rows, all) : pick_rows<V, false>(rows, all);
}

inline TileFn pick_tile(int vectors, int rows, bool row_is_one) {
    switch (vectors) {
        case 1: return pick_tile<1>(rows, row_is_one);
        case 2: return pick_tile<2>(rows, row_is_one);
        case 3: return pick_tile<std::min(3, max_vectors)>(rows, row_is_one);
        default: return pick_tile<max_vectors>(rows, row_is_one);
    }
}

struct Scratch {
    Buffer a, b;
    void reserve(std::int64_t longest, std::int64_t width);
};

// Few passes over C beat panels that fit the first-level cache: at 64, 512, 3, 1024 on a Xeon this was 0.84 of the time
// of k_block 192, m_block 240 and panels of 2 vectors.
constexpr std::int64_t k_block = 512;
constexpr std::int64_t m_block = 120;
constexpr int packed_vectors = max_vectors;
constexpr std::int64_t direct_at_most = 64 * 64;  // elements of B up to which packing does not pay

inline void Scratch::reserve(std::int64_t longest, std::int64_t width) {
    a = make_buffer(m_block * std::min(longest, k_block));
    b = make_buffer(std::min(longest, k_block) * width);
}

// Rows are cut evenly, so that 32 rows in tiles of 12 are 11, 11 and 10.
template <class Body> void row_tiles(std::int64_t m, int tallest, Body body) {
    const std::int64_t count = (m + tallest - 1) / tallest;
    for (std::int64_t t = 0, begin = 0; t < count; ++t) {
        const std::int64_t end = m * (t + 1) / count;
        body(begin, int(end - begin));
        begin = end;
    }
}

template <class Body> void column_panels(std::int64_t n, int widest, Body body) {
    for (std::int64_t j = 0; j < n;) {
        const int vectors = int(std::min<std::int64_t>(widest, (n - j) / lanes));
        body(j, vectors);
        j += vectors * lanes;
    }
}

inline void gemm_direct(Operand a, Operand b, float* c, std::int64_t m, std::int64_t n, std::int64_t k, Epilogue end) {
    const bool row_is_one = a.row_stride == 1;
    column_panels(n, max_vectors, [&](std::int64_t j, int vectors) {
        row_tiles(m, rows_for(vectors), [&](std::int64_t i, int rows) {
            pick_tile(vectors, rows, row_is_one)({a.data + i * a.row_stride, a.row_stride, a.col_stride, b.data + j,
                                                  b.row_stride, c + i * n + j, n, k, end.bias ? end.bias + j : nullptr,
                                                  end.mask ? end.mask + i * n + j : nullptr, end.relu, false});
        });
    });
}

inline void pack_b(Operand b, std::int64_t k, std::int64_t n, float* out) {
    column_panels(n, packed_vectors, [&](std::int64_t j, int vectors) {
        for (std::int64_t p = 0; p < k; ++p)
            for (int v = 0; v < vectors; ++v, out += lanes) store(out, load(b.data + p * b.row_stride + j + v * lanes));
    });
}

// Packs a transposed A (row stride 1): each tile's rows side by side for every k.
inline void pack_a(Operand a, std::int64_t m, std::int64_t k, int tallest, float* out) {
    row_tiles(m, tallest, [&](std::int64_t i, int rows) {
        for (std::int64_t p = 0; p < k; ++p, out += rows)
            std::memcpy(out, a.data + i + p * a.col_stride, std::size_t(rows) * sizeof(float));
    });
}

inline void gemm_packed(Operand a, Operand b, float* c, std::int64_t m, std::int64_t n, std::int64_t k, Epilogue end,
                        Scratch& scratch) {
    const bool pack_rows = a.row_stride == 1;
    const int tallest = rows_for(packed_vectors);
    for (std::int64_t p0 = 0; p0 < k; p0 += k_block) {
        const std::int64_t depth = std::min(k_block, k - p0);
        const bool first = p0 == 0, last = p0 + depth == k;
        pack_b({b.data + p0 * b.row_stride, b.row_stride, 1}, depth, n, scratch.b.get());
        for (std::int64_t i0 = 0; i0 < m; i0 += m_block) {
            const std::int64_t height = std::min(m_block, m - i0);
            const Operand block{a.data + i0 * a.row_stride + p0 * a.col_stride, a.row_stride, a.col_stride};
            if (pack_rows) pack_a(block, height, depth, tallest, scratch.a.get());
            const float* panel = scratch.b.get();
            column_panels(n, packed_vectors, [&](std::int64_t j, int vectors) {
                row_tiles(height, tallest, [&](std::int64_t i, int rows) {
                    const float* rows_of_a = pack_rows ? scratch.a.get() + i * depth : block.data + i * a.row_stride;
                    const std::int64_t at = (i0 + i) * n + j;
                    pick_tile(vectors, rows,
                              pack_rows)({rows_of_a, a.row_stride, pack_rows ? rows : 1, panel, vectors * lanes, c + at,
                                          n, depth, first && end.bias ? end.bias + j : nullptr,
                                          last && end.mask ? end.mask + at : nullptr, last && end.relu, !first});
                });
                panel += depth * vectors * lanes;
            });
        }
    }
}

// A is row-major or transposed, B and C are row-major; n is a multiple of the lanes.
inline void gemm(Operand a, Operand b, float* c, std::int64_t m, std::int64_t n, std::int64_t k, Epilogue end,
                 Scratch& scratch) {
    if (k * n <= direct_at_most) gemm_direct(a, b, c, m, n, k, end);
    else gemm_packed(a, b, c, m, n, k, end, scratch);
}

// Lane L of the result is lane L / 2 of a or, where L is odd, of b; `high` starts from the middle.
template <int... L> Vec interleave_low(Vec a, Vec b, std::integer_sequence<int, L...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, (L / 2 + (L % 2) * lanes)...);
#else
    return __builtin_shuffle(a, b, Index{(L / 2 + (L % 2) * lanes)...});
#endif
}
template <int... L> Vec interleave_high(Vec a, Vec b, std::integer_sequence<int, L...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, (L / 2 + lanes / 2 + (L % 2) * lanes)...);
#else
    return __builtin_shuffle(a, b, Index{(L / 2 + lanes / 2 + (L % 2) * lanes)...});
#endif
}

// (rows, cols) to (cols, rows) in square blocks: log2(lanes) rounds of interleaving. Whole vectors only; a remainder
// goes one by one.
inline void transpose(const float* in, std::int64_t rows, std::int64_t cols, float* out) {
    constexpr auto all = std::make_integer_sequence<int, lanes>{};
    for (std::int64_t i = 0; i + lanes <= rows; i += lanes)
        for (std::int64_t j = 0; j + lanes <= cols; j += lanes) {
            Vec x[lanes], next[lanes];
#pragma GCC unroll 16
            for (int r = 0; r < lanes; ++r) x[r] = load(in + (i + r) * cols + j);
#pragma GCC unroll 4
            for (int round = 1; round < lanes; round *= 2) {
#pragma GCC unroll 8
                for (int r = 0; r < lanes / 2; ++r) {
                    next[2 * r] = interleave_low(x[r], x[r + lanes / 2], all);
                    next[2 * r + 1] = interleave_high(x[r], x[r + lanes / 2], all);
                }
#pragma GCC unroll 16
                for (int r = 0; r < lanes; ++r) x[r] = next[r];
            }
#pragma GCC unroll 16
            for (int r = 0; r < lanes; ++r) store(out + (j + r) * rows + i, x[r]);
        }
}

}  // namespace
