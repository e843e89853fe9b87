// Running a function of one example on a batch of them.
#include "bindings/py_tensor.hpp"
#include "ops/batching.hpp"
#include "tape/apply.hpp"

namespace fg {
namespace {

// What one example has of an input whose batch lies along `axis`.
Meta meta_of_one(const Tensor& input, int axis) {
    Meta meta = input.meta();
    if (axis >= 0) meta.shape.erase(axis);
    return meta;
}

// The recording of f on one example. It may read values of the recording around it, for it is used there and then.
Recording record_one(const py::function& f, const std::vector<Tensor>& inputs, const std::vector<int>& axes) {
    Recording recording(true);
    py::list placeholders;
    for (size_t i = 0; i < inputs.size(); ++i)
        placeholders.append(wrap(recording.add_input(meta_of_one(inputs[i], axes[i]))));
    std::vector<Tensor> outputs;
    const RecordingScope scope(recording);
    const py::object result = f(placeholders);
    for (const py::handle& output : result) {
        if (!is_tensor(output.ptr()))
            throw TypeError(say("a function of one example must return tensors, got ", Py_TYPE(output.ptr())->tp_name));
        outputs.push_back(tensor_of(output.ptr()));
    }
    recording.set_outputs(outputs);
    recording.remove_dead_code();
    return recording;
}

py::list batched(const py::function& f, const py::iterable& given, const py::iterable& given_axes, int64_t size) {
    const std::vector<Tensor> inputs = operands(given, is_borrowing() ? Memory::borrowed : Memory::copied);
    std::vector<int> axes;
    for (const py::handle& axis : given_axes) axes.push_back(axis.cast<int>());
    if (axes.size() != inputs.size()) throw ValueError(say("got ", axes.size(), " axes of ", inputs.size(), " inputs"));
    for (size_t i = 0; i < inputs.size(); ++i)
        if (axes[i] >= inputs[i].ndim() || (axes[i] >= 0 && inputs[i].shape()[axes[i]] != size))
            throw ValueError(
                say("input ", i, " of shape ", inputs[i].shape(), " has no ", size, " examples along axis ", axes[i]));
    const Recording recording = record_one(f, inputs, axes);
    std::vector<BatchedValue> out;
    {
        const WithoutGil released;
        std::vector<BatchedValue> examples;
        for (size_t i = 0; i < inputs.size(); ++i)
            examples.push_back({axes[i] < 0 ? inputs[i] : with_axis_moved(inputs[i], axes[i], 0), axes[i] >= 0});
        out = replay_batched(recording, examples, size);
    }
    py::list list;
    for (const BatchedValue& v : out) list.append(py::make_tuple(wrap(v.value), v.batched));
    return list;
}

}  // namespace

void bind_batching(py::module_& m) {
    using py::arg;
    m.def("batched", batched, arg("f"), arg("inputs"), arg("axes"), arg("size"),
          "Calls f once on stand-ins for one example's inputs, and does what it did for all of the batch. An axis says "
          "along which the examples of an input lie, -1 that all have the same. For each tensor that f returns: the "
          "results along an axis in front and True, or one result that all share and False.");
}

}  // namespace fg
