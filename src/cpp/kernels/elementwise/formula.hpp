// What the entry of an elementwise op is made of. Read this before adding one.
//
//   struct Mul {
//       static constexpr Entry entry{"mul", "Product a * b.", "multiply", Domain::numbers};
//       static constexpr int uses[] = {in1, in0};                            // what each pullback reads
//       template <class V> static V f(V a, V b) { return a * b; }
//       template <class V> static V d0(V g, V a, V b, V y) { return g * b; }  // g times df/da
//       template <class V> static V d1(V g, V a, V b, V y) { return g * a; }
//   };
//
// V is a SIMD vector in the kernels and a Tensor when the derivative is itself recorded or differentiated, so a
// formula branches through select() only and calls other ops as call<Other>(x). Each pullback is linear in g: it
// serves backward (g: gradient of the output) and forward mode (g: tangent of the argument) alike. Pullbacks may read
// only what `uses` names: the other arguments are not kept and come as empty values.
#pragma once

namespace fg::kernels {

// Which numbers an op is defined on, and what it gives.
enum class Domain {
    reals,    // float32 and float64; integers and bools become float64
    numbers,  // also int64; bools become int64
    ordered,  // numbers; gives bool
    logical,  // bool only; gives bool
};

struct Entry {
    const char* name;   // the Python method and function
    const char* doc;    // one line for the docstring: what it computes, and its derivative's convention at kinks
    const char* ufunc;  // the NumPy ufunc it answers to, or null
    Domain domain;
    bool method = true;  // also a method of Tensor
};

// Bits of `uses`: which arguments, and the output, a pullback reads.
enum : int { nothing = 0, in0 = 1, in1 = 2, in2 = 4, out = 1 << 6 };

constexpr int max_elementwise_arity = 3;

template <class... Entries> struct OpList { static constexpr int size = sizeof...(Entries); };

template <class... Lists> struct Concat;
template <class... A> struct Concat<OpList<A...>> { using type = OpList<A...>; };
template <class... A, class... B, class... Rest> struct Concat<OpList<A...>, OpList<B...>, Rest...> {
    using type = typename Concat<OpList<A..., B...>, Rest...>::type;
};

template <class Entry, class List> struct IndexOf;
template <class E, class... Rest> struct IndexOf<E, OpList<E, Rest...>> { static constexpr int value = 0; };
template <class E, class First, class... Rest> struct IndexOf<E, OpList<First, Rest...>> {
    static constexpr int value = 1 + IndexOf<E, OpList<Rest...>>::value;
};

template <class F> constexpr int arity = int(sizeof(F::uses) / sizeof(int));

// Whether the first argument is a truth value: such a formula says `first_is_mask = true`.
template <class F, class = void> constexpr bool first_is_mask = false;
template <class F> constexpr bool first_is_mask<F, decltype(void(F::first_is_mask))> = F::first_is_mask;

// Whether a gradient passes to argument i.
template <class F, int i>
constexpr bool differentiable = (F::entry.domain == Domain::reals || F::entry.domain == Domain::numbers) &&
                                !(i == 0 && first_is_mask<F>);

// Whether each pullback is an op by itself, and has no kernel of its own: such a formula says `pullbacks_are_ops =
// true`.
template <class F, class = void> constexpr bool pullbacks_are_ops = false;
template <class F> constexpr bool pullbacks_are_ops<F, decltype(void(F::pullbacks_are_ops))> = F::pullbacks_are_ops;

// The pullback of argument i, by number.
template <class F, int i, class V, class... Rest> V pullback(V g, Rest... rest) {
    if constexpr (i == 0) return F::d0(g, rest...);
    else if constexpr (i == 1) return F::d1(g, rest...);
    else return F::d2(g, rest...);
}

// Makes call<Op>(x) parse as a template call inside formulas; the real ones are found by argument type.
template <class Op> void call();

}  // namespace fg::kernels
