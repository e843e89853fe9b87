// Matrix product c = a @ b for any strides: cache blocks, packing where it pays, and the choice of tiles.
//
// Every element of C is one chain of fused multiply-adds over each block of depth_block k, and the blocks' sums are
// added in order. Tiles, packing and vector width only decide when an element is computed, never how, so its bits
// depend on k alone. For n == 1 the order is another, see gemm/column.hpp.
#pragma once

#include <utility>

#include "kernels/gemm/column.hpp"
#include "kernels/gemm/micro.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/table.hpp"

namespace fg::kernels {
namespace {

#ifndef MCV
#define MCV 168
#define NCV 3072
#define PACKB (s.m >= 32 && s.n*s.k*sizeof(T) > 32768)
#define PACKA (s.n >= 256)
#endif
// The cache blocks. Changing depth_block changes bits; the others only speed.
#ifndef KCV
#define KCV 256
#endif
constexpr int64_t depth_block = KCV;
constexpr int64_t row_block = MCV;     // a (row_block, depth_block) of A stays in L2
constexpr int64_t column_block = NCV;  // b (depth_block, column_block) of B stays in L2 or L3

template <class T> using Tile = void (*)(int64_t, const Rows<T>&, const Panel<T>&, T*, int64_t, bool);

template <class T> struct TileTable {
    Tile<T> tiles[tile_rows * tile_vectors];
    Tile<T> at(int rows, int vectors) const { return tiles[(rows - 1) * tile_vectors + vectors - 1]; }
};
template <class T, int R, int NV, bool adjacent, bool ragged> constexpr Tile<T> pick_tile() {
    if constexpr (R <= rows_of_tile(NV)) return tile<T, R, NV, adjacent, ragged>;
    else return nullptr;
}
template <class T, bool adjacent, bool ragged, int... I>
constexpr TileTable<T> make_tile_table(std::integer_sequence<int, I...>) {
    return {{pick_tile<T, I / tile_vectors + 1, I % tile_vectors + 1, adjacent, ragged>()...}};
}
template <class T, bool adjacent, bool ragged>
constexpr TileTable<T> tile_table =
    make_tile_table<T, adjacent, ragged>(std::make_integer_sequence<int, tile_rows * tile_vectors>{});

// Cuts count into as few parts of at most `largest` as will do, all equal or one apart, the bigger ones first.
struct Cut {
    int64_t parts, size, bigger;

    FG_INLINE Cut(int64_t count, int largest) {
        parts = (count + largest - 1) / largest;
        size = parts == 1 ? count : count / parts;
        bigger = count - size * parts;
    }
    FG_INLINE int part(int64_t i) const { return int(size + (i < bigger)); }
};

#ifndef CUT4
#define CUT4(v) ((v)==4)
#endif
FG_INLINE Cut cut_columns(int64_t v) { return Cut(v, tile_vectors == 4 ? (CUT4(v) ? 4 : 3) : tile_vectors); }
FG_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// One block: rows (m, depth) of A, columns (depth, n) of B, whether packed or where they lie.
template <class T> struct Block {
    const T* p;
    int64_t outer, inner;  // from row to row of A or column to column of B, from k to k
    bool packed;
};

template <class T>
void block_product(int64_t m, int64_t n, int64_t depth, Block<T> a, Block<T> b, T* c, int64_t ldc, bool add) {
    constexpr int lanes = Vec<T>::size;
    const Cut columns = cut_columns((n + lanes - 1) / lanes);
    const bool adjacent = a.packed || a.outer == 1;
    for (int64_t jp = 0, j = 0; jp < columns.parts; ++jp) {
        const int vectors = columns.part(jp);
        const int width = vectors * lanes, used = int(smaller(width, n - j));
        const Panel<T> panel = b.packed ? Panel<T>{b.p + j * depth, width, lanes + used - width}
                                        : Panel<T>{b.p + j, b.inner, lanes + used - width};
        const bool ragged = !b.packed && used != width;
        const TileTable<T>& table = ragged ? adjacent ? tile_table<T, true, true> : tile_table<T, false, true>
                                           : adjacent ? tile_table<T, true, false> : tile_table<T, false, false>;
        const Cut rows(m, rows_of_tile(a.packed ? tile_vectors : vectors));
        for (int64_t ip = 0, i = 0; ip < rows.parts; ++ip) {
            const int r = rows.part(ip);
            const Rows<T> block = a.packed ? Rows<T>{a.p + i * depth, 1, r} : Rows<T>{a.p + i * a.outer, a.outer, a.inner};
            table.at(r, vectors)(depth, block, panel, c + i * ldc + j, ldc, add);
            i += r;
        }
        j += width;
    }
}

template <class T> void pack_rows(int64_t m, int64_t depth, Block<T>& a, T* to) {
    const Cut rows(m, rows_of_tile(tile_vectors));
    for (int64_t ip = 0, i = 0; ip < rows.parts; ++ip) {
        const int r = rows.part(ip);
        pack_panel(r, r, depth, a.p + i * a.outer, a.outer, a.inner, to + i * depth);
        i += r;
    }
    a = {to, 0, 0, true};
}

template <class T> void pack_columns(int64_t n, int64_t depth, Block<T>& b, T* to) {
    constexpr int lanes = Vec<T>::size;
    const Cut columns = cut_columns((n + lanes - 1) / lanes);
    for (int64_t jp = 0, j = 0; jp < columns.parts; ++jp) {
        const int width = columns.part(jp) * lanes;
        pack_panel(int(smaller(width, n - j)), width, depth, b.p + j * b.outer, b.outer, b.inner, to + j * depth);
        j += width;
    }
    b = {to, 0, 0, true};
}

FG_INLINE int64_t round_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }

template <class T> int64_t gemm_scratch(GemmSize s) {
    if (s.n == 1) return round_up(column_scratch(s.k) * int64_t(sizeof(T)), 64);
    const int64_t depth = smaller(s.k, depth_block);
    const int64_t a = round_up(smaller(s.m, row_block) * depth, 64);
    const int64_t b = round_up(smaller(s.n, column_block), Vec<T>::size) * depth;
    return round_up((a + b) * int64_t(sizeof(T)), 64);
}

template <class T>
void gemm(GemmSize s, const T* a, int64_t a_row, int64_t a_col, const T* b, int64_t b_row, int64_t b_col, T* c,
          int64_t ldc, void* scratch) {
    if (s.k == 0) {
        for (int64_t i = 0; i < s.m; ++i) memset(c + i * ldc, 0, size_t(s.n) * sizeof(T));
        return;
    }
    if (s.n == 1) return column_product(s.m, s.k, a, a_row, a_col, b, b_row, c, ldc, static_cast<T*>(scratch));
    const bool packs_b = b_col != 1 || PACKB, packs_a = PACKA;
    T* const a_space = static_cast<T*>(scratch);
    T* const b_space = a_space + round_up(smaller(s.m, row_block) * smaller(s.k, depth_block), 64);
    const int64_t row_step = packs_a ? row_block : s.m, column_step = packs_b ? column_block : s.n;
    for (int64_t j = 0; j < s.n; j += column_step) {
        const int64_t n = smaller(column_step, s.n - j);
        for (int64_t k = 0; k < s.k; k += depth_block) {
            const int64_t depth = smaller(depth_block, s.k - k);
            Block<T> columns{b + k * b_row + j * b_col, b_col, b_row, false};
            if (packs_b) pack_columns(n, depth, columns, b_space);
            for (int64_t i = 0; i < s.m; i += row_step) {
                const int64_t m = smaller(row_step, s.m - i);
                Block<T> rows{a + i * a_row + k * a_col, a_row, a_col, false};
                if (packs_a) pack_rows(m, depth, rows, a_space);
                block_product(m, n, depth, rows, columns, c + i * ldc + j, ldc, k > 0);
            }
        }
    }
}

}  // namespace
}  // namespace fg::kernels
