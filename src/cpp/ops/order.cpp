// Ops that compare numbers and give positions. Nothing flows through a position; sort passes gradients as a gather.
#include "ops/order.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/pool.hpp"
#include "ops/along_axis.hpp"
#include "ops/batching.hpp"
#include "ops/elementwise.hpp"
#include "ops/index.hpp"
#include "ops/shape.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

// NumPy's order: NaN after everything else.
template <class T> bool comes_before(T a, T b) { return a < b || (b != b && a == a); }

// ---- argmax and argmin over the last axis: the first NaN, or else the first of the largest or smallest

template <class T> bool is_larger(T a, T b) { return comes_before(b, a); }
template <class T> bool is_smaller(T a, T b) { return a < b || (a != a && b == b); }

Meta infer_argmax(const Op& op, const Attrs&, Views in) {
    const Dims& from = in[0]->shape;
    if (from.at_end(1) == 0) throw ValueError(say(op.name, ": nothing to choose from along an axis of size 0"));
    Dims shape;
    for (int i = 0; i + 1 < from.size(); ++i) shape.push_back(from[i]);
    return {DType::int64, false, shape};
}
template <bool smallest> int64_t run_argmax(const Op&, const Attrs&, Views in, const View& out) {
    Tensor held;
    const char* numbers = packed(*in[0], held);
    const int64_t n = in[0]->shape.at_end(1);
    visit(in[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* x = reinterpret_cast<const T*>(numbers);
        for (int64_t row = 0; row < out.size(); ++row, x += n) {
            int64_t best = 0;
            for (int64_t k = 1; k < n; ++k)
                if (smallest ? is_smaller(x[k], x[best]) : is_larger(x[k], x[best])) best = k;
            out.as<int64_t>()[row] = best;
        }
    });
    return -1;
}

// ---- argsort along axes[0]

Meta infer_argsort(const Op&, const Attrs&, Views in) { return {DType::int64, false, in[0]->shape}; }

// A number as an unsigned one of the same order: equal numbers, both zeros and all NaN have one key each.
uint64_t key_of(uint8_t x) { return x; }
uint64_t key_of(int64_t x) { return uint64_t(x) ^ uint64_t(1) << 63; }
template <class Bits, class T> uint64_t key_of_bits(T x) {
    constexpr Bits sign = Bits(1) << (8 * sizeof(Bits) - 1);
    if (x != x) return Bits(~Bits(0));
    if (x == 0) return sign;
    Bits bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits & sign ? Bits(~bits) : Bits(bits | sign);
}
uint64_t key_of(float x) { return key_of_bits<uint32_t>(x); }
uint64_t key_of(double x) { return key_of_bits<uint64_t>(x); }

struct Placed {
    uint64_t key;
    int64_t place;
    bool operator<(const Placed& other) const { return key < other.key || (key == other.key && place < other.place); }
};

constexpr int64_t few = 256;  // below, comparing costs less than counting bytes

// By one byte after the other, the lowest first; `space` is of the size of the line. Bytes that all share are passed
// over.
void sort_by_bytes(std::vector<Placed>& line, std::vector<Placed>& space, int bytes) {
    for (int byte = 0; byte < bytes; ++byte) {
        size_t start[256] = {};
        for (const Placed& p : line) ++start[p.key >> (8 * byte) & 255];
        if (start[line[0].key >> (8 * byte) & 255] == line.size()) continue;
        size_t before = 0;
        for (size_t& s : start) before += std::exchange(s, before);
        for (const Placed& p : line) space[start[p.key >> (8 * byte) & 255]++] = p;
        line.swap(space);
    }
}

constexpr int64_t sorted_per_chunk = 4096;  // about 200 us

int64_t run_argsort(const Op&, const Attrs& a, Views in, const View& out) {
    const AlongAxis p(out.shape, a.axes[0]);
    if (out.size() == 0) return -1;
    Tensor held;
    const char* numbers = packed(*in[0], held);
    const int64_t rows = p.outer * p.inner, step = std::max<int64_t>(1, sorted_per_chunk / p.n);
    visit(in[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* x = reinterpret_cast<const T*>(numbers);
        parallel_for((rows + step - 1) / step, [&](int64_t chunk) {
            std::vector<Placed> line(static_cast<size_t>(p.n)), space(p.n < few ? 0 : line.size());
            for (int64_t row = chunk * step; row < std::min(rows, (chunk + 1) * step); ++row) {
                const int64_t first = row / p.inner * p.n * p.inner + row % p.inner;
                for (int64_t k = 0; k < p.n; ++k) line[size_t(k)] = {key_of(x[first + k * p.inner]), k};
                if (p.n < few) std::sort(line.begin(), line.end());
                else sort_by_bytes(line, space, int(sizeof(T)));
                for (int64_t k = 0; k < p.n; ++k) out.as<int64_t>()[first + k * p.inner] = line[size_t(k)].place;
            }
        });
    });
    return -1;
}

// ---- searchsorted (sorted (batch..., n), values (batch..., at...)); attrs.ndim: the number of batch axes

Meta infer_search(const Op&, const Attrs&, Views in) { return {DType::int64, false, in[1]->shape}; }
template <bool right> int64_t run_search(const Op&, const Attrs& a, Views in, const View& out) {
    if (out.size() == 0) return -1;
    int64_t rows = 1;
    for (int i = 0; i < a.ndim; ++i) rows *= in[0]->shape[i];
    const int64_t n = in[0]->shape.at_end(1), at = out.size() / rows;
    Tensor held_sorted, held_values;
    const char *sorted = packed(*in[0], held_sorted), *values = packed(*in[1], held_values);
    visit(in[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        const T *first = reinterpret_cast<const T*>(sorted), *v = reinterpret_cast<const T*>(values);
        for (int64_t i = 0; i < out.size(); ++i) {
            const T *from = first + i / at * n, *last = from + n;
            out.as<int64_t>()[i] = (right ? std::upper_bound(from, last, v[i], comes_before<T>)
                                          : std::lower_bound(from, last, v[i], comes_before<T>)) -
                                   from;
        }
    });
    return -1;
}
Tensor batch_search(const Batching& b) {
    if (b.attrs().ndim == 0 && !b.batched(0)) return apply(b.op(), {b.in(0), b.in(1)}, b.attrs());
    Attrs a = b.attrs();
    ++a.ndim;
    return apply(b.op(), {with_batch(b, 0), with_batch(b, 1)}, a);
}

Op make(const char* name, const char* doc, int arity, decltype(Op::infer) infer, decltype(Op::run) run) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = arity;
    op.infer = infer;
    op.run = run;
    op.batch = arity == 1 ? batch_in_front : batch_search;
    return op;
}

const Op argmax_op = make("argmax", "Position of the first of the largest.", 1, infer_argmax, run_argmax<false>);
const Op argmin_op = make("argmin", "Position of the first of the smallest.", 1, infer_argmax, run_argmax<true>);
const Op argsort_op = make("argsort", "Positions in ascending order.", 1, infer_argsort, run_argsort);
const Op search_left = make("searchsorted", "How many sorted numbers are less.", 2, infer_search, run_search<false>);
const Op search_right =
    make("searchsorted_right", "How many sorted numbers are less or equal.", 2, infer_search, run_search<true>);

// Over axes of which the op knows only the last one.
Tensor position(const Op& op, const Tensor& x, const Dims& axes, bool keepdims) {
    Dims order, rest, shape = x.shape(), chosen;
    for (int64_t axis : axes) chosen.push_back(checked_axis(axis, x.ndim(), op.name));
    for (int i = 0; i < x.ndim(); ++i)
        if (!chosen.contains(i)) {
            order.push_back(i);
            rest.push_back(shape[i]);
        }
    Dims joined = rest;
    int64_t n = 1;
    for (int64_t axis : chosen) {
        order.push_back(axis);
        n *= shape[int(axis)];
        shape[int(axis)] = 1;
    }
    joined.push_back(n);
    const Tensor rows = reshape(x.ndim() > 1 ? transpose(x, order) : x, joined);
    return reshape(apply(op, {rows}), keepdims ? shape : rest);
}

}  // namespace

Tensor argmax(const Tensor& x, const Dims& axes, bool keepdims) { return position(argmax_op, x, axes, keepdims); }
Tensor argmin(const Tensor& x, const Dims& axes, bool keepdims) { return position(argmin_op, x, axes, keepdims); }

Tensor argsort(const Tensor& x, int axis) {
    Attrs a;
    a.axes.push_back(checked_axis(axis, x.ndim(), "argsort") - x.ndim());
    return apply(argsort_op, {x}, a);
}
Tensor sort(const Tensor& x, int axis) {
    checked_axis(axis, x.ndim(), "sort");
    return take_along_axis(x, argsort(x, axis), axis);
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right) {
    if (sorted.ndim() != 1)
        throw ValueError(
            say("searchsorted: the sorted numbers have shape ", sorted.shape(), ", expected one dimension"));
    const DType dtype = promote(sorted.dtype(), sorted.weak(), values.dtype(), values.weak());
    return apply(right ? search_right : search_left, {astype(sorted, dtype), astype(values, dtype)});
}

void register_order_ops() {
    for (const Op* op : {&argmax_op, &argmin_op, &argsort_op, &search_left, &search_right}) register_op(*op);
}

}  // namespace fg
