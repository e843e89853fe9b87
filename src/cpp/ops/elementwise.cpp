// From a formula to an op: its type rule, its run over any layout, its gradient.
#include "ops/elementwise.hpp"

#include "ops/elementwise_run.hpp"
#include "ops/shape.hpp"
#include "tape/node.hpp"
#include "tape/recording.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

using kernels::Domain;
using kernels::ElementwiseOps;

const ElementwiseOp& elementwise(const Op& op) { return static_cast<const ElementwiseOp&>(op); }

const kernels::ElementwiseKernels& kernels_of(const Op& op) { return kernels::table().elementwise[op.index]; }

// The type the arguments are brought to before the op runs.
DType common_dtype(const ElementwiseOp& op, Span<Tensor> in) {
    DType t = in[op.first_number].dtype();
    bool weak = in[op.first_number].weak();
    for (int i = op.first_number + 1; i < in.size(); ++i) {
        t = promote(t, weak, in[i].dtype(), in[i].weak());
        weak &= in[i].weak();
    }
    if (op.entry->domain == Domain::logical) {
        if (t != DType::boolean) throw TypeError(say(op.name, ": expected bool, got ", name(t)));
        return t;
    }
    if (op.entry->domain == Domain::reals) return to_floating(t);
    return t == DType::boolean ? DType::int64 : t;
}

Meta infer(const Op& op, const Attrs&, Views in) {
    const int first_number = elementwise(op).first_number;
    Meta out{in[first_number]->dtype, true, in[0]->shape};
    for (int i = 0; i < in.size(); ++i) {
        out.weak &= in[i]->weak;
        if (i && !broadcast(out.shape, in[i]->shape, out.shape)) {
            std::string shapes;
            for (int k = 0; k < in.size(); ++k)
                shapes += (k == 0 ? "" : k + 1 == in.size() ? " and " : ", ") + text(in[k]->shape);
            throw ValueError(say(op.name, ": shapes ", shapes, " do not broadcast"));
        }
    }
    if (elementwise(op).entry->domain == Domain::ordered) out.dtype = DType::boolean;
    return out;
}

int64_t run(const Op& op, const Attrs&, Views in, const View& out) {
    const DType t = in[elementwise(op).first_number]->dtype;
    run_elementwise(kernels_of(op).forward[int(t)], in, out);
    return -1;
}

// The pullback in one pass over memory, where nobody will ask how it was computed.
Tensor run_pullback(const Pullback& p, int arg) {
    const int used = uses(p.op(), arg);
    Tensor operands[kernels::max_elementwise_arity + 2] = {p.grad()};
    int count = 1;
    for (int i = 0; i < p.arity(); ++i)
        if (used & (1 << i)) operands[count++] = p.in(i);
    if (used & uses_out) operands[count++] = p.out();
    const View* views[kernels::max_elementwise_arity + 2];
    for (int k = 0; k < count; ++k) views[k] = &operands[k].view();
    Tensor result = Tensor::empty(p.grad().dtype(), p.grad().shape());
    run_elementwise(kernels_of(p.op()).backward[arg][int(result.dtype())], Views(views, size_t(count)), result.view());
    return result;
}

// The pullback as ops, which can be recorded and differentiated again.
template <class F, int arg, size_t... I> Tensor formula(const Pullback& p, std::index_sequence<I...>) {
    const int used = F::uses[arg];
    const Tensor y = used & uses_out ? p.out() : Tensor();
    return kernels::pullback<F, arg>(p.grad(), (used & (1 << I) ? p.in(int(I)) : Tensor())..., y);
}
template <class F, int arg> Tensor formula(const Pullback& p) {
    if constexpr (arg < kernels::arity<F> && kernels::differentiable<F, arg>)
        return formula<F, arg>(p, std::make_index_sequence<kernels::arity<F>>{});
    else throw ValueError(say(p.op().name, " has no gradient for argument ", arg));
}

template <class F> Tensor vjp(const Pullback& p, int arg) {
    Tensor g;
    if (uses(p.op(), arg) && !grad_enabled() && !Recording::active()) g = run_pullback(p, arg);
    else g = arg == 0 ? formula<F, 0>(p) : arg == 1 ? formula<F, 1>(p) : formula<F, 2>(p);
    return sum_to(g, p.meta(arg).shape);
}

template <class F> ElementwiseOp describe() {
    ElementwiseOp op{};
    op.name = F::entry.name;
    op.doc = F::entry.doc;
    op.arity = kernels::arity<F>;
    op.infer = infer;
    op.run = run;
    op.uses = F::uses;
    op.index = kernels::elementwise_index<F>;
    op.entry = &F::entry;
    op.first_number = kernels::first_is_mask<F> ? 1 : 0;
    op.differentiable = (kernels::differentiable<F, 0> ? 1u : 0u) | (kernels::differentiable<F, 1> ? 2u : 0u) |
                        (kernels::differentiable<F, 2> ? 4u : 0u);
    op.differentiable &= (1u << kernels::arity<F>)-1;
    if (op.differentiable) op.vjp = vjp<F>;
    return op;
}

template <class... F> const ElementwiseOp* describe_all(kernels::OpList<F...>) {
    static const ElementwiseOp ops[] = {describe<F>()...};
    return ops;
}

// A constant is converted where it stands, and stays weak; anything else by the cast op.
Tensor brought_to(const Tensor& t, DType dtype) {
    if (t.dtype() == dtype) return t;
    const bool constant = t.weak() && !t.traced() && !t.requires_grad() && t.ndim() == 0;
    if (!constant) return astype(t, dtype);
    const Tensor converted = Tensor::full(dtype, {}, t.item());
    converted.impl()->view.weak = true;
    return converted;
}

}  // namespace

const ElementwiseOp& ElementwiseOp::at(int index) {
    static const ElementwiseOp* ops = describe_all(ElementwiseOps{});
    return ops[index];
}

Tensor apply_elementwise(const ElementwiseOp& op, Span<Tensor> in) {
    const DType dtype = common_dtype(op, in);
    bool same = true;
    for (int i = op.first_number; i < in.size(); ++i) same &= in[i].dtype() == dtype;
    if (op.first_number && in[0].dtype() != DType::boolean)
        throw TypeError(say(op.name, ": the condition is ", name(in[0].dtype()), ", expected bool"));
    if (same) return apply(op, in);
    Tensor cast[kernels::max_elementwise_arity];
    for (int i = 0; i < in.size(); ++i) cast[i] = i < op.first_number ? in[i] : brought_to(in[i], dtype);
    return apply(op, Span<Tensor>(cast, size_t(in.size())));
}

void register_elementwise_ops() {
    for (int i = 0; i < kernels::elementwise_count; ++i) register_op(ElementwiseOp::at(i));
}

}  // namespace fg
