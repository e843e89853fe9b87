// Taking nests apart and putting them together, by the C API: every call of a derivative function does both, several
// times.
#include "bindings/nest.hpp"

#include "bindings/py_tensor.hpp"

namespace fg {
namespace {

PyObject* leaf_mark() {
    static PyObject* const mark = PyUnicode_InternFromString("*");
    return mark;
}

py::object stolen(PyObject* object) {
    if (!object) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(object);
}

PyObject* type_object(PyTypeObject& type) { return reinterpret_cast<PyObject*>(&type); }

// Nests may be as deep as Python's calls.
class Deeper {
public:
    Deeper() {
        if (Py_EnterRecursiveCall(" in a nest of dicts, lists and tuples")) throw py::error_already_set();
    }
    ~Deeper() { Py_LeaveRecursiveCall(); }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
};

bool is_named_tuple(PyObject* o) { return PyTuple_Check(o) && py::hasattr(o, "_fields"); }

py::object flatten_sequence(PyObject* nest, std::vector<py::object>& leaves) {
    const Deeper deeper;
    // A list may change while its items are looked at.
    const py::object items = stolen(PyList_Check(nest) ? PyList_AsTuple(nest) : Py_NewRef(nest));
    const Py_ssize_t n = PyTuple_GET_SIZE(items.ptr());
    const py::object structure = stolen(PyTuple_New(2 + n));
    PyTuple_SET_ITEM(structure.ptr(), 0, Py_NewRef(type_object(*Py_TYPE(nest))));
    PyTuple_SET_ITEM(structure.ptr(), 1, Py_NewRef(Py_None));
    for (Py_ssize_t i = 0; i < n; ++i)
        PyTuple_SET_ITEM(structure.ptr(), 2 + i, flatten(PyTuple_GET_ITEM(items.ptr(), i), leaves).release().ptr());
    return structure;
}

py::object flatten_dict(PyObject* nest, std::vector<py::object>& leaves) {
    const Deeper deeper;
    const py::tuple keys = sorted_keys(nest);
    const Py_ssize_t n = PyTuple_GET_SIZE(keys.ptr());
    const py::object structure = stolen(PyTuple_New(2 + n));
    PyTuple_SET_ITEM(structure.ptr(), 0, Py_NewRef(type_object(PyDict_Type)));
    PyTuple_SET_ITEM(structure.ptr(), 1, Py_NewRef(keys.ptr()));
    for (Py_ssize_t i = 0; i < n; ++i) {
        const py::object item = stolen(PyObject_GetItem(nest, PyTuple_GET_ITEM(keys.ptr(), i)));
        PyTuple_SET_ITEM(structure.ptr(), 2 + i, flatten(item, leaves).release().ptr());
    }
    return structure;
}

py::list list_of(const std::vector<py::object>& items) {
    py::list list(items.size());
    for (size_t i = 0; i < items.size(); ++i) PyList_SET_ITEM(list.ptr(), Py_ssize_t(i), Py_NewRef(items[i].ptr()));
    return list;
}

PyObject* flatten_nest(PyObject*, PyObject* nest) {
    return guarded([&] {
        std::vector<py::object> leaves;
        const py::object structure = flatten(nest, leaves);
        return stolen(PyTuple_Pack(2, list_of(leaves).ptr(), structure.ptr())).release().ptr();
    });
}

PyObject* unflatten_nest(PyObject*, PyObject* const* args, Py_ssize_t count) {
    return guarded([&] {
        if (count != 2 || !PyList_Check(args[1])) throw TypeError("unflatten() takes a structure and a list of leaves");
        std::vector<py::object> leaves;
        for (const py::handle& leaf : py::reinterpret_borrow<py::list>(args[1]))
            leaves.push_back(py::reinterpret_borrow<py::object>(leaf));
        const py::object* leaf = leaves.data();
        return unflatten(args[0], leaf, leaf + leaves.size()).release().ptr();
    });
}

}  // namespace

py::tuple sorted_keys(const py::handle& dict) {
    const py::object keys = stolen(PyDict_Keys(dict.ptr()));
    if (PyList_Sort(keys.ptr()) == 0) return stolen(PyList_AsTuple(keys.ptr()));
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
    PyErr_Clear();  // keys that do not compare keep the order they were put in
    return stolen(PySequence_Tuple(dict.ptr()));
}

py::object flatten(const py::handle& nest, std::vector<py::object>& leaves) {
    PyObject* const o = nest.ptr();
    if (o == Py_None) return py::none();
    if (PyTuple_CheckExact(o) || PyList_CheckExact(o) || is_named_tuple(o)) return flatten_sequence(o, leaves);
    if (PyDict_CheckExact(o)) return flatten_dict(o, leaves);
    leaves.push_back(py::reinterpret_borrow<py::object>(nest));
    return py::reinterpret_borrow<py::object>(leaf_mark());
}

py::object unflatten(const py::handle& structure, const py::object*& leaf, const py::object* end) {
    if (structure.ptr() == leaf_mark()) {
        if (leaf == end) throw ValueError("a nest has more leaves than were given");
        return *leaf++;
    }
    if (structure.is_none()) return py::none();
    const Deeper deeper;
    PyObject* const kind = PyTuple_GET_ITEM(structure.ptr(), 0);
    PyObject* const keys = PyTuple_GET_ITEM(structure.ptr(), 1);
    const Py_ssize_t n = PyTuple_GET_SIZE(structure.ptr()) - 2;
    const auto item = [&](Py_ssize_t i) { return unflatten(PyTuple_GET_ITEM(structure.ptr(), 2 + i), leaf, end); };
    if (kind == type_object(PyDict_Type)) {
        const py::object dict = stolen(PyDict_New());
        for (Py_ssize_t i = 0; i < n; ++i)
            if (PyDict_SetItem(dict.ptr(), PyTuple_GET_ITEM(keys, i), item(i).ptr()) < 0) throw py::error_already_set();
        return dict;
    }
    if (kind == type_object(PyList_Type)) {
        const py::object list = stolen(PyList_New(n));
        for (Py_ssize_t i = 0; i < n; ++i) PyList_SET_ITEM(list.ptr(), i, item(i).release().ptr());
        return list;
    }
    const py::object tuple = stolen(PyTuple_New(n));
    for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple.ptr(), i, item(i).release().ptr());
    return kind == type_object(PyTuple_Type) ? tuple : stolen(PyObject_CallObject(kind, tuple.ptr()));  // a named tuple
}

void bind_nest(py::module_& m) {
    static PyMethodDef functions[] = {
        {"flatten", flatten_nest, METH_O,
         "flatten(nest: object) -> tuple\n\nLeaves in order (of dicts by sorted key, as JAX does), and the structure "
         "to "
         "rebuild with.\n"},
        {"unflatten", reinterpret_cast<PyCFunction>(slot(unflatten_nest)), METH_FASTCALL,
         "unflatten(structure: object, leaves: list) -> object\n\nThe nest of that structure with these leaves.\n"},
        {}};
    if (PyModule_AddFunctions(m.ptr(), functions) < 0) throw py::error_already_set();
}

}  // namespace fg
