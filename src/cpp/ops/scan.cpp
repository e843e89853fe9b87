// Scans: each number joined to what came before it along an axis, in order.
#include "ops/scan.hpp"

#include "ops/along_axis.hpp"
#include "ops/batching.hpp"
#include "ops/elementwise.hpp"
#include "ops/shape.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

// attrs: axes[0] the axis from the end, for all of the family.
Meta infer_scan(const Op&, const Attrs&, Views in) { return {in[0]->dtype, in[0]->weak, in[0]->shape}; }

// first(place) at the beginning of each row, then next(place, place of the one before).
template <class First, class Next> void scan(const AlongAxis& p, First first, Next next) {
    for (int64_t o = 0; o < p.outer; ++o)
        for (int64_t k = 0; k < p.n; ++k) {
            const int64_t row = (o * p.n + k) * p.inner;
            if (k == 0)
                for (int64_t i = row; i < row + p.inner; ++i) first(i);
            else
                for (int64_t i = row; i < row + p.inner; ++i) next(i, i - p.inner);
        }
}

// Integers wrap around, as NumPy's.
template <class Join> int64_t run_joined(const Attrs& a, Views in, const View& out, Join join) {
    const AlongAxis parts(out.shape, a.axes[0]);
    Tensor held;
    const char* numbers = packed(*in[0], held);
    const auto over = [&](auto zero) {
        using T = decltype(zero);
        const T* x = reinterpret_cast<const T*>(numbers);
        T* y = out.as<T>();
        scan(
            parts, [&](int64_t i) { y[i] = x[i]; }, [&](int64_t i, int64_t before) { y[i] = join(y[before], x[i]); });
    };
    if (out.dtype == DType::int64) over(uint64_t{});
    else visit_floating(out.dtype, over);
    return -1;
}
int64_t run_cumsum(const Op&, const Attrs& a, Views in, const View& out) {
    return run_joined(a, in, out, [](auto before, auto x) { return before + x; });
}
int64_t run_cumprod(const Op&, const Attrs& a, Views in, const View& out) {
    return run_joined(a, in, out, [](auto before, auto x) { return before * x; });
}

// linear_recurrence (a, b) -> r with r[k] = a[k] * r[k - 1] + b[k], from r[-1] = 0: what gradients of products need
// to be right next to zeros.
int64_t run_recurrence(const Op&, const Attrs& attrs, Views in, const View& out) {
    const AlongAxis parts(out.shape, attrs.axes[0]);
    Tensor held_a, held_b;
    const char *factors = packed(*in[0], held_a), *terms = packed(*in[1], held_b);
    visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        const T *a = reinterpret_cast<const T*>(factors), *b = reinterpret_cast<const T*>(terms);
        T* r = out.as<T>();
        scan(
            parts, [&](int64_t i) { r[i] = b[i]; }, [&](int64_t i, int64_t before) { r[i] = a[i] * r[before] + b[i]; });
    });
    return -1;
}

int axis_of(const Pullback& p) { return int(p.grad().ndim() + p.attrs().axes[0]); }

Tensor reversed(const Tensor& x, int axis) {
    Dims starts = Dims::filled(x.ndim(), 0), steps = Dims::filled(x.ndim(), 1);
    starts[axis] = x.shape()[axis] - 1;
    steps[axis] = -1;
    return slice(x, starts, steps, x.shape());
}
// One place further along, behind a given number.
Tensor delayed(const Tensor& x, int axis, double first) {
    Dims head = x.shape(), rest = x.shape();
    head[axis] = std::min<int64_t>(1, rest[axis]);
    rest[axis] -= head[axis];
    const Tensor both[] = {Tensor::full(x.dtype(), head, first),
                           slice(x, Dims::filled(x.ndim(), 0), Dims::filled(x.ndim(), 1), rest)};
    return concatenate(both, axis);
}

const Op& recurrence_op();
// s with s[k] = g[k] + a[k + 1] * s[k + 1].
Tensor backwards_recurrence(const Tensor& a, const Tensor& g, const Attrs& attrs, int axis) {
    const Tensor factors = delayed(reversed(a, axis), axis, 0.0);
    return reversed(apply(recurrence_op(), {factors, reversed(g, axis)}, attrs), axis);
}

Tensor vjp_cumsum(const Pullback& p, int) {
    const int axis = axis_of(p);
    return reversed(cumsum(reversed(p.grad(), axis), axis), axis);
}
Tensor vjp_cumprod(const Pullback& p, int) {
    const int axis = axis_of(p);
    return backwards_recurrence(p.in(0), p.grad(), p.attrs(), axis) * delayed(p.out(), axis, 1.0);
}
Tensor vjp_recurrence(const Pullback& p, int arg) {
    const int axis = axis_of(p);
    const Tensor flow = backwards_recurrence(p.in(0), p.grad(), p.attrs(), axis);
    return arg == 0 ? flow * delayed(p.out(), axis, 0.0) : flow;
}

constexpr int uses_none[] = {kernels::nothing};
constexpr int uses_in_out[] = {kernels::in0 | kernels::out};
constexpr int recurrence_uses[] = {kernels::in0 | kernels::out, kernels::in0};

Op make(const char* name, const char* doc, int arity, decltype(Op::run) run, const int* uses, decltype(Op::vjp) vjp) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = arity;
    op.infer = infer_scan;
    op.run = run;
    op.uses = uses;
    op.vjp = vjp;
    op.batch = arity == 1 ? batch_in_front : batch_repeated;
    return op;
}

const Op cumsum_op = make("cumsum", "Running sum along an axis.", 1, run_cumsum, uses_none, vjp_cumsum);
const Op cumprod_op = make("cumprod", "Running product along an axis.", 1, run_cumprod, uses_in_out, vjp_cumprod);
const Op recurrence = make("linear_recurrence", "r[k] = a[k] * r[k - 1] + b[k] along an axis.", 2, run_recurrence,
                           recurrence_uses, vjp_recurrence);

const Op& recurrence_op() { return recurrence; }

Tensor scanned(const Op& op, const Tensor& x, int axis) {
    Attrs a;
    a.axes.push_back(checked_axis(axis, x.ndim(), op.name) - x.ndim());
    return apply(op, {x.dtype() == DType::boolean ? astype(x, DType::int64) : x}, a);
}

}  // namespace

Tensor cumsum(const Tensor& x, int axis) { return scanned(cumsum_op, x, axis); }
Tensor cumprod(const Tensor& x, int axis) { return scanned(cumprod_op, x, axis); }

void register_scan_ops() {
    for (const Op* op : {&cumsum_op, &cumprod_op, &recurrence}) register_op(*op);
}

}  // namespace fg
