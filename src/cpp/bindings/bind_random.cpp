// fastgrad._core.random: numbers from a seed, a stream and a step, and keyed permutations.
#include "core/random.hpp"

#include <cmath>

#include "bindings/py_tensor.hpp"

namespace fg {
namespace {

// A fresh tensor filled by fill(n, numbers), with the GIL released when that takes long.
template <class Fill> Tensor filled(DType dtype, const Dims& shape, const Fill& fill) {
    Tensor t = Tensor::empty(dtype, shape);
    if (t.size() < release_gil_above) {
        fill(t);
        return t;
    }
    const WithoutGil released;
    fill(t);
    return t;
}

Tensor uniform(const py::object& shape, double low, double high, const py::object& dtype, uint64_t seed,
               uint64_t stream, uint64_t step) {
    if (!(low <= high) || !std::isfinite(high - low))
        throw ValueError(say("expected finite low <= high, got low = ", low, " and high = ", high));
    return filled(to_dtype(dtype), to_dims(shape, "shape"), [&](const Tensor& t) {
        visit_floating(t.dtype(), [&](auto zero) {
            using T = decltype(zero);
            fill_uniform<T>({seed, stream, step}, low, high, t.size(), t.view().as<T>());
        });
    });
}

Tensor normal(const py::object& shape, double mean, double std, const py::object& dtype, uint64_t seed, uint64_t stream,
              uint64_t step) {
    if (!std::isfinite(mean)) throw ValueError(say("mean must be finite, got ", mean));
    if (!(std >= 0) || !std::isfinite(std)) throw ValueError(say("std must be finite and at least 0, got ", std));
    return filled(to_dtype(dtype), to_dims(shape, "shape"), [&](const Tensor& t) {
        visit_floating(t.dtype(), [&](auto zero) {
            using T = decltype(zero);
            fill_normal<T>({seed, stream, step}, mean, std, t.size(), t.view().as<T>());
        });
    });
}

Tensor integers(const py::object& shape, int64_t low, int64_t last, uint64_t seed, uint64_t stream, uint64_t step) {
    if (low > last) throw ValueError(say("expected low < high, got low = ", low, " and high = ", last, " + 1"));
    return filled(DType::int64, to_dims(shape, "shape"), [&](const Tensor& t) {
        fill_integers({seed, stream, step}, low, last, t.size(), t.view().as<int64_t>());
    });
}

Tensor permutation(int64_t n, uint64_t seed, uint64_t epoch) {
    if (n < 0) throw ValueError(say("n must be at least 0, got ", n));
    if (n == 0) return Tensor::empty(DType::int64, {0});
    return filled(DType::int64, {n},
                  [&](const Tensor& t) { Permutation(n, seed, epoch).fill(0, n, t.view().as<int64_t>()); });
}

}  // namespace

void bind_random(py::module_& m) {
    using py::arg;
    py::module_ r = m.def_submodule(
        "random", "Counter-based random numbers: the same key gives the same numbers on every machine.");
    r.def("uniform", uniform, arg("shape"), arg("low"), arg("high"), arg("dtype"), arg("seed"), arg("stream"),
          arg("step") = 0, "Numbers in [low, high), float32 or float64.");
    r.def("normal", normal, arg("shape"), arg("mean"), arg("std"), arg("dtype"), arg("seed"), arg("stream"),
          arg("step") = 0, "Normal numbers, float32 or float64.");
    r.def("integers", integers, arg("shape"), arg("low"), arg("last"), arg("seed"), arg("stream"), arg("step") = 0,
          "int64 numbers from low to last, both included.");
    r.def("permutation", permutation, arg("n"), arg("seed"), arg("epoch") = 0,
          "0 to n - 1 in an order keyed by seed and epoch.");
}

}  // namespace fg
