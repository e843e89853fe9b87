// The Python type Tensor, made with the C API: a pybind11 object costs several times the arithmetic of a small op.
#pragma once

#include "bindings/convert.hpp"

namespace fg {

class ViewOf;  // bindings/views.hpp

struct PyTensor {
    PyObject_HEAD Tensor value;
    PyObject* weak_references;
    ViewOf* view;     // of another handle; null: of none
    uint64_t writes;  // to it, so far
    uint64_t born;    // in this recording; 0: in none
};

extern PyTypeObject* tensor_type;

void follow_base(PyTensor& self);
void drop_view(PyTensor& self);

inline bool is_tensor(PyObject* o) { return PyObject_TypeCheck(o, tensor_type); }
inline Tensor& tensor_of(PyObject* o) {
    auto* self = reinterpret_cast<PyTensor*>(o);
    if (self->view) follow_base(*self);
    return self->value;
}

// A new reference.
PyObject* new_tensor(Tensor t);
inline py::object wrap(Tensor t) { return py::reinterpret_steal<py::object>(new_tensor(std::move(t))); }

// A handle as such, where a function needs more than its value.
class TensorHandle : public py::object {
    PYBIND11_OBJECT(TensorHandle, object, is_tensor)
};

// Tensors, and nothing else; `what` they are, for the error.
std::vector<Tensor> tensors_of(const py::iterable& list, const char* what);
// None for a null one.
py::list to_list(Span<Tensor> tensors);

// Runs a slot or function written against the C API; C++ exceptions become Python's.
template <class F> PyObject* guarded(F&& f) {
    try {
        return f();
    } catch (...) {
        set_python_error();
        return nullptr;
    }
}

// A function as the slot of a type, or as a method that takes its arguments in an array.
template <class F> void* slot(F* f) { return reinterpret_cast<void*>(f); }

// The value at an index: ints, slices, None, ..., arrays of integers and masks. picks: set where it is no view in
// NumPy, but picked by arrays, or a single number.
Tensor get_item(const Tensor& t, PyObject* index, bool* picks = nullptr);
// x with `value`, broadcast, at the index.
Tensor set_item(const Tensor& x, PyObject* index, const Tensor& value);

// Makes the type and adds it to the module.
void bind_tensor_type(py::module_& m);
// Properties and methods with keywords.
void bind_tensor_methods(py::module_& m);

}  // namespace fg

namespace pybind11::detail {

template <> struct handle_type_name<fg::TensorHandle> { static constexpr auto name = const_name("Tensor"); };

template <> struct type_caster<fg::Tensor> {
    PYBIND11_TYPE_CASTER(fg::Tensor, const_name("Tensor"));

    bool load(handle source, bool) {
        if (!fg::is_tensor(source.ptr())) return false;
        value = fg::tensor_of(source.ptr());
        return true;
    }
    static handle cast(const fg::Tensor& t, return_value_policy, handle) {
        if (!t) return none().release();
        return fg::new_tensor(t);
    }
};

}  // namespace pybind11::detail
