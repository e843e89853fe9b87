// The sweep: nodes in falling order of their sequence numbers, a heap for the order, no recursion.
#include "tape/backward.hpp"

#include <algorithm>
#include <unordered_map>

#include "tape/apply.hpp"
#include "tape/node.hpp"
#include "tape/recording.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

Tensor add(const Tensor& a, const Tensor& b) {
    static const Op& op = find_op("add");
    return apply(op, {a, b});
}

// Gradients that have arrived at nodes not yet visited, summed in the order they come.
class Pending {
public:
    void arrive(Node* node, const Tensor& grad) {
        const auto [place, fresh] = grads_.try_emplace(node, grad);
        if (!fresh) {
            place->second = add(place->second, grad);
            return;
        }
        heap_.push_back({node->sequence(), node});
        std::push_heap(heap_.begin(), heap_.end());
    }
    bool empty() const { return heap_.empty(); }
    std::pair<Node*, Tensor> take_latest() {
        std::pop_heap(heap_.begin(), heap_.end());
        Node* node = heap_.back().second;
        heap_.pop_back();
        const auto place = grads_.find(node);
        Tensor grad = std::move(place->second);
        grads_.erase(place);
        return {node, std::move(grad)};
    }

private:
    std::vector<std::pair<uint64_t, Node*>> heap_;
    std::unordered_map<Node*, Tensor> grads_;
};

Tensor seed_for(const Tensor& root, const Tensor& seed) {
    if (!seed) {
        if (root.size() != 1)
            throw ValueError(say("a gradient starts from a scalar, but the output has shape ", root.shape(),
                                 "; reduce it first (sum, mean) or pass the gradient of each element"));
        return Tensor::full(root.dtype(), root.shape(), 1.0);
    }
    if (seed.shape() != root.shape())
        throw ValueError(say("the gradient passed for an output has shape ", seed.shape(), ", expected the output's ",
                             root.shape()));
    if (seed.dtype() != root.dtype())
        throw TypeError(say("the gradient passed for an output is ", name(seed.dtype()), ", expected the output's ",
                            name(root.dtype())));
    return seed;
}

// Visits what lies below the pending nodes. `wants(edge)` says where to go, `to_leaf(leaf, grad)` is told of each
// gradient that reaches a leaf, `at_node(node, grad)` of each node's whole gradient.
template <class Wants, class ToLeaf, class AtNode>
void sweep(Pending& pending, bool retain_graph, Wants wants, ToLeaf to_leaf, AtNode at_node) {
    while (!pending.empty()) {
        const auto [node, grad] = pending.take_latest();
        at_node(node, grad);
        const Pullback pullback(*node, grad);
        bool passed = false;
        for (int i = 0; i < node->arity(); ++i) {
            const Edge& edge = node->edge(i);
            if (!wants(edge)) continue;
            passed = true;
            const Tensor g = node->op().vjp(pullback, i);
            if (edge.leaf) to_leaf(edge.leaf, g);
            else pending.arrive(edge.node.get(), g);
        }
        if (!retain_graph && passed) node->free_saved();
    }
}

// The nodes on some way from the roots to what is wanted.
class Relevant {
public:
    Relevant(Span<Tensor> roots, Span<Tensor> wanted) {
        for (const Tensor& t : wanted) {
            if (t.is_leaf()) leaves_.push_back(t.impl());
            else below_[creator(t)] = true;
        }
        std::vector<Node*> found, open;
        std::unordered_map<Node*, bool> seen;
        const auto visit = [&](Node* n) {
            if (n && seen.try_emplace(n, true).second) open.push_back(n);
        };
        for (const Tensor& t : roots) visit(creator(t));  // a leaf has none
        while (!open.empty()) {
            Node* n = open.back();
            open.pop_back();
            found.push_back(n);
            for (int i = 0; i < n->arity(); ++i) visit(n->edge(i).node.get());
        }
        std::sort(found.begin(), found.end(), [](Node* a, Node* b) { return a->sequence() < b->sequence(); });
        for (Node* n : found)
            for (int i = 0; i < n->arity(); ++i)
                if (contains(n->edge(i))) below_[n] = true;
    }
    bool contains(Node* n) const { return below_.count(n) != 0; }
    bool contains(const Edge& e) const {
        if (e.leaf) return std::find(leaves_.begin(), leaves_.end(), e.leaf.impl()) != leaves_.end();
        return e.node && contains(e.node.get());
    }

private:
    std::unordered_map<Node*, bool> below_;
    std::vector<const TensorImpl*> leaves_;
};

}  // namespace

void LeafGradients::arrive(const Tensor& leaf, const Tensor& grad) {
    const auto [place, fresh] = places_.try_emplace(leaf.impl(), leaves_.size());
    if (fresh) leaves_.push_back({leaf, grad});
    else leaves_[place->second].grad = add(leaves_[place->second].grad, grad);
}

void LeafGradients::hand_over() {
    const GradMode mode(create_graph_);
    for (Arrived& a : leaves_)
        if (const auto& before = a.leaf.impl()->grad) a.grad = add(Tensor(before), a.grad);
    for (const Arrived& a : leaves_) a.leaf.impl()->grad = a.grad.ref();
}

LeafGradients backward(const Tensor& root, const Tensor& seed, bool retain_graph, bool create_graph) {
    if (!root.requires_grad())
        throw GradientError(
            "backward() was called on a tensor that does not require a gradient: none of its inputs "
            "had requires_grad=True, or it was computed under no_grad()");
    const Tensor start = seed_for(root, seed);
    const GradMode mode(create_graph);
    LeafGradients leaves(create_graph);
    if (root.is_leaf()) {
        leaves.arrive(root, start);
        return leaves;
    }
    Pending pending;
    pending.arrive(creator(root), start);
    sweep(
        pending, retain_graph || create_graph, [](const Edge& e) { return e.wants_gradient(); },
        [&](const Tensor& leaf, const Tensor& g) { leaves.arrive(leaf, g); }, [](Node*, const Tensor&) {});
    return leaves;
}

std::vector<Tensor> gradients(Span<Tensor> outputs, Span<Tensor> seeds, Span<Tensor> inputs, bool retain_graph,
                              bool create_graph) {
    std::vector<Tensor> result(size_t(inputs.size()));
    const auto give = [&](int i, const Tensor& g) {
        Tensor& sum = result[size_t(i)];
        sum = sum ? add(sum, g) : g;
    };
    const auto to_leaf = [&](const Tensor& leaf, const Tensor& g) {
        for (int i = 0; i < inputs.size(); ++i)
            if (inputs[i].impl() == leaf.impl()) give(i, g);
    };
    const auto at_node = [&](Node* node, const Tensor& g) {
        for (int i = 0; i < inputs.size(); ++i)
            if (inputs[i].impl()->creator.get() == node) give(i, g);
    };
    // A recording may be differentiated later, whatever is wanted of it now.
    GradMode mode(create_graph || Recording::active());
    const Relevant relevant(outputs, inputs);
    Pending pending;
    for (int i = 0; i < outputs.size(); ++i) {
        const Tensor start = seed_for(outputs[i], seeds[i]);
        if (!outputs[i].requires_grad()) continue;
        if (outputs[i].is_leaf()) to_leaf(outputs[i], start);
        else if (relevant.contains(creator(outputs[i]))) pending.arrive(creator(outputs[i]), start);
    }
    sweep(
        pending, retain_graph || create_graph, [&](const Edge& e) { return relevant.contains(e); }, to_leaf, at_node);
    return result;
}

}  // namespace fg
