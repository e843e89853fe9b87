// Where the batch axis goes so that an op does for each example what it does for one.
#include "ops/batching.hpp"

#include "ops/shape.hpp"

namespace fg {

Tensor batch_in_front(const Batching& b) { return apply(b.op(), {b.in(0)}, b.attrs()); }

Tensor batch_broadcasting(const Batching& b) {
    std::vector<Tensor> in;
    for (int i = 0; i < b.arity(); ++i) in.push_back(b.batched(i) ? with_ndim(b.in(i), b.out_shape().size()) : b.in(i));
    return apply(b.op(), in, b.attrs());
}

Tensor batch_repeated(const Batching& b) {
    std::vector<Tensor> in;
    for (int i = 0; i < b.arity(); ++i) in.push_back(with_batch(b, i));
    return apply(b.op(), in, b.attrs());
}

Tensor with_batch(const Batching& b, int i) {
    if (b.batched(i)) return b.in(i);
    Dims shape = b.in(i).shape();
    shape.insert(0, b.size());
    return broadcast_to(b.in(i), shape);
}

Tensor with_ndim(const Tensor& batched, int ndim) {
    Dims shape = batched.shape();
    while (shape.size() - 1 < ndim) shape.insert(1, 1);
    return reshape(batched, shape);
}

Tensor with_axis_moved(const Tensor& x, int from, int to) {
    if (from == to) return x;
    Dims order;
    for (int i = 0; i < x.ndim(); ++i)
        if (i != from) order.push_back(i);
    order.insert(to, from);
    return transpose(x, order);
}

}  // namespace fg
