// Replaying with a look at every result.
#include "train/diagnosis.hpp"

#include "tape/apply.hpp"

namespace fg {
namespace {

// The place of the first number that is not finite, in logical order.
std::optional<Dims> position_of(const Tensor& t) {
    if (!is_floating(t.dtype())) return std::nullopt;
    const Tensor numbers = contiguous(t);
    const int64_t at = visit_floating(t.dtype(), [&](auto zero) {
        const auto* x = numbers.view().as<const decltype(zero)>();
        for (int64_t i = 0, n = numbers.size(); i < n; ++i)
            if (x[i] - x[i] != 0) return i;
        return int64_t(-1);
    });
    if (at < 0) return std::nullopt;
    Dims position = t.shape();
    int64_t left = at;
    for (int axis = t.ndim() - 1; axis >= 0; --axis) {
        position[axis] = left % t.shape()[axis];
        left /= t.shape()[axis];
    }
    return position;
}

}  // namespace

std::optional<NotFinite> first_not_finite(const Program& program, Span<Tensor> inputs, const RandomKey& draws) {
    const Recording& r = program.recording();
    r.check_inputs(inputs);
    std::vector<Tensor> now(r.values().size());
    if (r.key() >= 0) now[size_t(r.key())] = key_tensor(draws);
    const auto report = [&](const Tensor& t, const char* op, int number) -> std::optional<NotFinite> {
        if (const auto position = position_of(t)) return NotFinite{op, number, t.shape(), *position};
        return std::nullopt;
    };
    for (int i = 0; i < inputs.size(); ++i) {
        now[size_t(r.inputs()[size_t(i)])] = inputs[i];
        if (auto found = report(inputs[i], "input", i)) return found;
    }
    for (size_t v = 0; v < now.size(); ++v) {
        if (!r.values()[v].captured) continue;
        now[v] = r.values()[v].captured;
        if (auto found = report(now[v], "captured", 0)) return found;
    }
    const GradMode off(false);
    std::vector<Tensor> arguments;
    for (const Instruction& instruction : r.instructions()) {
        arguments.clear();
        for (int v : r.inputs_of(instruction)) arguments.push_back(now[size_t(v)]);
        const Attrs& attrs = instruction.attrs;
        std::vector<Tensor> results;
        if (attrs.region) results = apply_region(attrs.region, arguments, attrs.draw);
        else results.push_back(apply(*instruction.op, arguments, attrs));
        for (size_t i = 0; i < results.size(); ++i) {
            if (auto found = report(results[i], instruction.op->name, 0)) return found;
            now[size_t(instruction.output) + i] = results[i];
        }
    }
    return std::nullopt;
}

}  // namespace fg
