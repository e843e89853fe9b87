// Using an op: infer, then run or record, then remember for backward.
#include "tape/apply.hpp"

#include <vector>

#include "core/few.hpp"
#include "tape/node.hpp"
#include "tape/recording.hpp"

namespace fg {
namespace {

thread_local bool grad_mode = true;

Tensor run_now(const Op& op, Span<Tensor> in, const Attrs& attrs, Views views, const Meta& meta) {
    if (op.alias && !op.copies) {
        View out;
        int64_t offset = 0;
        if (op.alias(attrs, *views[0], out, offset)) return in[0].with_view(out.shape, out.strides, offset);
    }
    Tensor t = Tensor::empty(meta);
    check_status(op, attrs, views, op.run(op, attrs, views, t.view()));
    return t;
}

bool wants_gradient(const Op& op, const Attrs& attrs, Span<Tensor> in, const Meta& meta) {
    if (!grad_mode || !op.vjp || !is_floating(meta.dtype)) return false;
    for (int i = 0; i < in.size(); ++i)
        if (in[i].requires_grad() && is_differentiable(op, attrs, i)) return true;
    return false;
}

}  // namespace

Tensor apply(const Op& op, Span<Tensor> in, const Attrs& attrs) {
    Few<const View*, 8> views(size_t(in.size()));
    Recording* recording = Recording::active();
    for (int i = 0; i < in.size(); ++i) {
        views[size_t(i)] = &in[i].view();
        if (in[i].traced()) Recording::check_usable(in[i], op.name);
    }
    const Views all(views);
    const Meta meta = op.infer(op, attrs, all);
    Tensor out = recording ? recording->record(op, attrs, in, meta) : run_now(op, in, attrs, all, meta);
    if (wants_gradient(op, attrs, in, meta)) {
        out.impl()->creator = make_ref<Node>(op, attrs, in, out);
        out.impl()->requires_grad = true;
    }
    return out;
}

std::vector<Tensor> apply_region(const Ref<Region>& region, Span<Tensor> in, int64_t draw) {
    Recording* recording = Recording::active();
    bool wants = false;
    for (const Tensor& t : in) {
        if (t.traced()) Recording::check_usable(t, region->op().name);
        wants |= grad_mode && t.requires_grad();
    }
    Attrs attrs;
    attrs.draw = draw;
    attrs.region = wants ? region->for_gradient() : region;
    std::vector<Tensor> out = recording ? recording->record_region(attrs, in) : attrs.region->run(in, draw);
    if (wants) {
        std::vector<bool> variable;
        for (const Tensor& t : in) variable.push_back(t.requires_grad());
        const std::vector<bool> reached = attrs.region->reached_from(variable);
        const auto node = make_ref<Node>(attrs, in, out);
        for (size_t i = 0; i < region->outputs().size(); ++i) {
            if (!reached[i]) continue;
            out[i].impl()->creator = node;
            out[i].impl()->output = int(i);
            out[i].impl()->requires_grad = true;
        }
    }
    out.resize(region->outputs().size());
    return out;
}

bool grad_enabled() { return grad_mode; }
void set_grad_enabled(bool enabled) { grad_mode = enabled; }
GradMode::GradMode(bool enabled) : before_(grad_mode) { grad_mode = enabled; }
GradMode::~GradMode() { grad_mode = before_; }

void check_status(const Op& op, const Attrs& attrs, Views in, int64_t status) {
    if (status >= 0) throw IndexError(op.fault(attrs, in, status));
}

}  // namespace fg
