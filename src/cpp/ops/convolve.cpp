// Convolutions: of one another's rules they are the other.
#include "ops/convolve.hpp"

#include <algorithm>

#include "ops/along_axis.hpp"
#include "ops/batching.hpp"
#include "ops/matrices.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

struct Lengths {
    int64_t n, m;
    explicit Lengths(Views in) : n(in[0]->shape.at_end(1)), m(in[1]->shape.at_end(1)) {}
};

template <bool valid> Meta infer_convolve(const Op& op, const Attrs&, Views in) {
    const Dims &a = in[0]->shape, &b = in[1]->shape;
    if (a.empty() || a.size() != b.size() || !std::equal(a.begin(), a.end() - 1, b.begin()))
        throw ValueError(say(op.name, ": expected rows (..., n) and (..., m), got shapes ", a, " and ", b));
    const Lengths l(in);
    if (l.m < 1 || l.n < (valid ? l.m : 1))
        throw ValueError(say(op.name, ": there is nothing to add up for shapes ", a, " and ", b));
    Dims shape = a;
    shape.at_end(1) = valid ? l.n - l.m + 1 : l.n + l.m - 1;
    return {in[0]->dtype, false, shape};
}

// Adds factor * x[i] to y[i].
template <class T> void add_multiple(int64_t n, T factor, const T* x, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

template <bool valid> int64_t run_convolve(const Op&, const Attrs&, Views in, const View& out) {
    const Lengths l(in);
    const int64_t size = out.shape.at_end(1), rows = size ? out.size() / size : 0;
    Tensor held_a, held_b;
    const char *left = packed(*in[0], held_a), *right = packed(*in[1], held_b);
    visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        const T *a = reinterpret_cast<const T*>(left), *b = reinterpret_cast<const T*>(right);
        T* y = out.as<T>();
        std::fill(y, y + out.size(), T(0));
        for (int64_t row = 0; row < rows; ++row, a += l.n, b += l.m, y += size) {
            if (valid) {
                for (int64_t j = 0; j < l.m; ++j) add_multiple(size, b[j], a + l.m - 1 - j, y);
            } else if (l.n < l.m) {
                for (int64_t i = 0; i < l.n; ++i) add_multiple(l.m, a[i], b, y + i);
            } else {
                for (int64_t j = 0; j < l.m; ++j) add_multiple(l.n, b[j], a, y + j);
            }
        }
    });
    return -1;
}

Tensor reversed(const Tensor& x) {
    Dims starts = Dims::filled(x.ndim(), 0), steps = Dims::filled(x.ndim(), 1);
    starts.at_end(1) = x.shape().at_end(1) - 1;
    steps.at_end(1) = -1;
    return slice(x, starts, steps, x.shape());
}

Tensor vjp_full(const Pullback& p, int arg) { return convolve_valid(p.grad(), reversed(p.in(1 - arg))); }
Tensor vjp_valid(const Pullback& p, int arg) {
    if (arg == 0) return convolve_full(p.grad(), reversed(p.in(1)));
    return reversed(convolve_valid(p.in(0), reversed(p.grad())));
}

constexpr int uses_other[] = {kernels::in1, kernels::in0};

Op make(const char* name, const char* doc, decltype(Op::infer) infer, decltype(Op::run) run, decltype(Op::vjp) vjp) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = 2;
    op.batch = batch_repeated;
    op.infer = infer;
    op.run = run;
    op.uses = uses_other;
    op.vjp = vjp;
    return op;
}

const Op full_op =
    make("convolve_full", "Convolution, wherever the two meet.", infer_convolve<false>, run_convolve<false>, vjp_full);
const Op valid_op = make("convolve_valid", "Convolution where all of the second lies within the first.",
                         infer_convolve<true>, run_convolve<true>, vjp_valid);

Tensor apply_to(const Op& op, const Tensor& a, const Tensor& b) {
    const DType dtype = to_floating(promote(a.dtype(), a.weak(), b.dtype(), b.weak()));
    return apply(op, {astype(a, dtype), astype(b, dtype)});
}

}  // namespace

Tensor convolve_full(const Tensor& a, const Tensor& b) { return apply_to(full_op, a, b); }
Tensor convolve_valid(const Tensor& a, const Tensor& b) { return apply_to(valid_op, a, b); }

void register_convolve_ops() {
    for (const Op* op : {&full_op, &valid_op}) register_op(*op);
}

}  // namespace fg
