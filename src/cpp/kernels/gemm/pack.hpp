// Copies a block of a matrix into panels that the register tile reads straight through, transposing where it must.
#pragma once

#include "kernels/first_lanes.hpp"

namespace fg::kernels {
namespace {

// 16-byte vectors for transposing: narrow enough for every level, and two shuffles start in a cycle.
template <class T> struct Quad;
template <> struct Quad<float> {
    typedef float native __attribute__((vector_size(16)));
    typedef int32_t bits __attribute__((vector_size(16)));
};
template <> struct Quad<double> {
    typedef double native __attribute__((vector_size(16)));
    typedef int64_t bits __attribute__((vector_size(16)));
};

#if defined(__clang__)
#define FG_SHUFFLE(T, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define FG_SHUFFLE(T, a, b, ...) __builtin_shuffle(a, b, typename Quad<T>::bits{__VA_ARGS__})
#endif

// to[k * to_step + p] = from[p * from_step + k] for p and k below 4.
FG_INLINE void transpose_4x4(const float* from, int64_t from_step, float* to, int64_t to_step) {
    Quad<float>::native r[4], t[4];
    for (int i = 0; i < 4; ++i) memcpy(&r[i], from + i * from_step, 16);
    t[0] = FG_SHUFFLE(float, r[0], r[1], 0, 4, 1, 5);
    t[1] = FG_SHUFFLE(float, r[0], r[1], 2, 6, 3, 7);
    t[2] = FG_SHUFFLE(float, r[2], r[3], 0, 4, 1, 5);
    t[3] = FG_SHUFFLE(float, r[2], r[3], 2, 6, 3, 7);
    r[0] = FG_SHUFFLE(float, t[0], t[2], 0, 1, 4, 5);
    r[1] = FG_SHUFFLE(float, t[0], t[2], 2, 3, 6, 7);
    r[2] = FG_SHUFFLE(float, t[1], t[3], 0, 1, 4, 5);
    r[3] = FG_SHUFFLE(float, t[1], t[3], 2, 3, 6, 7);
    for (int i = 0; i < 4; ++i) memcpy(to + i * to_step, &r[i], 16);
}

FG_INLINE void transpose_4x4(const double* from, int64_t from_step, double* to, int64_t to_step) {
#pragma GCC unroll 2
    for (int p = 0; p < 4; p += 2)
#pragma GCC unroll 2
        for (int k = 0; k < 4; k += 2) {
            Quad<double>::native a, b, low, high;
            memcpy(&a, from + p * from_step + k, 16);
            memcpy(&b, from + (p + 1) * from_step + k, 16);
            low = FG_SHUFFLE(double, a, b, 0, 2);
            high = FG_SHUFFLE(double, a, b, 1, 3);
            memcpy(to + k * to_step + p, &low, 16);
            memcpy(to + (k + 1) * to_step + p, &high, 16);
        }
}

// The same for two p.
FG_INLINE void transpose_2x4(const float* from, int64_t from_step, float* to, int64_t to_step) {
    Quad<float>::native a, b, low, high;
    memcpy(&a, from, 16);
    memcpy(&b, from + from_step, 16);
    low = FG_SHUFFLE(float, a, b, 0, 4, 1, 5);
    high = FG_SHUFFLE(float, a, b, 2, 6, 3, 7);
    memcpy(to, &low, 8);
    memcpy(to + to_step, reinterpret_cast<const char*>(&low) + 8, 8);
    memcpy(to + 2 * to_step, &high, 8);
    memcpy(to + 3 * to_step, reinterpret_cast<const char*>(&high) + 8, 8);
}

FG_INLINE void transpose_2x4(const double* from, int64_t from_step, double* to, int64_t to_step) {
#pragma GCC unroll 2
    for (int k = 0; k < 4; k += 2) {
        Quad<double>::native a, b, low, high;
        memcpy(&a, from + k, 16);
        memcpy(&b, from + from_step + k, 16);
        low = FG_SHUFFLE(double, a, b, 0, 2);
        high = FG_SHUFFLE(double, a, b, 1, 3);
        memcpy(to + k * to_step, &low, 16);
        memcpy(to + (k + 1) * to_step, &high, 16);
    }
}
#undef FG_SHUFFLE

// to[k * to_step + p] = from[p * from_step + k] for p < width and k < depth. The rows that follow are fetched, those
// behind the last, too: panels are packed one behind the other.
template <class T>
void transpose(int64_t depth, int64_t width, const T* from, int64_t from_step, T* to, int64_t to_step) {
    const int64_t fours = width / 4 * 4, whole = depth / 4 * 4;
    for (int64_t p = 0; p < fours; p += 4) {
        const T* const row = from + p * from_step;
        for (int64_t k = 0; k < whole; k += 4) {
            __builtin_prefetch(row + (4 + k / 4 % 4) * from_step + k);
            transpose_4x4(row + k, from_step, to + k * to_step + p, to_step);
        }
        for (int64_t k = whole; k < depth; ++k)
            for (int64_t i = 0; i < 4; ++i) to[k * to_step + p + i] = row[i * from_step + k];
    }
    const int64_t pairs = width / 2 * 2;
    if (fours < pairs) {
        const T* const row = from + fours * from_step;
        for (int64_t k = 0; k < whole; k += 4) transpose_2x4(row + k, from_step, to + k * to_step + fours, to_step);
        for (int64_t k = whole; k < depth; ++k)
            for (int64_t i = 0; i < 2; ++i) to[k * to_step + fours + i] = row[i * from_step + k];
    }
    for (int64_t p = pairs; p < width; ++p)
        for (int64_t k = 0; k < depth; ++k) to[k * to_step + p] = from[p * from_step + k];
}

// The panel of rows of a tile that lie side by side.
template <int width, class T> void copy_panel(int64_t depth, const T* from, int64_t k_step, T* to) {
    for (int64_t k = 0; k < depth; ++k, from += k_step, to += width) {
        __builtin_prefetch(from + 8 * k_step);
        memcpy(to, from, width * sizeof(T));
    }
}

// to[k * width + p] = from[p * p_step + k * k_step] for p < used, zero for used <= p < width; k below depth.
template <class T>
void pack_panel(int used, int width, int64_t depth, const T* from, int64_t p_step, int64_t k_step, T* to) {
    constexpr int lanes = Vec<T>::size;
    if (p_step == 1) {
        if (used == 6 && width == 6) return copy_panel<6>(depth, from, k_step, to);
        if (used == 5 && width == 5) return copy_panel<5>(depth, from, k_step, to);
        if (used == 4 && width == 4) return copy_panel<4>(depth, from, k_step, to);
        for (int64_t k = 0; k < depth; ++k, from += k_step, to += width) {
            __builtin_prefetch(from + 24 * k_step);
            int p = 0;
            for (; p + lanes <= used; p += lanes) Vec<T>::load(from + p).store(to + p);
            if (p < width) {
                const int rest = int(smaller(lanes, width - p));
                FirstLanes<T>(rest).store(to + p, FirstLanes<T>(used - p).load(from + p));
            }
        }
        return;
    }
    if (k_step == 1) transpose(depth, used, from, p_step, to, width);
    for (int64_t p = k_step == 1 ? used : 0; p < width; ++p)
        for (int64_t k = 0; k < depth; ++k) to[k * width + p] = p < used ? from[p * p_step + k * k_step] : T(0);
}

}  // namespace
}  // namespace fg::kernels
