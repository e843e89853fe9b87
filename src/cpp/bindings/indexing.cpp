// Tensor[index] and Tensor[index] = value: what NumPy's indexing means, as slices, reshapes, gathers and their
// opposites.
#include <vector>

#include "bindings/py_tensor.hpp"
#include "ops/along_axis.hpp"
#include "ops/assign.hpp"
#include "ops/elementwise.hpp"
#include "ops/index.hpp"
#include "ops/shape.hpp"

namespace fg {
namespace {

// Where a mask holds, in the order of its numbers.
Tensor positions_of(const Tensor& mask) {
    if (mask.traced())
        throw RecordingError(
            "a boolean mask that is computed here was used as an index while recording: how many numbers it picks "
            "depends "
            "on the values; write fastgrad.where(mask, x, 0) and reduce that, or index with integers");
    Tensor held;
    const char* holds = packed(mask.view(), held);
    const int64_t size = mask.size();
    int64_t count = 0;
    for (int64_t i = 0; i < size; ++i) count += holds[i] != 0;
    Tensor positions = Tensor::empty(DType::int64, {count});
    int64_t* next = positions.view().as<int64_t>();
    for (int64_t i = 0; i < size; ++i)
        if (holds[i]) *next++ = i;
    return positions;
}

// An index being taken apart, axis by axis.
struct Reading {
    const Tensor& x;
    int axis = 0;                 // of x, next to be read
    Dims starts, steps, lengths;  // per axis of x
    Dims shape;                   // of the result of slicing: without the axes an int took, with new ones
    std::vector<Tensor> arrays;   // of integers
    Dims array_axes;              // their axes in `shape`
    // Places in the index of its ints and arrays: the first, the last, how many.
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
    // NumPy's rule: the arrays' axes stay where they are if ints and arrays stand side by side, and come first
    // otherwise.
    bool arrays_come_first() const { return last_picked - first_picked + 1 != picked; }

    void range(PyObject* s) {
        const int64_t size = next_size();
        Py_ssize_t start, stop, step;
        if (PySlice_Unpack(s, &start, &stop, &step) < 0) throw py::error_already_set();
        const Py_ssize_t length = PySlice_AdjustIndices(size, &start, &stop, step);
        take(start, length > 1 ? step : 1, length);  // a step that is never made may be as large as it likes
        shape.push_back(length);
    }
    void pick(Tensor index) {
        if (index.dtype() == DType::boolean) return pick_where(index);
        if (index.dtype() != DType::int64)
            throw IndexError(say("an index array is ", name(index.dtype()), ", expected integers"));
        arrays.push_back(index);
        array_axes.push_back(shape.size());
        whole_axis();
    }
    // The axes of a mask, as one.
    void pick_where(const Tensor& mask) {
        const int first = axis;
        int64_t joined = 1;
        for (int64_t wanted : mask.shape()) {
            const int64_t size = next_size();
            if (size != wanted)
                throw IndexError(say("a mask of shape ", mask.shape(), " does not fit the axes from ", first,
                                     " on of shape ", x.shape()));
            take(0, 1, size);
            joined *= size;
        }
        arrays.push_back(positions_of(mask));
        array_axes.push_back(shape.size());
        shape.push_back(joined);
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
                                 " is not supported; use ints, slices, None, ..., "
                                 "arrays of integers or masks"));
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

// How many axes of the tensor an item of an index reads.
int axes_read_by(PyObject* item) {
    if (item == Py_None) return 0;
    if (is_tensor(item) || py::isinstance<py::array>(item) || PyList_Check(item)) {
        const Tensor t = to_operand(item, Memory::copied);
        if (t && t.dtype() == DType::boolean) return t.ndim();
    }
    return 1;
}

// Gathers where the arrays, broadcast together, point: their axes of x are brought together and made one.
Tensor gather_together(const Tensor& x, const std::vector<Tensor>& arrays, const Dims& array_axes, int& picked_ndim) {
    const int place = int(array_axes[0]);
    if (arrays.size() == 1) {
        picked_ndim = arrays[0].ndim();
        return gather(x, arrays[0], place);
    }
    Dims common, sizes, order, merged;
    for (const Tensor& array : arrays)
        if (!broadcast(common, array.shape(), common))
            throw IndexError(
                say("index arrays of shapes ", common, " and ", array.shape(), " do not broadcast together"));
    int64_t joined = 1;
    for (int64_t axis : array_axes) {
        sizes.push_back(x.shape()[int(axis)]);
        joined *= sizes.at_end(1);
    }
    for (int i = 0; i < x.ndim(); ++i) {
        if (i == place) {
            for (int64_t axis : array_axes) order.push_back(axis);
            merged.push_back(joined);
        } else if (!array_axes.contains(i)) {
            order.push_back(i);
            merged.push_back(x.shape()[i]);
        }
    }
    std::vector<Tensor> spread;
    for (const Tensor& array : arrays) spread.push_back(broadcast_to(array, common));
    picked_ndim = common.size();
    return gather(reshape(transpose(x, order), merged), flat_index(spread, sizes), place);
}

Reading read_index(const Tensor& x, PyObject* index) {
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
            if (ellipsis) axes_after += axes_read_by(item);
            ellipsis |= item == Py_Ellipsis;
        }
        for (Py_ssize_t k = 0; k < count; ++k) read(r, PyTuple_GET_ITEM(index, k), int(k), axes_after);
    }
    while (r.axis < x.ndim()) r.whole_axis();
    return r;
}

// A value as what it is to fill: axes of 1 in front that are too many do not count.
Tensor filling(Tensor value, const Dims& shape, const Tensor& x) {
    if (is_floating(value.dtype()) && !is_floating(x.dtype()))
        throw TypeError(say("a value of dtype ", name(value.dtype()), " does not go into a tensor of dtype ",
                            name(x.dtype()), ": fractions and gradients would be lost; make that one floating"));
    Dims sizes = value.shape(), joint;
    while (sizes.size() > shape.size() && sizes[0] == 1) sizes.erase(0);
    if (!broadcast(sizes, shape, joint) || joint != shape)
        throw ValueError(say("a value of shape ", value.shape(), " does not broadcast to the place of shape ", shape,
                             " that the index names"));
    return broadcast_to(reshape(astype(value, x.dtype()), sizes), shape);
}

// One mask alone as the index, of the first axes of x: a boolean with as many axes as x. Null for other indices.
Tensor mask_alone(const Tensor& x, PyObject* index) {
    if (PyTuple_Check(index) || !(is_tensor(index) || py::isinstance<py::array>(index))) return Tensor();
    const Tensor mask = to_operand(index, Memory::copied);
    if (!mask || mask.dtype() != DType::boolean || mask.ndim() == 0 || mask.ndim() > x.ndim()) return Tensor();
    Dims shape = mask.shape();
    for (int i = 0; i < shape.size(); ++i)
        if (shape[i] != x.shape()[i]) return Tensor();
    while (shape.size() < x.ndim()) shape.push_back(1);
    return reshape(mask, shape);
}

}  // namespace

Tensor get_item(const Tensor& x, PyObject* index, bool* picks) {
    const Reading r = read_index(x, index);
    if (picks) *picks = !r.arrays.empty() || r.shape.empty();
    bool all = true;
    for (int i = 0; i < x.ndim(); ++i) all &= r.starts[i] == 0 && r.steps[i] == 1 && r.lengths[i] == x.shape()[i];
    Tensor out = all ? x : slice(x, r.starts, r.steps, r.lengths);
    out = reshape(out, r.shape);
    if (r.arrays.empty()) return out;
    int picked_ndim = 0;
    out = gather_together(out, r.arrays, r.array_axes, picked_ndim);
    return r.arrays_come_first() ? with_axes_first(out, int(r.array_axes[0]), picked_ndim) : out;
}

Tensor set_item(const Tensor& x, PyObject* index, const Tensor& value) {
    // A number where a mask holds needs no positions: the mask may be one that is computed while recording.
    if (const Tensor mask = mask_alone(x, index); mask && value.size() == 1)
        return select(mask, filling(reshape(value, Dims()), Dims(), x), x);
    const Reading r = read_index(x, index);
    if (!r.arrays.empty()) {
        const Tensor places = get_item(positions(x.shape()), index);
        return put(x, places, filling(value, places.shape(), x));
    }
    return set_slice(x, reshape(filling(value, r.shape, x), r.lengths), r.starts, r.steps, r.lengths);
}

}  // namespace fg
