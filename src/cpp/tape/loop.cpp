// What a loop is, what of it is needed, and its gradient: another loop, from the last round to the first.
#include "tape/loop.hpp"

#include "tape/apply.hpp"
#include "tape/backward.hpp"
#include "tape/explain.hpp"
#include "tape/node.hpp"

namespace fg {
namespace {

const Op scan_op = region_op("scan", "A function used on one row after the other, with values carried along.");
const Op while_op = region_op("while_loop", "A function used again and again while a condition holds.");

const Meta& output_meta(const Recording& r, int i) { return r.values()[size_t(r.outputs()[size_t(i)])].meta; }

Meta stacked(Meta row, int64_t length) {
    row.shape.insert(0, length);
    row.weak = false;
    return row;
}

std::vector<Meta> outputs_of(const LoopParts& parts) {
    std::vector<Meta> outputs;
    const int count = int(parts.body->outputs().size());
    for (int i = 0; i < parts.carries; ++i) {
        outputs.push_back(output_meta(*parts.body, i));
        outputs.back().weak = false;
    }
    if (parts.length == Length::conditional) outputs.push_back({DType::int64, false, {}});
    const int64_t length = parts.length == Length::fixed ? parts.rounds : unknown_length;
    for (int i = parts.carries; i < count; ++i) outputs.push_back(stacked(output_meta(*parts.body, i), length));
    return outputs;
}

}  // namespace

Loop::Loop(LoopParts parts) : Region(outputs_of(parts)), parts_(std::move(parts)) {
    parts_.stack_of.resize(size_t(parts_.carries), -1);
}

const Op& Loop::op() const { return parts_.length == Length::conditional ? while_op : scan_op; }

bool Loop::draws() const { return parts_.body->key() >= 0 || (parts_.condition && parts_.condition->key() >= 0); }

// --- what a gradient needs

Ref<Region> Loop::for_gradient() const {
    return for_gradient_.get([&]() -> Ref<Region> {
        const Recording& body = *parts_.body;
        const std::vector<bool> needed = body.inputs_for_gradients();
        LoopParts with = parts_;
        std::vector<int> outputs = body.outputs();
        for (int c = 0; c < parts_.carries; ++c) {
            if (!needed[size_t(c)] || parts_.stack_of[size_t(c)] >= 0) continue;
            with.stack_of[size_t(c)] = int(outputs.size()) - parts_.carries;
            outputs.push_back(body.inputs()[size_t(c)]);
        }
        with.body =
            std::make_shared<const Recording>(body.restricted(std::vector<bool>(body.inputs().size(), true), outputs));
        return make_ref<Loop>(std::move(with));
    });
}

bool Loop::keeps_input(int i) const { return i < first_carry() || i >= first_x(); }

bool Loop::keeps_output(int i) const {
    if (parts_.length == Length::conditional && i == parts_.carries) return true;
    const auto& stacks = parts_.stack_of;
    return i >= first_y() && std::find(stacks.begin(), stacks.end(), i - first_y()) != stacks.end();
}

// Of the body's inputs, which change with the chosen inputs of the loop.
std::vector<bool> Loop::active_inputs(const std::vector<bool>& inputs) const {
    std::vector<bool> active(inputs.begin() + first_carry(), inputs.end());
    for (bool more = true; more;) {
        more = false;
        const std::vector<bool> reached = parts_.body->reached_from(active);
        for (size_t c = 0; c < size_t(parts_.carries); ++c) {
            more |= reached[c] && !active[c];
            active[c] = active[c] || reached[c];
        }
    }
    return active;
}

std::vector<bool> Loop::reached_from(const std::vector<bool>& inputs) const {
    const std::vector<bool> active = active_inputs(inputs);
    std::vector<bool> reached = parts_.body->reached_from(active);
    for (size_t c = 0; c < size_t(parts_.carries); ++c) reached[c] = active[c] && is_floating(outputs()[c].dtype);
    if (parts_.length == Length::conditional) reached.insert(reached.begin() + parts_.carries, false);
    return reached;
}

// The loop that goes back. Its carries are the gradients of carries and sums for constants, its xs what the rounds
// began with and the gradients of the ys, its ys the gradients of the xs.
struct Loop::Reverse {
    enum class Source { input, output, gradient, zeros };
    struct In {
        Source source;
        int place;  // of the forward loop's inputs or outputs
        Meta meta;
    };
    Ref<Region> region;  // null: nothing flows
    std::vector<In> in;
    std::vector<int> out;  // the input of the forward loop whose gradient an output is; -1: nobody's
};

std::vector<Tensor> Loop::vjp(const Node& node, Span<Tensor> grads, const std::vector<bool>& wanted) const {
    std::vector<bool> given;
    for (const Tensor& g : grads) given.push_back(bool(g));
    const auto back = reverses_.get(given, wanted, [&] { return make_reverse(given, wanted); });
    std::vector<Tensor> result(wanted.size());
    if (!back->region) return result;
    std::vector<Tensor> in;
    for (const Reverse::In& i : back->in) switch (i.source) {
            case Reverse::Source::input: in.push_back(node.saved_input(i.place)); break;
            case Reverse::Source::output: in.push_back(node.saved_output(i.place)); break;
            case Reverse::Source::gradient: in.push_back(grads[size_t(i.place)]); break;
            case Reverse::Source::zeros: in.push_back(Tensor::zeros(i.meta.dtype, i.meta.shape)); break;
        }
    const std::vector<Tensor> flows = apply_region(back->region, in, node.attrs().draw);
    for (size_t o = 0; o < back->out.size(); ++o)
        if (back->out[o] >= 0) result[size_t(back->out[o])] = flows[o];
    return result;
}

// Of the carries that change with what is wanted, those whose changes reach a gradient that is given: at the end, in a
// row of the ys that are made, or by way of each other.
std::vector<bool> Loop::carries_that_count(const std::vector<bool>& given, const std::vector<bool>& active,
                                           const std::vector<int>& made) const {
    const size_t carries = size_t(parts_.carries);
    std::vector<std::vector<bool>> reached(carries);
    std::vector<bool> counts(carries, false);
    for (size_t c = 0; c < carries; ++c) {
        if (!active[c]) continue;
        counts[c] = given[c];
        std::vector<bool> alone(parts_.body->inputs().size(), false);
        alone[c] = true;
        reached[c] = parts_.body->reached_from(alone);
        for (int y : made) counts[c] = counts[c] || reached[c][carries + size_t(y)];
    }
    for (bool more = true; more;) {
        more = false;
        for (size_t c = 0; c < carries; ++c)
            for (size_t next = 0; next < carries && active[c] && !counts[c]; ++next)
                if (counts[next] && reached[c][next]) more = counts[c] = true;
    }
    return counts;
}

std::shared_ptr<const Loop::Reverse> Loop::make_reverse(const std::vector<bool>& given,
                                                        const std::vector<bool>& wanted) const {
    using Source = Reverse::Source;
    const Recording& body = *parts_.body;
    const int carries = parts_.carries, xs = parts_.xs, count = int(body.inputs().size());
    const std::vector<bool> active = active_inputs(wanted), reached = body.reached_from(active);
    const auto is_wanted = [&](int i) { return bool(wanted[size_t(first_carry() + i)]); };  // an input of the body

    Reverse back;
    std::vector<Meta> metas;
    const auto add = [&](Source source, int place, const Meta& meta, bool row) {
        metas.push_back(meta);
        back.in.push_back({source, place, row ? stacked(meta, unknown_length) : meta});
    };
    const auto plain = [](Meta meta) {
        meta.weak = false;
        return meta;
    };
    if (draws()) back.in.push_back({Source::input, 0, {}});
    if (parts_.length == Length::conditional) back.in.push_back({Source::output, carries, {}});
    if (parts_.length == Length::counted) back.in.push_back({Source::input, int(draws()), {}});
    const int leading = int(back.in.size());

    std::vector<int> flowing, summed, stacked_in, made;  // carries, constants and xs with gradients; ys that give them
    for (int y = 0; y < ys(); ++y)
        if (given[size_t(first_y() + y)] && reached[size_t(carries + y)]) made.push_back(y);
    const std::vector<bool> counts = carries_that_count(given, active, made);
    for (int c = 0; c < carries; ++c)
        if (counts[size_t(c)]) flowing.push_back(c);
    if (flowing.empty() && made.empty()) return std::make_shared<const Reverse>();
    for (int k = carries + xs; k < count; ++k)
        if (is_wanted(k)) summed.push_back(k);
    for (int x = carries; x < carries + xs; ++x)
        if (is_wanted(x)) stacked_in.push_back(x);

    for (int c : flowing) add(given[size_t(c)] ? Source::gradient : Source::zeros, c, plain(body_input(c)), false);
    for (int k : summed) add(Source::zeros, 0, plain(body_input(k)), false);
    const int forward = int(metas.size());
    for (int c = 0; c < carries; ++c) {
        const int y = parts_.stack_of[size_t(c)];
        add(Source::output, y < 0 ? -1 : first_y() + y, body_input(c), true);
    }
    for (int x = 0; x < xs; ++x) add(Source::input, first_x() + x, body_input(carries + x), true);
    const int from_ys = int(metas.size());
    for (int y : made) add(Source::gradient, first_y() + y, plain(output_meta(body, carries + y)), true);
    for (int k = carries + xs; k < count; ++k) add(Source::input, first_carry() + k, body_input(k), false);

    const GradMode off(false);
    const PassesGradients later;  // the loop that goes back may be differentiated in its turn
    std::vector<bool> flows_to(size_t(count), false);
    Recording recording = record_body(metas, [&](const std::vector<Tensor>& in) {
        std::vector<Tensor> variables(in.begin() + forward, in.begin() + from_ys);
        variables.insert(variables.end(), in.end() - constants(), in.end());
        std::vector<Tensor> seeds(in.begin(), in.begin() + int64_t(flowing.size()));
        seeds.insert(seeds.end(), in.begin() + from_ys, in.begin() + from_ys + int64_t(made.size()));
        std::vector<int> ends = flowing;
        for (int y : made) ends.push_back(carries + y);
        std::vector<int> order = flowing;
        order.insert(order.end(), summed.begin(), summed.end());
        order.insert(order.end(), stacked_in.begin(), stacked_in.end());
        std::vector<Tensor> flows = flows_through_body(body, variables, order, ends, seeds);
        for (size_t i = 0; i < order.size(); ++i) {
            const Tensor& like = variables[size_t(order[i])];
            flows_to[size_t(order[i])] = bool(flows[i]);
            const bool is_sum = i >= flowing.size() && i < flowing.size() + summed.size();
            if (is_sum) flows[i] = flows[i] ? add_up(in[i], flows[i]) : in[i];
            else if (!flows[i]) flows[i] = Tensor::zeros(like.dtype(), like.shape());
        }
        return flows;
    });
    recording.set_constants();

    LoopParts parts;
    parts.length = parts_.length == Length::fixed ? Length::fixed : Length::counted;
    parts.rounds = parts_.rounds;
    parts.reverse = !parts_.reverse;
    parts.draws_reversed = !parts_.draws_reversed;
    parts.carries = int(flowing.size() + summed.size());
    parts.xs = carries + xs + int(made.size());
    parts.body = std::make_shared<const Recording>(std::move(recording));
    const auto loop = make_ref<Loop>(std::move(parts));
    if (loop->first_carry() < leading)
        back.in.erase(back.in.begin());  // what is drawn makes no difference to the gradient

    // What flows to a carry that starts with nothing, or to a constant that nothing reaches, is of no use.
    std::vector<int> out;
    std::vector<bool> live;
    const auto add_out = [&](int i, bool useful) {
        out.push_back(first_carry() + i);
        live.push_back(useful);
    };
    for (int c : flowing) add_out(c, is_wanted(c));
    for (int k : summed) add_out(k, flows_to[size_t(k)]);
    for (int x : stacked_in) add_out(x, flows_to[size_t(x)]);
    if (std::find(live.begin(), live.end(), true) == live.end()) return std::make_shared<const Reverse>();
    const Reduced less = loop->reduced(live);
    Reverse reverse;
    reverse.region = less.region;
    for (int i : less.inputs) {
        reverse.in.push_back(back.in[size_t(i)]);
        if (reverse.in.back().source == Source::output && reverse.in.back().place < 0)
            throw std::logic_error("the gradient of a loop reads a carry that was not kept");
    }
    for (int o : less.outputs) reverse.out.push_back(live[size_t(o)] ? out[size_t(o)] : -1);
    return std::make_shared<const Reverse>(std::move(reverse));
}

// --- fewer outputs

Region::Reduced Loop::reduced(const std::vector<bool>& live) const {
    const Recording& body = *parts_.body;
    const int carries = parts_.carries, count = int(body.inputs().size());
    std::vector<bool> needed(live.begin(), live.begin() + carries), read(size_t(count), false);
    if (parts_.condition) {
        const std::vector<bool> decides = parts_.condition->read_inputs();
        for (int c = 0; c < carries; ++c) needed[size_t(c)] = needed[size_t(c)] || decides[size_t(c)];
    }
    std::vector<int> outputs;
    Recording less(true);
    for (bool more = true; more;) {
        outputs.clear();
        for (int c = 0; c < carries; ++c)
            if (needed[size_t(c)]) outputs.push_back(body.outputs()[size_t(c)]);
        for (int y = 0; y < ys(); ++y)
            if (live[size_t(first_y() + y)]) outputs.push_back(body.outputs()[size_t(carries + y)]);
        less = body.restricted(std::vector<bool>(size_t(count), true), outputs);
        read = less.read_inputs();
        more = false;
        for (int c = 0; c < carries; ++c) {
            more |= read[size_t(c)] && !needed[size_t(c)];
            needed[size_t(c)] = needed[size_t(c)] || read[size_t(c)];
        }
    }
    std::vector<bool> kept = read;
    for (int c = 0; c < carries; ++c) kept[size_t(c)] = needed[size_t(c)];
    if (parts_.condition) {
        const std::vector<bool> decides = parts_.condition->read_inputs();
        for (int k = carries + parts_.xs; k < count; ++k)
            kept[size_t(k)] = kept[size_t(k)] || decides[size_t(k - parts_.xs)];
    }
    if (std::find(kept.begin(), kept.end(), false) == kept.end() && outputs.size() == body.outputs().size())
        return whole();

    Reduced result;
    LoopParts parts = parts_;
    parts.carries = parts.xs = 0;
    parts.stack_of.clear();
    std::vector<int> new_y(size_t(ys()), -1);
    for (int y = 0, n = 0; y < ys(); ++y)
        if (live[size_t(first_y() + y)]) new_y[size_t(y)] = n++;
    for (int i = 0; i < first_carry(); ++i) result.inputs.push_back(i);
    for (int i = 0; i < count; ++i) {
        if (!kept[size_t(i)]) continue;
        result.inputs.push_back(first_carry() + i);
        if (i < carries) {
            ++parts.carries;
            const int y = parts_.stack_of[size_t(i)];
            parts.stack_of.push_back(y < 0 ? -1 : new_y[size_t(y)]);
            result.outputs.push_back(i);
        } else if (i < carries + parts_.xs) {
            ++parts.xs;
        }
    }
    if (parts_.length == Length::conditional) result.outputs.push_back(carries);
    for (int y = 0; y < ys(); ++y)
        if (live[size_t(first_y() + y)]) result.outputs.push_back(first_y() + y);
    if (parts_.condition) {
        std::vector<bool> of_condition(kept.begin(), kept.begin() + carries);
        of_condition.insert(of_condition.end(), kept.begin() + carries + parts_.xs, kept.end());
        parts.condition =
            std::make_shared<const Recording>(parts_.condition->restricted(of_condition, parts_.condition->outputs()));
    }
    parts.body = std::make_shared<const Recording>(less.restricted(kept, less.outputs()));
    result.region = make_ref<Loop>(std::move(parts));
    return result;
}

Region::Reduced Loop::whole() const {
    Reduced same{Ref<Region>(const_cast<Loop*>(this)), {}, {}};
    for (int i = 0; i < first_constant() + constants(); ++i) same.inputs.push_back(i);
    for (size_t o = 0; o < outputs().size(); ++o) same.outputs.push_back(int(o));
    return same;
}

std::string Loop::text(const std::string& indent) const {
    std::string text;
    if (parts_.condition) text += indent + "while\n" + recorded_text(*parts_.condition, indent + "  ");
    const char* const heading = parts_.reverse ? "each, from the last\n" : "each\n";
    return text + indent + (parts_.condition ? "do\n" : heading) + recorded_text(*parts_.body, indent + "  ");
}

Tensor add_stacks(const Tensor& a, const Tensor& b) {
    Meta row = a.meta();
    row.shape.erase(0);
    LoopParts parts;
    parts.length = Length::counted;
    parts.xs = 2;
    const Meta rows[] = {row, row};
    parts.body = std::make_shared<const Recording>(
        record_body(rows, [](const std::vector<Tensor>& in) { return std::vector<Tensor>{add_up(in[0], in[1])}; }));
    const Tensor in[] = {a, a, b};
    return apply_region(make_ref<Loop>(std::move(parts)), in)[0];
}

}  // namespace fg
