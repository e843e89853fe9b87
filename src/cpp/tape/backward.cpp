// The sweep: nodes in falling order of their sequence numbers, no recursion.
#include "tape/backward.hpp"

#include <algorithm>
#include <cstddef>

#include "tape/apply.hpp"
#include "tape/loop.hpp"
#include "tape/node.hpp"
#include "tape/recording.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

// The nodes below some roots, later ones first, and the gradients that have arrived at each, summed in the order they
// come. Nodes are found by their address in a table of half empty places: a sweep looks for one at every edge.
class Graph {
public:
    explicit Graph(Span<Tensor> roots) : table_(64, -1) {
        for (const Tensor& t : roots) add(creator(t));
        for (size_t n = 0; n < nodes_.size(); ++n) {
            Node* const node = nodes_[n].node;
            for (int i = 0; i < node->arity(); ++i) add(node->edge(i).node.get());
        }
        for (size_t n = 0; n < nodes_.size(); ++n) order_.emplace_back(nodes_[n].node->sequence(), int(n));
        std::sort(order_.rbegin(), order_.rend());
    }

    // Chooses what lies on a way from the roots to these.
    void choose(Span<Tensor> wanted) {
        for (const Tensor& t : wanted) {
            if (t.is_leaf()) leaves_.push_back(t.impl());
            else if (const int n = find(creator(t)); n >= 0) nodes_[size_t(n)].chosen = true;
        }
        for (auto o = order_.rbegin(); o != order_.rend(); ++o) {
            Found& found = nodes_[size_t(o->second)];
            for (int i = 0; i < found.node->arity(); ++i) found.chosen |= chosen(found.node->edge(i));
        }
    }
    bool chosen(const Node* node) const { return nodes_[size_t(find(node))].chosen; }
    bool chosen(const Edge& e) const {
        if (e.leaf) return std::find(leaves_.begin(), leaves_.end(), e.leaf.impl()) != leaves_.end();
        return e.node && chosen(e.node.get());
    }

    // At one of the results of a node.
    void arrive(const Node* node, int output, const Tensor& grad) {
        Found& found = nodes_[size_t(find(node))];
        if (output && found.others.empty()) found.others.resize(node->region()->outputs().size());
        Tensor& sum = output ? found.others[size_t(output)] : found.grad;
        sum = sum ? add_up(sum, grad) : grad;
    }

    // Visits the nodes that gradients arrive at. `wants(edge)` says where to go, `to_leaf(leaf, grad)` is told of each
    // gradient that reaches a leaf, `at_node(node, output, grad)` of the whole gradient of each result.
    template <class Wants, class ToLeaf, class AtNode>
    void sweep(bool retain_graph, Wants wants, ToLeaf to_leaf, AtNode at_node) {
        for (const auto& [sequence, n] : order_) {
            Node* const node = nodes_[size_t(n)].node;
            const Tensor grad = std::move(nodes_[size_t(n)].grad);
            bool passed = false;
            if (node->region()) {
                std::vector<Tensor> grads = std::move(nodes_[size_t(n)].others);
                if (!grad && grads.empty()) continue;
                grads.resize(node->region()->outputs().size());
                grads[0] = grad;
                for (size_t o = 0; o < grads.size(); ++o)
                    if (grads[o]) at_node(node, int(o), grads[o]);
                passed = through_region(*node, grads, wants, to_leaf);
                if (!retain_graph && passed) node->free_saved();
                continue;
            }
            if (!grad) continue;
            at_node(node, 0, grad);
            const Pullback pullback(*node, grad);
            for (int i = 0; i < node->arity(); ++i) {
                const Edge& edge = node->edge(i);
                if (!wants(edge)) continue;
                passed = true;
                const Tensor g = node->op().vjp(pullback, i);
                if (edge.leaf) to_leaf(edge.leaf, g);
                else arrive(edge.node.get(), edge.output, g);
            }
            if (!retain_graph && passed) node->free_saved();
        }
    }

private:
    struct Found {
        Node* node;
        Tensor grad;
        bool chosen = false;
        std::vector<Tensor> others;  // of the results of a region, but for the first
    };

    // All at once: the gradients of a region are one region.
    template <class Wants, class ToLeaf>
    bool through_region(const Node& node, Span<Tensor> grads, Wants wants, ToLeaf to_leaf) {
        std::vector<bool> wanted;
        for (int i = 0; i < node.arity(); ++i) wanted.push_back(wants(node.edge(i)));
        if (std::find(wanted.begin(), wanted.end(), true) == wanted.end()) return false;
        const std::vector<Tensor> flows = node.region()->vjp(node, grads, wanted);
        for (int i = 0; i < node.arity(); ++i) {
            const Edge& edge = node.edge(i);
            if (!flows[size_t(i)]) continue;
            if (edge.leaf) to_leaf(edge.leaf, flows[size_t(i)]);
            else arrive(edge.node.get(), edge.output, flows[size_t(i)]);
        }
        return true;
    }

    // Where a node is in the table, or would go.
    size_t place(const Node* node) const {
        size_t at = reinterpret_cast<uintptr_t>(node) / alignof(std::max_align_t) * 0x9E3779B97F4A7C15u >> 20;
        for (at &= table_.size() - 1; table_[at] >= 0 && nodes_[size_t(table_[at])].node != node;)
            at = (at + 1) & (table_.size() - 1);
        return at;
    }
    int find(const Node* node) const { return table_[place(node)]; }
    void add(Node* node) {
        if (!node) return;  // of a leaf
        const size_t at = place(node);
        if (table_[at] >= 0) return;
        table_[at] = int(nodes_.size());
        nodes_.push_back({node, {}, false, {}});
        if (nodes_.size() * 2 <= table_.size()) return;
        table_.assign(table_.size() * 4, -1);
        for (size_t n = 0; n < nodes_.size(); ++n) table_[place(nodes_[n].node)] = int(n);
    }

    std::vector<Found> nodes_;
    std::vector<int> table_;
    std::vector<std::pair<uint64_t, int>> order_;  // by sequence number
    std::vector<const TensorImpl*> leaves_;
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

}  // namespace

Tensor add_up(const Tensor& a, const Tensor& b) {
    static const Op& op = find_op("add");
    if (is_stack(a.shape())) return add_stacks(a, b);
    return apply(op, {a, b});
}

void LeafGradients::arrive(const Tensor& leaf, const Tensor& grad) {
    const auto [place, fresh] = places_.try_emplace(leaf.impl(), leaves_.size());
    if (fresh) leaves_.push_back({leaf, grad});
    else leaves_[place->second].grad = add_up(leaves_[place->second].grad, grad);
}

void LeafGradients::hand_over() {
    const GradMode mode(create_graph_);
    for (Arrived& a : leaves_)
        if (const auto& before = a.leaf.impl()->grad) a.grad = add_up(Tensor(before), a.grad);
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
    Graph graph({&root, 1});
    graph.arrive(creator(root), root.impl()->output, start);
    graph.sweep(
        retain_graph || create_graph, [](const Edge& e) { return e.wants_gradient(); },
        [&](const Tensor& leaf, const Tensor& g) { leaves.arrive(leaf, g); }, [](Node*, int, const Tensor&) {});
    return leaves;
}

std::vector<Tensor> gradients(Span<Tensor> outputs, Span<Tensor> seeds, Span<Tensor> inputs, bool retain_graph,
                              bool create_graph) {
    std::vector<Tensor> result(size_t(inputs.size()));
    const auto give = [&](int i, const Tensor& g) {
        Tensor& sum = result[size_t(i)];
        sum = sum ? add_up(sum, g) : g;
    };
    const auto to_leaf = [&](const Tensor& leaf, const Tensor& g) {
        for (int i = 0; i < inputs.size(); ++i)
            if (inputs[i].impl() == leaf.impl()) give(i, g);
    };
    const auto at_node = [&](Node* node, int output, const Tensor& g) {
        for (int i = 0; i < inputs.size(); ++i)
            if (inputs[i].impl()->creator.get() == node && inputs[i].impl()->output == output) give(i, g);
    };
    const GradMode mode(create_graph);
    const PassesGradients later;  // a recording may be differentiated later, whatever is wanted of it now
    Graph graph(outputs);
    graph.choose(inputs);
    for (int i = 0; i < outputs.size(); ++i) {
        const Tensor start = seed_for(outputs[i], seeds[i]);
        if (!outputs[i].requires_grad()) continue;
        if (outputs[i].is_leaf()) to_leaf(outputs[i], start);
        else if (graph.chosen(creator(outputs[i]))) graph.arrive(creator(outputs[i]), outputs[i].impl()->output, start);
    }
    graph.sweep(
        retain_graph || create_graph, [&](const Edge& e) { return graph.chosen(e); }, to_leaf, at_node);
    return result;
}

}  // namespace fg
