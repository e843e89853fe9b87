// Shape ops: what each checks, how it views or copies, and its gradient.
#include "ops/shape.hpp"

#include <cstring>

#include "ops/batching.hpp"
#include "ops/elementwise.hpp"
#include "ops/pieces.hpp"
#include "ops/reduce.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

int64_t copy_all(const Op&, const Attrs&, Views in, const View& out) {
    copy(*in[0], out);
    return -1;
}

// The axes before those an op speaks of: its batch.
Dims leading(const Dims& shape, int64_t trailing) {
    Dims d;
    for (int i = 0; i < shape.size() - int(trailing); ++i) d.push_back(shape[i]);
    return d;
}

// ---- astype, identity, copy

Meta infer_astype(const Op&, const Attrs& a, Views in) { return {a.dtype, false, in[0]->shape}; }
Tensor vjp_astype(const Pullback& p, int) { return astype(p.grad(), p.meta(0).dtype); }

Meta infer_same(const Op&, const Attrs&, Views in) { return {in[0]->dtype, in[0]->weak, in[0]->shape}; }
bool alias_same(const Attrs&, const View& in, View& out, int64_t&) {
    out.shape = in.shape;
    out.strides = in.strides;
    return true;
}
Tensor vjp_same(const Pullback& p, int) { return p.grad(); }
Meta infer_clone(const Op&, const Attrs&, Views in) { return {in[0]->dtype, false, in[0]->shape}; }

// ---- reshape: the last `ndim` axes take the sizes of `shape`

Meta infer_reshape(const Op&, const Attrs& a, Views in) {
    Dims shape = leading(in[0]->shape, a.ndim);
    for (int64_t s : a.shape) shape.push_back(s);
    return {in[0]->dtype, in[0]->weak, shape};
}
// Whether the old axes split and join into the new ones without moving a number (NumPy's no-copy reshape).
bool alias_reshape(const Attrs& a, const View& in, View& out, int64_t&) {
    Dims shape = leading(in.shape, a.ndim);
    for (int64_t s : a.shape) shape.push_back(s);
    out.shape = shape;
    out.strides = contiguous_strides(shape);
    if (in.contiguous()) return true;
    Dims old_shape, old_strides;
    for (int i = 0; i < in.shape.size(); ++i) {
        if (in.shape[i] == 1) continue;
        old_shape.push_back(in.shape[i]);
        old_strides.push_back(in.strides[i]);
    }
    int oi = 0, oj = 1, ni = 0, nj = 1;
    const int olds = old_shape.size(), news = shape.size();
    while (ni < news && oi < olds) {
        int64_t np = shape[ni], op = old_shape[oi];
        while (np != op) {
            if (np < op) np *= shape[nj++];
            else op *= old_shape[oj++];
        }
        for (int k = oi; k + 1 < std::min(oj, olds); ++k)  // oj never passes olds; GCC cannot see it
            if (old_strides[k] != old_shape[k + 1] * old_strides[k + 1]) return false;
        out.strides[nj - 1] = old_strides[oj - 1];
        for (int k = nj - 1; k > ni; --k) out.strides[k - 1] = out.strides[k] * shape[k];
        ni = nj++;
        oi = oj++;
    }
    for (int k = ni; k < news; ++k) out.strides[k] = 1;  // only axes of size 1 are left
    return true;
}
// out is contiguous, so it takes the numbers in their order as if it had the input's shape.
int64_t run_reshape(const Op&, const Attrs&, Views in, const View& out) {
    View to = out;
    to.shape = in[0]->shape;
    to.strides = contiguous_strides(to.shape);
    copy(*in[0], to);
    return -1;
}
Tensor vjp_reshape(const Pullback& p, int) { return reshape(p.grad(), p.meta(0).shape); }

// ---- transpose: `axes[i]` is the axis, from the end, that becomes the i-th of the last axes.size()

Dims permuted(const Dims& d, const Dims& axes) {
    Dims out = d;
    const int first = d.size() - axes.size();
    for (int i = 0; i < axes.size(); ++i) out[first + i] = d[d.size() + int(axes[i])];
    return out;
}
Meta infer_transpose(const Op&, const Attrs& a, Views in) {
    return {in[0]->dtype, in[0]->weak, permuted(in[0]->shape, a.axes)};
}
bool alias_transpose(const Attrs& a, const View& in, View& out, int64_t&) {
    out.shape = permuted(in.shape, a.axes);
    out.strides = permuted(in.strides, a.axes);
    return true;
}
Tensor vjp_transpose(const Pullback& p, int) {
    const Dims& axes = p.attrs().axes;
    Dims inverse = axes;
    for (int i = 0; i < axes.size(); ++i) inverse[axes.size() + int(axes[i])] = i;
    Dims full;
    const int ndim = p.grad().ndim(), batch = ndim - axes.size();
    for (int i = 0; i < batch; ++i) full.push_back(i);
    for (int64_t i : inverse) full.push_back(batch + i);
    return transpose(p.grad(), full);
}

// ---- broadcast_to: the last `ndim` axes are repeated to the sizes of `shape`

Meta infer_broadcast(const Op& op, const Attrs& a, Views in) {
    Dims tail, result = leading(in[0]->shape, a.ndim);
    for (int i = int(in[0]->shape.size() - a.ndim); i < in[0]->shape.size(); ++i) tail.push_back(in[0]->shape[i]);
    Dims joint;
    if (!broadcast(tail, a.shape, joint) || joint != a.shape)
        throw ValueError(say(op.name, ": shape ", in[0]->shape, " does not broadcast to ", a.shape));
    for (int64_t s : a.shape) result.push_back(s);
    return {in[0]->dtype, in[0]->weak, result};
}
bool alias_broadcast(const Attrs& a, const View& in, View& out, int64_t&) {
    out.shape = leading(in.shape, a.ndim);
    out.strides = leading(in.strides, a.ndim);
    const int first = in.shape.size() - int(a.ndim), grown = a.shape.size() - int(a.ndim);
    for (int i = 0; i < a.shape.size(); ++i) {
        out.shape.push_back(a.shape[i]);
        const int from = first + i - grown;
        out.strides.push_back(i < grown || in.shape[from] != a.shape[i] ? 0 : in.strides[from]);
    }
    return true;
}
Tensor vjp_broadcast(const Pullback& p, int) {
    const Attrs& a = p.attrs();
    const Dims& shape = p.meta(0).shape;
    Dims repeated;
    for (int i = 1; i <= a.shape.size(); ++i)
        if (i > a.ndim || shape.at_end(i) != a.shape.at_end(i)) repeated.push_back(-i);
    return reshape(repeated.empty() ? p.grad() : sum(p.grad(), repeated, true), shape);
}

// ---- slice, and embed: numbers placed into zeros, which is the gradient of slice

Meta infer_slice(const Op&, const Attrs& a, Views in) {
    Dims shape = leading(in[0]->shape, a.shape.size());
    for (int64_t s : a.shape) shape.push_back(s);
    return {in[0]->dtype, in[0]->weak, shape};
}
bool alias_slice(const Attrs& a, const View& in, View& out, int64_t& offset) {
    out.shape = in.shape;
    out.strides = in.strides;
    const int first = in.shape.size() - a.shape.size();
    for (int i = 0; i < a.shape.size(); ++i) {
        out.shape[first + i] = a.shape[i];
        out.strides[first + i] = in.strides[first + i] * a.steps[i];
        if (a.shape[i]) offset += in.strides[first + i] * a.starts[i];
    }
    return true;
}
const Op& embed_op();
Tensor vjp_slice(const Pullback& p, int) {
    Attrs a = p.attrs();
    const Dims& shape = p.meta(0).shape;
    for (int i = 0; i < a.shape.size(); ++i) a.shape[i] = shape[shape.size() - a.shape.size() + i];
    return apply(embed_op(), {p.grad()}, a);
}

Meta infer_embed(const Op&, const Attrs& a, Views in) { return infer_slice(embed_op(), a, in); }
int64_t run_embed(const Op&, const Attrs& a, Views in, const View& out) {
    std::memset(out.data, 0, size_t(out.size() * itemsize(out.dtype)));
    Attrs place = a;
    const int first = in[0]->shape.size() - a.shape.size();
    for (int i = 0; i < a.shape.size(); ++i) place.shape[i] = in[0]->shape[first + i];
    View target;
    int64_t offset = 0;
    alias_slice(place, out, target, offset);
    target.dtype = out.dtype;
    target.data = out.as<char>() + offset * itemsize(out.dtype);
    copy(*in[0], target);
    return -1;
}
Tensor vjp_embed(const Pullback& p, int) {
    const Dims& shape = p.meta(0).shape;
    const Attrs& a = p.attrs();
    Dims starts, steps;
    const int batch = shape.size() - a.starts.size();
    for (int i = 0; i < batch; ++i) {
        starts.push_back(0);
        steps.push_back(1);
    }
    for (int i = 0; i < a.starts.size(); ++i) {
        starts.push_back(a.starts[i]);
        steps.push_back(a.steps[i]);
    }
    return slice(p.grad(), starts, steps, shape);
}

// ---- concatenate along axes[0]

Meta infer_concatenate(const Op& op, const Attrs& a, Views in) {
    Meta out{in[0]->dtype, false, in[0]->shape};
    const int axis = int(a.axes[0]);
    for (int k = 1; k < in.size(); ++k) {
        Dims other = in[k]->shape;
        bool fits = other.size() == out.shape.size();
        if (fits) {
            other.at_end(-axis) = out.shape.at_end(-axis);
            fits = other == out.shape;
        }
        if (!fits)
            throw ValueError(say(op.name, ": part 0 has shape ", in[0]->shape, ", part ", k, " has ", in[k]->shape,
                                 "; all sizes but that of axis ", axis, " must agree"));
        out.shape.at_end(-axis) += in[k]->shape.at_end(-axis);
    }
    return out;
}
Tensor vjp_concatenate(const Pullback& p, int arg) {
    const Dims& shape = p.meta(arg).shape;
    const int axis = shape.size() + int(p.attrs().axes[0]);
    Dims starts = Dims::filled(shape.size(), 0);
    for (int k = 0; k < arg; ++k) starts[axis] += p.meta(k).shape[axis];
    return slice(p.grad(), starts, Dims::filled(shape.size(), 1), shape);
}

Op make(const char* name, const char* doc, int arity, decltype(Op::infer) infer, decltype(Op::run) run,
        decltype(Op::alias) alias, decltype(Op::vjp) vjp) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = arity;
    op.infer = infer;
    op.run = run;
    op.alias = alias;
    op.vjp = vjp;
    op.batch = arity == 1 ? batch_in_front : batch_repeated;
    return op;
}

Op prepared(Op op, decltype(Op::prepare) prepare) {
    op.prepare = prepare;
    return op;
}

const Op astype_op = make("astype", "Converts to another number type.", 1, infer_astype, copy_all, nullptr, vjp_astype);
const Op identity_op = make("identity", "The same numbers.", 1, infer_same, copy_all, alias_same, vjp_same);
const Op clone_op = [] {
    Op op = make("clone", "The same numbers in memory of their own.", 1, infer_clone, copy_all, alias_same, vjp_same);
    op.copies = true;
    return op;
}();
const Op reshape_op =
    make("reshape", "The same numbers in another shape.", 1, infer_reshape, run_reshape, alias_reshape, vjp_reshape);
const Op transpose_op =
    make("transpose", "Axes in another order.", 1, infer_transpose, copy_all, alias_transpose, vjp_transpose);
const Op broadcast_op =
    make("broadcast_to", "Repeated to a shape.", 1, infer_broadcast, copy_all, alias_broadcast, vjp_broadcast);
const Op slice_op =
    make("slice", "Every step-th number along each axis.", 1, infer_slice, copy_all, alias_slice, vjp_slice);
const Op embed =
    prepared(make("embed", "Placed into zeros: the gradient of slice.", 1, infer_embed, run_embed, nullptr, vjp_embed),
             prepare_embed);
const Op concatenate_op = prepared(
    make("concatenate", "Joined along an axis.", -1, infer_concatenate, run_concatenate, nullptr, vjp_concatenate),
    prepare_concatenate);

const Op& embed_op() { return embed; }

}  // namespace

Tensor astype(const Tensor& x, DType dtype) {
    if (x.dtype() == dtype && !x.weak()) return x;
    Attrs a;
    a.dtype = dtype;
    return apply(astype_op, {x}, a);
}

Tensor identity(const Tensor& x) { return apply(identity_op, {x}); }

Tensor clone(const Tensor& x) { return apply(clone_op, {x}); }

Tensor reshape(const Tensor& x, const Dims& wanted) {
    Dims shape = wanted;
    Dims known;
    int unknown = -1;
    for (int i = 0; i < shape.size(); ++i) {
        if (shape[i] == -1 && unknown < 0) unknown = i;
        else if (shape[i] < 0) throw ValueError(say("reshape: ", wanted, " is not a shape"));
        else known.push_back(shape[i]);
    }
    const int64_t count = element_count(known);
    if (unknown >= 0 && count > 0) shape[unknown] = x.size() / count;
    if ((unknown >= 0 && count == 0) || element_count(shape) != x.size())
        throw ValueError(say("reshape: ", x.size(), " numbers of shape ", x.shape(), " do not fit shape ", wanted));
    if (shape == x.shape()) return x;
    Attrs a;
    a.shape = shape;
    a.ndim = x.ndim();
    return apply(reshape_op, {x}, a);
}

Tensor transpose(const Tensor& x, const Dims& axes) {
    Attrs a;
    if (axes.empty()) {
        for (int i = x.ndim() - 1; i >= 0; --i) a.axes.push_back(i - x.ndim());
    } else {
        if (axes.size() != x.ndim())
            throw ValueError(say("transpose: got axes ", axes, " for a tensor of shape ", x.shape()));
        for (int64_t axis : axes) {
            const int64_t from_end = checked_axis(axis, x.ndim(), "transpose") - x.ndim();
            if (a.axes.contains(from_end)) throw ValueError(say("transpose: axis ", axis, " is named twice in ", axes));
            a.axes.push_back(from_end);
        }
    }
    return apply(transpose_op, {x}, a);
}

Tensor broadcast_to(const Tensor& x, const Dims& shape) {
    if (x.shape() == shape) return x;
    for (int64_t s : shape)
        if (s < 0) throw ValueError(say("broadcast_to: ", shape, " is not a shape"));
    element_count(shape);  // refuses what cannot be counted
    Attrs a;
    a.shape = shape;
    a.ndim = x.ndim();
    return apply(broadcast_op, {x}, a);
}

Tensor slice(const Tensor& x, const Dims& starts, const Dims& steps, const Dims& lengths) {
    Attrs a;
    a.starts = starts;
    a.steps = steps;
    a.shape = lengths;
    return apply(slice_op, {x}, a);
}

Tensor concatenate(Span<Tensor> parts, int axis) {
    if (parts.size() == 0) throw ValueError("concatenate: expected at least one part, got none");
    if (parts[0].ndim() == 0) throw ValueError("concatenate: parts of shape () have no axis to join along");
    DType dtype = parts[0].dtype();
    for (const Tensor& t : parts) dtype = promote(dtype, false, t.dtype(), false);
    std::vector<Tensor> same;
    for (const Tensor& t : parts) same.push_back(astype(t, dtype));
    Attrs a;
    a.axes.push_back(checked_axis(axis, parts[0].ndim(), "concatenate") - parts[0].ndim());
    return apply(concatenate_op, same, a);
}

Tensor sum_to(const Tensor& g, const Dims& shape) {
    if (g.shape() == shape) return g;
    Dims axes;
    for (int i = 1; i <= g.ndim(); ++i)
        if (i > shape.size() || (shape.at_end(i) == 1 && g.shape().at_end(i) != 1)) axes.push_back(-i);
    return reshape(axes.empty() ? g : sum(g, axes, true), shape);
}

int checked_axis(int64_t axis, int ndim, const char* op) {
    if (axis < -ndim || axis >= ndim)
        throw ValueError(say(op, ": axis ", axis, " is out of range for ", ndim, " dimension", ndim == 1 ? "" : "s"));
    return int(axis < 0 ? axis + ndim : axis);
}

void register_shape_ops() {
    for (const Op* op : {&astype_op, &identity_op, &clone_op, &reshape_op, &transpose_op, &broadcast_op, &slice_op,
                         &embed, &concatenate_op})
        register_op(*op);
}

}  // namespace fg
