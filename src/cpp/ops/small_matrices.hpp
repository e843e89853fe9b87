// LU factors of matrices so small that calling LAPACK would cost more than the work itself.
#pragma once

#include <functional>

#include "core/tensor.hpp"

namespace fg {

// Up to here these loops are faster than NumPy's call: the inverse of 5 x 5 numbers takes 0.6 us and 5.8 by NumPy, of
// 16 x 16 6.5 and 24, and a compiled gradient of a determinant 5 x 5 1.5 us in all.
constexpr int64_t largest_small_matrix = 16;

// Rows of A (n, n), exchanged, as L U: partial pivoting, Golub and Van Loan, Matrix Computations, algorithm 3.4.1.
template <class T> class SmallLU {
public:
    // Where `perturbed`, a pivot of zero becomes rounding's share of the largest number.
    SmallLU(const T* a, int64_t size, bool perturbed = false);

    bool singular() const { return singular_; }
    T pivot(int64_t k) const { return lu_[k * n_ + k]; }
    T determinant() const;
    int sign() const;
    // x (n, columns) = A^-1 x, in place.
    void solve(T* x, int64_t columns) const;

private:
    T* row(int64_t i) { return lu_ + i * n_; }
    void place_pivot(int64_t k);

    int64_t n_;
    bool odd_ = false, singular_ = false;
    int rows_[largest_small_matrix];
    T lu_[largest_small_matrix * largest_small_matrix];
};

// f(i) for each matrix of a batch (..., n, n), on all threads: the first that f is false for, or -1.
int64_t for_matrices(const View& matrices, const std::function<bool(int64_t)>& f);

}  // namespace fg
