// Elementwise ops over Tensor: how C++ code, and the formulas of derivatives, use them.
#pragma once

#include "kernels/elementwise/list.hpp"
#include "tape/apply.hpp"

namespace fg {

// An op made from a formula.
struct ElementwiseOp : Op {
    const kernels::Entry* entry;
    int first_number;  // 1 where the first argument is a condition

    // By its place in the list of formulas.
    static const ElementwiseOp& at(int index);
};

// Uses an elementwise op after bringing the arguments to their common type.
Tensor apply_elementwise(const ElementwiseOp& op, Span<Tensor> in);

// call<kernels::Exp>(x): also what formulas over Tensor resolve to.
template <class F, class... Rest> Tensor call(const Tensor& first, const Rest&... rest) {
    const Tensor in[] = {first, rest...};
    return apply_elementwise(ElementwiseOp::at(kernels::elementwise_index<F>), in);
}

inline Tensor operator+(const Tensor& a, const Tensor& b) { return call<kernels::Add>(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return call<kernels::Subtract>(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return call<kernels::Multiply>(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return call<kernels::Divide>(a, b); }
inline Tensor operator-(const Tensor& a) { return call<kernels::Negative>(a); }
inline Tensor operator<(const Tensor& a, const Tensor& b) { return call<kernels::Less>(a, b); }
inline Tensor operator<=(const Tensor& a, const Tensor& b) { return call<kernels::LessEqual>(a, b); }
inline Tensor operator>(const Tensor& a, const Tensor& b) { return call<kernels::Greater>(a, b); }
inline Tensor operator>=(const Tensor& a, const Tensor& b) { return call<kernels::GreaterEqual>(a, b); }
inline Tensor operator==(const Tensor& a, const Tensor& b) { return call<kernels::Equal>(a, b); }
inline Tensor operator!=(const Tensor& a, const Tensor& b) { return call<kernels::NotEqual>(a, b); }
inline Tensor operator&(const Tensor& a, const Tensor& b) { return call<kernels::LogicalAnd>(a, b); }
inline Tensor operator|(const Tensor& a, const Tensor& b) { return call<kernels::LogicalOr>(a, b); }
inline Tensor select(const Tensor& condition, const Tensor& a, const Tensor& b) {
    return call<kernels::Where>(condition, a, b);
}

// Registers all of the family.
void register_elementwise_ops();

}  // namespace fg
