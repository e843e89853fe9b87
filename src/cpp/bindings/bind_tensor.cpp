// Properties and keyword methods of Tensor.
#include "bindings/py_tensor.hpp"
#include "bindings/views.hpp"
#include "ops/elementwise.hpp"
#include "ops/order.hpp"
#include "ops/reduce.hpp"
#include "ops/scan.hpp"
#include "ops/shape.hpp"
#include "ops/sorting.hpp"
#include "tape/apply.hpp"
#include "tape/backward.hpp"
#include "tape/recording.hpp"

namespace fg {
namespace {

using Reduction = Tensor (*)(const Tensor&, const Dims&, bool);

template <Reduction reduction> Tensor reduce(const Tensor& x, const py::object& axis, bool keepdims) {
    const Dims axes = to_axes(axis, x);
    if (x.size() < release_gil_above) return reduction(x, axes, keepdims);
    const WithoutGil released;
    return reduction(x, axes, keepdims);
}

using AlongOne = Tensor (*)(const Tensor&, int);

template <AlongOne op> Tensor along(const Tensor& x, const py::object& axis) {
    return axis.is_none() ? op(reshape(x, {-1}), 0) : op(x, axis.cast<int>());
}

// t.reshape(2, 3) and t.reshape((2, 3))
Dims sizes(const py::args& args, const char* what) {
    return args.size() == 1 && !PyIndex_Check(py::object(args[0]).ptr()) ? to_dims(args[0], what) : to_dims(args, what);
}

void set_grad(const Tensor& t, const py::object& grad) {
    if (grad.is_none()) {
        t.impl()->grad = Ref<TensorImpl>();
        return;
    }
    const Tensor g = to_operand(grad.ptr(), Memory::copied);
    if (!g) throw TypeError(say("grad must be a tensor, an array or None, got ", Py_TYPE(grad.ptr())->tp_name));
    if (g.traced() || Recording::active())
        throw RecordingError(
            "grad was set while recording, where there are no numbers yet; return the gradient instead");
    if (g.shape() != t.shape())
        throw ValueError(say("grad has shape ", g.shape(), ", expected the tensor's ", t.shape()));
    t.impl()->grad = astype(g, t.dtype()).ref();
}

void set_requires_grad(const Tensor& t, bool value) {
    if (!t.is_leaf() && !value)
        throw GradientError("requires_grad can be turned off on leaves only; use .detach() on a computed tensor");
    if (value && !is_floating(t.dtype()))
        throw TypeError(say("requires_grad=True needs float32 or float64 data, got ", name(t.dtype())));
    t.impl()->requires_grad = value;
}

py::array numpy(const Tensor& t) {
    if (t.requires_grad())
        throw GradientError(
            "a tensor that requires a gradient gives no array, for the gradient would be lost unseen; "
            "use .detach().numpy(), or make arrays that hold tensors by fastgrad.numpy (array, zeros, full), not by "
            "NumPy");
    return to_array(t);
}

py::object item(const Tensor& t, const char* asked_by) {
    const py::array array = to_array(t.detach());
    if (t.size() != 1) throw ValueError(say("item() needs a tensor of one number, got shape ", t.shape()));
    if (asked_by) check_readable(t, asked_by);
    return array.attr("item")();
}

void run_backward(const Tensor& t, const py::object& gradient, bool retain_graph, bool create_graph) {
    if (Recording::active())
        throw RecordingError(
            "backward() was called while recording: it would write to tensors outside the recording; "
            "use fastgrad.grad or fastgrad.autograd.grad there and return the gradients");
    Tensor seed;
    if (!gradient.is_none()) {
        seed = to_operand(gradient.ptr(), Memory::copied);
        if (!seed)
            throw TypeError(say("gradient must be a tensor or an array, got ", Py_TYPE(gradient.ptr())->tp_name));
        seed = astype(seed, t.dtype());
    }
    LeafGradients leaves(create_graph);
    {
        const WithoutGil released;
        leaves = backward(t, seed, retain_graph, create_graph);
    }
    leaves.hand_over();  // with the GIL: threads may add to one leaf
}

// As NumPy does it: scaled by a power of ten, rounded, and scaled back.
Tensor rounded(const Tensor& t, int decimals) {
    const bool floating = is_floating(t.dtype());
    if (decimals == 0 || (!floating && decimals > 0)) return call<kernels::Rint>(t);
    double power = 1;
    for (int i = 0; i < std::abs(decimals) && i < 400; ++i) power *= 10;
    const Tensor scale(power);
    const Tensor y = decimals > 0 ? call<kernels::Rint>(t * scale) / scale : call<kernels::Rint>(t / scale) * scale;
    return floating ? y : astype(y, DType::int64);
}

TensorHandle transposed(const TensorHandle& self, const Dims& axes) {
    return py::reinterpret_steal<TensorHandle>(transposed_view(self.ptr(), axes));
}

}  // namespace

void bind_tensor_methods(py::module_& m) {
    const py::object type = m.attr("Tensor");
    const auto method = [&](const char* name, auto f, auto&&... extra) {
        type.attr(name) = py::cpp_function(f, py::name(name), py::is_method(type), extra...);
    };
    const py::object property = py::module_::import("builtins").attr("property");
    const auto attribute = [&](const char* name, auto get, const char* doc) {
        type.attr(name) = property(py::cpp_function(get), py::none(), py::none(), doc);
    };
    const auto writable = [&](const char* name, auto get, auto set, const char* doc) {
        type.attr(name) = property(py::cpp_function(get), py::cpp_function(set), py::none(), doc);
    };
    using py::arg;
    const py::none none;

    attribute(
        "shape", [](const Tensor& t) { return to_tuple(t.shape()); }, "Sizes of the axes.");
    attribute(
        "dtype", [](const Tensor& t) { return to_numpy(t.dtype()); }, "NumPy dtype of the numbers.");
    attribute(
        "ndim", [](const Tensor& t) { return t.ndim(); }, "Number of axes.");
    attribute(
        "size", [](const Tensor& t) { return t.size(); }, "Number of elements.");
    attribute(
        "weak", [](const Tensor& t) { return t.weak(); },
        "Whether it came from a Python number and gives way in promotion.");
    attribute(
        "T", [](const TensorHandle& self) { return transposed(self, {}); }, "The axes reversed.");
    attribute(
        "is_leaf", [](const Tensor& t) { return t.is_leaf(); }, "Whether no recorded operation made it.");
    attribute(
        "grad_fn",
        [](const Tensor& t) { return t.is_leaf() ? py::object(py::none()) : py::str(t.impl()->creator->op_name()); },
        "Name of the operation that made it, or None.");
    writable(
        "grad", [](const Tensor& t) { return Tensor(t.impl()->grad); }, set_grad,
        "Gradient summed over backward passes, or None. Same shape and dtype as the tensor.");
    writable(
        "requires_grad", [](const Tensor& t) { return t.requires_grad(); }, set_requires_grad,
        "Whether operations on it are remembered for backward.");

    method("backward", run_backward, arg("gradient") = none, arg("retain_graph") = false, arg("create_graph") = false,
           "Adds the gradient of this tensor to `.grad` of every leaf it was computed from.");
    method("numpy", numpy, "A read-only NumPy array on the same memory.");
    method(
        "item", [](const Tensor& t) { return item(t, "item()"); }, "The one number, as a Python float, int or bool.");
    method(
        "tolist",
        [](const Tensor& t) {
            check_readable(t, "tolist()");
            return to_array(t.detach()).attr("tolist")();
        },
        "Nested lists of Python numbers.");
    method("detach", detached, "The same numbers, outside any graph.");
    const auto copied = [](const Tensor& t) {
        return t.traced() || t.requires_grad() ? clone(t) : from_array(to_array(t), Memory::copied);
    };
    method("clone", copied, "A copy that passes gradients.");
    method("copy", copied, "A copy that passes gradients: what is written to it does not reach this tensor.");
    method(
        "astype", [](const Tensor& t, const py::object& dtype) { return astype(t, to_dtype(dtype)); }, arg("dtype"),
        "Converted to another dtype.");
    method(
        "reshape",
        [](const TensorHandle& self, const py::args& shape) {
            return py::reinterpret_steal<TensorHandle>(reshaped_view(self.ptr(), sizes(shape, "shape")));
        },
        "The same numbers in another shape; one size may be -1.");
    method(
        "transpose",
        [](const TensorHandle& self, const py::args& axes) { return transposed(self, sizes(axes, "axes")); },
        "Axes in another order; reversed when none are named.");
    method("sum", reduce<sum>, arg("axis") = none, arg("keepdims") = false, "Sum over axes.");
    method("mean", reduce<mean>, arg("axis") = none, arg("keepdims") = false, "Arithmetic mean over axes.");
    method("max", reduce<max>, arg("axis") = none, arg("keepdims") = false, "Largest over axes.");
    method("min", reduce<min>, arg("axis") = none, arg("keepdims") = false, "Smallest over axes.");
    method("round", rounded, arg("decimals") = 0, "Rounded to so many decimals, ties to even; its derivative is 0.");
    method("logsumexp", reduce<logsumexp>, arg("axis") = none, arg("keepdims") = false, "log(sum(exp(x))) over axes.");
    method("prod", reduce<prod>, arg("axis") = none, arg("keepdims") = false, "Product over axes.");
    method("argmax", reduce<argmax>, arg("axis") = none, arg("keepdims") = false, "Position of the largest.");
    method("argmin", reduce<argmin>, arg("axis") = none, arg("keepdims") = false, "Position of the smallest.");
    method("cumsum", along<cumsum>, arg("axis") = none, "Running sum along an axis.");
    method("cumprod", along<cumprod>, arg("axis") = none, "Running product along an axis.");
    method("argsort", along<argsort>, arg("axis") = -1, "Positions that sort along an axis.");
    method(
        "__array__",
        [](const Tensor& t, const py::object& dtype, const py::object& copy) {
            const py::array array = numpy(t);
            if (dtype.is_none() && (copy.is_none() || !copy.cast<bool>())) return py::object(array);
            py::dict keywords;
            if (!copy.is_none()) keywords["copy"] = copy;
            return py::object(py::module_::import("numpy").attr("array")(array, arg("dtype") = dtype, **keywords));
        },
        arg("dtype") = none, arg("copy") = none);
    method("__format__", [](const Tensor& t, const py::str& spec) {
        const py::object value = t.ndim() == 0 && !t.traced() ? item(t, nullptr) : py::str(py::repr(wrap(t)));
        return py::module_::import("builtins").attr("format")(value, spec);
    });
    method(
        "__reduce_ex__",
        [](const py::object& self, int) {
            const Tensor t = tensor_of(self.ptr());
            return py::make_tuple(py::type::of(self),
                                  py::make_tuple(to_array(t.detach()), py::none(), t.requires_grad()),
                                  py::getattr(self, "__dict__", py::none()));
        },
        "Pickles numbers, dtype and requires_grad; not the graph.");
    method("__deepcopy__", [](const py::object& self, const py::object& memo) {
        const Tensor t = tensor_of(self.ptr());
        if (!t.is_leaf())
            throw GradientError(
                "only leaves can be deep-copied: a computed tensor's graph would be lost; use .detach()");
        const py::object twin = py::type::of(self)(to_array(t.detach()), py::none(), t.requires_grad());
        if (py::hasattr(self, "__dict__")) {  // of a subclass
            memo[py::int_(reinterpret_cast<uintptr_t>(self.ptr()))] = twin;
            twin.attr("__dict__")
                .attr("update")(py::module_::import("copy").attr("deepcopy")(self.attr("__dict__"), memo));
        }
        return twin;
    });
}

}  // namespace fg
