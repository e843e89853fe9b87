// ParameterTable: parameters, what an optimizer remembers of each, and the steps that update them in place.
#pragma once

#include <vector>

#include "core/tensor.hpp"
#include "train/rule.hpp"

namespace fg {

class ParameterTable {
public:
    // One parameter. The slots lie in memory as it does; they are empty until the first step that uses them.
    struct Segment {
        Tensor param;
        Tensor slots[max_slots];  // what the optimizer's kernel keeps, in the order of its arguments
        int64_t steps = 0;
        bool blank = false;  // the slots are there, but hold nothing yet

        bool has_slots() const { return slots[0] && !blank; }
    };

    // Leaves of float32 or float64 on memory of their own; no two the same.
    explicit ParameterTable(std::vector<Tensor> params);

    // The same numbers, slots and counts in memory of their own, laid out alike.
    ParameterTable clone() const;
    // Takes over numbers, slots and counts of a table over parameters of the same layouts: a clone, or what it was
    // cloned from.
    void copy_from(const ParameterTable& other);

    const std::vector<Segment>& segments() const { return segments_; }
    int64_t element_count() const;  // of all parameters together

    // What backward left in .grad of each parameter; empty where there is nothing.
    std::vector<Tensor> gradients() const;
    void zero_grad();

    // One step; parameters whose gradient is empty are left alone. Nothing changes when a gradient does not fit.
    // False when some new number is not finite. What depends on how many steps a parameter has taken (the bias
    // corrections of Adam, the first momentum) is filled in for each.
    bool step(Span<Tensor> gradients, const Rule& rule);

    // Steps on gradients that always lie at the same place: nothing is allocated or looked up any more.
    class Bound;

    // Takes over what another table remembered, converted to the parameter's type and layout; empty slots empty it.
    void restore(int segment, int64_t steps, Span<Tensor> slots);

private:
    // What a step needs of one parameter; kept from step to step so that steps allocate nothing.
    struct Work {
        Tensor numbers, slope;
        Tensor slots[max_slots];
        bool first = false;
    };

    ParameterTable() = default;
    void make_slots(int count);
    void check(Span<Tensor> gradients) const;
    template <class Update> bool update(Span<Tensor> gradients, int slots, const Update& update);

    std::vector<Segment> segments_;
    std::vector<Work> work_;
    uint64_t layout_ = 0;  // moves when slots get other memory, or none
};

class ParameterTable::Bound {
public:
    // gradients: one a parameter, in the layout of its memory; empty where nothing flows. All are dense.
    Bound(ParameterTable& table, std::vector<Tensor> gradients);
    // As ParameterTable::step.
    bool step(const Rule& rule);

private:
    // Parameters that lie one after the other in memory, as do their gradients and slots, are updated together.
    struct Run {
        DType dtype;
        int64_t n;
        void *param, *grad, *slots[max_slots];
        int first, count;  // into updated_
    };
    void bind(int slots);

    ParameterTable& table_;
    std::vector<Tensor> gradients_;
    std::vector<int> updated_;  // segments that have a gradient
    std::vector<Run> runs_;
    std::vector<Storage*> storages_;  // of the updated parameters, each once
    int slots_ = -1;                  // bound so far
    uint64_t layout_ = 0;
};

// Whether the numbers fill their memory without gaps or overlaps, the axes in any order.
bool is_dense(const Tensor& t);
// Whether two tensors of one shape and dtype lie in memory alike.
bool has_layout_of(const Tensor& t, const Tensor& like);
// Axes of a tensor from the one whose numbers lie furthest apart to the nearest: transposed to it, numbers that fill
// their memory are contiguous.
Dims memory_order(const Tensor& t);
// The way back: what was transposed to the memory order of `like`, shaped as it, and laid out as it where that is
// dense.
Tensor from_memory_order(const Tensor& t, const Tensor& like);
// Copies numbers; at once where both fill their memory in the same order.
void copy_numbers(const Tensor& from, const Tensor& to);
// The same numbers in memory of their own, laid out alike where they fill it.
Tensor copy_like(const Tensor& t);

}  // namespace fg
