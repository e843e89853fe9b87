// FirstLanes<T>: loads and stores of the first n lanes of a vector, the mask made once for many; sizes of last pieces.
#pragma once

#include "kernels/vec.hpp"

namespace fg::kernels {
namespace {

FG_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
FG_INLINE int64_t round_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }

// The same pointer, of which the compiler knows no more. Where rows lie from one another it would work out for all of
// them before a loop begins, more than registers hold: for few rows that takes longer than the loop.
template <class T> FG_INLINE const T* opaque(const T* p) {
    asm("" : "+r"(p));
    return p;
}

// Whether the loads below are single instructions; else they are branches, and have no place in an inner loop.
#if defined(__AVX2__)
constexpr bool has_masked_loads = true;
#else
constexpr bool has_masked_loads = false;
#endif

#if defined(__AVX512F__)
template <class T> struct FirstLanes {
    __mmask16 mask;

    FG_INLINE explicit FirstLanes(int n) : mask(__mmask16((1u << n) - 1)) {}
    FG_INLINE Vec<T> load(const T* p) const {
        if constexpr (sizeof(T) == 4) return typename Vec<T>::native(_mm512_maskz_loadu_ps(mask, p));
        else return typename Vec<T>::native(_mm512_maskz_loadu_pd(__mmask8(mask), p));
    }
    // The other lanes are those of `others`.
    FG_INLINE Vec<T> load(const T* p, Vec<T> others) const {
        if constexpr (sizeof(T) == 4) return typename Vec<T>::native(_mm512_mask_loadu_ps(__m512(others.v), mask, p));
        else return typename Vec<T>::native(_mm512_mask_loadu_pd(__m512d(others.v), __mmask8(mask), p));
    }
    FG_INLINE void store(T* p, Vec<T> x) const {
        if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(p, mask, __m512(x.v));
        else _mm512_mask_storeu_pd(p, __mmask8(mask), __m512d(x.v));
    }
};
#elif defined(__AVX2__)
constexpr int32_t lane_masks[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

template <class T> struct FirstLanes {
    __m256i mask;
    int n;

    FG_INLINE explicit FirstLanes(int count) : n(count) {
        memcpy(&mask, lane_masks + 8 - n * int(sizeof(T) / 4), sizeof mask);
    }
    FG_INLINE Vec<T> load(const T* p) const {
        if constexpr (sizeof(T) == 4) return typename Vec<T>::native(_mm256_maskload_ps(p, mask));
        else return typename Vec<T>::native(_mm256_maskload_pd(p, mask));
    }
    FG_INLINE Vec<T> load(const T* p, Vec<T> others) const {
        using bits = typename VecTraits<T>::bits;
        return select(Mask<T>{bits(mask)}, load(p), others);
    }
    FG_INLINE void store(T* p, Vec<T> x) const { x.store(p, n); }
};
#else
template <class T> struct FirstLanes {
    int n;

    FG_INLINE explicit FirstLanes(int count) : n(count) {}
    FG_INLINE Vec<T> load(const T* p) const { return load(p, Vec<T>(T(0))); }
    FG_INLINE Vec<T> load(const T* p, Vec<T> others) const {
        if (n == Vec<T>::size) return Vec<T>::load(p);
        typename Vec<T>::native v = others.v;
        if (n > 0) v[0] = p[0];
        if constexpr (sizeof(T) == 4) {
            if (n > 1) v[1] = p[1];
            if (n > 2) v[2] = p[2];
        }
        return v;
    }
    FG_INLINE void store(T* p, Vec<T> x) const {
        if (n == Vec<T>::size) return x.store(p);
        if (n > 0) p[0] = x.v[0];
        if constexpr (sizeof(T) == 4) {
            if (n > 1) p[1] = x.v[1];
            if (n > 2) p[2] = x.v[2];
        }
    }
};
#endif

// The same for all of them.
template <class T> struct AllLanes {
    FG_INLINE Vec<T> load(const T* p) const { return Vec<T>::load(p); }
    FG_INLINE void store(T* p, Vec<T> x) const { x.store(p); }
};

}  // namespace
}  // namespace fg::kernels
