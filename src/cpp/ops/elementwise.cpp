// From a formula to an op: its type rule, its run over any layout, its gradient.
#include "ops/elementwise.hpp"

#include "ops/batching.hpp"
#include "ops/elementwise_run.hpp"
#include "ops/shape.hpp"
#include "tape/backward.hpp"
#include "tape/node.hpp"
#include "tape/recording.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

using kernels::Domain;
using kernels::ElementwiseOps;

const ElementwiseOp& elementwise(const Op& op) { return static_cast<const ElementwiseOp&>(op); }

const kernels::ElementwiseKernels& kernels_of(const ElementwiseOp& op) {
    return kernels::table().elementwise[op.formula];
}

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

// The shape that operands broadcast to; weak where all are.
Meta infer_broadcast(const Op& op, Views in, DType dtype) {
    Meta out{dtype, true, in[0]->shape};
    for (int i = 0; i < in.size(); ++i) {
        out.weak &= in[i]->weak;
        if (i && !broadcast(out.shape, in[i]->shape, out.shape)) {
            std::string shapes;
            for (int k = 0; k < in.size(); ++k)
                shapes += (k == 0 ? "" : k + 1 == in.size() ? " and " : ", ") + text(in[k]->shape);
            throw ValueError(say(op.name, ": shapes ", shapes, " do not broadcast"));
        }
    }
    return out;
}

Meta infer(const Op& op, const Attrs&, Views in) {
    const bool compares = elementwise(op).entry->domain == Domain::ordered;
    return infer_broadcast(op, in, compares ? DType::boolean : in[elementwise(op).first_number]->dtype);
}

kernels::ElementwiseKernel kernel_of(const Op& op, Views in, const View&) {
    return kernels_of(elementwise(op)).forward[int(in[elementwise(op).first_number]->dtype)];
}

int64_t run(const Op& op, const Attrs&, Views in, const View& out) {
    run_elementwise(op.kernel(op, in, out), in, out);
    return -1;
}

// --- The pullback of one argument as an op of its own: one pass over memory, and one instruction of a recording. Its
// operands are the gradient, then what the pullback reads, in order. It is differentiated through its formula.

constexpr int max_operands = kernels::max_elementwise_arity + 2;
static_assert(max_operands <= max_saved_inputs);

struct PullbackOp : Op {
    const ElementwiseOp* of;
    int arg;
};

const PullbackOp& pullback_op(const Op& op) { return static_cast<const PullbackOp&>(op); }

Meta infer_pullback(const Op& op, const Attrs&, Views in) { return infer_broadcast(op, in, in[0]->dtype); }

kernels::ElementwiseKernel kernel_of_pullback(const Op& op, Views, const View& out) {
    return kernels_of(*pullback_op(op).of).backward[pullback_op(op).arg][int(out.dtype)];
}

// The pullback as ops.
template <class F, int arg, size_t... I> Tensor formula(const Tensor* operands, std::index_sequence<I...>) {
    constexpr int used = F::uses[arg];
    const auto operand = [&](int bit) {
        return used & bit ? operands[1 + __builtin_popcount(used & (bit - 1))] : Tensor();
    };
    return kernels::pullback<F, arg>(operands[0], operand(1 << I)..., operand(uses_out));
}

// A pullback is linear in the gradient; by what it reads it is differentiated through the formula.
template <class F, int arg> Tensor vjp_of_pullback(const Pullback& p, int k) {
    Tensor operands[max_operands];
    if (k == 0) {
        operands[0] = p.grad();
        for (int i = 1; i < p.arity(); ++i) operands[i] = p.in(i);
        return sum_to(apply(p.op(), Span<Tensor>(operands, size_t(p.arity()))), p.meta(0).shape);
    }
    for (int i = 0; i < p.arity(); ++i) operands[i] = p.in(i);
    const bool differentiated_again = grad_enabled();
    const GradMode on(true);
    operands[k] = identity(operands[k]);
    const Tensor result = formula<F, arg>(operands, std::make_index_sequence<kernels::arity<F>>{});
    if (!result.requires_grad()) return Tensor::zeros(p.grad().dtype(), p.meta(k).shape);
    const Tensor g = gradients({&result, 1}, {&p.grad(), 1}, {&operands[k], 1}, false, differentiated_again)[0];
    return g ? g : Tensor::zeros(p.grad().dtype(), p.meta(k).shape);
}

// What a use of the op gives the pullback of its argument `arg`; returns how many operands those are.
int pullback_operands(const Pullback& p, int arg, Tensor* operands) {
    const int used = uses(p.op(), arg);
    int count = 0;
    operands[count++] = p.grad();
    for (int i = 0; i < p.arity(); ++i)
        if (used & (1 << i)) operands[count++] = p.in(i);
    if (used & uses_out) operands[count++] = p.out();
    return count;
}

template <class F, int arg> PullbackOp describe_pullback() {
    constexpr int operands = 1 + __builtin_popcount(F::uses[arg]);
    constexpr int all = (1 << operands) - 1;
    static constexpr int reads[] = {all - 1, all, all, all, all};
    static const std::string name =
        std::string(F::entry.name) + "_vjp" + (kernels::arity<F> > 1 ? std::to_string(arg) : "");
    PullbackOp op{};
    op.name = name.c_str();
    op.doc = "Gradient of an argument, from the gradient of the result.";
    op.arity = operands;
    op.infer = infer_pullback;
    op.run = run;
    op.kernel = kernel_of_pullback;
    op.vjp = vjp_of_pullback<F, arg>;
    op.batch = batch_broadcasting;
    op.uses = reads;
    op.of = &ElementwiseOp::at(kernels::elementwise_index<F>);
    op.arg = arg;
    return op;
}

template <class F, int arg> Tensor vjp_of(const Pullback& p) {
    if constexpr (arg < kernels::arity<F> && kernels::differentiable<F, arg>) {
        Tensor operands[max_operands];
        const int count = pullback_operands(p, arg, operands);
        if constexpr (F::uses[arg] == 0 || kernels::pullbacks_are_ops<F>) {
            return formula<F, arg>(operands, std::make_index_sequence<kernels::arity<F>>{});
        } else {
            static const PullbackOp& op = *new PullbackOp(describe_pullback<F, arg>());
            return apply(op, Span<Tensor>(operands, size_t(count)));
        }
    } else {
        throw ValueError(say(p.op().name, " has no gradient for argument ", arg));
    }
}

template <class F> Tensor vjp(const Pullback& p, int arg) {
    const Tensor g = arg == 0 ? vjp_of<F, 0>(p) : arg == 1 ? vjp_of<F, 1>(p) : vjp_of<F, 2>(p);
    return sum_to(g, p.meta(arg).shape);
}

template <class F> ElementwiseOp describe() {
    ElementwiseOp op{};
    op.name = F::entry.name;
    op.doc = F::entry.doc;
    op.arity = kernels::arity<F>;
    op.infer = infer;
    op.run = run;
    op.kernel = kernel_of;
    op.batch = batch_broadcasting;
    op.uses = F::uses;
    op.formula = kernels::elementwise_index<F>;
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
