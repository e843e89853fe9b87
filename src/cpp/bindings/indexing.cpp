// Tensor[index]: what NumPy's basic indexing means, as slices, reshapes and gathers.
#include "bindings/py_tensor.hpp"
#include "ops/index.hpp"
#include "ops/shape.hpp"

namespace fg {
namespace {

// An index being taken apart, axis by axis.
struct Reading {
    const Tensor& x;
    int axis = 0;                 // of x, next to be read
    Dims starts, steps, lengths;  // per axis of x
    Dims shape;                   // of the result of slicing: without the axes an int took, with new ones
    Tensor array;                 // the one array of integers, if any
    int array_axis = -1;          // its axis in `shape`
    // Places in the index of its ints and its array: the first, the last, how many.
    int first_picked = -1, last_picked = -1, picked = 0;

    explicit Reading(const Tensor& t) : x(t) {}

    int64_t next_size() {
        if (axis == x.ndim())
            throw IndexError(say("too many indices: the tensor has ", x.ndim(), " dimension", x.ndim() == 1 ? "" : "s",
                                 " (shape ", x.shape(), ")"));
        return x.shape()[axis++];
    }
    void take(int64_t start, int64_t step, int64_t length) {
        starts.push_back(start);
        steps.push_back(step);
        lengths.push_back(length);
    }
    void whole_axis() {
        const int64_t size = next_size();
        take(0, 1, size);
        shape.push_back(size);
    }
    void one(int64_t index) {
        const int64_t size = next_size();
        if (index < -size || index >= size)
            throw IndexError(say("index ", index, " is out of range for axis ", axis - 1, " of shape ", x.shape()));
        take(index < 0 ? index + size : index, 1, 1);
    }
    void at_place(int place) {
        if (first_picked < 0) first_picked = place;
        last_picked = place;
        ++picked;
    }
    // NumPy's rule: the array's axes stay where they are if the ints stand next to it, and come first otherwise.
    bool array_comes_first() const { return last_picked - first_picked + 1 != picked; }

    void range(PyObject* s) {
        const int64_t size = next_size();
        Py_ssize_t start, stop, step;
        if (PySlice_Unpack(s, &start, &stop, &step) < 0) throw py::error_already_set();
        const Py_ssize_t length = PySlice_AdjustIndices(size, &start, &stop, step);
        take(start, length > 1 ? step : 1, length);  // a step that is never made may be as large as it likes
        shape.push_back(length);
    }
    void pick(Tensor index) {
        if (index.dtype() == DType::boolean)
            throw IndexError(
                "indexing with a boolean mask is not supported: its result's shape depends on the values; use "
                "fastgrad.where, or index with an array of integers");
        if (index.dtype() != DType::int64)
            throw IndexError(say("an index array is ", name(index.dtype()), ", expected integers"));
        if (array) throw IndexError("only one index array is supported in one index");
        array_axis = shape.size();
        array = index;
        whole_axis();
    }
};

void read(Reading& r, PyObject* item, int place, int axes_after) {
    if (item == Py_None) r.shape.push_back(1);
    else if (item == Py_Ellipsis)
        while (r.axis < r.x.ndim() - axes_after) r.whole_axis();
    else if (PySlice_Check(item)) r.range(item);
    else if (PyBool_Check(item)) throw IndexError("a bool is not an index");
    else if (is_tensor(item) && tensor_of(item).ndim() > 0) {
        r.pick(tensor_of(item));
        r.at_place(place);
    } else if (PyIndex_Check(item) && !py::isinstance<py::array>(item) &&
               !(is_tensor(item) && tensor_of(item).traced())) {
        const Py_ssize_t i = PyNumber_AsSsize_t(item, PyExc_IndexError);
        if (i == -1 && PyErr_Occurred()) throw py::error_already_set();
        r.one(i);
        r.at_place(place);
    } else {
        Tensor t = to_operand(item, Memory::copied);
        if (t && t.size() == 0 && PyList_Check(item)) t = astype(t, DType::int64);  // []
        if (!t)
            throw IndexError(say("an index of type ", Py_TYPE(item)->tp_name,
                                 " is not supported; use ints, slices, None, ... "
                                 "or one array of integers"));
        r.pick(t);
        r.at_place(place);
    }
}

// The `count` axes from `axis` on moved to the front.
Tensor with_axes_first(const Tensor& x, int axis, int count) {
    Dims axes;
    for (int i = 0; i < count; ++i) axes.push_back(axis + i);
    for (int i = 0; i < x.ndim(); ++i)
        if (i < axis || i >= axis + count) axes.push_back(i);
    return transpose(x, axes);
}

}  // namespace

Tensor get_item(const Tensor& x, PyObject* index) {
    Reading r(x);
    if (!PyTuple_Check(index)) {
        read(r, index, 0, 0);
    } else {
        const Py_ssize_t count = PyTuple_GET_SIZE(index);
        int axes_after = 0;  // those that the items to the right of an ellipsis read
        bool ellipsis = false;
        for (Py_ssize_t k = 0; k < count; ++k) {
            PyObject* item = PyTuple_GET_ITEM(index, k);
            if (item == Py_Ellipsis && ellipsis) throw IndexError("an index can hold ... only once");
            if (ellipsis && item != Py_None) ++axes_after;
            ellipsis |= item == Py_Ellipsis;
        }
        for (Py_ssize_t k = 0; k < count; ++k) read(r, PyTuple_GET_ITEM(index, k), int(k), axes_after);
    }
    while (r.axis < x.ndim()) r.whole_axis();
    bool all = true;
    for (int i = 0; i < x.ndim(); ++i) all &= r.starts[i] == 0 && r.steps[i] == 1 && r.lengths[i] == x.shape()[i];
    Tensor out = all ? x : slice(x, r.starts, r.steps, r.lengths);
    out = reshape(out, r.shape);
    if (!r.array) return out;
    out = gather(out, r.array, r.array_axis);
    return r.array_comes_first() ? with_axes_first(out, r.array_axis, r.array.ndim()) : out;
}

}  // namespace fg
