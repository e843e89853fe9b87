// Stepper: one step of training. A recording gives the loss and the gradients, the optimizer's rules use them.
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

class Stepper {
public:
    // tables: one for each group of the optimizer. max_norm: what gradients are clipped to; 0: they are not.
    Stepper(Tables tables, double max_norm);

    enum class Effect {
        updated,
        skipped,         // all weights are zero: there is nothing to learn from
        bad_loss,        // it is not finite: nothing was updated
        bad_parameters,  // updated, and some number is not finite now
    };
    struct Outcome {
        Effect effect;
        double loss, weight;
    };
    // rules: one for each table.
    Outcome operator()(const RecordedStep& step, Span<Tensor> batch, Span<Rule> rules);

private:
    double replay(const RecordedStep& step, Span<Tensor> batch);
    void clip();

    Tables tables_;
    double max_norm_;
    std::vector<std::vector<Tensor>> gradients_;  // by table; empty where nothing flows
    std::vector<std::pair<int, int>> places_;     // of a parameter: its table, and where in it
};

}  // namespace fg
