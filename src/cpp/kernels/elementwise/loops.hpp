// From a formula to its kernels: the loops over memory, forward and backward, for every number type.
#pragma once

#include <type_traits>
#include <utility>

#include "kernels/elementwise/chain.hpp"
#include "kernels/elementwise/lanes.hpp"
#include "kernels/first_lanes.hpp"
#include "kernels/math.hpp"
#include "kernels/table.hpp"

namespace fg::kernels {
namespace {

// How a formula calls another op, see formula.hpp.
template <class F, class T, class... Rest> FG_INLINE Vec<T> call(Vec<T> x, Rest... rest) { return F::f(x, rest...); }

// One operand of a loop over Vec<T>: a register's worth at a position, and the one behind it. A single value for all is
// spread over as much memory and read with step 0, so that the loop has no branch and needs no variants.
template <class T> class Numbers {
public:
    FG_INLINE Numbers() {}  // leaves that memory as it is
    FG_INLINE Numbers(const Numbers&) = delete;
    FG_INLINE void bind(const void* p, int64_t step) {
        p_ = static_cast<const T*>(p);
        step_ = step;
        if (step_) return;
        Vec<T>(*p_).store(spread_);
        Vec<T>(*p_).store(spread_ + Vec<T>::size);
        p_ = spread_;
    }
    FG_INLINE Vec<T> at(int64_t i) const { return Vec<T>::load(p_ + i * step_); }
    FG_INLINE Vec<T> behind(int64_t i) const { return Vec<T>::load(p_ + i * step_ + Vec<T>::size); }
    FG_INLINE Vec<T> at(int64_t i, int n) const { return step_ ? Vec<T>::load(p_ + i, n) : Vec<T>::load(p_); }
    static FG_INLINE Vec<T> one(const void* p) { return Vec<T>(*static_cast<const T*>(p)); }

private:
    const T* p_ = nullptr;
    int64_t step_ = 0;
    T spread_[2 * Vec<T>::size];
};

// The same for truth values.
template <class T> class Truths {
public:
    FG_INLINE Truths() {}
    FG_INLINE Truths(const Truths&) = delete;
    FG_INLINE void bind(const void* p, int64_t step) {
        p_ = static_cast<const uint8_t*>(p);
        step_ = step;
        if (step_) return;
        memset(spread_, *p_, sizeof spread_);
        p_ = spread_;
    }
    FG_INLINE Mask<T> at(int64_t i) const { return load_mask<T>(p_ + i * step_, Vec<T>::size); }
    FG_INLINE Mask<T> behind(int64_t i) const { return load_mask<T>(p_ + i * step_ + Vec<T>::size, Vec<T>::size); }
    FG_INLINE Mask<T> at(int64_t i, int n) const { return load_mask<T>(p_ + i * step_, step_ ? n : Vec<T>::size); }
    static FG_INLINE Mask<T> one(const void* p) { return load_mask<T>(static_cast<const uint8_t*>(p), 1); }

private:
    const uint8_t* p_ = nullptr;
    int64_t step_ = 0;
    uint8_t spread_[2 * Vec<T>::size];
};

// An argument that the pullback does not read: nothing is bound to it.
template <class V> struct Absent {
    FG_INLINE V at(int64_t) const { return V{}; }
    FG_INLINE V behind(int64_t) const { return V{}; }
    FG_INLINE V at(int64_t, int) const { return V{}; }
};

// Formulas of a few instructions: for a single number, the loop around them would take longer than they do.
template <class F, class... Listed> constexpr bool is_among(OpList<Listed...>) {
    return (std::is_same_v<F, Listed> || ...);
}
template <class F>
constexpr bool is_short = (is_among<F>(ArithmeticOps{}) && !std::is_same_v<F, Power>) || is_among<F>(ComparisonOps{}) ||
                          is_among<F>(Chains{}) || std::is_same_v<F, Relu>;

template <class T> FG_INLINE void put(Vec<T> x, void* out, int64_t i) { x.store(static_cast<T*>(out) + i); }
template <class T> FG_INLINE void put(Vec<T> x, void* out, int64_t i, int n) { x.store(static_cast<T*>(out) + i, n); }
template <class T> FG_INLINE void put(Mask<T> m, void* out, int64_t i) {
    store_mask(m, static_cast<uint8_t*>(out) + i, Vec<T>::size);
}
template <class T> FG_INLINE void put(Mask<T> m, void* out, int64_t i, int n) {
    store_mask(m, static_cast<uint8_t*>(out) + i, n);
}

// out[i] = formula(operands[i]...), a register at a time, the last one partly filled. `twice`: two at a time, for
// formulas that take no longer than moving on.
template <class T, bool twice, class Formula, class... Operands>
FG_INLINE void vector_loop(int64_t n, void* out, Formula formula, const Operands&... operands) {
    constexpr int width = Vec<T>::size;
    int64_t i = 0;
    if constexpr (twice)
        for (; i + 2 * width <= n; i += 2 * width) {
            const auto first = formula(operands.at(i)...), second = formula(operands.behind(i)...);
            put(first, out, i);
            put(second, out, i + width);
        }
    for (; i + width <= n; i += width) put(formula(operands.at(i)...), out, i);
    if (i < n) {
        const int rest = int(n - i);
        put(formula(operands.at(i, rest)...), out, i, rest);
    }
}

template <class F, class T, int i> using ForwardOperand =
    std::conditional_t<i == 0 && first_is_mask<F>, Truths<T>, Numbers<T>>;

template <class F, class T> struct Forward {
    template <size_t... I> static FG_INLINE void loop(int64_t n, const void* const* in, const int64_t* step, void* out,
                                                      std::index_sequence<I...>) {
        bound(n, in, step, out, ForwardOperand<F, T, int(I)>{}...);
    }
    template <class... Operands> static FG_INLINE void bound(int64_t n, const void* const* in, const int64_t* step,
                                                             void* out, Operands... operands) {
        int k = 0;
        ((operands.bind(in[k], step[k]), ++k), ...);
        vector_loop<T, is_short<F>>(
            n, out, [](auto... x) __attribute__((always_inline)) { return F::f(x...); }, operands...);
    }
    template <size_t... I> static FG_INLINE void one(const void* const* in, void* out, std::index_sequence<I...>) {
        put(F::f(ForwardOperand<F, T, int(I)>::one(in[I])...), out, 0, 1);
    }
    static FG_OUT_OF_LINE void many(int64_t n, const void* const* in, const int64_t* step, void* out) {
        loop(n, in, step, out, std::make_index_sequence<arity<F>>{});
    }
    static void run(int64_t n, const void* const* in, const int64_t* step, void* out) {
        if (n == 1) one(in, out, std::make_index_sequence<arity<F>>{});
        else many(n, in, step, out);
    }
    static constexpr kernels::ElementwiseKernel kernel = is_short<F> ? run : many;
};

// A matrix and a row of step[1] numbers. The row's vectors stay in registers while the matrix goes by, two at a time.
template <class F, class T> struct RowForward {
    template <int NV, class Lanes>
    static FG_INLINE void strip(int64_t n, int64_t row, const T* x, const T* y, T* out, const Lanes& lanes) {
        constexpr int width = Vec<T>::size;
        Vec<T> held[NV];
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) held[v] = lanes.load(y + v * width);
        for (int64_t i = 0; i < n; i += row)
#pragma GCC unroll 2
            for (int v = 0; v < NV; ++v) lanes.store(out + i + v * width, F::f(lanes.load(x + i + v * width), held[v]));
    }
    static void kernel(int64_t n, const void* const* in, const int64_t* step, void* result) {
        constexpr int width = Vec<T>::size;
        const T *const x = static_cast<const T*>(in[0]), *const y = static_cast<const T*>(in[1]);
        T* const out = static_cast<T*>(result);
        const int64_t row = step[1];
        int64_t j = 0;
        for (; j + 2 * width <= row; j += 2 * width) strip<2>(n, row, x + j, y + j, out + j, AllLanes<T>());
        if (j + width <= row) strip<1>(n, row, x + j, y + j, out + j, AllLanes<T>()), j += width;
        if (j < row) strip<1>(n, row, x + j, y + j, out + j, FirstLanes<T>(int(row - j)));
    }
};

// Int and Truth go one by one; the compiler's own vectoriser does what it can.
template <class F, class Lane, size_t... I>
FG_INLINE void lane_loop(int64_t n, const void* const* in, const int64_t* step, void* out, std::index_sequence<I...>) {
    using Out = decltype(F::f(((void)I, Lane{})...));
    for (int64_t i = 0; i < n; ++i) static_cast<Out*>(out)[i] = F::f(static_cast<const Lane*>(in[I])[i * step[I]]...);
}
template <class F, class Lane> void forward_lanes(int64_t n, const void* const* in, const int64_t* step, void* out) {
    lane_loop<F, Lane>(n, in, step, out, std::make_index_sequence<arity<F>>{});
}
template <class F> void forward_masked_ints(int64_t n, const void* const* in, const int64_t* step, void* out) {
    const auto* condition = static_cast<const Truth*>(in[0]);
    const auto *a = static_cast<const Int*>(in[1]), *b = static_cast<const Int*>(in[2]);
    for (int64_t i = 0; i < n; ++i)
        static_cast<Int*>(out)[i] = F::f(condition[i * step[0]], a[i * step[1]], b[i * step[2]]);
}

template <class F, class T, int arg> struct Backward {
    static constexpr int uses = F::uses[arg];

    // Operands come packed: the gradient, then what is used, in order.
    template <int bit> static constexpr int slot = 1 + __builtin_popcount(uses&(bit - 1));
    template <int i> using Operand =
        std::conditional_t<(uses & (1 << i)) != 0, ForwardOperand<F, T, i>,
                           std::conditional_t<i == 0 && first_is_mask<F>, Absent<Mask<T>>, Absent<Vec<T>>>>;
    using Output = std::conditional_t<(uses & out) != 0, Numbers<T>, Absent<Vec<T>>>;

    template <int bit, class O> static FG_INLINE void bind(O& operand, const void* const* in, const int64_t* step) {
        if constexpr ((uses & bit) != 0) operand.bind(in[slot<bit>], step[slot<bit>]);
    }
    template <size_t... I> static FG_INLINE void loop(int64_t n, const void* const* in, const int64_t* step,
                                                      void* result, std::index_sequence<I...>) {
        bound<int(I)...>(n, in, step, result, Operand<int(I)>{}...);
    }
    template <int... I, class... Operands> static FG_INLINE void bound(int64_t n, const void* const* in,
                                                                       const int64_t* step, void* result,
                                                                       Operands... operands) {
        Numbers<T> grad;
        Output output;
        grad.bind(in[0], step[0]);
        (bind<(1 << I)>(operands, in, step), ...);
        bind<out>(output, in, step);
        vector_loop<T, is_short<F>>(
            n, result, [](auto... x) __attribute__((always_inline)) { return pullback<F, arg>(x...); }, grad,
            operands..., output);
    }
    template <int bit, class O> static FG_INLINE auto one_of(const void* const* in) {
        if constexpr ((uses & bit) != 0) return O::one(in[slot<bit>]);
        else return O{}.at(0);
    }
    template <size_t... I> static FG_INLINE void one(const void* const* in, void* result, std::index_sequence<I...>) {
        put(pullback<F, arg>(Numbers<T>::one(in[0]), one_of<(1 << I), Operand<int(I)>>(in)..., one_of<out, Output>(in)),
            result, 0, 1);
    }
    static FG_OUT_OF_LINE void many(int64_t n, const void* const* in, const int64_t* step, void* result) {
        loop(n, in, step, result, std::make_index_sequence<arity<F>>{});
    }
    static void run(int64_t n, const void* const* in, const int64_t* step, void* result) {
        if (n == 1) one(in, result, std::make_index_sequence<arity<F>>{});
        else many(n, in, step, result);
    }
    static constexpr kernels::ElementwiseKernel kernel = is_short<F> ? run : many;
};

template <class F, int arg> constexpr void add_backward(ElementwiseKernels& k) {
    if constexpr (arg < arity<F> && differentiable<F, arg> && !pullbacks_are_ops<F>) {
        k.backward[arg][2] = Backward<F, float, arg>::kernel;
        k.backward[arg][3] = Backward<F, double, arg>::kernel;
    }
}

template <class F> constexpr ElementwiseKernels elementwise_kernels() {
    ElementwiseKernels k{};
    constexpr Domain domain = F::entry.domain;
    if constexpr (domain == Domain::logical) {
        k.forward[0] = forward_lanes<F, Truth>;
    } else {
        k.forward[2] = Forward<F, float>::kernel;
        k.forward[3] = Forward<F, double>::kernel;
        if constexpr (domain != Domain::reals) {
            if constexpr (first_is_mask<F>) k.forward[1] = forward_masked_ints<F>;
            else k.forward[1] = forward_lanes<F, Int>;
        }
    }
    add_backward<F, 0>(k);
    add_backward<F, 1>(k);
    add_backward<F, 2>(k);
    return k;
}

template <class... F> constexpr void fill_elementwise(ElementwiseKernels* entries, OpList<F...>) {
    int i = 0;
    ((entries[i++] = elementwise_kernels<F>()), ...);
}

template <class... C> constexpr void fill_chains(ElementwiseKernel (*entries)[2], OpList<C...>) {
    ((entries[0][0] = Forward<C, float>::kernel, entries[0][1] = Forward<C, double>::kernel, ++entries), ...);
}

template <class... F> constexpr void fill_row_ops(ElementwiseKernel (*entries)[2], OpList<F...>) {
    ((entries[0][0] = RowForward<F, float>::kernel, entries[0][1] = RowForward<F, double>::kernel, ++entries), ...);
}

}  // namespace
}  // namespace fg::kernels
