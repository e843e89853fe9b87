// fastgrad._core.ops: every op as a function of tensors, arrays and numbers.
#include "bindings/elementwise_functions.hpp"
#include "ops/contract.hpp"
#include "ops/index.hpp"
#include "ops/reduce.hpp"
#include "ops/shape.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

Tensor operand(const py::handle& x, const char* op) {
    PyObject* const one[] = {x.ptr()};
    Tensor t;
    to_operands(one, 1, op, &t);
    return t;
}

template <class... F> PyMethodDef* elementwise_definitions(kernels::OpList<F...>) {
    static PyMethodDef definitions[] = {
        {F::entry.name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(function<F>)), METH_FASTCALL,
         F::entry.doc}...,
        {nullptr, nullptr, 0, nullptr}};
    return definitions;
}

// name -> (NumPy ufunc or None, arity, method or not), for the layers that dispatch by name.
template <class... F> py::dict elementwise_table(kernels::OpList<F...>) {
    py::dict table;
    const auto add = [&](auto formula) {
        using G = decltype(formula);
        py::object ufunc = G::entry.ufunc ? py::object(py::str(G::entry.ufunc)) : py::object(py::none());
        table[G::entry.name] = py::make_tuple(ufunc, kernels::arity<G>, G::entry.method);
    };
    (add(F{}), ...);
    return table;
}

using Reduction = Tensor (*)(const Tensor&, const Dims&, bool);
template <Reduction reduction> void def_reduction(py::module_& ops, const char* name, const char* doc) {
    ops.def(
        name,
        [name](const py::object& x, const py::object& axis, bool keepdims) {
            const Tensor t = operand(x, name);
            const Dims axes = to_axes(axis, t);
            if (t.size() < release_gil_above) return reduction(t, axes, keepdims);
            const WithoutGil released;
            return reduction(t, axes, keepdims);
        },
        py::arg("x"), py::arg("axis") = py::none(), py::arg("keepdims") = false, doc);
}

// The flattened gather that NumPy's take means when no axis is given.
Tensor take(const py::object& x, const py::object& indices, const py::object& axis) {
    Tensor t = operand(x, "take");
    const Tensor index = from_array_or_tensor(indices);
    if (axis.is_none()) t = reshape(t, {-1});
    return gather(t, index, axis.is_none() ? 0 : axis.cast<int>());
}

// x (..., n), indices (...) -> (...): one number per row.
Tensor take_along_last(const py::object& x, const py::object& indices) {
    const Tensor t = operand(x, "take_along_last"), index = from_array_or_tensor(indices);
    Dims rows = t.shape();
    if (rows.empty()) throw ValueError("take_along_last: x of shape () has no axis to take along");
    rows.erase(rows.size() - 1);
    if (index.shape() != rows)
        throw ValueError(
            say("take_along_last: x of shape ", t.shape(), " needs indices of shape ", rows, ", got ", index.shape()));
    return gather(t, index, t.ndim() - 1, t.ndim() - 1);
}

}  // namespace

void bind_ops(py::module_& m) {
    py::module_ ops =
        m.def_submodule("ops", "Operations on tensors, arrays and numbers; each records and differentiates.");
    if (PyModule_AddFunctions(ops.ptr(), elementwise_definitions(kernels::ElementwiseOps{})) < 0)
        throw py::error_already_set();
    m.attr("elementwise_table") = elementwise_table(kernels::ElementwiseOps{});

    def_reduction<sum>(ops, "sum", "Sum over axes.");
    def_reduction<mean>(ops, "mean", "Arithmetic mean over axes.");
    def_reduction<max>(ops, "max", "Largest over axes; a NaN wins, ties share the gradient evenly.");
    def_reduction<min>(ops, "min", "Smallest over axes; a NaN wins, ties share the gradient evenly.");
    def_reduction<logsumexp>(ops, "logsumexp", "log(sum(exp(x))) over axes, without overflow.");

    using py::arg;
    ops.def(
        "matmul",
        [](const py::object& a, const py::object& b) {
            PyObject* const both[] = {a.ptr(), b.ptr()};
            Tensor in[2];
            to_operands(both, 2, "matmul", in);
            const WithoutGil released;
            return matmul(in[0], in[1]);
        },
        arg("a"), arg("b"), "Matrix product as numpy.matmul: leading axes broadcast.");
    ops.def(
        "reshape",
        [](const py::object& x, const py::object& shape) {
            return reshape(to_viewed_operand(x, "reshape"), to_dims(shape, "shape"));
        },
        arg("x"), arg("shape"), "The same numbers in another shape; one size may be -1.");
    ops.def(
        "transpose",
        [](const py::object& x, const py::object& axes) {
            return transpose(to_viewed_operand(x, "transpose"), axes.is_none() ? Dims() : to_dims(axes, "axes"));
        },
        arg("x"), arg("axes") = py::none(), "Axes in another order; reversed when none are named.");
    ops.def(
        "broadcast_to",
        [](const py::object& x, const py::object& shape) {
            return broadcast_to(to_viewed_operand(x, "broadcast_to"), to_dims(shape, "shape"));
        },
        arg("x"), arg("shape"), "Repeated to a shape by NumPy's broadcasting rule.");
    ops.def(
        "concatenate",
        [](const py::object& parts, int axis) {
            std::vector<PyObject*> objects;
            for (const py::handle& part : py::reinterpret_borrow<py::iterable>(parts)) objects.push_back(part.ptr());
            std::vector<Tensor> in(objects.size());
            to_operands(objects.data(), Py_ssize_t(objects.size()), "concatenate", in.data());
            return concatenate(in, axis);
        },
        arg("parts"), arg("axis") = 0, "Joined along an existing axis.");
    ops.def(
        "astype",
        [](const py::object& x, const py::object& dtype) {
            return astype(to_viewed_operand(x, "astype"), to_dtype(dtype));
        },
        arg("x"), arg("dtype"), "Converted to another dtype.");
    ops.def(
        "identity", [](const py::object& x) { return identity(to_viewed_operand(x, "identity")); }, arg("x"),
        "The same numbers, as a new value of the graph.");
    ops.def("take", take, arg("x"), arg("indices"), arg("axis") = py::none(),
            "Numbers at integer indices along an axis (of the flattened array when None).");
    ops.def("take_along_last", take_along_last, arg("x"), arg("indices"),
            "One number of the last axis per row: x[..., indices].");

    m.def(
        "op_names",
        [] {
            py::list names;
            for (const Op* op : all_ops()) names.append(op->name);
            return names;
        },
        "Names of all primitive operations.");
}

}  // namespace fg
