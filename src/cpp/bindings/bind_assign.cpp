// Writing new numbers into a tensor that keeps its memory: parameters that take over saved values.
#include "bindings/py_tensor.hpp"

namespace fg {
namespace {

void assign(const Tensor& to, const py::object& values) {
    if (to.traced() || !to.is_leaf()) throw TypeError("only a leaf can be written to: this tensor was computed");
    if (to.impl()->storage->borrowed()) throw TypeError("this tensor lies on an array's memory and is not written to");
    const Tensor from = to_operand(values.ptr(), Memory::borrowed);
    if (!from || from.traced())
        throw TypeError(say("values must be an array or a tensor, got ", Py_TYPE(values.ptr())->tp_name));
    if (from.shape() != to.shape())
        throw ValueError(say("values have shape ", from.shape(), ", expected ", to.shape()));
    copy(from.view(), to.view());
    to.impl()->storage->bump_version();
}

}  // namespace

void bind_assign(py::module_& m) {
    m.def("assign", assign, py::arg("to"), py::arg("values"),
          "Writes numbers of the same shape into a leaf, converted to its dtype; its memory and identity stay.");
}

}  // namespace fg
