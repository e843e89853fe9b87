// fastgrad._core.train.StepCall: a training step as one native call, for as long as nothing about its kind changes.
#include <pybind11/stl.h>

#include "bindings/py_tensor.hpp"
#include "core/thread_count.hpp"
#include "train/claims.hpp"
#include "train/step.hpp"

PYBIND11_DECLARE_HOLDER_TYPE(T, fg::Ref<T>, true)

namespace fg {
namespace {

using Tensors = std::vector<Tensor>;

bool is_training(const py::handle& module) {
    const py::object mode = module.attr("training");
    return mode.ptr() == Py_True || (mode.ptr() != Py_False && mode.cast<bool>());
}

class StepCall {
public:
    StepCall(const RecordedStep& step, const Tables& tables, double max_norm, std::vector<py::object> modules,
             Tensors params)
        : step_(step, tables, max_norm), modules_(std::move(modules)), params_(std::move(params)) {
        for (const py::object& module : modules_) training_.push_back(is_training(module));
        for (const Tensor& param : params_) learned_.push_back(param.requires_grad());
    }

    const Ref<Program>& program() const { return step_.program(); }

    // The loss before the step; NotImplemented where the batch, the modes of the modules or what is learned are of
    // another kind than recorded.
    py::object call(const py::tuple& batch, const py::list& rules) {
        Tensors in;
        if (!fits(batch, in)) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
        if (!rules.is(rules_given_)) {
            rules_ = rules.cast<std::vector<Rule>>();
            rules_given_ = rules;
        }
        const Claim claimed(params_);
        double loss = 0;
        {
            const WithoutGil released;
            const LoopRuns running;
            for (size_t i = 0; i < in.size(); ++i) copy(in[i].view(), step_.batch()[i].view());
            loss = step_(rules_).loss;
        }
        return py::float_(loss);
    }

private:
    bool fits(const py::tuple& batch, Tensors& in) const {
        for (size_t i = 0; i < modules_.size(); ++i)
            if (is_training(modules_[i]) != training_[i]) return false;
        for (size_t i = 0; i < params_.size(); ++i)
            if (params_[i].requires_grad() != learned_[i]) return false;
        if (batch.size() != step_.batch().size()) return false;
        for (size_t i = 0; i < batch.size(); ++i) {
            in.push_back(to_operand(batch[i].ptr(), Memory::borrowed));
            const Tensor& wanted = step_.batch()[i];
            if (!in[i] || in[i].traced() || in[i].dtype() != wanted.dtype() || in[i].shape() != wanted.shape())
                return false;
        }
        return true;
    }

    BoundStep step_;
    std::vector<py::object> modules_;
    std::vector<bool> training_;
    Tensors params_;
    std::vector<bool> learned_;  // of each parameter
    py::object rules_given_;     // where rules_ come from
    std::vector<Rule> rules_;
};

}  // namespace

void bind_step_call(py::module_& m) {
    using py::arg;
    py::module_ t = m.attr("train");
    py::class_<StepCall>(t, "StepCall", "Steps on the parameters themselves: replay, clip, update.")
        .def(py::init<const RecordedStep&, const Tables&, double, std::vector<py::object>, Tensors>(), arg("step"),
             arg("tables"), arg("max_norm"), arg("modules"), arg("params"))
        .def_property_readonly("program", &StepCall::program)
        .def("__call__", &StepCall::call, arg("batch"), arg("rules"),
             "The loss before the step; NotImplemented when the batch or the modes are of another kind than recorded.");
}

}  // namespace fg
