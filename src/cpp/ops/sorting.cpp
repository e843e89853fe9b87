// Sorting by digits of keys: numbers as unsigned ones of the same order. Outside of the kernels, for one build does for
// all CPUs: what it costs is reading and writing memory.
//
// The highest 32 bits in which keys differ are sorted by four digits, the lowest one first, so that equal numbers keep
// their order. What differs below that is sorted by comparing, among those that are equal above: few, of most numbers.
// Digits of 11 bits, one less, take longer: a million doubles 21 ms instead of 17.
#include "ops/sorting.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/pool.hpp"
#include "ops/along_axis.hpp"
#include "ops/batching.hpp"
#include "ops/index.hpp"
#include "ops/shape.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

// ---- keys

template <class T> using Key = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
template <class T> constexpr Key<T> sign_bit = Key<T>(1) << (8 * sizeof(T) - 1);

// All bits of a number that is not NaN: -0 comes before 0. Negative numbers are turned round, without a branch, which
// would be guessed wrong every second time.
template <class T> Key<T> exact_key(T x) {
    if constexpr (std::is_same_v<T, uint8_t>) return x;
    else {
        Key<T> bits;
        std::memcpy(&bits, &x, sizeof bits);
        if constexpr (std::is_integral_v<T>) return bits ^ sign_bit<T>;
        else return bits ^ ((Key<T>(0) - (bits >> (8 * sizeof(T) - 1))) | sign_bit<T>);
    }
}
template <class T> T number_of(Key<T> key) {
    if constexpr (std::is_same_v<T, uint8_t>) return T(key);
    else {
        Key<T> bits = key ^ sign_bit<T>;
        if constexpr (!std::is_integral_v<T>) bits = key ^ (((key >> (8 * sizeof(T) - 1)) - Key<T>(1)) | sign_bit<T>);
        T x;
        std::memcpy(&x, &bits, sizeof x);
        return x;
    }
}
// Both zeros and all NaN have one key each.
template <class T> Key<T> key_of(T x) {
    if constexpr (std::is_integral_v<T>) return exact_key(x);
    else {
        if (x != x) return ~Key<T>(0);
        return x == 0 ? sign_bit<T> : exact_key(x);
    }
}

// A key and where its number stands.
struct Placed {
    uint64_t key, place;
    friend bool operator<(const Placed& a, const Placed& b) {
        return a.key < b.key || (a.key == b.key && a.place < b.place);
    }
};
uint64_t key_in(const Placed& item) { return item.key; }
uint64_t key_in(uint64_t item) { return item; }
uint64_t key_in(uint32_t item) { return item; }

// What is sorted to find places: shorter keys share one number with the place.
template <class T> using Item = std::conditional_t<sizeof(T) == 8, Placed, uint64_t>;
template <class T> constexpr int place_bits = sizeof(T) == 8 ? 0 : 32;
template <class T> Item<T> placed(T x, int64_t place) {
    if constexpr (sizeof(T) == 8) return {key_of(x), uint64_t(place)};
    else return uint64_t(key_of(x)) << 32 | uint64_t(place);
}
int64_t place_in(const Placed& item) { return int64_t(item.place); }
int64_t place_in(uint64_t item) { return int64_t(item & 0xffffffff); }

// ---- sorting

constexpr int64_t few = 128;         // below, comparing costs less than counting digits
constexpr int64_t many = 1LL << 32;  // more than 32 bits count
constexpr int digit = 8, most_digits = 4, values = 1 << digit;
constexpr int64_t enough = 1 << 14;  // below, three digits leave few numbers that are equal above

// In ascending order of the bits from `lowest` on, equals in their order; those below it are in ascending order
// already, where they differ at all. `space` is as large as the items.
template <class I> void sort_items(I* items, I* space, int64_t n, int lowest) {
    if (n < few || n >= many) {
        std::sort(items, items + n);
        return;
    }
    uint64_t differing = 0;
    const uint64_t first = key_in(items[0]);
    for (int64_t i = 1; i < n; ++i) differing |= key_in(items[i]) ^ first;
    differing = differing >> lowest << lowest;
    if (differing == 0) return;
    const int highest = 63 - __builtin_clzll(differing),
              digits = std::min(n < enough ? 3 : most_digits, (highest - lowest) / digit + 1);
    const int from = std::max(highest + 1 - digits * digit, lowest);
    constexpr uint64_t mask = values - 1;

    uint32_t starts[most_digits][values] = {};
    for (int64_t i = 0; i < n; ++i) {
        const uint64_t key = key_in(items[i]) >> from;
        for (int d = 0; d < most_digits; ++d) ++starts[d][key >> (d * digit) & mask];
    }
    I *source = items, *target = space;
    for (int d = 0; d < digits; ++d) {
        uint32_t* const start = starts[d];
        const int shift = from + d * digit;
        if (start[key_in(source[0]) >> shift & mask] == n) continue;
        uint32_t before = 0;
        for (int v = 0; v < values; ++v) before += std::exchange(start[v], before);
        for (int64_t i = 0; i < n; ++i) target[start[key_in(source[i]) >> shift & mask]++] = source[i];
        std::swap(source, target);
    }
    if (source != items) std::memcpy(items, source, size_t(n) * sizeof(I));
    if (from == lowest) return;
    for (int64_t i = 0; i < n;) {
        int64_t end = i + 1;
        const uint64_t key = key_in(items[i]) >> from;
        while (end < n && key_in(items[end]) >> from == key) ++end;
        if (end - i > 1) std::sort(items + i, items + end);
        i = end;
    }
}

// Lines along an axis, some at a time where they stand side by side, so that memory is read by whole cache lines.
constexpr int64_t sorted_per_chunk = 4096;  // about 100 us
constexpr int64_t side_by_side = 8;

// work(first, lines): of `lines` lines that begin at number first, first + 1, ...; within one, numbers are `inner`
// apart.
template <class Work> void for_lines(const AlongAxis& p, Work work) {
    if (p.outer * p.inner * p.n == 0) return;
    const int64_t together = std::min(p.inner, side_by_side), groups = (p.inner + together - 1) / together;
    const int64_t step = std::max<int64_t>(1, sorted_per_chunk / (p.n * together)), all = p.outer * groups;
    parallel_for((all + step - 1) / step, [&](int64_t chunk) {
        for (int64_t g = chunk * step; g < std::min(all, (chunk + 1) * step); ++g) {
            const int64_t column = g % groups * together;
            work(g / groups * p.n * p.inner + column, std::min(together, p.inner - column));
        }
    });
}

// Places share 64 bits with keys of 32.
void check_length(const Op& op, DType dtype, int64_t n) {
    if (n >= many && itemsize(dtype) < 8)
        throw ValueError(say(op.name, ": ", n, " numbers of ", name(dtype), " are too many for places of 32 bits"));
}

Meta infer_argsort(const Op& op, const Attrs& a, Views in) {
    check_length(op, in[0]->dtype, in[0]->shape.at_end(int(-a.axes[0])));
    return {DType::int64, false, in[0]->shape};
}
Meta infer_sort(const Op&, const Attrs&, Views in) { return {in[0]->dtype, in[0]->weak, in[0]->shape}; }

// Working memory, out of the blocks that are kept for tensors: fresh memory costs more than a pass over it.
template <class I> struct Room {
    Ref<Storage> storage;
    I* items;
    explicit Room(int64_t n)
        : storage(Storage::allocate(n * int64_t(sizeof(I)))), items(static_cast<I*>(storage->data())) {}
};

int64_t run_argsort(const Op&, const Attrs& a, Views in, const View& out) {
    const AlongAxis p(out.shape, a.axes[0]);
    Tensor held;
    const char* numbers = packed(*in[0], held);
    visit(in[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* x = reinterpret_cast<const T*>(numbers);
        for_lines(p, [&](int64_t first, int64_t lines) {
            const Room<Item<T>> room(p.n * (lines + 1));
            Item<T>* const items = room.items;
            for (int64_t k = 0; k < p.n; ++k)
                for (int64_t l = 0; l < lines; ++l) items[l * p.n + k] = placed(x[first + k * p.inner + l], k);
            for (int64_t l = 0; l < lines; ++l) sort_items(items + l * p.n, items + lines * p.n, p.n, place_bits<T>);
            int64_t* const to = out.as<int64_t>() + first;
            for (int64_t k = 0; k < p.n; ++k)
                for (int64_t l = 0; l < lines; ++l) to[k * p.inner + l] = place_in(items[l * p.n + k]);
        });
    });
    return -1;
}

// Numbers that compare as equal but have other bits, zeros and NaN, stand in the order in which they stand in x.
template <class T> void restore_zeros(const T* x, int64_t n, Key<T>* sorted, int64_t known) {
    Key<T>* zero = std::lower_bound(sorted, sorted + known, exact_key(T(-0.0)));
    const Key<T>* const end = std::upper_bound(zero, sorted + known, exact_key(T(0.0)));
    for (int64_t k = 0; zero < end && k < n; ++k)
        if (x[k] == 0) *zero++ = exact_key(x[k]);
}

// A line of numbers, into `to`; `keys` are 2 n. Whether there are NaN or negative zeros is asked first, so
// that the loops for all others know nothing of them.
template <class T> void sort_line(const T* x, int64_t n, Key<T>* keys, T* to) {
    bool nan = false, negative_zero = false;
    for (int64_t k = 0; k < n; ++k) {
        const T number = x[k];
        keys[k] = exact_key(number);
        nan |= number != number;
        negative_zero |= std::is_floating_point_v<T> && keys[k] == Key<T>(~sign_bit<T>);
    }
    int64_t known = n;
    if (nan) {
        known = 0;
        for (int64_t k = 0; k < n; ++k)
            if (x[k] == x[k]) keys[known++] = exact_key(x[k]);
    }
    sort_items(keys, keys + n, known, 0);
    if (negative_zero) restore_zeros(x, n, keys, known);
    for (int64_t k = 0; k < known; ++k) to[k] = number_of<T>(keys[k]);
    for (int64_t k = 0; known < n; ++k)
        if (x[k] != x[k]) to[known++] = x[k];
}

int64_t run_sort(const Op&, const Attrs& a, Views in, const View& out) {
    const AlongAxis p(out.shape, a.axes[0]);
    Tensor held;
    const char* numbers = packed(*in[0], held);
    visit(in[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* x = reinterpret_cast<const T*>(numbers);
        for_lines(p, [&](int64_t first, int64_t lines) {
            const Room<Key<T>> keys(2 * p.n);
            T* const to = out.as<T>() + first;
            if (p.inner == 1) {
                sort_line(x + first, p.n, keys.items, to);
                return;
            }
            const Room<T> turned(2 * p.n * lines);
            T *const from = turned.items, *const sorted = from + p.n * lines;
            for (int64_t k = 0; k < p.n; ++k)
                for (int64_t l = 0; l < lines; ++l) from[l * p.n + k] = x[first + k * p.inner + l];
            for (int64_t l = 0; l < lines; ++l) sort_line(from + l * p.n, p.n, keys.items, sorted + l * p.n);
            for (int64_t k = 0; k < p.n; ++k)
                for (int64_t l = 0; l < lines; ++l) to[k * p.inner + l] = sorted[l * p.n + k];
        });
    });
    return -1;
}

// Each number flows back to where it stood; a gradient needs the places, a value alone does not.
Tensor unsorted(const Tensor& x, const Tensor& g, const Attrs& a);
Tensor vjp_sort(const Pullback& p, int) { return unsorted(p.in(0), p.grad(), p.attrs()); }

// ---- places of ranks along the last axis. attrs.shape: the ranks

Meta infer_ranks(const Op& op, const Attrs& a, Views in) {
    Meta out{DType::int64, false, in[0]->shape};
    if (out.shape.empty()) throw ValueError(say(op.name, ": a single number has no axis to rank along"));
    check_length(op, in[0]->dtype, in[0]->shape.at_end(1));
    for (int64_t rank : a.shape)
        if (rank < 0 || rank >= in[0]->shape.at_end(1))
            throw ValueError(say(op.name, ": rank ", rank, " of shape ", in[0]->shape));
    out.shape.at_end(1) = a.shape.size();
    return out;
}

constexpr int64_t counted = 1 << 15;  // numbers from which on they are counted first, by 16 bits of their keys

// The places of ranks among items, which are `before` ranks further up.
template <class I> void select_places(I* items, int64_t n, int64_t before, const Dims& ranks, int64_t* out) {
    for (int r = 0; r < ranks.size(); ++r) {
        const int64_t rank = ranks[r] - before;
        if (rank < 0 || rank >= n) continue;
        std::nth_element(items, items + rank, items + n);
        out[r] = place_in(items[rank]);
    }
}

template <class T> void ranks_of_line(const T* x, int64_t n, const Dims& ranks, int64_t* out) {
    if (n < counted) {
        const Room<Item<T>> room(n);
        for (int64_t k = 0; k < n; ++k) room.items[k] = placed(x[k], k);
        select_places(room.items, n, 0, ranks, out);
        return;
    }
    Key<T> differing = 0;
    const Key<T> first = key_of(x[0]);
    for (int64_t k = 1; k < n; ++k) differing |= Key<T>(key_of(x[k]) ^ first);
    const int highest = differing ? 63 - __builtin_clzll(differing) : 0, shift = std::max(0, highest - 15);
    const auto bucket = [&](T number) { return size_t(key_of(number) >> shift & 0xffff); };
    const auto counts = std::unique_ptr<int64_t[]>(new int64_t[1 << 16]());
    for (int64_t k = 0; k < n; ++k) ++counts[bucket(x[k])];
    int64_t before = 0;
    for (size_t b = 0; b < 1 << 16; before += counts[b], ++b) {
        const int64_t here = counts[b];
        const bool asked = std::any_of(ranks.begin(), ranks.end(),
                                       [&](int64_t rank) { return rank >= before && rank < before + here; });
        if (!asked) continue;
        const Room<Item<T>> room(here + 1);
        int64_t found = 0;
        for (int64_t k = 0; k < n; ++k) {  // what is not of the bucket is overwritten
            room.items[found] = placed(x[k], k);
            found += bucket(x[k]) == b;
        }
        select_places(room.items, here, before, ranks, out);
    }
}

int64_t run_ranks(const Op&, const Attrs& a, Views in, const View& out) {
    const int64_t n = in[0]->shape.at_end(1), asked = a.shape.size();
    if (out.size() == 0) return -1;
    Tensor held;
    const char* numbers = packed(*in[0], held);
    const int64_t rows = out.size() / asked, step = std::max<int64_t>(1, sorted_per_chunk / n);
    visit(in[0]->dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* x = reinterpret_cast<const T*>(numbers);
        parallel_for((rows + step - 1) / step, [&](int64_t chunk) {
            for (int64_t row = chunk * step; row < std::min(rows, (chunk + 1) * step); ++row)
                ranks_of_line(x + row * n, n, a.shape, out.as<int64_t>() + row * asked);
        });
    });
    return -1;
}

// ---- the ops

constexpr int uses_in[] = {kernels::in0};

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
Op make_sort() {
    Op op = make("sort", "Numbers in ascending order.", infer_sort, run_sort);
    op.uses = uses_in;
    op.vjp = vjp_sort;
    return op;
}

const Op argsort_op = make("argsort", "Positions in ascending order.", infer_argsort, run_argsort);
const Op sort_op = make_sort();
const Op ranks_op = make("places_of_ranks", "Positions of the numbers of some ranks.", infer_ranks, run_ranks);

Attrs along(const Tensor& x, int axis, const char* op) {
    Attrs a;
    a.axes.push_back(checked_axis(axis, x.ndim(), op) - x.ndim());
    return a;
}

// By the places that sort the places that sort: where each number went.
Tensor unsorted(const Tensor& x, const Tensor& g, const Attrs& a) {
    const int axis = x.ndim() + int(a.axes[0]);
    return take_along_axis(g, argsort(argsort(x, axis), axis), axis);
}

}  // namespace

Tensor argsort(const Tensor& x, int axis) { return apply(argsort_op, {x}, along(x, axis, "argsort")); }
Tensor sort(const Tensor& x, int axis) { return apply(sort_op, {x}, along(x, axis, "sort")); }
Tensor places_of_ranks(const Tensor& x, const Dims& ranks) {
    Attrs a;
    a.shape = ranks;
    return apply(ranks_op, {x}, a);
}

void register_sorting_ops() {
    for (const Op* op : {&argsort_op, &sort_op, &ranks_op}) register_op(*op);
}

}  // namespace fg
