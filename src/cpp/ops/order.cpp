// Ops that compare numbers and give positions, through which nothing flows.
#include "ops/order.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/pool.hpp"
#include "kernels/table.hpp"
#include "ops/along_axis.hpp"
#include "ops/batching.hpp"
#include "ops/elementwise.hpp"
#include "ops/shape.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

// NumPy's order: NaN after everything else.
template <class T> bool comes_before(T a, T b) { return a < b || (b != b && a == a); }

// ---- argmax and argmin along an axis: the first NaN, or else the first of the largest or smallest

template <class T> bool is_larger(T a, T b) { return comes_before(b, a); }
template <class T> bool is_smaller(T a, T b) { return a < b || (a != a && b == b); }

Meta infer_argmax(const Op& op, const Attrs& a, Views in) {
    Dims shape = in[0]->shape;
    const int axis = shape.size() + int(a.axes[0]);
    if (shape[axis] == 0) throw ValueError(say(op.name, ": nothing to choose from along an axis of size 0"));
    shape.erase(axis);
    return {DType::int64, false, shape};
}

// Whether a number wins over another that stands before it.
template <bool smallest, class T> bool wins(T a, T b) { return smallest ? is_smaller(a, b) : is_larger(a, b); }

// The largest of a few rows of numbers (of their negatives), each; a NaN if there is one.
constexpr int64_t block = 256, blocks = 8;
template <bool smallest, class T> void largest_of_rows(const T* x, int64_t rows, int64_t n, T* out) {
    T negated[block * blocks];
    if (smallest)
        for (int64_t k = 0; k < rows * n; ++k) negated[k] = -x[k];
    kernels::numbers<T>(kernels::table()).max(rows, n, 1, 1, smallest ? negated : x, out);
}

// Of a line: block by block, then within the first block that has it.
template <bool smallest, class T> int64_t place_of_extreme(const T* x, int64_t n) {
    int64_t best = 0, done = 0;
    if constexpr (std::is_floating_point_v<T>) {
        T largest[blocks], value = smallest ? -x[0] : x[0];
        int64_t start = 0;
        while (n - done > 16) {
            const int64_t size = std::min(n - done, block), rows = std::min(blocks, (n - done) / size);
            largest_of_rows<smallest>(x + done, rows, size, largest);
            for (int64_t r = 0; r < rows; ++r)
                if (is_larger(largest[r], value)) {
                    value = largest[r];
                    start = done + r * size;
                }
            done += rows * size;
        }
        best = start;
        if (smallest) value = -value;
        if (done > 0)
            while (!(x[best] == value || (x[best] != x[best] && value != value))) ++best;
    }
    for (int64_t k = std::max<int64_t>(done, 1); k < n; ++k)
        if (wins<smallest>(x[k], x[best])) best = k;
    return best;
}
template <bool smallest> int64_t place_of_extreme(const uint8_t* x, int64_t n) {
    const void* found = std::memchr(x, smallest ? 0 : 1, size_t(n));
    return found ? static_cast<const uint8_t*>(found) - x : 0;
}

// Columns side by side, some at a time.
constexpr int64_t columns_at_a_time = 128;
template <bool smallest, class T>
void places_in_columns(const T* x, int64_t n, int64_t inner, int64_t columns, int64_t* out) {
    T best[columns_at_a_time];
    int64_t place[columns_at_a_time] = {};
    std::copy(x, x + columns, best);
    for (int64_t k = 1; k < n; ++k) {
        const T* row = x + k * inner;
        for (int64_t i = 0; i < columns; ++i) {
            const bool wins_here = wins<smallest>(row[i], best[i]);
            best[i] = wins_here ? row[i] : best[i];
            place[i] = wins_here ? k : place[i];
        }
    }
    std::copy(place, place + columns, out);
}

// attrs: axes[0] the axis from the end
template <bool smallest> int64_t run_argmax(const Op&, const Attrs& a, Views in, const View& out) {
    Tensor held;
    const char* numbers = packed(*in[0], held);
    const AlongAxis p(in[0]->shape, a.axes[0]);
    constexpr int64_t numbers_per_chunk = 1 << 16;
    const int64_t step = std::max<int64_t>(1, numbers_per_chunk / std::max<int64_t>(1, p.n * p.inner));
    visit(in[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* x = reinterpret_cast<const T*>(numbers);
        int64_t* const to = out.as<int64_t>();
        parallel_for((p.outer + step - 1) / step, [&](int64_t chunk) {
            for (int64_t o = chunk * step; o < std::min(p.outer, (chunk + 1) * step); ++o) {
                const T* const here = x + o * p.n * p.inner;
                if (p.inner == 1) to[o] = place_of_extreme<smallest>(here, p.n);
                else
                    for (int64_t i = 0; i < p.inner; i += columns_at_a_time)
                        places_in_columns<smallest>(here + i, p.n, p.inner, std::min(columns_at_a_time, p.inner - i),
                                                    to + o * p.inner + i);
            }
        });
    });
    return -1;
}

// Along the last axis, row by row.
template <bool smallest, class T> class PlacesOfRows final : public Prepared {
public:
    PlacesOfRows(int64_t outer, int64_t n) : n_(n) {
        rows = outer;
        row_work = double(n);
        row_ns = row_work * 0.2;
        aligned = true;
    }
    int64_t run(const void* const* in, void* out, int64_t first, int64_t count, void*, const void*) const override {
        const T* const x = static_cast<const T*>(in[0]);
        for (int64_t i = 0; i < count; ++i)
            static_cast<int64_t*>(out)[i] = place_of_extreme<smallest>(x + (first + i) * n_, n_);
        return -1;
    }
    int64_t work_bytes(int64_t) const override { return 0; }

private:
    int64_t n_;
};

template <bool smallest>
std::unique_ptr<Prepared> prepare_argmax(const Op&, const Attrs& a, Views in, const View& out) {
    if (a.axes[0] != -1 || !in[0]->contiguous() || out.size() == 0) return nullptr;
    return visit(in[0]->dtype, [&](auto zero) -> std::unique_ptr<Prepared> {
        return std::make_unique<PlacesOfRows<smallest, decltype(zero)>>(out.size(), in[0]->shape.at_end(1));
    });
}

// ---- searchsorted (sorted (batch..., n), values (batch..., at...)); attrs.ndim: the number of batch axes

Meta infer_search(const Op&, const Attrs&, Views in) { return {DType::int64, false, in[1]->shape}; }

// Binary search for several values at a time, step by step together: no step waits for a guess of the CPU, and none for
// the memory that another one reads.
template <class T>
void search_row(const T* sorted, int64_t n, const T* values, int64_t count, bool right, int64_t* out) {
    constexpr int at_a_time = 8;
    int64_t known = n;  // what is not NaN stands in front
    if (n && sorted[n - 1] != sorted[n - 1])
        known = std::lower_bound(sorted, sorted + n, sorted[n - 1], comes_before<T>) - sorted;
    const auto before = [right](T x, T v) { return (x < v) | (right & (x == v)); };
    int64_t last = known / 2;  // the place of the last value: sorted ones often go to the same
    for (int64_t i = 0; i < count; i += at_a_time) {
        const int64_t here = std::min<int64_t>(at_a_time, count - i);
        T v[at_a_time];
        int64_t base[at_a_time] = {}, length = known;
        for (int64_t q = 0; q < at_a_time; ++q) v[q] = values[i + std::min(q, here - 1)];
        if (last > 0 && last < known) {
            bool same = true;
            for (int q = 0; q < at_a_time; ++q)
                same &= before(sorted[last - 1], v[q]) && !before(sorted[last], v[q]) && v[q] == v[q];
            if (same) {
                std::fill_n(out + i, here, last);
                continue;
            }
        }
        for (; length > 1; length -= length / 2)
            for (int q = 0; q < at_a_time; ++q)
                base[q] += before(sorted[base[q] + length / 2 - 1], v[q]) ? length / 2 : 0;
        for (int64_t q = 0; q < here; ++q) {
            const bool is_nan = v[q] != v[q];
            const int64_t place = base[q] + (length == 1 && before(sorted[base[q]], v[q]));
            out[i + q] = is_nan ? (right ? n : known) : place;
        }
        last = out[i + here - 1];
    }
}
int64_t search(const Attrs& a, Views in, const View& out, bool right) {
    if (out.size() == 0) return -1;
    int64_t rows = 1;
    for (int i = 0; i < a.ndim; ++i) rows *= in[0]->shape[i];
    const int64_t n = in[0]->shape.at_end(1), at = out.size() / rows;
    Tensor held_sorted, held_values;
    const char *sorted = packed(*in[0], held_sorted), *values = packed(*in[1], held_values);
    visit(in[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        const T *first = reinterpret_cast<const T*>(sorted), *v = reinterpret_cast<const T*>(values);
        constexpr int64_t per_chunk = 1 << 13;
        parallel_for((out.size() + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
            int64_t i = chunk * per_chunk;
            for (const int64_t end = std::min(out.size(), i + per_chunk); i < end;) {
                const int64_t row = i / at, count = std::min(end, (row + 1) * at) - i;
                search_row(first + row * n, n, v + i, count, right, out.as<int64_t>() + i);
                i += count;
            }
        });
    });
    return -1;
}
template <bool right> int64_t run_search(const Op&, const Attrs& a, Views in, const View& out) {
    return search(a, in, out, right);
}
Tensor batch_search(const Batching& b) {
    if (b.attrs().ndim == 0 && !b.batched(0)) return apply(b.op(), {b.in(0), b.in(1)}, b.attrs());
    Attrs a = b.attrs();
    ++a.ndim;
    return apply(b.op(), {with_batch(b, 0), with_batch(b, 1)}, a);
}

Op make(const char* name, const char* doc, int arity, decltype(Op::infer) infer, decltype(Op::run) run,
        decltype(Op::prepare) prepare = nullptr) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = arity;
    op.infer = infer;
    op.run = run;
    op.prepare = prepare;
    op.batch = arity == 1 ? batch_in_front : batch_search;
    return op;
}

const Op argmax_op =
    make("argmax", "Position of the first of the largest.", 1, infer_argmax, run_argmax<false>, prepare_argmax<false>);
const Op argmin_op =
    make("argmin", "Position of the first of the smallest.", 1, infer_argmax, run_argmax<true>, prepare_argmax<true>);
const Op search_left = make("searchsorted", "How many sorted numbers are less.", 2, infer_search, run_search<false>);
const Op search_right =
    make("searchsorted_right", "How many sorted numbers are less or equal.", 2, infer_search, run_search<true>);

// Along one axis as it stands; of several, joined behind the others.
Tensor position(const Op& op, const Tensor& x, const Dims& axes, bool keepdims) {
    Attrs a;
    if (axes.size() == 1) {
        const int axis = checked_axis(axes[0], x.ndim(), op.name);
        Dims shape = x.shape();
        shape[axis] = 1;
        a.axes.push_back(axis - x.ndim());
        const Tensor found = apply(op, {x}, a);
        return keepdims ? reshape(found, shape) : found;
    }
    a.axes.push_back(-1);
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
    return reshape(apply(op, {rows}, a), keepdims ? shape : rest);
}

}  // namespace

Tensor argmax(const Tensor& x, const Dims& axes, bool keepdims) { return position(argmax_op, x, axes, keepdims); }
Tensor argmin(const Tensor& x, const Dims& axes, bool keepdims) { return position(argmin_op, x, axes, keepdims); }

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right) {
    if (sorted.ndim() != 1)
        throw ValueError(
            say("searchsorted: the sorted numbers have shape ", sorted.shape(), ", expected one dimension"));
    const DType dtype = promote(sorted.dtype(), sorted.weak(), values.dtype(), values.weak());
    return apply(right ? search_right : search_left, {astype(sorted, dtype), astype(values, dtype)});
}

void register_order_ops() {
    for (const Op* op : {&argmax_op, &argmin_op, &search_left, &search_right}) register_op(*op);
}

}  // namespace fg
