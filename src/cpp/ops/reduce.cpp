// Reductions: bringing the reduced axes together for the kernels, and spreading gradients back over them.
#include "ops/reduce.hpp"

#include <cmath>
#include <limits>

#include "core/pool.hpp"
#include "kernels/table.hpp"
#include "ops/batching.hpp"
#include "ops/elementwise.hpp"
#include "ops/folded.hpp"
#include "ops/shape.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

Meta infer_reduce(const Op&, const Attrs& a, Views in) {
    return {in[0]->dtype, in[0]->weak, reduced_shape(in[0]->shape, a)};
}

// max and logsumexp of nothing have no value.
Meta infer_nonempty(const Op& op, const Attrs& a, Views in) {
    for (int64_t axis : a.axes)
        if (in[0]->shape.at_end(int(-axis)) == 0)
            throw ValueError(say(op.name, ": axis ", axis, " of shape ", in[0]->shape, " is empty"));
    return infer_reduce(op, a, in);
}

// Numbers worth a chunk. From two on a second core wins where it still spins: logsumexp of 512 rows of 128 float32 went
// from 47 to 25 us; their sum, 6 us, gains little before 4096 rows of 256 (65 to 41 us).
constexpr int64_t chunk = 1 << 15;

// Columns that one thread reduces at least, of a table reduced along its rows: fewer read memory in too small pieces.
constexpr int64_t few_columns = 128;
constexpr int64_t together = 16;  // rows or columns: they are reduced a vector of them at a time

// kernel(numbers, outer, n, inner, row, x, out) on some of the outer positions at a time, or on some columns of a
// single one: they know nothing of one another.
template <class Kernel> int64_t run_floating(const Attrs& a, Views in, const View& out, Kernel kernel) {
    const Folded x(*in[0], a.axes);
    if (out.size() == 0) return -1;
    const bool by_columns = x.outer == 1 && x.inner >= 2 * few_columns;
    const int64_t all = by_columns ? x.inner : x.outer, each = by_columns ? x.n : x.n * x.inner;
    int64_t step = all;
    if (all * each >= 2 * chunk)
        step = std::max<int64_t>(chunk / std::max<int64_t>(each, 1), by_columns ? few_columns : 1);
    if (step > together && step < all) step = step / together * together;
    visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        const auto& table = kernels::numbers<T>(kernels::table());
        parallel_for((all + step - 1) / step, [&](int64_t i) {
            const int64_t start = i * step, count = std::min(step, all - start);
            const T* const from = static_cast<const T*>(x.data);
            if (by_columns) kernel(table, 1, x.n, count, x.inner, from + start, out.as<T>() + start);
            else kernel(table, count, x.n, x.inner, x.inner, from + start * each, out.as<T>() + start * x.inner);
        });
    });
    return -1;
}

template <class Combine>
int64_t run_integers(const Attrs& a, Views in, const View& out, int64_t start, Combine combine) {
    const Folded x(*in[0], a.axes);
    const auto* p = static_cast<const int64_t*>(x.data);
    for (int64_t o = 0; o < x.outer; ++o)
        for (int64_t i = 0; i < x.inner; ++i) {
            int64_t result = start;
            for (int64_t k = 0; k < x.n; ++k) result = combine(result, p[(o * x.n + k) * x.inner + i]);
            out.as<int64_t>()[o * x.inner + i] = result;
        }
    return -1;
}

int64_t run_sum(const Op&, const Attrs& a, Views in, const View& out) {
    if (out.dtype == DType::int64)
        return run_integers(a, in, out, 0, [](int64_t x, int64_t y) { return int64_t(uint64_t(x) + uint64_t(y)); });
    return run_floating(a, in, out, [](const auto& k, auto... of) { k.sum(of...); });
}
int64_t run_mean(const Op&, const Attrs& a, Views in, const View& out) {
    return run_floating(
        a, in, out, [](const auto& k, int64_t outer, int64_t n, int64_t inner, int64_t row, const auto* x, auto* y) {
            k.sum(outer, n, inner, row, x, y);
            for (int64_t i = 0; i < outer * inner; ++i) y[i] /= static_cast<std::decay_t<decltype(*y)>>(n);
        });
}
int64_t run_max(const Op&, const Attrs& a, Views in, const View& out) {
    if (out.dtype == DType::int64)
        return run_integers(a, in, out, std::numeric_limits<int64_t>::min(),
                            [](int64_t x, int64_t y) { return x > y ? x : y; });
    return run_floating(a, in, out, [](const auto& k, auto... of) { k.max(of...); });
}
int64_t run_logsumexp(const Op&, const Attrs& a, Views in, const View& out) {
    return run_floating(a, in, out, [](const auto& k, auto... of) { k.logsumexp(of...); });
}

// A reduction of numbers that lie as the kernels want them, by parts of the outer axes or, where there is one, by its
// columns.
template <class T> class PreparedReduction final : public Prepared {
public:
    using Kernel = void (*)(int64_t outer, int64_t n, int64_t inner, int64_t row, const T* x, T* out);

    PreparedReduction(Kernel kernel, const Folded& folded, bool averages)
        : kernel_(kernel), n_(folded.n), inner_(folded.inner), averages_(averages) {
        by_columns_ = folded.outer == 1 && inner_ >= 2 * few_columns && inner_ % few_columns == 0;
        row_size = by_columns_ ? few_columns / together : inner_;
        rows = folded.outer * inner_ / row_size;
        row_work = double(n_) * double(row_size);
        row_ns = row_work * 0.2;
        grain = together;
        aligned = !by_columns_;
    }
    int64_t run(const void* const* in, void* out, int64_t first, int64_t count, void*, const void*) const override {
        T* const to = static_cast<T*>(out);
        const T* const from = static_cast<const T*>(in[0]);
        if (by_columns_) kernel_(1, n_, count * row_size, inner_, from + first * row_size, to);
        else kernel_(count, n_, inner_, inner_, from + first * n_ * inner_, to);
        if (averages_)
            for (int64_t i = 0; i < count * row_size; ++i) to[i] /= T(n_);
        return -1;
    }
    int64_t work_bytes(int64_t) const override { return 0; }
    Whole whole() const override { return by_run(*this); }

private:
    Kernel kernel_;
    int64_t n_, inner_;
    bool averages_, by_columns_;
};

template <class Choose>
std::unique_ptr<Prepared> prepare_reduction(const Attrs& a, Views in, const View& out, bool averages, Choose choose) {
    if (!is_floating(out.dtype) || out.size() == 0) return nullptr;
    const Folded folded(*in[0], a.axes, false);
    if (!folded.as_it_lies) return nullptr;
    return visit_floating(out.dtype, [&](auto zero) -> std::unique_ptr<Prepared> {
        using T = decltype(zero);
        return std::make_unique<PreparedReduction<T>>(choose(kernels::numbers<T>(kernels::table())), folded, averages);
    });
}
std::unique_ptr<Prepared> prepare_sum(const Op&, const Attrs& a, Views in, const View& out) {
    return prepare_reduction(a, in, out, false, [](const auto& k) { return k.sum; });
}
std::unique_ptr<Prepared> prepare_mean(const Op&, const Attrs& a, Views in, const View& out) {
    return prepare_reduction(a, in, out, true, [](const auto& k) { return k.sum; });
}

// All of a column of numbers, as they come.
template <class T> class AccumulatedSum final : public Accumulated {
public:
    AccumulatedSum(int64_t n, bool averages) : averages_(averages), kernels_(kernels::numbers<T>(kernels::table())) {
        rows = n;
        row_bytes = int64_t(sizeof(T));
        grain = 64;
        block = kernels::sum_block;
        row_work = 1;
        row_ns = 0.2;
    }
    void add(const void* const* in, int64_t first, int64_t count, void* state) const override {
        kernels_.sum_add(first, count, static_cast<const T*>(in[0]) + first, state);
    }
    void finish(const void* state, void* out) const override {
        const T sum = kernels_.sum_join(rows, state);
        *static_cast<T*>(out) = averages_ ? sum / T(rows) : sum;
    }
    int64_t state_bytes() const override { return kernels_.sum_lanes_bytes(rows); }

private:
    bool averages_;
    const kernels::NumberKernels<T>& kernels_;
};

template <bool averages>
std::unique_ptr<Accumulated> accumulate_sum(const Op&, const Attrs&, Views in, const View& out) {
    const View& x = *in[0];
    if (!is_floating(out.dtype) || x.size() == 0 || out.size() != 1) return nullptr;
    if (x.shape.empty() || x.shape[0] != x.size() || !x.contiguous()) return nullptr;
    return visit_floating(out.dtype, [&](auto zero) -> std::unique_ptr<Accumulated> {
        return std::make_unique<AccumulatedSum<decltype(zero)>>(x.size(), averages);
    });
}

std::unique_ptr<Prepared> prepare_max(const Op&, const Attrs& a, Views in, const View& out) {
    return prepare_reduction(a, in, out, false, [](const auto& k) { return k.max; });
}
std::unique_ptr<Prepared> prepare_logsumexp(const Op&, const Attrs& a, Views in, const View& out) {
    return prepare_reduction(a, in, out, false, [](const auto& k) { return k.logsumexp; });
}

// A reduced value with its axes back, at size 1.
Tensor with_axes(const Pullback& p, const Tensor& reduced) {
    Dims shape = p.meta(0).shape;
    for (int64_t axis : p.attrs().axes) shape.at_end(int(-axis)) = 1;
    return reshape(reduced, shape);
}
Tensor spread(const Pullback& p, const Tensor& g) { return broadcast_to(with_axes(p, g), p.meta(0).shape); }

int64_t reduced_count(const Pullback& p) {
    int64_t n = 1;
    for (int64_t axis : p.attrs().axes) n *= p.meta(0).shape.at_end(int(-axis));
    return n;
}

Tensor vjp_sum(const Pullback& p, int) { return spread(p, p.grad()); }
Tensor vjp_mean(const Pullback& p, int) { return spread(p, p.grad() / Tensor(double(reduced_count(p)))); }

// Ties share the gradient evenly.
Tensor vjp_max(const Pullback& p, int) {
    const Tensor is_max = astype(p.in(0) == with_axes(p, p.out().detach()), p.grad().dtype());
    const Tensor ties = sum(is_max, p.attrs().axes, true);
    return is_max * (with_axes(p, p.grad()) / ties);
}

// softmax; a slice of nothing but -inf passes nothing.
Tensor vjp_logsumexp(const Pullback& p, int) {
    const Tensor y = with_axes(p, p.out());
    const Tensor lowest(-std::numeric_limits<double>::infinity());
    const Tensor level = select(y == lowest, Tensor(0.0), y);
    return with_axes(p, p.grad()) * call<kernels::Exp>(p.in(0) - level);
}

constexpr int uses_none[] = {kernels::nothing};
constexpr int uses_in_out[] = {kernels::in0 | kernels::out};

Op make(const char* name, const char* doc, decltype(Op::infer) infer, decltype(Op::run) run,
        decltype(Op::prepare) prepare, const int* uses, decltype(Op::vjp) vjp,
        decltype(Op::accumulate) accumulate = nullptr) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = 1;
    op.infer = infer;
    op.run = run;
    op.prepare = prepare;
    op.accumulate = accumulate;
    op.uses = uses;
    op.vjp = vjp;
    op.batch = batch_in_front;
    return op;
}

const Op sum_op =
    make("sum", "Sum over axes.", infer_reduce, run_sum, prepare_sum, uses_none, vjp_sum, accumulate_sum<false>);
const Op mean_op = make("mean", "Arithmetic mean over axes.", infer_nonempty, run_mean, prepare_mean, uses_none,
                        vjp_mean, accumulate_sum<true>);
const Op max_op = make("max", "Largest over axes; a NaN wins, ties share the gradient evenly.", infer_nonempty, run_max,
                       prepare_max, uses_in_out, vjp_max);
const Op logsumexp_op = make("logsumexp", "log(sum(exp(x))) over axes, without overflow.", infer_nonempty,
                             run_logsumexp, prepare_logsumexp, uses_in_out, vjp_logsumexp);

Tensor as_number(const Tensor& x) { return x.dtype() == DType::boolean ? astype(x, DType::int64) : x; }
Tensor as_real(const Tensor& x) { return is_floating(x.dtype()) ? x : astype(x, DType::float64); }

}  // namespace

Attrs reduction(const Tensor& x, const Dims& axes, bool keepdims, const char* op) {
    Attrs a;
    for (int64_t axis : axes) {
        const int64_t from_end = checked_axis(axis, x.ndim(), op) - x.ndim();
        if (a.axes.contains(from_end)) throw ValueError(say(op, ": axis ", axis, " is named twice in ", axes));
        a.axes.push_back(from_end);
    }
    std::sort(a.axes.begin(), a.axes.end());
    a.keepdims = keepdims;
    return a;
}
Dims reduced_shape(const Dims& from, const Attrs& a) {
    Dims shape;
    for (int i = 0; i < from.size(); ++i) {
        if (!a.axes.contains(i - from.size())) shape.push_back(from[i]);
        else if (a.keepdims) shape.push_back(1);
    }
    return shape;
}

Tensor sum(const Tensor& x, const Dims& axes, bool keepdims) {
    return apply(sum_op, {as_number(x)}, reduction(x, axes, keepdims, "sum"));
}
Tensor mean(const Tensor& x, const Dims& axes, bool keepdims) {
    return apply(mean_op, {as_real(x)}, reduction(x, axes, keepdims, "mean"));
}
Tensor max(const Tensor& x, const Dims& axes, bool keepdims) {
    return apply(max_op, {as_number(x)}, reduction(x, axes, keepdims, "max"));
}
Tensor min(const Tensor& x, const Dims& axes, bool keepdims) {
    if (is_floating(x.dtype())) return -max(-x, axes, keepdims);
    const Tensor minus_one = Tensor::weak_integer(-1);  // -1 - x, since the least integer has no negation
    return minus_one - max(minus_one - x, axes, keepdims);
}
Tensor logsumexp(const Tensor& x, const Dims& axes, bool keepdims) {
    return apply(logsumexp_op, {as_real(x)}, reduction(x, axes, keepdims, "logsumexp"));
}

// The reduced axes as one, halved until one number is left: no gradient ever divides by a factor.
Tensor prod(const Tensor& x, const Dims& axes, bool keepdims) {
    const Attrs a = reduction(x, axes, keepdims, "prod");
    const Dims result = reduced_shape(x.shape(), a);
    Dims order, sizes = {1, 1, 1};  // what stands before the reduced axes, they themselves, what stands behind
    bool together = true;
    for (int i = 0; i + 1 < a.axes.size(); ++i) together &= a.axes[i + 1] == a.axes[i] + 1;
    const int first = together && !a.axes.empty() ? x.ndim() + int(a.axes[0]) : x.ndim();
    for (int i = 0; i < x.ndim(); ++i)
        if (!a.axes.contains(i - x.ndim())) {
            order.push_back(i);
            sizes[i < first ? 0 : 2] *= x.shape()[i];
        }
    for (int64_t axis : a.axes) {
        order.push_back(axis + x.ndim());
        sizes[1] *= x.shape().at_end(int(-axis));
    }
    int64_t n = sizes[1];
    if (n == 0) return Tensor::full(as_number(x).dtype(), result, 1.0);
    if (sizes[2] == 1) sizes.erase(2);  // rows, which elementwise ops take as wholes
    const Tensor numbers = as_number(x);
    Tensor left = reshape(together ? numbers : transpose(numbers, order), sizes), odd;
    const int ndim = sizes.size();
    const auto part = [&](int64_t start, int64_t length) {
        Dims starts = Dims::filled(ndim, 0), lengths = sizes;
        starts[1] = start;
        lengths[1] = length;
        return slice(left, starts, Dims::filled(ndim, 1), lengths);
    };
    for (; n > 1; n /= 2) {
        if (n % 2) odd = odd ? odd * part(n - 1, 1) : part(n - 1, 1);
        left = part(0, n / 2) * part(n / 2, n / 2);
    }
    return reshape(odd ? left * odd : left, result);
}

Dims all_axes(const Tensor& x) {
    Dims axes;
    for (int i = 0; i < x.ndim(); ++i) axes.push_back(i);
    return axes;
}

void register_reduce_ops() {
    for (const Op* op : {&sum_op, &mean_op, &max_op, &logsumexp_op}) register_op(*op);
}

}  // namespace fg
