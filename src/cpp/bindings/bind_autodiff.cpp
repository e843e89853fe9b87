// Gradients, grad mode, recordings and programs.
#include <pybind11/stl.h>

#include "bindings/py_tensor.hpp"
#include "ops/shape.hpp"
#include "tape/apply.hpp"
#include "tape/backward.hpp"
#include "tape/explain.hpp"
#include "tape/node.hpp"
#include "tape/program.hpp"

namespace fg {
namespace {

using Tensors = std::vector<Tensor>;

py::list gradients_of(const py::iterable& outputs, const py::iterable& seeds, const py::iterable& inputs,
                      bool retain_graph, bool create_graph) {
    const Tensors out = tensors_of(outputs, "outputs"), in = tensors_of(inputs, "inputs");
    Tensors starts;
    for (const py::handle& seed : seeds) {
        starts.push_back(seed.is_none() ? Tensor() : to_operand(seed.ptr(), Memory::copied));
        if (!seed.is_none() && !starts.back())
            throw TypeError(
                say("a gradient of an output must be a tensor or an array, got ", Py_TYPE(seed.ptr())->tp_name));
    }
    if (starts.size() != out.size())
        throw ValueError(say("got ", starts.size(), " gradients for ", out.size(), " outputs"));
    for (size_t i = 0; i < out.size(); ++i)
        if (starts[i]) starts[i] = astype(starts[i], out[i].dtype());
    for (size_t i = 0; i < in.size(); ++i)
        if (!in[i].requires_grad())
            throw GradientError(say("input ", i, " does not require a gradient: make it with requires_grad=True"));
    Tensors result;
    {
        const WithoutGil released;
        result = gradients(out, starts, in, retain_graph, create_graph);
    }
    return to_list(result);
}

Ref<Program> record(const py::function& f, const py::iterable& examples) {
    Recording recording;
    py::list placeholders;
    for (const py::handle& example : examples) {
        const Tensor t = to_operand(example.ptr(), Memory::borrowed);
        if (!t)
            throw TypeError(
                say("an example must be a tensor, an array or a number, got ", Py_TYPE(example.ptr())->tp_name));
        placeholders.append(wrap(recording.add_input(t.meta())));
    }
    {
        RecordingScope scope(recording);
        const py::object result = f(placeholders);
        recording.set_outputs(
            tensors_of(py::reinterpret_borrow<py::iterable>(result), "what a recorded function returns"));
    }
    return make_ref<Program>(std::move(recording));
}

py::list run(Program& program, const py::iterable& inputs) {
    const Tensors in = operands(inputs, Memory::borrowed);
    Tensors out;
    {
        const WithoutGil released;
        out = program.run(in);
    }
    return to_list(out);
}

py::list inlined(const Program& program, const py::iterable& inputs, const py::iterable& captured,
                 const py::iterable& replaced) {
    // Arrays become part of a graph or of a recording, which outlive the call.
    const bool kept = Recording::active() || (grad_enabled() && !is_borrowing());
    const Memory memory = kept ? Memory::copied : Memory::borrowed;
    const Tensors from = tensors_of(captured, "captured"), to = operands(replaced, memory);
    if (from.size() != to.size())
        throw ValueError(say("got ", to.size(), " replacements of ", from.size(), " captured tensors"));
    Tensors out = program.recording().replay_over(operands(inputs, memory), from, to);
    // The caller may write to results, but not to the constants of the recording.
    for (Tensor& t : out)
        if (!t.traced() && !t.requires_grad() && program.reads_captured(t)) t = copy_of(t);
    return to_list(out);
}

}  // namespace
}  // namespace fg

PYBIND11_DECLARE_HOLDER_TYPE(T, fg::Ref<T>, true)

namespace fg {

void bind_autodiff(py::module_& m) {
    using py::arg;
    m.def("gradients", gradients_of, arg("outputs"), arg("seeds"), arg("inputs"), arg("retain_graph"),
          arg("create_graph"),
          "Gradients of sum(seed * output) with respect to inputs; None where nothing flows. A seed of None stands for "
          "1.");
    m.def(
        "set_grad_enabled",
        [](bool enabled) {
            const bool before = grad_enabled();
            set_grad_enabled(enabled);
            return before;
        },
        arg("enabled"), "Turns remembering for backward on or off in this thread; returns what it was.");
    m.def("is_grad_enabled", &grad_enabled, "Whether operations are remembered for backward in this thread.");
    m.def(
        "is_recording", [] { return Recording::active() != nullptr; },
        "Whether a function is being recorded in this thread.");
    m.def(
        "graph_size",
        [](const Tensor& t) {
            const GraphSize size = graph_size(t);
            return py::make_tuple(size.nodes, size.bytes);
        },
        arg("tensor"), "How many operations backward from a tensor goes through, and the bytes kept for it.");
    m.def("record", record, arg("f"), arg("examples"),
          "Calls f once on stand-ins of the examples' shapes and dtypes and keeps what it did as a Program.");

    py::class_<Program, Ref<Program>>(m, "Program", "A recorded function, replayed natively.")
        .def("__call__", run, arg("inputs"), "Replays on inputs of the recorded shapes and dtypes.")
        .def("inline", inlined, arg("inputs"), arg("captured") = py::tuple(), arg("replaced") = py::tuple(),
             "Uses every recorded operation again on tensors: differentiable, recordable. Where one of `captured` was "
             "read, its replacement is.")
        .def("is_current", &Program::is_current,
             "Whether captured tensors want gradients exactly as they did while recording.")
        .def(
            "depends_on",
            [](const Program& p, int input) {
                if (input < 0 || input >= int(p.recording().inputs().size()))
                    throw IndexError(say("input ", input, " of ", p.recording().inputs().size()));
                return p.recording().depends_on(input);
            },
            arg("input"), "Whether any output is computed from that input.")
        .def(
            "text", [](const Program& p) { return recorded_text(p.recording()); }, "The recorded ops, one a line.")
        .def(
            "explain", [](const Program& p) { return steps_text(p, {}); },
            "The steps of a replay, one a line: what runs together, what it makes, its work and its bytes.")
        .def(
            "profile",
            [](const Program& p, int runs) {
                std::vector<double> seconds;
                {
                    const WithoutGil released;
                    seconds = p.profile(std::max(runs, 1));
                }
                return steps_text(p, seconds);
            },
            arg("runs") = 100, "The same with the time each step takes, the least of some runs on inputs of ones.")
        .def_property_readonly("instruction_count",
                               [](const Program& p) { return p.recording().instructions().size(); })
        .def_property_readonly(
            "draws", [](const Program& p) { return p.recording().draws(); },
            "How many random streams one replay takes.")
        .def_property_readonly("arena_bytes", &Program::arena_bytes, "Working memory of one replay.");
}

}  // namespace fg
