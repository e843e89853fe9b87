// Item assignment as NumPy means it, on values that are never written to.
//
// A write makes a new value, and the handle that Python holds takes it. A handle that was made from another by
// indexing, reshaping or transposing follows: it is a view of that one, takes its new value when it is next read, and
// passes what is written to it on.
#pragma once

#include "bindings/py_tensor.hpp"

namespace fg {

// How a handle follows another.
class ViewOf {
public:
    explicit ViewOf(PyObject* base);  // a new reference
    virtual ~ViewOf() = default;
    ViewOf(const ViewOf&) = delete;
    ViewOf& operator=(const ViewOf&) = delete;

    virtual Tensor read(const Tensor& base) const = 0;
    // The base with `value` in the place of the view.
    virtual Tensor write(const Tensor& base, const Tensor& value) const = 0;

    PyObject* const base;
    PyObject* const root;  // where the bases end; held by the last of them
    uint64_t seen;         // writes to the root that the view's value knows of
};

// A new handle on `value`, which is what `view` reads now.
PyObject* new_view(Tensor value, ViewOf* view);

PyObject* view_at(PyObject* base, PyObject* index);
PyObject* reshaped_view(PyObject* base, const Dims& shape);
PyObject* transposed_view(PyObject* base, const Dims& axes);

// self[index] = value.
void assign_item(PyObject* self, PyObject* index, PyObject* value);

}  // namespace fg
