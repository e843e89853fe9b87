// Gathering the rows of batches.
#include "train/batches.hpp"

#include <cstring>

namespace fg {
namespace {

// Each row without gaps; how far rows lie apart does not matter.
bool has_whole_rows(const View& v) {
    Dims shape = v.shape, strides = v.strides;
    shape.erase(0);
    strides.erase(0);
    return is_contiguous(shape, strides);
}

}  // namespace

void gather_rows(const Tensor& data, Span<int64_t> indices, const Tensor& out) {
    const Tensor source = has_whole_rows(data.view()) ? data : contiguous(data);
    const int64_t item = itemsize(data.dtype()), step = source.strides()[0] * item;
    const size_t bytes = size_t(indices.size() ? out.size() / indices.size() * item : 0);
    char* to = out.view().as<char>();
    for (int64_t i : indices) {
        std::memcpy(to, source.view().as<char>() + i * step, bytes);
        to += bytes;
    }
}

Tensor gather_rows(const Tensor& data, Span<int64_t> indices) {
    Dims shape = data.shape();
    shape[0] = indices.size();
    Tensor out = Tensor::empty(data.dtype(), shape);
    gather_rows(data, indices, out);
    return out;
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

void Batches::fill_indices(const Permutation& order, int64_t i, std::vector<int64_t>& indices) const {
    const int64_t first = i * batch_size_;
    indices.resize(size_t(batch_rows(i)));
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
    for (const Tensor& a : arrays_) out.push_back(gather_rows(a, indices));
    return out;
}

}  // namespace fg
