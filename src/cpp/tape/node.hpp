// Node: one use of an op that a gradient will pass through, and what it kept for that.
#pragma once

#include <memory>
#include <vector>

#include "core/few.hpp"
#include "tape/op.hpp"

namespace fg {

class Node;

// An argument of a node: where its gradient goes, and its value if the op's vjp reads it.
struct Edge {
    Ref<Node> node;  // the argument's own creator; null for a leaf
    Tensor leaf;     // a leaf that wants its gradient
    Tensor saved;    // the value, when some vjp reads it
    uint32_t version = 0;
    int output = 0;  // which of its creator's results
    Meta meta;

    bool wants_gradient() const { return node || leaf; }
};

class Node final : public Creator {
public:
    Node(const Op& op, const Attrs& attrs, Span<Tensor> in, const Tensor& out);
    // One use of a region.
    Node(const Attrs& attrs, Span<Tensor> in, Span<Tensor> out);

    const char* op_name() const override { return op_.name; }
    const Op& op() const { return op_; }
    const Attrs& attrs() const { return attrs_; }
    // Later nodes have larger numbers: backward goes down them.
    uint64_t sequence() const { return sequence_; }
    int arity() const { return int(edges_.size()); }
    const Edge& edge(int i) const { return edges_[size_t(i)]; }
    Region* region() const { return attrs_.region.get(); }

    // Saved values. An error when they were freed by an earlier backward, or written to since.
    Tensor saved_input(int i) const;
    Tensor saved_output() const;
    Tensor saved_output(int i) const;  // of a region
    // Lets go of saved values; a second backward through them is then an error.
    void free_saved();

    // Without recursion, however long the chain: a thread-local list takes the nodes that lose their last reference.
    void dispose() override;

private:
    void connect(Edge& edge, const Tensor& in);
    Tensor in_graph(const Tensor& saved, int output) const;
    void check(const Tensor& saved, uint32_t version) const;

    const Op& op_;
    Attrs attrs_;
    uint64_t sequence_;
    bool freed_ = false;
    Few<Edge, 3> edges_;
    Tensor output_;  // the value without its place in the graph: no cycle
    uint32_t output_version_ = 0;
    std::unique_ptr<std::vector<Tensor>> region_outputs_;  // those that are kept; the same way
    Node* next_dead_ = nullptr;
};

// The node that made a tensor; null for a leaf.
inline Node* creator(const Tensor& t) { return static_cast<Node*>(t.impl()->creator.get()); }

// What the rule of an op sees when a gradient comes back.
class Pullback {
public:
    Pullback(const Node& node, const Tensor& grad) : node_(node), grad_(grad) {}

    const Op& op() const { return node_.op(); }
    const Attrs& attrs() const { return node_.attrs(); }
    const Tensor& grad() const { return grad_; }  // of the output
    Tensor in(int i) const { return node_.saved_input(i); }
    Tensor out() const { return node_.saved_output(); }
    const Meta& meta(int i) const { return node_.edge(i).meta; }
    int arity() const { return node_.arity(); }
    // What flows to all arguments, for rules that find it in one go: kept here from the first argument on.
    std::vector<Tensor>& together() const { return together_; }

private:
    mutable std::vector<Tensor> together_;
    const Node& node_;
    const Tensor& grad_;
};

}  // namespace fg
