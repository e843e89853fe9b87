// Fourier transforms. Each is linear, so its rule is the transform that goes the other way.
#include "ops/fft.hpp"

#include "ops/batching.hpp"
#include "ops/host.hpp"
#include "ops/matrices.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

void check_size(const Op& op, int64_t n) {
    if (n < 1) throw ValueError(say(op.name, ": there is nothing to transform along an axis of size ", n));
}
void check_pairs(const Op& op, const Dims& shape) {
    if (shape.size() < 2 || shape.at_end(1) != 2)
        throw ValueError(say(op.name, ": expected pairs (..., n, 2), got shape ", shape));
}

Meta infer_complex(const Op& op, const Attrs&, Views in) {
    check_pairs(op, in[0]->shape);
    check_size(op, in[0]->shape.at_end(2));
    return {in[0]->dtype, false, in[0]->shape};
}
template <bool half> Meta infer_of_real(const Op& op, const Attrs&, Views in) {
    Dims shape = in[0]->shape;
    if (shape.empty()) throw ValueError(say(op.name, ": a single number has no axis to transform along"));
    const int64_t n = in[0]->shape.at_end(1);
    check_size(op, n);
    if (half) shape.at_end(1) = n / 2 + 1;
    shape.push_back(2);
    return {in[0]->dtype, false, shape};
}
// attrs: ndim = the n numbers that come out
Meta infer_to_real(const Op& op, const Attrs& a, Views in) {
    check_pairs(op, in[0]->shape);
    check_size(op, a.ndim);
    Dims shape = in[0]->shape;
    if (shape.at_end(2) != a.ndim / 2 + 1)
        throw ValueError(
            say(op.name, ": ", a.ndim, " numbers come of ", a.ndim / 2 + 1, " pairs, got shape ", in[0]->shape));
    shape.erase(shape.size() - 1);
    shape.at_end(1) = a.ndim;
    return {in[0]->dtype, false, shape};
}

// What stands in the whole of the transform of n real numbers once is multiplied by `once`, what stands there twice,
// the second time conjugated, by `twice`.
Tensor weighted(const Tensor& half, int64_t n, double once, double twice) {
    const Tensor weights = Tensor::full(half.dtype(), {n / 2 + 1, 1}, twice);
    const auto set = [&](int64_t i) {
        visit_floating(weights.dtype(), [&](auto zero) {
            using T = decltype(zero);
            weights.view().as<T>()[i] = T(once);
        });
    };
    set(0);
    if (n % 2 == 0) set(n / 2);
    return half * weights;
}

Tensor vjp_fft(const Pullback& p, int) { return backward_fft(p.grad()); }
Tensor vjp_backward_fft(const Pullback& p, int) { return fft(p.grad()); }
Tensor vjp_fft_of_real(const Pullback& p, int) {
    return reshape(part(backward_fft(p.grad()), 1, 0, 1), p.meta(0).shape);
}
Tensor vjp_rfft(const Pullback& p, int) {
    const int64_t n = p.meta(0).shape.at_end(1);
    return backward_rfft(weighted(p.grad(), n, 1.0, 0.5), n);
}
Tensor vjp_backward_rfft(const Pullback& p, int) { return weighted(rfft(p.grad()), p.attrs().ndim, 1.0, 2.0); }

constexpr int uses_nothing[] = {kernels::nothing};

Op make(const char* name, const char* doc, decltype(Op::infer) infer, decltype(Op::vjp) vjp) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = 1;
    op.batch = batch_in_front;
    op.infer = infer;
    op.run = run_on_host;
    op.uses = uses_nothing;
    op.vjp = vjp;
    return op;
}

const Op fft_op = make("fft", "Fourier transform of pairs.", infer_complex, vjp_fft);
const Op backward_fft_op =
    make("backward_fft", "Fourier transform of pairs, the other way.", infer_complex, vjp_backward_fft);
const Op fft_of_real_op =
    make("fft_of_real", "Fourier transform of real numbers.", infer_of_real<false>, vjp_fft_of_real);
const Op rfft_op = make("rfft", "First half of the Fourier transform of real numbers.", infer_of_real<true>, vjp_rfft);
const Op backward_rfft_op =
    make("backward_rfft", "Real numbers from the first half of a transform.", infer_to_real, vjp_backward_rfft);

}  // namespace

Tensor fft(const Tensor& z) { return apply(fft_op, {floating(z)}); }
Tensor fft_of_real(const Tensor& x) { return apply(fft_of_real_op, {floating(x)}); }
Tensor backward_fft(const Tensor& z) { return apply(backward_fft_op, {floating(z)}); }
Tensor rfft(const Tensor& x) { return apply(rfft_op, {floating(x)}); }
Tensor backward_rfft(const Tensor& half, int64_t n) {
    Attrs a;
    a.ndim = n;
    return apply(backward_rfft_op, {floating(half)}, a);
}

void register_fft_ops() {
    for (const Op* op : {&fft_op, &backward_fft_op, &fft_of_real_op, &rfft_op, &backward_rfft_op}) register_op(*op);
}

}  // namespace fg
