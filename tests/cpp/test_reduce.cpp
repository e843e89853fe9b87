// Sum, max, logsumexp: error bounds against long double, the same bits on all levels, special values, no strays.
#include "kernel_testing.hpp"

namespace {

using namespace fg::test;
using fg::kernels::KernelTable;
using fg::kernels::NumberKernels;
using std::int64_t;

template <class T> constexpr T inf = std::numeric_limits<T>::infinity();
template <class T> constexpr T nan = std::numeric_limits<T>::quiet_NaN();

enum Reduction { sum, max, logsumexp };

template <class T> std::vector<T> run(const KernelTable& level, Reduction reduction, int64_t outer, int64_t n,
                                      int64_t inner, Fenced<T>& x) {
    const NumberKernels<T>& k = fg::kernels::numbers<T>(level);
    Fenced<T> out(outer * inner, T(7));
    (reduction == sum ? k.sum : reduction == max ? k.max : k.logsumexp)(outer, n, inner, inner, x.data(), out.data());
    CHECK(out.fences_stand());
    return out.values();
}

// The same for some columns at a time.
template <class T> std::vector<T> run_by_columns(const KernelTable& level, Reduction reduction, int64_t n,
                                                 int64_t inner, int64_t columns, Fenced<T>& x) {
    const NumberKernels<T>& k = fg::kernels::numbers<T>(level);
    Fenced<T> out(inner, T(7));
    for (int64_t j = 0; j < inner; j += columns)
        (reduction == sum   ? k.sum
         : reduction == max ? k.max
                            : k.logsumexp)(1, n, std::min(columns, inner - j), inner, x.data() + j, out.data() + j);
    CHECK(out.fences_stand());
    return out.values();
}

template <class T> T run_one(const KernelTable& level, Reduction reduction, const std::vector<T>& numbers) {
    Fenced<T> x(int64_t(numbers.size()));
    std::copy(numbers.begin(), numbers.end(), x.data());
    return run(level, reduction, 1, int64_t(numbers.size()), 1, x)[0];
}

// The reference, and how far from it a result may be.
struct Expected {
    long double value, bound;
};
template <class T> Expected expected(Reduction reduction, int64_t n, int64_t inner, const T* x) {
    const long double eps = std::numeric_limits<T>::epsilon();
    long double total = 0, size = 0, largest = -inf<double>;
    for (int64_t i = 0; i < n; ++i) {
        total += x[i * inner], size += std::fabs(x[i * inner]);
        largest = std::max(largest, (long double)x[i * inner]);
    }
    // A pairwise tree's bound, with sixteen additions in each lane of a block.
    if (reduction == sum) return {total, (24 + std::log2((long double)n + 1)) * eps * size};
    if (reduction == max) return {largest, 0};
    long double exps = 0;
    for (int64_t i = 0; i < n; ++i) exps += std::exp(x[i * inner] - largest);
    const long double value = largest + std::log(exps);
    return {value, eps * (30 + 2 * std::fabs(largest) + std::fabs(value))};
}

template <class T> void check_size(int64_t outer, int64_t n, int64_t inner) {
    static const auto levels = all_levels();
    Numbers numbers(std::uint64_t(outer + 31 * n + 977 * inner));
    Fenced<T> x(outer * n * inner, numbers);
    for (int64_t i = 0; i < outer * n * inner; ++i) x[i] *= 5;
    for (Reduction reduction : {sum, max, logsumexp}) {
        if (reduction == max && n == 0) continue;
        std::vector<T> fused;
        for (const KernelTable* level : levels) {
            const std::vector<T> out = run(*level, reduction, outer, n, inner, x);
            if (outer == 1 && inner > 1)
                for (int64_t columns : {1, 3, 16})
                    CHECK(same_bits(run_by_columns(*level, reduction, n, inner, columns, x), out));
            int64_t too_far = 0;
            for (int64_t o = 0; o < outer; ++o)
                for (int64_t j = 0; j < inner; ++j) {
                    const T got = out[std::size_t(o * inner + j)];
                    const Expected e = expected(reduction, n, inner, x.data() + o * n * inner + j);
                    too_far +=
                        !(n == 0 && reduction == logsumexp ? got == -inf<T> : std::fabs(got - e.value) <= e.bound);
                }
            if (level->fused && fused.empty()) fused = out;
            const bool near = CHECK(too_far == 0);
            if (!(CHECK(!level->fused || same_bits(out, fused)) && near))
                std::printf("  %s float%d reduction %d of %lldx%lldx%lld\n", level->isa, int(8 * sizeof(T)), reduction,
                            (long long)outer, (long long)n, (long long)inner);
        }
    }
}

template <class T> void check_sizes() {
    for (int64_t n = 0; n <= 140; ++n) check_size<T>(n % 5 + 1, n, 1);
    for (int64_t n : {1, 3, 10, 64, 1000}) check_size<T>(37, n, 1);
    for (int64_t n : {1023, 1024, 1025, 2048, 5000, 8 * 1024 + 3, 100001}) check_size<T>(2, n, 1);
    for (int64_t n : {0, 1, 2, 7, 8, 9, 15, 16, 17, 100})
        for (int64_t inner : {2, 3, 10, 16, 17, 33, 64}) check_size<T>(n % 3 + 1, n, inner);
    for (int64_t inner : {127, 128, 129, 255, 256, 257, 1000}) check_size<T>(2, 21, inner);
    check_size<T>(1, 30011, 3);
    check_size<T>(0, 5, 4);
}

// A million equal numbers: a running sum would drift off.
template <class T> void check_long_sum() {
    const int64_t n = 1 << 20;
    for (const KernelTable* level : all_levels())
        for (int64_t inner : {1, 4}) {
            Fenced<T> x(n * inner, T(0.1));
            for (T total : run(*level, sum, 1, n, inner, x))
                CHECK(std::fabs(total / (double(T(0.1)) * double(n)) - 1) <= 8 * std::numeric_limits<T>::epsilon());
        }
}

// A sum whose numbers come some at a time, in pieces of any multiple of 64.
template <class T> void check_sum_as_it_comes() {
    for (const KernelTable* level : all_levels()) {
        const NumberKernels<T>& k = fg::kernels::numbers<T>(*level);
        for (int64_t n : {1, 17, 64, 1000, 1024, 1025, 4096, 5003, 70'001}) {
            Fenced<T> x(n);
            for (int64_t i = 0; i < n; ++i) x[i] = T(std::sin(double(i) * i));
            const T whole = run(*level, sum, 1, n, 1, x)[0];
            for (int64_t piece : {64, 192, 1024, 1088, 8192}) {
                Fenced<T> lanes(k.sum_lanes_bytes(n) / int64_t(sizeof(T)), nan<T>);
                for (int64_t first = 0; first < n; first += piece)
                    k.sum_add(first, std::min(piece, n - first), x.data() + first, lanes.data());
                CHECK(same_bits(k.sum_join(n, lanes.data()), whole));
                CHECK(lanes.fences_stand());
            }
        }
    }
}

template <class T> void check_special() {
    for (const KernelTable* level : all_levels()) {
        for (int64_t n : {1, 4, 16, 40, 70, 3000}) {
            std::vector<T> x(std::size_t(n), T(1));
            for (std::size_t at : {std::size_t(0), x.size() / 2, x.size() - 1}) {
                const auto with = [&](T value) {
                    std::vector<T> y = x;
                    y[at] = value;
                    return y;
                };
                CHECK(run_one(*level, sum, with(inf<T>)) == inf<T>);
                CHECK(std::isnan(run_one(*level, sum, with(nan<T>))));
                CHECK(std::isnan(run_one(*level, max, with(nan<T>))));
                CHECK(run_one(*level, max, with(T(2))) == 2);
                CHECK(std::isnan(run_one(*level, logsumexp, with(nan<T>))));
                CHECK(run_one(*level, logsumexp, with(inf<T>)) == inf<T>);
                if (n > 1) CHECK(std::isfinite(run_one(*level, logsumexp, with(-inf<T>))));
            }
            const std::vector<T> lowest(x.size(), -inf<T>), big(x.size(), std::numeric_limits<T>::max());
            CHECK(run_one(*level, max, lowest) == -inf<T>);
            CHECK(run_one(*level, logsumexp, lowest) == -inf<T>);
            CHECK(run_one(*level, logsumexp, big) == std::numeric_limits<T>::max());
            const std::vector<T> small(x.size(), T(-1e4));
            CHECK(std::fabs(run_one(*level, logsumexp, small) + 1e4 - std::log(double(n))) <=
                  1e5 * std::numeric_limits<T>::epsilon());
            CHECK(!std::signbit(run_one(*level, sum, std::vector<T>(x.size(), T(-0.0)))));
        }
        // Columns: what one holds does not reach the next.
        Fenced<T> x(12 * 5, T(1));
        x[3 * 5] = nan<T>, x[7 * 5 + 1] = inf<T>, x[11 * 5 + 2] = -inf<T>;
        for (Reduction reduction : {sum, max, logsumexp}) {
            const std::vector<T> out = run(*level, reduction, 1, 12, 5, x);
            CHECK(std::isnan(out[0]));
            CHECK(out[1] == inf<T>);
            CHECK(reduction == sum ? out[2] == -inf<T> : std::isfinite(out[2]));
            CHECK(std::isfinite(out[3]) && same_bits(out[3], out[4]));
        }
    }
}

template <class T> void check_type() {
    check_sizes<T>();
    check_long_sum<T>();
    check_sum_as_it_comes<T>();
    check_special<T>();
}

}  // namespace

int suite_reduce() {
    check_type<float>();
    check_type<double>();
    return 0;
}
