// Gaussian elimination in plain loops.
#include "ops/small_matrices.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "core/pool.hpp"

namespace fg {

template <class T> SmallLU<T>::SmallLU(const T* a, int64_t size, bool perturbed) : n_(size) {
    std::copy(a, a + n_ * n_, lu_);
    T largest = 0;
    for (int64_t i = 0; i < n_ * n_; ++i) largest = std::max(largest, std::abs(lu_[i]));
    for (int64_t k = 0; k < n_; ++k) {
        place_pivot(k);
        T& pivot = row(k)[k];
        if (pivot == 0 && perturbed) pivot = largest * std::numeric_limits<T>::epsilon();
        singular_ |= pivot == 0;
        if (pivot == 0) continue;
        for (int64_t i = k + 1; i < n_; ++i) {
            const T factor = row(i)[k] / pivot;
            row(i)[k] = factor;
            for (int64_t j = k + 1; j < n_; ++j) row(i)[j] -= factor * row(k)[j];
        }
    }
}

template <class T> void SmallLU<T>::place_pivot(int64_t k) {
    int64_t best = k;
    for (int64_t i = k + 1; i < n_; ++i)
        if (std::abs(row(i)[k]) > std::abs(row(best)[k])) best = i;
    rows_[k] = int(best);
    if (best == k) return;
    std::swap_ranges(row(k), row(k) + n_, row(best));
    odd_ = !odd_;
}

template <class T> T SmallLU<T>::determinant() const {
    T product = odd_ ? T(-1) : T(1);
    for (int64_t k = 0; k < n_; ++k) product *= pivot(k);
    return product;
}

template <class T> int SmallLU<T>::sign() const {
    bool negative = odd_;
    for (int64_t k = 0; k < n_; ++k) negative ^= pivot(k) < 0;
    return singular_ ? 0 : negative ? -1 : 1;
}

template <class T> void SmallLU<T>::solve(T* x, int64_t columns) const {
    const auto line = [&](int64_t i) { return x + i * columns; };
    const auto subtract = [&](int64_t i, int64_t j) {
        const T factor = lu_[i * n_ + j];
        for (int64_t c = 0; c < columns; ++c) line(i)[c] -= factor * line(j)[c];
    };
    for (int64_t i = 0; i < n_; ++i)
        if (rows_[i] != i) std::swap_ranges(line(i), line(i) + columns, line(rows_[i]));
    for (int64_t i = 0; i < n_; ++i)
        for (int64_t j = 0; j < i; ++j) subtract(i, j);
    for (int64_t i = n_ - 1; i >= 0; --i) {
        for (int64_t j = i + 1; j < n_; ++j) subtract(i, j);
        for (int64_t c = 0; c < columns; ++c) line(i)[c] /= pivot(i);
    }
}

template class SmallLU<float>;
template class SmallLU<double>;

int64_t for_matrices(const View& matrices, const std::function<bool(int64_t)>& f) {
    const int64_t n = matrices.shape.at_end(1);
    int64_t count = 1;
    for (int i = 0; i + 2 < matrices.shape.size(); ++i) count *= matrices.shape[i];
    const int64_t together = std::max<int64_t>(1, 40000 / (n * n * n + 100));  // about 40 us
    std::atomic<int64_t> first{count};
    parallel_for((count + together - 1) / together, [&](int64_t chunk) {
        for (int64_t i = chunk * together; i < std::min(count, (chunk + 1) * together); ++i) {
            if (f(i)) continue;
            int64_t seen = first;
            while (i < seen && !first.compare_exchange_weak(seen, i)) {
            }
            return;
        }
    });
    return first < count ? first.load() : -1;
}

}  // namespace fg
