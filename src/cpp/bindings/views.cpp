// Handles that follow others, and what may be written to.
#include "bindings/views.hpp"

#include <utility>
#include <vector>

#include "ops/shape.hpp"
#include "tape/recording.hpp"

namespace fg {

namespace {

PyTensor& handle(PyObject* o) { return *reinterpret_cast<PyTensor*>(o); }

class IndexedView final : public ViewOf {
public:
    IndexedView(PyObject* of, PyObject* index) : ViewOf(of), index_(py::reinterpret_borrow<py::object>(index)) {}
    Tensor read(const Tensor& from) const override { return get_item(from, index_.ptr()); }
    Tensor write(const Tensor& to, const Tensor& value) const override { return set_item(to, index_.ptr(), value); }

private:
    py::object index_;
};

class ReshapedView final : public ViewOf {
public:
    ReshapedView(PyObject* of, const Dims& shape) : ViewOf(of), shape_(shape) {}
    Tensor read(const Tensor& from) const override { return reshape(from, shape_); }
    Tensor write(const Tensor& to, const Tensor& value) const override { return reshape(value, to.shape()); }

private:
    Dims shape_;
};

class TransposedView final : public ViewOf {
public:
    TransposedView(PyObject* of, const Dims& axes) : ViewOf(of), axes_(axes) {}
    Tensor read(const Tensor& from) const override { return transpose(from, axes_); }
    Tensor write(const Tensor& to, const Tensor& value) const override {
        Dims inverse = axes_;
        for (int i = 0; i < axes_.size(); ++i) inverse[int(axes_[i] + (axes_[i] < 0 ? to.ndim() : 0))] = i;
        return transpose(value, inverse);
    }

private:
    Dims axes_;  // none: reversed
};

bool is_argument(const Tensor& t) {
    const Recording* recording = Recording::active();
    return recording && t.traced() && recording->values()[size_t(t.impl()->value)].kind == ValueKind::input;
}

void check_writable(PyObject* self) {
    if (const ViewOf* view = handle(self).view) self = view->root;
    const Tensor& t = handle(self).value;
    const Recording* recording = Recording::active();
    if (is_argument(t) || (t.requires_grad() && t.is_leaf()))
        throw GradientError(
            "a tensor that gradients are taken of, or an argument of a recorded function, is not written to: the "
            "caller "
            "would not see it; write to a copy, x = x.copy()");
    if (handle(self).born != (recording ? recording->id() : 0) && recording)
        throw RecordingError(
            "a tensor from outside the function being recorded is not written to in it: a replay would not do so "
            "again; write to a copy made inside, x = x.copy()");
}

// The handle takes the value, its bases what that makes of them. They knew of all writes when the value was made.
void give(PyObject* self, Tensor value) {
    PyObject* const root = handle(self).view ? handle(self).view->root : self;
    const uint64_t writes = handle(root).writes + 1;
    while (ViewOf* const view = handle(self).view) {
        Tensor of_base = view->write(handle(view->base).value, value);
        handle(self).value = std::move(value);
        view->seen = writes;
        value = std::move(of_base);
        self = view->base;
    }
    handle(root).value = std::move(value);
    handle(root).writes = writes;
}

}  // namespace

void follow_base(PyTensor& self) {
    const uint64_t writes = handle(self.view->root).writes;
    std::vector<PyTensor*> behind;
    for (PyTensor* at = &self; at->view && at->view->seen != writes; at = &handle(at->view->base)) behind.push_back(at);
    for (auto at = behind.rbegin(); at != behind.rend(); ++at) {
        ViewOf& view = *(*at)->view;
        (*at)->value = view.read(handle(view.base).value);
        view.seen = writes;
    }
}

// A chain of views goes one by one: each may be the last to hold its base.
void drop_view(PyTensor& self) {
    thread_local std::vector<PyObject*> waiting;
    thread_local bool dropping = false;
    waiting.push_back(self.view->base);
    delete std::exchange(self.view, nullptr);
    if (dropping) return;
    dropping = true;
    while (!waiting.empty()) {
        PyObject* const base = waiting.back();
        waiting.pop_back();
        Py_DECREF(base);
    }
    dropping = false;
}

ViewOf::ViewOf(PyObject* of)
    : base(Py_NewRef(of)), root(handle(of).view ? handle(of).view->root : of), seen(handle(root).writes) {}

PyObject* new_view(Tensor value, ViewOf* view) {
    PyObject* const made = new_tensor(std::move(value));
    handle(made).view = view;
    return made;
}

PyObject* view_at(PyObject* base, PyObject* index) {
    bool picks = false;
    Tensor value = get_item(tensor_of(base), index, &picks);
    return picks ? new_tensor(std::move(value)) : new_view(std::move(value), new IndexedView(base, index));
}

PyObject* reshaped_view(PyObject* base, const Dims& shape) {
    return new_view(reshape(tensor_of(base), shape), new ReshapedView(base, shape));
}

PyObject* transposed_view(PyObject* base, const Dims& axes) {
    return new_view(transpose(tensor_of(base), axes), new TransposedView(base, axes));
}

void assign_item(PyObject* self, PyObject* index, PyObject* value) {
    check_writable(self);
    const Tensor number = to_operand(value, Memory::copied);
    if (!number) throw TypeError(say("a value of type ", Py_TYPE(value)->tp_name, " cannot be put into a tensor"));
    give(self, set_item(tensor_of(self), index, number));
}

}  // namespace fg
