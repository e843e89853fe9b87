// Making tensors.
#include "core/tensor.hpp"

#include <cmath>
#include <cstring>

namespace fg {
namespace {

int64_t checked_bytes(DType dtype, const Dims& shape) {
    for (int64_t s : shape)
        if (s < 0) throw ValueError(say("shape ", shape, " has a negative size"));
    int64_t bytes = 0;
    if (__builtin_mul_overflow(element_count(shape), itemsize(dtype), &bytes))
        throw ValueError(say("shape ", shape, " of ", name(dtype), " needs more bytes than an int64 can count"));
    return bytes;
}

}  // namespace

Tensor Tensor::on_storage(Ref<Storage> storage, void* data, DType dtype, const Dims& shape, const Dims& strides) {
    auto impl = make_ref<TensorImpl>();
    impl->view = {data, dtype, false, shape, strides};
    impl->storage = std::move(storage);
    return Tensor(std::move(impl));
}

Tensor Tensor::empty(DType dtype, const Dims& shape) {
    auto storage = Storage::allocate(checked_bytes(dtype, shape));
    void* data = storage->data();
    return on_storage(std::move(storage), data, dtype, shape, contiguous_strides(shape));
}

Tensor Tensor::empty(const Meta& meta) {
    Tensor t = empty(meta.dtype, meta.shape);
    t.impl()->view.weak = meta.weak;
    return t;
}

Tensor Tensor::zeros(DType dtype, const Dims& shape) {
    Tensor t = empty(dtype, shape);
    std::memset(t.view().data, 0, size_t(t.size() * itemsize(dtype)));
    return t;
}

Tensor Tensor::full(DType dtype, const Dims& shape, double value) {
    Tensor t = empty(dtype, shape);
    visit(dtype, [&](auto zero) {
        using T = decltype(zero);
        std::fill_n(t.view().as<T>(), t.size(), static_cast<T>(value));
    });
    return t;
}

Tensor::Tensor(double value) {
    *this = full(DType::float64, {}, value);
    impl_->view.weak = true;
}

Tensor Tensor::weak_integer(int64_t value) {
    Tensor t = empty(DType::int64, {});
    *t.view().as<int64_t>() = value;
    t.impl()->view.weak = true;
    return t;
}

Tensor Tensor::with_view(const Dims& shape, const Dims& strides, int64_t offset) const {
    char* data = view().as<char>() + offset * itemsize(dtype());
    Tensor t = on_storage(impl_->storage, data, dtype(), shape, strides);
    t.impl()->view.weak = weak();
    return t;
}

Tensor Tensor::detach() const {
    auto impl = make_ref<TensorImpl>();
    impl->view = impl_->view;
    impl->storage = impl_->storage;
    impl->recording = impl_->recording;
    impl->value = impl_->value;
    return Tensor(std::move(impl));
}

double Tensor::item() const {
    if (traced()) throw RecordingError("a value was read while recording");
    if (size() != 1) throw ValueError(say("expected a tensor of one number, got shape ", shape()));
    return visit(dtype(), [&](auto zero) { return double(*view().as<decltype(zero)>()); });
}

}  // namespace fg
