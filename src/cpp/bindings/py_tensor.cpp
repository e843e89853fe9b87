// The Tensor type: creation, number slots, indexing, conversion to Python numbers, text.
#include "bindings/py_tensor.hpp"

#include <structmember.h>

#include "bindings/elementwise_functions.hpp"
#include "bindings/views.hpp"
#include "ops/contract.hpp"
#include "tape/recording.hpp"

namespace fg {

PyTypeObject* tensor_type = nullptr;

namespace {

PyObject* allocate(PyTypeObject* type, Tensor t) {
    auto* self = reinterpret_cast<PyTensor*>(type->tp_alloc(type, 0));
    if (!self) throw py::error_already_set();
    new (&self->value) Tensor(std::move(t));
    if (const Recording* recording = Recording::active()) self->born = recording->id();
    return reinterpret_cast<PyObject*>(self);
}

// Tensor(data, dtype=None, requires_grad=False), for subclasses too.
PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        static const char* names[] = {"data", "dtype", "requires_grad", nullptr};
        PyObject *data = nullptr, *dtype = Py_None;
        int requires_grad = 0;
        if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|Op:Tensor", const_cast<char**>(names), &data, &dtype,
                                         &requires_grad))
            throw py::error_already_set();
        Tensor t;
        if (is_tensor(data)) {
            t = from_array(to_array(tensor_of(data).detach()), Memory::copied);
        } else {
            t = from_array(data, Memory::copied);
        }
        if (dtype != Py_None && t.dtype() != to_dtype(dtype)) {
            Tensor converted = Tensor::empty(to_dtype(dtype), t.shape());
            copy(t.view(), converted.view());
            t = converted;
        }
        if (requires_grad && !is_floating(t.dtype()))
            throw TypeError(say("requires_grad=True needs float32 or float64 data, got ", name(t.dtype())));
        t.impl()->requires_grad = requires_grad != 0;
        return allocate(type, std::move(t));
    });
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    auto* tensor = reinterpret_cast<PyTensor*>(self);
    if (tensor->weak_references) PyObject_ClearWeakRefs(self);
    if (tensor->view) drop_view(*tensor);
    tensor->value.~Tensor();
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject* multiply_matrices(PyObject* a, PyObject* b) {
    return guarded([&]() -> PyObject* {
        if (!is_operand(a) || !is_operand(b)) Py_RETURN_NOTIMPLEMENTED;
        PyObject* const both[] = {a, b};
        Tensor in[2];
        to_operands(both, 2, "matmul", in);
        if (in[0].size() + in[1].size() < release_gil_above) return new_tensor(matmul(in[0], in[1]));
        Tensor out;
        {
            const WithoutGil released;
            out = matmul(in[0], in[1]);
        }
        return new_tensor(std::move(out));
    });
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
    if (modulus == Py_None) return binary<kernels::Power>(a, b);
    PyErr_SetString(PyExc_TypeError, "pow() of a tensor takes no modulus");
    return nullptr;
}

// One number, for float(), int() and bool().
double number(PyObject* self, const char* asked_by) {
    const Tensor& t = tensor_of(self);
    if (t.traced())
        throw RecordingError(say(asked_by,
                                 " of a tensor was asked for while recording, where it has no value yet; use "
                                 "fastgrad.where instead of if, fastgrad.numpy.zeros instead of an array of NumPy's "
                                 "that is filled, or pass the value as a static argument"));
    if (t.size() != 1)
        throw ValueError(
            say(asked_by, " needs a tensor of one number, got shape ", t.shape(),
                asked_by == std::string("bool()") ? "; use (x > 0).all-style reductions or fastgrad.where" : ""));
    if (asked_by != std::string("bool()")) check_readable(t, asked_by);  // a branch is part of the function
    return t.item();
}
PyObject* as_float(PyObject* self) {
    return guarded([&] { return PyFloat_FromDouble(number(self, "float()")); });
}
PyObject* as_int(PyObject* self) {
    return guarded([&]() -> PyObject* {
        const double v = number(self, "int()");
        if (tensor_of(self).dtype() == DType::int64) return PyLong_FromLongLong(*tensor_of(self).view().as<int64_t>());
        return PyLong_FromDouble(v);
    });
}
int as_bool(PyObject* self) {
    try {
        return number(self, "bool()") != 0;
    } catch (...) {
        set_python_error();
        return -1;
    }
}
PyObject* as_index(PyObject* self) {
    return guarded([&]() -> PyObject* {
        if (tensor_of(self).dtype() != DType::int64)
            throw TypeError(
                say("only an int64 tensor can serve as an index, this one is ", name(tensor_of(self).dtype())));
        return as_int(self);
    });
}

PyObject* compare(PyObject* a, PyObject* b, int op) {
    switch (op) {
        case Py_LT: return binary<kernels::Less>(a, b);
        case Py_LE: return binary<kernels::LessEqual>(a, b);
        case Py_GT: return binary<kernels::Greater>(a, b);
        case Py_GE: return binary<kernels::GreaterEqual>(a, b);
        case Py_EQ: return binary<kernels::Equal>(a, b);
        default: return binary<kernels::NotEqual>(a, b);
    }
}
Py_hash_t hash(PyObject* self) { return Py_hash_t(reinterpret_cast<uintptr_t>(self) >> 4); }

Py_ssize_t length(PyObject* self) {
    const Tensor& t = tensor_of(self);
    if (t.ndim()) return t.shape()[0];
    PyErr_SetString(PyExc_TypeError, "a tensor of shape () has no length");
    return -1;
}
PyObject* subscript(PyObject* self, PyObject* index) {
    return guarded([&] { return view_at(self, index); });
}
PyObject* item_at(PyObject* self, Py_ssize_t i) {
    const py::int_ index(i);
    return subscript(self, index.ptr());
}
int assign_subscript(PyObject* self, PyObject* index, PyObject* value) {
    if (!value) {
        PyErr_SetString(PyExc_TypeError, "items of a tensor cannot be deleted");
        return -1;
    }
    try {
        assign_item(self, index, value);
        return 0;
    } catch (...) {
        set_python_error();
        return -1;
    }
}
PyObject* iterate(PyObject* self) {
    if (tensor_of(self).ndim()) return PySeqIter_New(self);
    PyErr_SetString(PyExc_TypeError, "a tensor of shape () cannot be iterated over");
    return nullptr;
}

PyObject* represent(PyObject* self) {
    return guarded([&] {
        const Tensor& t = tensor_of(self);
        std::string text;
        if (t.traced()) {
            text = say("tensor(recorded, shape=", t.shape(), ", dtype=", name(t.dtype()));
        } else {
            py::object array2string = py::module_::import("numpy").attr("array2string");
            text = "tensor(" + std::string(py::str(array2string(to_array(t.detach()), py::arg("separator") = ", ",
                                                                py::arg("prefix") = "tensor(")));
            if (t.dtype() != DType::float64) text += say(", dtype=", name(t.dtype()));
        }
        if (t.requires_grad()) text += ", requires_grad=True";
        return py::str(text + ")").release().ptr();
    });
}

// abs, exp, ...: every unary elementwise op whose entry asks for a method.
template <class... F> PyMethodDef* elementwise_methods(kernels::OpList<F...>) {
    static PyMethodDef methods[kernels::elementwise_count + 1] = {};
    int n = 0;
    const auto add = [&](auto formula) {
        using G = decltype(formula);
        if constexpr (kernels::arity<G> == 1 && G::entry.domain != kernels::Domain::logical) {
            if (G::entry.method) methods[n++] = {G::entry.name, unary_method<G>, METH_NOARGS, G::entry.doc};
        }
    };
    (add(F{}), ...);
    return methods;
}

}  // namespace

PyObject* new_tensor(Tensor t) { return allocate(tensor_type, std::move(t)); }

std::vector<Tensor> tensors_of(const py::iterable& list, const char* what) {
    std::vector<Tensor> out;
    for (const py::handle& item : list) {
        if (!is_tensor(item.ptr())) throw TypeError(say(what, " must be tensors, got ", Py_TYPE(item.ptr())->tp_name));
        out.push_back(tensor_of(item.ptr()));
    }
    return out;
}

py::list to_list(Span<Tensor> tensors) {
    py::list list;
    for (const Tensor& t : tensors) list.append(t ? wrap(t) : py::object(py::none()));
    return list;
}

void bind_tensor_type(py::module_& m) {
    static PyMemberDef members[] = {
        {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weak_references), READONLY, nullptr}, {}};
    static PyType_Slot slots[] = {
        {Py_tp_doc,
         const_cast<char*>("Tensor(data, dtype=None, requires_grad=False)\n--\n\nAn n-dimensional array that remembers "
                           "how it was computed.\n\nPrefer `fastgrad.tensor`.")},
        {Py_tp_new, slot(construct)},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_members, members},
        {Py_tp_methods, elementwise_methods(kernels::ElementwiseOps{})},
        {Py_tp_repr, slot(represent)},
        {Py_tp_richcompare, slot(compare)},
        {Py_tp_hash, slot(hash)},
        {Py_tp_iter, slot(iterate)},
        {Py_mp_length, slot(length)},
        {Py_sq_length, slot(length)},
        {Py_mp_subscript, slot(subscript)},
        {Py_mp_ass_subscript, slot(assign_subscript)},
        {Py_sq_item, slot(item_at)},
        {Py_nb_add, slot(binary<kernels::Add>)},
        {Py_nb_subtract, slot(binary<kernels::Subtract>)},
        {Py_nb_multiply, slot(binary<kernels::Multiply>)},
        {Py_nb_true_divide, slot(binary<kernels::Divide>)},
        {Py_nb_floor_divide, slot(binary<kernels::FloorDivide>)},
        {Py_nb_remainder, slot(binary<kernels::Remainder>)},
        {Py_nb_power, slot(power)},
        {Py_nb_matrix_multiply, slot(multiply_matrices)},
        {Py_nb_and, slot(binary<kernels::LogicalAnd>)},
        {Py_nb_or, slot(binary<kernels::LogicalOr>)},
        {Py_nb_invert, slot(unary<kernels::LogicalNot>)},
        {Py_nb_negative, slot(unary<kernels::Negative>)},
        {Py_nb_positive, slot(+[](PyObject* self) -> PyObject* { return Py_NewRef(self); })},
        {Py_nb_absolute, slot(unary<kernels::Absolute>)},
        {Py_nb_float, slot(as_float)},
        {Py_nb_int, slot(as_int)},
        {Py_nb_index, slot(as_index)},
        {Py_nb_bool, slot(as_bool)},
        {0, nullptr}};
    static PyType_Spec spec = {"fastgrad.Tensor", sizeof(PyTensor), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    tensor_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (!tensor_type) throw py::error_already_set();
    m.attr("Tensor") = py::handle(reinterpret_cast<PyObject*>(tensor_type));
}

}  // namespace fg
