// set_slice and put, and their gradients: what was replaced gets none.
#include "ops/assign.hpp"

#include "ops/along_axis.hpp"
#include "ops/batching.hpp"
#include "ops/elementwise.hpp"
#include "ops/index.hpp"
#include "ops/shape.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

Tensor nothing_like(const Meta& meta) { return broadcast_to(Tensor::full(meta.dtype, Dims(), 0), meta.shape); }

// ---- set_slice (x, values): attrs as of slice

Meta infer_set_slice(const Op& op, const Attrs& a, Views in) {
    const Dims &x = in[0]->shape, &values = in[1]->shape;
    Dims wanted;
    for (int i = 0; i < x.size() - a.shape.size(); ++i) wanted.push_back(x[i]);
    for (int64_t s : a.shape) wanted.push_back(s);
    if (values != wanted)
        throw ValueError(say(op.name, ": values of shape ", values, " for a place of shape ", wanted));
    return {in[0]->dtype, false, x};
}
int64_t run_set_slice(const Op&, const Attrs& a, Views in, const View& out) {
    if (out.data != in[0]->data) copy(*in[0], out);
    View place = out;
    const int first = out.shape.size() - a.shape.size();
    int64_t offset = 0;
    for (int i = 0; i < a.shape.size(); ++i) {
        place.shape[first + i] = a.shape[i];
        place.strides[first + i] *= a.steps[i];
        if (a.shape[i]) offset += out.strides[first + i] * a.starts[i];
    }
    place.data = out.as<char>() + offset * itemsize(out.dtype);
    copy(*in[1], place);
    return -1;
}
Tensor vjp_set_slice(const Pullback& p, int arg) {
    const Attrs& a = p.attrs();
    if (arg == 0) return set_slice(p.grad(), nothing_like(p.meta(1)), a.starts, a.steps, a.shape);
    return slice(p.grad(), a.starts, a.steps, a.shape);
}

// ---- put (x, places, values): attrs.ndim is the number of axes of x that the places speak of, its last ones

struct Counts {
    int64_t batch, numbers, places;

    Counts(const Attrs& a, const View& x, const View& places_view) : batch(1), numbers(1), places(places_view.size()) {
        const int lead = x.shape.size() - int(a.ndim);
        for (int i = 0; i < x.shape.size(); ++i) (i < lead ? batch : numbers) *= x.shape[i];
        if (batch) places /= batch;
    }
};
Meta infer_put(const Op& op, const Attrs& a, Views in) {
    const Dims &x = in[0]->shape, &places = in[1]->shape;
    bool fits = places == in[2]->shape;
    for (int i = 0; fits && i < x.size() - a.ndim; ++i) fits = i < places.size() && places[i] == x[i];
    if (!fits)
        throw ValueError(say(op.name, ": x of shape ", x, ", places of shape ", places, " and values of shape ",
                             in[2]->shape, " do not fit"));
    return {in[0]->dtype, false, x};
}
int64_t run_put(const Op&, const Attrs& a, Views in, const View& out) {
    if (out.data != in[0]->data) copy(*in[0], out);
    const Counts n(a, out, *in[1]);
    Tensor held_places, held_values;
    const auto* place = reinterpret_cast<const int64_t*>(packed(*in[1], held_places));
    const char* values = packed(*in[2], held_values);
    return visit(out.dtype, [&](auto zero) -> int64_t {
        using T = decltype(zero);
        const T* value = reinterpret_cast<const T*>(values);
        for (int64_t b = 0, i = 0; b < n.batch; ++b)
            for (int64_t k = 0; k < n.places; ++k, ++i) {
                if (place[i] < 0 || place[i] >= n.numbers) return i;
                out.as<T>()[b * n.numbers + place[i]] = value[i];
            }
        return -1;
    });
}
std::string fault_put(const Attrs& a, Views in, int64_t position) {
    Tensor held;
    const auto* place = reinterpret_cast<const int64_t*>(packed(*in[1], held));
    return say("place ", place[position], " at position ", position, " is out of range for ",
               Counts(a, *in[0], *in[1]).numbers, " numbers");
}

const Op& put_op();
Tensor put_into(const Tensor& x, const Tensor& places, const Tensor& values, int64_t ndim) {
    Attrs a;
    a.ndim = ndim;
    return apply(put_op(), {x, places, values}, a);
}
Tensor vjp_put(const Pullback& p, int arg) {
    const Tensor places = p.in(1);
    const int64_t ndim = p.attrs().ndim;
    if (arg == 0) return put_into(p.grad(), places, nothing_like(p.meta(2)), ndim);
    const Dims& x = p.meta(0).shape;
    const int batch = x.size() - int(ndim);
    Dims flat, each;
    for (int i = 0; i < batch; ++i) flat.push_back(x[i]);
    flat.push_back(-1);
    const auto picked = [&](const Tensor& t) { return gather(reshape(t, flat), places, batch, batch); };
    Dims of_one = places.shape();  // of each example of the batch
    for (int i = 0; i < batch; ++i) of_one.erase(0);
    if (element_count(of_one) == 1) return picked(p.grad());
    // Of those that share a place the last one is there.
    const Tensor number = broadcast_to(positions(of_one), places.shape());
    const Tensor there = put_into(broadcast_to(Tensor::full(DType::int64, Dims(), 0), x), places, number, ndim);
    return select(picked(there) == number, picked(p.grad()), nothing_like(p.meta(2)));
}

constexpr int put_uses[] = {kernels::in1, kernels::nothing, kernels::in1};

Op make_set_slice() {
    Op op{};
    op.name = "set_slice";
    op.doc = "Numbers put at every step-th place along each axis.";
    op.arity = 2;
    op.infer = infer_set_slice;
    op.run = run_set_slice;
    op.replaces_first = true;
    op.vjp = vjp_set_slice;
    op.batch = batch_repeated;
    return op;
}
Op make_put() {
    Op op{};
    op.name = "put";
    op.doc = "Numbers put at the places that an index tells.";
    op.arity = 3;
    op.infer = infer_put;
    op.run = run_put;
    op.replaces_first = true;
    op.fault = fault_put;
    op.vjp = vjp_put;
    op.batch = batch_repeated;
    op.uses = put_uses;
    op.differentiable = 1 | 4;
    return op;
}
const Op set_slice_entry = make_set_slice(), put_entry = make_put();

const Op& put_op() { return put_entry; }

}  // namespace

Tensor set_slice(const Tensor& x, const Tensor& values, const Dims& starts, const Dims& steps, const Dims& lengths) {
    Attrs a;
    a.starts = starts;
    a.steps = steps;
    a.shape = lengths;
    return apply(set_slice_entry, {x, values}, a);
}

Tensor put(const Tensor& x, const Tensor& places, const Tensor& values) {
    return put_into(x, places, values, x.ndim());
}

Tensor positions(const Dims& shape) {
    Tensor out = Tensor::empty(DType::int64, shape);
    for (int64_t i = 0, n = out.size(); i < n; ++i) out.view().as<int64_t>()[i] = i;
    return out;
}

void register_assign_ops() {
    register_op(set_slice_entry);
    register_op(put_entry);
}

}  // namespace fg
