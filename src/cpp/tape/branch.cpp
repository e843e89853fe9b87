// Choosing, running and differentiating a branch.
#include "tape/branch.hpp"

#include <optional>

#include "tape/apply.hpp"
#include "tape/backward.hpp"
#include "tape/explain.hpp"
#include "tape/node.hpp"
#include "tape/step.hpp"

namespace fg {
namespace {

const Op cond_op = region_op("cond", "One of two functions, as a condition says.");

std::vector<Meta> outputs_of(const Recording& body) {
    std::vector<Meta> outputs;
    for (int v : body.outputs()) {
        outputs.push_back(body.values()[size_t(v)].meta);
        outputs.back().weak = false;
    }
    return outputs;
}

}  // namespace

Branch::Branch(Body if_true, Body if_false)
    : Region(outputs_of(*if_true)), bodies_{std::move(if_true), std::move(if_false)} {}

const Op& Branch::op() const { return cond_op; }

std::vector<bool> Branch::reached_from(const std::vector<bool>& inputs) const {
    const std::vector<bool> operands(inputs.begin() + first_operand(), inputs.end());
    std::vector<bool> reached = bodies_[0]->reached_from(operands), other = bodies_[1]->reached_from(operands);
    for (size_t o = 0; o < reached.size(); ++o) reached[o] = reached[o] || other[o];
    return reached;
}

// --- the gradient: a branch of the gradients of both

struct Branch::Reverse {
    Ref<Region> region;    // null: nothing flows
    std::vector<int> in;   // inputs of the forward branch, then ~i for the gradient of its output i
    std::vector<int> out;  // the input that an output is the gradient of
};

std::vector<Tensor> Branch::vjp(const Node& node, Span<Tensor> grads, const std::vector<bool>& wanted) const {
    std::vector<bool> given;
    for (const Tensor& g : grads) given.push_back(bool(g));
    const auto back = reverses_.get(given, wanted, [&] { return make_reverse(given, wanted); });
    std::vector<Tensor> result(wanted.size()), in;
    if (!back->region) return result;
    for (int i : back->in) in.push_back(i >= 0 ? node.saved_input(i) : grads[size_t(~i)]);
    const std::vector<Tensor> flows = apply_region(back->region, in, node.attrs().draw);
    for (size_t o = 0; o < back->out.size(); ++o) result[size_t(back->out[o])] = flows[o];
    return result;
}

std::shared_ptr<const Branch::Reverse> Branch::make_reverse(const std::vector<bool>& given,
                                                            const std::vector<bool>& wanted) const {
    const size_t operands = bodies_[0]->inputs().size(), first = size_t(first_operand());
    Reverse all;
    std::vector<Meta> metas;
    std::vector<int> to, from;  // operands whose gradients are wanted, outputs whose gradients are there
    for (size_t i = 0; i < first; ++i) all.in.push_back(int(i));
    for (size_t i = 0; i < operands; ++i) {
        const int v = bodies_[0]->inputs()[i];
        metas.push_back(bodies_[0]->values()[size_t(v)].meta);
        all.in.push_back(int(first + i));
        if (wanted[first + i]) to.push_back(int(i));
    }
    for (size_t o = 0; o < given.size(); ++o) {
        if (!given[o]) continue;
        metas.push_back(outputs()[o]);
        all.in.push_back(~int(o));
        from.push_back(int(o));
    }
    const GradMode off(false);
    const PassesGradients later;
    std::vector<bool> flows_to(to.size(), false);
    const auto back = [&](const Recording& body) {
        Recording recording = record_body(metas, [&](const std::vector<Tensor>& in) {
            const std::vector<Tensor> variables(in.begin(), in.begin() + int64_t(operands));
            const std::vector<Tensor> seeds(in.begin() + int64_t(operands), in.end());
            std::vector<Tensor> flows = flows_through_body(body, variables, to, from, seeds);
            for (size_t i = 0; i < to.size(); ++i) {
                flows_to[i] = flows_to[i] || bool(flows[i]);
                const Tensor& like = variables[size_t(to[i])];
                if (!flows[i]) flows[i] = Tensor::zeros(like.dtype(), like.shape());
            }
            return flows;
        });
        recording.set_constants();
        return std::make_shared<const Recording>(std::move(recording));
    };
    const Body if_true = back(*bodies_[0]), if_false = back(*bodies_[1]);
    const auto branch = make_ref<Branch>(if_true, if_false);
    if (std::find(flows_to.begin(), flows_to.end(), true) == flows_to.end()) return std::make_shared<const Reverse>();
    const Reduced less = branch->reduced(flows_to);
    Reverse reverse;
    reverse.region = less.region;
    for (int i : less.inputs) reverse.in.push_back(all.in[size_t(i)]);
    for (int o : less.outputs) reverse.out.push_back(int(first) + to[size_t(o)]);
    return std::make_shared<const Reverse>(std::move(reverse));
}

Region::Reduced Branch::reduced(const std::vector<bool>& live) const {
    Reduced result;
    for (size_t o = 0; o < live.size(); ++o)
        if (live[o]) result.outputs.push_back(int(o));
    std::vector<bool> read(bodies_[0]->inputs().size(), false);
    const auto chosen = [&](const Recording& body) {
        std::vector<int> values;
        for (int o : result.outputs) values.push_back(body.outputs()[size_t(o)]);
        return body.restricted(std::vector<bool>(read.size(), true), values);
    };
    const Recording less[] = {chosen(*bodies_[0]), chosen(*bodies_[1])};
    for (const Recording& body : less) {
        const std::vector<bool> reads = body.read_inputs();
        for (size_t i = 0; i < read.size(); ++i) read[i] = read[i] || reads[i];
    }
    for (int i = 0; i < first_operand(); ++i) result.inputs.push_back(i);
    for (size_t i = 0; i < read.size(); ++i)
        if (read[i]) result.inputs.push_back(first_operand() + int(i));
    if (result.outputs.size() == live.size() && std::find(read.begin(), read.end(), false) == read.end()) {
        result.region = Ref<Region>(const_cast<Branch*>(this));
        return result;
    }
    const auto body = [&](const Recording& r) {
        return std::make_shared<const Recording>(r.restricted(read, r.outputs()));
    };
    result.region = make_ref<Branch>(body(less[0]), body(less[1]));
    return result;
}

// --- running

struct Branch::Code : RefCounted {
    Ref<BodyCode> bodies[2];
};

// One run: where its operands and results lie.
struct Branch::Call {
    bool condition;
    const char* const* in;
    size_t inputs;
    char* const* out;
    RandomKey key;
    Stack* const* stacks;

    // By the one that is chosen of the memories for both.
    void run(const Code& code, BodyCode::Run (&runs)[2]) const {
        BodyCode::Run& body = runs[condition ? 0 : 1];
        body.stacks(condition ? stacks : stacks + code.bodies[0]->stacks());
        for (size_t i = 0; i < inputs; ++i) body.input(int(i), in[i]);
        for (int i = 0; i < code.bodies[0]->results(); ++i) body.output(i, out[i]);
        if (body.draws()) body.key(key_of_round(key, 0));
        body.run();
    }
};

Ref<Branch::Code> Branch::code() const {
    return code_.get([&]() -> Ref<RefCounted> {
        auto code = make_ref<Code>();
        for (int i = 0; i < 2; ++i) code->bodies[i] = make_ref<BodyCode>(*bodies_[i]);
        return code;
    });
}

std::vector<Tensor> Branch::run(Span<Tensor> given, int64_t draw) const {
    const Ref<Code> code = this->code();
    std::vector<Tensor> held, results;
    std::vector<const char*> in;
    std::vector<char*> out;
    for (const Tensor& t : given) held.push_back(contiguous(t));
    for (size_t i = size_t(first_operand()); i < held.size(); ++i) in.push_back(held[i].view().as<char>());
    for (const Meta& meta : outputs()) {
        results.push_back(Tensor::empty(meta));
        out.push_back(results.back().view().as<char>());
    }
    std::vector<Stack> inside(static_cast<size_t>(stacks()));
    std::vector<Stack*> inside_at;
    for (Stack& s : inside) inside_at.push_back(&s);
    RandomKey key;
    if (draws()) key = key_from(held[0].view().data, draw);
    BodyCode::Run runs[] = {BodyCode::Run(*code->bodies[0]), BodyCode::Run(*code->bodies[1])};
    const bool condition = *held[size_t(draws())].view().as<bool>();
    Call{condition, in.data(), in.size(), out.data(), key, inside_at.data()}.run(*code, runs);
    return results;
}

class BranchStep final : public Step {
public:
    BranchStep(Ref<Branch> branch, int64_t draw, RegionPlaces places)
        : branch_(std::move(branch)), code_(branch_->code()), draw_(draw), places_(std::move(places)) {
        work_ = std::max(code_->bodies[0]->work(), code_->bodies[1]->work());
        bytes_ = std::max(code_->bodies[0]->bytes(), code_->bodies[1]->bytes());
        plan_.take(std::max(code_->bodies[0]->arena_bytes(), code_->bodies[1]->arena_bytes()));  // one of them runs
        in_.emplace(places_.in, size_t(branch_->first_operand()), plan_);
        out_at_ = plan_.pointers(branch_->outputs().size());
        inside_at_ = plan_.pointers(size_t(branch_->stacks()));
    }

    int64_t work_bytes() const { return plan_.bytes(); }
    bool reads(int base) const override { return places_.reads(base); }

    void resolve(Resolver& resolver, Calls& calls) const override {
        class Resolved final : public ResolvedStep {
        public:
            Resolved(const BranchStep& step, Bases bases)
                : step_(step),
                  bases_(bases),
                  runs_{BodyCode::Run(*step.code_->bodies[0], step.places_.work.in(bases)),
                        BodyCode::Run(*step.code_->bodies[1], step.places_.work.in(bases))} {}
            void run() override { step_.run(bases_, runs_); }

        private:
            const BranchStep& step_;
            Bases bases_;
            BodyCode::Run runs_[2];
        };
        calls.add(std::make_unique<Resolved>(*this, resolver.bases()));
    }

    void run(Bases bases, BodyCode::Run (&runs)[2]) const {
        char* const work = places_.work.in(bases);
        const size_t first = size_t(branch_->first_operand());
        const char* const* const in = in_->find(places_.in, bases, work);
        char** const out = reinterpret_cast<char**>(work + out_at_);
        for (size_t o = 0; o < places_.out.size(); ++o) out[o] = places_.out[o].at.in(bases);
        Stack* const* const inside = find_stacks(places_.first_stack, branch_->stacks(), bases, work + inside_at_);
        RandomKey key;
        if (branch_->draws()) key = key_from(places_.in[0].at.in(bases), draw_);
        const bool condition = *places_.in[first - 1].at.in(bases) != 0;
        Branch::Call{condition, in, places_.in.size() - first, out, key, inside}.run(*code_, runs);
    }

    StepInfo info() const override {
        const std::string ops =
            "cond (" + code_->bodies[0]->steps_text() + " | " + code_->bodies[1]->steps_text() + ")";
        if (places_.out.empty()) return {ops, DType::boolean, {}, work_, bytes_};
        return {ops, places_.out[0].view.dtype, places_.out[0].view.shape, work_, bytes_};
    }

private:
    Ref<Branch> branch_;
    Ref<Branch::Code> code_;
    int64_t draw_;
    RegionPlaces places_;
    WorkPlan plan_;
    std::optional<ContiguousOperands> in_;
    int64_t out_at_ = 0, inside_at_ = 0;
};

int64_t Branch::work_bytes(Span<const View*> in) const {
    RegionPlaces places;
    for (const View* view : in) places.in.push_back({{}, *view});
    return BranchStep(Ref<Branch>(const_cast<Branch*>(this)), 0, std::move(places)).work_bytes();
}

int Branch::stacks() const {
    const Ref<Code> code = this->code();
    return code->bodies[0]->stacks() + code->bodies[1]->stacks();
}

std::unique_ptr<Step> Branch::step(int64_t draw, RegionPlaces places) const {
    return std::make_unique<BranchStep>(Ref<Branch>(const_cast<Branch*>(this)), draw, std::move(places));
}

std::string Branch::text(const std::string& indent) const {
    return indent + "if\n" + recorded_text(*bodies_[0], indent + "  ") + indent + "else\n" +
           recorded_text(*bodies_[1], indent + "  ");
}

}  // namespace fg
