// One kernel for each elementwise use, or one for two.
#include "tape/kernel_choice.hpp"

namespace fg {
namespace {

// Makes a use one with the use before it that its operand k is the result of.
void chain(Drafts& d, int before, Use& use, int k) {
    const Use& first = d.uses[size_t(before)];
    const Op &inner = *first.instruction->op, &outer = *use.instruction->op;
    const View &between = d.slot(first.instruction->output).view, &out = d.slot(use.instruction->output).view;
    if (first.chained || inner.formula < 0 || outer.formula < 0) return;
    if (!is_floating(out.dtype) || between.dtype != out.dtype || between.size() != out.size()) return;
    const int found = kernels::find_chain(outer.formula, inner.formula, k);
    if (found < 0) return;
    const int first_input = int(d.operands.size());
    for (int j = 0; j < first.input_count; ++j) d.operands.push_back(d.operands[size_t(first.first_input + j)]);
    for (int j = 0; j < use.input_count; ++j)
        if (j != k) d.operands.push_back(d.operands[size_t(use.first_input + j)]);
    use.first_input = first_input;
    use.input_count = int(d.operands.size()) - first_input;
    use.chained = &inner;
    use.kernel = kernels::table().chains[found][out.dtype == DType::float64];
    d.uses[size_t(before)].chained_to_next = true;
}

void take_out_chained(Drafts& d) {
    for (Draft& draft : d.all) {
        int* next = &draft.first;
        for (int u = draft.first; u >= 0; u = d.uses[size_t(u)].next) {
            if (d.uses[size_t(u)].chained_to_next) continue;
            *next = draft.last = u;
            next = &d.uses[size_t(u)].next;
        }
        *next = -1;
    }
}

}  // namespace

void choose_kernels(Drafts& d, Span<int> order) {
    std::vector<int> readers(d.slots.size(), 0), use_of(d.slots.size(), -1);
    for (const Draft& draft : d.all)
        d.for_uses(draft, [&](const Use& use) {
            for (int v : d.inputs_of(use)) ++readers[size_t(d.root(v))];
        });
    for (int at : order)
        for (int u = d.all[size_t(at)].first; u >= 0; u = d.uses[size_t(u)].next) {
            Use& use = d.uses[size_t(u)];
            const Instruction& i = *use.instruction;
            if (!i.op->kernel) continue;
            std::vector<const View*> in;
            for (int v : d.inputs_of(use)) in.push_back(&d.slot(v).view);
            use.kernel = i.op->kernel(*i.op, in, d.slot(i.output).view);
            use_of[size_t(i.output)] = u;
            for (int k = 0; k < i.input_count && !use.chained; ++k) {
                const int v = d.inputs_of(use)[size_t(k)];
                const int before = use_of[size_t(v)];
                if (before >= 0 && readers[size_t(v)] == 1 && !d.slot(v).kept) chain(d, before, use, k);
            }
        }
    take_out_chained(d);
}

}  // namespace fg
