// Choosing the steps of a replay, and planning their memory.
#include "tape/lowering.hpp"

#include <algorithm>
#include <queue>

#include "tape/apply.hpp"
#include "tape/arena_plan.hpp"
#include "tape/blockwise.hpp"
#include "tape/streamed.hpp"

namespace fg {
namespace {

constexpr int drafts_looked_at = 64;  // from the end: keeps lowering linear in the length of a recording

constexpr int64_t stream_bytes = 1 << 20;  // an operand of fewer stays near between two steps that read it

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
    int after = -1;         // of a view: a draft that what reads it must not come before
    Address at;
    int numbered_for = -1, number = -1;  // its number among the values of a draft
};

// An instruction, unlike all before it, on the values that stand for its inputs.
struct Use {
    const Instruction* instruction;
    int first_input;
    int next = -1;  // use of its draft
};

// A step in the making: one op, or several elementwise ones, perhaps behind an op that makes its output row by row.
struct Draft {
    int first, last;                     // of its uses
    std::unique_ptr<Prepared> prepared;  // of the first use
    bool elementwise;                    // whether elementwise ops of `shape` may join
    Dims shape;
    int64_t work = 0, work_at = 0;  // bytes of working memory of a region, and where in the arena
    int first_stack = 0;            // base of the stacks inside a region

    bool alone() const { return first == last; }
};

class Lowering {
public:
    Lowering(const Recording& recording, bool contiguous_results)
        : recording_(recording), contiguous_results_(contiguous_results), slots_(recording.values().size()) {
        const size_t count = recording.instructions().size();
        size_t places = 2;
        while (places < 2 * count) places *= 2;
        known_.assign(places, -1);
        uses_.reserve(count);
    }

    Lowered run() {
        take_values();
        const std::vector<bool> needed = find_needed();
        for (const Instruction& i : recording_.instructions())
            if (is_needed(i, needed)) take(i);
        order_drafts();
        mark_kept();
        place();
        make_steps();
        return std::move(lowered_);
    }

private:
    Slot& slot(int value) { return slots_[size_t(value)]; }

    void take_values() {
        same_.reserve(slots_.size());
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

    static bool is_needed(const Instruction& i, const std::vector<bool>& needed) {
        for (int o = 0; o < i.output_count; ++o)
            if (needed[size_t(i.output + o)]) return true;
        return false;
    }

    // What replays compute: of what is kept for a derivative of somebody's own they read the value alone.
    std::vector<bool> find_needed() const {
        std::vector<bool> needed(slots_.size(), false);
        for (int v : recording_.outputs()) needed[size_t(v)] = true;
        const std::vector<Instruction>& all = recording_.instructions();
        for (auto i = all.rbegin(); i != all.rend(); ++i) {
            if (!is_needed(*i, needed)) continue;
            const Span<int> in = recording_.inputs_of(*i);
            for (int k = 0; k < (i->attrs.rule ? 1 : in.size()); ++k) needed[size_t(in[size_t(k)])] = true;
        }
        return needed;
    }

    void take(const Instruction& instruction) {
        const int first = int(operands_.size());
        for (int v : recording_.inputs_of(instruction)) operands_.push_back(same_[size_t(v)]);
        if (instruction.attrs.rule) {
            same_[size_t(instruction.output)] = operands_[size_t(first)];
            operands_.resize(size_t(first));
            return;
        }
        const Use use{&instruction, first};
        int& known = known_[find(use)];
        if (known >= 0) {
            for (int o = 0; o < instruction.output_count; ++o)
                same_[size_t(instruction.output + o)] = uses_[size_t(known)].instruction->output + o;
            operands_.resize(size_t(first));
            return;
        }
        known = int(uses_.size());
        uses_.push_back(use);
        if (!is_view(use) && !is_constant(use)) draft(known);
    }

    Span<int> inputs_of(const Use& use) const {
        return {operands_.data() + use.first_input, size_t(use.instruction->input_count)};
    }

    // The values that a use makes.
    class Range {
    public:
        struct Iterator {
            int value;
            int operator*() const { return value; }
            void operator++() { ++value; }
            bool operator!=(const Iterator& other) const { return value != other.value; }
        };
        Range(int first, int count) : first_(first), count_(count) {}
        Iterator begin() const { return {first_}; }
        Iterator end() const { return {first_ + count_}; }

    private:
        int first_, count_;
    };
    static Range outputs_of(const Use& use) { return {use.instruction->output, use.instruction->output_count}; }

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
        while (known_[at] >= 0 && !is_like(uses_[size_t(known_[at])])) at = (at + 1) & (known_.size() - 1);
        return at;
    }

    bool is_view(const Use& use) {
        const Instruction& i = *use.instruction;
        if (!i.op->alias) return false;
        const int in = operands_[size_t(use.first_input)];
        View to;
        int64_t offset = 0;
        if (!i.op->alias(i.attrs, slot(in).view, to, offset)) return false;
        Slot& s = slot(i.output);
        for (int v : inputs_of(use)) s.after = std::max(s.after, slot(v).after);
        for (int k = 1; k < i.input_count; ++k)
            s.after = std::max(s.after, slot(root(operands_[size_t(use.first_input + k)])).draft);
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

    int root(int value) { return slot(value).base >= 0 ? slot(value).base : value; }

    // --- drafts

    void draft(int index) {
        const Use& use = uses_[size_t(index)];
        const Op& op = *use.instruction->op;
        Slot& out = slot(use.instruction->output);
        if (op.kernel) {
            out.draft = elementwise_draft(use);
            if (out.draft < int(drafts_.size())) {
                Draft& joined = drafts_[size_t(out.draft)];
                uses_[size_t(joined.last)].next = index;
                joined.last = index;
                return;
            }
            drafts_.push_back({index, index, nullptr, true, out.view.shape});
            return;
        }
        Draft d{index, index, nullptr, false, out.view.shape};
        if (const Region* region = use.instruction->attrs.region.get()) {
            for (int v : outputs_of(use)) slot(v).draft = int(drafts_.size());
            std::vector<const View*> in;
            for (int v : inputs_of(use)) in.push_back(&slot(v).view);
            d.work = region->work_bytes(in);
        }
        if (op.prepare) {
            std::vector<const View*> in;
            for (int v : inputs_of(use)) in.push_back(&slot(v).view);
            d.prepared = op.prepare(op, use.instruction->attrs, in, out.view);
        }
        d.elementwise = d.prepared && !op.fault;
        out.draft = int(drafts_.size());
        drafts_.push_back(std::move(d));
    }

    // The draft that an elementwise use goes to: the earliest of its shape at which its operands are there, or a new
    // one.
    int elementwise_draft(const Use& use) {
        const Dims& shape = slot(use.instruction->output).view.shape;
        int ready = -1;
        for (int v : inputs_of(use)) ready = std::max({ready, slot(root(v)).draft, slot(v).after});
        const auto takes = [&](int d) { return drafts_[size_t(d)].elementwise && drafts_[size_t(d)].shape == shape; };
        if (ready >= 0 && takes(ready) && reads_by_block(use, ready)) return ready;
        int d = std::max(ready + 1, int(drafts_.size()) - drafts_looked_at);
        while (d < int(drafts_.size()) && !takes(d)) ++d;
        return d;
    }

    // Whether what a use reads of a draft is there block by block: the results themselves, not other views of them.
    bool reads_by_block(const Use& use, int draft) {
        const Dims& shape = drafts_[size_t(draft)].shape;
        for (int v : inputs_of(use))
            if (slot(root(v)).draft == draft && (slot(v).base >= 0 || slot(v).view.shape != shape)) return false;
        return true;
    }

    template <class F> void for_uses(const Draft& draft, F&& f) const {
        for (int u = draft.first; u >= 0; u = uses_[size_t(u)].next) f(uses_[size_t(u)]);
    }

    // --- order

    // Drafts run in the order they were made in, but those that read the rows of one large operand run together.
    void order_drafts() {
        for (size_t d = 0; d < drafts_.size(); ++d) order_.push_back(int(d));
        group_of_ = order_;
        for (size_t d = 0; d < drafts_.size(); ++d) {
            const std::vector<int> members = find_stream(int(d));
            if (members.empty()) continue;
            const std::vector<int> before = group_of_;
            for (int m : members) group_of_[size_t(m)] = int(d);
            if (!sort_groups()) group_of_ = before;
        }
    }

    // With an accumulating draft, those that make its rows, in order, if one of them reads its large operand, too.
    std::vector<int> find_stream(int sum) {
        const Use& use = uses_[size_t(drafts_[size_t(sum)].first)];
        if (!use.instruction->op->accumulate) return {};
        const int large = root(inputs_of(use)[0]);
        if (slot(large).view.size() * itemsize(slot(large).view.dtype) < stream_bytes) return {};
        const auto accumulated = accumulate(use);
        if (!accumulated) return {};
        const int64_t rows = accumulated->rows;
        std::vector<int> members{sum};
        const auto is_member = [&](int d) { return std::find(members.begin(), members.end(), d) != members.end(); };
        const auto reads_by_rows = [&](int d, const Use& u, size_t operand) {
            return has_rows(inputs_of(u)[operand], rows) && (d == sum ? operand > 0 : matches_rows(d, u, operand));
        };
        for (size_t m = 0; m < members.size(); ++m)
            for_operands(members[m], [&](const Use& u, size_t k, int made) {
                if (made >= 0 && !is_member(made) && goes_by_rows(made, rows) && reads_by_rows(members[m], u, k))
                    members.push_back(made);
            });
        bool reads_large = false, fits = true;
        for (int d : members)
            for_operands(d, [&](const Use& u, size_t k, int made) {
                const bool by_rows = reads_by_rows(d, u, k);
                if (by_rows && root(inputs_of(u)[k]) == large) reads_large = true;
                if (made != d && is_member(made) && (!by_rows || group_of_[size_t(made)] != made)) fits = false;
            });
        if (!reads_large || !fits) return {};
        std::sort(members.begin(), members.end());
        return members;
    }

    // f(use, operand, the draft that makes it or -1).
    template <class F> void for_operands(int draft, F&& f) {
        for_uses(drafts_[size_t(draft)], [&](const Use& use) {
            for (int k = 0; k < inputs_of(use).size(); ++k)
                f(use, size_t(k), slot(root(inputs_of(use)[size_t(k)])).draft);
        });
    }

    // Whether row i of a value is row i of the memory it reads.
    bool has_rows(int value, int64_t rows) {
        const View &view = slot(value).view, &base = slot(root(value)).view;
        return view.shape.size() > 0 && view.shape[0] == rows && slot(value).offset == 0 &&
               view.strides[0] * rows == base.size() && rearranges(view, base);
    }
    // Whether a draft makes its rows one by one.
    bool goes_by_rows(int index, int64_t rows) {
        const Draft& draft = drafts_[size_t(index)];
        if (!draft.elementwise || draft.shape.size() == 0 || draft.shape[0] != rows) return false;
        return !draft.prepared || (draft.prepared->aligned && draft.prepared->shared_bytes() == 0);
    }
    // Whether for that it reads the same rows of an operand that has them.
    bool matches_rows(int index, const Use& use, size_t operand) {
        const Draft& draft = drafts_[size_t(index)];
        if (draft.prepared && &use == &uses_[size_t(draft.first)]) return operand == 0;
        return slot(inputs_of(use)[operand]).view.shape.size() == draft.shape.size();
    }

    std::unique_ptr<Accumulated> accumulate(const Use& use) {
        std::vector<const View*> in;
        for (int v : inputs_of(use)) in.push_back(&slot(v).view);
        const Instruction& i = *use.instruction;
        return i.op->accumulate(*i.op, i.attrs, in, slot(i.output).view);
    }

    // Orders groups so that each comes after what it reads; false, and all as it was, if there is no such order.
    bool sort_groups() {
        std::vector<std::vector<int>> groups(drafts_.size()), readers(drafts_.size());
        std::vector<int> waits_for(drafts_.size(), 0), order;
        for (size_t d = 0; d < drafts_.size(); ++d) {
            const int group = group_of_[d];
            groups[size_t(group)].push_back(int(d));
            for_operands(int(d), [&](const Use&, size_t, int made) {
                if (made < 0 || group_of_[size_t(made)] == group) return;
                readers[size_t(group_of_[size_t(made)])].push_back(group);
                ++waits_for[size_t(group)];
            });
        }
        std::priority_queue<int, std::vector<int>, std::greater<>> ready;
        for (size_t g = 0; g < groups.size(); ++g)
            if (!groups[g].empty() && waits_for[g] == 0) ready.push(int(g));
        while (!ready.empty()) {
            const size_t group = size_t(ready.top());
            ready.pop();
            order.insert(order.end(), groups[group].begin(), groups[group].end());
            for (int reader : readers[group])
                if (--waits_for[size_t(reader)] == 0) ready.push(reader);
        }
        if (order.size() < drafts_.size()) return false;
        order_ = std::move(order);
        return true;
    }

    // f(the drafts of a group) for all groups in order.
    template <class F> void for_groups(F&& f) {
        for (size_t i = 0, end; i < order_.size(); i = end) {
            for (end = i + 1; end < order_.size() && same_group(i, end);) ++end;
            f(Span<int>(order_.data() + i, end - i));
        }
    }
    bool same_group(size_t i, size_t j) const { return group_of_[size_t(order_[i])] == group_of_[size_t(order_[j])]; }

    // --- memory

    void mark_kept() {
        for (size_t d = 0; d < drafts_.size(); ++d)
            for_uses(drafts_[d], [&](const Use& use) {
                for (int v : inputs_of(use))
                    if (slot(root(v)).draft != int(d)) slot(root(v)).kept = true;
            });
        for (int v : recording_.outputs()) slot(root(same_[size_t(v)])).kept = true;
        // Alone in its draft, it is made in memory.
        for (const Draft& d : drafts_)
            if (d.alone())
                for (int v : outputs_of(uses_[size_t(d.first)])) slot(v).kept = true;
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
        place_stacks();
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
        for (size_t d = 0; d < drafts_.size(); ++d)
            for_uses(drafts_[d], [&](const Use& use) {
                const Region* const region = use.instruction->attrs.region.get();
                if (!region) return;
                for (int v : outputs_of(use))
                    if (is_stack(slot(v).view.shape)) slot(v).at = {bases.count++, 0};
                drafts_[d].first_stack = bases.count;
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
        std::vector<size_t> last_use(slots_.size(), 0);
        size_t time = 0;
        const auto for_group_uses = [&](Span<int> group, auto&& f) {
            for (int d : group) for_uses(drafts_[size_t(d)], f);
        };
        for_groups([&](Span<int> group) {
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
        for_groups([&](Span<int> group) {
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
                Draft& draft = drafts_[size_t(d)];
                if (draft.work) draft.work_at = plan.take(aligned(draft.work));
            }
            for (int d : group)
                if (const Draft& draft = drafts_[size_t(d)]; draft.work)
                    plan.give_back(draft.work_at, aligned(draft.work));
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
        lowered_.steps.reserve(drafts_.size());
        for_groups([&](Span<int> group) {
            const Draft& draft = drafts_[size_t(group[0])];
            const Use& first = uses_[size_t(draft.first)];
            if (first.instruction->attrs.region) lowered_.steps.push_back(region_step(draft, first));
            else if (group.size() == 1) lowered_.steps.push_back(make_step(group[0]));
            else lowered_.steps.push_back(streamed(group));
        });
    }

    std::unique_ptr<RowStep> make_step(int index) {
        Draft& draft = drafts_[size_t(index)];
        const Use& first = uses_[size_t(draft.first)];
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
        const int last = group.size() - 1;
        std::vector<std::unique_ptr<RowStep>> steps;
        for (int d = 0; d < last; ++d) steps.push_back(make_step(group[size_t(d)]));
        const Use& sum = uses_[size_t(drafts_[size_t(group[size_t(last)])].first)];
        const Instruction& i = *sum.instruction;
        return std::make_unique<Streamed>(std::move(steps), *i.op, accumulate(sum), operands_of(sum),
                                          operand(i.output));
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
            plan.uses.push_back({i.op, first, i.input_count, number(i.output)});
        });
        return plan;
    }

    const Recording& recording_;
    bool contiguous_results_;
    std::vector<Slot> slots_;
    std::vector<int> same_;      // the value that stands for each
    std::vector<Use> uses_;      // of views and constants too
    std::vector<int> operands_;  // of all uses
    std::vector<int> known_;     // the uses, by hash; half of the places stay empty
    std::vector<Draft> drafts_;
    std::vector<int> order_, group_of_;  // drafts in the order they run in; of each, the draft it runs with
    Lowered lowered_;
};

}  // namespace

Lowered lower(const Recording& recording, bool contiguous_results) {
    return Lowering(recording, contiguous_results).run();
}

}  // namespace fg
