// fastgrad._core.ops: every op as a function of tensors, arrays and numbers.
#include "bindings/elementwise_functions.hpp"
#include "ops/contract.hpp"
#include "ops/index.hpp"
#include "ops/order.hpp"
#include "ops/reduce.hpp"
#include "ops/scan.hpp"
#include "ops/shape.hpp"
#include "ops/sorting.hpp"
#include "ops/truth.hpp"
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
        {F::entry.name, reinterpret_cast<PyCFunction>(slot(function<F>)), METH_FASTCALL, F::entry.doc}...,
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

// An op along one axis; along the flattened array when that is None.
using AlongOne = Tensor (*)(const Tensor&, int);
template <AlongOne op>
void def_along_one(py::module_& ops, const char* name, const char* doc, const py::object& axis_if_none_given) {
    ops.def(
        name,
        [name](const py::object& x, const py::object& axis) {
            Tensor t = operand(x, name);
            const int along = axis.is_none() ? 0 : axis.cast<int>();
            if (axis.is_none()) t = reshape(t, {-1});
            if (t.size() < release_gil_above) return op(t, along);
            const WithoutGil released;
            return op(t, along);
        },
        py::arg("x"), py::arg("axis") = axis_if_none_given, doc);
}

Tensor take_along(const py::object& x, const py::object& indices, const py::object& axis) {
    const Tensor t = operand(x, "take_along_axis"), index = from_array_or_tensor(indices);
    if (axis.is_none()) return take_along_axis(reshape(t, {-1}), index, 0);
    return take_along_axis(t, index, axis.cast<int>());
}

Tensor search(const py::object& a, const py::object& v, const std::string& side, const py::object& sorter) {
    if (side != "left" && side != "right")
        throw ValueError(say("searchsorted: side must be left or right, got ", side));
    PyObject* const both[] = {a.ptr(), v.ptr()};
    Tensor in[2];
    to_operands(both, 2, "searchsorted", in);
    if (!sorter.is_none()) in[0] = gather(in[0], from_array_or_tensor(sorter), 0);
    return searchsorted(in[0], in[1], side == "right");
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
    def_reduction<prod>(ops, "prod", "Product over axes.");
    def_reduction<any>(ops, "any", "Whether a number is not zero, over axes.");
    def_reduction<all>(ops, "all", "Whether no number is zero, over axes.");
    def_reduction<count_nonzero>(ops, "count_nonzero", "How many numbers are not zero, over axes.");
    def_reduction<argmax>(ops, "argmax",
                          "Position of the largest along an axis: the first of equals, or the first NaN.");
    def_reduction<argmin>(ops, "argmin",
                          "Position of the smallest along an axis: the first of equals, or the first NaN.");

    const py::int_ last(-1);
    def_along_one<cumsum>(ops, "cumsum", "Running sum along an axis (of the flattened array when None).", py::none());
    def_along_one<cumprod>(ops, "cumprod", "Running product along an axis (of the flattened array when None).",
                           py::none());
    def_along_one<sort>(ops, "sort",
                        "In ascending order along an axis (the flattened array when None); NaN comes last.", last);
    def_along_one<argsort>(
        ops, "argsort",
        "Positions that sort along an axis (the flattened array when None); equal numbers keep their order.", last);

    using py::arg;
    ops.def(
        "places_of_ranks",
        [](const py::object& x, const py::object& ranks) {
            const Tensor t = operand(x, "places_of_ranks");
            const Dims wanted = to_dims(ranks, "ranks");
            const WithoutGil released;
            return places_of_ranks(t, wanted);
        },
        arg("x"), arg("ranks"), "Where the numbers of at most 8 ranks stand along the last axis, as argsort says.");
    ops.def("searchsorted", search, arg("a"), arg("v"), arg("side") = "left", arg("sorter") = py::none(),
            "Where values go in sorted numbers: before their equals, or behind them with side right; sorter sorts a.");
    ops.def("take_along_axis", take_along, arg("x"), arg("indices"), arg("axis") = -1,
            "Numbers at an index each along an axis: x and the indices run together along all others.");
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
    ops.def(
        "scatter_add",
        [](const py::object& x, const py::object& indices, int64_t n) {
            return scatter_add(operand(x, "scatter_add"), from_array_or_tensor(indices), n);
        },
        arg("x"), arg("indices"), arg("n"), "Sums of numbers by index: those with index i are added up at place i.");
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
