// Accuracy and special values of kernels/math.hpp and the lanes of kernels/vec.hpp, compiled once per ISA level.
//
// References are long double: 11 bits more than double on x86, 60 on 64-bit Arm. No std:: here, see check.hpp.
#include "check.hpp"
#include "kernels/math.hpp"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FG_JOIN_(a, b) a##b
#define FG_JOIN(a, b) FG_JOIN_(a, b)
#define FG_TEXT_(a) #a
#define FG_TEXT(a) FG_TEXT_(a)
#define FG_TEST_NAME FG_JOIN(test_math_, FG_LEVEL)

namespace fg::kernels {
namespace {

typedef long double wide;

uint64_t random_state = 0;
uint64_t random_bits() {  // splitmix64: the same inputs everywhere
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
double random_between(double low, double high) { return low + (high - low) * double(random_bits() >> 11) * 0x1p-53; }

template <class T> T from_pattern(uint64_t pattern) {
    const auto w = typename VecTraits<T>::word(pattern);
    T x;
    memcpy(&x, &w, sizeof x);
    return x;
}
template <class T> uint64_t to_pattern(T x) {
    typename VecTraits<T>::word w;
    memcpy(&w, &x, sizeof w);
    return w;
}

// Distance from the exact value in units of the last place; a wrong kind of result is a huge one.
template <class T> double ulps(T got, wide exact) {
    constexpr int digits = sizeof(T) == 4 ? FLT_MANT_DIG : DBL_MANT_DIG;
    constexpr int min_exponent = sizeof(T) == 4 ? FLT_MIN_EXP : DBL_MIN_EXP;
    constexpr int max_exponent = sizeof(T) == 4 ? FLT_MAX_EXP : DBL_MAX_EXP;
    constexpr double wrong = 1e30;
    const T nearest = T(exact);
    if (__builtin_isnan(exact) || __builtin_isnan(got))
        return __builtin_isnan(exact) && __builtin_isnan(got) ? 0 : wrong;
    if (__builtin_signbit(nearest) != __builtin_signbit(got)) return wrong;
    if (got == nearest && (got == 0 || __builtin_isinf(got))) return 0;
    const wide limit = ldexpl(1, max_exponent);  // what infinity stands for
    // One place off at either end of the range is an error of one ulp; far beyond the end there is no excuse.
    if (fabsl(exact) > 1.01L * limit || fabsl(exact) < ldexpl(1, min_exponent - digits - 2)) return wrong;
    const wide a = __builtin_isinf(got) ? limit : fabsl(wide(got)), b = __builtin_isinf(nearest) ? limit : fabsl(exact);
    int exponent;
    frexpl(b, &exponent);
    if (exponent < min_exponent) exponent = min_exponent;
    if (exponent > max_exponent) exponent = max_exponent;
    return double(fabsl(a - b) / ldexpl(1, exponent - digits));
}

wide sigmoid_exact(wide x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }
wide softplus_exact(wide x) { return x < 0 ? log1pl(expl(x)) : x + log1pl(expl(-x)); }
wide silu_exact(wide x) { return __builtin_isinf(x) && x < 0 ? -0.0L : x * sigmoid_exact(x); }
wide normal_cdf_exact(wide x) { return 0.5L * erfcl(-x * 0.707106781186547524400844362104849039L); }
wide normal_pdf_exact(wide x) { return 0.398942280401432677939946059934381868L * expl(-0.5L * x * x); }
wide gelu_exact(wide x) { return __builtin_isinf(x) && x < 0 ? -0.0L : x * normal_cdf_exact(x); }

wide logit_exact(wide x) { return fabsl(x - 0.5L) < 0.25L ? 2 * atanhl(2 * x - 1) : logl(x) - log1pl(-x); }

enum Kind {
    of_exp,
    of_expm1,
    of_log,
    of_log1p,
    of_tanh,
    of_sigmoid,
    of_softplus,
    of_sin,
    of_cos,
    of_pow,
    of_erf,
    of_normal_cdf,
    of_normal_pdf,
    of_silu,
    of_gelu,
    of_exp2,
    of_log2,
    of_log10,
    of_tan,
    of_arcsin,
    of_arccos,
    of_arctan,
    of_sinh,
    of_cosh,
    of_arcsinh,
    of_arccosh,
    of_arctanh,
    of_cbrt,
    of_erfc,
    of_logit,
    kinds
};

struct Function {
    const char* name;
    wide (*exact)(wide);
    double low, high;  // where most of its life is
    double float_low, float_high;
    double bound = 2;  // in ulp
};
const Function functions[] = {
    {"exp", expl, -746, 710, -104, 89},
    {"expm1", expm1l, -40, 710, -20, 89},
    {"log", logl, 0, 20, 0, 20},
    {"log1p", log1pl, -1, 20, -1, 20},
    {"tanh", tanhl, -20, 20, -10, 10},
    {"sigmoid", sigmoid_exact, -746, 40, -104, 20},
    {"softplus", softplus_exact, -746, 40, -104, 20},
    {"sin", sinl, -1000, 1000, -1000, 1000},
    {"cos", cosl, -1000, 1000, -1000, 1000},
    {"pow", nullptr, 0, 0, 0, 0},
    {"erf", erfl, -6, 6, -4, 4},
    {"normal_cdf", normal_cdf_exact, -39, 9, -15, 6, 5},
    {"normal_pdf", normal_pdf_exact, -39, 39, -15, 15, 3},
    {"silu", silu_exact, -760, 40, -112, 20},
    {"gelu", gelu_exact, -39, 9, -15, 6, 5},
    {"exp2", exp2l, -1076, 1024, -150, 128},
    {"log2", log2l, 0, 20, 0, 20},
    {"log10", log10l, 0, 20, 0, 20},
    {"tan", tanl, -1000, 1000, -1000, 1000},
    {"arcsin", asinl, -1, 1, -1, 1},
    {"arccos", acosl, -1, 1, -1, 1},
    {"arctan", atanl, -20, 20, -20, 20},
    {"sinh", sinhl, -710, 710, -89, 89},
    {"cosh", coshl, -710, 710, -89, 89},
    {"arcsinh", asinhl, -20, 20, -20, 20},
    {"arccosh", acoshl, 1, 20, 1, 20},
    {"arctanh", atanhl, -1, 1, -1, 1},
    {"cbrt", cbrtl, -20, 20, -20, 20},
    {"erfc", erfcl, -6, 28, -4, 11, 5},
    {"logit", logit_exact, 0, 1, 0, 1},
};
constexpr double oracle_error = LDBL_MANT_DIG > DBL_MANT_DIG ? 0 : 1;  // where long double is double, its joins ours

template <class T> void apply(int kind, int n, const T* x, const T* y, T* out) {
    for (int i = 0; i < n; i += Vec<T>::size) {
        const int lanes = n - i < Vec<T>::size ? n - i : Vec<T>::size;
        const Vec<T> v = Vec<T>::load(x + i, lanes);
        Vec<T> r = v;
        switch (kind) {
            case of_exp: r = exp(v); break;
            case of_expm1: r = expm1(v); break;
            case of_log: r = log(v); break;
            case of_log1p: r = log1p(v); break;
            case of_tanh: r = tanh(v); break;
            case of_sigmoid: r = sigmoid(v); break;
            case of_softplus: r = softplus(v); break;
            case of_sin: r = sin(v); break;
            case of_cos: r = cos(v); break;
            case of_erf: r = erf(v); break;
            case of_normal_cdf: r = normal_cdf(v); break;
            case of_normal_pdf: r = normal_pdf(v); break;
            case of_silu: r = silu(v); break;
            case of_gelu: r = gelu(v); break;
            case of_exp2: r = exp2(v); break;
            case of_log2: r = log2(v); break;
            case of_log10: r = log10(v); break;
            case of_tan: r = tan(v); break;
            case of_arcsin: r = arcsin(v); break;
            case of_arccos: r = arccos(v); break;
            case of_arctan: r = arctan(v); break;
            case of_sinh: r = sinh(v); break;
            case of_cosh: r = cosh(v); break;
            case of_arcsinh: r = arcsinh(v); break;
            case of_arccosh: r = arccosh(v); break;
            case of_arctanh: r = arctanh(v); break;
            case of_cbrt: r = cbrt(v); break;
            case of_erfc: r = erfc(v); break;
            case of_logit: r = logit(v); break;
            case of_pow: r = pow(v, Vec<T>::load(y + i, lanes)); break;
        }
        r.store(out + i, lanes);
    }
}

constexpr int block = 1000;  // no multiple of a vector: the last one is partial

template <class T> struct Sweep {
    int kind;
    double worst = 0;
    T worst_x = 0, worst_y = 0;
    uint64_t digest = 0xcbf29ce484222325u;
    int held = 0;
    T x[block], y[block], out[block];

    explicit Sweep(int k) : kind(k) {}
    void add(T a, T b = 0) {
        x[held] = a;
        y[held] = b;
        if (++held == block) flush();
    }
    void flush() {
        apply(kind, held, x, y, out);
        for (int i = 0; i < held; ++i) {
            const wide exact = kind == of_pow ? powl(x[i], y[i]) : functions[kind].exact(x[i]);
            const double u = ulps(out[i], exact);
            if (u > worst) worst = u, worst_x = x[i], worst_y = y[i];
            if (__builtin_isnan(out[i])) continue;  // its many patterns are not among the bits that levels share
            digest = (digest ^ to_pattern(out[i])) * 0x100000001b3u;
        }
        held = 0;
    }
};

template <class T> void around(Sweep<T>& s, double center) {
    const uint64_t p = to_pattern(T(center));
    for (int d = -3; d <= 3; ++d) {
        const T a = from_pattern<T>(p + uint64_t(int64_t(d)));
        s.add(a);
        s.add(-a);
    }
}

template <class T> void sweep_one_argument(Sweep<T>& s) {
    const Function& f = functions[s.kind];
    const int bits = Format<T>::mantissa_bits, exponents = 2 * Format<T>::exponent_bias + 2;
    const int each = sizeof(T) == 4 ? 32 : 6;
    for (int e = 0; e < exponents; ++e)
        for (int i = 0; i < each; ++i) {  // the last exponent: infinities, then NaNs
            const uint64_t mantissa = i == 0 ? 0 : i == 1 ? Format<T>::mantissa : random_bits() & Format<T>::mantissa;
            s.add(from_pattern<T>((uint64_t(e) << bits) | mantissa));
            s.add(-from_pattern<T>((uint64_t(e) << bits) | mantissa));
        }
    const bool is_float = sizeof(T) == 4;
    for (int i = 0; i < 20000; ++i) {
        s.add(T(random_between(is_float ? f.float_low : f.low, is_float ? f.float_high : f.high)));
        s.add(T(random_between(-2, 2)));
    }
    const double points[] = {1,         0.75,        1.5,         2,           0.5,         0.5625,
                             10,        20,          18,          38,          40,          80,
                             16.6434,   36.7368,     709.7827129, 745.1332191, 88.72283936, 103.972084,
                             87.336548, 708.3964185, 1e5,         1e6,         1e9,         6400};
    for (double p : points) around(s, p);
    for (int k = 1; k <= 70; ++k) {
        around(s, k * 0.34657359027997264);  // where the reduction by ln 2 steps
        around(s, k * 0.78539816339744828);  // and the one by pi/2
        around(s, double(k) * double(k) * double(k) * 1.5707963267948966);
    }
}

template <class T> void sweep_pow(Sweep<T>& s) {
    const double log_limit = sizeof(T) == 4 ? 105 : 746;
    for (int i = 0; i < 20000; ++i) {
        T x = T(random_between(0.5, 2));
        if (i % 4 == 1) x = T(1 + random_between(-1, 1) * ldexp(1, -int(random_bits() % 30)));
        if (i % 4 == 2) x = fabsl(from_pattern<T>(random_bits()));
        if (!(x > 0) || __builtin_isinf(x)) x = 3;
        const double l = double(log(Vec<T>(x)).v[0]);  // not libm's: the digest needs the same inputs everywhere
        s.add(x, T(random_between(-log_limit, log_limit) / (l == 0 ? 1 : l)));
        s.add(x, T(random_between(-3, 3)));
        s.add(-x, T(int(random_bits() % 41) - 20));
    }
    const double values[] = {0, 1, 2, 3, 0.5, 1.5, 2.5, 7, 1e30, 1e-30, 1 + 1e-6, HUGE_VAL, NAN};
    const double large_integers[] = {8388607, 8388609, 16777215, 0x1p52 - 1, 0x1p52 + 1, 0x1p53 - 1, 0x1p53};
    for (double a : values)
        for (int signs = 0; signs < 4; ++signs) {
            for (double b : values) s.add(T(signs & 1 ? -a : a), T(signs & 2 ? -b : b));
            for (double b : large_integers) s.add(T(signs & 1 ? -a : a), T(signs & 2 ? -b : b));
        }
    const T extremes[] = {from_pattern<T>(1), Format<T>::min_normal, sizeof(T) == 4 ? T(FLT_MAX) : T(DBL_MAX)};
    for (T a : extremes)
        for (T b : extremes)
            for (int signs = 0; signs < 4; ++signs) s.add(signs & 1 ? -a : a, signs & 2 ? -b : b);
}

// What levels with fused multiply-add must agree on, to the bit: [float, double][function].
const uint64_t digests[2][kinds] = {
    {0x5d15b8b50c75b50f, 0x524f3dc4aabfef22, 0xc99c77b555c449ea, 0xe95d38f707c8923a, 0xbea31af0d322d9d4,
     0xed5c9d8da78dc6bc, 0x646ca84f9a03ad19, 0x5a532c600be18023, 0x66d1eab65e34c006, 0x26e534901e74807e,
     0x9cd130710375dd10, 0x6940ac9387e71c0d, 0x1edcb2253f567a4e, 0xbe410c1bb7b62050, 0xeb12627534201154,
     0xc5a6d77e5f9ef40a, 0xf4ff6a4619d7124b, 0xbfcdb5051ead6e94, 0x1f6ed5bf2732f890, 0x25e0e87c7443751a,
     0x3830aeb138e5b431, 0x363e14e63bb43e22, 0x9ef49478bbcf8841, 0x85da6e94a1ce8c20, 0xf0ef6248a59cf1a5,
     0x230da053ece45502, 0x8281452a8f914e3a, 0x09de5a85e5ad37a3, 0x67e39e0cf5a86dbb, 0xd1338b60468a9fe1},
    {0x77e8494d91c8c4a6, 0x6025947c1dc99c9d, 0x5b49ba0cb393ebb6, 0xf4d91575bba1ff56, 0xc719ff8da038e7ea,
     0xcbe0f0f02ce6e398, 0x889ba8cc5a5c0ebd, 0x7230a1dca6e9429c, 0xf5e3f004f77b0177, 0xa6bb4b61922db2ee,
     0x32789741577b5eb1, 0x9412da9af509a1bc, 0x1fd7e18b141b877b, 0xc89a2433cbf0cf40, 0x636e03f9859577a7,
     0x37bdc0bf6dfe2a4d, 0x43579505ce529726, 0x658f6de5f57a81ec, 0x6f3bfb3370ebbacc, 0x767db752ff69f19d,
     0xbf389f80c1261345, 0x9876323ab3fabd3b, 0x3d60dd0e44c62dac, 0x078facd2ade8ddd1, 0x12b3056a7082c06b,
     0x8b051e8d9767921e, 0x8a382470c278f5ea, 0x0bc1ec66fe34d9ac, 0x35cb21b16ac79fb3, 0xecfef4f4c677a504},
};

template <class T> void test_functions() {
    double worst[kinds], x[kinds], y[kinds];
    uint64_t digest[kinds];
    for (int kind = 0; kind < kinds; ++kind) {
        random_state = uint64_t(kind);
        Sweep<T> s(kind);
        if (kind == of_pow) sweep_pow(s);
        else sweep_one_argument(s);
        s.flush();
        worst[kind] = s.worst, x[kind] = double(s.worst_x), y[kind] = double(s.worst_y), digest[kind] = s.digest;
    }
    printf("  %-8s %s, worst error in ulp:", FG_TEXT(FG_LEVEL), sizeof(T) == 4 ? "float " : "double");
    for (int kind = 0; kind < kinds; ++kind) printf(" %s %.2f", functions[kind].name, worst[kind]);
    printf("\n");
    for (int kind = 0; kind < kinds; ++kind) {
        if (!CHECK(worst[kind] <= functions[kind].bound + oracle_error))
            printf("    %s at %.17g, %.17g\n", functions[kind].name, x[kind], y[kind]);
        if (has_fma && !CHECK(digest[kind] == digests[sizeof(T) == 8][kind]))
            printf("    digest of %s is now 0x%016llx\n", functions[kind].name, (unsigned long long)digest[kind]);
    }
}

// Partial loads and stores on memory that ends with the last lane, so that a sanitizer sees one step too far.
template <class T> void test_lanes() {
    for (int n = 0; n <= Vec<T>::size; ++n) {
        T* p = static_cast<T*>(malloc(size_t(n) * sizeof(T) + (n == 0)));
        for (int i = 0; i < n; ++i) p[i] = T(i + 1);
        T all[Vec<T>::size];
        Vec<T>::load(p, n).store(all);
        for (int i = 0; i < Vec<T>::size; ++i) CHECK(all[i] == (i < n ? T(i + 1) : T(0)));
        (Vec<T>::load(p, n) + Vec<T>(T(1))).store(p, n);
        for (int i = 0; i < n; ++i) CHECK(p[i] == T(i + 2));
        free(p);

        for (int i = 0; i < Vec<T>::size; ++i) all[i] = T(i == n);
        CHECK(any(Vec<T>::load(all) > Vec<T>(T(0))) == (n < Vec<T>::size));
    }
    const T nan = Format<T>::nan;
    const T pairs[][2] = {{1, 2}, {2, 1}, {nan, 1}, {1, nan}, {T(-0.0), 0}, {-1, Format<T>::infinity}};
    for (const T* p : pairs) {
        const Vec<T> a(p[0]), b(p[1]);
        const bool has_nan = p[0] != p[0] || p[1] != p[1];
        const T low = minimum(a, b).v[0], high = maximum(a, b).v[0];
        CHECK(has_nan ? low != low && high != high
                      : low == (p[0] < p[1] ? p[0] : p[1]) && high == (p[0] < p[1] ? p[1] : p[0]));
    }
}

}  // namespace
}  // namespace fg::kernels

extern "C" int FG_TEST_NAME() {
    using namespace fg::kernels;
    test_lanes<float>();
    test_lanes<double>();
    test_functions<float>();
    test_functions<double>();
    return 0;
}
