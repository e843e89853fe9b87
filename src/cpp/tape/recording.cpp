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
    instructions_.push_back({&op, attrs, first, in.size(), result.impl()->value, stops});
    return result;
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

void Recording::find_constants() {
    for (ValueInfo& v : values_) {
        if (!v.captured) continue;
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
    for (int v : outputs_) live[size_t(v)] = true;
    for (auto i = instructions_.rbegin(); i != instructions_.rend(); ++i) {
        if (!live[size_t(i->output)]) continue;
        for (int v : inputs_of(*i)) live[size_t(v)] = true;
    }
    const auto dead = [&](const Instruction& i) { return !live[size_t(i.output)]; };
    instructions_.erase(std::remove_if(instructions_.begin(), instructions_.end(), dead), instructions_.end());
    for (size_t v = 0; v < values_.size(); ++v)
        if (!live[v]) values_[v].captured = Tensor();
    captured_.clear();
}

bool Recording::depends_on(int input) const {
    std::vector<bool> reached(values_.size(), false);
    reached[size_t(inputs_[size_t(input)])] = true;
    for (const Instruction& instruction : instructions_)
        for (int v : inputs_of(instruction))
            if (reached[size_t(v)]) reached[size_t(instruction.output)] = true;
    for (int v : outputs_)
        if (reached[size_t(v)]) return true;
    return false;
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
        now[size_t(instruction.output)] = apply(*instruction.op, arguments, attrs);
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

PassesGradients::PassesGradients() : before_(passes_gradients) { passes_gradients = true; }
PassesGradients::~PassesGradients() { passes_gradients = before_; }

}  // namespace fg
