// What derivative functions need of the core: the modes of a call, and values cut loose from graphs.
#include "bindings/nest.hpp"
#include "bindings/py_tensor.hpp"
#include "ops/shape.hpp"
#include "tape/apply.hpp"
#include "tape/recording.hpp"

namespace fg {
namespace {

thread_local int depth = 0;

Memory borrowing_or_copied() { return is_borrowing() ? Memory::borrowed : Memory::copied; }

Tensor own(const Tensor& t) { return t.traced() || !t.impl()->storage->borrowed() ? t.detach() : copy_of(t); }

// A fresh variable of the graph with the numbers of an argument; null when those are not real numbers.
Tensor variable(const py::object& argument) {
    PyObject* const o = argument.ptr();
    Tensor t;
    if (is_tensor(o)) {
        if (tensor_of(o).requires_grad()) return identity(tensor_of(o));
        t = tensor_of(o).detach();
    } else if (PyLong_Check(o) && !PyBool_Check(o)) {
        t = Tensor(argument.cast<double>());
    } else {
        t = to_operand(o, borrowing_or_copied());
    }
    if (!t || !is_floating(t.dtype())) return {};
    const Recording* const recording = Recording::active();
    if (recording && !(t.traced() && t.impl()->recording == recording->id())) {
        // A value of this recording, so that using it again finds the numbers, also those of a recording around it, and
        // not a variable of a graph gone by.
        const PassesGradients passing;
        t = identity(t);
    }
    t.impl()->requires_grad = true;
    return t;
}

// One call of a derivative function: how deep it is nested, and whether its results are tensors. Of an outlived one,
// the graph serves later calls; those are told of it, and their results are as its own.
class Transform {
public:
    Transform(const py::object& args, bool outlived, const Transform* earlier) {
        std::vector<py::object> leaves;
        flatten(args, leaves);
        bool tensors = false, outer_graph = false;
        for (const py::object& leaf : leaves) {
            if (!is_tensor(leaf.ptr())) continue;
            tensors = true;
            outer_graph |= tensor_of(leaf.ptr()).requires_grad();
        }
        const bool recording = Recording::active() != nullptr;
        gives_tensors_ = tensors || depth > 0 || recording;
        // Someone may differentiate the result again: an enclosing transform, or the arguments' own graph.
        creates_graph_ = grad_enabled() && (depth > 0 || outer_graph);
        // A recording may be differentiated later, but under no_grad its results leave without a trace.
        leaves_trace_ = recording && !grad_enabled();
        // Within an outermost call nothing outlives it, so arrays mixed into operations need no copy.
        borrows_ = depth == 0 && !outer_graph && !outlived && !earlier;
        if (!earlier) return;
        gives_tensors_ |= earlier->gives_tensors_;
        creates_graph_ |= grad_enabled() && earlier->creates_graph_;
    }

    void enter() {
        ++depth;
        grad_before_ = grad_enabled();
        set_grad_enabled(true);
        transforming_before_ = set_transforming(true);
        borrowing_before_ = set_borrowing(borrows_ || is_borrowing());
    }
    void exit() {
        --depth;
        set_grad_enabled(grad_before_);
        set_transforming(transforming_before_);
        set_borrowing(borrowing_before_);
    }

    bool creates_graph() const { return creates_graph_; }

    // What the caller gets: tensors cut loose unless they are to be differentiated again, or arrays.
    py::object result(const py::object& nest) const {
        std::vector<py::object> leaves;
        const py::object structure = flatten(nest, leaves);
        for (py::object& leaf : leaves) {
            if (!is_tensor(leaf.ptr())) continue;
            const Tensor& t = tensor_of(leaf.ptr());
            if (!gives_tensors_) leaf = to_result(t);
            else if (!creates_graph_) leaf = wrap(leaves_trace_ ? detached(t) : own(t));
        }
        const py::object* leaf = leaves.data();
        return unflatten(structure, leaf, leaf + leaves.size());
    }

private:
    bool gives_tensors_, creates_graph_, leaves_trace_, borrows_;
    bool grad_before_ = true, transforming_before_ = false, borrowing_before_ = false;
};

// --- its type, with the C API as bindings/py_tensor.hpp: making one takes longer in pybind11 than a small gradient

struct PyTransform {
    PyObject_HEAD Transform transform;
};
Transform& transform_of(PyObject* self) { return reinterpret_cast<PyTransform*>(self)->transform; }

PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        static const char* const names[] = {"args", "outlived", "earlier", nullptr};
        PyObject *given, *earlier = Py_None;
        int outlived = 0;
        if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|pO:Transform", const_cast<char**>(names), &given, &outlived,
                                         &earlier))
            return nullptr;
        if (earlier != Py_None && !PyObject_TypeCheck(earlier, type))
            throw TypeError(say("earlier must be a Transform, got ", Py_TYPE(earlier)->tp_name));
        const Transform transform(py::reinterpret_borrow<py::object>(given), outlived,
                                  earlier == Py_None ? nullptr : &transform_of(earlier));
        PyObject* const self = type->tp_alloc(type, 0);
        if (self) new (&transform_of(self)) Transform(transform);
        return self;
    });
}
void deallocate(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}
PyObject* enter(PyObject* self, PyObject*) {
    transform_of(self).enter();
    return Py_NewRef(self);
}
PyObject* exit(PyObject* self, PyObject* const*, Py_ssize_t) {
    transform_of(self).exit();
    Py_RETURN_NONE;
}
PyObject* create_graph(PyObject* self, void*) { return PyBool_FromLong(transform_of(self).creates_graph()); }
PyObject* result(PyObject* self, PyObject* nest) {
    return guarded([&] { return transform_of(self).result(py::reinterpret_borrow<py::object>(nest)).release().ptr(); });
}

void bind_type(py::module_& m) {
    static PyMethodDef methods[] = {
        {"__enter__", enter, METH_NOARGS, "__enter__($self, /)\n--\n\n"},
        {"__exit__", reinterpret_cast<PyCFunction>(slot(exit)), METH_FASTCALL, "__exit__($self, /, *args)\n--\n\n"},
        {"result", result, METH_O,
         "result($self, nest, /)\n--\n\nWhat the caller gets: tensors cut loose unless they are to be differentiated "
         "again, or arrays."},
        {}};
    static PyGetSetDef getters[] = {
        {"create_graph", create_graph, nullptr, "Whether its results are part of a graph.", nullptr}, {}};
    static PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("Transform(args, outlived=False, earlier=None)\n--\n\nContext of one call of a "
                                      "derivative function: what it is given decides what it gives.")},
        {Py_tp_new, slot(construct)},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_methods, methods},
        {Py_tp_getset, getters},
        {0, nullptr}};
    static PyType_Spec spec = {"fastgrad._core.Transform", sizeof(PyTransform), 0, Py_TPFLAGS_DEFAULT, slots};
    PyObject* const type = PyType_FromSpec(&spec);
    if (!type) throw py::error_already_set();
    m.attr("Transform") = py::reinterpret_steal<py::object>(type);
}

}  // namespace

void bind_transform(py::module_& m) {
    using py::arg;
    bind_type(m);
    m.def("set_borrowing", set_borrowing, arg("borrowing"),
          "While on, arrays mixed into operations of this thread are read in place instead of copied; returns what it "
          "was.");
    m.def("set_transforming", set_transforming, arg("transforming"),
          "While on, float() and item() of values that require gradients are refused in this thread; returns what it "
          "was.");
    m.def(
        "operand", [](const py::object& x) { return to_operand(x.ptr(), borrowing_or_copied()); }, arg("x"),
        "What an operation makes of a number or array, copied unless borrowing; None when it takes no such thing.");
    m.def("variable", variable, arg("argument"),
          "A fresh variable of the graph with the numbers of an argument; None when those are not real numbers.");
    m.def(
        "scalar", [](const Tensor& t) { return t.size() == 1 && is_floating(t.dtype()) ? reshape(t, {}) : Tensor(); },
        arg("tensor"), "The one real number of a tensor, of shape (); None when it holds something else.");
    m.def(
        "cut", [](const Tensor& t) { return t.detach(); }, arg("tensor"),
        "The same numbers, outside any graph. Unlike detach(), it is no part of a recording: gradients of the "
        "recording pass.");
    m.def(
        "zeros_like", [](const Tensor& t) { return Tensor::zeros(t.dtype(), t.shape()); }, arg("tensor"));
}

}  // namespace fg
