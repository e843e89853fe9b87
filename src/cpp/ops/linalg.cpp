// Systems of equations, inverses, determinants, triangles.
//
// Rules: M. Giles, "An extended collection of matrix derivative results for forward and reverse mode algorithmic
// differentiation" (2008); of the Cholesky factor I. Murray, "Differentiation of the Cholesky decomposition" (2016).
#include "ops/linalg.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "core/scratch.hpp"
#include "ops/along_axis.hpp"
#include "ops/batching.hpp"
#include "ops/host.hpp"
#include "ops/matrices.hpp"
#include "ops/reduce.hpp"
#include "ops/small_matrices.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

constexpr const char singular[] = "is singular";

Dims leading_axes(const Dims& shape) {
    Dims out;
    for (int i = 0; i + 2 < shape.size(); ++i) out.push_back(shape[i]);
    return out;
}
bool is_small(const View& a) { return a.shape.at_end(1) <= largest_small_matrix; }

// f(factors, i) for each matrix; as for_matrices.
template <bool perturbed, class F> int64_t for_small(const View& matrices, const F& f) {
    Tensor held;
    const char* numbers = packed(matrices, held);
    const int64_t n = matrices.shape.at_end(1);
    return visit_floating(matrices.dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* a = reinterpret_cast<const T*>(numbers);
        return for_matrices(matrices, [&](int64_t i) { return f(SmallLU<T>(a + i * n * n, n, perturbed), i); });
    });
}
// Where the numbers of matrix i begin, of the type of its factors.
template <class T> T* of_matrix(const View& out, const SmallLU<T>&, int64_t i) {
    return out.as<T>() + i * out.shape.at_end(1) * out.shape.at_end(2);
}

// ---- solve (a, b)

Meta infer_solve(const Op& op, const Attrs&, Views in) {
    const Dims &a = in[0]->shape, &b = in[1]->shape;
    check_square(op.name, a);
    check_matrix(op.name, b);
    if (b.at_end(2) != a.at_end(1))
        throw ValueError(say(op.name, ": shapes ", a, " and ", b, " do not fit: the matrix has ", a.at_end(1),
                             " rows, the right side ", b.at_end(2)));
    if (leading_axes(a) != leading_axes(b))
        throw ValueError(say(op.name, ": the leading axes of shapes ", a, " and ", b, " differ"));
    return {in[0]->dtype, false, b};
}

int64_t run_solve(const Op& op, const Attrs& attrs, Views in, const View& out) {
    if (!is_small(*in[0])) return run_on_host(op, attrs, in, out);
    copy(*in[1], out);
    const int64_t columns = out.shape.at_end(1);
    return for_small<false>(*in[0], [&](const auto& lu, int64_t i) {
        if (!lu.singular()) lu.solve(of_matrix(out, lu, i), columns);
        return !lu.singular();
    });
}
Tensor vjp_solve(const Pullback& p, int arg) {
    const Tensor flow = solve(turned(p.in(0)), p.grad());
    return arg == 1 ? flow : -matmul(flow, turned(p.out()));
}

// ---- solve_triangular (a, b); attrs: starts = {lower, transposed, unit diagonal}

Triangle triangle_of(const Attrs& a) { return {a.starts[0] != 0, a.starts[1] != 0, a.starts[2] != 0}; }

constexpr int64_t one_block = 32;  // by plain loops; larger triangles by products of blocks

// a, found by strides, solved into x (n, columns).
template <class T> struct TriangleSolver {
    bool forward, unit_diagonal;
    int64_t row, column, columns;  // strides of a; of x
    const kernels::NumberKernels<T>& kernels;
    std::vector<T> product;

    void solve(const T* a, T* x, int64_t n) {
        if (n > one_block) return halve(a, x, n);
        for (int64_t step = 0; step < n; ++step) {
            const int64_t i = forward ? step : n - 1 - step;
            T* const line = x + i * columns;
            for (int64_t j = forward ? 0 : i + 1; j < (forward ? i : n); ++j) {
                const T factor = a[i * row + j * column], *other = x + j * columns;
                for (int64_t c = 0; c < columns; ++c) line[c] -= factor * other[c];
            }
            if (unit_diagonal) continue;
            const T pivot = a[i * (row + column)];
            for (int64_t c = 0; c < columns; ++c) line[c] /= pivot;
        }
    }

private:
    void halve(const T* a, T* x, int64_t n) {
        const int64_t m = n / 2, rest = n - m;
        const T* const last = a + m * (row + column);
        T* const below = x + m * columns;
        if (forward) {
            solve(a, x, m);
            subtract(a + m * row, x, below, {rest, columns, m});
            solve(last, below, rest);
        } else {
            solve(last, below, rest);
            subtract(a + m * column, below, x, {m, columns, rest});
            solve(a, x, m);
        }
    }
    void subtract(const T* a, const T* b, T* from, const kernels::GemmSize& size) {
        product.resize(size_t(size.m * size.n));
        kernels.gemm(size, a, row, column, b, columns, 1, product.data(), columns, scratch(kernels.gemm_scratch(size)));
        for (size_t i = 0; i < product.size(); ++i) from[i] -= product[i];
    }
};

int64_t run_triangular(const Op&, const Attrs& attrs, Views in, const View& out) {
    const Triangle t = triangle_of(attrs);
    copy(*in[1], out);
    const int64_t n = out.shape.at_end(2), columns = out.shape.at_end(1);
    return visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        TriangleSolver<T> solver{t.lower != t.transposed,
                                 t.unit_diagonal,
                                 t.transposed ? 1 : n,
                                 t.transposed ? n : 1,
                                 columns,
                                 kernels::numbers<T>(kernels::table()),
                                 {}};
        Tensor held;
        const T* a = reinterpret_cast<const T*>(packed(*in[0], held));
        const int64_t count = element_count(leading_axes(out.shape));
        for (int64_t i = 0; i < count; ++i, a += n * n) {
            for (int64_t k = 0; k < n && !t.unit_diagonal; ++k)
                if (a[k * (n + 1)] == 0) return i;
            solver.solve(a, out.as<T>() + i * n * columns, n);
        }
        return int64_t(-1);
    });
}
Tensor vjp_triangular(const Pullback& p, int arg) {
    Triangle t = triangle_of(p.attrs());
    t.transposed = !t.transposed;
    const Tensor flow = solve_triangular(p.in(0), p.grad(), t);
    if (arg == 1) return flow;
    const Tensor all = t.transposed ? matmul(flow, turned(p.out())) : matmul(p.out(), turned(flow));
    const int64_t off = t.unit_diagonal ? 1 : 0;
    return -(t.lower ? lower_part(all, -off) : upper_part(all, off));
}

// ---- inv

Meta infer_square(const Op& op, const Attrs&, Views in) {
    check_square(op.name, in[0]->shape);
    return {in[0]->dtype, false, in[0]->shape};
}
template <class T> void set_identity(T* x, int64_t n) {
    for (int64_t k = 0; k < n * n; ++k) x[k] = k % (n + 1) == 0;
}
int64_t run_inv(const Op& op, const Attrs& attrs, Views in, const View& out) {
    if (!is_small(*in[0])) return run_on_host(op, attrs, in, out);
    const int64_t n = out.shape.at_end(1);
    return for_small<false>(*in[0], [&](const auto& lu, int64_t i) {
        auto* x = of_matrix(out, lu, i);
        set_identity(x, n);
        if (!lu.singular()) lu.solve(x, n);
        return !lu.singular();
    });
}
Tensor vjp_inv(const Pullback& p, int) {
    const Tensor y = turned(p.out());
    return -matmul(matmul(y, p.grad()), y);
}

// ---- det, and its derivative: the cofactors det(a) a^-T, which a singular matrix has as well

Meta infer_det(const Op& op, const Attrs&, Views in) {
    check_square(op.name, in[0]->shape);
    return {in[0]->dtype, false, leading_axes(in[0]->shape)};
}
int64_t run_det(const Op& op, const Attrs& attrs, Views in, const View& out) {
    if (!is_small(*in[0])) return run_on_host(op, attrs, in, out);
    return for_small<false>(*in[0], [&](const auto& lu, int64_t i) {
        const auto d = lu.determinant();
        out.as<std::remove_const_t<decltype(d)>>()[i] = d;
        return true;
    });
}
int64_t run_cofactors(const Op& op, const Attrs& attrs, Views in, const View& out) {
    if (!is_small(*in[0])) return run_on_host(op, attrs, in, out);
    const int64_t n = out.shape.at_end(1);
    return for_small<true>(*in[0], [&](const auto& lu, int64_t i) {
        auto* x = of_matrix(out, lu, i);
        set_identity(x, n);
        if (!lu.singular()) lu.solve(x, n);
        // Perturbed, only zeros are singular: their cofactors are 0, but 1 of a single number.
        const auto factor = lu.singular() ? decltype(lu.determinant())(n == 1) : lu.determinant();
        for (int64_t k = 0; k < n * n; ++k) x[k] *= factor;
        for (int64_t r = 0; r < n; ++r)
            for (int64_t c = 0; c < r; ++c) std::swap(x[r * n + c], x[c * n + r]);
        return true;
    });
}
extern const Op cofactors_op;
Tensor vjp_det(const Pullback& p, int) { return as_single(p.grad()) * apply(cofactors_op, {p.in(0)}); }
// From c = det(a) a^-T: dc = tr(a^-1 da) c - c da^T a^-T.
Tensor vjp_cofactors(const Pullback& p, int) {
    const Tensor y = turned(inv(p.in(0))), c = p.out(), g = p.grad();
    const Tensor along = sum(g * c, {-1, -2}, true);
    return along * y - matmul(matmul(y, turned(g)), c);
}

// ---- slogdet

Meta infer_slogdet(const Op& op, const Attrs& a, Views in) {
    Meta meta = infer_det(op, a, in);
    meta.shape.push_back(2);
    return meta;
}
int64_t run_slogdet(const Op& op, const Attrs& attrs, Views in, const View& out) {
    if (!is_small(*in[0])) return run_on_host(op, attrs, in, out);
    const int64_t n = in[0]->shape.at_end(1), count = out.size() / 2;
    const Tensor sizes = Tensor::empty(out.dtype, {count, n}), logs = Tensor::empty(out.dtype, {count, n});
    for_small<false>(*in[0], [&](const auto& lu, int64_t i) {
        using T = decltype(lu.determinant());
        out.as<T>()[2 * i] = T(lu.sign());
        for (int64_t k = 0; k < n; ++k) sizes.view().as<T>()[i * n + k] = std::abs(lu.pivot(k));
        return true;
    });
    const Op& log = ElementwiseOp::at(kernels::elementwise_index<kernels::Log>);
    const View* const operands[] = {&sizes.view()};
    log.run(log, {}, Views(operands, 1), logs.view());
    visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* of_pivot = logs.view().as<T>();
        for (int64_t i = 0; i < count; ++i) {
            T total = 0;
            for (int64_t k = 0; k < n; ++k) total += *of_pivot++;
            out.as<T>()[2 * i + 1] = total;
        }
    });
    return -1;
}
Tensor vjp_slogdet(const Pullback& p, int) {
    Dims shape = p.grad().shape();
    shape.at_end(1) = 1;
    shape.push_back(1);
    return reshape(part(p.grad(), 1, 1, 1), shape) * turned(inv(p.in(0)));
}

// ---- cholesky

Tensor vjp_cholesky(const Pullback& p, int) {
    const Tensor l = p.out();
    const Tensor product = matmul(turned(l), p.grad());
    const Tensor half = Tensor(0.5) * (lower_part(product) + lower_part(product, -1));
    const Triangle back{true, true, false};
    const Tensor left = solve_triangular(l, half, back);
    return symmetrised(solve_triangular(l, turned(left), back));
}

// ---- the ops

constexpr int uses_in[] = {kernels::in0};
constexpr int uses_out_alone[] = {kernels::out};
constexpr int uses_in_out[] = {kernels::in0 | kernels::out};
constexpr int uses_of_solve[] = {kernels::in0 | kernels::out, kernels::in0};

Op make(const char* name, const char* doc, int arity, decltype(Op::infer) infer, decltype(Op::run) run,
        decltype(Op::fault) fault, const int* uses, decltype(Op::vjp) vjp) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = arity;
    op.batch = arity == 1 ? batch_in_front : batch_repeated;
    op.infer = infer;
    op.run = run;
    op.fault = fault;
    op.uses = uses;
    op.vjp = vjp;
    return op;
}

const Op solve_op = make(
    "solve", "x of A x = b.", 2, infer_solve, run_solve,
    [](const Attrs&, Views in, int64_t at) -> std::string { refuse_matrix("solve", singular, *in[0], at); },
    uses_of_solve, vjp_solve);
const Op triangular_op = make(
    "solve_triangular", "x of A x = b with a triangle A.", 2, infer_solve, run_triangular,
    [](const Attrs&, Views in, int64_t at) -> std::string {
        refuse_matrix("solve_triangular", "is singular: there is a zero on its diagonal", *in[0], at);
    },
    uses_of_solve, vjp_triangular);
const Op inv_op = make(
    "inv", "Inverse of a matrix.", 1, infer_square, run_inv,
    [](const Attrs&, Views in, int64_t at) -> std::string { refuse_matrix("inv", singular, *in[0], at); },
    uses_out_alone, vjp_inv);
const Op det_op = make("det", "Determinant.", 1, infer_det, run_det, nullptr, uses_in, vjp_det);
const Op cofactors_op = make("cofactors", "Derivative of the determinant by each number.", 1, infer_square,
                             run_cofactors, nullptr, uses_in_out, vjp_cofactors);
const Op slogdet_op = make("slogdet", "Sign of the determinant and logarithm of its absolute value.", 1, infer_slogdet,
                           run_slogdet, nullptr, uses_in, vjp_slogdet);
const Op cholesky_op = make(
    "cholesky", "Lower L with L L^T = A.", 1, infer_square, run_on_host,
    [](const Attrs&, Views in, int64_t at) -> std::string {
        refuse_matrix("cholesky", "is not positive definite", *in[0], at);
    },
    uses_out_alone, vjp_cholesky);

// Both with the same leading axes and type.
Tensor apply_solve(const Op& op, const Tensor& left, const Tensor& right, const Attrs& attrs) {
    const DType dtype = to_floating(promote(left.dtype(), left.weak(), right.dtype(), right.weak()));
    Tensor a = astype(left, dtype), b = astype(right, dtype);
    if (a.ndim() < 2 || b.ndim() < 2 || leading_axes(a.shape()) == leading_axes(b.shape()))
        return apply(op, {a, b}, attrs);
    Dims batch;
    if (!broadcast(leading_axes(a.shape()), leading_axes(b.shape()), batch))
        throw ValueError(
            say(op.name, ": the leading axes of shapes ", a.shape(), " and ", b.shape(), " do not broadcast"));
    const auto grown = [&](const Tensor& t) {
        Dims shape = batch;
        shape.push_back(t.shape().at_end(2));
        shape.push_back(t.shape().at_end(1));
        return broadcast_to(t, shape);
    };
    return apply(op, {grown(a), grown(b)}, attrs);
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b) { return apply_solve(solve_op, a, b, {}); }
Tensor solve_triangular(const Tensor& a, const Tensor& b, const Triangle& t) {
    Attrs attrs;
    attrs.starts = {t.lower, t.transposed, t.unit_diagonal};
    return apply_solve(triangular_op, a, b, attrs);
}
Tensor inv(const Tensor& a) { return apply(inv_op, {floating(a)}); }
Tensor det(const Tensor& a) { return apply(det_op, {floating(a)}); }
Tensor slogdet(const Tensor& a) { return apply(slogdet_op, {floating(a)}); }
Tensor cholesky(const Tensor& a) { return apply(cholesky_op, {floating(a)}); }

void register_linalg_ops() {
    for (const Op* op : {&solve_op, &triangular_op, &inv_op, &det_op, &cofactors_op, &slogdet_op, &cholesky_op})
        register_op(*op);
}

}  // namespace fg
