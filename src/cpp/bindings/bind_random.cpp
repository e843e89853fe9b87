// fastgrad._core.random: the global generator, numbers drawn as ops, and keyed permutations.
#include <pybind11/stl.h>

#include <cmath>

#include "bindings/py_tensor.hpp"
#include "ops/random.hpp"

namespace fg {
namespace {

// What draw(shape) gives, with the GIL released when that takes long.
template <class Draw> Tensor drawn(const py::object& shape, const Draw& draw) {
    const Dims dims = to_dims(shape, "shape");
    if (element_count(dims) < release_gil_above) return draw(dims);
    const WithoutGil released;
    return draw(dims);
}

// (seed, stream) or None
using From = std::optional<std::pair<uint64_t, uint64_t>>;
DrawnFrom key_of(const From& from) { return from ? DrawnFrom({from->first, from->second, 0}) : std::nullopt; }

DType floating(const py::object& dtype) {
    const DType t = to_dtype(dtype);
    visit_floating(t, [](auto) {});  // refuses others
    return t;
}

Tensor draw_uniform(const py::object& shape, double low, double high, const py::object& dtype, const From& from) {
    if (!(low <= high) || !std::isfinite(high - low))
        throw ValueError(say("expected finite low <= high, got low = ", low, " and high = ", high));
    const DType t = floating(dtype);
    return drawn(shape, [&](const Dims& dims) { return uniform(t, dims, low, high, key_of(from)); });
}

Tensor draw_normal(const py::object& shape, double mean, double std, const py::object& dtype, const From& from) {
    if (!std::isfinite(mean)) throw ValueError(say("mean must be finite, got ", mean));
    if (!(std >= 0) || !std::isfinite(std)) throw ValueError(say("std must be finite and at least 0, got ", std));
    const DType t = floating(dtype);
    return drawn(shape, [&](const Dims& dims) { return normal(t, dims, mean, std, key_of(from)); });
}

Tensor draw_bernoulli(const py::object& shape, double p, const From& from) {
    if (!(p >= 0 && p <= 1)) throw ValueError(say("p must be from 0 to 1, got ", p));
    return drawn(shape, [&](const Dims& dims) { return bernoulli(dims, p, key_of(from)); });
}

Tensor draw_integers(const py::object& shape, int64_t low, int64_t last, const From& from) {
    if (low > last) throw ValueError(say("expected low < high, got low = ", low, " and high = ", last, " + 1"));
    return drawn(shape, [&](const Dims& dims) { return integers(dims, low, last, key_of(from)); });
}

Tensor permutation(int64_t n, uint64_t seed, uint64_t epoch) {
    if (n < 0) throw ValueError(say("n must be at least 0, got ", n));
    return drawn(py::int_(n), [&](const Dims& dims) {
        const Tensor t = Tensor::empty(DType::int64, dims);
        if (n > 0) Permutation(n, seed, epoch).fill(0, n, t.view().as<int64_t>());
        return t;
    });
}

std::pair<uint64_t, uint64_t> seed_and_stream(const RandomKey& key) { return {key.seed, key.stream}; }

}  // namespace

void bind_random(py::module_& m) {
    using py::arg;
    py::module_ r = m.def_submodule(
        "random", "Counter-based random numbers: the same key gives the same numbers on every machine.");
    r.def(
        "take", [] { return seed_and_stream(global_generator().take(1)); },
        "The seed and next stream of the global generator, which nobody else gets.");
    r.def(
        "get_state", [] { return seed_and_stream(global_generator().state()); },
        "The seed, and the stream that comes next.");
    r.def(
        "set_state", [](uint64_t seed, uint64_t stream) { global_generator().set(seed, stream); }, arg("seed"),
        arg("stream"), "Goes there.");
    // Without a stream they take the next: while recording, a new one at each replay.
    r.def("uniform", draw_uniform, arg("shape"), arg("low"), arg("high"), arg("dtype"), arg("stream") = py::none(),
          "Numbers in [low, high), float32 or float64.");
    r.def("normal", draw_normal, arg("shape"), arg("mean"), arg("std"), arg("dtype"), arg("stream") = py::none(),
          "Normal numbers, float32 or float64.");
    r.def("bernoulli", draw_bernoulli, arg("shape"), arg("p"), arg("stream") = py::none(),
          "Truth values that are true with probability p.");
    r.def("integers", draw_integers, arg("shape"), arg("low"), arg("last"), arg("stream") = py::none(),
          "int64 numbers from low to last, both included.");
    r.def("permutation", permutation, arg("n"), arg("seed"), arg("epoch") = 0,
          "0 to n - 1 in an order keyed by seed and epoch.");
}

}  // namespace fg
