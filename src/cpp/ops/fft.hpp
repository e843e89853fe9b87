// Discrete Fourier transforms along the last axis, by NumPy. Complex numbers are pairs along an axis behind it.
#pragma once

#include "tape/apply.hpp"

namespace fg {

// z (..., n, 2) -> (..., n, 2), or x (..., n) as real numbers: sums of z[k] exp(-2 pi i jk / n), without a factor.
Tensor fft(const Tensor& z);
Tensor fft_of_real(const Tensor& x);
// The same with exp(+2 pi i jk / n).
Tensor backward_fft(const Tensor& z);
// x (..., n) -> (..., n / 2 + 1, 2): the first half of fft_of_real, which says the rest.
Tensor rfft(const Tensor& x);
// From such a half (..., n / 2 + 1, 2) back to (..., n), without a factor.
Tensor backward_rfft(const Tensor& half, int64_t n);

void register_fft_ops();

}  // namespace fg
