// QR factors, eigenvalues, singular values, and what follows from them: LAPACK by way of NumPy.
//
// Rules: QR, S. F. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with application in
// optimum experimental design" (2010); eigenvectors, M. Giles (2008); singular vectors, J. Townsend, "Differentiating
// the singular value decomposition" (2016); pseudo-inverse, G. Golub and V. Pereyra, "The differentiation of
// pseudo-inverses and nonlinear least squares problems whose variables separate" (1973); exponential, R. Mathias, "A
// chain rule for matrix functions and applications" (1996).
#include "ops/batching.hpp"
#include "ops/host.hpp"
#include "ops/linalg.hpp"
#include "ops/matrices.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

// Of a matrix (..., m, n).
struct Sizes {
    int64_t m, n, k;
    explicit Sizes(const Dims& shape) : m(shape.at_end(2)), n(shape.at_end(1)), k(std::min(m, n)) {}
};
Dims with_last_two(const Dims& shape, int64_t rows, int64_t columns) {
    Dims out = shape;
    out.at_end(2) = rows;
    out.at_end(1) = columns;
    return out;
}
Dims with_last_one(const Dims& shape, int64_t size) {
    Dims out = shape;
    out.erase(out.size() - 1);
    out.at_end(1) = size;
    return out;
}
Tensor rows(const Tensor& x, int64_t first, int64_t count) { return part(x, 2, first, count); }
Tensor columns(const Tensor& x, int64_t first, int64_t count) { return part(x, 1, first, count); }

Tensor joined(const Tensor& a, const Tensor& b, int axis_from_end) {
    const Tensor both[] = {a, b};
    return concatenate(both, a.ndim() - axis_from_end);
}

// 1 / x, but 0 where x is 0.
Tensor inverse_or_zero(const Tensor& x) {
    const Tensor zero = x == Tensor(0.0);
    return select(zero, Tensor(0.0), Tensor(1.0) / select(zero, Tensor(1.0), x));
}

// ---- qr: (..., m + n, k)

Meta infer_qr(const Op& op, const Attrs&, Views in) {
    check_matrix(op.name, in[0]->shape);
    const Sizes s(in[0]->shape);
    return {in[0]->dtype, false, with_last_two(in[0]->shape, s.m + s.n, s.k)};
}

// Of a square R: (flow to q + q copyltu(R flow_r^T - flow_q^T q)) R^-T.
Tensor qr_flow(const Tensor& q, const Tensor& r, const Tensor& flow_q, const Tensor& flow_r) {
    const Tensor m = matmul(r, turned(flow_r)) - matmul(turned(flow_q), q);
    const Tensor symmetric = lower_part(m) + turned(lower_part(m, -1));
    const Tensor b = flow_q + matmul(q, symmetric);
    return turned(solve_triangular(r, turned(b), {false, false, false}));
}
Tensor vjp_qr(const Pullback& p, int) {
    const Sizes s(p.meta(0).shape);
    const Tensor q = rows(p.out(), 0, s.m), r = turned(rows(p.out(), s.m, s.n));
    const Tensor flow_q = rows(p.grad(), 0, s.m), flow_r = turned(rows(p.grad(), s.m, s.n));
    if (s.m >= s.n) return qr_flow(q, r, flow_q, flow_r);
    // A = (X Y) with X = Q U square and V = Q^T Y.
    const int64_t rest = s.n - s.m;
    const Tensor y = columns(p.in(0), s.m, rest);
    const Tensor flow_v = columns(flow_r, s.m, rest);
    const Tensor to_x = qr_flow(q, columns(r, 0, s.m), flow_q + matmul(y, turned(flow_v)), columns(flow_r, 0, s.m));
    return joined(to_x, matmul(q, flow_v), 1);
}

// ---- eigh: (..., 1 + n, n), and eigenvalues alone

Meta infer_eigh(const Op& op, const Attrs&, Views in) {
    check_square(op.name, in[0]->shape);
    const int64_t n = in[0]->shape.at_end(1);
    return {in[0]->dtype, false, with_last_two(in[0]->shape, n + 1, n)};
}
Meta infer_eigvalsh(const Op& op, const Attrs&, Views in) {
    check_square(op.name, in[0]->shape);
    return {in[0]->dtype, false, with_last_one(in[0]->shape, in[0]->shape.at_end(1))};
}
Tensor vjp_eigh(const Pullback& p, int) {
    const int64_t n = p.meta(0).shape.at_end(1);
    const Tensor values = rows(p.out(), 0, 1), vectors = rows(p.out(), 1, n);
    const Tensor flow_values = rows(p.grad(), 0, 1), flow_vectors = rows(p.grad(), 1, n);
    const Tensor gaps = values - turned(values);  // [i, j]: w[j] - w[i]
    const Tensor inner = inverse_or_zero(gaps) * matmul(turned(vectors), flow_vectors);
    return symmetrised(matmul(vectors * flow_values + matmul(vectors, inner), turned(vectors)));
}
Tensor vjp_eigvalsh(const Pullback& p, int) {
    const Tensor vectors = rows(eigh(p.in(0)), 1, p.meta(0).shape.at_end(1));
    return matmul(vectors * as_row(p.grad()), turned(vectors));
}

// ---- svd: (..., m + 1 + n, k), singular values alone, and with full U and Vh

Meta infer_svd(const Op& op, const Attrs&, Views in) {
    check_matrix(op.name, in[0]->shape);
    const Sizes s(in[0]->shape);
    return {in[0]->dtype, false, with_last_two(in[0]->shape, s.m + 1 + s.n, s.k)};
}
Meta infer_svdvals(const Op& op, const Attrs&, Views in) {
    check_matrix(op.name, in[0]->shape);
    return {in[0]->dtype, false, with_last_one(in[0]->shape, Sizes(in[0]->shape).k)};
}
Meta infer_svd_full(const Op& op, const Attrs&, Views in) {
    check_matrix(op.name, in[0]->shape);
    const Sizes s(in[0]->shape);
    return {in[0]->dtype, false, with_last_one(in[0]->shape, s.m * s.m + s.k + s.n * s.n)};
}
Tensor vjp_svd(const Pullback& p, int) {
    const Sizes size(p.meta(0).shape);
    const Tensor u = rows(p.out(), 0, size.m), s = rows(p.out(), size.m, 1), v = rows(p.out(), size.m + 1, size.n);
    const Tensor flow_u = rows(p.grad(), 0, size.m), flow_s = rows(p.grad(), size.m, 1);
    const Tensor flow_v = rows(p.grad(), size.m + 1, size.n);
    const Tensor column = turned(s);
    const Tensor gaps = inverse_or_zero((s - column) * (s + column));  // [i, j]: 1 / (s[j]^2 - s[i]^2)
    const Tensor of_u = matmul(turned(u), flow_u), of_v = matmul(turned(v), flow_v);
    const Tensor turning_u = gaps * (of_u - turned(of_u)), turning_v = gaps * (of_v - turned(of_v));
    const Tensor inner = turning_u * s + column * turning_v;
    Tensor flow = matmul(u * flow_s + matmul(u, inner), turned(v));
    // What moves the vectors out of the space that they span.
    const Tensor inverse = inverse_or_zero(s);
    if (size.m > size.k) flow = flow + matmul((flow_u - matmul(u, of_u)) * inverse, turned(v));
    if (size.n > size.k) flow = flow + matmul(u * inverse, turned(flow_v - matmul(v, of_v)));
    return flow;
}
Tensor vjp_svdvals(const Pullback& p, int) {
    const Sizes size(p.meta(0).shape);
    const Tensor all = svd(p.in(0));
    return matmul(rows(all, 0, size.m) * as_row(p.grad()), turned(rows(all, size.m + 1, size.n)));
}
Tensor vjp_svd_full(const Pullback& p, int) {
    throw GradientError(say("svd of shape ", p.meta(0).shape,
                            " with full_matrices=True has no gradient: the matrix does not say what its further "
                            "columns are; use full_matrices=False"));
}

// ---- pinv (a, cutoff)

Meta infer_pinv(const Op& op, const Attrs&, Views in) {
    check_matrix(op.name, in[0]->shape);
    const Sizes s(in[0]->shape);
    return {in[0]->dtype, false, with_last_two(in[0]->shape, s.n, s.m)};
}
Tensor vjp_pinv(const Pullback& p, int) {
    const Tensor a = p.in(0), y = p.out(), g = turned(p.grad());
    const Tensor yt = turned(y);
    const Tensor left = matmul(matmul(g - matmul(a, matmul(y, g)), y), yt);
    const Tensor right = matmul(yt, matmul(y, g));
    return left + right - matmul(matmul(right, y), a) - matmul(matmul(yt, p.grad()), yt);
}

// ---- expm (a), and its derivative along a direction

Meta infer_expm(const Op& op, const Attrs&, Views in) {
    check_square(op.name, in[0]->shape);
    return {in[0]->dtype, false, in[0]->shape};
}
extern const Op frechet_op;
Tensor frechet(const Tensor& a, const Tensor& direction) { return apply(frechet_op, {a, direction}); }
Tensor vjp_expm(const Pullback& p, int) { return frechet(turned(p.in(0)), p.grad()); }
// L(a, e) is a block of exp((a e; 0 a)).
Tensor vjp_frechet(const Pullback& p, int arg) {
    const Tensor a = turned(p.in(0)), g = p.grad();
    if (arg == 1) return frechet(a, g);
    const int64_t n = a.shape().at_end(1);
    const Tensor zeros = Tensor::zeros(a.dtype(), a.shape());
    const Tensor m = joined(joined(a, zeros, 1), joined(turned(p.in(1)), a, 1), 2);
    const Tensor flow = frechet(m, joined(joined(zeros, g, 1), joined(zeros, zeros, 1), 2));
    return columns(rows(flow, 0, n), 0, n) + columns(rows(flow, n, n), n, n);
}

// ---- the ops

constexpr int uses_in[] = {kernels::in0};
constexpr int uses_out_alone[] = {kernels::out};
constexpr int uses_in_out[] = {kernels::in0 | kernels::out};
constexpr int uses_nothing[] = {kernels::nothing};
constexpr int uses_of_pinv[] = {kernels::in0 | kernels::out, kernels::nothing};
constexpr int uses_of_frechet[] = {kernels::in0 | kernels::in1, kernels::in0};

constexpr char eigenvalues_lack[] = "has eigenvalues that were not found: no convergence";
constexpr char singular_values_lack[] = "has singular values that were not found: no convergence";

using Fault = decltype(Op::fault);
// The tolerance of pinv has the axes before the matrix; the second operand of the others is a matrix, too.
Tensor batch_pair(const Batching& b) {
    return apply(b.op(), {with_batch(b, 0), with_ndim(with_batch(b, 1), std::max(b.ndim(1), b.ndim(0) - 2))},
                 b.attrs());
}

Op make(const char* name, const char* doc, int arity, decltype(Op::infer) infer, Fault fault, const int* uses,
        decltype(Op::vjp) vjp) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = arity;
    op.batch = arity == 1 ? batch_in_front : batch_pair;
    op.infer = infer;
    op.run = run_on_host;
    op.fault = fault;
    op.uses = uses;
    op.vjp = vjp;
    op.differentiable = arity == 2 && uses[1] == kernels::nothing ? 1 : ~0u;
    return op;
}
const Fault no_eigenvalues = [](const Attrs&, Views in, int64_t at) -> std::string {
    refuse_matrix("eigh", eigenvalues_lack, *in[0], at);
};
const Fault no_singular_values = [](const Attrs&, Views in, int64_t at) -> std::string {
    refuse_matrix("svd", singular_values_lack, *in[0], at);
};
const Fault no_pinv = [](const Attrs&, Views in, int64_t at) -> std::string {
    refuse_matrix("pinv", singular_values_lack, *in[0], at);
};
const Fault no_factors = [](const Attrs&, Views in, int64_t at) -> std::string {
    refuse_matrix("qr", "has no QR factors", *in[0], at);
};

const Op qr_op = make("qr", "Q and R turned, over one another.", 1, infer_qr, no_factors, uses_in_out, vjp_qr);
const Op eigh_op = make("eigh", "Eigenvalues over eigenvectors of a symmetric matrix.", 1, infer_eigh, no_eigenvalues,
                        uses_out_alone, vjp_eigh);
const Op eigvalsh_op =
    make("eigvalsh", "Eigenvalues of a symmetric matrix.", 1, infer_eigvalsh, no_eigenvalues, uses_in, vjp_eigvalsh);
const Op svd_op = make("svd", "U, singular values and Vh turned, over one another.", 1, infer_svd, no_singular_values,
                       uses_out_alone, vjp_svd);
const Op svdvals_op = make("svdvals", "Singular values.", 1, infer_svdvals, no_singular_values, uses_in, vjp_svdvals);
const Op svd_full_op = make("svd_full", "Square U, singular values and square Vh, in a row.", 1, infer_svd_full,
                            no_singular_values, uses_nothing, vjp_svd_full);
const Op pinv_op = make("pinv", "Pseudo-inverse.", 2, infer_pinv, no_pinv, uses_of_pinv, vjp_pinv);
const Op expm_op = make("expm", "Exponential of a matrix.", 1, infer_expm, nullptr, uses_in, vjp_expm);
const Op frechet_op = make("expm_frechet", "Derivative of the exponential of a matrix along another.", 2, infer_expm,
                           nullptr, uses_of_frechet, vjp_frechet);

}  // namespace

Tensor qr(const Tensor& a) { return apply(qr_op, {floating(a)}); }
Tensor eigh(const Tensor& a) { return apply(eigh_op, {floating(a)}); }
Tensor eigvalsh(const Tensor& a) { return apply(eigvalsh_op, {floating(a)}); }
Tensor svd(const Tensor& a) { return apply(svd_op, {floating(a)}); }
Tensor svd_full(const Tensor& a) { return apply(svd_full_op, {floating(a)}); }
Tensor svdvals(const Tensor& a) { return apply(svdvals_op, {floating(a)}); }
Tensor pinv(const Tensor& a, const Tensor& cutoff) {
    return apply(pinv_op, {floating(a), astype(cutoff, DType::float64)});
}
Tensor expm(const Tensor& a) { return apply(expm_op, {floating(a)}); }

void register_spectral_ops() {
    for (const Op* op :
         {&qr_op, &eigh_op, &eigvalsh_op, &svd_op, &svdvals_op, &svd_full_op, &pinv_op, &expm_op, &frechet_op})
        register_op(*op);
}

}  // namespace fg
