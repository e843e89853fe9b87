// fastgrad._core.kernels: the bare kernels on arrays, for benchmarks; and which ISA level they run at.
#include "kernels/table.hpp"

#include "bindings/py_tensor.hpp"
#include "core/scratch.hpp"

namespace fg {
namespace {

template <class T>
py::tuple linear_mse(const py::array_t<T>& x, const py::array_t<T>& y, const py::array_t<T>& w, T bias) {
    if (x.ndim() != 2 || y.ndim() != 1 || w.ndim() != 1 || x.shape(0) != y.shape(0) || x.shape(1) != w.shape(0))
        throw ValueError("linear_mse: expected X (n, d), y (n,), w (d,)");
    if (x.strides(1) != sizeof(T) || y.strides(0) != sizeof(T) || w.strides(0) != sizeof(T))
        throw ValueError("linear_mse: expected contiguous rows of X, y and w");
    const int64_t n = x.shape(0), d = x.shape(1);
    py::array_t<T> grad_w(d);
    T loss_sum = 0, grad_b = 0;
    T* out = grad_w.mutable_data();
    const auto& kernel = kernels::numbers<T>(kernels::table());
    {
        const WithoutGil released;
        kernel.linear_mse(n, d, x.data(), x.strides(0) / int64_t(sizeof(T)), y.data(), w.data(), bias, &loss_sum, out,
                          &grad_b, scratch(kernel.linear_mse_scratch(n, d)));
    }
    return py::make_tuple(loss_sum, grad_w, grad_b);
}

}  // namespace

void bind_kernels(py::module_& m) {
    kernels::table();  // an unknown FASTGRAD_ISA is an error now, not at the first op
    m.def(
        "isa", [] { return kernels::table().isa; }, "The ISA level in use.");
    m.def(
        "available_isa",
        [] {
            py::list levels;
            for (const char* const* level = kernels::available_levels(); *level; ++level) levels.append(*level);
            return levels;
        },
        "ISA levels of this build and CPU, best first.");
    m.def(
        "isa_is_fused", [] { return kernels::table().fused; }, "Whether the level has a fused multiply-add.");

    py::module_ k = m.def_submodule("kernels", "Bare kernels on NumPy arrays of one dtype, for benchmarks.");
    using py::arg;
    k.def("linear_mse", linear_mse<float>, arg("x").noconvert(), arg("y").noconvert(), arg("w").noconvert(),
          arg("bias"),
          "One read of X: (sum of squared residuals, X^T residuals, sum of residuals) of residuals X w + bias - y.");
    k.def("linear_mse", linear_mse<double>, arg("x").noconvert(), arg("y").noconvert(), arg("w").noconvert(),
          arg("bias"));
}

}  // namespace fg
