// Gather and its gradient, scatter_add: one primitive each, with batch axes.
#include "ops/index.hpp"

#include <cstring>

#include "ops/elementwise.hpp"
#include "ops/shape.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

// Sizes of the parts of x (batch, left, n, right) and index (batch, at), by products.
struct Parts {
    int64_t batch = 1, left = 1, n = 1, right = 1, at = 1;

    Parts(const Dims& x, const Dims& index, const Attrs& a) {
        const int axis = x.size() + int(a.axes[0]);
        for (int i = 0; i < x.size(); ++i) (i < a.ndim ? batch : i < axis ? left : i == axis ? n : right) *= x[i];
        for (int i = int(a.ndim); i < index.size(); ++i) at *= index[i];
    }
};

// attrs: axes[0] the axis from the end, ndim the number of batch axes.
Meta infer_gather(const Op& op, const Attrs& a, Views in) {
    const Dims &x = in[0]->shape, &index = in[1]->shape;
    const int axis = x.size() + int(a.axes[0]);
    Meta out{in[0]->dtype, false, Dims()};
    for (int i = 0; i < a.ndim; ++i)
        if (index.size() <= i || x[i] != index[i])
            throw ValueError(say(op.name, ": the first ", a.ndim, " sizes of ", x, " and ", index, " must agree"));
    for (int i = 0; i < axis; ++i) out.shape.push_back(x[i]);
    for (int i = int(a.ndim); i < index.size(); ++i) out.shape.push_back(index[i]);
    for (int i = axis + 1; i < x.size(); ++i) out.shape.push_back(x[i]);
    return out;
}

// Calls visit(place in x's layout, place in the picked layout) for every run of `right` numbers; -1, or a bad index.
template <class Visit> int64_t walk(const Parts& p, const int64_t* index, Visit visit) {
    for (int64_t b = 0; b < p.batch; ++b)
        for (int64_t k = 0; k < p.at; ++k) {
            int64_t i = index[b * p.at + k];
            if (i < -p.n || i >= p.n) return b * p.at + k;
            if (i < 0) i += p.n;
            for (int64_t l = 0; l < p.left; ++l) {
                const int64_t row = b * p.left + l;
                visit((row * p.n + i) * p.right, (row * p.at + k) * p.right);
            }
        }
    return -1;
}

Tensor contiguous_copy(const View& v) {
    Tensor t = Tensor::empty(v.dtype, v.shape);
    copy(v, t.view());
    return t;
}
// Contiguous numbers of an operand; `held` keeps a copy alive where one was needed.
const char* packed(const View& v, Tensor& held) {
    if (v.contiguous()) return v.as<char>();
    held = contiguous_copy(v);
    return held.view().as<char>();
}

int64_t run_gather(const Op&, const Attrs& a, Views in, const View& out) {
    const Parts parts(in[0]->shape, in[1]->shape, a);
    Tensor held_x, held_index;
    const char* x = packed(*in[0], held_x);
    const auto* index = reinterpret_cast<const int64_t*>(packed(*in[1], held_index));
    const int64_t item = itemsize(out.dtype);
    return walk(parts, index, [&](int64_t from, int64_t to) {
        std::memcpy(out.as<char>() + to * item, x + from * item, size_t(parts.right * item));
    });
}
std::string fault_gather(const Attrs& a, Views in, int64_t position) {
    Tensor held;
    const auto* index = reinterpret_cast<const int64_t*>(packed(*in[1], held));
    const int64_t n = in[0]->shape.at_end(int(-a.axes[0]));
    return say("index ", index[position], " at position ", position, " is out of range for an axis of size ", n);
}

const Op& scatter_op();
Tensor vjp_gather(const Pullback& p, int) {
    Attrs a = p.attrs();
    a.shape = Dims();
    const Dims& shape = p.meta(0).shape;
    for (int i = int(a.ndim); i < shape.size(); ++i) a.shape.push_back(shape[i]);
    return apply(scatter_op(), {p.grad(), p.in(1)}, a);
}

// scatter_add (picked, index) -> zeros of x's shape with the picked numbers added. attrs.shape: x's sizes after the
// batch.
Meta infer_scatter(const Op&, const Attrs& a, Views in) {
    Meta out{in[0]->dtype, false, Dims()};
    for (int i = 0; i < a.ndim; ++i) out.shape.push_back(in[1]->shape[i]);
    for (int64_t s : a.shape) out.shape.push_back(s);
    return out;
}
int64_t run_scatter(const Op&, const Attrs& a, Views in, const View& out) {
    std::memset(out.data, 0, size_t(out.size() * itemsize(out.dtype)));
    const Parts parts(out.shape, in[1]->shape, a);
    Tensor held_g, held_index;
    const char* g = packed(*in[0], held_g);
    const auto* index = reinterpret_cast<const int64_t*>(packed(*in[1], held_index));
    return visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* from = reinterpret_cast<const T*>(g);
        return walk(parts, index, [&](int64_t x, int64_t picked) {
            for (int64_t r = 0; r < parts.right; ++r) out.as<T>()[x + r] += from[picked + r];
        });
    });
}
Tensor vjp_scatter(const Pullback& p, int) {
    const int ndim = int(p.attrs().ndim + p.attrs().shape.size());
    return gather(p.grad(), p.in(1), ndim + int(p.attrs().axes[0]), int(p.attrs().ndim));
}

constexpr int index_uses[] = {kernels::in1, kernels::nothing};

Op make(const char* name, const char* doc, decltype(Op::infer) infer, decltype(Op::run) run, decltype(Op::vjp) vjp) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = 2;
    op.infer = infer;
    op.run = run;
    op.fault = fault_gather;
    op.vjp = vjp;
    op.uses = index_uses;
    op.differentiable = 1;
    return op;
}

const Op gather_op = make("gather", "Numbers picked by index along an axis.", infer_gather, run_gather, vjp_gather);
const Op scatter_add_op = make("scatter_add", "Numbers added into zeros by index: the gradient of gather.",
                               infer_scatter, run_scatter, vjp_scatter);

const Op& scatter_op() { return scatter_add_op; }

}  // namespace

Tensor gather(const Tensor& x, const Tensor& index, int axis, int batch) {
    if (index.dtype() != DType::int64) throw TypeError(say("an index is ", name(index.dtype()), ", expected int64"));
    Attrs a;
    a.axes.push_back(checked_axis(axis, x.ndim(), "gather") - x.ndim());
    a.ndim = batch;
    return apply(gather_op, {x, index}, a);
}

void register_index_ops() {
    register_op(gather_op);
    register_op(scatter_add_op);
}

}  // namespace fg
