// Tensor: a handle on a value. Numbers in memory, or, while recording, a promise of them; either may be part of a
// graph.
#pragma once

#include <cstddef>

#include "core/dims.hpp"
#include "core/dtype.hpp"
#include "core/storage.hpp"

namespace fg {

// What is known of a value before it exists.
struct Meta {
    DType dtype = DType::float64;
    bool weak = false;  // came from a Python scalar: gives way in promotion
    Dims shape;
};

// Where the numbers lie. Strides in elements. What an op's run and infer see of a value; data is null for one
// that does not exist yet.
struct View {
    void* data = nullptr;
    DType dtype = DType::float64;
    bool weak = false;
    Dims shape, strides;

    template <class T> T* as() const { return static_cast<T*>(data); }
    int64_t size() const { return element_count(shape); }
    bool contiguous() const { return is_contiguous(shape, strides); }
};

// A few of something, borrowed.
template <class T> class Span {
public:
    Span(const T* data, size_t size) : data_(data), size_(size) {}
    template <size_t n> Span(const T (&array)[n]) : data_(array), size_(n) {}
    template <class Container> Span(const Container& c) : data_(c.data()), size_(c.size()) {}
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }
    const T& operator[](size_t i) const { return data_[i]; }
    int size() const { return int(size_); }
    const T* data() const { return data_; }

private:
    const T* data_;
    size_t size_;
};

class Tensor;

// What made a value: a node of the gradient graph (tape/node.hpp).
class Creator : public RefCounted {
public:
    virtual const char* op_name() const = 0;
};

class TensorImpl : public RefCounted {
public:
    View view;
    bool requires_grad = false;
    int output = 0;                    // which of its creator's results
    Ref<Storage> storage;              // null: a value of a recording
    Ref<Creator> creator;              // null: a leaf of the graph
    Ref<TensorImpl> grad;              // of a leaf, summed over backward passes
    std::atomic<bool> claimed{false};  // being trained, see train/claims.hpp
    // Of a recording: which one, and which of its values.
    uint64_t recording = 0;
    int value = -1;
};

class Tensor {
public:
    Tensor() = default;
    explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}
    // A Python float: 0-d float64 that gives way in promotion. Also how formulas over Tensor write constants.
    explicit Tensor(double value);

    static Tensor empty(DType dtype, const Dims& shape);
    static Tensor empty(const Meta& meta);
    static Tensor zeros(DType dtype, const Dims& shape);
    static Tensor full(DType dtype, const Dims& shape, double value);
    // A Python int, the same way.
    static Tensor weak_integer(int64_t value);
    static Tensor on_storage(Ref<Storage> storage, void* data, DType dtype, const Dims& shape, const Dims& strides);
    // The same storage seen otherwise; outside any graph.
    Tensor with_view(const Dims& shape, const Dims& strides, int64_t offset) const;
    // The same numbers, cut from the graph.
    Tensor detach() const;

    explicit operator bool() const { return bool(impl_); }
    TensorImpl* impl() const { return impl_.get(); }
    const Ref<TensorImpl>& ref() const { return impl_; }

    DType dtype() const { return impl_->view.dtype; }
    const Dims& shape() const { return impl_->view.shape; }
    const Dims& strides() const { return impl_->view.strides; }
    const View& view() const { return impl_->view; }
    int ndim() const { return shape().size(); }
    int64_t size() const { return element_count(shape()); }
    bool weak() const { return impl_->view.weak; }
    bool requires_grad() const { return impl_->requires_grad; }
    bool is_leaf() const { return !impl_->creator; }
    bool traced() const { return impl_->value >= 0; }
    Meta meta() const { return {dtype(), weak(), shape()}; }

    // The one number of a value of size 1, as double. Traced values refuse, see RecordingError.
    double item() const;

private:
    Ref<TensorImpl> impl_;
};

// Copies numbers between any two layouts of one shape, converting the type.
void copy(const View& from, const View& to);

// A contiguous tensor of the same numbers: the tensor itself when it is one already.
Tensor contiguous(const Tensor& t);

}  // namespace fg
