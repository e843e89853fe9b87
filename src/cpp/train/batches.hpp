// Batches: rows of data in the order of an epoch. Any batch of any epoch can be had on its own.
#pragma once

#include <vector>

#include "core/random.hpp"
#include "core/tensor.hpp"

namespace fg {

// data (n, ...) -> (count, ...): the rows at the indices, each in [0, n).
Tensor gather_rows(const Tensor& data, Span<int64_t> indices);

class Batches {
public:
    // arrays: each (n, ...) of the same n. chosen: int64 (m,), rows to use; empty for all.
    Batches(std::vector<Tensor> arrays, const Tensor& chosen, int64_t batch_size, bool shuffle, bool drop_last,
            uint64_t seed);

    int64_t rows() const { return rows_; }
    int64_t count() const { return count_; }  // of batches in an epoch
    std::vector<Tensor> batch(uint64_t epoch, int64_t i) const;

private:
    std::vector<Tensor> arrays_;
    Tensor chosen_;
    int64_t rows_, batch_size_, count_;
    bool shuffle_;
    uint64_t seed_;
};

}  // namespace fg
