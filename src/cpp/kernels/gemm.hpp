// Matrix product c = a @ b for any strides: cache blocks, packing where it pays, and the choice of tiles.
//
// Every element of C is one chain of fused multiply-adds over each block of depth_block k, and the blocks' sums are
// added in order. Tiles, packing and vector width only decide when an element is computed, never how, so its bits
// depend on k alone. For n == 1 the order is another, see gemm/column.hpp.
#pragma once

#include <type_traits>
#include <utility>

#include "kernels/gemm/column.hpp"
#include "kernels/gemm/micro.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/gemm/row.hpp"
#include "kernels/table.hpp"

namespace fg::kernels {
namespace {

// The cache blocks. Changing depth_block changes bits; the others only speed.
constexpr int64_t depth_block = 256;
constexpr int64_t row_block = 96;  // packed (row_block, depth_block) of A: 96 KB of L2 in float32
// Packed (depth_block, column_block) of B: 1 MB of L2.
template <class T> constexpr int64_t column_block = 4096 / int64_t(sizeof(T));

// When to pack, as measured on Sapphire Rapids and Zen 3 cores: what is read often enough and would not stay in L2 as
// it lies, or whose lines lie so far apart that they share few sets of a cache. Below pack_b_rows rows, packing B costs
// more than it gives; above, rows off the cache lines pay for it at any size.
constexpr int64_t pack_b_bytes = 512 << 10, pack_b_rows = 128;
constexpr int64_t pack_a_bytes = 512 << 10, pack_a_columns = 256;
constexpr int64_t pack_transposed_a = 128;  // columns and depth, for an A that lies by columns
constexpr int64_t transposed_rows = 512;    // of C made transposed at a time

template <class T> struct TileTable {
    Tile<T> tiles[tile_rows * tile_vectors];

    FG_INLINE Tile<T> at(int rows, int vectors) const { return tiles[(rows - 1) * tile_vectors + vectors - 1]; }
};
template <class T, int R, int NV, bool adjacent, bool ragged> constexpr Tile<T> tile_or_null() {
    if constexpr (R <= rows_by_vectors[NV - 1]) return tile<T, R, NV, adjacent, ragged>;
    else return nullptr;
}
template <class T, bool adjacent, bool ragged, int... I>
constexpr TileTable<T> make_tile_table(std::integer_sequence<int, I...>) {
    return {{tile_or_null<T, I / tile_vectors + 1, I % tile_vectors + 1, adjacent, ragged>()...}};
}
template <class T, bool adjacent, bool ragged> constexpr TileTable<T> tile_table =
    make_tile_table<T, adjacent, ragged>(std::make_integer_sequence<int, tile_rows * tile_vectors>{});

// For small products divisions take as long as a tile; short ones are quicker.
FG_INLINE int64_t quotient(int64_t a, int64_t b) { return a >> 32 ? a / b : int64_t(uint32_t(a) / uint32_t(b)); }

// As few parts of at most `largest` as will do.
FG_INLINE Cut cut(int64_t count, int largest) {
    const int64_t parts = count <= largest ? 1 : quotient(count + largest - 1, largest);
    const int64_t size = parts == 1 ? count : quotient(count, parts);
    return {parts, size, count - size * parts};
}
FG_INLINE int part_of(const Cut& c, int64_t i) { return int(c.size + (i < c.bigger)); }

// Columns go in panels of whole vectors, at most `widest` of them, packed rows in tiles as high as the widest panel's.
template <class T> FG_INLINE Cut cut_columns(int64_t n, int widest) {
    constexpr int lanes = Vec<T>::size;
    return cut((n + lanes - 1) / lanes, widest);
}
FG_INLINE Cut cut_packed_rows(int64_t m, int widest) { return cut(m, rows_by_vectors[widest - 1]); }

// How often lines so many bytes apart, in steps of a power of two, go round the few sets of a 32 KB cache they fall
// into, the last time perhaps not whole.
FG_INLINE int64_t laps(int64_t bytes_apart, int64_t count) {
    constexpr int64_t cache = 32768;
    const int64_t unit = smaller(bytes_apart & -bytes_apart, 4096);
    return unit < 256 ? 0 : (smaller(count, depth_block) * unit + cache - 1) / cache;
}

// Rows (m, depth) of A or columns (depth, n) of B, as they lie or packed in the panels of the cuts above.
template <class T> struct Block {
    const T* p;
    int64_t outer, inner;  // from row to row of A or column to column of B, from k to k
    bool packed;
};

template <class T> void pack_rows(int64_t m, int64_t depth, int widest, Block<T>& a, T* to) {
    const Cut tiles = cut_packed_rows(m, widest);
    for (int64_t part = 0, i = 0; part < tiles.parts; ++part) {
        const int rows = part_of(tiles, part);
        pack_panel(rows, rows, depth, a.p + i * a.outer, a.outer, a.inner, to + i * depth);
        i += rows;
    }
    a = {to, 0, 0, true};
}

// The panels of b from number `first` on, before `last`.
template <class T>
void pack_panels(int64_t n, int64_t depth, int widest, const Block<T>& b, int64_t first, int64_t last, T* to) {
    const Cut panels = cut_columns<T>(n, widest);
    for (int64_t part = 0, j = 0; part < panels.parts; ++part) {
        const int width = part_of(panels, part) * Vec<T>::size;
        if (part >= first && part < last)
            pack_panel(int(smaller(width, n - j)), width, depth, b.p + j * b.outer, b.outer, b.inner, to + j * depth);
        j += width;
    }
}

template <class T> void pack_columns(int64_t n, int64_t depth, int widest, Block<T>& b, T* to) {
    pack_panels(n, depth, widest, b, 0, n, to);
    b = {to, 0, 0, true};
}

// adjacent: rows of A, packed or not, lie one number apart.
template <class T> FG_INLINE BlockPlan<T> plan_block(int64_t m, int64_t n, int widest, bool a_packed, bool adjacent) {
    constexpr int lanes = Vec<T>::size;
    const auto panel = [&](int64_t vectors, int last) __attribute__((always_inline)) {
        const TileTable<T>& whole = adjacent ? tile_table<T, true, false> : tile_table<T, false, false>;
        const TileTable<T>& ragged = adjacent ? tile_table<T, true, true> : tile_table<T, false, true>;
        const TileTable<T>& table = last < lanes ? ragged : whole;
        const Cut rows = a_packed ? cut_packed_rows(m, widest) : cut(m, rows_by_vectors[vectors - 1]);
        const Tile<T> other = table.at(int(rows.size), int(vectors));
        const Tile<T> bigger = rows.bigger ? table.at(int(rows.size) + 1, int(vectors)) : other;
        return PanelPlan<T>{bigger, other, rows, int(vectors) * lanes, last};
    };
    const Cut columns = cut_columns<T>(n, widest);
    const int last = int(lanes + n - round_up(n, lanes));
    return {columns.parts,
            columns.bigger,
            {panel(columns.size + (columns.bigger > 0), lanes), panel(columns.size, lanes), panel(columns.size, last)}};
}

// c = or += a (m, depth) @ b (depth, n) by the plan of m and n; an unpacked b has its columns side by side, in whole
// vectors where loads have no masks.
template <class T>
FG_INLINE void run_block(const BlockPlan<T>& plan, int64_t depth, Block<T> a, Block<T> b, T* c, int64_t ldc, bool add) {
    const int64_t a_row = a.packed ? depth : a.outer;
    for (int64_t panel = 1; panel <= plan.panels; ++panel) {
        const PanelPlan<T>& kind = plan.kinds[panel == plan.panels ? 2 : panel > plan.wider];
        const Panel<T> right{b.p, b.packed ? kind.width : b.inner, kind.last};
        Rows<T> left{a.p, a.packed ? 1 : a.outer, a.inner};
        T* to = c;
        const auto multiply = [&](Tile<T> tile, int64_t parts, int64_t rows) __attribute__((always_inline)) {
            if (a.packed) left.step = rows;
            for (; parts > 0; --parts, left.p += rows * a_row, to += rows * ldc) tile(depth, left, right, to, ldc, add);
        };
        multiply(kind.bigger, kind.rows.bigger, kind.rows.size + 1);
        multiply(kind.other, kind.rows.parts - kind.rows.bigger, kind.rows.size);
        b.p += kind.width * (b.packed ? depth : 1);
        c += kind.width;
    }
}
template <class T> FG_OUT_OF_LINE void block_product(int64_t m, int64_t n, int64_t depth, int widest, Block<T> a,
                                                     Block<T> b, T* c, int64_t ldc, bool add) {
    run_block(plan_block<T>(m, n, widest, a.packed, a.packed || a.outer == 1), depth, a, b, c, ldc, add);
}

// Numbers of scratch for packed A; packed B follows.
FG_INLINE int64_t packed_rows_size(GemmSize s) {
    return round_up(smaller(s.m, row_block) * smaller(s.k, depth_block), 64);
}
template <class T> FG_INLINE int64_t product_scratch(GemmSize s) {
    return packed_rows_size(s) + round_up(smaller(s.n, column_block<T>), Vec<T>::size) * smaller(s.k, depth_block);
}

// Where a block of a B that is packed as a whole begins.
template <class T> FG_INLINE int64_t packed_offset(GemmSize s, int64_t k, int64_t j) {
    return j * s.k + k * round_up(smaller(column_block<T>, s.n - j), Vec<T>::size);
}

// How wide the panels of B may be. One that is packed as a whole, for any number of rows: where it stays in L2.
template <class T> FG_INLINE int widest_packed(GemmSize s) {
    return s.k * s.n * int64_t(sizeof(T)) < pack_b_bytes ? tile_vectors : lean_vectors;
}
// One of a single product: not beside packed rows, and as it lies where its lines do not push one another out of L1,
// nor those of an A of which each tile reads a piece of every line.
template <class T>
FG_INLINE int widest_panel(GemmSize s, const Block<T>& a, const Block<T>& b, bool packs_a, bool packs_b) {
    constexpr int64_t bytes = sizeof(T), near = 44 << 10;
    if (b.packed) return widest_packed<T>(s);
    if (packs_a) return lean_vectors;
    if (packs_b) return tile_vectors;
    const bool stays = laps(b.inner * bytes, s.k) <= 1 && (a.outer != 1 || (s.m + s.n) * s.k * bytes <= near);
    return stays ? tile_vectors : lean_vectors;
}

// All blocks of a product with n > 1, packed where it pays; a b that is packed is so as a whole.
template <class T> FG_OUT_OF_LINE void product(GemmSize s, Block<T> a, Block<T> b, bool packs_a, bool packs_b, T* c,
                                               int64_t ldc, T* scratch) {
    const int widest = widest_panel(s, a, b, packs_a, packs_b);
    const int64_t row_step = packs_a ? row_block : s.m, column_step = packs_b || b.packed ? column_block<T> : s.n;
    for (int64_t j = 0; j < s.n; j += column_step) {
        const int64_t n = smaller(column_step, s.n - j);
        for (int64_t k = 0; k < s.k; k += depth_block) {
            const int64_t depth = smaller(depth_block, s.k - k);
            Block<T> columns{b.p + (b.packed ? packed_offset<T>(s, k, j) : k * b.inner + j * b.outer), b.outer, b.inner,
                             b.packed};
            if (packs_b) pack_columns(n, depth, widest, columns, scratch + packed_rows_size(s));
            for (int64_t i = 0; i < s.m; i += row_step) {
                const int64_t m = smaller(row_step, s.m - i);
                Block<T> rows{a.p + i * a.outer + k * a.inner, a.outer, a.inner, false};
                if (packs_a) pack_rows(m, depth, widest, rows, scratch);
                block_product(m, n, depth, widest, rows, columns, c + i * ldc + j, ldc, k > 0);
            }
        }
    }
}

template <class T> FG_INLINE bool b_wants_packing(GemmSize s, const Block<T>& b) {
    const int64_t step = b.inner * int64_t(sizeof(T));
    if (b.outer != 1 || (!has_masked_loads && s.n % Vec<T>::size != 0)) return true;
    if (s.m >= pack_b_rows)
        return s.k * s.n * int64_t(sizeof(T)) >= pack_b_bytes || (reinterpret_cast<uintptr_t>(b.p) | step) % 64 != 0 ||
               laps(step, s.k) > 1;
    return s.m >= 48 && laps(step, s.k) > 16;
}

template <class T> FG_INLINE bool a_wants_packing(GemmSize s, const Block<T>& a) {
    if (a.outer == 1 && s.m >= 16 && smaller(s.n, s.k) >= pack_transposed_a) return true;
    const int64_t bytes = int64_t(sizeof(T));
    return s.n >= pack_a_columns && (s.m * s.k * bytes >= pack_a_bytes || (s.m >= 16 && a.outer * bytes % 4096 == 0));
}

template <class T> FG_INLINE void choose_packing(GemmSize s, Block<T> a, Block<T> b, T* c, int64_t ldc, T* scratch) {
    const bool packs_a = a_wants_packing(s, a), packs_b = b_wants_packing(s, b);
    if (!packs_a && !packs_b && s.k <= depth_block)
        block_product(s.m, s.n, s.k, widest_panel(s, a, b, false, false), a, b, c, ldc, false);
    else product(s, a, b, packs_a, packs_b, c, ldc, scratch);
}

// Few columns leave most lanes of a vector empty. Where A has its columns contiguous, C is made transposed instead,
// some rows of it at a time, and turned.
template <class T>
FG_OUT_OF_LINE void transposed_product(GemmSize s, Block<T> a, Block<T> b, T* c, int64_t ldc, T* scratch) {
    for (int64_t i = 0; i < s.m; i += transposed_rows) {
        const int64_t m = smaller(transposed_rows, s.m - i);
        choose_packing({s.n, m, s.k}, b, Block<T>{a.p + i * a.outer, a.outer, a.inner, false}, scratch, m,
                       scratch + s.n * transposed_rows);
        transpose(m, s.n, scratch, m, c + i * ldc, ldc);
    }
}

template <class T> FG_INLINE bool is_narrow(int64_t n) { return n <= Vec<T>::size * 5 / 8; }

// B packed as a whole, for products of some rows at a time; s.m is the number of all rows.
template <class T> int64_t gemm_packed_bytes(GemmSize s, int64_t b_row, int64_t b_col) {
    if (s.m == 0 || s.k == 0 || s.n <= 1 || is_narrow<T>(s.n)) return 0;
    if (!b_wants_packing(s, Block<T>{nullptr, b_col, b_row, false})) return 0;
    return round_up(round_up(s.n, Vec<T>::size) * s.k * int64_t(sizeof(T)), 64);
}

template <class T>
void gemm_pack(GemmSize s, const T* b, int64_t b_row, int64_t b_col, int64_t part, int64_t parts, void* packed) {
    const int64_t deep = (s.k + depth_block - 1) / depth_block;
    const int widest = widest_packed<T>(s);
    int64_t panel = 0, all = 0;
    for (int64_t j = 0; j < s.n; j += column_block<T>)
        all += cut_columns<T>(smaller(column_block<T>, s.n - j), widest).parts * deep;
    const int64_t first = all * part / parts, last = all * (part + 1) / parts;
    for (int64_t j = 0; j < s.n; j += column_block<T>)
        for (int64_t k = 0; k < s.k; k += depth_block) {
            const Block<T> columns{b + k * b_row + j * b_col, b_col, b_row, false};
            const int64_t n = smaller(column_block<T>, s.n - j);
            pack_panels(n, smaller(depth_block, s.k - k), widest, columns, first - panel, last - panel,
                        static_cast<T*>(packed) + packed_offset<T>(s, k, j));
            panel += cut_columns<T>(n, widest).parts;
        }
}

template <class T> void gemm_packed(GemmSize s, const T* a, int64_t a_row, int64_t a_col, const void* packed, T* c,
                                    int64_t ldc, void* scratch) {
    if (s.m == 0) return;
    const Block<T> rows{a, a_row, a_col, false};
    const bool packs_a = a_wants_packing(s, rows);
    product(s, rows, Block<T>{static_cast<const T*>(packed), 0, 0, true}, packs_a, false, c, ldc,
            static_cast<T*>(scratch));
}

template <class T> int64_t gemm_scratch(GemmSize s) {
    int64_t count = s.n == 1 ? column_scratch(s.k) : product_scratch<T>(s);
    if (s.n > 1 && is_narrow<T>(s.n)) {
        const int64_t m = smaller(s.m, transposed_rows),
                      turned = s.n * transposed_rows + product_scratch<T>({s.n, m, s.k});
        if (turned > count) count = turned;
    }
    return round_up(count * int64_t(sizeof(T)), 64);
}

// k == 1, where calls of tiles would take longer than the products; the columns of b lie side by side.
template <class T, int NV, class Lanes>
FG_OUT_OF_LINE void outer_panel(int64_t m, const T* a, int64_t a_row, const T* b, T* c, int64_t ldc, Lanes last) {
    constexpr int lanes = Vec<T>::size;
    const Vec<T> zero(T(0));
    Vec<T> x[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV - 1; ++v) x[v] = Vec<T>::load(b + v * lanes);
    x[NV - 1] = last.load(b + (NV - 1) * lanes);
    const auto multiply = [&](int64_t i) __attribute__((always_inline)) {
        const Vec<T> y(a[i * a_row]);
        T* const to = c + i * ldc;
#pragma GCC unroll 4
        for (int v = 0; v < NV - 1; ++v) fma(y, x[v], zero).store(to + v * lanes);
        last.store(to + (NV - 1) * lanes, fma(y, x[NV - 1], zero));
    };
    int64_t i = 0;
    if constexpr (std::is_same_v<Lanes, AllLanes<T>>)  // stores of some lanes branch: their loop is better left alone
        for (; i + 2 <= m; i += 2) multiply(i), multiply(i + 1);
    for (; i < m; ++i) multiply(i);
}

template <class T>
FG_OUT_OF_LINE void outer_rows(int64_t m, int64_t n, const T* a, int64_t a_row, const T* b, T* c, int64_t ldc) {
    constexpr int lanes = Vec<T>::size;
    for (; n >= 4 * lanes; n -= 4 * lanes, b += 4 * lanes, c += 4 * lanes)
        outer_panel<T, 4>(m, a, a_row, b, c, ldc, AllLanes<T>());
    if (n >= 2 * lanes)
        outer_panel<T, 2>(m, a, a_row, b, c, ldc, AllLanes<T>()), n -= 2 * lanes, b += 2 * lanes, c += 2 * lanes;
    if (n >= lanes) outer_panel<T, 1>(m, a, a_row, b, c, ldc, AllLanes<T>()), n -= lanes, b += lanes, c += lanes;
    if (n > 0) outer_panel<T, 1>(m, a, a_row, b, c, ldc, FirstLanes<T>(int(n)));
}

template <class T> void outer_product(int64_t m, int64_t n, const T* a, int64_t a_row, const T* b, T* c, int64_t ldc) {
    constexpr int64_t near = 16 << 10, fewest = 8;  // bytes of C written panel by panel, and rows
    const int64_t row = n * int64_t(sizeof(T));
    if (m * row <= near) return outer_rows(m, n, a, a_row, b, c, ldc);
    const int64_t fit = quotient(near, row), together = fit > fewest ? fit : fewest;
    for (; m > 0; m -= together, a += together * a_row, c += together * ldc)
        outer_rows(smaller(together, m), n, a, a_row, b, c, ldc);
}

// --- the kinds of products that a plan chooses from

template <class T> FG_INLINE Block<T> rows_of(const GemmPlan<T>& p, const T* a) { return {a, p.a_row, p.a_col, false}; }
template <class T> FG_INLINE Block<T> columns_of(const GemmPlan<T>& p, const T* b) {
    return {b, p.b_col, p.b_row, false};
}

template <class T> FG_INLINE void make_zeros(const GemmPlan<T>& p, const T*, const T*, T* c, T*) {
    if (p.size.n > 0)
        for (int64_t i = 0; i < p.size.m; ++i) memset(c + i * p.ldc, 0, size_t(p.size.n) * sizeof(T));
}
template <class T> FG_INLINE void make_column(const GemmPlan<T>& p, const T* a, const T* b, T* c, T* scratch) {
    column_product(p.size.m, p.size.k, a, p.a_row, p.a_col, b, p.b_row, c, p.ldc, scratch);
}
// The two that small networks have, with b as it lies.
template <class T> FG_INLINE void make_near_rows(const GemmPlan<T>& p, const T* a, const T* b, T* c, T*) {
    near_rows(p.size.m, p.size.k, a, p.a_row, b, c, p.ldc);
}
template <class T> FG_INLINE void make_near_columns(const GemmPlan<T>& p, const T* a, const T* b, T* c, T*) {
    near_columns(p.size.m, p.size.k, a, p.a_col, b, c, p.ldc);
}
template <class T> FG_INLINE void make_row(const GemmPlan<T>& p, const T* a, const T* b, T* c, T*) {
    row_product(p.size.n, p.size.k, depth_block, a, p.a_col, b, p.b_row, c);
}
template <class T> FG_INLINE void make_outer(const GemmPlan<T>& p, const T* a, const T* b, T* c, T*) {
    outer_product(p.size.m, p.size.n, a, p.a_row, b, c, p.ldc);
}
template <class T> FG_INLINE void make_transposed(const GemmPlan<T>& p, const T* a, const T* b, T* c, T* scratch) {
    transposed_product(p.size, rows_of(p, a), columns_of(p, b), c, p.ldc, scratch);
}
template <class T> FG_INLINE void make_block(const GemmPlan<T>& p, const T* a, const T* b, T* c, T*) {
    run_block(p.block, p.size.k, rows_of(p, a), columns_of(p, b), c, p.ldc, false);
}
template <class T> FG_INLINE void make_any(const GemmPlan<T>& p, const T* a, const T* b, T* c, T* scratch) {
    choose_packing(p.size, rows_of(p, a), columns_of(p, b), c, p.ldc, scratch);
}

template <class T> using ProductKind = void (*)(const GemmPlan<T>&, const T*, const T*, T*, T*);
template <class T, ProductKind<T> kind> void planned(const void* plan, const void* const* in, void* c, void* scratch) {
    kind(*static_cast<const GemmPlan<T>*>(plan), static_cast<const T*>(in[0]), static_cast<const T*>(in[1]),
         static_cast<T*>(c), static_cast<T*>(scratch));
}

// Whether a product is one block, wherever its operands lie.
template <class T> FG_INLINE bool is_one_block(GemmSize s, const Block<T>& a, const Block<T>& b) {
    return s.m < pack_b_rows && s.k <= depth_block && !a_wants_packing(s, a) && !b_wants_packing(s, b);
}

template <class T>
GemmPlan<T> gemm_plan(GemmSize s, int64_t a_row, int64_t a_col, int64_t b_row, int64_t b_col, int64_t ldc) {
    GemmPlan<T> p{s, a_row, a_col, b_row, b_col, ldc, planned<T, make_any<T>>, {}};
    const T* const anywhere = nullptr;
    if (s.m == 0 || s.n == 0 || s.k == 0) {
        p.kernel = planned<T, make_zeros<T>>;
    } else if (s.n == 1 && b_row == 1 && a_col == 1 && rows_are_near<T>(s.m, a_row)) {
        p.kernel = planned<T, make_near_rows<T>>;
    } else if (s.n == 1 && b_row == 1 && columns_are_near<T>(s.m, s.k, a_row)) {
        p.kernel = planned<T, make_near_columns<T>>;
    } else if (s.n == 1) {
        p.kernel = planned<T, make_column<T>>;
    } else if (s.m == 1 && b_col == 1) {
        p.kernel = planned<T, make_row<T>>;
    } else if (s.k == 1 && b_col == 1) {
        p.kernel = planned<T, make_outer<T>>;
    } else if (a_row == 1 && s.m >= 2 * Vec<T>::size && is_narrow<T>(s.n)) {
        p.kernel = planned<T, make_transposed<T>>;
    } else if (is_one_block(s, rows_of(p, anywhere), columns_of(p, anywhere))) {
        p.kernel = planned<T, make_block<T>>;
        const int widest = widest_panel(s, rows_of(p, anywhere), columns_of(p, anywhere), false, false);
        p.block = plan_block<T>(s.m, s.n, widest, false, a_row == 1);
    }
    return p;
}

template <class T> void gemm(GemmSize s, const T* a, int64_t a_row, int64_t a_col, const T* b, int64_t b_row,
                             int64_t b_col, T* c, int64_t ldc, void* scratch) {
    const GemmPlan<T> plan = gemm_plan<T>(s, a_row, a_col, b_row, b_col, ldc);
    plan.run(a, b, c, scratch);
}

}  // namespace
}  // namespace fg::kernels
