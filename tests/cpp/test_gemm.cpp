// Matrix product: exact bits of the promised order on fused levels, error bounds on all, any strides, no strays.
#include "kernel_testing.hpp"

namespace {

using namespace fg::test;
using fg::kernels::GemmSize;
using fg::kernels::KernelTable;
using std::int64_t;

constexpr int64_t depth_block = 256;  // as in kernels/gemm.hpp
constexpr int64_t column_depth = 4096;

// How a matrix lies in memory. The zero strides repeat one row or one column.
enum Layout {
    rows_packed,
    columns_packed,
    rows_padded,
    columns_padded,
    rows_backwards,
    columns_backwards,
    every_second,
    one_row,
    one_column,
    layouts
};

template <class T> struct Matrix {
    int64_t rows, columns, row_stride, column_stride, origin = 0;
    Fenced<T> memory;

    static int64_t extent(int64_t rows, int64_t columns, Layout layout) {
        return layout == every_second ? 4 * rows * columns + 4 : (rows + 3) * (columns + 3);
    }
    // Everything between the elements is NaN.
    Matrix(int64_t r, int64_t c, Layout layout, Numbers& numbers)
        : rows(r), columns(c), memory(extent(r, c, layout), std::numeric_limits<T>::quiet_NaN()) {
        switch (layout) {
            case rows_packed: row_stride = c, column_stride = 1; break;
            case columns_packed: row_stride = 1, column_stride = r; break;
            case rows_padded: row_stride = c + 3, column_stride = 1; break;
            case columns_padded: row_stride = 1, column_stride = r + 3; break;
            case rows_backwards: row_stride = -c, column_stride = 1, origin = r > 0 ? (r - 1) * c : 0; break;
            case columns_backwards: row_stride = c, column_stride = -1, origin = c > 0 ? c - 1 : 0; break;
            case every_second: row_stride = 4 * c, column_stride = 2; break;
            case one_row: row_stride = 0, column_stride = 1; break;
            default: row_stride = 1, column_stride = 0; break;
        }
        for (int64_t i = 0; i < r; ++i)
            for (int64_t j = 0; j < c; ++j) at(i, j) = T(numbers.next());
    }
    T* data() { return memory.data() + origin; }
    T& at(int64_t i, int64_t j) { return memory[origin + i * row_stride + j * column_stride]; }
};

// The promised order, one element at a time.
template <class T> T expected(Matrix<T>& a, Matrix<T>& b, int64_t i, int64_t j) {
    const int64_t k = a.columns;
    T total = 0;
    if (b.columns != 1) {
        for (int64_t begin = 0; begin < k; begin += depth_block) {
            T sum = 0;
            for (int64_t l = begin; l < std::min(k, begin + depth_block); ++l)
                sum = std::fma(a.at(i, l), b.at(l, j), sum);
            total = begin ? total + sum : sum;
        }
        return total;
    }
    T lanes[16] = {};
    for (int64_t begin = 0; begin < k; begin += column_depth) {
        T sums[16] = {};
        for (int64_t l = begin; l < std::min(k, begin + column_depth); ++l)
            sums[l % 16] = std::fma(a.at(i, l), b.at(l, j), sums[l % 16]);
        for (int l = 0; l < 16; ++l) lanes[l] = begin ? lanes[l] + sums[l] : sums[l];
    }
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; ++l) lanes[l] += lanes[l + half];
    return lanes[0];
}

template <class T> void check_product(int64_t m, int64_t n, int64_t k, Layout a_layout, Layout b_layout) {
    static const auto levels = all_levels();
    Numbers numbers(std::uint64_t(m * 1000003 + n * 1009 + k));
    Matrix<T> a(m, k, a_layout, numbers), b(k, n, b_layout, numbers);
    std::vector<T> exact(std::size_t(m * n));
    std::vector<double> reference(exact.size()), bound(exact.size());
    const int64_t step = m * n * k / 400000 | 1;  // of a large product, every so many elements are looked at
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
            if ((i * n + j) % step != 0) continue;
            long double sum = 0, size = 0;
            for (int64_t l = 0; l < k; ++l) {
                const long double product = (long double)a.at(i, l) * b.at(l, j);
                sum += product, size += std::fabs(product);
            }
            const auto at = std::size_t(i * n + j);
            exact[at] = expected(a, b, i, j);
            reference[at] = double(sum);
            bound[at] = double(size) * double(k + 2) * std::numeric_limits<T>::epsilon();
        }
    const int64_t ldc = n + 2;
    for (const KernelTable* level : levels) {
        const auto& kernels = fg::kernels::numbers<T>(*level);
        const GemmSize size{m, n, k};
        Fenced<T> c(m * ldc, T(7));
        Scratch scratch(kernels.gemm_scratch(size));
        kernels.gemm(size, a.data(), a.row_stride, a.column_stride, b.data(), b.row_stride, b.column_stride, c.data(),
                     ldc, scratch.get());
        // With b packed once, some rows at a time: the same bits.
        if (const int64_t bytes = kernels.gemm_packed_bytes(size, b.row_stride, b.column_stride)) {
            Scratch packed(bytes);
            Fenced<T> again(m * ldc, T(7));
            for (int part = 0; part < 3; ++part)
                kernels.gemm_pack(size, b.data(), b.row_stride, b.column_stride, part, 3, packed.get());
            for (int64_t i = 0, rows = m / 2 + 1; i < m; i += rows)
                kernels.gemm_packed({std::min(rows, m - i), n, k}, a.data() + i * a.row_stride, a.row_stride,
                                    a.column_stride, packed.get(), again.data() + i * ldc, ldc, scratch.get());
            bool same = true;
            for (int64_t i = 0; i < m * ldc; ++i) same &= same_bits(again[i], c[i]);
            CHECK(same && again.fences_stand() && packed.fences_stand() && scratch.fences_stand());
        }
        int64_t wrong_bits = 0, too_far = 0, strays = 0;
        for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < ldc; ++j) {
                const T x = c[i * ldc + j];
                const auto at = std::size_t(i * n + j);
                if (j >= n) strays += x != T(7);
                else if (at % std::size_t(step) == 0) {
                    wrong_bits += level->fused && !same_bits(x, exact[at]);
                    too_far += !(std::fabs(double(x) - reference[at]) <= bound[at]);
                }
            }
        const bool right = CHECK(wrong_bits == 0), near = CHECK(too_far == 0), inside = CHECK(strays == 0);
        if (!(CHECK(c.fences_stand() && scratch.fences_stand()) && right && near && inside))
            std::printf("  %s float%d %lldx%lldx%lld layouts %d %d\n", level->isa, int(8 * sizeof(T)), (long long)m,
                        (long long)n, (long long)k, a_layout, b_layout);
    }
}

template <class T> void check_small() {
    int turn = 0;
    for (int64_t m = 0; m <= 20; ++m)
        for (int64_t n = 0; n <= 20; ++n)
            for (int64_t k = 0; k <= 20; ++k, turn += 7)
                check_product<T>(m, n, k, Layout(turn % layouts), Layout(turn / layouts % layouts));
}

template <class T> void check_layouts() {
    const GemmSize sizes[] = {{1, 1, 1}, {5, 7, 3}, {17, 1, 37}, {1, 33, 18}, {40, 50, 30}, {9, 2, 261}};
    for (const GemmSize& s : sizes)
        for (int a = 0; a < layouts; ++a)
            for (int b = 0; b < layouts; ++b) check_product<T>(s.m, s.n, s.k, Layout(a), Layout(b));
}

template <class T> void check_large() {
    const GemmSize sizes[] = {{1, 1, 9001},    {3, 1, 4097},    {300, 1, 20},    {531, 1, 70},    {20, 1, 8200},
                              {33, 49, 257},   {50, 67, 300},   {129, 131, 517}, {200, 3, 700},   {7, 500, 260},
                              {1, 300, 300},   {530, 17, 40},   {9, 3130, 11},   {400, 90, 33},   {64, 64, 64},
                              {97, 193, 129},  {1100, 5, 20},   {301, 259, 900}, {130, 301, 440}, {1, 1300, 300},
                              {1, 37, 27},     {40, 1, 9000},   {1100, 1, 200},  {9000, 1, 20},   {40, 150, 130},
                              {20, 260, 1024}, {1100, 257, 240}};
    for (const GemmSize& s : sizes)
        for (Layout a : {rows_packed, columns_padded})
            for (Layout b : {rows_padded, columns_packed}) check_product<T>(s.m, s.n, s.k, a, b);
}

// A row's result does not depend on the rows beside it.
template <class T> void check_row_alone() {
    for (const KernelTable* level : all_levels())
        for (int64_t n : {1, 10, 64}) {
            const int64_t m = 61, k = 300;
            const auto& kernels = fg::kernels::numbers<T>(*level);
            Numbers numbers(5);
            Matrix<T> a(m, k, rows_packed, numbers), b(k, n, rows_packed, numbers);
            Scratch scratch(kernels.gemm_scratch({m, n, k}));
            std::vector<T> together(std::size_t(m * n)), alone(together);
            kernels.gemm({m, n, k}, a.data(), k, 1, b.data(), n, 1, together.data(), n, scratch.get());
            for (int64_t i = 0; i < m; ++i)
                kernels.gemm({1, n, k}, a.data() + i * k, k, 1, b.data(), n, 1, alone.data() + i * n, n, scratch.get());
            CHECK(same_bits(together, alone));
        }
}

// Nor does a block of rows and columns depend on the rest, as long as it has more columns than one: products may be cut
// anywhere.
template <class T> void check_block_alone() {
    for (const KernelTable* level : all_levels())
        for (Layout layout : {rows_packed, columns_packed}) {
            const int64_t m = 61, n = 150, k = 300;
            const auto& kernels = fg::kernels::numbers<T>(*level);
            Numbers numbers(6);
            Matrix<T> a(m, k, layout, numbers), b(k, n, layout, numbers);
            Scratch scratch(kernels.gemm_scratch({m, n, k}));
            std::vector<T> together(std::size_t(m * n)), cut(together);
            kernels.gemm({m, n, k}, a.data(), a.row_stride, a.column_stride, b.data(), b.row_stride, b.column_stride,
                         together.data(), n, scratch.get());
            for (int64_t rows : {1, 16, 40})
                for (int64_t columns : {2, 3, 5, 16, 74}) {
                    for (int64_t i = 0; i < m; i += rows)
                        for (int64_t j = 0; j + 1 < n; j += columns) {
                            const int64_t to = n - j - columns < 2 ? n - j : columns;
                            const GemmSize size{std::min(rows, m - i), to, k};
                            Scratch own(kernels.gemm_scratch(size));
                            kernels.gemm(size, &a.at(i, 0), a.row_stride, a.column_stride, &b.at(0, j), b.row_stride,
                                         b.column_stride, cut.data() + i * n + j, n, own.get());
                            if (to != columns) break;
                        }
                    CHECK(same_bits(together, cut));
                    std::fill(cut.begin(), cut.end(), T(0));
                }
        }
}

// NaN and infinity reach the elements they belong to and no others.
template <class T> void check_not_finite() {
    const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
    for (const KernelTable* level : all_levels())
        for (int64_t n : {1, 5, 40}) {
            const int64_t m = 21, k = 19;
            const auto& kernels = fg::kernels::numbers<T>(*level);
            std::vector<T> a(std::size_t(m * k), T(1)), b(std::size_t(k * n), T(1)), c(std::size_t(m * n));
            a[std::size_t(4 * k + 18)] = nan, a[std::size_t(20 * k)] = inf;
            b[std::size_t(18 * n + n - 1)] = -inf;
            Scratch scratch(kernels.gemm_scratch({m, n, k}));
            kernels.gemm({m, n, k}, a.data(), k, 1, b.data(), n, 1, c.data(), n, scratch.get());
            bool right = true;
            for (int64_t i = 0; i < m; ++i)
                for (int64_t j = 0; j < n; ++j) {
                    const T x = c[std::size_t(i * n + j)];
                    const bool last = j == n - 1;
                    if (i == 4) right &= std::isnan(x);
                    else if (i == 20) right &= last ? std::isnan(x) : x == inf;
                    else right &= x == (last ? -inf : T(k));
                }
            CHECK(right);
        }
}

// Sums that underflow to a negative zero: its sign is the same in both layouts of a.
template <class T> void check_underflow() {
    for (const KernelTable* level : all_levels())
        for (int64_t n : {1, 3})
            for (int64_t k : {16, 17}) {
                const int64_t m = 40;
                const auto& kernels = fg::kernels::numbers<T>(*level);
                const T tiny = std::numeric_limits<T>::min();
                std::vector<T> a(std::size_t(m * k), -tiny), b(std::size_t(k * n), tiny), by_rows(std::size_t(m * n)),
                    by_columns(by_rows);
                Scratch scratch(kernels.gemm_scratch({m, n, k}));
                kernels.gemm({m, n, k}, a.data(), k, 1, b.data(), n, 1, by_rows.data(), n, scratch.get());
                kernels.gemm({m, n, k}, a.data(), 1, m, b.data(), n, 1, by_columns.data(), n, scratch.get());
                CHECK(same_bits(by_rows, by_columns));
            }
}

// Rows of one column, and the sums over them, some at a time as a stream asks for them: the bits of whole products.
template <class T> void check_stream() {
    Numbers numbers(7);
    const int64_t shapes[][3] = {{1, 1, 16}, {50, 7, 16}, {1000, 33, 64}, {4200, 40, 128}, {9000, 5, 4096}};
    for (const KernelTable* level : all_levels())
        for (const auto& [n, d, together] : shapes) {
            const auto& kernels = fg::kernels::numbers<T>(*level);
            Fenced<T> x(n * d, numbers), w(d, numbers), rows(n), expected_rows(n), sums(d), expected_sums(d);
            Scratch scratch(std::max(kernels.gemm_scratch({n, 1, d}), kernels.gemm_scratch({d, 1, n})));
            Scratch state(kernels.column_sums_bytes(d, n));
            kernels.gemm({n, 1, d}, x.data(), d, 1, w.data(), 1, 1, expected_rows.data(), 1, scratch.get());
            kernels.gemm({d, 1, n}, x.data(), 1, d, expected_rows.data(), 1, 1, expected_sums.data(), 1, scratch.get());
            for (int64_t first = 0; first < n; first += together) {
                const int64_t count = std::min<int64_t>(together, n - first);
                kernels.column_part(n, d, first, count, x.data(), d, w.data(), rows.data() + first);
                kernels.column_add(d, n, first, count, x.data(), d, rows.data(), state.get());
            }
            kernels.column_join(d, n, state.get(), sums.data(), 1);
            CHECK(same_bits(rows.values(), expected_rows.values()));
            CHECK(same_bits(sums.values(), expected_sums.values()));
            CHECK(rows.fences_stand() && sums.fences_stand() && state.fences_stand());
        }
}

template <class T> void check_type() {
    check_small<T>();
    check_layouts<T>();
    check_large<T>();
    check_row_alone<T>();
    check_block_alone<T>();
    check_not_finite<T>();
    check_underflow<T>();
    check_stream<T>();
}

}  // namespace

int suite_gemm() {
    check_type<float>();
    check_type<double>();
    return 0;
}
