// Keeping and giving back the values that backward needs, and taking graphs apart without recursion.
#include "tape/node.hpp"

namespace fg {
namespace {

std::atomic<uint64_t> next_sequence{1};

// Plain data on purpose: usable until the very end of a thread.
thread_local Node* dead_nodes = nullptr;
thread_local bool burying = false;

uint32_t version_of(const Tensor& t) { return t.impl()->storage ? t.impl()->storage->version() : 0; }

}  // namespace

Node::Node(const Op& op, const Attrs& attrs, Span<Tensor> in, const Tensor& out)
    : op_(op),
      attrs_(attrs),
      sequence_(next_sequence.fetch_add(1, std::memory_order_relaxed)),
      edges_(size_t(in.size())) {
    int used = 0;
    for (int i = 0; i < arity(); ++i) {
        Edge& e = edges_[size_t(i)];
        e.meta = in[i].meta();
        if (!in[i].requires_grad() || !is_differentiable(op, attrs, i)) continue;
        connect(e, in[i]);
        used |= uses(op, i);
    }
    for (int i = 0; i < arity() && i < max_saved_inputs; ++i) {
        if (!(used & (1 << i))) continue;
        edges_[size_t(i)].saved = in[i];
        edges_[size_t(i)].version = version_of(in[i]);
    }
    for (int i = 1 + int(attrs.ndim); attrs.rule && i < arity(); ++i) {
        edges_[size_t(i)].saved = in[i];
        edges_[size_t(i)].version = version_of(in[i]);
    }
    if (used & uses_out) {
        output_ = out.detach();
        output_version_ = version_of(out);
    }
}

Node::Node(const Attrs& attrs, Span<Tensor> in, Span<Tensor> out)
    : op_(attrs.region->op()),
      attrs_(attrs),
      sequence_(next_sequence.fetch_add(1, std::memory_order_relaxed)),
      edges_(size_t(in.size())),
      region_outputs_(std::make_unique<std::vector<Tensor>>(size_t(out.size()))) {
    for (int i = 0; i < arity(); ++i) {
        Edge& e = edges_[size_t(i)];
        e.meta = in[i].meta();
        if (in[i].requires_grad()) connect(e, in[i]);
        if (!region()->keeps_input(i)) continue;
        e.saved = in[i];
        e.version = version_of(in[i]);
    }
    for (int i = 0; i < out.size(); ++i)
        if (region()->keeps_output(i)) (*region_outputs_)[size_t(i)] = out[i].detach();
}

void Node::connect(Edge& edge, const Tensor& in) {
    edge.output = in.impl()->output;
    if (in.is_leaf()) edge.leaf = in;
    else edge.node = Ref<Node>(creator(in));
}

void Node::check(const Tensor& saved, uint32_t version) const {
    if (freed_)
        throw GradientError(
            say("a second backward through '", op_.name,
                "': its saved values were freed by the first; pass retain_graph=True there to keep them"));
    if (saved && version_of(saved) != version)
        throw GradientError(
            say("a value of shape ", saved.shape(), " that '", op_.name,
                "' needs for its gradient was changed in place after it was used (by an optimizer step, "
                "or a write to memory shared through fastgrad.asarray); call backward before changing it"));
}

Tensor Node::saved_input(int i) const {
    const Edge& e = edge(i);
    check(e.saved, e.version);
    return e.saved;
}

Tensor Node::saved_output() const {
    check(output_, output_version_);
    return in_graph(output_, 0);
}

Tensor Node::saved_output(int i) const {
    const Tensor& saved = (*region_outputs_)[size_t(i)];
    check(Tensor(), 0);
    return is_floating(saved.dtype()) ? in_graph(saved, i) : saved;
}

Tensor Node::in_graph(const Tensor& saved, int output) const {
    Tensor t = saved.detach();
    t.impl()->creator = Ref<Creator>(const_cast<Node*>(this));
    t.impl()->output = output;
    t.impl()->requires_grad = true;
    return t;
}

void Node::free_saved() {
    bool had_any = bool(output_);
    output_ = Tensor();
    if (region_outputs_) {
        had_any = true;
        for (Tensor& t : *region_outputs_) t = Tensor();
    }
    for (Edge& edge : edges_) {
        had_any |= bool(edge.saved);
        edge.saved = Tensor();
    }
    freed_ |= had_any;
}

void Node::dispose() {
    if (burying) {
        next_dead_ = dead_nodes;
        dead_nodes = this;
        return;
    }
    burying = true;
    delete this;
    while (Node* node = dead_nodes) {
        dead_nodes = node->next_dead_;
        delete node;
    }
    burying = false;
}

}  // namespace fg
