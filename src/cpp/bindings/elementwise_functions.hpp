// C functions for every elementwise op, made from its entry: what number slots, methods and fastgrad._core.ops call.
#pragma once

#include "bindings/py_tensor.hpp"
#include "ops/elementwise.hpp"

namespace fg {

// Large work runs without the GIL.
inline Tensor run_op(const ElementwiseOp& op, Span<Tensor> in) {
    int64_t largest = 0;
    for (const Tensor& t : in) largest = std::max(largest, t.size());
    if (largest < release_gil_above) return apply_elementwise(op, in);
    const WithoutGil released;
    return apply_elementwise(op, in);
}

// x ** 2 and the like cost a multiplication, not a logarithm. As NumPy does.
inline const ElementwiseOp* cheaper_power(PyObject* exponent) {
    if (!PyFloat_CheckExact(exponent) && !PyLong_CheckExact(exponent)) return nullptr;
    const double e = PyFloat_AsDouble(exponent);
    if (e == 2.0) return &ElementwiseOp::at(kernels::elementwise_index<kernels::Square>);
    if (e == 0.5) return &ElementwiseOp::at(kernels::elementwise_index<kernels::Sqrt>);
    if (e == -1.0) return &ElementwiseOp::at(kernels::elementwise_index<kernels::Reciprocal>);
    PyErr_Clear();
    return nullptr;
}

template <class F> PyObject* unary_method(PyObject* self, PyObject*) {
    return guarded([&] {
        const Tensor in[] = {tensor_of(self)};
        return new_tensor(run_op(ElementwiseOp::at(kernels::elementwise_index<F>), in));
    });
}

template <class F> PyObject* function(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return guarded([&]() -> PyObject* {
        if (count != kernels::arity<F>)
            throw TypeError(say(F::entry.name, "() takes ", kernels::arity<F>, " arguments, got ", count));
        if constexpr (std::is_same_v<F, kernels::Power>) {
            if (const ElementwiseOp* op = cheaper_power(args[1])) {
                Tensor base[1];
                to_operands(args, 1, F::entry.name, base);
                // A float exponent makes integers real, which the square would not.
                if (is_floating(base[0].dtype()) || !PyFloat_CheckExact(args[1])) return new_tensor(run_op(*op, base));
            }
        }
        Tensor in[kernels::arity<F>];
        to_operands(args, count, F::entry.name, in);
        return new_tensor(run_op(ElementwiseOp::at(kernels::elementwise_index<F>), in));
    });
}

inline bool is_operand(PyObject* o) {
    return is_tensor(o) || PyFloat_Check(o) || PyLong_Check(o) || bool(to_operand(o, Memory::borrowed));
}

// A number slot or comparison: an operand of another kind gives the other type its turn.
template <class F> PyObject* binary(PyObject* a, PyObject* b) {
    return guarded([&]() -> PyObject* {
        if (!is_operand(a) || !is_operand(b)) Py_RETURN_NOTIMPLEMENTED;
        PyObject* const both[] = {a, b};
        return function<F>(nullptr, both, 2);
    });
}

template <class F> PyObject* unary(PyObject* self) { return unary_method<F>(self, nullptr); }

}  // namespace fg
