// Writing ops down, and working on what was written.
#include "tape/recording.hpp"

#include <algorithm>

#include "tape/apply.hpp"

namespace fg {
namespace {

std::atomic<uint64_t> next_id{1};
thread_local Recording* innermost = nullptr;
thread_local bool passes_gradients = false;

}  // namespace

Tensor key_tensor(const RandomKey& key) {
    Tensor t = Tensor::empty(DType::int64, {2});
    t.view().as<int64_t>()[0] = int64_t(key.seed);
    t.view().as<int64_t>()[1] = int64_t(key.stream);
    return t;
}

Recording::Recording(bool is_body) : id_(next_id.fetch_add(1)), is_body_(is_body) {}

Recording* Recording::active() { return innermost; }

Tensor Recording::traced(const Meta& meta, ValueKind kind) {
    element_count(meta.shape);  // refuses what cannot be counted
    auto impl = make_ref<TensorImpl>();
    impl->view = {nullptr, meta.dtype, meta.weak, meta.shape, contiguous_strides(meta.shape)};
    impl->recording = id_;
    impl->value = int(values_.size());
    values_.push_back({meta, kind, Tensor(), false});
    return Tensor(std::move(impl));
}

Tensor Recording::add_input(const Meta& meta) {
    inputs_.push_back(int(values_.size()));
    return traced(meta, ValueKind::input);
}

Draws Recording::take_draws(int64_t count) {
    Recording* const r = innermost;
    if (!r) return {key_tensor(global_generator().take(uint64_t(count))), 0};
    if (!r->key_) r->key_ = r->traced({DType::int64, false, {2}}, ValueKind::key);
    const int64_t first = r->draws_;
    r->draws_ += count;
    return {r->key_, first};
}

int Recording::value_of(const Tensor& t) {
    if (is_own(t)) return t.impl()->value;
    const auto found = captured_.find(t.impl());
    if (found != captured_.end()) return found->second;
    const int value = int(values_.size());
    values_.push_back({t.meta(), ValueKind::captured, t, false});
    captured_.emplace(t.impl(), value);
    return value;
}

Tensor Recording::record(const Op& op, const Attrs& attrs, Span<Tensor> in, const Meta& out) {
    const int first = int(operands_.size());
    for (const Tensor& t : in) operands_.push_back(value_of(t));
    Tensor result = traced(out, ValueKind::result);
    const bool stops = !grad_enabled() && !passes_gradients;
    instructions_.push_back({&op, attrs, first, in.size(), result.impl()->value, 1, stops});
    return result;
}

std::vector<Tensor> Recording::record_region(const Attrs& attrs, Span<Tensor> in) {
    const int first = int(operands_.size());
    for (const Tensor& t : in) operands_.push_back(value_of(t));
    std::vector<Tensor> results;
    const int first_result = int(values_.size());
    for (const Meta& meta : attrs.region->outputs()) results.push_back(traced(meta, ValueKind::result));
    const bool stops = !grad_enabled() && !passes_gradients;
    instructions_.push_back({&attrs.region->op(), attrs, first, in.size(), first_result, int(results.size()), stops});
    return results;
}

void Recording::set_outputs(Span<Tensor> outputs) {
    outputs_.clear();
    for (const Tensor& t : outputs) {
        if (t.traced()) check_usable(t, "return");
        outputs_.push_back(value_of(t));
    }
}

void Recording::set_constant(const Tensor& captured) {
    const auto found = captured_.find(captured.impl());
    if (found != captured_.end()) values_[size_t(found->second)].constant = true;
}

void Recording::set_constants() {
    for (ValueInfo& v : values_) {
        if (v.captured && v.captured.traced())
            throw RecordingError(
                "the derivative rule of a function that is used in a loop or branch reads a value from around it; pass "
                "it to the function");
        v.constant |= bool(v.captured);
    }
}

void Recording::find_constants() {
    for (ValueInfo& v : values_) {
        if (!v.captured || v.captured.traced()) continue;
        const TensorImpl& impl = *v.captured.impl();
        v.constant |= impl.use_count() == 1 && v.captured.is_leaf() && !impl.storage->borrowed() &&
                      impl.storage->use_count() == 1;
    }
}

void Recording::check_usable(const Tensor& traced, const char* op) {
    bool reaches = true;  // from the innermost on, through bodies only
    for (const Recording* r = innermost; r; r = r->outer_) {
        if (r->id_ == traced.impl()->recording) {
            if (reaches) return;
            throw RecordingError(say("'", op, "' mixes values of two nested recordings"));
        }
        reaches &= r->is_body_;
    }
    throw RecordingError(say("'", op,
                             "' was given a value of a recording that has ended; a compiled function must hand "
                             "its results out through return, not through a global or a closure"));
}

void Recording::remove_dead_code() {
    std::vector<bool> live(values_.size(), false);
    std::vector<int> renamed(values_.size());
    for (size_t v = 0; v < renamed.size(); ++v) renamed[v] = int(v);
    for (int v : inputs_) live[size_t(v)] = true;
    for (int v : outputs_) live[size_t(v)] = true;
    const auto is_live = [&](const Instruction& i) {
        for (int o = 0; o < i.output_count; ++o)
            if (live[size_t(i.output + o)]) return true;
        return false;
    };
    for (auto i = instructions_.rbegin(); i != instructions_.rend(); ++i) {
        if (!is_live(*i)) continue;
        if (i->attrs.region) reduce(*i, live, renamed);
        for (int v : inputs_of(*i)) live[size_t(v)] = true;
    }
    const auto dead = [&](const Instruction& i) { return !is_live(i); };
    instructions_.erase(std::remove_if(instructions_.begin(), instructions_.end(), dead), instructions_.end());
    for (const Instruction& i : instructions_)
        for (int k = 0; k < i.input_count; ++k) {
            int& v = operands_[size_t(i.first_input + k)];
            v = renamed[size_t(v)];
        }
    for (int& v : outputs_) v = renamed[size_t(v)];
    for (size_t v = 0; v < values_.size(); ++v)
        if (!live[v]) values_[v].captured = Tensor();
    captured_.clear();
}

// A region whose outputs are not all needed becomes one that computes less and reads less; its outputs are new values.
void Recording::reduce(Instruction& i, std::vector<bool>& live, std::vector<int>& renamed) {
    std::vector<bool> needed;
    for (int o = 0; o < i.output_count; ++o) needed.push_back(live[size_t(i.output + o)]);
    const Region::Reduced less = i.attrs.region->reduced(needed);
    if (less.region == i.attrs.region) return;
    const std::vector<int> before(inputs_of(i).begin(), inputs_of(i).end());
    i.attrs.region = less.region;
    i.first_input = int(operands_.size());
    i.input_count = int(less.inputs.size());
    for (int k : less.inputs) operands_.push_back(before[size_t(k)]);
    const int first = int(values_.size()), old = i.output;
    for (size_t o = 0; o < less.outputs.size(); ++o) {
        values_.push_back({less.region->outputs()[o], ValueKind::result, Tensor(), false});
        live.push_back(true);
        renamed.push_back(first + int(o));
        renamed[size_t(old + less.outputs[o])] = first + int(o);
    }
    i.output = first;
    i.output_count = int(less.outputs.size());
}

bool Recording::depends_on(int input) const {
    std::vector<bool> reached(values_.size(), false);
    reached[size_t(inputs_[size_t(input)])] = true;
    for (const Instruction& instruction : instructions_)
        for (int v : inputs_of(instruction))
            if (reached[size_t(v)])
                for (int o = 0; o < instruction.output_count; ++o) reached[size_t(instruction.output + o)] = true;
    for (int v : outputs_)
        if (reached[size_t(v)]) return true;
    return false;
}

std::vector<bool> Recording::reached_from(const std::vector<bool>& inputs) const {
    std::vector<bool> reached(values_.size(), false), in, result;
    for (size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i] && is_floating(values_[size_t(inputs_[i])].meta.dtype)) reached[size_t(inputs_[i])] = true;
    for (const Instruction& i : instructions_) {
        const Span<int> operands = inputs_of(i);
        if (i.stops) continue;
        if (i.attrs.region) {
            in.clear();
            for (int v : operands) in.push_back(reached[size_t(v)]);
            const std::vector<bool> out = i.attrs.region->reached_from(in);
            for (size_t o = 0; o < out.size(); ++o) reached[size_t(i.output) + o] = out[o];
            continue;
        }
        if (!i.op->vjp || !is_floating(values_[size_t(i.output)].meta.dtype)) continue;
        for (int k = 0; k < operands.size(); ++k)
            if (reached[size_t(operands[size_t(k)])] && is_differentiable(*i.op, i.attrs, k))
                reached[size_t(i.output)] = true;
    }
    for (int v : outputs_) result.push_back(reached[size_t(v)]);
    return result;
}

std::vector<bool> Recording::read_inputs() const {
    std::vector<bool> read(values_.size(), false), result;
    for (const Instruction& i : instructions_)
        for (int v : inputs_of(i)) read[size_t(v)] = true;
    for (int v : outputs_) read[size_t(v)] = true;
    for (int v : inputs_) result.push_back(read[size_t(v)]);
    return result;
}

std::vector<bool> Recording::inputs_for_gradients() const {
    std::vector<bool> needed(values_.size(), false), result;
    for (auto i = instructions_.rbegin(); i != instructions_.rend(); ++i) {
        const Span<int> operands = inputs_of(*i);
        if (i->attrs.region || i->attrs.rule) {
            for (int v : operands) needed[size_t(v)] = true;
            continue;
        }
        int used = 0;
        if (i->op->vjp && !i->stops)
            for (int k = 0; k < operands.size(); ++k)
                if (is_differentiable(*i->op, i->attrs, k)) used |= uses(*i->op, i->op->arity < 0 ? 0 : k);
        const bool computed = needed[size_t(i->output)] || (used & uses_out);
        for (int k = 0; k < operands.size(); ++k)
            if (computed || (k < max_saved_inputs && (used & (1 << k)))) needed[size_t(operands[size_t(k)])] = true;
    }
    for (int v : inputs_) result.push_back(needed[size_t(v)]);
    return result;
}

void Recording::hoist_invariants() {
    std::vector<Tensor> arguments;
    const auto is_invariant = [&](const Instruction& i) {
        if (i.attrs.region || i.attrs.rule || i.op->fault || i.input_count == 0) return false;
        for (int v : inputs_of(i))
            if (!values_[size_t(v)].captured) return false;
        return true;
    };
    for (const Instruction& i : instructions_) {
        if (!is_invariant(i)) continue;
        arguments.clear();
        for (int v : inputs_of(i)) arguments.push_back(values_[size_t(v)].captured);
        const GradMode mode(grad_enabled() && !i.stops);
        ValueInfo& made = values_[size_t(i.output)];
        made.captured = apply(*i.op, arguments, i.attrs);
        made.kind = ValueKind::captured;
    }
    const auto is_done = [&](const Instruction& i) { return bool(values_[size_t(i.output)].captured); };
    instructions_.erase(std::remove_if(instructions_.begin(), instructions_.end(), is_done), instructions_.end());
    arguments.clear();
    remove_dead_code();  // and what only they have read
    find_constants();
}

std::vector<Tensor> Recording::read_from_outside() const {
    std::vector<Tensor> outside;
    for (const ValueInfo& v : values_)
        if (v.captured && !v.constant) outside.push_back(v.captured);
    return outside;
}

void Recording::take_as_inputs(Span<Tensor> outside) {
    const auto is_same = [](const Tensor& a, const Tensor& b) { return a.impl() == b.impl(); };
    for (const Tensor& t : outside) {
        int value = -1;
        for (size_t v = 0; v < values_.size() && value < 0; ++v)
            if (values_[v].captured && is_same(values_[v].captured, t)) value = int(v);
        if (value < 0) {
            value = int(values_.size());
            values_.push_back({t.meta(), ValueKind::input, Tensor(), false});
        }
        values_[size_t(value)].kind = ValueKind::input;
        values_[size_t(value)].captured = Tensor();
        inputs_.push_back(value);
    }
    captured_.clear();
}

Recording Recording::restricted(const std::vector<bool>& inputs, const std::vector<int>& output_values) const {
    Recording r(*this);
    r.outputs_ = output_values;
    r.remove_dead_code();
    r.inputs_.clear();
    for (size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i]) r.inputs_.push_back(inputs_[i]);
    return r;
}

void Recording::check_inputs(Span<Tensor> inputs) const {
    if (inputs.size() != int(inputs_.size()))
        throw ValueError(say("a recording of ", inputs_.size(), " inputs was given ", inputs.size()));
    for (int i = 0; i < inputs.size(); ++i) {
        const Meta& expected = values_[size_t(inputs_[size_t(i)])].meta;
        if (inputs[i].dtype() != expected.dtype || inputs[i].shape() != expected.shape)
            throw ValueError(say("input ", i, " was recorded as ", name(expected.dtype), expected.shape, ", got ",
                                 name(inputs[i].dtype()), inputs[i].shape()));
    }
}

std::vector<Tensor> Recording::replay_over(Span<Tensor> inputs, Span<Tensor> from, Span<Tensor> to,
                                           const Draws* given) const {
    check_inputs(inputs);
    std::vector<Tensor> now(values_.size());
    for (size_t v = 0; v < values_.size(); ++v) {
        const Tensor& captured = values_[v].captured;
        now[v] = captured;
        for (int i = 0; captured && i < from.size(); ++i) {
            if (from[i].impl() != captured.impl()) continue;
            if (to[i].dtype() != captured.dtype() || to[i].shape() != captured.shape())
                throw ValueError(say("a captured ", name(captured.dtype()), captured.shape(), " cannot become ",
                                     name(to[i].dtype()), to[i].shape()));
            now[v] = to[i];
        }
    }
    for (size_t i = 0; i < inputs_.size(); ++i) now[size_t(inputs_[i])] = inputs[i];
    int64_t first_draw = 0;
    if (draws_) {
        Draws draws = given ? *given : take_draws(draws_);
        now[size_t(key())] = std::move(draws.key);
        first_draw = draws.first;
    }
    std::vector<Tensor> arguments;
    for (const Instruction& instruction : instructions_) {
        arguments.clear();
        const Span<int> in = inputs_of(instruction);
        for (int v : in) arguments.push_back(now[size_t(v)]);
        Attrs attrs = instruction.attrs;
        if (draws_ && in.size() > 0 && in[0] == key()) attrs.draw += first_draw;
        const GradMode mode(grad_enabled() && !instruction.stops);
        if (attrs.region) {
            const std::vector<Tensor> results = apply_region(attrs.region, arguments, attrs.draw);
            std::copy(results.begin(), results.end(), now.begin() + instruction.output);
        } else {
            now[size_t(instruction.output)] = apply(*instruction.op, arguments, attrs);
        }
    }
    std::vector<Tensor> out;
    for (int v : outputs_) out.push_back(now[size_t(v)]);
    return out;
}

RecordingScope::RecordingScope(Recording& recording) : recording_(recording) {
    recording.outer_ = innermost;
    innermost = &recording;
}
RecordingScope::~RecordingScope() {
    innermost = recording_.outer_;
    recording_.outer_ = nullptr;
}

PassesGradients::PassesGradients(bool passes) : before_(passes_gradients) { passes_gradients = passes; }
PassesGradients::~PassesGradients() { passes_gradients = before_; }

}  // namespace fg
