// Linear model's squared error in one pass: sums and gradient against long double, bits on all levels, no strays.
#include "kernel_testing.hpp"

namespace {

using namespace fg::test;
using fg::kernels::KernelTable;
using std::int64_t;

template <class T> struct Problem {
    int64_t n, d, x_row;
    Fenced<T> x, y, w;
    T bias;

    // Between the rows of X lie NaNs.
    Problem(int64_t rows, int64_t columns, int64_t gap, Numbers& numbers)
        : n(rows),
          d(columns),
          x_row(columns + gap),
          x(rows * x_row, std::numeric_limits<T>::quiet_NaN()),
          y(rows, numbers),
          w(columns, numbers),
          bias(T(numbers.next())) {
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < d; ++j) x[i * x_row + j] = T(numbers.next());
    }

    // loss, d gradients of weights, gradient of bias
    std::vector<T> run(const KernelTable& level) {
        const auto& kernels = fg::kernels::numbers<T>(level);
        Scratch scratch(kernels.linear_mse_scratch(n, d));
        Fenced<T> out(d + 2, T(7));
        kernels.linear_mse(n, d, x.data(), x_row, y.data(), w.data(), bias, out.data(), out.data() + 1,
                           out.data() + d + 1, scratch.get());
        CHECK(scratch.fences_stand());
        CHECK(out.fences_stand());
        return out.values();
    }

    // How many of the results are further from the truth than rounding allows.
    int64_t too_far(const std::vector<T>& got) {
        const long double eps = std::numeric_limits<T>::epsilon();
        const long double depth = 40 + (long double)d / 16;  // additions one residual, then one sum, goes through
        std::vector<long double> value(got.size(), 0), size(got.size(), 0);
        for (int64_t i = 0; i < n; ++i) {
            long double r = (long double)bias - y[i], r_size = std::fabs(bias) + std::fabs(y[i]);
            for (int64_t j = 0; j < d; ++j) {
                r += (long double)x[i * x_row + j] * w[j];
                r_size += std::fabs((long double)x[i * x_row + j] * w[j]);
            }
            value[0] += r * r, size[0] += 2 * r_size * r_size;
            for (int64_t j = 0; j < d; ++j) {
                const auto at = std::size_t(j + 1);
                value[at] += r * x[i * x_row + j], size[at] += r_size * std::fabs(x[i * x_row + j]);
            }
            value.back() += r, size.back() += r_size;
        }
        int64_t count = 0;
        for (std::size_t i = 0; i < got.size(); ++i) count += !(std::fabs(got[i] - value[i]) <= depth * eps * size[i]);
        return count;
    }
};

template <class T> void check_size(int64_t n, int64_t d, int64_t gap) {
    static const auto levels = all_levels();
    Numbers numbers(std::uint64_t(n * 131 + d));
    Problem<T> problem(n, d, gap, numbers);
    std::vector<T> fused;
    for (const KernelTable* level : levels) {
        const std::vector<T> out = problem.run(*level);
        if (level->fused && fused.empty()) fused = out;
        const bool near = CHECK(problem.too_far(out) == 0);
        if (!(CHECK(!level->fused || same_bits(out, fused)) && near))
            std::printf("  %s float%d %lldx%lld\n", level->isa, int(8 * sizeof(T)), (long long)n, (long long)d);
    }
}

template <class T> void check_type() {
    for (int64_t n = 0; n <= 40; ++n)
        for (int64_t d : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 49, 100}) check_size<T>(n, d, n % 3);
    for (int64_t n : {1000, 1023, 1024, 1025, 2048, 5003})
        for (int64_t d : {1, 6, 16, 21}) check_size<T>(n, d, 0);
    check_size<T>(100, 1000, 0);
    check_size<T>(33, 1001, 7);
    check_size<T>(3, 9000, 0);

    // An exact fit has a loss and a gradient of exactly zero.
    Numbers numbers(3);
    Problem<T> fit(77, 8, 0, numbers);
    for (int64_t i = 0; i < fit.x_row * fit.n; ++i) fit.x[i] = T(numbers.below(9) - 4);
    for (int64_t j = 0; j < fit.d; ++j) fit.w[j] = T(j) / 4;
    fit.bias = T(0.5);
    for (int64_t i = 0; i < fit.n; ++i) {
        fit.y[i] = fit.bias;
        for (int64_t j = 0; j < fit.d; ++j) fit.y[i] += fit.x[i * fit.x_row + j] * fit.w[j];
    }
    for (const KernelTable* level : all_levels()) CHECK(same_bits(fit.run(*level), std::vector<T>(10, T(0))));
}

}  // namespace

int suite_linear_mse() {
    check_type<float>();
    check_type<double>();
    return 0;
}
