// Choosing the steps of a replay, and planning their memory.
#include "tape/lowering.hpp"

#include <algorithm>
#include <unordered_map>

#include "tape/apply.hpp"
#include "tape/arena_plan.hpp"
#include "tape/blockwise.hpp"

namespace fg {
namespace {

constexpr int drafts_looked_at = 64;  // from the end: keeps lowering linear in the length of a recording

int64_t aligned(int64_t bytes) { return (bytes + storage_alignment - 1) / storage_alignment * storage_alignment; }
int64_t bytes_of(const View& view) { return std::max(aligned(view.size() * itemsize(view.dtype)), storage_alignment); }

// Whether a view reads each number of its base once.
bool rearranges(const View& view, const View& base) {
    for (int i = 0; i < view.shape.size(); ++i)
        if (view.strides[i] == 0 && view.shape[i] > 1) return false;
    return view.size() == base.size();
}

// A value of the recording while it is lowered.
struct Slot {
    View view;              // its layout
    int base = -1;          // the value whose memory it reads, itself no view; -1: none, it has its own
    int64_t offset = 0;     // from the memory of the base, in bytes
    int draft = -1;         // what makes it; -1: it comes from outside
    Tensor numbers;         // of a value from outside that is not an input
    bool constant = false;  // nobody can change those numbers
    bool kept = false;      // read outside its draft
    Address at;
};

// A step in the making: one op, or several elementwise ones, perhaps behind an op that makes its output row by row.
struct Draft {
    std::vector<const Instruction*> uses;
    std::unique_ptr<Prepared> prepared;  // of the first use
    bool elementwise;                    // whether elementwise ops of `shape` may join
    Dims shape;
};

class Lowering {
public:
    explicit Lowering(const Recording& recording) : recording_(recording), slots_(recording.values().size()) {}

    Lowered run() {
        take_values();
        for (const Instruction& i : recording_.instructions()) take(i);
        mark_kept();
        place();
        make_steps();
        return std::move(lowered_);
    }

private:
    Slot& slot(int value) { return slots_[size_t(value)]; }

    void take_values() {
        for (size_t v = 0; v < slots_.size(); ++v) {
            const ValueInfo& info = recording_.values()[v];
            same_.push_back(int(v));
            slots_[v].view = {nullptr, info.meta.dtype, info.meta.weak, info.meta.shape,
                              contiguous_strides(info.meta.shape)};
            if (!info.captured) continue;
            slots_[v].numbers = info.captured;
            slots_[v].view = info.captured.view();
            slots_[v].view.data = nullptr;
            slots_[v].constant = info.constant;
        }
    }

    void take(const Instruction& instruction) {
        std::vector<int> in;
        for (int v : instruction.inputs) in.push_back(same_[size_t(v)]);
        if (const int earlier = find_same(instruction, in); earlier >= 0) {
            same_[size_t(instruction.output)] = earlier;
            return;
        }
        if (is_view(instruction, in) || is_constant(instruction, in)) return;
        uses_.push_back(std::make_unique<Instruction>(
            Instruction{instruction.op, instruction.attrs, std::move(in), instruction.output, instruction.stops}));
        draft(*uses_.back());
    }

    // The value of the same op on the same values, or -1.
    int find_same(const Instruction& i, const std::vector<int>& in) {
        size_t hash = std::hash<const void*>()(i.op);
        for (int v : in) hash = hash * 31 + size_t(v);
        for (const Dims* numbers : {&i.attrs.axes, &i.attrs.shape, &i.attrs.starts, &i.attrs.steps})
            for (int64_t n : *numbers) hash = hash * 31 + size_t(n);
        const auto [first, last] = known_.equal_range(hash);
        for (auto k = first; k != last; ++k) {
            const auto& [other, operands] = k->second;
            if (other->op == i.op && other->attrs == i.attrs && operands == in) return same_[size_t(other->output)];
        }
        known_.emplace(hash, std::make_pair(&i, in));
        return -1;
    }

    bool is_view(const Instruction& i, const std::vector<int>& in) {
        if (!i.op->alias) return false;
        View to;
        int64_t offset = 0;
        if (!i.op->alias(i.attrs, slot(in[0]).view, to, offset)) return false;
        Slot& s = slot(i.output);
        s.base = root(in[0]);
        s.offset = slot(in[0]).offset + offset * itemsize(s.view.dtype);
        s.view.shape = to.shape;
        s.view.strides = to.strides;
        return true;
    }

    bool is_constant(const Instruction& i, const std::vector<int>& in) {
        std::vector<View> views;
        for (int v : in) {
            const Slot& origin = slot(root(v));
            if (!origin.constant) return false;
            View view = slot(v).view;
            view.data = origin.numbers.view().as<char>() + slot(v).offset;
            views.push_back(view);
        }
        if (in.empty()) return false;
        std::vector<const View*> pointers;
        for (const View& view : views) pointers.push_back(&view);
        Tensor result = Tensor::empty(recording_.values()[size_t(i.output)].meta);
        if (i.op->run(*i.op, i.attrs, pointers, result.view()) >= 0) return false;  // the replay will say so
        slot(i.output).numbers = result;
        slot(i.output).constant = true;
        return true;
    }

    int root(int value) { return slot(value).base >= 0 ? slot(value).base : value; }

    // --- drafts

    void draft(const Instruction& use) {
        Slot& out = slot(use.output);
        if (use.op->kernel) {
            out.draft = elementwise_draft(use);
            drafts_[size_t(out.draft)].uses.push_back(&use);
            return;
        }
        Draft d;
        if (use.op->prepare) {
            std::vector<const View*> in;
            for (int v : use.inputs) in.push_back(&slot(v).view);
            d.prepared = use.op->prepare(*use.op, use.attrs, in, out.view);
        }
        d.elementwise = d.prepared && !use.op->fault;
        d.shape = out.view.shape;
        d.uses.push_back(&use);
        out.draft = int(drafts_.size());
        drafts_.push_back(std::move(d));
    }

    // The draft that an elementwise use goes to: the earliest of its shape at which its operands are there.
    int elementwise_draft(const Instruction& use) {
        const Dims& shape = slot(use.output).view.shape;
        int ready = -1;
        for (int v : use.inputs) ready = std::max(ready, slot(root(v)).draft);
        const auto takes = [&](int d) { return drafts_[size_t(d)].elementwise && drafts_[size_t(d)].shape == shape; };
        if (ready >= 0 && takes(ready) && reads_by_block(use, ready)) return ready;
        for (int d = std::max(ready + 1, int(drafts_.size()) - drafts_looked_at); d < int(drafts_.size()); ++d)
            if (takes(d)) return d;
        drafts_.push_back({{}, nullptr, true, shape});
        return int(drafts_.size()) - 1;
    }

    // Whether what a use reads of a draft is there block by block: the results themselves, not other views of them.
    bool reads_by_block(const Instruction& use, int draft) {
        const Dims& shape = drafts_[size_t(draft)].shape;
        for (int v : use.inputs)
            if (slot(root(v)).draft == draft && (slot(v).base >= 0 || slot(v).view.shape != shape)) return false;
        return true;
    }

    // --- memory

    void mark_kept() {
        for (size_t d = 0; d < drafts_.size(); ++d)
            for (const Instruction* use : drafts_[d].uses)
                for (int v : use->inputs)
                    if (slot(root(v)).draft != int(d)) slot(root(v)).kept = true;
        for (int v : recording_.outputs()) slot(root(same_[size_t(v)])).kept = true;
        // Alone in its draft, it is made in memory.
        for (const Draft& d : drafts_)
            if (d.uses.size() == 1) slot(d.uses[0]->output).kept = true;
    }

    void place() {
        BasePlan& bases = lowered_.bases;
        bases.inputs = 1;
        bases.outputs = 1 + int(recording_.inputs().size());
        for (size_t i = 0; i < recording_.inputs().size(); ++i)
            slot(recording_.inputs()[i]).at = {bases.inputs + int(i), 0};
        find_results();
        bases.count = bases.outputs + int(bases.output_views.size());
        if (const int key = recording_.key(); key >= 0) slot(key).at = {bases.key = bases.count++, 0};
        for (size_t v = 0; v < slots_.size(); ++v)
            if (slots_[v].numbers && slots_[v].base < 0) {
                slots_[v].at = {bases.count, 0};
                bases.from_outside.emplace_back(bases.count++, slots_[v].numbers);
            }
        plan_arena();
        for (size_t i = 0; i < lowered_.results.size(); ++i) {
            const int v = same_[size_t(recording_.outputs()[i])];
            lowered_.results[i].operand = operand(v);
        }
    }

    // A result that is handed out whole is made where the caller will find it. What is made once is one result's alone:
    // others that read it are copied out, since the caller may write to any.
    void find_results() {
        BasePlan& bases = lowered_.bases;
        for (int output : recording_.outputs()) {
            const int v = same_[size_t(output)], r = root(v);
            Result result;
            if (slot(r).draft >= 0 && slot(r).at.base == 0 && rearranges(slot(v).view, slot(r).view)) {
                result.output = int(bases.output_views.size());
                slot(r).at = {bases.outputs + result.output, 0};
                bases.output_views.push_back(slot(r).view);
            }
            lowered_.results.push_back(std::move(result));
        }
    }

    void plan_arena() {
        std::vector<size_t> last_use(slots_.size(), 0);
        for (size_t d = 0; d < drafts_.size(); ++d)
            for (const Instruction* use : drafts_[d].uses) {
                last_use[size_t(use->output)] = std::max(last_use[size_t(use->output)], d);
                for (int v : use->inputs) last_use[size_t(root(v))] = d;
            }
        for (int v : recording_.outputs()) last_use[size_t(root(same_[size_t(v)]))] = drafts_.size();
        std::vector<std::vector<int>> dying(drafts_.size() + 1);
        ArenaPlan plan;
        for (size_t d = 0; d < drafts_.size(); ++d) {
            for (const Instruction* use : drafts_[d].uses) {
                Slot& out = slot(use->output);
                if (!out.kept || out.at.base != 0) continue;
                out.at.offset = plan.take(bytes_of(out.view));
                dying[last_use[size_t(use->output)]].push_back(use->output);
            }
            for (int v : dying[d]) plan.give_back(slot(v).at.offset, bytes_of(slot(v).view));
        }
        lowered_.arena_bytes = plan.end();
    }

    Operand operand(int value) {
        Address at = slot(root(value)).at;
        at.offset += slot(value).offset;
        return {at, slot(value).view};
    }

    // --- steps

    void make_steps() {
        for (size_t d = 0; d < drafts_.size(); ++d) {
            Draft& draft = drafts_[d];
            if (draft.uses.size() == 1 && !draft.uses[0]->op->kernel) {
                const Instruction& use = *draft.uses[0];
                std::vector<Operand> in;
                for (int v : use.inputs) in.push_back(operand(v));
                lowered_.steps.push_back(std::make_unique<OpStep>(*use.op, use.attrs, std::move(in),
                                                                  operand(use.output), std::move(draft.prepared)));
                continue;
            }
            lowered_.steps.push_back(std::make_unique<Blockwise>(blockwise(draft, int(d))));
        }
    }

    BlockwisePlan blockwise(Draft& draft, int index) {
        BlockwisePlan plan;
        plan.shape = draft.shape;
        plan.producer = std::move(draft.prepared);
        std::unordered_map<int, int> numbers;
        const auto add = [&](int v) {
            plan.values.push_back({operand(v), slot(root(v)).draft != index || slot(v).kept});
            return int(plan.values.size()) - 1;
        };
        for (const Instruction* use : draft.uses) {
            BlockwisePlan::Use u{use->op, {}, 0};
            const bool produced = plan.producer && plan.uses.empty();
            for (int v : use->inputs) {
                if (produced) {
                    u.in.push_back(add(v));
                    continue;
                }
                const auto known = numbers.find(v);
                u.in.push_back(known != numbers.end() ? known->second : numbers.emplace(v, add(v)).first->second);
            }
            u.out = numbers.emplace(use->output, add(use->output)).first->second;
            plan.uses.push_back(std::move(u));
        }
        return plan;
    }

    const Recording& recording_;
    std::vector<Slot> slots_;
    std::vector<int> same_;  // the value that stands for each
    std::unordered_multimap<size_t, std::pair<const Instruction*, std::vector<int>>> known_;
    std::vector<std::unique_ptr<Instruction>> uses_;  // instructions that remain, on the values that stand
    std::vector<Draft> drafts_;
    Lowered lowered_;
};

}  // namespace

Lowered lower(const Recording& recording) { return Lowering(recording).run(); }

}  // namespace fg
