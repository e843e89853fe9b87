// Running a loop: rows are found by base and stride, carries go back and forth between two places.
#include <cstring>
#include <optional>

#include "core/interrupt.hpp"
#include "tape/loop.hpp"
#include "tape/step.hpp"

namespace fg {
namespace {

// Rounds of a conditional loop that its work is estimated for.
constexpr double guessed_rounds = 1000;
// Bytes of a carry that is sooner copied than told to lie elsewhere.
constexpr int64_t small_carry = 64;

thread_local int64_t round_limit = -1;

int64_t row_bytes(const Meta& row) { return element_count(row.shape) * itemsize(row.dtype); }

}  // namespace

// What runs, and where the second places of its carries lie in the working memory of a run.
struct Loop::Code : RefCounted {
    // How a carry gets from one round to the next.
    enum class Way {
        stays,        // it never changes
        overwritten,  // in its place
        copied,       // from a second place, with all others that are as small
        alternates,   // between that and a second one
    };

    Ref<BodyCode> body, condition;
    std::vector<int64_t> input_bytes, y_bytes;  // of a carry, a row of an x, a constant; of a row of a y
    std::vector<Way> ways;
    std::vector<int64_t> second_at;  // of a carry that alternates; of one that is copied, in the pieces below
    std::vector<int> alternating;
    int64_t copied_bytes = 0, now_at = 0, next_at = 0;  // the small ones, one after the other
    int64_t pointers_at = 0, bytes = 0;

    int64_t arena_bytes() const { return std::max(body->arena_bytes(), condition ? condition->arena_bytes() : 0); }
};

// The memory of runs one after the other.
struct Loop::Running {
    // On code.arena_bytes() of memory, or, without, on its own.
    explicit Running(const Code& code, char* arena = nullptr) : body(*code.body, arena) {
        if (code.condition) condition.emplace(*code.condition, arena);  // they never run at the same time
    }

    BodyCode::Run body;
    std::optional<BodyCode::Run> condition;
};

// One run: where its operands and results lie. Inputs are those of the body.
struct Loop::Call {
    const char* const* in;
    char* const* carries_out;
    Stack* const* y_stacks;  // of ys that are stacks
    char* const* ys_out;     // of the others
    char* work;
    Stack* const* stacks;  // for what is inside
    int64_t rounds = 0;    // unless the condition decides
    bool draws = false;
    RandomKey key;
};

Ref<Loop::Code> Loop::code() const {
    return code_.get([&]() -> Ref<RefCounted> {
        auto code = make_ref<Code>();
        code->body = make_ref<BodyCode>(*parts_.body);
        if (parts_.condition) code->condition = make_ref<BodyCode>(*parts_.condition);
        WorkPlan plan;
        for (size_t i = 0; i < parts_.body->inputs().size(); ++i)
            code->input_bytes.push_back(row_bytes(body_input(int(i))));
        for (int y = 0; y < ys(); ++y) code->y_bytes.push_back(code->body->result_bytes(parts_.carries + y));
        code->pointers_at = plan.pointers(2 * size_t(parts_.carries));
        for (int c = 0; c < parts_.carries; ++c) {
            const int64_t bytes = code->input_bytes[size_t(c)];
            Code::Way way = Code::Way::alternates;
            if (code->body->handed_on(c) == c) way = Code::Way::stays;
            else if (code->body->overwrites(c, c)) way = Code::Way::overwritten;
            else if (bytes <= small_carry) way = Code::Way::copied;
            code->ways.push_back(way);
            code->second_at.push_back(0);
            if (way == Code::Way::alternates) {
                code->second_at.back() = plan.take(bytes);
                code->alternating.push_back(c);
            } else if (way == Code::Way::copied) {
                code->second_at.back() = code->copied_bytes;
                code->copied_bytes += (bytes + 15) / 16 * 16;
            }
        }
        code->now_at = plan.take(code->copied_bytes);
        code->next_at = plan.take(code->copied_bytes);
        code->bytes = plan.bytes();
        return code;
    });
}

int64_t Loop::execute(const Code& code, Running& running, Call& call) const {
    const size_t carries = size_t(parts_.carries), xs = size_t(parts_.xs), inputs = code.input_bytes.size();
    const bool conditional = parts_.length == Length::conditional;
    BodyCode::Run& body = running.body;
    BodyCode::Run* const condition = running.condition ? &*running.condition : nullptr;
    body.stacks(call.stacks);
    for (size_t k = carries + xs; k < inputs; ++k) body.input(int(k), call.in[k]);
    alignas(storage_alignment) bool goes_on = false;
    if (condition) {
        condition->stacks(call.stacks + code.body->stacks());
        condition->output(0, &goes_on);
        for (size_t k = carries + xs; k < inputs; ++k) condition->input(int(k - xs), call.in[k]);
    }

    char** const next = reinterpret_cast<char**>(call.work + code.pointers_at);
    const char** const now = const_cast<const char**>(next + carries);
    char *const small_now = call.work + code.now_at, *const small_next = call.work + code.next_at;
    for (size_t c = 0; c < carries; ++c) {
        const Code::Way way = code.ways[c];
        now[c] = call.in[c];
        if (way == Code::Way::overwritten || way == Code::Way::copied) {
            char* const to = way == Code::Way::copied ? small_now + code.second_at[c] : call.carries_out[c];
            std::memcpy(to, call.in[c], size_t(code.input_bytes[c]));
            now[c] = to;
        }
        body.input(int(c), now[c]);
        if (condition) condition->input(int(c), now[c]);
        if (way == Code::Way::copied) body.output(int(c), small_next + code.second_at[c]);
        else if (way != Code::Way::alternates) body.output(int(c), const_cast<char*>(now[c]));
    }
    Patience patience;
    int64_t t = 0;
    for (;; ++t) {
        if (conditional) {
            if (call.draws && condition->draws()) condition->key(key_of_round(call.key, uint64_t(t), 1));
            condition->run();
            if (!goes_on || t == round_limit) break;
            if (t == parts_.most)
                throw std::runtime_error(
                    say("while_loop: the condition still holds after max_iter = ", parts_.most, " iterations"));
        } else if (t == call.rounds) {
            break;
        }
        const int64_t row = parts_.reverse ? call.rounds - 1 - t : t;
        const bool here = conditional ? t % 2 == 0 : (call.rounds - 1 - t) % 2 == 0;
        for (int c : code.alternating) {
            next[c] = here ? call.carries_out[c] : call.work + code.second_at[size_t(c)];
            body.output(c, next[c]);
        }
        for (size_t x = carries; x < carries + xs; ++x) body.input(int(x), call.in[x] + row * code.input_bytes[x]);
        for (size_t y = 0; y < code.y_bytes.size(); ++y) {
            const int64_t bytes = code.y_bytes[y], at = row * bytes;
            if (conditional) call.y_stacks[y]->reserve(at + bytes, at);
            body.output(int(carries + y), (call.y_stacks[y] ? call.y_stacks[y]->data() : call.ys_out[y]) + at);
        }
        if (call.draws && body.draws())
            body.key(key_of_round(call.key, uint64_t(parts_.draws_reversed ? call.rounds - 1 - t : t)));
        body.run();
        if (code.copied_bytes) std::memcpy(small_now, small_next, size_t(code.copied_bytes));
        for (int c : code.alternating) {
            now[c] = next[c];
            body.input(c, now[c]);
            if (condition) condition->input(c, now[c]);
        }
        patience.round();
    }
    for (size_t c = 0; c < carries; ++c)
        if (now[c] != call.carries_out[c]) std::memcpy(call.carries_out[c], now[c], size_t(code.input_bytes[c]));
    for (size_t y = 0; y < code.y_bytes.size(); ++y)
        if (call.y_stacks[y]) call.y_stacks[y]->rows = t;
    return t;
}

RoundLimit::RoundLimit(int64_t rounds) { round_limit = rounds; }
RoundLimit::~RoundLimit() { round_limit = -1; }

// --- eager

std::vector<Tensor> Loop::run(Span<Tensor> given, int64_t draw) const {
    const Ref<Code> code = this->code();
    std::vector<Tensor> held, results;
    for (const Tensor& t : given) held.push_back(contiguous(t));
    std::vector<const char*> in;
    for (size_t i = size_t(first_carry()); i < held.size(); ++i) in.push_back(held[i].view().as<char>());
    Call call{};
    if (parts_.length == Length::fixed) call.rounds = parts_.rounds;
    if (parts_.length == Length::counted) {
        const Tensor& counted = held[size_t(draws())];
        call.rounds = counted.ndim() ? counted.shape()[0] : *counted.view().as<int64_t>();
    }
    if (draws()) call.key = key_from(held[0].view().data, draw);
    call.draws = draws();

    const size_t y_count = size_t(ys());
    std::vector<char*> carries, ys_at(y_count, nullptr);
    std::vector<Stack> growing(y_count), inside(static_cast<size_t>(stacks()));
    std::vector<Stack*> y_stacks(y_count, nullptr), inside_at;
    const bool conditional = parts_.length == Length::conditional;
    for (size_t o = 0; o < outputs().size(); ++o) {
        const Meta& meta = outputs()[o];
        const int y = int(o) - first_y();
        Dims shape = meta.shape;
        if (y >= 0 && !conditional) shape[0] = call.rounds;
        results.push_back(y >= 0 && conditional ? Tensor() : Tensor::empty(meta.dtype, shape));
        if (y >= 0 && conditional) y_stacks[size_t(y)] = &growing[size_t(y)];
        else if (y >= 0) ys_at[size_t(y)] = results.back().view().as<char>();
        else if (int(o) < parts_.carries) carries.push_back(results.back().view().as<char>());
    }
    for (Stack& s : inside) inside_at.push_back(&s);
    const Ref<Storage> work = Storage::allocate(code->bytes);
    call.in = in.data();
    call.carries_out = carries.data();
    call.y_stacks = y_stacks.data();
    call.ys_out = ys_at.data();
    call.work = static_cast<char*>(work->data());
    call.stacks = inside_at.data();
    Running running(*code);
    const int64_t rounds = execute(*code, running, call);
    if (!conditional) return results;
    *results[size_t(parts_.carries)].view().as<int64_t>() = rounds;
    for (int y = 0; y < ys(); ++y) {
        const Meta& meta = outputs()[size_t(first_y() + y)];
        Stack& stack = growing[size_t(y)];
        stack.reserve(1, 0);
        Dims shape = meta.shape;
        shape[0] = rounds;
        results[size_t(first_y() + y)] =
            Tensor::on_storage(stack.memory(), stack.data(), meta.dtype, shape, contiguous_strides(shape));
    }
    return results;
}

// --- in a program

class LoopStep final : public Step {
public:
    LoopStep(Ref<Loop> loop, int64_t draw, RegionPlaces places)
        : loop_(std::move(loop)), code_(loop_->code()), draw_(draw), places_(std::move(places)) {
        const double rounds = loop_->parts_.length == Length::fixed ? double(loop_->parts_.rounds) : guessed_rounds;
        work_ = rounds * code_->body->work();
        bytes_ = int64_t(rounds) * code_->body->bytes();
        // An endless loop must not hold what other threads wait for.
        if (loop_->parts_.length == Length::conditional) work_ = std::max(work_, 1e6);
        plan_.take(code_->bytes);
        arena_at_ = plan_.take(code_->arena_bytes());
        in_.emplace(places_.in, size_t(loop_->first_carry()), plan_);
        carries_at_ = plan_.pointers(size_t(loop_->parts_.carries));
        y_stacks_at_ = plan_.pointers(size_t(loop_->ys()));
        ys_at_ = plan_.pointers(size_t(loop_->ys()));
        inside_at_ = plan_.pointers(size_t(loop_->stacks()));
    }

    int64_t work_bytes() const { return plan_.bytes(); }
    bool reads(int base) const override { return places_.reads(base); }

    void resolve(Resolver& resolver, Calls& calls) const override {
        class Resolved final : public ResolvedStep {
        public:
            Resolved(const LoopStep& step, Bases bases)
                : step_(step), bases_(bases), running_(*step.code_, step.places_.work.in(bases) + step.arena_at_) {}
            void run() override { step_.run(bases_, running_); }

        private:
            const LoopStep& step_;
            Bases bases_;
            Loop::Running running_;
        };
        calls.add(std::make_unique<Resolved>(*this, resolver.bases()));
    }

    void run(Bases bases, Loop::Running& running) const {
        const Loop& loop = *loop_;
        const LoopParts& parts = loop.parts_;
        char* const work = places_.work.in(bases);
        Loop::Call call{};
        call.work = work;
        const size_t first = size_t(loop.first_carry());
        if ((call.draws = loop.draws())) call.key = key_from(places_.in[0].at.in(bases), draw_);
        call.in = in_->find(places_.in, bases, work);
        if (parts.length == Length::fixed) call.rounds = parts.rounds;
        if (parts.length == Length::counted) call.rounds = count(places_.in[first - 1], bases);

        char** const carries = reinterpret_cast<char**>(work + carries_at_);
        for (size_t c = 0; c < size_t(parts.carries); ++c) carries[c] = places_.out[c].at.in(bases);
        Stack** const y_stacks = reinterpret_cast<Stack**>(work + y_stacks_at_);
        char** const ys = reinterpret_cast<char**>(work + ys_at_);
        for (size_t y = 0; y < size_t(loop.ys()); ++y) {
            const Operand& out = places_.out[size_t(loop.first_y()) + y];
            char* const at = out.at.in(bases);
            const bool stack = is_stack(out.view.shape);
            y_stacks[y] = stack ? reinterpret_cast<Stack*>(at) : nullptr;
            ys[y] = stack ? nullptr : at;
            if (stack) y_stacks[y]->reserve(std::max<int64_t>(call.rounds * code_->y_bytes[y], 1), 0);
        }
        call.carries_out = carries;
        call.y_stacks = y_stacks;
        call.ys_out = ys;
        call.stacks = find_stacks(places_.first_stack, loop.stacks(), bases, work + inside_at_);
        const int64_t rounds = loop.execute(*code_, running, call);
        if (parts.length == Length::conditional)
            *reinterpret_cast<int64_t*>(places_.out[size_t(parts.carries)].at.in(bases)) = rounds;
    }

    StepInfo info() const override {
        const LoopParts& parts = loop_->parts_;
        std::string ops = loop_->op().name;
        if (parts.length == Length::fixed) ops += say(" of ", parts.rounds);
        ops += " (" + code_->body->steps_text() + ")";
        if (places_.out.empty()) return {ops, DType::int64, {}, work_, bytes_};
        const View& view = places_.out.back().view;
        return {ops, view.dtype, view.shape, work_, bytes_};
    }

private:
    static int64_t count(const Operand& counted, Bases bases) {
        const char* const at = counted.at.in(bases);
        if (is_stack(counted.view.shape)) return reinterpret_cast<const Stack*>(at)->rows;
        return *reinterpret_cast<const int64_t*>(at);
    }

    Ref<Loop> loop_;
    Ref<Loop::Code> code_;
    int64_t draw_;
    RegionPlaces places_;
    WorkPlan plan_;
    std::optional<ContiguousOperands> in_;
    int64_t arena_at_ = 0, carries_at_ = 0, y_stacks_at_ = 0, ys_at_ = 0, inside_at_ = 0;
};

int64_t Loop::work_bytes(Span<const View*> in) const {
    RegionPlaces places;
    for (const View* view : in) places.in.push_back({{}, *view});
    return LoopStep(Ref<Loop>(const_cast<Loop*>(this)), 0, std::move(places)).work_bytes();
}

int Loop::stacks() const {
    const Ref<Code> code = this->code();
    return code->body->stacks() + (code->condition ? code->condition->stacks() : 0);
}

std::unique_ptr<Step> Loop::step(int64_t draw, RegionPlaces places) const {
    return std::make_unique<LoopStep>(Ref<Loop>(const_cast<Loop*>(this)), draw, std::move(places));
}

void Stack::grow(int64_t bytes, int64_t used) {
    const int64_t more = memory_ ? std::max(bytes, 2 * memory_->bytes()) : std::max<int64_t>(bytes, 1024);
    Ref<Storage> grown = Storage::allocate(more);
    if (used) std::memcpy(grown->data(), memory_->data(), size_t(used));
    memory_ = std::move(grown);
}

}  // namespace fg
