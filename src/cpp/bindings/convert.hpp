// Between Python and C++: numbers, arrays, shapes, axes and errors.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "bindings/gil.hpp"
#include "core/tensor.hpp"

namespace fg {

namespace py = pybind11;

py::dtype to_numpy(DType dtype);
// Accepts what np.dtype accepts; names what fits when it does not.
DType to_dtype(const py::handle& dtype);

py::tuple to_tuple(const Dims& dims);
// An int or a sequence of ints.
Dims to_dims(const py::handle& sizes, const char* what);
// None (all axes), an int, or a sequence of ints.
Dims to_axes(const py::handle& axis, const Tensor& x);

// How an array's numbers become a tensor's.
enum class Memory { copied, borrowed };

// Anything np.asarray takes, but objects, strings, complex and masked arrays. Small integers become int64, float16
// float32. Borrowed memory is copied all the same when its type or alignment does not fit.
Tensor from_array(const py::handle& data, Memory memory, const char* what = "data");

// Anything an op takes: a Tensor, a Python number (weak), an array. Null when it is none of these.
Tensor to_operand(PyObject* object, Memory memory);
// Of each item; an error where it is none of these.
std::vector<Tensor> operands(const py::iterable& items, Memory memory);
// An index operand: a tensor as it is, anything else through NumPy.
Tensor from_array_or_tensor(const py::handle& indices);
// The operands of one op: arrays are borrowed unless a later backward or replay may read them.
void to_operands(PyObject* const* objects, Py_ssize_t count, const char* op, Tensor* operands);
// The operand of an op whose result may lie on its memory: an array is copied unless nothing outlives its loan.
Tensor to_viewed_operand(const py::handle& object, const char* op);

// While set (per thread), arrays mixed into ops are read in place: the graph ends before their owner can write to them.
bool set_borrowing(bool borrowing);
bool is_borrowing();

// While set (per thread), a derivative is being taken: a number read from a value on the way would lose its part in it.
bool set_transforming(bool transforming);
// Throws where that would happen. `asked_by`: "float()" and the like.
void check_readable(const Tensor& t, const char* asked_by);

// The same numbers in memory of their own, outside any graph.
Tensor copy_of(const Tensor& t);
// The same numbers outside any graph; while recording, an instruction that stops the gradients of the recording, too.
Tensor detached(const Tensor& t);

// A read-only array on the same memory.
py::array to_array(const Tensor& t);
// np.float64 and the like.
py::object numpy_scalar(DType dtype, const void* number);
// An array of the caller's own: the memory itself when no other tensor holds it, else a copy. 0-d gives a NumPy scalar.
py::object to_result(const Tensor& t);

// Sets the Python error that means the C++ exception being handled.
void set_python_error();
void register_errors(py::module_& m);

// Work on so many numbers is worth releasing the GIL for (about 10 us).
constexpr int64_t release_gil_above = 32768;

}  // namespace fg
