// Linear algebra on the last two axes: LAPACK by way of NumPy, but for small and triangular matrices.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// a (..., n, n), b (..., n, k) -> a^-1 b; leading axes broadcast.
Tensor solve(const Tensor& a, const Tensor& b);
struct Triangle {
    bool lower = true, transposed = false, unit_diagonal = false;
};
// The same where a is a triangle: what is on its other side is never read.
Tensor solve_triangular(const Tensor& a, const Tensor& b, const Triangle& triangle);
Tensor inv(const Tensor& a);
Tensor det(const Tensor& a);
// (..., 2): sign of the determinant, logarithm of its absolute value.
Tensor slogdet(const Tensor& a);
// The lower factor.
Tensor cholesky(const Tensor& a);

// Factors of one matrix lie in one array, with k = min(m, n) columns.
Tensor qr(const Tensor& a);           // (..., m + n, k): Q above R turned
Tensor eigh(const Tensor& a);         // (..., 1 + n, n): eigenvalues above eigenvectors; of the lower triangle
Tensor svd(const Tensor& a);          // (..., m + 1 + n, k): U, singular values, Vh turned
Tensor svd_full(const Tensor& a);     // (..., m * m + k + n * n): U, singular values, Vh
Tensor qr_complete(const Tensor& a);  // (..., m * m + m * n): Q and R; m > n
Tensor eig(
    const Tensor& a);  // (..., 2 (n + 1), n): eigenvalues above eigenvectors, each real parts above imaginary ones
Tensor eigvals(const Tensor& a);  // (..., 2, n)
Tensor eigvalsh(const Tensor& a);
Tensor svdvals(const Tensor& a);
// Singular values up to `cutoff` (...) of the largest count as zero.
Tensor pinv(const Tensor& a, const Tensor& cutoff);
Tensor expm(const Tensor& a);

void register_linalg_ops();
void register_spectral_ops();

}  // namespace fg
