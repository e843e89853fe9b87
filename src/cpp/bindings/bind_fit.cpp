// fastgrad._core.train: steps of training on recordings, and the loop of fit.
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>

#include "bindings/py_tensor.hpp"
#include "bindings/signals.hpp"
#include "train/claims.hpp"
#include "train/diagnosis.hpp"
#include "train/evaluation.hpp"
#include "train/fit.hpp"

PYBIND11_DECLARE_HOLDER_TYPE(T, fg::Ref<T>, true)

namespace fg {
namespace {

using Tensors = std::vector<Tensor>;

RecordedStep recorded_step(Program& program, std::vector<int> parameters, int weight_input) {
    const Recording& r = program.recording();
    if (r.outputs().size() != parameters.size() + 1)
        throw ValueError(say("a step gives a loss and ", parameters.size(), " gradients, the program has ",
                             r.outputs().size(), " outputs"));
    if (weight_input >= int(r.inputs().size()))
        throw IndexError(say("input ", weight_input, " of ", r.inputs().size()));
    return {Ref<Program>(&program), std::move(parameters), weight_input};
}

// Ctrl-C reaches the main thread only; it sets this for loops of other threads.
struct Cancel {
    std::atomic<bool> requested{false};
};

// What a loop does about every 50 ms.
void look_up(const Cancel* cancel) {
    if (cancel && cancel->requested) {
        const WithGil held;
        PyErr_SetNone(PyExc_KeyboardInterrupt);
        throw py::error_already_set();
    }
    raise_pending_signals();
}

// At least one epoch, and as many as fit into 20 ms: asking for each takes longer than a short one does. Of each: (end,
// mean loss, batches seen, the loss that ended it, the stream that its draws began with).
py::list run_epochs(FitLoop& loop, uint64_t first, uint64_t most, const std::vector<Rule>& rules, double seconds_left,
                    const Cancel* cancel) {
    using Clock = Pulse::Clock;
    const auto start = Clock::now();
    const auto deadline =
        seconds_left < 1e9
            ? start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_left))
            : Clock::time_point::max();
    const auto enough = std::min(start + std::chrono::milliseconds(20), deadline);
    look_up(cancel);  // epochs may be too short for the loop to do it
    py::list done;
    EpochResult r;
    do {
        {
            const WithoutGil released;
            r = loop.epoch(first + done.size(), rules, deadline, [cancel] { look_up(cancel); });
        }
        loop.commit();
        done.append(py::make_tuple(name(r.end), r.loss, r.batches, r.worst, r.draws.stream));
    } while (r.end == EpochEnd::complete && done.size() < most && Clock::now() < enough);
    return done;
}

double evaluate(const Evaluation& evaluation, const Cancel* cancel) {
    const WithoutGil released;
    return evaluation([cancel] { look_up(cancel); });
}

// (op, number, shape, position) or None
py::object diagnose(const Program& program, const py::iterable& inputs, uint64_t seed, uint64_t stream) {
    const auto found = first_not_finite(program, operands(inputs, Memory::borrowed), {seed, stream, 0});
    if (!found) return py::none();
    return py::make_tuple(found->op, found->number, to_tuple(found->shape), to_tuple(found->position));
}

std::vector<uint32_t> versions(const Tensors& tensors) {
    std::vector<uint32_t> out;
    for (const Tensor& t : tensors) out.push_back(t.impl()->storage ? t.impl()->storage->version() : 0);
    return out;
}

}  // namespace

void bind_fit(py::module_& m) {
    using py::arg;
    py::module_ t = m.attr("train");

    py::class_<RecordedStep>(t, "RecordedStep", "A program that gives the loss of a batch, and gradients.")
        .def(py::init(&recorded_step), arg("program"), arg("parameters"), arg("weight_input"))
        .def_property_readonly("program", [](const RecordedStep& step) { return step.program; });

    py::class_<Cancel>(t, "Cancel", "How one thread interrupts the loops of others.")
        .def(py::init<>())
        .def(
            "request", [](Cancel& cancel) { cancel.requested = true; }, "They raise KeyboardInterrupt.");

    py::class_<FitLoop>(t, "FitLoop", "Epochs of training on a private copy of the parameters.")
        .def(py::init([](Tables tables, const Batches& batches, const RecordedStep& full, const RecordedStep& rest,
                         double max_norm, uint64_t seed, uint64_t stream) {
                 return std::make_unique<FitLoop>(std::move(tables), batches, full, rest, max_norm,
                                                  RandomKey{seed, stream, 0});
             }),
             arg("tables"), arg("batches"), arg("full"), arg("rest"), arg("max_norm"), arg("seed"), arg("stream"))
        .def(
            "epochs", run_epochs, arg("first"), arg("most"), arg("rules"), arg("seconds_left"), arg("cancel"),
            "Passes over the data, at least one, for some 20 ms, each committed. Of each: how it ended, the mean loss, "
            "batches seen, the loss that ended it and the stream that its draws began with.")
        .def("commit", &FitLoop::commit, "Hands numbers and slots to the model and the optimizer.")
        .def("pull", &FitLoop::pull, "Takes numbers and slots from there.")
        .def("keep_best", &FitLoop::keep_best, "Remembers the numbers.")
        .def("restore_best", &FitLoop::restore_best, "Goes back to the numbers remembered.");

    py::class_<Evaluation>(t, "Evaluation", "The mean loss over rows that are not learned from.")
        .def(py::init<Tensors, int64_t, RecordedStep, RecordedStep>(), arg("arrays"), arg("chunk"), arg("full"),
             arg("rest"))
        .def("__call__", evaluate, arg("cancel"));

    t.def(
        "claim", [](const Tensors& params) { claim(params); }, arg("params"),
        "Marks parameters as being trained; an error, marking none, when one is so already.");
    t.def(
        "release", [](const Tensors& params) { release(params); }, arg("params"), "Takes the marks off again.");
    t.def(
        "memory_order", [](const Tensor& x) { return to_tuple(memory_order(x)); }, arg("tensor"),
        "Axes from the one whose numbers lie furthest apart to the nearest.");
    t.def("first_not_finite", diagnose, arg("program"), arg("inputs"), arg("seed"), arg("stream"),
          "(op, number, shape, position) of the first value of a replay that is not finite; None when all are.");
    t.def("versions", versions, arg("tensors"), "How often the memory of each has been written to.");
}

}  // namespace fg
