// Gather and its gradient, scatter_add: one primitive each, with batch axes.
#include "ops/index.hpp"

#include <cstring>

#include "ops/along_axis.hpp"
#include "ops/batching.hpp"
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
    for (int64_t b = 0; b < p.batch; ++b, index += p.at) {
        bool outside = false;  // asked of all first, without a branch for each
        for (int64_t k = 0; k < p.at; ++k) outside |= uint64_t(index[k]) + uint64_t(p.n) >= 2 * uint64_t(p.n);
        for (int64_t k = 0; outside && k < p.at; ++k)
            if (index[k] < -p.n || index[k] >= p.n) return b * p.at + k;
        for (int64_t row = b * p.left; row < (b + 1) * p.left; ++row)
            for (int64_t k = 0; k < p.at; ++k) {
                const int64_t i = index[k] + (index[k] < 0 ? p.n : 0);
                visit((row * p.n + i) * p.right, (row * p.at + k) * p.right);
            }
    }
    return -1;
}

int64_t run_gather(const Op&, const Attrs& a, Views in, const View& out) {
    const Parts parts(in[0]->shape, in[1]->shape, a);
    Tensor held_x, held_index;
    const char* x = packed(*in[0], held_x);
    const auto* index = reinterpret_cast<const int64_t*>(packed(*in[1], held_index));
    return visit(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* numbers = reinterpret_cast<const T*>(x);
        T* to = out.as<T>();
        if (parts.right == 1) return walk(parts, index, [&](int64_t from, int64_t at) { to[at] = numbers[from]; });
        return walk(parts, index, [&](int64_t from, int64_t at) {
            std::memcpy(to + at, numbers + from, size_t(parts.right) * sizeof(T));
        });
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

Tensor batch_gather(const Batching& b) {
    Attrs a = b.attrs();
    if (!b.batched(0)) {
        // All pick from the same numbers: the batch is one more axis of the index, behind those that run along with x.
        const Tensor index = with_axis_moved(b.in(1), 0, int(a.ndim));
        const Tensor picked = apply(b.op(), {b.in(0), index}, a);
        return with_axis_moved(picked, b.ndim(0) + int(a.axes[0]), 0);
    }
    if (!b.batched(1) && a.ndim == 0) return apply(b.op(), {b.in(0), b.in(1)}, a);
    ++a.ndim;
    return apply(b.op(), {b.in(0), with_batch(b, 1)}, a);
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

Tensor batch_scatter(const Batching& b) {
    Attrs a = b.attrs();
    if (!b.batched(1) && a.ndim == 0) {
        a.shape.insert(0, b.size());
        return apply(b.op(), {b.in(0), b.in(1)}, a);
    }
    ++a.ndim;
    return apply(b.op(), {with_batch(b, 0), with_batch(b, 1)}, a);
}

// flat_index (positions along each of attrs.shape's axes) -> positions along those axes joined.
Meta infer_flat(const Op& op, const Attrs&, Views in) {
    for (const View* v : in)
        if (v->shape != in[0]->shape)
            throw ValueError(say(op.name, ": index arrays of shapes ", in[0]->shape, " and ", v->shape));
    return {DType::int64, false, in[0]->shape};
}
int64_t run_flat(const Op&, const Attrs& a, Views in, const View& out) {
    const int64_t count = out.size();
    std::memset(out.data, 0, size_t(count) * sizeof(int64_t));
    for (int k = 0; k < in.size(); ++k) {
        Tensor held;
        const auto* position = reinterpret_cast<const int64_t*>(packed(*in[size_t(k)], held));
        const int64_t n = a.shape[k];
        for (int64_t i = 0; i < count; ++i) {
            if (position[i] < -n || position[i] >= n) return k * count + i;
            int64_t& flat = out.as<int64_t>()[i];
            flat = flat * n + position[i] + (position[i] < 0 ? n : 0);
        }
    }
    return -1;
}
std::string fault_flat(const Attrs& a, Views in, int64_t place) {
    const int64_t count = in[0]->size(), k = place / count;
    Tensor held;
    const auto* position = reinterpret_cast<const int64_t*>(packed(*in[size_t(k)], held));
    return say("index ", position[place % count], " at position ", place % count, " of index array ", k,
               " is out of range for an axis of size ", a.shape[int(k)]);
}

constexpr int index_uses[] = {kernels::in1, kernels::nothing};

Op make(const char* name, const char* doc, decltype(Op::infer) infer, decltype(Op::run) run, decltype(Op::vjp) vjp,
        decltype(Op::batch) batch) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = 2;
    op.infer = infer;
    op.run = run;
    op.fault = fault_gather;
    op.vjp = vjp;
    op.batch = batch;
    op.uses = index_uses;
    op.differentiable = 1;
    return op;
}

const Op gather_op =
    make("gather", "Numbers picked by index along an axis.", infer_gather, run_gather, vjp_gather, batch_gather);
const Op scatter_add_op = make("scatter_add", "Numbers added into zeros by index: the gradient of gather.",
                               infer_scatter, run_scatter, vjp_scatter, batch_scatter);

Op make_flat_index() {
    Op op{};
    op.name = "flat_index";
    op.doc = "Positions along several axes, as positions along those axes joined.";
    op.arity = -1;
    op.infer = infer_flat;
    op.run = run_flat;
    op.fault = fault_flat;
    op.batch = batch_repeated;
    return op;
}
const Op flat_index_op = make_flat_index();

const Op& scatter_op() { return scatter_add_op; }

}  // namespace

Tensor gather(const Tensor& x, const Tensor& index, int axis, int batch) {
    if (index.dtype() != DType::int64) throw TypeError(say("an index is ", name(index.dtype()), ", expected int64"));
    Attrs a;
    a.axes.push_back(checked_axis(axis, x.ndim(), "gather") - x.ndim());
    a.ndim = batch;
    return apply(gather_op, {x, index}, a);
}

Tensor scatter_add(const Tensor& picked, const Tensor& index, int64_t n) {
    if (index.dtype() != DType::int64) throw TypeError(say("an index is ", name(index.dtype()), ", expected int64"));
    if (picked.shape() != index.shape() || n < 0)
        throw ValueError(say("scatter_add: expected numbers and indices of one shape, and a size, got shapes ",
                             picked.shape(), " and ", index.shape(), ", and ", n));
    Attrs a;
    a.axes.push_back(-1);
    a.shape.push_back(n);
    return apply(scatter_add_op, {astype(picked, to_floating(picked.dtype())), index}, a);
}

Tensor take_along_axis(const Tensor& x, const Tensor& index, int wanted) {
    const int axis = checked_axis(wanted, x.ndim(), "take_along_axis"), last = x.ndim() - 1;
    Dims around = x.shape(), around_index = index.shape(), common;
    bool fits = index.ndim() == x.ndim();
    if (fits) {
        around.erase(axis);
        around_index.erase(axis);
        fits = broadcast(around, around_index, common);
    }
    if (!fits)
        throw ValueError(say("take_along_axis: x of shape ", x.shape(),
                             " needs indices of as many dimensions, and the "
                             "same sizes but for axis ",
                             axis, ", got shape ", index.shape()));
    Dims last_order, back;
    for (int i = 0; i <= last; ++i) {
        if (i != axis) last_order.push_back(i);
        back.push_back(i < axis ? i : i == axis ? last : i - 1);
    }
    last_order.push_back(axis);
    const auto spread = [&](const Tensor& t) {
        Dims shape = common;
        shape.push_back(t.shape()[axis]);
        return broadcast_to(axis == last ? t : transpose(t, last_order), shape);
    };
    const Tensor out = gather(spread(x), spread(index), last, last);
    return axis == last ? out : transpose(out, back);
}

Tensor flat_index(Span<Tensor> positions, const Dims& sizes) {
    Attrs a;
    a.shape = sizes;
    return apply(flat_index_op, positions, a);
}

void register_index_ops() {
    register_op(flat_index_op);
    register_op(gather_op);
    register_op(scatter_add_op);
}

}  // namespace fg
