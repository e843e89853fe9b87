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

// Division by 0 gives 0, as NumPy's does; the least integer over -1 wraps around.
FG_INLINE Int fmod(Int a, Int b) { return b.v == 0 || b.v == -1 ? Int(0) : Int(a.v % b.v); }
FG_INLINE Int remainder(Int a, Int b) {
    const Int r = fmod(a, b);
    return r.v != 0 && (r.v < 0) != (b.v < 0) ? r + b : r;
}
FG_INLINE Int floor_divide(Int a, Int b) {
    if (b.v == 0) return Int(0);
    if (b.v == -1) return -a;
    const Int r = fmod(a, b);
    return Int(a.v / b.v - (r.v != 0 && (r.v < 0) != (b.v < 0)));
}
FG_INLINE Int floor(Int a) { return a; }
FG_INLINE Int ceil(Int a) { return a; }
FG_INLINE Int trunc(Int a) { return a; }
FG_INLINE Int rint(Int a) { return a; }
FG_INLINE Truth isinf(Int) { return {0}; }
FG_INLINE Truth isfinite(Int) { return {1}; }
FG_INLINE Truth signbit(Int a) { return {a.v < 0}; }

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
