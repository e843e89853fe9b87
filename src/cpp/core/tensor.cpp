// Making tensors, and copying numbers from any layout and type to any other.
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

// NumPy's conversions: a float is cut towards zero, anything but zero is true.
template <class To, class From, bool to_bool> struct Convert {
    static To apply(From x) {
        if constexpr (to_bool) return To(x != From(0));
        else return static_cast<To>(x);
    }
};

// Not inlined into itself, axis by axis for every pair of types: that took 100 kB of the wheel.
template <class To, class From, bool to_bool>
__attribute__((noinline)) void copy_axis(const From* from, To* to, const Dims& shape, const Dims& in, const Dims& out,
                                         int axis) {
    const int64_t n = shape[axis], si = in[axis], so = out[axis];
    if (axis + 1 == shape.size()) {
        if constexpr (std::is_same_v<To, From> && !to_bool) {
            if (si == 1 && so == 1) {
                std::memcpy(to, from, size_t(n) * sizeof(To));
                return;
            }
        }
        for (int64_t i = 0; i < n; ++i) to[i * so] = Convert<To, From, to_bool>::apply(from[i * si]);
        return;
    }
    for (int64_t i = 0; i < n; ++i) copy_axis<To, From, to_bool>(from + i * si, to + i * so, shape, in, out, axis + 1);
}

// Drops axes of size 1 and joins axes that lie one after the other in both layouts: fewer, longer loops.
void coalesce(Dims& shape, Dims& a, Dims& b) {
    Dims s, x, y;
    for (int i = 0; i < shape.size(); ++i) {
        if (shape[i] == 1) continue;
        const int last = s.size() - 1;
        if (last >= 0 && x[last] == a[i] * shape[i] && y[last] == b[i] * shape[i]) {
            s[last] *= shape[i];
            x[last] = a[i];
            y[last] = b[i];
        } else {
            s.push_back(shape[i]);
            x.push_back(a[i]);
            y.push_back(b[i]);
        }
    }
    if (s.empty()) {
        s.push_back(1);
        x.push_back(1);
        y.push_back(1);
    }
    shape = s;
    a = x;
    b = y;
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

void copy(const View& from, const View& to) {
    const int64_t count = element_count(from.shape);
    if (count == 0) return;
    if (from.dtype == to.dtype && from.contiguous() && to.contiguous()) {
        std::memcpy(to.data, from.data, size_t(count * itemsize(to.dtype)));
        return;
    }
    Dims shape = from.shape, in = from.strides, out = to.strides;
    coalesce(shape, in, out);
    visit(from.dtype, [&](auto from_zero) {
        visit(to.dtype, [&](auto to_zero) {
            using From = decltype(from_zero);
            using To = decltype(to_zero);
            if (to.dtype == DType::boolean) copy_axis<To, From, true>(from.as<From>(), to.as<To>(), shape, in, out, 0);
            else copy_axis<To, From, false>(from.as<From>(), to.as<To>(), shape, in, out, 0);
        });
    });
}

Tensor contiguous(const Tensor& t) {
    if (t.view().contiguous()) return t;
    Tensor out = Tensor::empty(t.dtype(), t.shape());
    copy(t.view(), out.view());
    out.impl()->view.weak = t.weak();
    return out;
}

}  // namespace fg
