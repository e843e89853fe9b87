// fastgrad._core's linalg, fft, signals and special, and the function that has NumPy compute host ops.
#include "bindings/py_tensor.hpp"
#include "ops/convolve.hpp"
#include "ops/fft.hpp"
#include "ops/host.hpp"
#include "ops/linalg.hpp"
#include "ops/special.hpp"

namespace fg {
namespace {

// The module whose functions these are, loaded when one is first needed and kept.
PyObject* host_module() {
    static PyObject* module = nullptr;
    if (!module) module = py::module_::import("fastgrad._host").release().ptr();
    return module;
}

// The array lies on the operand's own memory, which it does not keep: it is gone when the call is over.
py::array as_array(const View& view, bool writable) {
    std::vector<py::ssize_t> shape(view.shape.begin(), view.shape.end()), strides;
    for (int64_t s : view.strides) strides.push_back(s * itemsize(view.dtype));
    py::array array(to_numpy(view.dtype), shape, strides, view.data, py::handle(host_module()));
    if (!writable) py::detail::array_proxy(array.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
    return array;
}

int64_t compute_on_host(const char* name, Views in, const View& out) {
    const WithGil held;
    const py::object function = py::handle(host_module()).attr(name);
    py::tuple args(size_t(in.size()) + 1);
    args[0] = as_array(out, true);
    for (size_t i = 0; i < size_t(in.size()); ++i) args[i + 1] = as_array(*in[i], false);
    const py::object failed = function(*args);
    return failed.is_none() ? -1 : failed.cast<int64_t>();
}

Tensor operand(const py::handle& x, const char* op) {
    PyObject* const one[] = {x.ptr()};
    Tensor t;
    to_operands(one, 1, op, &t);
    return t;
}

void to_two_operands(const py::object& a, const py::object& b, const char* op, Tensor* operands) {
    PyObject* const both[] = {a.ptr(), b.ptr()};
    to_operands(both, 2, op, operands);
}

void def_of_one(py::module_& m, const char* name, Tensor (*op)(const Tensor&), const char* doc) {
    m.def(
        name, [name, op](const py::object& x) { return op(operand(x, name)); }, py::arg("x"), doc);
}
void def_of_two(py::module_& m, const char* name, Tensor (*op)(const Tensor&, const Tensor&), const char* second,
                const char* doc) {
    m.def(
        name,
        [name, op](const py::object& a, const py::object& b) {
            Tensor in[2];
            to_two_operands(a, b, name, in);
            return op(in[0], in[1]);
        },
        py::arg("a"), py::arg(second), doc);
}

}  // namespace

void bind_host(py::module_& m) {
    lend_host_function(compute_on_host);
    using py::arg;

    py::module_ linalg = m.def_submodule("linalg", "Operations on the matrices in the last two axes.");
    def_of_two(linalg, "solve", solve, "b", "x of a x = b, for b (..., n, k).");
    def_of_two(linalg, "pinv", pinv, "cutoff",
               "Pseudo-inverse; singular values up to cutoff times the largest count as zero.");
    linalg.def(
        "solve_triangular",
        [](const py::object& a, const py::object& b, bool lower, bool transposed, bool unit_diagonal) {
            Tensor in[2];
            to_two_operands(a, b, "solve_triangular", in);
            return solve_triangular(in[0], in[1], {lower, transposed, unit_diagonal});
        },
        arg("a"), arg("b"), arg("lower") = false, arg("transposed") = false, arg("unit_diagonal") = false,
        "x of a x = b for a triangle a.");
    def_of_one(linalg, "inv", inv, "Inverse.");
    def_of_one(linalg, "det", det, "Determinant.");
    def_of_one(linalg, "slogdet", slogdet, "(..., 2): its sign, and the logarithm of its absolute value.");
    def_of_one(linalg, "cholesky", cholesky, "Lower triangle L with L L^T = x.");
    def_of_one(linalg, "qr", qr, "(..., m + n, k): Q above R transposed.");
    def_of_one(linalg, "qr_complete", qr_complete, "Q (m, m) and R (m, n) in a row, for m > n.");
    def_of_one(linalg, "eig", eig, "(..., 2 (n + 1), n): eigenvalues above eigenvectors, real parts above imaginary.");
    def_of_one(linalg, "eigvals", eigvals, "(..., 2, n): eigenvalues, real parts above imaginary.");
    def_of_one(linalg, "eigh", eigh, "(..., 1 + n, n): eigenvalues above eigenvectors.");
    def_of_one(linalg, "eigvalsh", eigvalsh, "Eigenvalues of a symmetric matrix.");
    def_of_one(linalg, "svd", svd, "(..., m + 1 + n, k): U above the singular values above Vh transposed.");
    def_of_one(linalg, "svd_full", svd_full, "U (m, m), the singular values and Vh (n, n) in a row.");
    def_of_one(linalg, "svdvals", svdvals, "Singular values.");
    def_of_one(linalg, "expm", expm, "Exponential.");

    py::module_ fourier = m.def_submodule("fft", "Fourier transforms along the last axis, of pairs (..., n, 2).");
    def_of_one(fourier, "fft", fft, "Of pairs, without a factor.");
    def_of_one(fourier, "fft_of_real", fft_of_real, "Of real numbers, without a factor.");
    def_of_one(fourier, "backward_fft", backward_fft, "Of pairs, the other way, without a factor.");
    def_of_one(fourier, "rfft", rfft, "The first half of that of real numbers, without a factor.");
    fourier.def(
        "backward_rfft",
        [](const py::object& half, int64_t n) { return backward_rfft(operand(half, "backward_rfft"), n); }, arg("half"),
        arg("n"), "Real numbers (..., n) from a first half, without a factor.");

    py::module_ signals = m.def_submodule("signals", "Convolutions along the last axis.");
    def_of_two(signals, "convolve_full", convolve_full, "b", "Wherever the two meet.");
    def_of_two(signals, "convolve_valid", convolve_valid, "b", "Where all of b lies within a.");

    py::module_ special = m.def_submodule("special", "Special functions that are no elementwise kernels.");
    def_of_one(special, "gammaln", gammaln, "Logarithm of the absolute value of the gamma function.");
    special.def(
        "polygamma", [](int64_t n, const py::object& x) { return polygamma(n, operand(x, "polygamma")); }, arg("n"),
        arg("x"), "Derivative n of the digamma function.");
}

}  // namespace fg
