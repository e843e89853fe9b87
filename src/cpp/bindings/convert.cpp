// Converting values and errors at the border to Python.
#include "bindings/convert.hpp"

#include <cmath>
#include <new>

#include "bindings/py_tensor.hpp"
#include "core/error.hpp"
#include "ops/matrices.hpp"
#include "ops/shape.hpp"
#include "tape/apply.hpp"
#include "tape/recording.hpp"

namespace fg {
namespace {

thread_local bool borrowing = false, transforming = false;

PyObject *recording_error = nullptr, *gradient_error = nullptr;

// The base of NumPy scalars, looked up once and kept.
PyObject* numpy_generic() {
    static PyObject* object = py::object(py::module_::import("numpy").attr("generic")).release().ptr();
    return object;
}
bool is_numpy_scalar(PyObject* o) { return PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(numpy_generic())); }

[[noreturn]] void refuse_dtype(const py::handle& dtype, const char* what) {
    throw TypeError(say(what, " has dtype ", std::string(py::str(dtype)),
                        "; expected numbers that fit bool, int64, float32 or float64"));
}

// The type that numbers of a NumPy type are held in.
DType held_as(const py::dtype& dtype, const char* what) {
    const char kind = dtype.kind();
    const auto size = dtype.itemsize();
    if (kind == 'b') return DType::boolean;
    if (kind == 'i' || (kind == 'u' && size < 8)) return DType::int64;
    if (kind == 'f' && size <= 4) return DType::float32;
    if (kind == 'f' && size == 8) return DType::float64;
    refuse_dtype(dtype, what);
}

// Lets go of a Python object from whatever thread holds the last tensor on its memory.
void drop(PyObject* object) {
    if (!Py_IsInitialized()) return;  // the interpreter is gone, and the object with it
    const WithGil held;
    Py_DECREF(object);
}

// NumPy writes the machine's own order as '=', and '|' where there is none.
bool is_native(const py::dtype& dtype) { return dtype.byteorder() == '=' || dtype.byteorder() == '|'; }

bool is_masked(const py::handle& data) {
    if (Py_TYPE(data.ptr()) == py::detail::npy_api::get().PyArray_Type_) return false;
    return py::hasattr(data, "_mask") && py::hasattr(data, "filled");
}

// The tensor whose memory an array lies on (from numpy() and views of that), or null.
PyObject* tensor_behind(const py::array& array) {
    py::object base = array.base();
    while (base && py::isinstance<py::array>(base)) base = py::reinterpret_borrow<py::array>(base).base();
    return base && is_tensor(base.ptr()) ? base.ptr() : nullptr;  // held by the array
}

}  // namespace

py::dtype to_numpy(DType dtype) {
    static PyObject* dtypes[4] = {};
    PyObject*& slot = dtypes[int(dtype)];
    if (!slot) slot = py::dtype(std::string(name(dtype))).release().ptr();
    return py::reinterpret_borrow<py::dtype>(slot);
}

DType to_dtype(const py::handle& dtype) {
    const py::dtype given = py::dtype::from_args(py::reinterpret_borrow<py::object>(dtype));
    for (DType t : {DType::float32, DType::float64, DType::int64, DType::boolean})
        if (given.is(to_numpy(t)) || given.equal(to_numpy(t))) return t;
    throw TypeError(
        say("dtype ", std::string(py::str(given)), " is not supported; expected bool, int64, float32 or float64"));
}

py::tuple to_tuple(const Dims& dims) {
    py::tuple t(dims.size());
    for (int i = 0; i < dims.size(); ++i) t[size_t(i)] = py::int_(dims[i]);
    return t;
}

Dims to_dims(const py::handle& sizes, const char* what) {
    Dims d;
    if (PyIndex_Check(sizes.ptr())) {
        d.push_back(py::cast<int64_t>(py::int_(py::reinterpret_borrow<py::object>(sizes))));
        return d;
    }
    if (!PySequence_Check(sizes.ptr()))
        throw TypeError(say(what, " must be an int or a sequence of ints, got ", Py_TYPE(sizes.ptr())->tp_name));
    for (const py::handle& item : py::reinterpret_borrow<py::sequence>(sizes)) {
        if (!PyIndex_Check(item.ptr()))
            throw TypeError(say(what, " must hold ints, got ", Py_TYPE(item.ptr())->tp_name));
        const Py_ssize_t v = PyNumber_AsSsize_t(item.ptr(), PyExc_OverflowError);
        if (v == -1 && PyErr_Occurred()) throw py::error_already_set();
        d.push_back(v);
    }
    return d;
}

Dims to_axes(const py::handle& axis, const Tensor& x) {
    if (!axis.is_none()) return to_dims(axis, "axis");
    Dims d;
    for (int i = 0; i < x.ndim(); ++i) d.push_back(i);
    return d;
}

Tensor from_array(const py::handle& data, Memory memory, const char* what) {
    if (is_masked(data)) throw TypeError(say(what, " is a masked array; fill or drop the masked values first"));
    py::array array = py::array::ensure(data);
    if (!array) {
        PyErr_Clear();
        throw TypeError(say(what, " of type ", Py_TYPE(data.ptr())->tp_name,
                            " cannot be read as an array of numbers (tensors "
                            "that require gradients are joined with fastgrad.stack)"));
    }
    const DType dtype = held_as(array.dtype(), what);
    const int64_t item = itemsize(dtype);
    bool fits = array.dtype().equal(to_numpy(dtype)) && is_native(array.dtype()) &&
                (reinterpret_cast<uintptr_t>(array.data()) % uintptr_t(item)) == 0;
    for (py::ssize_t i = 0; i < array.ndim(); ++i) fits &= array.strides(i) % item == 0;
    if (!fits) array = py::array(py::module_::import("numpy").attr("array")(array, to_numpy(dtype)));

    if (array.ndim() > max_ndim)
        throw ValueError(say(what, " has ", array.ndim(), " dimensions; tensors have at most ", max_ndim));
    Dims shape, strides;
    for (py::ssize_t i = 0; i < array.ndim(); ++i) {
        shape.push_back(array.shape(i));
        strides.push_back(array.strides(i) / item);
    }
    void* memory_of_array = const_cast<void*>(array.data());
    if (memory == Memory::borrowed) {
        // The tensor's own storage: one version for both, and no chain of owners however often they are wrapped.
        if (PyObject* tensor = tensor_behind(array))
            return Tensor::on_storage(tensor_of(tensor).impl()->storage, memory_of_array, dtype, shape, strides);
        PyObject* owner = array.inc_ref().ptr();
        auto storage = Storage::borrow(memory_of_array, element_count(shape) * item, [owner] { drop(owner); });
        return Tensor::on_storage(std::move(storage), memory_of_array, dtype, shape, strides);
    }
    // Fortran order is kept: a layer's weight is a transposed view, and stays one through pickle and deepcopy.
    Dims reversed = shape, reversed_strides = strides;
    std::reverse(reversed.begin(), reversed.end());
    std::reverse(reversed_strides.begin(), reversed_strides.end());
    Tensor t;
    if (!is_contiguous(shape, strides) && is_contiguous(reversed, reversed_strides)) {
        t = Tensor::empty(dtype, reversed).with_view(shape, strides, 0);
    } else {
        t = Tensor::empty(dtype, shape);
    }
    copy({memory_of_array, dtype, false, shape, strides}, t.view());
    return t;
}

Tensor to_operand(PyObject* o, Memory memory) {
    if (is_tensor(o)) return tensor_of(o);
    if (PyFloat_CheckExact(o)) return Tensor(PyFloat_AS_DOUBLE(o));
    if (PyBool_Check(o)) {
        Tensor t = Tensor::full(DType::boolean, {}, o == Py_True);
        t.impl()->view.weak = true;
        return t;
    }
    if (PyLong_CheckExact(o)) {
        int overflow = 0;
        const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
        if (overflow) throw ValueError("an int beyond int64 cannot be used as a number here; write it as a float");
        return Tensor::weak_integer(v);
    }
    // A type of tuple that answers to ufuncs is no sequence of numbers: its own operators get their turn.
    const bool is_tuple = PyTuple_CheckExact(o) || (PyTuple_Check(o) && !py::hasattr(o, "__array_ufunc__"));
    if (py::isinstance<py::array>(o) || PyList_Check(o) || is_tuple || is_numpy_scalar(o))
        return from_array(o, memory, "an operand");
    return Tensor();
}

Tensor from_array_or_tensor(const py::handle& indices) {
    return is_tensor(indices.ptr()) ? tensor_of(indices.ptr()) : from_array(indices, Memory::copied, "indices");
}

std::vector<Tensor> operands(const py::iterable& items, Memory memory) {
    std::vector<Tensor> out;
    for (const py::handle& item : items) {
        out.push_back(to_operand(item.ptr(), memory));
        if (!out.back())
            throw TypeError(say("an input must be a tensor, an array or a number, got ", Py_TYPE(item.ptr())->tp_name));
    }
    return out;
}

void to_operands(PyObject* const* objects, Py_ssize_t count, const char* op, Tensor* operands) {
    bool kept = Recording::active() != nullptr;
    for (Py_ssize_t i = 0; i < count; ++i)
        kept |= !borrowing && grad_enabled() && is_tensor(objects[i]) && tensor_of(objects[i]).requires_grad();
    for (Py_ssize_t i = 0; i < count; ++i) {
        operands[i] = to_operand(objects[i], kept ? Memory::copied : Memory::borrowed);
        if (!operands[i])
            throw TypeError(say(op, ": argument ", i, " is of type ", Py_TYPE(objects[i])->tp_name,
                                "; expected a tensor, an array or a number"));
    }
}

Tensor to_viewed_operand(const py::handle& object, const char* op) {
    PyObject* o = object.ptr();
    Tensor t;
    if (!is_tensor(o) && !is_borrowing()) t = to_operand(o, Memory::copied);
    if (!t) to_operands(&o, 1, op, &t);  // says what is wrong when nothing can be made of it
    return t;
}

bool set_borrowing(bool value) { return std::exchange(borrowing, value); }
bool is_borrowing() { return borrowing; }

bool set_transforming(bool value) { return std::exchange(transforming, value); }
void check_readable(const Tensor& t, const char* asked_by) {
    if (transforming && t.requires_grad())
        throw GradientError(say(asked_by,
                                " of a value was asked for while its derivative is taken, which would lose its "
                                "part in it unseen; compute with fastgrad operations (fastgrad.sin, not math.sin; an "
                                "array to be filled by fastgrad.numpy.zeros, not NumPy's), or cut it with "
                                "fastgrad.stop_gradient first if that is meant"));
}

Tensor copy_of(const Tensor& t) {
    Tensor copied = Tensor::empty(t.meta());
    copy(t.view(), copied.view());
    return copied;
}

Tensor detached(const Tensor& t) {
    if (!t.traced()) return t.detach();
    const GradMode off(false);
    return identity(t);
}

py::array to_array(const Tensor& t) {
    if (t.traced())
        throw RecordingError(
            "the numbers of a tensor were asked for while recording, where it has none yet; write "
            "with fastgrad operations, use fastgrad.where instead of if, or pass the value as a "
            "static argument (int, bool, str, None); make arrays that hold tensors by fastgrad.numpy (array, zeros, "
            "full), not by NumPy");
    std::vector<py::ssize_t> shape(t.shape().begin(), t.shape().end()), strides;
    for (int64_t s : t.strides()) strides.push_back(s * itemsize(t.dtype()));
    py::array array(to_numpy(t.dtype()), shape, strides, t.view().data, wrap(t));
    array.attr("flags").attr("writeable") = false;
    return array;
}

py::object numpy_scalar(DType dtype, const void* number) {
    PyObject* const scalar =
        py::detail::npy_api::get().PyArray_Scalar_(const_cast<void*>(number), to_numpy(dtype).ptr(), nullptr);
    if (!scalar) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(scalar);
}

py::object to_result(const Tensor& t) {
    if (t.traced()) return to_array(t);  // refuses
    if (t.shape().empty()) return numpy_scalar(t.dtype(), t.view().data);
    Tensor own = t.detach();
    // Held by t and by the handle made here, and by nothing else.
    const bool alone = t.ref()->use_count() == 1 && t.impl()->storage->use_count() == 2;
    if (!alone || t.impl()->storage->borrowed() || !t.view().contiguous()) own = copy_of(t);
    const std::vector<py::ssize_t> shape(t.shape().begin(), t.shape().end());
    void* data = own.view().data;
    return py::array(to_numpy(t.dtype()), shape, data, wrap(std::move(own)));
}

void set_python_error() {
    try {
        throw;
    } catch (py::error_already_set& e) {
        e.restore();
    } catch (const py::builtin_exception& e) {
        e.set_error();
    } catch (const MatrixError& e) {
        const py::object type = py::module_::import("numpy.linalg").attr("LinAlgError");
        PyErr_SetString(type.ptr(), e.what());
    } catch (const TypeError& e) {
        PyErr_SetString(PyExc_TypeError, e.what());
    } catch (const IndexError& e) {
        PyErr_SetString(PyExc_IndexError, e.what());
    } catch (const RecordingError& e) {
        PyErr_SetString(recording_error, e.what());
    } catch (const GradientError& e) {
        PyErr_SetString(gradient_error, e.what());
    } catch (const std::bad_alloc&) {
        PyErr_SetString(PyExc_MemoryError, "out of memory");
    } catch (const std::invalid_argument& e) {
        PyErr_SetString(PyExc_ValueError, e.what());
    } catch (const std::exception& e) {
        PyErr_SetString(PyExc_RuntimeError, e.what());
    }
}

void register_errors(py::module_& m) {
    const auto make = [&](const char* name, const char* doc) {
        PyObject* type =
            PyErr_NewExceptionWithDoc((std::string("fastgrad.") + name).c_str(), doc, PyExc_RuntimeError, nullptr);
        m.attr(name) = py::handle(type);
        return type;
    };
    recording_error =
        make("RecordingError", "A value was read, or used outside its recording, while a function was recorded.");
    gradient_error =
        make("GradientError", "A gradient cannot be computed: saved values are gone or changed, or there is no graph.");
    py::register_exception_translator([](std::exception_ptr p) {
        try {
            if (p) std::rethrow_exception(p);
        } catch (const std::invalid_argument&) {
            set_python_error();
        } catch (const IndexError&) {
            set_python_error();
        } catch (const RecordingError&) {
            set_python_error();
        } catch (const GradientError&) {
            set_python_error();
        }
    });
}

}  // namespace fg
