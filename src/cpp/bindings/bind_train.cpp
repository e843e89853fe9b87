// fastgrad._core.train: optimizer steps, full-batch descent, batches.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "bindings/py_tensor.hpp"
#include "bindings/signals.hpp"
#include "train/batches.hpp"
#include "train/descent.hpp"
#include "train/gradient_norm.hpp"
#include "train/objective.hpp"
#include "train/optimizer.hpp"

namespace fg {
namespace {

using Tensors = std::vector<Tensor>;

// With the GIL released when there is much to do.
bool take_step(ParameterTable& table, const Rule& rule) {
    const Tensors gradients = table.gradients();
    if (table.element_count() < release_gil_above) return table.step(gradients, rule);
    const WithoutGil released;
    return table.step(gradients, rule);
}

Rule sgd_rule(double lr, double momentum, double dampening, double weight_decay, bool nesterov, bool maximize) {
    return {kernels::SgdStep{lr, momentum, dampening, weight_decay, nesterov, true, maximize}};
}

Rule adam_rule(double lr, double beta1, double beta2, double eps, double weight_decay, bool decoupled, bool maximize) {
    return {kernels::AdamStep{lr, beta1, beta2, eps, weight_decay, 0, 0, decoupled, maximize}};
}

Rule rmsprop_rule(double lr, double alpha, double eps, double weight_decay, double momentum, bool centered,
                  bool maximize) {
    return {kernels::RmspropStep{lr, alpha, eps, weight_decay, momentum, centered, maximize}};
}

Rule adagrad_rule(double lr, double lr_decay, double first_sum, double eps, double weight_decay, bool maximize) {
    return {AdagradRule{{lr, eps, weight_decay, maximize}, lr_decay, first_sum}};
}

Rule adadelta_rule(double lr, double rho, double eps, double weight_decay, bool maximize) {
    return {kernels::AdadeltaStep{lr, rho, eps, weight_decay, maximize}};
}

Rule nadam_rule(double lr, double beta1, double beta2, double eps, double weight_decay, double momentum_decay,
                bool decoupled, bool maximize) {
    return {NadamRule{{lr, beta1, beta2, eps, weight_decay, 0, 0, 0, decoupled, maximize}, momentum_decay}};
}

Rule lion_rule(double lr, double beta1, double beta2, double weight_decay, bool maximize) {
    return {kernels::LionStep{lr, beta1, beta2, weight_decay, maximize}};
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
    for (const Tensor& slot : s.slots) slots.append(slot && s.has_slots() ? wrap(slot) : py::object(py::none()));
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

std::vector<int64_t> batch_indices(const Batches& batches, uint64_t epoch, int64_t i) {
    if (i < 0 || i >= batches.count()) throw IndexError(say("batch ", i, " of ", batches.count()));
    std::vector<int64_t> indices;
    batches.fill_indices(batches.order(epoch), i, indices);
    return indices;
}

}  // namespace

void bind_train(py::module_& m) {
    using py::arg;
    py::module_ t = m.def_submodule("train", "Native training: optimizer steps, descent, batches.");
    t.def(
        "gradient_norm",
        [](const py::iterable& gradients) { return gradient_norm(operands(gradients, Memory::borrowed)); },
        py::arg("gradients"), "Euclidean length of all numbers of all gradients together, in double.");

    py::class_<Rule>(t, "Rule", "What one step does with a parameter and its gradient: a kind and hyper-parameters.");
    t.def("sgd", sgd_rule, arg("lr"), arg("momentum"), arg("dampening"), arg("weight_decay"), arg("nesterov"),
          arg("maximize"), "The rule of stochastic gradient descent.");
    t.def("adam", adam_rule, arg("lr"), arg("beta1"), arg("beta2"), arg("eps"), arg("weight_decay"), arg("decoupled"),
          arg("maximize"), "The rule of Adam, and with `decoupled` of AdamW.");
    t.def("rmsprop", rmsprop_rule, arg("lr"), arg("alpha"), arg("eps"), arg("weight_decay"), arg("momentum"),
          arg("centered"), arg("maximize"), "The rule of RMSprop.");
    t.def("adagrad", adagrad_rule, arg("lr"), arg("lr_decay"), arg("first_sum"), arg("eps"), arg("weight_decay"),
          arg("maximize"), "The rule of Adagrad.");
    t.def("adadelta", adadelta_rule, arg("lr"), arg("rho"), arg("eps"), arg("weight_decay"), arg("maximize"),
          "The rule of Adadelta.");
    t.def("nadam", nadam_rule, arg("lr"), arg("beta1"), arg("beta2"), arg("eps"), arg("weight_decay"),
          arg("momentum_decay"), arg("decoupled"), arg("maximize"), "The rule of NAdam.");
    t.def("lion", lion_rule, arg("lr"), arg("beta1"), arg("beta2"), arg("weight_decay"), arg("maximize"),
          "The rule of Lion.");

    py::class_<ParameterTable, std::shared_ptr<ParameterTable>>(t, "ParameterTable",
                                                                "Parameters and what an optimizer remembers of each.")
        .def(py::init<Tensors>(), arg("params"))
        .def("step", take_step, arg("rule"), "One step from the parameters' .grad; whether all new numbers are finite.")
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
        .def("batch", gather_batch, arg("epoch"), arg("index"), "Batch `index` of an epoch: one tensor an array.")
        .def("indices", batch_indices, arg("epoch"), arg("index"), "Which rows of the arrays that batch is made of.");
}

}  // namespace fg
