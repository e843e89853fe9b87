// Loops and branches for a batch of examples: one loop, one branch, of bodies that work on all of them.
#include "tape/apply.hpp"
#include "tape/batching.hpp"
#include "tape/branch.hpp"
#include "tape/loop.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

Tensor use(const char* name, Span<Tensor> in, const Attrs& attrs = {}) { return apply(find_op(name), in, attrs); }
Tensor as(const Tensor& t, DType dtype) {
    Attrs a;
    a.dtype = dtype;
    return use("astype", {&t, 1}, a);
}
Tensor largest(const Tensor& t) {
    Attrs a;
    a.axes = {-1};
    return use("max", {&t, 1}, a);
}

// The value of each example: repeated where it is one and the same.
Tensor of_each(const BatchedValue& v, int64_t size) {
    if (v.batched) return v.value;
    Attrs a;
    a.shape = v.value.shape();
    a.shape.insert(0, size);
    a.ndim = v.value.ndim();
    return use("broadcast_to", {&v.value, 1}, a);
}

Tensor with_first_axes_swapped(const Tensor& t) {
    Attrs a;
    for (int i = 0; i < t.ndim(); ++i) a.axes.push_back((i < 2 ? 1 - i : i) - t.ndim());
    return use("transpose", {&t, 1}, a);
}

// Of each example one of two values, as a truth value of its own says.
Tensor choose(const Tensor& mask, const Tensor& a, const Tensor& b) {
    Attrs to;
    to.shape = Dims::filled(a.ndim(), 1);
    to.shape[0] = mask.size();
    to.ndim = 1;
    const Tensor in[] = {a.ndim() == 1 ? mask : use("reshape", {&mask, 1}, to), a, b};
    return use("where", in);
}

Tensor integer(int64_t n) {
    Tensor t = Tensor::empty(DType::int64, {});
    *t.view().as<int64_t>() = n;
    return t;
}

Meta for_batch(Meta meta, bool batched, int64_t size) {
    if (batched) meta.shape.insert(0, size);
    return meta;
}

std::vector<BatchedValue> marked(Span<Tensor> values, const std::vector<bool>& batched) {
    std::vector<BatchedValue> out;
    for (int i = 0; i < values.size(); ++i) out.push_back({values[size_t(i)], batched[size_t(i)]});
    return out;
}

template <class F> Recording record_batched(Span<Meta> metas, F f) {
    const GradMode on(true);
    const PassesGradients as_recorded(false);
    Recording recording = record_body(metas, f);
    recording.set_constants();
    return recording;
}

}  // namespace

// Examples whose condition no longer holds keep their carries while others go on: each has a number of rounds of its
// own. A loop back over them does likewise.
std::vector<BatchedValue> Loop::batched(Span<BatchedValue> in, int64_t draw, int64_t size) const {
    const int first = first_carry(), carries = parts_.carries, count = int(parts_.body->inputs().size());
    const bool conditional = parts_.length == Length::conditional;
    std::vector<bool> flags, of_ys(size_t(ys()), false);
    for (int i = 0; i < count; ++i) flags.push_back(in[size_t(first + i)].batched);
    bool apart = false;  // each example has a number of rounds of its own
    Tensor counts;
    if (parts_.length == Length::counted) {
        const BatchedValue& length = in[size_t(draws())];
        // Else it is that of a stack.
        if (length.batched && length.value.ndim() == 1) counts = length.value;
    }
    const auto go_apart = [&] {
        apart = true;
        std::fill(flags.begin(), flags.begin() + carries, true);
    };
    const auto of_condition = [&](const auto& all) {
        auto some = all;
        some.erase(some.begin() + carries, some.begin() + carries + parts_.xs);
        return some;
    };
    const auto holds = [&](const std::vector<Tensor>& values) {
        return replay_batched(*parts_.condition, marked(of_condition(values), of_condition(flags)), size)[0];
    };

    // Whether any of them goes on. Where that differs, there is a carry more.
    const auto record_condition = [&](bool& differs) {
        std::vector<Meta> all, metas;
        for (int i = 0; i < count; ++i) all.push_back(for_batch(body_input(i), flags[size_t(i)], size));
        metas = of_condition(all);
        const bool extra = differs;
        if (extra) metas.insert(metas.begin() + carries, {DType::int64, false, {size}});
        return record_batched(metas, [&](std::vector<Tensor> given) {
            if (extra) given.erase(given.begin() + carries);
            const BatchedValue v = replay_batched(*parts_.condition, marked(given, of_condition(flags)), size)[0];
            differs |= v.batched;
            return std::vector<Tensor>{v.batched ? as(largest(as(v.value, DType::int64)), DType::boolean) : v.value};
        });
    };

    LoopParts parts = parts_;
    if (counts) go_apart();
    for (bool more = true; more;) {
        if (conditional) {
            bool differs = apart;
            Recording condition = record_condition(differs);
            if (differs && condition.draws())
                throw TypeError("vmap: a while_loop whose condition draws random numbers has no rule for a batch");
            if (differs && !apart) {
                go_apart();
                condition = record_condition(differs);
            }
            parts.condition = std::make_shared<const Recording>(std::move(condition));
        }
        std::vector<Meta> metas;
        for (int i = 0; i < count; ++i) metas.push_back(for_batch(body_input(i), flags[size_t(i)], size));
        // Behind the carries the number of rounds of each example, or the round; behind the constants what tells which
        // examples take part in it.
        const int place = carries;
        if (apart) metas.insert(metas.begin() + place, {DType::int64, false, conditional ? Dims{size} : Dims{}});
        if (apart && !conditional) {
            metas.push_back({DType::int64, false, {size}});
            metas.push_back({DType::int64, false, {}});
        }
        more = false;
        Recording body = record_batched(metas, [&](const std::vector<Tensor>& given) {
            std::vector<Tensor> values = given;
            Tensor extra, takes_part;
            if (apart) {
                extra = values[size_t(place)];
                values.erase(values.begin() + place);
            }
            if (apart && !conditional) {
                const Tensor round_and_last[] = {values.back(), extra}, ones[] = {extra, integer(1)};
                const Tensor reversed[] = {use("subtract", round_and_last), integer(1)};
                const Tensor row[] = {parts_.reverse ? use("subtract", reversed) : extra, values[values.size() - 2]};
                takes_part = use("less", row);
                extra = use("add", ones);
                values.resize(values.size() - 2);
            } else if (apart) {
                takes_part = of_each(holds(values), size);
                const Tensor sum[] = {extra, as(takes_part, DType::int64)};
                extra = use("add", sum);
            }
            const std::vector<BatchedValue> results = replay_batched(*parts_.body, marked(values, flags), size);
            std::vector<Tensor> out;
            for (int c = 0; c < carries; ++c) {
                const BatchedValue& v = results[size_t(c)];
                more |= v.batched && !flags[size_t(c)];
                Tensor next = flags[size_t(c)] ? of_each(v, size) : v.value;
                out.push_back(apart ? choose(takes_part, next, values[size_t(c)]) : next);
            }
            if (apart) out.push_back(extra);
            for (int y = 0; y < ys(); ++y) {
                of_ys[size_t(y)] = results[size_t(carries + y)].batched;
                out.push_back(results[size_t(carries + y)].value);
            }
            for (int c = 0; c < carries; ++c)
                if (results[size_t(c)].batched) flags[size_t(c)] = true;
            return out;
        });
        parts.body = std::make_shared<const Recording>(std::move(body));
    }
    if (apart) {
        ++parts.carries;
        parts.stack_of.push_back(-1);
    }

    std::vector<Tensor> operands;
    if (draws()) operands.push_back(in[0].value);
    if (parts_.length == Length::counted) operands.push_back(apart ? largest(counts) : in[size_t(draws())].value);
    const Tensor length = operands.empty() ? Tensor() : operands.back();
    for (int i = 0; i < count; ++i) {
        const BatchedValue& v = in[size_t(first + i)];
        const bool is_x = i >= carries && i < carries + parts_.xs;
        if (apart && i == carries) operands.push_back(Tensor::zeros(DType::int64, conditional ? Dims{size} : Dims{}));
        if (i < carries) operands.push_back(flags[size_t(i)] ? of_each(v, size) : v.value);
        else
            operands.push_back(is_x && v.batched && parts_.length == Length::fixed ? with_first_axes_swapped(v.value)
                                                                                   : v.value);
    }
    if (apart && count == carries) operands.push_back(Tensor::zeros(DType::int64, conditional ? Dims{size} : Dims{}));
    if (apart && !conditional) {
        operands.push_back(counts);
        operands.push_back(length);
    }
    const auto loop = make_ref<Loop>(std::move(parts));
    const std::vector<Tensor> results = apply_region(loop, operands, draw);
    std::vector<BatchedValue> out;
    for (int c = 0; c < carries; ++c) out.push_back({results[size_t(c)], flags[size_t(c)]});
    if (conditional) out.push_back({results[size_t(carries)], apart});
    for (int y = 0; y < ys(); ++y) {
        Tensor rows = results[size_t(loop->first_y() + y)];
        if (of_ys[size_t(y)] && parts_.length == Length::fixed) rows = with_first_axes_swapped(rows);
        out.push_back({rows, of_ys[size_t(y)]});
    }
    return out;
}

std::vector<BatchedValue> Branch::batched(Span<BatchedValue> in, int64_t draw, int64_t size) const {
    const size_t first = size_t(first_operand()), count = bodies_[0]->inputs().size();
    std::vector<bool> flags, of_outputs(outputs().size(), false);
    std::vector<Meta> metas;
    std::vector<Tensor> operands;
    for (size_t i = 0; i < count; ++i) {
        const BatchedValue& v = in[first + i];
        flags.push_back(v.batched);
        metas.push_back(for_batch(bodies_[0]->values()[size_t(bodies_[0]->inputs()[i])].meta, v.batched, size));
        operands.push_back(v.value);
    }
    const BatchedValue& condition = in[first - 1];
    const auto body = [&](const Recording& recording, bool shall_be) {
        return record_batched(metas, [&](const std::vector<Tensor>& given) {
            std::vector<Tensor> out;
            const auto results = replay_batched(recording, marked(given, flags), size);
            for (size_t o = 0; o < results.size(); ++o) {
                if (!shall_be) of_outputs[o] = of_outputs[o] || results[o].batched;
                out.push_back(of_outputs[o] || condition.batched ? of_each(results[o], size) : results[o].value);
            }
            return out;
        });
    };
    body(*bodies_[0], false);
    body(*bodies_[1], false);
    const auto if_true = std::make_shared<const Recording>(body(*bodies_[0], true));
    const auto if_false = std::make_shared<const Recording>(body(*bodies_[1], true));
    const auto applied = [&](const Body& a, const Body& b, const Tensor& chosen) {
        const auto branch = make_ref<Branch>(a, b);
        std::vector<Tensor> all = operands;
        all.insert(all.begin(), chosen);
        if (branch->draws()) all.insert(all.begin(), in[0].value);
        return apply_region(branch, all, draw);
    };
    std::vector<BatchedValue> out;
    if (!condition.batched) {
        for (const Tensor& t : applied(if_true, if_false, condition.value)) out.push_back({t, of_outputs[out.size()]});
        return out;
    }
    // Both, and of each example one of them.
    const Tensor yes = Tensor::full(DType::boolean, {}, 1);
    const std::vector<Tensor> a = applied(if_true, if_true, yes), b = applied(if_false, if_false, yes);
    for (size_t o = 0; o < a.size(); ++o) out.push_back({choose(condition.value, a[o], b[o]), true});
    return out;
}

}  // namespace fg
