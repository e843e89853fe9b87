// fastgrad._core.train: optimizer steps, full-batch descent, batches.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "bindings/py_tensor.hpp"
#include "train/batches.hpp"
#include "train/descent.hpp"
#include "train/objective.hpp"
#include "train/optimizer.hpp"

namespace fg {
namespace {

using Tensors = std::vector<Tensor>;

// step(gradients) with the GIL released when there is much to do.
template <class Step> bool take_step(ParameterTable& table, const Step& step) {
    const Tensors gradients = table.gradients();
    if (table.element_count() < release_gil_above) return step(gradients);
    const WithoutGil released;
    return step(gradients);
}

bool sgd_step(ParameterTable& table, double lr, double momentum, double dampening, double weight_decay, bool nesterov,
              bool maximize) {
    return take_step(table, [&](const Tensors& gradients) {
        return table.sgd(gradients, {lr, momentum, dampening, weight_decay, nesterov, true, maximize});
    });
}

bool adam_step(ParameterTable& table, double lr, double beta1, double beta2, double eps, double weight_decay,
               bool decoupled, bool maximize) {
    return take_step(table, [&](const Tensors& gradients) {
        return table.adam(gradients, {lr, beta1, beta2, eps, weight_decay, 0, 0, decoupled, maximize});
    });
}

bool rmsprop_step(ParameterTable& table, double lr, double alpha, double eps, double weight_decay, double momentum,
                  bool centered, bool maximize) {
    return take_step(table, [&](const Tensors& gradients) {
        return table.rmsprop(gradients, {lr, alpha, eps, weight_decay, momentum, centered, maximize});
    });
}

bool adagrad_step(ParameterTable& table, double lr, double lr_decay, double first_sum, double eps, double weight_decay,
                  bool maximize) {
    return take_step(table, [&](const Tensors& gradients) {
        return table.adagrad(gradients, {lr, eps, weight_decay, maximize}, lr_decay, first_sum);
    });
}

bool adadelta_step(ParameterTable& table, double lr, double rho, double eps, double weight_decay, bool maximize) {
    return take_step(table, [&](const Tensors& gradients) {
        return table.adadelta(gradients, {lr, rho, eps, weight_decay, maximize});
    });
}

bool nadam_step(ParameterTable& table, double lr, double beta1, double beta2, double eps, double weight_decay,
                double momentum_decay, bool decoupled, bool maximize) {
    return take_step(table, [&](const Tensors& gradients) {
        return table.nadam(gradients, {lr, beta1, beta2, eps, weight_decay, 0, 0, 0, decoupled, maximize},
                           momentum_decay);
    });
}

bool lion_step(ParameterTable& table, double lr, double beta1, double beta2, double weight_decay, bool maximize) {
    return take_step(table, [&](const Tensors& gradients) {
        return table.lion(gradients, {lr, beta1, beta2, weight_decay, maximize});
    });
}

const ParameterTable::Segment& segment(const ParameterTable& table, int i) {
    if (i < 0 || i >= int(table.segments().size()))
        throw IndexError(say("parameter ", i, " of ", table.segments().size()));
    return table.segments()[size_t(i)];
}

// (steps, [slot or None, ...]) of a parameter
py::tuple state(const ParameterTable& table, int i) {
    const ParameterTable::Segment& s = segment(table, i);
    py::list slots;
    for (const Tensor& slot : s.slots) slots.append(slot ? wrap(slot) : py::object(py::none()));
    return py::make_tuple(s.steps, slots);
}

void restore(ParameterTable& table, int i, int64_t steps, const py::sequence& slots) {
    segment(table, i);
    Tensors values;
    for (const py::handle& slot : slots) values.push_back(slot.is_none() ? Tensor() : from_array_or_tensor(slot));
    table.restore(i, steps, values);
}

py::tuple evaluate(const Objective& objective, const Tensor& x) {
    Tensor gradient = Tensor::empty(objective.dtype(), {objective.size()});
    double value = 0;
    {
        const WithoutGil released;
        value = objective(x, gradient);
    }
    return py::make_tuple(value, wrap(gradient));
}

// f(x) -> (value, gradient) in Python, for functions that cannot be recorded.
double call_objective(const py::function& f, const Tensor& x, const Tensor& gradient) {
    const WithGil held;
    // A copy: f may keep what it is given, and x moves on.
    Tensor at = Tensor::empty(x.dtype(), x.shape());
    copy(x.view(), at.view());
    const auto [value, slope] = py::cast<std::pair<double, Tensor>>(f(wrap(at)));
    if (slope.shape() != x.shape())
        throw ValueError(say("the gradient has shape ", slope.shape(), ", expected ", x.shape()));
    copy(slope.view(), gradient.view());
    return value;
}

void raise_pending_signals() {
    const WithGil held;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

py::dict run_descent(const py::object& objective, const Tensor& start, const std::string& method, double lr,
                     double momentum, double beta1, double beta2, double alpha, double eps, int64_t max_iter,
                     double tol, bool keep_path, const py::object& on_step) {
    const DescentOptions options{
        descent_method(method), lr, momentum, beta1, beta2, alpha, eps, max_iter, tol, keep_path};
    if (!is_floating(start.dtype()) || start.ndim() != 1)
        throw ValueError(
            say("start must be float32 or float64 of shape (n,), got ", name(start.dtype()), start.shape()));
    DescentHooks hooks;
    hooks.poll = raise_pending_signals;
    if (py::isinstance<Objective>(objective)) {
        const auto& recorded = py::cast<const Objective&>(objective);
        hooks.evaluate = [&recorded](const Tensor& x, const Tensor& gradient) { return recorded(x, gradient); };
    } else {
        const auto f = py::cast<py::function>(objective);
        hooks.evaluate = [f](const Tensor& x, const Tensor& gradient) { return call_objective(f, x, gradient); };
    }
    if (!on_step.is_none()) {
        hooks.on_step = [&on_step](int64_t steps, const Tensor& x, double value, const Tensor& gradient) {
            const WithGil held;
            return py::cast<bool>(on_step(steps, wrap(x), value, wrap(gradient)));
        };
    }
    DescentResult r;
    {
        const WithoutGil released;
        r = descend(start, options, hooks);
    }
    py::dict out;
    out["x"] = wrap(r.x);
    out["gradient"] = wrap(r.gradient);
    out["value"] = r.value;
    out["steps"] = r.steps;
    out["evaluations"] = r.evaluations;
    out["end"] = name(r.end);
    out["worst"] = r.worst;
    out["path"] = r.path ? wrap(r.path) : py::object(py::none());
    out["path_values"] = r.path_values;
    return out;
}

Tensors gather_batch(const Batches& batches, uint64_t epoch, int64_t i) {
    const WithoutGil released;
    return batches.batch(epoch, i);
}

}  // namespace

void bind_train(py::module_& m) {
    using py::arg;
    py::module_ t = m.def_submodule("train", "Native training: optimizer steps, descent, batches.");

    py::class_<ParameterTable>(t, "ParameterTable", "Parameters and what an optimizer remembers of each.")
        .def(py::init<Tensors>(), arg("params"))
        .def("sgd", sgd_step, arg("lr"), arg("momentum"), arg("dampening"), arg("weight_decay"), arg("nesterov"),
             arg("maximize"), "One step from the parameters' .grad; whether all new numbers are finite.")
        .def("adam", adam_step, arg("lr"), arg("beta1"), arg("beta2"), arg("eps"), arg("weight_decay"),
             arg("decoupled"), arg("maximize"),
             "One step from the parameters' .grad; whether all new numbers are finite.")
        .def("rmsprop", rmsprop_step, arg("lr"), arg("alpha"), arg("eps"), arg("weight_decay"), arg("momentum"),
             arg("centered"), arg("maximize"),
             "One step from the parameters' .grad; whether all new numbers are finite.")
        .def("adagrad", adagrad_step, arg("lr"), arg("lr_decay"), arg("first_sum"), arg("eps"), arg("weight_decay"),
             arg("maximize"), "One step from the parameters' .grad; whether all new numbers are finite.")
        .def("adadelta", adadelta_step, arg("lr"), arg("rho"), arg("eps"), arg("weight_decay"), arg("maximize"),
             "One step from the parameters' .grad; whether all new numbers are finite.")
        .def("nadam", nadam_step, arg("lr"), arg("beta1"), arg("beta2"), arg("eps"), arg("weight_decay"),
             arg("momentum_decay"), arg("decoupled"), arg("maximize"),
             "One step from the parameters' .grad; whether all new numbers are finite.")
        .def("lion", lion_step, arg("lr"), arg("beta1"), arg("beta2"), arg("weight_decay"), arg("maximize"),
             "One step from the parameters' .grad; whether all new numbers are finite.")
        .def("zero_grad", &ParameterTable::zero_grad, "Sets .grad of every parameter to None.")
        .def("state", state, arg("index"), "(steps, slots) of a parameter; a slot not in use is None.")
        .def("restore", restore, arg("index"), arg("steps"), arg("slots"), "Takes over what `state` gave.");

    py::class_<Objective>(t, "Objective", "A recorded value and gradient as a function of one flat vector.")
        .def(py::init([](Program& program) { return Objective(Ref<Program>(&program)); }), arg("program"))
        .def_property_readonly("size", &Objective::size)
        .def("__call__", evaluate, arg("x"), "(value, gradient) at a contiguous (n,).");

    const DescentOptions usual;
    t.def("descend", run_descent, arg("objective"), arg("start"), arg("method"), arg("lr"), py::kw_only(),
          arg("momentum") = usual.momentum, arg("beta1") = usual.beta1, arg("beta2") = usual.beta2,
          arg("alpha") = usual.alpha, arg("eps") = usual.eps, arg("max_iter") = usual.max_iter, arg("tol") = usual.tol,
          arg("keep_path") = usual.keep_path, arg("on_step") = py::none(),
          "Steps down an Objective, or a function of x that returns (value, gradient).");

    py::class_<Batches>(t, "Batches", "Rows of arrays, batch by batch, each epoch in an order of its own.")
        .def(py::init([](const Tensors& arrays, const std::optional<Tensor>& indices, int64_t batch_size, bool shuffle,
                         bool drop_last, uint64_t seed) {
                 return Batches(arrays, indices.value_or(Tensor()), batch_size, shuffle, drop_last, seed);
             }),
             arg("arrays"), arg("indices"), arg("batch_size"), arg("shuffle"), arg("drop_last"), arg("seed"))
        .def("__len__", &Batches::count)
        .def_property_readonly("rows", &Batches::rows)
        .def("batch", gather_batch, arg("epoch"), arg("index"), "Batch `index` of an epoch: one tensor an array.");
}

}  // namespace fg
