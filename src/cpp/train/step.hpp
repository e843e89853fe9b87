// One step of training. A recording gives the loss and the gradients, the optimizer's rules use them.
#pragma once

#include <memory>

#include "tape/program.hpp"
#include "train/optimizer.hpp"

namespace fg {

using Tables = std::vector<std::shared_ptr<ParameterTable>>;

// What a step replays: a batch in, the loss (one number) and gradients out.
struct RecordedStep {
    Ref<Program> program;
    // Output 1 + i is the gradient of parameter parameters[i], counted through all tables, transposed to the
    // memory_order of that parameter.
    std::vector<int> parameters;
    int weight_input = -1;  // which input holds a weight for each sample; -1: none does

    // How much the batch counts: the sum of its weights, or its rows.
    double weight(Span<Tensor> batch) const;
};

enum class Effect {
    updated,
    skipped,         // all weights are zero: there is nothing to learn from
    bad_loss,        // it is not finite: nothing was updated
    bad_parameters,  // updated, and some number is not finite now
};

// What a step came to.
struct Outcome {
    Effect effect;
    double loss, weight;
};

// A step that is taken again and again, on memory that stays where it is: nothing is allocated, nothing looked up.
class BoundStep {
public:
    // tables: one for each group of the optimizer. max_norm: what gradients are clipped to; 0: they are not. other: a
    // step on the same tables for batches of another size, to share the memory of gradients with.
    BoundStep(const RecordedStep& step, const Tables& tables, double max_norm, const BoundStep* other = nullptr);

    // Where the batch is to be written before each step.
    const std::vector<Tensor>& batch() const { return session_.inputs(); }
    const Ref<Program>& program() const { return step_.program; }
    // rules: one for each table. generator: of what the model draws.
    Outcome operator()(Span<Rule> rules, Generator& generator = global_generator());

private:
    RecordedStep step_;
    double max_norm_;
    Session session_;
    Tables tables_;
    std::vector<Tensor> gradients_;                      // those that there are
    std::vector<std::pair<Tensor, Tensor>> rearranged_;  // an output, and its numbers in the layout of the parameter
    std::vector<ParameterTable::Bound> updates_;
};

}  // namespace fg
