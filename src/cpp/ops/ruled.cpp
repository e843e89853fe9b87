// Rules attached to values, for batches too.
#include "ops/ruled.hpp"

#include "ops/batching.hpp"
#include "ops/elementwise.hpp"
#include "ops/reduce.hpp"
#include "ops/shape.hpp"
#include "tape/backward.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

// ---- ruled (value, inputs..., kept...): the value. attrs: rule, ndim how many inputs there are

Meta infer_first(const Op&, const Attrs&, Views in) { return {in[0]->dtype, in[0]->weak, in[0]->shape}; }
int64_t run_first(const Op&, const Attrs&, Views in, const View& out) {
    copy(*in[0], out);
    return -1;
}
bool alias_first(const Attrs&, const View& in, View& out, int64_t&) {
    out.shape = in.shape;
    out.strides = in.strides;
    return true;
}

Tensor vjp_ruled(const Pullback& p, int arg) {
    const DerivativeRule& rule = *p.attrs().rule;
    std::vector<Tensor>& flows = p.together();
    if (flows.empty()) {
        std::vector<Tensor> kept;
        for (int i = 1 + int(p.attrs().ndim); i < p.arity(); ++i) kept.push_back(p.in(i));
        flows = rule.pull(kept, {&p.grad(), 1});
        if (int64_t(flows.size()) != p.attrs().ndim)
            throw ValueError(say("the derivative of ", rule.name(), " gave ", flows.size(), " gradients for ",
                                 p.attrs().ndim, " inputs"));
    }
    const Tensor& flow = flows[size_t(arg - 1)];
    const Meta& meta = p.meta(arg);
    if (!flow) return Tensor::zeros(meta.dtype, meta.shape);
    if (flow.shape() != meta.shape || flow.dtype() != meta.dtype)
        throw ValueError(say("the derivative of ", rule.name(), " gave ", name(flow.dtype()), flow.shape(),
                             " as the gradient of an input that is ", name(meta.dtype), meta.shape));
    return flow;
}

// The rule of one example, for all of them.
class BatchedRule final : public DerivativeRule {
public:
    BatchedRule(Ref<DerivativeRule> of_one, const Batching& b) : of_one_(std::move(of_one)) {
        for (int i = 1; i < b.arity(); ++i) (i <= b.attrs().ndim ? inputs_ : kept_).push_back(b.batched(i));
    }
    const char* name() const override { return of_one_->name(); }

    std::vector<Tensor> pull(Span<Tensor> kept, Span<Tensor> grads) const override {
        std::vector<BatchedValue> operands;
        for (int i = 0; i < kept.size(); ++i) operands.push_back({kept[size_t(i)], kept_[size_t(i)]});
        for (const Tensor& g : grads) operands.push_back({g, true});
        Recording recording(true);
        const std::vector<bool> flows = record(recording, operands);
        const int64_t size = grads[0].shape()[0];
        const std::vector<BatchedValue> values = replay_batched(recording, operands, size);
        std::vector<Tensor> out;
        size_t next = 0;
        for (size_t i = 0; i < flows.size(); ++i)
            out.push_back(flows[i] ? of_all(values[next++], inputs_[i], size) : Tensor());
        return out;
    }

private:
    // Writes down what the rule does for one example; of each input, whether anything flows to it.
    std::vector<bool> record(Recording& recording, Span<BatchedValue> operands) const {
        std::vector<Tensor> of_one;
        for (const BatchedValue& v : operands) {
            Meta meta = v.value.meta();
            if (v.batched) meta.shape.erase(0);
            of_one.push_back(recording.add_input(meta));
        }
        const RecordingScope scope(recording);
        const Span<Tensor> kept(of_one.data(), kept_.size());
        std::vector<Tensor> flowing;
        std::vector<bool> flows;
        for (const Tensor& flow :
             of_one_->pull(kept, Span<Tensor>(of_one.data() + kept_.size(), of_one.size() - kept_.size()))) {
            flows.push_back(bool(flow));
            if (flow) flowing.push_back(flow);
        }
        recording.set_outputs(flowing);
        recording.remove_dead_code();
        return flows;
    }
    // What flows to an input that all examples share is the sum over them.
    static Tensor of_all(const BatchedValue& flow, bool batched, int64_t size) {
        if (!batched) return flow.batched ? sum(flow.value, {0}) : flow.value * Tensor(double(size));
        if (flow.batched) return flow.value;
        Dims shape = flow.value.shape();
        shape.insert(0, size);
        return broadcast_to(flow.value, shape);
    }

    Ref<DerivativeRule> of_one_;
    std::vector<bool> inputs_, kept_;  // which are batched
};

Tensor batch_ruled(const Batching& b) {
    Attrs a = b.attrs();
    a.rule = make_ref<BatchedRule>(a.rule, b);
    std::vector<Tensor> in{with_batch(b, 0)};
    for (int i = 1; i < b.arity(); ++i) in.push_back(b.in(i));
    return apply(b.op(), in, a);
}

const Op ruled_op = [] {
    Op op{};
    op.name = "ruled";
    op.doc = "The first operand, with a derivative of its own by the others.";
    op.arity = -1;
    op.infer = infer_first;
    op.run = run_first;
    op.alias = alias_first;
    op.vjp = vjp_ruled;
    op.batch = batch_ruled;
    return op;
}();

// ---- several values as one: their numbers one after the other

struct Packing {
    std::vector<Meta> metas;
    DType dtype;

    explicit Packing(Span<Tensor> values) : dtype(values[0].dtype()) {
        for (const Tensor& v : values) {
            metas.push_back(v.meta());
            dtype = promote(dtype, false, v.dtype(), false);
        }
    }
    Tensor pack(Span<Tensor> values) const {
        std::vector<Tensor> flat;
        for (const Tensor& v : values) flat.push_back(astype(reshape(v, {v.size()}), dtype));
        return concatenate(flat, 0);
    }
    std::vector<Tensor> unpack(const Tensor& packed) const {
        std::vector<Tensor> out;
        int64_t start = 0;
        for (const Meta& meta : metas) {
            const int64_t size = element_count(meta.shape);
            out.push_back(astype(reshape(slice(packed, {start}, {1}, {size}), meta.shape), meta.dtype));
            start += size;
        }
        return out;
    }
};

class PackedRule final : public DerivativeRule {
public:
    PackedRule(Ref<DerivativeRule> of_many, Packing packing)
        : of_many_(std::move(of_many)), packing_(std::move(packing)) {}
    const char* name() const override { return of_many_->name(); }
    std::vector<Tensor> pull(Span<Tensor> kept, Span<Tensor> grads) const override {
        return of_many_->pull(kept, packing_.unpack(grads[0]));
    }

private:
    Ref<DerivativeRule> of_many_;
    Packing packing_;
};

// ---- recompute (value, trigger): the value, but to be read after the trigger only, and never taken for the value
// itself: what is computed from it is computed again

Tensor vjp_recompute(const Pullback& p, int) { return p.grad(); }
Tensor batch_recompute(const Batching& b) { return apply(b.op(), {with_batch(b, 0), b.in(1)}); }

const Op recompute_op = [] {
    Op op{};
    op.name = "recompute";
    op.doc = "The first operand, to be read after the second is there.";
    op.arity = 2;
    op.infer = infer_first;
    op.run = run_first;
    op.alias = alias_first;
    op.vjp = vjp_recompute;
    op.batch = batch_recompute;
    op.differentiable = 1;
    return op;
}();

// ---- draw_key (key): the key of the stream attrs.draw, so that draws can be made twice

Meta infer_key(const Op&, const Attrs&, Views) { return {DType::int64, false, {2}}; }
int64_t run_key(const Op&, const Attrs& a, Views in, const View& out) {
    out.as<int64_t>()[0] = in[0]->as<const int64_t>()[0];
    out.as<int64_t>()[1] = int64_t(uint64_t(in[0]->as<const int64_t>()[1]) + uint64_t(a.draw));
    return -1;
}
const Op draw_key_op = [] {
    Op op{};
    op.name = "draw_key";
    op.doc = "The key of a stream of random numbers.";
    op.arity = 1;
    op.infer = infer_key;
    op.run = run_key;
    return op;
}();

// Gradients of a recording by computing it again. Kept are its inputs, what it reads from outside, and its key.
class RecomputeRule final : public DerivativeRule {
public:
    RecomputeRule(std::shared_ptr<const Recording> recording, std::vector<Tensor> outside, std::vector<int> variables)
        : recording_(std::move(recording)), outside_(std::move(outside)), variables_(std::move(variables)) {}
    const char* name() const override { return "remat"; }

    std::vector<Tensor> pull(Span<Tensor> kept, Span<Tensor> grads) const override {
        const bool again = grad_enabled();
        const size_t inputs = recording_->inputs().size(), own = inputs + outside_.size();
        std::vector<Tensor> values, variables;
        for (size_t i = 0; i < own; ++i) values.push_back(apply(recompute_op, {kept[i], grads[0]}));
        for (int v : variables_) {
            values[size_t(v)].impl()->requires_grad = true;
            variables.push_back(values[size_t(v)]);
        }
        const GradMode on(true);
        Draws draws{recording_->draws() ? kept[own] : Tensor(), 0};
        std::vector<Tensor> outputs, seeds;
        const std::vector<Tensor> all = recording_->replay_over(Span<Tensor>(values.data(), inputs), outside_,
                                                                Span<Tensor>(values.data() + inputs, outside_.size()),
                                                                recording_->draws() ? &draws : nullptr);
        for (const Tensor& out : all)
            if (is_floating(out.dtype())) outputs.push_back(out);
        return gradients(outputs, grads, variables, again, again);
    }

private:
    std::shared_ptr<const Recording> recording_;
    std::vector<Tensor> outside_;
    std::vector<int> variables_;  // of the inputs and what is from outside, those that gradients pass to
};

}  // namespace

std::vector<Tensor> ruled(Span<Tensor> values, Span<Tensor> inputs, Span<Tensor> kept,
                          const Ref<DerivativeRule>& rule) {
    const bool several = values.size() > 1;
    const Packing packing(values);
    Attrs a;
    a.ndim = inputs.size();
    a.rule = several ? Ref<DerivativeRule>(make_ref<PackedRule>(rule, packing)) : rule;
    std::vector<Tensor> in{several ? packing.pack(values) : values[0]};
    in.insert(in.end(), inputs.begin(), inputs.end());
    in.insert(in.end(), kept.begin(), kept.end());
    const Tensor out = apply(ruled_op, in, a);
    return several ? packing.unpack(out) : std::vector<Tensor>{out};
}

std::vector<Tensor> rematerialized(std::shared_ptr<const Recording> recording, Span<Tensor> inputs) {
    std::vector<Tensor> kept(inputs.begin(), inputs.end()), outside, read_by, floats, values;
    for (const ValueInfo& v : recording->values())
        if (v.captured && (v.captured.traced() || v.captured.requires_grad())) outside.push_back(v.captured);
    kept.insert(kept.end(), outside.begin(), outside.end());
    std::vector<int> variables;
    for (size_t i = 0; i < kept.size(); ++i)
        if (is_floating(kept[i].dtype())) {
            variables.push_back(int(i));
            floats.push_back(kept[i]);
        }
    Draws draws{Tensor(), 0};
    if (recording->draws()) {
        const Draws taken = Recording::take_draws(recording->draws());
        Attrs a;
        a.draw = taken.first;
        draws.key = apply(draw_key_op, {taken.key}, a);
        kept.push_back(draws.key);
    }
    std::vector<Tensor> results;
    {
        const GradMode off(false);
        results = recording->replay_over(inputs, {nullptr, 0}, {nullptr, 0}, recording->draws() ? &draws : nullptr);
    }
    for (const Tensor& t : results)
        if (is_floating(t.dtype())) values.push_back(t);
    if (values.empty() || floats.empty()) return results;
    const Ref<DerivativeRule> rule(
        make_ref<RecomputeRule>(std::move(recording), std::move(outside), std::move(variables)));
    size_t next = 0;
    values = ruled(values, floats, kept, rule);
    for (Tensor& t : results)
        if (is_floating(t.dtype())) t = values[next++];
    return results;
}

void register_ruled_ops() {
    for (const Op* op : {&ruled_op, &recompute_op, &draw_key_op}) register_op(*op);
}

}  // namespace fg
