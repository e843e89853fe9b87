// The number types that formulas see besides Vec: int64 and bool, one at a time, and truth values in memory.
#pragma once

#include "kernels/vec.hpp"

namespace fg::kernels {
namespace {

// A truth value held as bool bytes are: 0 or 1.
struct Truth {
    uint8_t v;

    friend FG_INLINE Truth operator&(Truth a, Truth b) { return {uint8_t(a.v & b.v)}; }
    friend FG_INLINE Truth operator|(Truth a, Truth b) { return {uint8_t(a.v | b.v)}; }
    friend FG_INLINE Truth operator!(Truth a) { return {uint8_t(a.v ^ 1)}; }
};

// An int64 that wraps around on overflow, as NumPy's does.
struct Int {
    int64_t v;

    Int() = default;
    FG_INLINE explicit Int(int64_t x) : v(x) {}

    static FG_INLINE Int wrapped(uint64_t x) { return Int(int64_t(x)); }
    friend FG_INLINE Int operator+(Int a, Int b) { return wrapped(uint64_t(a.v) + uint64_t(b.v)); }
    friend FG_INLINE Int operator-(Int a, Int b) { return wrapped(uint64_t(a.v) - uint64_t(b.v)); }
    friend FG_INLINE Int operator*(Int a, Int b) { return wrapped(uint64_t(a.v) * uint64_t(b.v)); }
    friend FG_INLINE Int operator-(Int a) { return wrapped(0 - uint64_t(a.v)); }
    friend FG_INLINE Truth operator<(Int a, Int b) { return {a.v < b.v}; }
    friend FG_INLINE Truth operator<=(Int a, Int b) { return {a.v <= b.v}; }
    friend FG_INLINE Truth operator>(Int a, Int b) { return {a.v > b.v}; }
    friend FG_INLINE Truth operator>=(Int a, Int b) { return {a.v >= b.v}; }
    friend FG_INLINE Truth operator==(Int a, Int b) { return {a.v == b.v}; }
    friend FG_INLINE Truth operator!=(Int a, Int b) { return {a.v != b.v}; }
};

FG_INLINE Int select(Truth c, Int a, Int b) { return c.v ? a : b; }
FG_INLINE Int abs(Int a) { return a.v < 0 ? -a : a; }
FG_INLINE Int minimum(Int a, Int b) { return a.v < b.v ? a : b; }
FG_INLINE Int maximum(Int a, Int b) { return a.v > b.v ? a : b; }

// Bool bytes to lane masks and back, as many as a Vec<T> has lanes.
template <class T> struct TruthBytes { typedef uint8_t native __attribute__((vector_size(Vec<T>::size))); };

template <class T> FG_INLINE Mask<T> load_mask(const uint8_t* p, int n) {
    typename TruthBytes<T>::native bytes = {};
    if (n == Vec<T>::size) memcpy(&bytes, p, sizeof bytes);
    else memcpy(&bytes, p, size_t(n));
    return {__builtin_convertvector(bytes, typename Mask<T>::bits) != 0};
}

template <class T> FG_INLINE void store_mask(Mask<T> m, uint8_t* p, int n) {
    const typename TruthBytes<T>::native bytes = __builtin_convertvector(m.b, typename TruthBytes<T>::native) & 1;
    if (n == Vec<T>::size) memcpy(p, &bytes, sizeof bytes);
    else memcpy(p, &bytes, size_t(n));
}

}  // namespace
}  // namespace fg::kernels
