// ParameterTable: parameters, what an optimizer remembers of each, and the steps that update them in place.
#pragma once

#include <vector>

#include "core/tensor.hpp"
#include "kernels/table.hpp"

namespace fg {

class ParameterTable {
public:
    static constexpr int max_slots = 3;

    // One parameter. The slots lie in memory as it does; they are empty until the first step that uses them.
    struct Segment {
        Tensor param;
        Tensor slots[max_slots];  // what the optimizer's kernel keeps, in the order of its arguments
        int64_t steps = 0;
    };

    // Leaves of float32 or float64 on memory of their own; no two the same.
    explicit ParameterTable(std::vector<Tensor> params);

    const std::vector<Segment>& segments() const { return segments_; }
    int64_t element_count() const;  // of all parameters together

    // What backward left in .grad of each parameter; empty where there is nothing.
    std::vector<Tensor> gradients() const;
    void zero_grad();

    // One step; parameters whose gradient is empty are left alone. Nothing changes when a gradient does not fit.
    // False when some new number is not finite. What depends on the number of steps is filled in for each parameter.
    bool sgd(Span<Tensor> gradients, kernels::SgdStep step);
    bool adam(Span<Tensor> gradients, kernels::AdamStep step);
    bool rmsprop(Span<Tensor> gradients, const kernels::RmspropStep& step);
    bool adagrad(Span<Tensor> gradients, kernels::AdagradStep step, double lr_decay, double first_sum);
    bool adadelta(Span<Tensor> gradients, const kernels::AdadeltaStep& step);
    bool nadam(Span<Tensor> gradients, kernels::NadamStep step, double momentum_decay);
    bool lion(Span<Tensor> gradients, const kernels::LionStep& step);

    // Takes over what another table remembered, converted to the parameter's type and layout; empty slots empty it.
    void restore(int segment, int64_t steps, Span<Tensor> slots);

private:
    template <class Update> bool update(Span<Tensor> gradients, int slots, const Update& update);

    std::vector<Segment> segments_;
};

}  // namespace fg
