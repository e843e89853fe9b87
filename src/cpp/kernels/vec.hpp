// Vec<T>: one register of numbers, written once over the compilers' vector extension for every ISA level.
//
// Everything here has internal linkage on purpose: each isa/*.cpp includes this header under its own
// compiler flags, and the linker must never hand code compiled for one level to a CPU of another.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace fg::kernels {
namespace {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

// True where fma() rounds once. The bit promises across ISA levels hold only there.
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
constexpr bool has_fma = true;
#else
constexpr bool has_fma = false;
#endif

#define FG_INLINE inline __attribute__((always_inline))
#define FG_OUT_OF_LINE __attribute__((noinline))
// And no copies for callers that give some arguments as constants, which GCC likes to make.
#if defined(__clang__)
#define FG_WRITTEN_ONCE FG_OUT_OF_LINE
#else
#define FG_WRITTEN_ONCE __attribute__((noinline, noclone))
#endif

#if defined(__AVX512F__)
// For the zero-masked forms of intrinsics: GCC 12 warns of an uninitialised value inside the plain ones.
constexpr __mmask8 all_lanes_8 = 0xff;
constexpr __mmask16 all_lanes = 0xffff;
#endif

typedef float float_native __attribute__((vector_size(vector_bytes)));
typedef double double_native __attribute__((vector_size(vector_bytes)));
typedef int32_t int32_native __attribute__((vector_size(vector_bytes)));
typedef int64_t int64_native __attribute__((vector_size(vector_bytes)));
typedef uint32_t uint32_native __attribute__((vector_size(vector_bytes)));
typedef uint64_t uint64_native __attribute__((vector_size(vector_bytes)));

template <class T> struct VecTraits;
template <> struct VecTraits<float> {
    using native = float_native;
    using bits = int32_native;  // lane-wide integers; also what a comparison gives (0 or -1)
    using bits_lane = int32_t;
    using words = uint32_native;  // the same lanes for arithmetic that wraps and shifts that bring in zeros
    using word = uint32_t;
};
template <> struct VecTraits<double> {
    using native = double_native;
    using bits = int64_native;
    using bits_lane = int64_t;
    using words = uint64_native;
    using word = uint64_t;
};

// Lane-wide truth: all bits set or none.
template <class T> struct Mask {
    using bits = typename VecTraits<T>::bits;
    bits b;

    friend FG_INLINE Mask operator&(Mask x, Mask y) { return {x.b & y.b}; }
    friend FG_INLINE Mask operator|(Mask x, Mask y) { return {x.b | y.b}; }
    friend FG_INLINE Mask operator^(Mask x, Mask y) { return {x.b ^ y.b}; }
    friend FG_INLINE Mask operator!(Mask x) { return {~x.b}; }
};

template <class T> struct Vec {
    using native = typename VecTraits<T>::native;
    using bits = typename VecTraits<T>::bits;
    static constexpr int size = vector_bytes / int(sizeof(T));

    native v;

    Vec() = default;
    FG_INLINE Vec(native x) : v(x) {}
    FG_INLINE explicit Vec(T x) : v(x - native{}) {}  // broadcast; x - 0 keeps the sign of zero

    static FG_INLINE Vec load(const T* p) {
        Vec r;
        memcpy(&r.v, p, sizeof r.v);
        return r;
    }
    FG_INLINE void store(T* p) const { memcpy(p, &v, sizeof v); }

    // The first n lanes, 0 <= n <= size; the others are zero and nothing past p[n-1] is touched.
    static FG_INLINE Vec load(const T* p, int n);
    FG_INLINE void store(T* p, int n) const;

    friend FG_INLINE Vec operator+(Vec a, Vec b) { return a.v + b.v; }
    friend FG_INLINE Vec operator-(Vec a, Vec b) { return a.v - b.v; }
    friend FG_INLINE Vec operator*(Vec a, Vec b) { return a.v * b.v; }
    friend FG_INLINE Vec operator/(Vec a, Vec b) { return a.v / b.v; }
    friend FG_INLINE Vec operator-(Vec a) { return -a.v; }

    friend FG_INLINE Mask<T> operator<(Vec a, Vec b) { return {a.v < b.v}; }
    friend FG_INLINE Mask<T> operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
    friend FG_INLINE Mask<T> operator>(Vec a, Vec b) { return {a.v > b.v}; }
    friend FG_INLINE Mask<T> operator>=(Vec a, Vec b) { return {a.v >= b.v}; }
    friend FG_INLINE Mask<T> operator==(Vec a, Vec b) { return {a.v == b.v}; }
    friend FG_INLINE Mask<T> operator!=(Vec a, Vec b) { return {a.v != b.v}; }
};

#if defined(__AVX512F__)
template <class T> FG_INLINE Vec<T> Vec<T>::load(const T* p, int n) {
    if constexpr (sizeof(T) == 4) return native(_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p));
    else return native(_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), p));
}
template <class T> FG_INLINE void Vec<T>::store(T* p, int n) const {
    if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), __m512(v));
    else _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), __m512d(v));
}
#elif defined(__AVX2__)
FG_INLINE __m256i first_lanes_mask(int n, int lane_bytes) {
    const int32_t words = n * (lane_bytes / 4);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(words), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
template <class T> FG_INLINE Vec<T> Vec<T>::load(const T* p, int n) {
    const __m256i mask = first_lanes_mask(n, sizeof(T));
    if constexpr (sizeof(T) == 4) return native(_mm256_maskload_ps(p, mask));
    else return native(_mm256_maskload_pd(p, mask));
}
// In pieces: the masked store takes 12 cycles on Zen.
template <class T> FG_INLINE void Vec<T>::store(T* p, int n) const {
    if (n >= size) return store(p);
    const __m256i whole = __m256i(v);
    __m128i rest = _mm256_castsi256_si128(whole);
    int bytes = n * int(sizeof(T));
    if (bytes & 16) {
        memcpy(p, &rest, 16);
        p += 16 / sizeof(T);
        rest = _mm256_extracti128_si256(whole, 1);
    }
    if (bytes & 8) {
        const int64_t low = _mm_cvtsi128_si64(rest);
        memcpy(p, &low, 8);
        p += 8 / sizeof(T);
        rest = _mm_unpackhi_epi64(rest, rest);
    }
    if (sizeof(T) == 4 && bytes & 4) {
        const int32_t low = _mm_cvtsi128_si32(rest);
        memcpy(p, &low, 4);
    }
}
#else
template <class T> FG_INLINE Vec<T> Vec<T>::load(const T* p, int n) {
    if (n >= size) return load(p);
    native r = {};
    if (n > 0) r[0] = p[0];
    if constexpr (size > 2) {
        if (n > 1) r[1] = p[1];
        if (n > 2) r[2] = p[2];
    }
    return r;
}
template <class T> FG_INLINE void Vec<T>::store(T* p, int n) const {
    if (n >= size) return store(p);
    if (n > 0) p[0] = v[0];
    if constexpr (size > 2) {
        if (n > 1) p[1] = v[1];
        if (n > 2) p[2] = v[2];
    }
}
#endif

// a * b + c, rounded once wherever the level has a fused multiply-add.
FG_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
    return float_native(_mm512_fmadd_ps(__m512(a.v), __m512(b.v), __m512(c.v)));
#elif defined(__FMA__)
    return float_native(_mm256_fmadd_ps(__m256(a.v), __m256(b.v), __m256(c.v)));
#elif defined(__ARM_FEATURE_FMA)
    return float_native(vfmaq_f32(float32x4_t(c.v), float32x4_t(a.v), float32x4_t(b.v)));
#else
    return a * b + c;
#endif
}

FG_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
    return double_native(_mm512_fmadd_pd(__m512d(a.v), __m512d(b.v), __m512d(c.v)));
#elif defined(__FMA__)
    return double_native(_mm256_fmadd_pd(__m256d(a.v), __m256d(b.v), __m256d(c.v)));
#elif defined(__ARM_FEATURE_FMA)
    return double_native(vfmaq_f64(float64x2_t(c.v), float64x2_t(a.v), float64x2_t(b.v)));
#else
    return a * b + c;
#endif
}

FG_INLINE Vec<float> sqrt(Vec<float> a) {
#if defined(__AVX512F__)
    return float_native(_mm512_maskz_sqrt_ps(all_lanes, __m512(a.v)));
#elif defined(__AVX2__)
    return float_native(_mm256_sqrt_ps(__m256(a.v)));
#elif defined(__SSE2__)
    return float_native(_mm_sqrt_ps(__m128(a.v)));
#else
    return float_native(vsqrtq_f32(float32x4_t(a.v)));
#endif
}

FG_INLINE Vec<double> sqrt(Vec<double> a) {
#if defined(__AVX512F__)
    return double_native(_mm512_maskz_sqrt_pd(all_lanes_8, __m512d(a.v)));
#elif defined(__AVX2__)
    return double_native(_mm256_sqrt_pd(__m256d(a.v)));
#elif defined(__SSE2__)
    return double_native(_mm_sqrt_pd(__m128d(a.v)));
#else
    return double_native(vsqrtq_f64(float64x2_t(a.v)));
#endif
}

template <class T> FG_INLINE Vec<T> select(Mask<T> m, Vec<T> a, Vec<T> b) { return m.b ? a.v : b.v; }

template <class T> FG_INLINE Mask<T> is_nan(Vec<T> a) { return a != a; }

template <class T> FG_INLINE Vec<T> from_bits(typename VecTraits<T>::bits b) { return (typename Vec<T>::native)b; }
template <class T> FG_INLINE typename VecTraits<T>::bits to_bits(Vec<T> a) { return (typename VecTraits<T>::bits)a.v; }
template <class T> FG_INLINE Vec<T> from_words(typename VecTraits<T>::words w) { return (typename Vec<T>::native)w; }
template <class T> FG_INLINE typename VecTraits<T>::words to_words(Vec<T> a) {
    return (typename VecTraits<T>::words)a.v;
}

template <class T> FG_INLINE Vec<T> abs(Vec<T> a) {
    using lane = typename VecTraits<T>::bits_lane;
    return from_bits<T>(to_bits(a) & (lane(~lane(0)) ^ (lane(1) << (8 * sizeof(T) - 1))));
}

// True when some lane is set.
template <class T> FG_INLINE bool any(Mask<T> m) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return _mm512_movepi32_mask(__m512i(m.b)) != 0;
    else return _mm512_movepi64_mask(__m512i(m.b)) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_epi8(__m256i(m.b)) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_epi8(__m128i(m.b)) != 0;
#else
    return vmaxvq_u32(uint32x4_t(m.b)) != 0;
#endif
}

// a < b ? a : b and a > b ? a : b, one instruction each on x86: where either is NaN, or both are zeros, b.
template <class T> FG_INLINE Vec<T> lower(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return float_native(_mm512_maskz_min_ps(all_lanes, __m512(a.v), __m512(b.v)));
    else return double_native(_mm512_maskz_min_pd(all_lanes_8, __m512d(a.v), __m512d(b.v)));
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) return float_native(_mm256_min_ps(__m256(a.v), __m256(b.v)));
    else return double_native(_mm256_min_pd(__m256d(a.v), __m256d(b.v)));
#elif defined(__SSE2__)
    if constexpr (sizeof(T) == 4) return float_native(_mm_min_ps(__m128(a.v), __m128(b.v)));
    else return double_native(_mm_min_pd(__m128d(a.v), __m128d(b.v)));
#else
    return select(a < b, a, b);
#endif
}
template <class T> FG_INLINE Vec<T> higher(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return float_native(_mm512_maskz_max_ps(all_lanes, __m512(a.v), __m512(b.v)));
    else return double_native(_mm512_maskz_max_pd(all_lanes_8, __m512d(a.v), __m512d(b.v)));
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) return float_native(_mm256_max_ps(__m256(a.v), __m256(b.v)));
    else return double_native(_mm256_max_pd(__m256d(a.v), __m256d(b.v)));
#elif defined(__SSE2__)
    if constexpr (sizeof(T) == 4) return float_native(_mm_max_ps(__m128(a.v), __m128(b.v)));
    else return double_native(_mm_max_pd(__m128d(a.v), __m128d(b.v)));
#else
    return select(a > b, a, b);
#endif
}

// NumPy's minimum and maximum: a NaN in either operand wins.
template <class T> FG_INLINE Vec<T> minimum(Vec<T> a, Vec<T> b) { return select(is_nan(a), a, lower(a, b)); }
template <class T> FG_INLINE Vec<T> maximum(Vec<T> a, Vec<T> b) { return select(is_nan(a), a, higher(a, b)); }

}  // namespace
}  // namespace fg::kernels
