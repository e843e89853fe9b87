// Batches: rows of data in the order of an epoch. Any batch of any epoch can be had on its own.
#pragma once

#include <algorithm>
#include <vector>

#include "core/random.hpp"
#include "core/tensor.hpp"

namespace fg {

class Batches {
public:
    // arrays: each (n, ...) of the same n. chosen: int64 (m,), rows to use; empty for all.
    Batches(std::vector<Tensor> arrays, const Tensor& chosen, int64_t batch_size, bool shuffle, bool drop_last,
            uint64_t seed);

    int64_t rows() const { return rows_; }
    int64_t count() const { return count_; }  // of batches in an epoch
    std::vector<Tensor> batch(uint64_t epoch, int64_t i) const;

    // The pieces of `batch`, for loops that keep their memory.
    int64_t batch_rows(int64_t i) const { return std::min(batch_size_, rows_ - i * batch_size_); }
    Permutation order(uint64_t epoch) const { return Permutation(rows_, seed_, epoch); }
    // Which rows of the arrays batch i, or so many from it on, are made of, the epoch's order given.
    void fill_indices(const Permutation& order, int64_t i, std::vector<int64_t>& indices, int64_t batches = 1) const;
    // Those rows of each array, into contiguous memory of their shape.
    void gather(Span<int64_t> indices, Span<Tensor> to) const {
        for (size_t a = 0; a < row_copies_.size(); ++a) row_copies_[a](indices, to[a].view().as<char>());
    }

private:
    // The rows of an array, each without gaps: where they lie and how they are copied, found once.
    class Rows {
    public:
        explicit Rows(const View& data);
        void operator()(Span<int64_t> indices, char* to) const { copy_(from_, step_, size_, indices, to); }

    private:
        const char* from_;
        int64_t step_, size_;  // bytes
        void (*copy_)(const char* from, int64_t step, int64_t size, Span<int64_t> indices, char* to);
    };

    std::vector<Tensor> arrays_;
    std::vector<Rows> row_copies_;
    Tensor chosen_;
    int64_t rows_, batch_size_, count_;
    bool shuffle_;
    uint64_t seed_;
};

}  // namespace fg
