// What elementwise kernels there are besides one for each formula.
//
// Chains: two formulas run as one, what lies between them in a register. Their bits are those of one after the other.
//
// Memory is what such short formulas wait for: a product and a sum take as long as either. A chain costs about 1 kB of
// the library, so the list has those that programs are full of.
#pragma once

#include "kernels/elementwise/list.hpp"

namespace fg::kernels {

// Outer of Inner's result as argument `at`, and of what else it takes. The operands are Inner's two, then Outer's
// others.
template <class Outer_, class Inner_, int at_> struct Chain {
    using Outer = Outer_;
    using Inner = Inner_;
    static constexpr int at = at_;
    static constexpr int uses[arity<Inner> + arity<Outer> - 1] = {};
    template <class V> static V f(V a, V b) { return Outer::f(Inner::f(a, b)); }
    template <class V> static V f(V a, V b, V c) {
        if constexpr (at == 0) return Outer::f(Inner::f(a, b), c);
        else return Outer::f(c, Inner::f(a, b));
    }
};

using Chains =
    OpList<Chain<Add, Multiply, 0>, Chain<Subtract, Multiply, 0>, Chain<Subtract, Multiply, 1>, Chain<Add, Add, 0>,
           Chain<Subtract, Add, 0>, Chain<Multiply, Add, 0>, Chain<Multiply, Subtract, 0>, Chain<Multiply, Multiply, 0>,
           Chain<Square, Subtract, 0>, Chain<Relu, Add, 0>>;

constexpr int chain_count = Chains::size;

struct ChainOf {
    int outer, inner, at;  // places in ElementwiseOps
};

template <class... C> constexpr void list_chains(ChainOf* to, OpList<C...>) {
    ((*to++ = {elementwise_index<typename C::Outer>, elementwise_index<typename C::Inner>, C::at}), ...);
}

// The place of a chain in Chains, or -1.
inline int find_chain(int outer, int inner, int at) {
    struct List {
        ChainOf chains[chain_count];
        constexpr List() : chains() { list_chains(chains, Chains{}); }
    };
    static constexpr List list;
    if (outer == elementwise_index<Add> || outer == elementwise_index<Multiply>) at = 0;  // they commute
    for (int i = 0; i < chain_count; ++i) {
        const ChainOf& c = list.chains[i];
        if (c.outer == outer && c.inner == inner && c.at == at) return i;
    }
    return -1;
}

// Formulas of a matrix and a row, such as a bias, that is not copied for each row of the matrix. The kernels' second
// operand has the row's length for its step; the matrix lies row behind row.
using RowOps = OpList<Add, Chain<Relu, Add, 0>>;

constexpr int row_op_count = RowOps::size;

template <class F> struct RowOpOf {
    static constexpr ChainOf value = {elementwise_index<F>, -1, 0};
};
template <class Outer, class Inner, int at> struct RowOpOf<Chain<Outer, Inner, at>> {
    static constexpr ChainOf value = {elementwise_index<Outer>, elementwise_index<Inner>, at};
};
template <class... F> constexpr void list_row_ops(ChainOf* to, OpList<F...>) { ((*to++ = RowOpOf<F>::value), ...); }

// The place in RowOps of a formula (inner: -1), or of one behind another as its first argument; or -1.
inline int find_row_op(int outer, int inner) {
    struct List {
        ChainOf ops[row_op_count];
        constexpr List() : ops() { list_row_ops(ops, RowOps{}); }
    };
    static constexpr List list;
    for (int i = 0; i < row_op_count; ++i)
        if (list.ops[i].outer == outer && list.ops[i].inner == inner) return i;
    return -1;
}

}  // namespace fg::kernels
