// Backward: gradients of outputs, by one sweep down the graph.
#pragma once

#include <unordered_map>
#include <vector>

#include "core/tensor.hpp"

namespace fg {

// Gradients that have arrived at leaves. Kept apart until a whole sweep has come through, so that an error on the way
// adds to none, and so that the caller chooses under which lock `grad` is written: leaves are shared between threads.
class LeafGradients {
public:
    explicit LeafGradients(bool create_graph) : create_graph_(create_graph) {}

    void arrive(const Tensor& leaf, const Tensor& grad);
    // Adds each to `grad` of its leaf.
    void hand_over();

private:
    struct Arrived {
        Tensor leaf, grad;
    };
    bool create_graph_;
    std::vector<Arrived> leaves_;
    std::unordered_map<const TensorImpl*, size_t> places_;
};

// Gradients of sum(seed * root) for every leaf that requires one. An empty seed stands for 1 and wants a root of one
// number. create_graph makes the gradients differentiable themselves (and keeps saved values).
LeafGradients backward(const Tensor& root, const Tensor& seed, bool retain_graph, bool create_graph);

// The same for chosen inputs, leaves or not, touching nothing else. Inputs that no output depends on give empty
// tensors.
std::vector<Tensor> gradients(Span<Tensor> outputs, Span<Tensor> seeds, Span<Tensor> inputs, bool retain_graph,
                              bool create_graph);

// The sum of two gradients.
Tensor add_up(const Tensor& a, const Tensor& b);

}  // namespace fg
