// Gathering the rows of batches.
#include "train/batches.hpp"

#include <cstring>

namespace fg {
namespace {

// Each row without gaps; how far rows lie apart does not matter.
bool has_whole_rows(const View& v) { return is_contiguous(v.shape, v.strides, 1); }

// Rows of a size known here are copied without a call each: at small batches those take as long as the arithmetic.
template <int64_t size> void copy_rows_of(const char* from, int64_t step, int64_t, Span<int64_t> indices, char* to) {
#pragma GCC unroll 4
    for (int64_t i : indices) {
        std::memcpy(to, from + i * step, size);
        to += size;
    }
}
void copy_rows_by_16(const char* from, int64_t step, int64_t size, Span<int64_t> indices, char* to) {
    for (int64_t i : indices) {
        const char* row = from + i * step;
        for (int64_t b = 0; b < size; b += 16) std::memcpy(to + b, row + b, 16);
        to += size;
    }
}
void copy_rows(const char* from, int64_t step, int64_t size, Span<int64_t> indices, char* to) {
    for (int64_t i : indices) {
        std::memcpy(to, from + i * step, size_t(size));
        to += size;
    }
}

}  // namespace

Batches::Rows::Rows(const View& data) : from_(data.as<char>()), step_(data.strides[0] * itemsize(data.dtype)) {
    size_ = data.shape[0] ? data.size() / data.shape[0] * itemsize(data.dtype) : 0;
    switch (size_) {
        case 4: copy_ = copy_rows_of<4>; break;
        case 8: copy_ = copy_rows_of<8>; break;
        case 16: copy_ = copy_rows_of<16>; break;
        case 32: copy_ = copy_rows_of<32>; break;
        case 64: copy_ = copy_rows_of<64>; break;
        default: copy_ = size_ % 16 == 0 && size_ <= 512 ? copy_rows_by_16 : copy_rows;
    }
}

Batches::Batches(std::vector<Tensor> arrays, const Tensor& chosen, int64_t batch_size, bool shuffle, bool drop_last,
                 uint64_t seed)
    : arrays_(std::move(arrays)), batch_size_(batch_size), shuffle_(shuffle), seed_(seed) {
    if (arrays_.empty()) throw ValueError("expected at least one array");
    if (batch_size < 1) throw ValueError(say("batch_size must be at least 1, got ", batch_size));
    for (size_t i = 0; i < arrays_.size(); ++i) {
        if (arrays_[i].traced())
            throw RecordingError(say("arrays[", i, "] is a value of a recording and has no numbers yet"));
        if (arrays_[i].ndim() < 1) throw ValueError(say("arrays[", i, "] has shape (); expected (n, ...)"));
        if (arrays_[i].shape()[0] != arrays_[0].shape()[0])
            throw ValueError(
                say("arrays[", i, "] has ", arrays_[i].shape()[0], " rows, arrays[0] has ", arrays_[0].shape()[0]));
        // Once, and not in every batch.
        if (!has_whole_rows(arrays_[i].view())) arrays_[i] = contiguous(arrays_[i]);
        row_copies_.emplace_back(arrays_[i].view());
    }
    rows_ = arrays_[0].shape()[0];
    if (chosen) {
        if (chosen.dtype() != DType::int64 || chosen.ndim() != 1)
            throw TypeError(say("indices must be int64 of shape (m,), got ", name(chosen.dtype()), chosen.shape()));
        chosen_ = contiguous(chosen);
        const int64_t* rows = chosen_.view().as<int64_t>();
        for (int64_t i = 0; i < chosen_.size(); ++i)
            if (rows[i] < 0 || rows[i] >= rows_)
                throw IndexError(say("indices[", i, "] is ", rows[i], ", expected 0 to ", rows_ - 1));
        rows_ = chosen_.size();
    }
    if (rows_ == 0) throw ValueError("the data set is empty");
    count_ = drop_last ? rows_ / batch_size : (rows_ - 1) / batch_size + 1;
}

void Batches::fill_indices(const Permutation& order, int64_t i, std::vector<int64_t>& indices, int64_t batches) const {
    const int64_t first = i * batch_size_;
    indices.resize(size_t(std::min(batches * batch_size_, rows_ - first)));
    if (shuffle_) {
        order.fill(first, int64_t(indices.size()), indices.data());
    } else {
        for (size_t k = 0; k < indices.size(); ++k) indices[k] = first + int64_t(k);
    }
    if (chosen_)
        for (int64_t& k : indices) k = chosen_.view().as<int64_t>()[k];
}

std::vector<Tensor> Batches::batch(uint64_t epoch, int64_t i) const {
    if (i < 0 || i >= count_) throw IndexError(say("batch ", i, " of ", count_));
    std::vector<int64_t> indices;
    fill_indices(order(epoch), i, indices);
    std::vector<Tensor> out;
    out.reserve(arrays_.size());
    for (const Tensor& a : arrays_) {
        Dims shape = a.shape();
        shape[0] = int64_t(indices.size());
        out.push_back(Tensor::empty(a.dtype(), shape));
    }
    gather(indices, out);
    return out;
}

}  // namespace fg
