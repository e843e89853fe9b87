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
#include "ops/reduce.hpp"
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

// (..., 1, n) as (..., n).
Tensor as_vector(const Tensor& row) { return reshape(row, with_last_one(row.shape(), row.shape().at_end(1))); }
// The diagonals of (..., n, n), as (..., n).
Tensor diagonal_of(const Tensor& x) {
    return sum(x * on_diagonal(Tensor::full(x.dtype(), {x.shape().at_end(1)}, 1.0)), {-1});
}

// 1 / x, but 0 where x is 0.
Tensor inverse_or_zero(const Tensor& x) {
    const Tensor zero = x == Tensor(0.0);
    return select(zero, Tensor(0.0), Tensor(1.0) / select(zero, Tensor(1.0), x));
}

// Of a square matrix of orthonormal columns, of which the first k are determined: what flows to these, by way of the
// others too, which keep orthogonal to them and do not turn among themselves. It is right for functions of the space
// that those span.
Tensor with_completion(const Tensor& q, const Tensor& flow, int64_t k) {
    const int64_t others = q.shape().at_end(1) - k;
    const Tensor direct = columns(flow, 0, k);
    if (others == 0) return direct;
    return direct - matmul(columns(q, k, others), matmul(turned(columns(flow, k, others)), columns(q, 0, k)));
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

// ---- qr_complete, for m > n: (..., m * m + m * n), Q square and R in a row

Meta infer_qr_complete(const Op& op, const Attrs&, Views in) {
    check_matrix(op.name, in[0]->shape);
    const Sizes s(in[0]->shape);
    return {in[0]->dtype, false, with_last_one(in[0]->shape, s.m * s.m + s.m * s.n)};
}
Tensor vjp_qr_complete(const Pullback& p, int) {
    const Sizes s(p.meta(0).shape);
    const auto q = [&](const Tensor& x) {
        return reshape(part(x, 1, 0, s.m * s.m), with_last_two(p.meta(0).shape, s.m, s.m));
    };
    const auto r = [&](const Tensor& x) {
        return rows(reshape(part(x, 1, s.m * s.m, s.m * s.n), p.meta(0).shape), 0, s.n);
    };
    const Tensor factors = p.out(), flows = p.grad();
    return qr_flow(columns(q(factors), 0, s.n), r(factors), with_completion(q(factors), q(flows), s.n), r(flows));
}

// ---- eig: (..., 2 (n + 1), n), real and imaginary parts of eigenvalues, then those of eigenvectors; eigvals: (..., 2,
// n)

template <bool vectors> Meta infer_eig(const Op& op, const Attrs&, Views in) {
    check_square(op.name, in[0]->shape);
    const int64_t n = in[0]->shape.at_end(1);
    return {in[0]->dtype, false, with_last_two(in[0]->shape, vectors ? 2 * (n + 1) : 2, n)};
}

struct ComplexMatrix {
    Tensor re, im;
};
ComplexMatrix product(const ComplexMatrix& a, const ComplexMatrix& b) {
    return {matmul(a.re, b.re) - matmul(a.im, b.im), matmul(a.re, b.im) + matmul(a.im, b.re)};
}
ComplexMatrix adjoint(const ComplexMatrix& a) { return {turned(a.re), -turned(a.im)}; }

// The real part of V^-H x V^H: as x is what flows to V^-1 dA V.
Tensor from_eigenbasis(const ComplexMatrix& v, const ComplexMatrix& x) {
    const ComplexMatrix h = adjoint(v), right = product(x, h);
    const int64_t n = v.re.shape().at_end(1);
    const Tensor block = joined(joined(h.re, -h.im, 1), joined(h.im, h.re, 1), 2);
    return rows(solve(block, joined(right.re, right.im, 2)), 0, n);
}
Tensor vjp_eig(const Pullback& p, int) {
    const int64_t n = p.meta(0).shape.at_end(1);
    const Tensor out = p.out(), g = p.grad();
    const ComplexMatrix v{rows(out, 2, n), rows(out, n + 2, n)}, flow_v{rows(g, 2, n), rows(g, n + 2, n)};
    const Tensor re = rows(out, 0, 1), im = rows(out, 1, 1);
    // Vectors keep their length, and numbers of one magnitude, the phase, are for nobody to know.
    const ComplexMatrix h = adjoint(v), inner = product(h, flow_v), gram = product(h, v);
    const Tensor lengthening = turned(as_column(diagonal_of(inner.re)));
    const Tensor top_re = inner.re - gram.re * lengthening, top_im = inner.im - gram.im * lengthening;
    // Over the conjugate of w[j] - w[i].
    const Tensor gap_re = re - turned(re), gap_im = turned(im) - im;
    const Tensor over = inverse_or_zero(gap_re * gap_re + gap_im * gap_im);
    const ComplexMatrix middle{(top_re * gap_re + top_im * gap_im) * over + on_diagonal(as_vector(rows(g, 0, 1))),
                               (top_im * gap_re - top_re * gap_im) * over + on_diagonal(as_vector(rows(g, 1, 1)))};
    return from_eigenbasis(v, middle);
}
Tensor vjp_eigvals(const Pullback& p, int) {
    const int64_t n = p.meta(0).shape.at_end(1);
    const Tensor all = eig(p.in(0));
    return from_eigenbasis({rows(all, 2, n), rows(all, n + 2, n)}, {on_diagonal(as_vector(rows(p.grad(), 0, 1))),
                                                                    on_diagonal(as_vector(rows(p.grad(), 1, 1)))});
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
// A factorisation U diag(s) V^T of k terms, s as a row, or what flows to it.
struct Singular {
    Tensor u, s, v;
};
Tensor svd_flow(const Sizes& size, const Singular& f, const Singular& flow) {
    const Tensor column = turned(f.s);
    const Tensor gaps = inverse_or_zero((f.s - column) * (f.s + column));  // [i, j]: 1 / (s[j]^2 - s[i]^2)
    const Tensor of_u = matmul(turned(f.u), flow.u), of_v = matmul(turned(f.v), flow.v);
    const Tensor turning_u = gaps * (of_u - turned(of_u)), turning_v = gaps * (of_v - turned(of_v));
    const Tensor inner = turning_u * f.s + column * turning_v;
    Tensor to_a = matmul(f.u * flow.s + matmul(f.u, inner), turned(f.v));
    // What moves the vectors out of the space that they span.
    const Tensor inverse = inverse_or_zero(f.s);
    if (size.m > size.k) to_a = to_a + matmul((flow.u - matmul(f.u, of_u)) * inverse, turned(f.v));
    if (size.n > size.k) to_a = to_a + matmul(f.u * inverse, turned(flow.v - matmul(f.v, of_v)));
    return to_a;
}
Tensor vjp_svd(const Pullback& p, int) {
    const Sizes size(p.meta(0).shape);
    const auto parts = [&](const Tensor& x) {
        return Singular{rows(x, 0, size.m), rows(x, size.m, 1), rows(x, size.m + 1, size.n)};
    };
    return svd_flow(size, parts(p.out()), parts(p.grad()));
}
Tensor vjp_svdvals(const Pullback& p, int) {
    const Sizes size(p.meta(0).shape);
    const Tensor all = svd(p.in(0));
    return matmul(rows(all, 0, size.m) * as_row(p.grad()), turned(rows(all, size.m + 1, size.n)));
}
Tensor vjp_svd_full(const Pullback& p, int) {
    const Sizes size(p.meta(0).shape);
    const Tensor factors = p.out(), flows = p.grad();
    const auto square = [&](const Tensor& x, int64_t first, int64_t n) {
        return reshape(part(x, 1, first, n * n), with_last_two(p.meta(0).shape, n, n));
    };
    const int64_t to_s = size.m * size.m, to_v = to_s + size.k;
    const Tensor s = as_row(part(factors, 1, to_s, size.k)), flow_s = as_row(part(flows, 1, to_s, size.k));
    const Tensor v = turned(square(factors, to_v, size.n)), flow_v = turned(square(flows, to_v, size.n));
    const Tensor u = square(factors, 0, size.m), flow_u = square(flows, 0, size.m);
    return svd_flow(size, {columns(u, 0, size.k), s, columns(v, 0, size.k)},
                    {with_completion(u, flow_u, size.k), flow_s, with_completion(v, flow_v, size.k)});
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
const Fault no_eigenvalues_of_any = [](const Attrs&, Views in, int64_t at) -> std::string {
    refuse_matrix("eig", eigenvalues_lack, *in[0], at);
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
                            no_singular_values, uses_out_alone, vjp_svd_full);
const Op qr_complete_op =
    make("qr_complete", "Square Q and R, in a row.", 1, infer_qr_complete, no_factors, uses_out_alone, vjp_qr_complete);
const Op eig_op = make("eig", "Eigenvalues over eigenvectors, in parts.", 1, infer_eig<true>, no_eigenvalues_of_any,
                       uses_out_alone, vjp_eig);
const Op eigvals_op =
    make("eigvals", "Eigenvalues, in parts.", 1, infer_eig<false>, no_eigenvalues_of_any, uses_in, vjp_eigvals);
const Op pinv_op = make("pinv", "Pseudo-inverse.", 2, infer_pinv, no_pinv, uses_of_pinv, vjp_pinv);
const Op expm_op = make("expm", "Exponential of a matrix.", 1, infer_expm, nullptr, uses_in, vjp_expm);
const Op frechet_op = make("expm_frechet", "Derivative of the exponential of a matrix along another.", 2, infer_expm,
                           nullptr, uses_of_frechet, vjp_frechet);

}  // namespace

Tensor qr(const Tensor& a) { return apply(qr_op, {floating(a)}); }
Tensor qr_complete(const Tensor& a) { return apply(qr_complete_op, {floating(a)}); }
Tensor eig(const Tensor& a) { return apply(eig_op, {floating(a)}); }
Tensor eigvals(const Tensor& a) { return apply(eigvals_op, {floating(a)}); }
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
    for (const Op* op : {&qr_op, &qr_complete_op, &eig_op, &eigvals_op, &eigh_op, &eigvalsh_op, &svd_op, &svdvals_op,
                         &svd_full_op, &pinv_op, &expm_op, &frechet_op})
        register_op(*op);
}

}  // namespace fg
