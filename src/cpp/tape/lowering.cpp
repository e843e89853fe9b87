// Choosing the steps of a replay, and planning their memory.
#include "tape/lowering.hpp"

#include <algorithm>

#include "tape/apply.hpp"
#include "tape/arena_plan.hpp"
#include "tape/blockwise.hpp"
#include "tape/grouping.hpp"
#include "tape/independent.hpp"
#include "tape/kernel_choice.hpp"
#include "tape/rowwise.hpp"
#include "tape/sliding.hpp"
#include "tape/streamed.hpp"

namespace fg {
namespace {

constexpr int drafts_looked_at = 64;  // from the end: keeps lowering linear in the length of a recording

int64_t bytes_of(const View& view) { return std::max(aligned(view.size() * itemsize(view.dtype)), storage_alignment); }

class Lowering : Drafts {
public:
    Lowering(const Recording& recording, bool contiguous_results)
        : recording_(recording), contiguous_results_(contiguous_results) {
        slots.resize(recording.values().size());
        const size_t count = recording.instructions().size();
        size_t places = 2;
        while (places < 2 * count) places *= 2;
        known_.assign(places, -1);
        uses.reserve(count);
    }

    Lowered run() {
        take_values();
        const std::vector<bool> needed = find_needed();
        for (const Instruction& i : recording_.instructions())
            if (is_needed(i, needed)) take(i);
        groups_ = group(*this);
        mark_kept();
        choose_kernels(*this, groups_.order);
        place();
        make_steps();
        return std::move(lowered_);
    }

private:
    void take_values() {
        same_.reserve(slots.size());
        for (size_t v = 0; v < slots.size(); ++v) {
            const ValueInfo& info = recording_.values()[v];
            same_.push_back(int(v));
            slots[v].view = {nullptr, info.meta.dtype, info.meta.weak, info.meta.shape,
                             contiguous_strides(info.meta.shape)};
            if (!info.captured) continue;
            slots[v].numbers = info.captured;
            slots[v].view = info.captured.view();
            slots[v].view.data = nullptr;
            slots[v].constant = info.constant;
        }
    }

    static bool is_needed(const Instruction& i, const std::vector<bool>& needed) {
        for (int o = 0; o < i.output_count; ++o)
            if (needed[size_t(i.output + o)]) return true;
        return false;
    }

    // What replays compute: of what is kept for a derivative of somebody's own they read the value alone.
    std::vector<bool> find_needed() const {
        std::vector<bool> needed(slots.size(), false);
        for (int v : recording_.outputs()) needed[size_t(v)] = true;
        const std::vector<Instruction>& instructions = recording_.instructions();
        for (auto i = instructions.rbegin(); i != instructions.rend(); ++i) {
            if (!is_needed(*i, needed)) continue;
            const Span<int> in = recording_.inputs_of(*i);
            for (int k = 0; k < (i->attrs.rule ? 1 : in.size()); ++k) needed[size_t(in[size_t(k)])] = true;
        }
        return needed;
    }

    void take(const Instruction& instruction) {
        const int first = int(operands.size());
        for (int v : recording_.inputs_of(instruction)) operands.push_back(same_[size_t(v)]);
        if (instruction.attrs.rule) {
            same_[size_t(instruction.output)] = operands[size_t(first)];
            operands.resize(size_t(first));
            return;
        }
        const Use use{&instruction, first, instruction.input_count};
        int& known = known_[find(use)];
        if (known >= 0) {
            for (int o = 0; o < instruction.output_count; ++o)
                same_[size_t(instruction.output + o)] = uses[size_t(known)].instruction->output + o;
            operands.resize(size_t(first));
            return;
        }
        known = int(uses.size());
        uses.push_back(use);
        if (!is_view(use) && !is_constant(use)) draft(known);
    }

    // Where in known_ a use like that one is, or would go.
    size_t find(const Use& use) const {
        const Instruction& i = *use.instruction;
        const Span<int> in = inputs_of(use);
        size_t hash = reinterpret_cast<uintptr_t>(i.op) / alignof(Op);  // regions are told apart by is_like
        const auto mix = [&](int64_t n) { hash = (hash ^ size_t(n)) * 0x9E3779B97F4A7C15u; };
        for (int v : in) mix(v);
        for (const Dims* numbers : {&i.attrs.axes, &i.attrs.shape, &i.attrs.starts, &i.attrs.steps})
            for (int64_t n : *numbers) mix(n);
        const auto is_like = [&](const Use& other) {
            const Instruction& o = *other.instruction;
            return o.op == i.op && std::equal(in.begin(), in.end(), inputs_of(other).begin(), inputs_of(other).end()) &&
                   o.attrs == i.attrs;
        };
        size_t at = (hash >> 20) & (known_.size() - 1);
        while (known_[at] >= 0 && !is_like(uses[size_t(known_[at])])) at = (at + 1) & (known_.size() - 1);
        return at;
    }

    bool is_view(const Use& use) {
        const Instruction& i = *use.instruction;
        if (!i.op->alias) return false;
        const int in = operands[size_t(use.first_input)];
        View to;
        int64_t offset = 0;
        if (!i.op->alias(i.attrs, slot(in).view, to, offset)) return false;
        Slot& s = slot(i.output);
        for (int v : inputs_of(use)) s.after = std::max(s.after, slot(v).after);
        for (int k = 1; k < i.input_count; ++k)
            s.after = std::max(s.after, slot(root(operands[size_t(use.first_input + k)])).draft);
        s.base = root(in);
        s.offset = slot(in).offset + offset * itemsize(s.view.dtype);
        s.view.shape = to.shape;
        s.view.strides = to.strides;
        return true;
    }

    bool is_constant(const Use& use) {
        const Instruction& i = *use.instruction;
        const Span<int> in = inputs_of(use);
        const auto constant = [&](int v) { return slot(root(v)).constant; };
        if (i.attrs.region || in.size() == 0 || !std::all_of(in.begin(), in.end(), constant)) return false;
        std::vector<View> views;
        for (int v : in) {
            views.push_back(slot(v).view);
            views.back().data = slot(root(v)).numbers.view().as<char>() + slot(v).offset;
        }
        std::vector<const View*> pointers;
        for (const View& view : views) pointers.push_back(&view);
        Tensor result = Tensor::empty(recording_.values()[size_t(i.output)].meta);
        if (i.op->run(*i.op, i.attrs, pointers, result.view()) >= 0) return false;  // the replay will say so
        slot(i.output).numbers = result;
        slot(i.output).constant = true;
        return true;
    }

    // --- drafts

    void draft(int index) {
        const Use& use = uses[size_t(index)];
        const Op& op = *use.instruction->op;
        Slot& out = slot(use.instruction->output);
        if (op.kernel) {
            out.draft = elementwise_draft(use);
            if (out.draft < int(all.size())) {
                Draft& joined = all[size_t(out.draft)];
                uses[size_t(joined.last)].next = index;
                joined.last = index;
                return;
            }
            all.push_back({index, index, nullptr, true, out.view.shape});
            return;
        }
        Draft d{index, index, nullptr, false, out.view.shape};
        if (const Region* region = use.instruction->attrs.region.get()) {
            for (int v : outputs_of(use)) slot(v).draft = int(all.size());
            std::vector<const View*> in;
            for (int v : inputs_of(use)) in.push_back(&slot(v).view);
            d.work = region->work_bytes(in);
        }
        if (op.prepare) {
            std::vector<const View*> in;
            for (int v : inputs_of(use)) in.push_back(&slot(v).view);
            d.prepared = op.prepare(op, use.instruction->attrs, in, out.view);
        }
        d.elementwise = d.prepared && !op.fault && !may_add_up_a_stream(use);
        out.draft = int(all.size());
        all.push_back(std::move(d));
    }

    // What comes behind such a draft makes a draft of its own, for its step ends when all rows have been seen.
    bool may_add_up_a_stream(const Use& use) {
        const View& large = slot(inputs_of(use)[0]).view;
        return use.instruction->op->accumulate && large.size() * itemsize(large.dtype) >= stream_bytes &&
               accumulate(use);
    }

    // The draft that an elementwise use goes to: the earliest of its shape at which its operands are there, or a new
    // one.
    int elementwise_draft(const Use& use) {
        const Dims& shape = slot(use.instruction->output).view.shape;
        int ready = -1;
        for (int v : inputs_of(use)) ready = std::max({ready, slot(root(v)).draft, slot(v).after});
        const auto takes = [&](int d) { return all[size_t(d)].elementwise && all[size_t(d)].shape == shape; };
        if (ready >= 0 && takes(ready) && reads_by_block(use, ready)) return ready;
        int d = std::max(ready + 1, int(all.size()) - drafts_looked_at);
        while (d < int(all.size()) && !takes(d)) ++d;
        return d;
    }

    // Whether what a use reads of a draft is there block by block: the results themselves, not other views of them.
    bool reads_by_block(const Use& use, int draft) {
        const Dims& shape = all[size_t(draft)].shape;
        for (int v : inputs_of(use))
            if (slot(root(v)).draft == draft && (slot(v).base >= 0 || slot(v).view.shape != shape)) return false;
        return true;
    }

    void mark_kept() {
        for (size_t d = 0; d < all.size(); ++d)
            for_uses(all[d], [&](const Use& use) {
                for (int v : inputs_of(use)) {
                    const int made = maker(v);
                    if (made == int(d)) continue;
                    Slot& s = slot(root(v));
                    if (made >= 0 && (groups_.together(Kind::streamed, made, int(d)) ||
                                      groups_.together(Kind::rowwise, made, int(d))))
                        s.windowed = true;
                    else if (made < 0 || !groups_.together(Kind::sliding, made, int(d))) s.kept = true;
                }
            });
        for (int v : recording_.outputs()) slot(root(same_[size_t(v)])).kept = true;
        choose_windowed();
        // Alone in its step, it is made in memory.
        for (size_t d = 0; d < all.size(); ++d)
            if (all[d].alone() && groups_.kinds[d] != Kind::sliding)
                for (int v : outputs_of(uses[size_t(all[d].first)])) slot(v).kept = true;
    }

    // Of what is read inside its group alone. A few rows of layers at a time take longer than all of them: where they
    // are few together, all are kept.
    void choose_windowed() {
        std::vector<int64_t> bytes(all.size(), 0);  // by group
        for (Slot& s : slots)
            if (s.windowed &= !s.kept) bytes[size_t(groups_.of[size_t(s.draft)])] += bytes_of(s.view);
        for (Slot& s : slots) {
            if (!s.windowed) continue;
            s.kept = true;
            s.windowed = groups_.kinds[size_t(s.draft)] == Kind::streamed ||
                         bytes[size_t(groups_.of[size_t(s.draft)])] >= stream_bytes;
        }
    }

    // --- memory

    void place() {
        BasePlan& bases = lowered_.bases;
        bases.inputs = 1;
        bases.outputs = 1 + int(recording_.inputs().size());
        for (size_t i = 0; i < recording_.inputs().size(); ++i)
            slot(recording_.inputs()[i]).at = {bases.inputs + int(i), 0};
        find_results();
        bases.count = bases.outputs + int(bases.output_views.size());
        if (const int key = recording_.key(); key >= 0) slot(key).at = {bases.key = bases.count++, 0};
        for (size_t v = 0; v < slots.size(); ++v)
            if (slots[v].numbers && slots[v].base < 0) {
                slots[v].at = {bases.count, 0};
                bases.from_outside.emplace_back(bases.count++, slots[v].numbers);
            }
        place_stacks();
        for (Slot& s : slots)
            if (s.windowed) s.at = {bases.count++, 0};
        plan_arena();
        for (size_t i = 0; i < lowered_.results.size(); ++i) {
            const int v = same_[size_t(recording_.outputs()[i])];
            lowered_.results[i].operand = operand(v);
        }
    }

    // Stacks keep their memory from run to run, each its own.
    void place_stacks() {
        BasePlan& bases = lowered_.bases;
        bases.stacks = bases.count;
        for (size_t d = 0; d < all.size(); ++d)
            for_uses(all[d], [&](const Use& use) {
                const Region* const region = use.instruction->attrs.region.get();
                if (!region) return;
                for (int v : outputs_of(use))
                    if (is_stack(slot(v).view.shape)) slot(v).at = {bases.count++, 0};
                all[d].first_stack = bases.count;
                bases.count += region->stacks();
            });
        bases.stack_count = bases.count - bases.stacks;
    }

    // A result that is handed out whole is made where the caller will find it. What is made once is one result's alone:
    // others that read it are copied out, since the caller may write to any.
    void find_results() {
        BasePlan& bases = lowered_.bases;
        for (int output : recording_.outputs()) {
            const int v = same_[size_t(output)], r = root(v);
            Result result;
            const View& view = slot(v).view;
            const bool fits = !contiguous_results_ || (slot(v).offset == 0 && view.contiguous());
            if (slot(r).draft >= 0 && slot(r).at.base == 0 && fits && rearranges(view, slot(r).view)) {
                result.output = int(bases.output_views.size());
                slot(r).at = {bases.outputs + result.output, 0};
                bases.output_views.push_back(slot(r).view);
            }
            lowered_.results.push_back(std::move(result));
        }
    }

    void plan_arena() {
        std::vector<size_t> last_use(slots.size(), 0);
        size_t time = 0;
        const auto for_group_uses = [&](Span<int> group, auto&& f) {
            for (int d : group) for_uses(all[size_t(d)], f);
        };
        groups_.for_each([&](Span<int> group) {
            for_group_uses(group, [&](const Use& use) {
                for (int v : outputs_of(use)) last_use[size_t(v)] = std::max(last_use[size_t(v)], time);
                for (int v : inputs_of(use)) last_use[size_t(root(v))] = time;
            });
            ++time;
        });
        for (int v : recording_.outputs()) last_use[size_t(root(same_[size_t(v)]))] = time;
        std::vector<std::vector<int>> dying(time + 1);
        ArenaPlan plan;
        time = 0;
        groups_.for_each([&](Span<int> group) {
            for_group_uses(group, [&](const Use& use) {
                for (int output : outputs_of(use)) {
                    Slot& out = slot(output);
                    if (!out.kept || out.at.base != 0) continue;
                    if (const int replaced = replaced_by(use); replaced >= 0 && last_use[size_t(replaced)] == time) {
                        out.at.offset = slot(replaced).at.offset;
                        auto& now = dying[time];
                        now.erase(std::find(now.begin(), now.end(), replaced));
                    } else {
                        out.at.offset = plan.take(bytes_of(out.view));
                    }
                    dying[last_use[size_t(output)]].push_back(output);
                }
            });
            for (int d : group) {
                Draft& draft = all[size_t(d)];
                if (draft.work) draft.work_at = plan.take(aligned(draft.work));
            }
            for (int d : group)
                if (const Draft& draft = all[size_t(d)]; draft.work) plan.give_back(draft.work_at, aligned(draft.work));
            for (int v : dying[time]) plan.give_back(slot(v).at.offset, bytes_of(slot(v).view));
            ++time;
        });
        lowered_.arena_bytes = plan.end();
    }

    // The operand in whose memory the result of a use may be made once nobody else reads it, or -1.
    int replaced_by(const Use& use) {
        if (!use.instruction->op->replaces_first) return -1;
        const Span<int> in = inputs_of(use);
        const Slot& first = slot(in[0]);
        if (first.base >= 0 || first.draft < 0 || first.at.base != 0 || !first.view.contiguous()) return -1;
        for (int k = 1; k < in.size(); ++k)
            if (root(in[size_t(k)]) == in[0]) return -1;
        return first.view.shape == slot(use.instruction->output).view.shape ? in[0] : -1;
    }

    Address address(int value) {
        Address at = slot(root(value)).at;
        at.offset += slot(value).offset;
        return at;
    }
    Operand operand(int value) { return {address(value), slot(value).view}; }

    // --- steps

    void make_steps() {
        lowered_.steps.reserve(all.size());
        groups_.for_each(
            [&](Span<int> group) { lowered_.steps.push_back(make_step(groups_.kinds[size_t(group[0])], group)); });
    }

    std::unique_ptr<Step> make_step(Kind kind, Span<int> group) {
        switch (kind) {
            case Kind::streamed: return streamed(group);
            case Kind::rowwise: return rowwise(group);
            case Kind::sliding: return sliding(group);
            case Kind::independent: return independent(group);
            case Kind::single: break;
        }
        const Draft& draft = all[size_t(group[0])];
        const Use& first = uses[size_t(draft.first)];
        if (first.instruction->attrs.region) return region_step(draft, first);
        return make_step(group[0]);
    }

    std::unique_ptr<RowStep> make_step(int index) {
        Draft& draft = all[size_t(index)];
        const Use& first = uses[size_t(draft.first)];
        const Instruction& i = *first.instruction;
        if (!draft.alone() || i.op->kernel) return std::make_unique<Blockwise>(blockwise(draft, index));
        return std::make_unique<OpStep>(*i.op, i.attrs, operands_of(first), operand(i.output),
                                        std::move(draft.prepared));
    }

    std::unique_ptr<Step> region_step(const Draft& draft, const Use& use) {
        RegionPlaces places{operands_of(use), {}, {0, draft.work_at}, draft.first_stack};
        for (int v : outputs_of(use)) places.out.push_back(operand(v));
        const Attrs& attrs = use.instruction->attrs;
        return attrs.region->step(attrs.draw, std::move(places));
    }

    std::vector<Operand> operands_of(const Use& use) {
        std::vector<Operand> in;
        for (int v : inputs_of(use)) in.push_back(operand(v));
        return in;
    }

    std::unique_ptr<Step> streamed(Span<int> group) {
        RowSteps steps;
        std::vector<StreamedSum> sums;
        std::vector<RowWindow> windows;
        for (int d : group) {
            if (!groups_.sums[size_t(d)]) {
                add_windows(d, all[size_t(d)].shape[0], steps.size(), windows);
                steps.push_back(make_step(d));
                continue;
            }
            const Use& use = uses[size_t(all[size_t(d)].first)];
            const Instruction& i = *use.instruction;
            StreamedSum sum{i.op, accumulate(use), operands_of(use), operand(i.output)};
            sums.insert(use.input_count > 1 ? sums.begin() : sums.end(), std::move(sum));  // the large operand's first
        }
        return std::make_unique<Streamed>(std::move(steps), std::move(sums), std::move(windows), lowered_.bases.count);
    }

    // Those of what a draft makes, by so many rows.
    void add_windows(int d, int64_t rows, size_t step, std::vector<RowWindow>& windows) {
        for_uses(all[size_t(d)], [&](const Use& use) {
            const Slot& s = slot(use.instruction->output);
            if (s.windowed) windows.push_back({s.at.base, s.view.size() / rows * itemsize(s.view.dtype), step});
        });
    }

    std::unique_ptr<Step> rowwise(Span<int> group) {
        const int64_t rows = all[size_t(group[0])].shape[0];
        RowSteps steps;
        std::vector<RowWindow> windows;
        for (int d : group) {
            add_windows(d, rows, steps.size(), windows);
            steps.push_back(make_step(d));
        }
        return std::make_unique<Rowwise>(std::move(steps), std::move(windows), rows, lowered_.bases.count);
    }

    std::unique_ptr<Step> independent(Span<int> group) {
        RowSteps steps;
        for (int d : group) steps.push_back(make_step(d));
        return std::make_unique<Independent>(std::move(steps));
    }

    std::unique_ptr<Step> sliding(Span<int> group) {
        SlidingPlan plan;
        const int name = group[0];
        const auto number = [&](int v) {
            Slot& s = slot(v);
            if (s.numbered_for != name) {
                s.numbered_for = name;
                s.number = int(plan.values.size());
                const bool made = s.draft >= 0 && groups_.of[size_t(s.draft)] == groups_.of[size_t(name)];
                plan.values.push_back({address(v), &s.view, made, !made || s.kept});
            }
            return s.number;
        };
        for (int d : group)
            for_uses(all[size_t(d)], [&](const Use& use) {
                const Instruction& i = *use.instruction;
                SlidingPlan::Use planned{i.op, use.chained,     use.kernel, {}, int(plan.reads.size()),
                                         0,    number(i.output)};
                for_lines(all[size_t(d)], use, [&](int value, int64_t shift, bool single) {
                    plan.reads.push_back({number(value), shift, single});
                });
                planned.read_count = int(plan.reads.size()) - planned.first_read;
                if (!use.kernel) {
                    planned.stretches = all[size_t(d)].prepared->stretches();
                    int read = 0;
                    for (Stretch& s : planned.stretches)
                        if (s.operand >= 0) s.operand = read++;
                }
                plan.uses.push_back(std::move(planned));
            });
        return std::make_unique<Sliding>(std::move(plan));
    }

    BlockwisePlan blockwise(Draft& draft, int index) {
        BlockwisePlan plan;
        plan.shape = draft.shape;
        plan.producer = std::move(draft.prepared);
        const auto add = [&](int v) {
            plan.values.push_back({address(v), &slot(v).view, slot(root(v)).draft != index || slot(v).kept});
            return int(plan.values.size()) - 1;
        };
        const auto number = [&](int v) {
            Slot& s = slot(v);
            if (s.numbered_for != index) {
                s.numbered_for = index;
                s.number = add(v);
            }
            return s.number;
        };
        for_uses(draft, [&](const Use& use) {
            const bool produced = plan.producer && plan.uses.empty();
            const int first = int(plan.operands.size());
            for (int v : inputs_of(use)) plan.operands.push_back(produced ? add(v) : number(v));
            const Instruction& i = *use.instruction;
            plan.uses.push_back({i.op, use.chained, use.kernel, first, use.input_count, number(i.output)});
        });
        return plan;
    }

    const Recording& recording_;
    bool contiguous_results_;
    std::vector<int> same_;   // the value that stands for each
    std::vector<int> known_;  // the uses, by hash; half of the places stay empty
    Groups groups_;
    Lowered lowered_;
};

}  // namespace

Lowered lower(const Recording& recording, bool contiguous_results) {
    return Lowering(recording, contiguous_results).run();
}

}  // namespace fg
