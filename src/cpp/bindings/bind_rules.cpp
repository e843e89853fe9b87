// Derivatives written in Python.
#include <pybind11/stl.h>

#include "bindings/py_tensor.hpp"
#include "ops/ruled.hpp"
#include "tape/apply.hpp"

namespace fg {
namespace {

// A function of Python as a rule. It may be called, and go, on any thread.
class PythonRule final : public DerivativeRule {
public:
    PythonRule(const py::function& pull, std::string name)
        : pull_(py::function(pull).release().ptr()), name_(std::move(name)) {}
    ~PythonRule() override {
        if (!Py_IsInitialized()) return;  // the interpreter is gone, and the function with it
        const WithGil held;
        Py_DECREF(pull_);
    }
    const char* name() const override { return name_.c_str(); }

    std::vector<Tensor> pull(Span<Tensor> kept, Span<Tensor> grads) const override {
        const WithGil held;
        const py::object flows = py::handle(pull_)(to_list(kept), to_list(grads));
        std::vector<Tensor> out;
        for (const py::handle& flow : flows) {
            if (!flow.is_none() && !is_tensor(flow.ptr()))
                throw TypeError(say("the derivative of ", name_, " gave a ", Py_TYPE(flow.ptr())->tp_name));
            out.push_back(flow.is_none() ? Tensor() : tensor_of(flow.ptr()));
        }
        return out;
    }

private:
    PyObject* pull_;
    std::string name_;
};

py::list with_rule(const py::iterable& values, const py::iterable& inputs, const py::iterable& kept,
                   const py::function& pull, const std::string& name) {
    const std::vector<Tensor> all = tensors_of(values, "values");
    for (const Tensor& t : all)
        if (!is_floating(t.dtype())) throw TypeError(say("a value with a derivative is ", fg::name(t.dtype())));
    if (all.empty()) return py::list();
    return to_list(
        ruled(all, tensors_of(inputs, "inputs"), tensors_of(kept, "kept"), make_ref<PythonRule>(pull, name)));
}

py::list remat(const py::function& f, const py::iterable& given) {
    const std::vector<Tensor> inputs = tensors_of(given, "inputs");
    const auto recording = std::make_shared<Recording>(true);
    py::list placeholders;
    for (const Tensor& t : inputs) placeholders.append(wrap(recording->add_input(t.meta())));
    {
        const RecordingScope scope(*recording);
        recording->set_outputs(tensors_of(f(placeholders), "what a function returns"));
        recording->remove_dead_code();
    }
    return to_list(rematerialized(recording, inputs));
}

}  // namespace

void bind_rules(py::module_& m) {
    using py::arg;
    m.def("with_rule", with_rule, arg("values"), arg("inputs"), arg("kept"), arg("pull"), arg("name"),
          "The values as a function of inputs whose derivative is pull: pull(kept, gradients of the values) gives the "
          "gradient of each input, or None where nothing flows. How the values were computed does not count.");
    m.def("remat", remat, arg("f"), arg("inputs"),
          "Calls f on stand-ins, does what it did on the inputs, and keeps nothing of it: gradients do it again.");
}

}  // namespace fg
