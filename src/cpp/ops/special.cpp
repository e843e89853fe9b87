// The gamma function's logarithm and the derivatives of that. Computed in double precision two numbers at a time, by
// one build for all CPUs: they are no inner loops, and a kernel of every ISA level would cost 20 kB each.
//
// For x > 0: gammaln within 8 ulp, next to its roots 1 and 2 too, digamma within 4, next to its root as well, polygamma
// n within 4 + 2 n. For x < 0 gammaln and digamma within 4 ulp of the largest of the terms they are made of, since they
// cross zero between poles. float32 numbers come out correctly rounded but for the rarest. Shown by
// tests/test_special.py.
#include "ops/special.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/pool.hpp"
#include "kernels/math.hpp"
#include "ops/along_axis.hpp"
#include "ops/batching.hpp"
#include "ops/matrices.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

using kernels::Mask;
using Real = kernels::Vec<double>;

constexpr double infinity = std::numeric_limits<double>::infinity(),
                 nan_value = std::numeric_limits<double>::quiet_NaN();

// gammaln(2 + t) / (t (1 + t)) for t in [-0.5, 0.5]: degree 19, 2^-55.8.
constexpr double between_roots[] = {
    0.42278433509846713,    -0.10031730167435392,    0.032965000621155864,   -0.012384192193371297,
    0.00499864116469194,    -0.0021081308339532027,  0.0009153769225258352,  -0.0004057073976405256,
    0.00018255263198029055, -8.309512288139664e-05,  3.816899450869808e-05,  -1.7661727092640293e-05,
    8.221243547899526e-06,  -3.846868630984396e-06,  1.813340925941714e-06,  -8.554745925302383e-07,
    3.863844148542206e-07,  -1.8333634733806836e-07, 1.2211977636940668e-07, -5.832930129320894e-08};
// digamma(1.5 + t) / (1.5 + t - root) for t in [-0.5, 0.5]: degree 22, 2^-54.2.
constexpr double beside_root[] = {
    0.9510558760318328,    -0.4236274212814606,     0.24054248424078697,    -0.14840492305388092,
    0.09498872445289039,   -0.06192213327548831,    0.040760833940846085,   -0.026975796659787055,
    0.017907248317313294,  -0.011908220105959716,   0.007927021796868154,   -0.005279937255532708,
    0.003518106563802472,  -0.0023454947397380833,  0.0015633696313653504,  -0.0010364584817312839,
    0.0006909255761282986, -0.00048595039220036254, 0.00032395945401345196, -0.00014480643368061614,
    9.653646261410062e-05, -0.0001782188548855923,  0.00011881232908510335};
constexpr double root_high = 1.4616321449683622, root_low = 9.549995429965697e-17;

// Bernoulli numbers B(2k), divided by 2k (2k - 1), by 2k, and by (2k)!.
constexpr double stirling[] = {1.0 / 12,        -1.0 / 360, 1.0 / 1260,       -1.0 / 1680,     1.0 / 1188,
                               -691.0 / 360360, 1.0 / 156,  -3617.0 / 122400, 43867.0 / 244188};
constexpr double digamma_series[] = {1.0 / 12,       -1.0 / 120, 1.0 / 252,      -1.0 / 240,     1.0 / 132,
                                     -691.0 / 32760, 1.0 / 12,   -3617.0 / 8160, 43867.0 / 14364};
constexpr double over_factorial[] = {1.0 / 12,
                                     -1.0 / 720,
                                     1.0 / 30240,
                                     -1.0 / 1209600,
                                     1.0 / 47900160,
                                     -691.0 / 1307674368000.0,
                                     1.0 / 74724249600.0,
                                     -3617.0 / 10670622842880000.0,
                                     43867.0 / 5109094217170944000.0,
                                     -2.1748698698558062e-16,
                                     5.509002828360230e-18,
                                     -1.3954464685812523e-19};

constexpr double large = 10;  // from here on by the series for large numbers

// ---- gammaln

// For a > 0.
Real gammaln_of_positive(Real a) {
    using namespace kernels;
    const Real one(1.0), half(0.5);
    // Down into [1.5, 2.5] by factors, or up from below.
    Real y = a, factors = one;
    for (int i = 0; i < int(large) - 2; ++i) {
        const Mask<double> above = y > Real(2.5);
        y = select(above, y - one, y);
        factors = select(above, factors * y, factors);
    }
    const Mask<double> low = a < half, middle = (a < Real(1.5)) & (a >= half);
    const Real t = select(low, a, select(middle, a - one, y - Real(2.0)));
    const Real core = t * (one + t) * polynomial(t, between_roots);
    const Real up = select(low, a * (one + a), a);
    const Mask<double> rising = low | middle;
    const Real beside = core - log(select(rising, up, one)) + log(select(rising, one, factors));
    // Stirling's series
    const Real inverse = one / a, square = inverse * inverse;
    const Real tail = inverse * polynomial(square, stirling);
    const Real far = (a - half) * (log(a) - one) + (Real(0.4189385332046727) + tail);
    const Real value = select(a < Real(large), beside, far);
    return select(a == Real(infinity), a, value);
}

// |sin(pi a)| and cos(pi a), up to the common sign; a's distance to the nearest integer is exact.
struct Turn {
    Real sine, cosine, rest;
};
Turn half_turn(Real a) {
    const Real rest = a - kernels::rint(a), angle = rest * Real(3.141592653589793);
    return {kernels::sin(angle), kernels::cos(angle), rest};
}

// Gamma(x) Gamma(-x) = -pi / (x sin(pi x))
Real gammaln_of(Real x) {
    using namespace kernels;
    const Real a = abs(x), positive = gammaln_of_positive(a);
    if (!any(x < Real(0.0))) return select(x == Real(0.0), Real(infinity), positive);
    const Turn turn = half_turn(a);
    const Real product = a * abs(turn.sine) * Real(0.3183098861837907);
    const Real reflected = -log(product) - positive;
    const Real negative = select(turn.rest == Real(0.0), Real(infinity), reflected);
    const Real value = select(x < Real(0.0), negative, positive);
    return select((x == Real(0.0)) | (a == Real(infinity)), Real(infinity), value);
}

// ---- digamma

Real digamma_of_positive(Real a) {
    using namespace kernels;
    const Real one(1.0), zero(0.0);
    Real y = a, sum = zero;
    for (int i = 0; i < int(large) - 1; ++i) {
        const Mask<double> above = y > Real(2.0);
        y = select(above, y - one, y);
        sum = select(above, sum + one / y, sum);
    }
    const Mask<double> low = a < one;
    y = select(low, a + one, y);
    const Real root_distance = select(low, (a - Real(root_high - 1.0)), y - Real(root_high)) - Real(root_low);
    const Real near_root = root_distance * polynomial(y - Real(1.5), beside_root);
    const Real beside = near_root + select(low, -(one / a), sum);
    const Real inverse = one / a, square = inverse * inverse;
    const Real far = log(a) - (Real(0.5) * inverse + square * polynomial(square, digamma_series));
    return select(a == Real(infinity), a, select(a < Real(large), beside, far));
}

// digamma(-a) = digamma(a) + 1 / a + pi cot(pi a)
Real digamma_of(Real x) {
    using namespace kernels;
    const Real a = abs(x), positive = digamma_of_positive(a);
    const Mask<double> below = x < Real(0.0), at_zero = x == Real(0.0);
    if (!any(below | at_zero)) return positive;
    const Turn turn = half_turn(a);
    const Real reflected = positive + Real(1.0) / a + Real(3.141592653589793) * (turn.cosine / turn.sine);
    const Real negative = select((turn.rest == Real(0.0)) | (a == Real(infinity)), Real(nan_value), reflected);
    return select(at_zero, -(Real(1.0) / x), select(below, negative, positive));
}

// ---- polygamma n >= 1: (-1)^(n + 1) n! zeta(n + 1, x)

double power(double x, int64_t n) {
    double result = 1;
    for (; n > 0; n /= 2, x *= x)
        if (n % 2) result *= x;
    return result;
}

// The sum of (a + k)^-s over k >= 0, for an a that is large beside s: Euler and Maclaurin's formula.
double zeta_tail(int64_t s, double a) {
    const double to_s = power(1 / a, s);
    double term = to_s / a * double(s), total = power(1 / a, s - 1) / double(s - 1) + 0.5 * to_s;
    for (int j = 0; j < 12; ++j) {
        total += over_factorial[j] * term;
        term *= double(s + 2 * j + 1) * double(s + 2 * j + 2) / (a * a);
    }
    return total;
}

// The sum of (x + k)^-s over k >= 0.
double zeta(int64_t s, double x) {
    if (std::isnan(x) || x == -infinity) return nan_value;
    const double reach = large + double(s) / 2;
    double total = 0, from = x;
    if (x < -reach) {
        // What lies further to the left is a finite piece of a sum to infinity.
        from = x + std::ceil(-reach - x);
        if (from != std::floor(from) || x != std::floor(x))
            total = (s % 2 ? -1 : 1) * (zeta_tail(s, 1 - from) - zeta_tail(s, 1 - x));
    }
    for (; from < reach; from += 1) {
        if (from == 0) return infinity;
        total += power(1 / from, s);
    }
    return total + zeta_tail(s, from);
}

double polygamma_of(int64_t n, double x) {
    double factorial = 1;
    for (int64_t k = 2; k <= n; ++k) factorial *= double(k);
    if (x == infinity) return 0;
    return (n % 2 ? 1 : -1) * factorial * zeta(n + 1, x);
}

// ---- the ops

Meta infer_same(const Op&, const Attrs&, Views in) { return {in[0]->dtype, in[0]->weak, in[0]->shape}; }

constexpr int64_t chunk = 2048;  // about 50 us

// f(numbers in double, how many, where the results go, in double), a few at a time.
int64_t run_in_double(Views in, const View& out, const std::function<void(const double*, int64_t, double*)>& f) {
    Tensor held;
    const char* numbers = packed(*in[0], held);
    const int64_t n = out.size();
    visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* x = reinterpret_cast<const T*>(numbers);
        T* y = out.as<T>();
        parallel_for((n + chunk - 1) / chunk, [&](int64_t part) {
            constexpr int64_t few = 64;
            double from[few], to[few];
            const int64_t end = std::min(n, (part + 1) * chunk);
            for (int64_t i = part * chunk; i < end; i += few) {
                const int64_t count = std::min(few, end - i);
                std::copy(x + i, x + i + count, from);
                std::fill(from + count, from + few, 1.0);
                f(from, count, to);
                for (int64_t k = 0; k < count; ++k) y[i + k] = T(to[k]);
            }
        });
    });
    return -1;
}
template <Real (*function)(Real)> void by_vectors(const double* from, int64_t count, double* to) {
    for (int64_t k = 0; k < count; k += Real::size) function(Real::load(from + k)).store(to + k);
}

int64_t run_gammaln(const Op&, const Attrs&, Views in, const View& out) {
    return run_in_double(in, out, by_vectors<gammaln_of>);
}
// attrs: ndim = n
int64_t run_polygamma(const Op&, const Attrs& a, Views in, const View& out) {
    if (a.ndim == 0) return run_in_double(in, out, by_vectors<digamma_of>);
    return run_in_double(in, out, [&](const double* from, int64_t count, double* to) {
        for (int64_t k = 0; k < count; ++k) to[k] = polygamma_of(a.ndim, from[k]);
    });
}
Tensor vjp_gammaln(const Pullback& p, int) { return p.grad() * polygamma(0, p.in(0)); }
Tensor vjp_polygamma(const Pullback& p, int) { return p.grad() * polygamma(p.attrs().ndim + 1, p.in(0)); }

constexpr int uses_in[] = {kernels::in0};

Op make(const char* name, const char* doc, decltype(Op::run) run, decltype(Op::vjp) vjp) {
    Op op{};
    op.name = name;
    op.doc = doc;
    op.arity = 1;
    op.batch = batch_in_front;
    op.infer = infer_same;
    op.run = run;
    op.uses = uses_in;
    op.vjp = vjp;
    return op;
}

const Op gammaln_op =
    make("gammaln", "Logarithm of the absolute value of the gamma function.", run_gammaln, vjp_gammaln);
const Op polygamma_op = make("polygamma", "Derivative n + 1 of gammaln.", run_polygamma, vjp_polygamma);

}  // namespace

Tensor gammaln(const Tensor& x) { return apply(gammaln_op, {floating(x)}); }
Tensor polygamma(int64_t n, const Tensor& x) {
    if (n < 0 || n > 100) throw ValueError(say("polygamma: expected an order from 0 to 100, got ", n));
    Attrs a;
    a.ndim = n;
    return apply(polygamma_op, {floating(x)}, a);
}

void register_special_ops() {
    for (const Op* op : {&gammaln_op, &polygamma_op}) register_op(*op);
}

}  // namespace fg
