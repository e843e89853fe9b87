// Backward: gradients of outputs, by one sweep down the graph.
#pragma once

#include <vector>

#include "core/tensor.hpp"

namespace fg {

// Adds the gradient of sum(seed * root) to `grad` of every leaf that requires one. An empty seed stands for 1 and
// wants a root of one number. create_graph makes the gradients differentiable themselves (and keeps saved values).
void backward(const Tensor& root, const Tensor& seed, bool retain_graph, bool create_graph);

// The same for chosen inputs, leaves or not, touching nothing else. Inputs that no output depends on give empty tensors.
std::vector<Tensor> gradients(Span<Tensor> outputs, Span<Tensor> seeds, Span<Tensor> inputs, bool retain_graph,
                              bool create_graph);

}  // namespace fg
