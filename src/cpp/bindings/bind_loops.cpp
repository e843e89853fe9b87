// Loops and branches: bodies recorded from Python functions, and regions made of them.
#include <pybind11/stl.h>

#include "bindings/py_tensor.hpp"
#include "bindings/signals.hpp"
#include "core/interrupt.hpp"
#include "tape/apply.hpp"
#include "tape/branch.hpp"
#include "tape/loop.hpp"

namespace fg {
namespace {

using Tensors = std::vector<Tensor>;

// What a function did, once; it becomes part of one region.
struct Body {
    Recording recording;

    std::shared_ptr<const Recording> closed(const Tensors& outside) {
        recording.take_as_inputs(outside);
        return std::make_shared<const Recording>(std::move(recording));
    }
    const Meta& output(size_t i) const { return recording.values()[size_t(recording.outputs()[i])].meta; }
};

Meta row_of(const Tensor& t) {
    Meta meta = t.meta();
    meta.shape.erase(0);
    return meta;
}

Body record_function(const py::function& f, const Tensors& whole, const Tensors& rows) {
    std::vector<Meta> metas;
    for (const Tensor& t : whole) metas.push_back(t.meta());
    for (const Tensor& t : rows) metas.push_back(row_of(t));
    return {record_body(metas,
                        [&](const Tensors& traced) { return tensors_of(f(to_list(traced)), "what a body returns"); })};
}

py::list outputs_of(const Body& body) {
    py::list list;
    for (size_t i = 0; i < body.recording.outputs().size(); ++i) {
        const Meta& meta = body.output(i);
        list.append(py::make_tuple(to_tuple(meta.shape), to_numpy(meta.dtype), meta.weak));
    }
    return list;
}

// With a key in front where the region draws.
Tensors applied(const Ref<Region>& region, bool draws, Tensors in) {
    int64_t first = 0;
    if (draws) {
        Draws key = Recording::take_draws(1);
        in.insert(in.begin(), key.key);
        first = key.first;
    }
    const WithoutGil released;
    return apply_region(region, in, first);
}

// What several bodies read from outside, each tensor once.
Tensors outside_of(const Body& a, const Body& b) {
    Tensors outside = a.recording.read_from_outside();
    for (const Tensor& t : b.recording.read_from_outside()) {
        const auto is_same = [&](const Tensor& other) { return other.impl() == t.impl(); };
        if (std::none_of(outside.begin(), outside.end(), is_same)) outside.push_back(t);
    }
    return outside;
}

Tensors joined(Tensors a, const Tensors& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Tensors scan(Body& body, const Tensors& carries, const Tensors& xs, int64_t length, bool reverse) {
    body.recording.hoist_invariants();
    const Tensors outside = body.recording.read_from_outside();
    LoopParts parts;
    parts.rounds = length;
    parts.reverse = reverse;
    parts.carries = int(carries.size());
    parts.xs = int(xs.size());
    parts.body = body.closed(outside);
    const auto loop = make_ref<Loop>(std::move(parts));
    return applied(loop, loop->draws(), joined(joined(carries, xs), outside));
}

Tensors while_loop(Body& condition, Body& body, const Tensors& carries, int64_t most) {
    condition.recording.hoist_invariants();
    body.recording.hoist_invariants();
    const Tensors outside = outside_of(condition, body);
    LoopParts parts;
    parts.length = Length::conditional;
    parts.most = most;
    parts.carries = int(carries.size());
    parts.condition = condition.closed(outside);
    parts.body = body.closed(outside);
    const auto loop = make_ref<Loop>(std::move(parts));
    Tensors out = applied(loop, loop->draws(), joined(carries, outside));
    out.resize(carries.size());
    return out;
}

Tensors cond(Body& if_true, Body& if_false, const Tensor& condition, const Tensors& operands) {
    const Tensors outside = outside_of(if_true, if_false);
    const auto a = if_true.closed(outside), b = if_false.closed(outside);
    const auto branch = make_ref<Branch>(a, b);
    return applied(branch, branch->draws(), joined(joined({condition}, operands), outside));
}

}  // namespace

void bind_loops(py::module_& m) {
    using py::arg;
    set_interrupt_check(raise_pending_signals);
    py::class_<Body>(m, "Body", "What a function did, recorded to be part of one loop or branch.")
        .def_property_readonly("outputs", outputs_of, "Shape, dtype and weakness of each output.");
    m.def("record_body", record_function, arg("function"), arg("whole"), arg("rows"),
          "Calls a function once on a list of stand-ins, of tensors and of rows of tensors, and keeps what it did.");
    m.def("scan", scan, arg("body"), arg("carries"), arg("xs"), arg("length"), arg("reverse"),
          "The last carries and the ys of a loop over rows.");
    m.def("while_loop", while_loop, arg("condition"), arg("body"), arg("carries"), arg("most"),
          "The last carries of a loop while a condition holds; most is -1 for any number of rounds.");
    m.def("cond", cond, arg("if_true"), arg("if_false"), arg("condition"), arg("operands"),
          "The outputs of one of two bodies.");
}

}  // namespace fg
