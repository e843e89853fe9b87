// Reductions to truth values and counts, which stop where the answer is known. NaN is not zero.
#include "ops/truth.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/vec.hpp"
#include "ops/batching.hpp"
#include "ops/folded.hpp"
#include "ops/reduce.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

constexpr int64_t block = 512;  // numbers looked at before it is asked whether to go on

// Whether there is a number that is zero, or one that is not.
template <bool zero, class T> bool has(const T* x, int64_t n) {
    int64_t i = 0;
    if constexpr (std::is_floating_point_v<T>) {
        using kernels::Mask;
        using V = kernels::Vec<T>;
        constexpr int lanes = 4;  // vectors at a time
        for (; i + block <= n; i += block) {
            Mask<T> found[lanes] = {};
            for (int64_t k = i; k < i + block; k += lanes * V::size)
                for (int l = 0; l < lanes; ++l) {
                    const V v = V::load(x + k + l * V::size);
                    found[l] = found[l] | (zero ? v == V(T(0)) : v != V(T(0)));
                }
            const Mask<T> any = (found[0] | found[1]) | (found[2] | found[3]);
            typename Mask<T>::bits none{};
            if (std::memcmp(&any.b, &none, sizeof none) != 0) return true;
        }
    }
    for (; i < n; ++i)
        if ((x[i] == T(0)) == zero) return true;
    return false;
}
template <bool zero> bool has(const uint8_t* x, int64_t n) { return n && std::memchr(x, zero ? 0 : 1, size_t(n)); }

template <class T> int64_t count(const T* x, int64_t n) {
    int64_t total = 0;
    for (int64_t k = 0; k < n; ++k) total += x[k] != T(0);
    return total;
}
int64_t count(const uint8_t* x, int64_t n) {
    int64_t total = 0;
    for (int64_t i = 0; i < n; i += 128) {  // as many as a byte counts
        uint8_t some = 0;
        for (int64_t k = i; k < std::min(n, i + 128); ++k) some = uint8_t(some + x[k]);
        total += some;
    }
    return total;
}

// line(x, n) of each line of numbers, or first and join(value, x) of columns side by side.
template <class R, class Line, class Join>
int64_t run_lines(const Attrs& a, Views in, const View& out, R first, Line line, Join join) {
    const Folded folded(*in[0], a.axes);
    visit(in[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* x = static_cast<const T*>(folded.data);
        R* const to = out.as<R>();
        for (int64_t o = 0; o < folded.outer; ++o, x += folded.n * folded.inner) {
            R* const here = to + o * folded.inner;
            if (folded.inner == 1) {
                *here = R(line(x, folded.n));
                continue;
            }
            std::fill_n(here, folded.inner, first);
            for (int64_t k = 0; k < folded.n; ++k)
                for (int64_t i = 0; i < folded.inner; ++i) here[i] = join(here[i], x[k * folded.inner + i]);
        }
    });
    return -1;
}

int64_t run_any(const Op&, const Attrs& a, Views in, const View& out) {
    return run_lines<uint8_t>(
        a, in, out, 0, [](const auto* x, int64_t n) { return has<false>(x, n); },
        [](uint8_t so_far, auto x) { return uint8_t(so_far | (x != 0)); });
}
int64_t run_all(const Op&, const Attrs& a, Views in, const View& out) {
    return run_lines<uint8_t>(
        a, in, out, 1, [](const auto* x, int64_t n) { return !has<true>(x, n); },
        [](uint8_t so_far, auto x) { return uint8_t(so_far & (x != 0)); });
}
int64_t run_count(const Op&, const Attrs& a, Views in, const View& out) {
    return run_lines<int64_t>(
        a, in, out, 0, [](const auto* x, int64_t n) { return count(x, n); },
        [](int64_t so_far, auto x) { return so_far + (x != 0); });
}

template <DType dtype> Meta infer(const Op&, const Attrs& a, Views in) {
    return {dtype, false, reduced_shape(in[0]->shape, a)};
}

Op make(const char* name, const char* doc, decltype(Op::infer) infer, decltype(Op::run) run) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = 1;
    op.infer = infer;
    op.run = run;
    op.batch = batch_in_front;
    return op;
}
const Op any_op = make("any", "Whether a number is not zero.", infer<DType::boolean>, run_any);
const Op all_op = make("all", "Whether no number is zero.", infer<DType::boolean>, run_all);
const Op count_op = make("count_nonzero", "How many numbers are not zero.", infer<DType::int64>, run_count);

}  // namespace

Tensor any(const Tensor& x, const Dims& axes, bool keepdims) {
    return apply(any_op, {x}, reduction(x, axes, keepdims, "any"));
}
Tensor all(const Tensor& x, const Dims& axes, bool keepdims) {
    return apply(all_op, {x}, reduction(x, axes, keepdims, "all"));
}
Tensor count_nonzero(const Tensor& x, const Dims& axes, bool keepdims) {
    return apply(count_op, {x}, reduction(x, axes, keepdims, "count_nonzero"));
}

void register_truth_ops() {
    for (const Op* op : {&any_op, &all_op, &count_op}) register_op(*op);
}

}  // namespace fg
