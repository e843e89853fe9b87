// Draws: each op is its key, its parameters as single numbers, and a fill of core/random.hpp.
#include "ops/random.hpp"

#include <algorithm>

#include "core/pool.hpp"
#include "tape/batching.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

// Numbers of a mask that are worth a chunk: about 50 us. A multiple of 4.
constexpr int64_t chunk = 32 * 1024;

// in: key (2,), then parameters (). attrs: shape, dtype, draw.
Meta infer_draw(const Op&, const Attrs& a, Views) { return {a.dtype, false, a.shape}; }

RandomKey key_of(const Attrs& a, Views in) {
    const auto* key = in[0]->as<const int64_t>();
    return {uint64_t(key[0]), uint64_t(key[1]) + uint64_t(a.draw), 0};
}
double parameter(Views in, int i) { return *in[size_t(i)]->as<const double>(); }

int64_t run_uniform(const Op&, const Attrs& a, Views in, const View& out) {
    visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        fill_uniform<T>(key_of(a, in), parameter(in, 1), parameter(in, 2), out.size(), out.as<T>());
    });
    return -1;
}
int64_t run_normal(const Op&, const Attrs& a, Views in, const View& out) {
    visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        fill_normal<T>(key_of(a, in), parameter(in, 1), parameter(in, 2), out.size(), out.as<T>());
    });
    return -1;
}
int64_t run_bernoulli(const Op&, const Attrs& a, Views in, const View& out) {
    const int64_t n = out.size();
    parallel_for((n + chunk - 1) / chunk, [&](int64_t i) {
        const int64_t first = i * chunk;
        fill_bernoulli(key_of(a, in), parameter(in, 1), first, std::min(chunk, n - first), out.as<bool>() + first);
    });
    return -1;
}
int64_t run_integers(const Op&, const Attrs& a, Views in, const View& out) {
    fill_integers(key_of(a, in), *in[1]->as<const int64_t>(), *in[2]->as<const int64_t>(), out.size(),
                  out.as<int64_t>());
    return -1;
}

// Each example draws its own: one draw for all.
Tensor batch_draw(const Batching& b) {
    Attrs a = b.attrs();
    a.shape.insert(0, b.size());
    std::vector<Tensor> in;
    for (int i = 0; i < b.arity(); ++i) in.push_back(b.in(i));
    return apply(b.op(), in, a);
}

Op make(const char* name, const char* doc, int arity, decltype(Op::run) run) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = arity;
    op.infer = infer_draw;
    op.run = run;
    op.batch = batch_draw;
    return op;
}

const Op uniform_op = make("uniform", "Numbers drawn evenly from [low, high).", 3, run_uniform);
const Op normal_op = make("normal", "Normally distributed numbers.", 3, run_normal);
const Op bernoulli_op = make("bernoulli", "Truth values that are true with probability p.", 2, run_bernoulli);
const Op integers_op = make("integers", "Integers drawn evenly from low to last.", 3, run_integers);

Tensor draw(const Op& op, DType dtype, const Dims& shape, const DrawnFrom& from, std::vector<Tensor> parameters) {
    const Draws draws = from ? Draws{key_tensor(*from), 0} : Recording::take_draws(1);
    Attrs a;
    a.shape = shape;
    a.dtype = dtype;
    a.draw = draws.first;
    parameters.insert(parameters.begin(), draws.key);
    return apply(op, parameters, a);
}

Tensor number(double x) { return Tensor::full(DType::float64, {}, x); }

}  // namespace

Tensor uniform(DType dtype, const Dims& shape, double low, double high, const DrawnFrom& from) {
    return draw(uniform_op, dtype, shape, from, {number(low), number(high)});
}
Tensor normal(DType dtype, const Dims& shape, double mean, double deviation, const DrawnFrom& from) {
    return draw(normal_op, dtype, shape, from, {number(mean), number(deviation)});
}
Tensor bernoulli(const Dims& shape, double p, const DrawnFrom& from) {
    return draw(bernoulli_op, DType::boolean, shape, from, {number(p)});
}
Tensor integers(const Dims& shape, int64_t low, int64_t last, const DrawnFrom& from) {
    return draw(integers_op, DType::int64, shape, from, {Tensor::weak_integer(low), Tensor::weak_integer(last)});
}

void register_random_ops() {
    for (const Op* op : {&uniform_op, &normal_op, &bernoulli_op, &integers_op}) register_op(*op);
}

}  // namespace fg
