// The extension module fastgrad._core: one call per category.
#include "bindings/py_tensor.hpp"
#include "ops/register.hpp"

namespace fg {

void bind_assign(py::module_& m);
void bind_autodiff(py::module_& m);
void bind_batching(py::module_& m);
void bind_compiled_call(py::module_& m);
void bind_fit(py::module_& m);
void bind_host(py::module_& m);
void bind_isa(py::module_& m);
void bind_loops(py::module_& m);
void bind_nest(py::module_& m);
void bind_ops(py::module_& m);
void bind_random(py::module_& m);
void bind_rules(py::module_& m);
void bind_step_call(py::module_& m);
void bind_threads(py::module_& m);
void bind_train(py::module_& m);
void bind_transform(py::module_& m);

}  // namespace fg

PYBIND11_MODULE(_core, m) {
    m.doc() = "The compiled core of fastgrad.";
    fg::register_errors(m);
    fg::bind_isa(m);
    fg::bind_threads(m);
    fg::register_all_ops();
    fg::bind_tensor_type(m);
    fg::bind_tensor_methods(m);
    fg::bind_ops(m);
    fg::bind_host(m);
    fg::bind_assign(m);
    fg::bind_nest(m);
    fg::bind_autodiff(m);
    fg::bind_loops(m);
    fg::bind_transform(m);
    fg::bind_batching(m);
    fg::bind_rules(m);
    fg::bind_compiled_call(m);
    fg::bind_random(m);
    fg::bind_train(m);
    fg::bind_fit(m);
    fg::bind_step_call(m);
    m.def(
        "asarray",
        [](const fg::py::object& data) {
            return fg::is_tensor(data.ptr()) ? data : fg::wrap(fg::from_array(data, fg::Memory::borrowed));
        },
        fg::py::arg("data"), "A tensor on an array's own memory where dtype and alignment allow.");
    m.def(
        "to_result",
        [](const fg::py::object& t) {
            // Not through the type caster: its copy of the handle would look like another holder.
            if (!fg::is_tensor(t.ptr())) throw fg::TypeError("to_result() takes a tensor");
            return fg::to_result(fg::tensor_of(t.ptr()));
        },
        fg::py::arg("tensor"), "A NumPy array of the caller's own; a NumPy scalar of a 0-d tensor.");
}
