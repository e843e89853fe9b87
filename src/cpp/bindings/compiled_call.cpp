// CompiledCall: the type under fg.compile. A call that is like an earlier one goes from here straight to its replay;
// every other goes to the method `_call` of the Python class above, which records and then tells `_remember`.
//
// Like: positional arguments only, nests of tuples, lists and dicts alike down to their keys, the leaves floats, arrays
// or tensors of the same shapes and dtypes, or the same static values.
#include "bindings/nest.hpp"
#include "bindings/py_tensor.hpp"
#include "core/few.hpp"
#include "tape/apply.hpp"
#include "tape/program.hpp"

PYBIND11_DECLARE_HOLDER_TYPE(T, fg::Ref<T>, true)

namespace fg {
namespace {

namespace npy = py::detail;

// One node of the nest of arguments, in preorder.
struct Node {
    enum Kind { tuple, list, dict, number, array, tensor, constant } kind;
    Py_ssize_t size = 0;           // of a tuple, list or dict
    std::vector<py::object> keys;  // of a dict, in the order of the leaves
    py::object object;             // of an array: its dtype; of a constant: itself
    Meta meta;                     // of an array or tensor
};

// The numbers of a leaf while they are read.
struct Leaf {
    const void* data = nullptr;
    double number = 0;
    Tensor held;
    py::object array;  // a list may let go of it while the replay runs without the GIL
};

// How an output becomes a leaf of the result.
enum class Finish {
    tensor,
    array,   // an array made by NumPy, which the replay writes to
    number,  // a NumPy scalar
    any,     // whatever else: views, large arrays
};

struct Entry {
    std::vector<Node> nodes;
    bool grad_enabled;
    bool gives_tensors;
    Ref<Program> program;
    py::object structure;        // of the result, as bindings/nest.hpp has it
    py::object build;            // makes the result of the list of finished outputs; None: all of its leaves are these
    std::vector<Finish> finish;  // of each output
    int leaves = 0;
    double work = 0;
};

constexpr size_t most_entries = 16;  // looked through one after the other
constexpr double release_gil_work = 50e3;
constexpr int few = 8;

struct PyCompiledCall {
    PyObject_HEAD std::vector<std::shared_ptr<const Entry>>* entries;
};

std::vector<std::shared_ptr<const Entry>>& entries_of(PyObject* self) {
    return *reinterpret_cast<PyCompiledCall*>(self)->entries;
}

PyTypeObject* array_type() { return npy::npy_api::get().PyArray_Type_; }
bool is_plain_array(PyObject* o) { return Py_TYPE(o) == array_type(); }
bool is_static(PyObject* o) {
    return o == Py_None || PyBool_Check(o) || PyLong_CheckExact(o) || PyUnicode_CheckExact(o) || PyBytes_CheckExact(o);
}

// --- noting down what a call was like

bool describe(const py::handle& o, std::vector<Node>& nodes) {
    PyObject* const p = o.ptr();
    Node node{};
    const auto add_items = [&](Node::Kind kind, const std::vector<py::object>& items) {
        node.kind = kind;
        node.size = Py_ssize_t(items.size());
        nodes.push_back(std::move(node));
        for (const py::object& item : items)
            if (!describe(item, nodes)) return false;
        return true;
    };
    std::vector<py::object> items;
    if (PyTuple_CheckExact(p) || PyList_CheckExact(p)) {
        for (const py::handle& item : o) items.push_back(py::reinterpret_borrow<py::object>(item));
        return add_items(PyTuple_CheckExact(p) ? Node::tuple : Node::list, items);
    }
    if (PyDict_CheckExact(p)) {
        for (const py::handle& key : sorted_keys(o)) {
            node.keys.push_back(py::reinterpret_borrow<py::object>(key));
            items.push_back(o[key]);
        }
        return add_items(Node::dict, items);
    }
    if (PyFloat_CheckExact(p)) {
        node.kind = Node::number;
    } else if (is_tensor(p)) {
        node.kind = Node::tensor;
        node.meta = tensor_of(p).meta();
    } else if (is_plain_array(p)) {
        const auto array = py::reinterpret_borrow<py::array>(o);
        bool held_as_it_is = false;
        for (DType t : {DType::boolean, DType::int64, DType::float32, DType::float64})
            if (array.dtype().is(to_numpy(t))) {
                node.meta.dtype = t;
                held_as_it_is = true;
            }
        if (!held_as_it_is || array.ndim() > max_ndim) return false;
        for (py::ssize_t i = 0; i < array.ndim(); ++i) node.meta.shape.push_back(array.shape(i));
        node.kind = Node::array;
        node.object = array.dtype();
    } else if (is_static(p)) {
        node.kind = Node::constant;
        node.object = py::reinterpret_borrow<py::object>(o);
    } else {
        return false;
    }
    nodes.push_back(std::move(node));
    return true;
}

// --- comparing a call with what was noted

bool take_array(PyObject* o, const Node& node, Leaf& leaf) {
    const auto* array = npy::array_proxy(o);
    if (array->nd != node.meta.shape.size() || array->descr != node.object.ptr()) return false;
    for (int i = 0; i < array->nd; ++i)
        if (array->dimensions[i] != node.meta.shape[i]) return false;
    constexpr int plain = npy::npy_api::NPY_ARRAY_C_CONTIGUOUS_ | npy::npy_api::NPY_ARRAY_ALIGNED_;
    if ((array->flags & plain) == plain) {
        leaf.data = array->data;
        leaf.array = py::reinterpret_borrow<py::object>(o);
    } else {
        leaf.held = contiguous(from_array(o, Memory::borrowed));
        leaf.data = leaf.held.view().data;
    }
    return true;
}

bool take_tensor(PyObject* o, const Node& node, Leaf& leaf) {
    const Tensor& t = tensor_of(o);
    if (t.dtype() != node.meta.dtype || t.weak() != node.meta.weak || t.shape() != node.meta.shape) return false;
    if (t.traced() || (t.requires_grad() && grad_enabled())) return false;
    leaf.held = contiguous(t);
    leaf.data = leaf.held.view().data;
    return true;
}

bool is_same_constant(PyObject* o, const Node& node) {
    PyObject* const constant = node.object.ptr();
    if (o == constant) return true;
    if (Py_TYPE(o) != Py_TYPE(constant) || !is_static(o)) return false;
    const int equal = PyObject_RichCompareBool(o, constant, Py_EQ);
    if (equal < 0) PyErr_Clear();
    return equal == 1;
}

// Goes down the nest from `node` on; leaves with numbers are written one after the other.
bool matches(PyObject* o, const Node*& node, Leaf*& leaf) {
    const Node& n = *node++;
    switch (n.kind) {
        case Node::tuple:
            if (!PyTuple_CheckExact(o) || PyTuple_GET_SIZE(o) != n.size) return false;
            for (Py_ssize_t i = 0; i < n.size; ++i)
                if (!matches(PyTuple_GET_ITEM(o, i), node, leaf)) return false;
            return true;
        case Node::list:
            if (!PyList_CheckExact(o) || PyList_GET_SIZE(o) != n.size) return false;
            for (Py_ssize_t i = 0; i < n.size; ++i)
                if (!matches(PyList_GET_ITEM(o, i), node, leaf)) return false;
            return true;
        case Node::dict:
            if (!PyDict_CheckExact(o) || PyDict_GET_SIZE(o) != n.size) return false;
            for (const py::object& key : n.keys) {
                PyObject* const item = PyDict_GetItemWithError(o, key.ptr());
                if (!item) {
                    PyErr_Clear();
                    return false;
                }
                if (!matches(item, node, leaf)) return false;
            }
            return true;
        case Node::number:
            if (!PyFloat_CheckExact(o)) return false;
            leaf->number = PyFloat_AS_DOUBLE(o);
            leaf->data = &leaf->number;
            ++leaf;
            return true;
        case Node::array: return is_plain_array(o) && take_array(o, n, *leaf) && (++leaf, true);
        case Node::tensor: return is_tensor(o) && take_tensor(o, n, *leaf) && (++leaf, true);
        case Node::constant: return is_same_constant(o, n);
    }
    return false;
}

// --- running

void replay(Run& run, double work) {
    if (work < release_gil_work) return run.replay();
    const WithoutGil released;
    run.replay();
}

py::object replay_entry(const Entry& entry, const Leaf* leaves) {
    const Lowered& lowered = entry.program->lowered();
    const size_t results = lowered.results.size(), count = lowered.bases.output_views.size();
    Run run(*entry.program);
    for (int i = 0; i < entry.leaves; ++i) run.set_input(size_t(i), leaves[i].data);

    Few<Tensor, few> outputs(count), tensors(results);
    Few<py::object, few> done(results);
    Few<double, few> numbers(results);
    for (size_t i = 0; i < results; ++i) {
        if (entry.finish[i] == Finish::number) {
            run.set_output(size_t(lowered.results[i].output), &numbers[i]);
        } else if (entry.finish[i] == Finish::array) {
            const View& view = lowered.results[i].operand.view;
            py::array array(to_numpy(view.dtype), std::vector<py::ssize_t>(view.shape.begin(), view.shape.end()));
            run.set_output(size_t(lowered.results[i].output), array.mutable_data());
            done[i] = std::move(array);
        } else if (const int output = lowered.results[i].output; output >= 0 && !outputs[size_t(output)]) {
            const View& view = lowered.bases.output_views[size_t(output)];
            outputs[size_t(output)] = Tensor::empty(view.dtype, view.shape);
            run.set_output(size_t(output), outputs[size_t(output)].view().data);
        }
    }
    replay(run, entry.work);

    for (size_t i = 0; i < results; ++i)
        if (entry.finish[i] == Finish::tensor || entry.finish[i] == Finish::any) tensors[i] = run.result(i, outputs);
    for (Tensor& output : outputs) output = Tensor();  // so that results hold their memory alone
    for (size_t i = 0; i < results; ++i) {
        switch (entry.finish[i]) {
            case Finish::tensor: done[i] = wrap(std::move(tensors[i])); break;
            case Finish::number: done[i] = numpy_scalar(lowered.results[i].operand.view.dtype, &numbers[i]); break;
            case Finish::any: done[i] = to_result(tensors[i]); break;
            case Finish::array: break;
        }
    }
    if (!entry.build.is_none()) {
        py::list list;
        for (py::object& leaf : done) list.append(std::move(leaf));
        return entry.build(list);
    }
    const py::object* leaf = done.data();
    return unflatten(entry.structure, leaf, leaf + results);
}

// The result where a call is like the entry's, else null.
py::object replay_if_like(const std::shared_ptr<const Entry>& held, PyObject* args) {
    const Entry& entry = *held;
    Few<Leaf, few> leaves(size_t(entry.leaves));
    const Node* node = entry.nodes.data();
    Leaf* leaf = leaves.data();
    if (!matches(args, node, leaf)) return {};
    const auto kept = held;  // the call may change the list
    return replay_entry(*kept, leaves.data());
}

PyObject* call(PyObject* self, PyObject* args, PyObject* keywords) {
    return guarded([&]() -> PyObject* {
        if ((!keywords || PyDict_GET_SIZE(keywords) == 0) && !Recording::active()) {
            for (const auto& entry : entries_of(self)) {
                if (entry->grad_enabled != grad_enabled() || !entry->program->is_current()) continue;
                if (py::object result = replay_if_like(entry, args)) return result.release().ptr();
            }
        }
        static PyObject* const name = PyUnicode_InternFromString("_call");
        const auto method = py::reinterpret_steal<py::object>(PyObject_GetAttr(self, name));
        if (!method) throw py::error_already_set();
        PyObject* const result = PyObject_Call(method.ptr(), args, keywords);
        if (!result) throw py::error_already_set();
        return result;
    });
}

Finish finish_of(const Entry& entry, size_t i) {
    constexpr int64_t large = 64 * 1024;  // memory that core/storage.cpp keeps for the next call
    if (entry.gives_tensors) return Finish::tensor;
    const Lowered& lowered = entry.program->lowered();
    const Result& result = lowered.results[i];
    if (result.output < 0) return Finish::any;
    const View &view = result.operand.view, &whole = lowered.bases.output_views[size_t(result.output)];
    if (view.shape.empty() && whole.shape.empty() && is_floating(view.dtype)) return Finish::number;
    const bool plain = view.contiguous() && result.operand.at.offset == 0 && !view.shape.empty();
    return plain && view.size() * itemsize(view.dtype) <= large ? Finish::array : Finish::any;
}

// From now on calls like this one go straight to the program, as this one does; NotImplemented when they cannot be told
// from others here.
PyObject* remember(PyObject* self, PyObject* given) {
    return guarded([&]() -> PyObject* {
        const auto args = py::reinterpret_borrow<py::tuple>(given);
        auto entry = std::make_shared<Entry>();
        entry->grad_enabled = grad_enabled();
        if (!describe(args[0], entry->nodes)) Py_RETURN_NOTIMPLEMENTED;
        entry->program = args[1].cast<Ref<Program>>();
        entry->gives_tensors = args[2].cast<bool>();
        entry->structure = args[3];
        entry->build = args[4];
        for (const Node& node : entry->nodes)
            entry->leaves += node.kind == Node::number || node.kind == Node::array || node.kind == Node::tensor;
        if (size_t(entry->leaves) != entry->program->recording().inputs().size()) Py_RETURN_NOTIMPLEMENTED;
        for (const auto& step : entry->program->steps()) entry->work += step->work();
        for (size_t i = 0; i < entry->program->lowered().results.size(); ++i)
            entry->finish.push_back(finish_of(*entry, i));
        auto& entries = entries_of(self);
        if (entries.size() == most_entries) entries.pop_back();
        entries.insert(entries.begin(), entry);
        py::object result = replay_if_like(entry, py::object(args[0]).ptr());
        if (!result) Py_RETURN_NOTIMPLEMENTED;
        return result.release().ptr();
    });
}

PyObject* forget(PyObject* self, PyObject*) {
    entries_of(self).clear();
    Py_RETURN_NONE;
}

// --- the type

PyObject* construct(PyTypeObject* type, PyObject*, PyObject*) {
    PyObject* const self = type->tp_alloc(type, 0);
    if (self) reinterpret_cast<PyCompiledCall*>(self)->entries = new std::vector<std::shared_ptr<const Entry>>;
    return self;
}
int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    if (reinterpret_cast<PyCompiledCall*>(self)->entries)
        for (const auto& entry : entries_of(self)) {
            Py_VISIT(entry->build.ptr());
            Py_VISIT(entry->structure.ptr());
        }
    return 0;
}
int clear(PyObject* self) {
    if (reinterpret_cast<PyCompiledCall*>(self)->entries) entries_of(self).clear();
    return 0;
}
void deallocate(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    delete reinterpret_cast<PyCompiledCall*>(self)->entries;
    type->tp_free(self);
    Py_DECREF(type);
}

}  // namespace

void bind_compiled_call(py::module_& m) {
    static PyMethodDef methods[] = {
        {"_remember", remember, METH_VARARGS,
         "_remember($self, args, program, gives_tensors, structure, build, /)\n--\n\nThe result by the program; from "
         "now on calls like this one go straight to it. NotImplemented when they cannot be told from others here. The "
         "outputs are the leaves of structure, or build makes the result of their list."},
        {"_forget", forget, METH_NOARGS, "_forget($self, /)\n--\n\nLets go of all that was remembered."},
        {}};
    static PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("A callable that replays what `_call` has recorded for like arguments.")},
        {Py_tp_new, slot(construct)},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_traverse, slot(traverse)},
        {Py_tp_clear, slot(clear)},
        {Py_tp_call, slot(call)},
        {Py_tp_methods, methods},
        {0, nullptr}};
    static PyType_Spec spec = {"fastgrad._core.CompiledCall", sizeof(PyCompiledCall), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
    PyObject* const type = PyType_FromSpec(&spec);
    if (!type) throw py::error_already_set();
    m.attr("CompiledCall") = py::reinterpret_steal<py::object>(type);
}

}  // namespace fg
