// Sums of squares in a fixed order, and scaling in place.
#include "train/gradient_norm.hpp"

#include <cmath>

#include "train/optimizer.hpp"

namespace fg {
namespace {

// Eight sums side by side, then those in order: quick, and the same everywhere.
template <class T> double squared_sum(const T* x, int64_t n) {
    constexpr int lanes = 8;
    double sums[lanes] = {};
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
        for (int k = 0; k < lanes; ++k) sums[k] += double(x[i + k]) * double(x[i + k]);
    double total = 0;
    for (double sum : sums) total += sum;
    for (; i < n; ++i) total += double(x[i]) * double(x[i]);
    return total;
}

}  // namespace

double gradient_norm(Span<Tensor> gradients) {
    double total = 0;
    for (const Tensor& g : gradients) {
        if (!g) continue;
        const Tensor numbers = is_dense(g) ? g : contiguous(g);
        total += visit_floating(g.dtype(), [&](auto zero) {
            return squared_sum(numbers.view().as<const decltype(zero)>(), numbers.size());
        });
    }
    return std::sqrt(total);
}

double clip_factor(double norm, double max_norm) { return std::fmin(1.0, max_norm / (norm + 1e-6)); }

void scale(const Tensor& t, double factor) {
    visit_floating(t.dtype(), [&](auto zero) {
        using T = decltype(zero);
        T* x = t.view().as<T>();
        for (int64_t i = 0, n = t.size(); i < n; ++i) x[i] *= T(factor);
    });
}

}  // namespace fg
