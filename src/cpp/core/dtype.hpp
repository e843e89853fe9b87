// The four number types of a tensor and how they promote.
#pragma once

#include <cstdint>

#include "core/error.hpp"

namespace fg {

// The codes index the kernel tables.
enum class DType : uint8_t { boolean = 0, int64 = 1, float32 = 2, float64 = 3 };

inline const char* name(DType t) {
    constexpr const char* names[] = {"bool", "int64", "float32", "float64"};
    return names[int(t)];
}
inline int64_t itemsize(DType t) {
    constexpr int64_t sizes[] = {1, 8, 4, 8};
    return sizes[int(t)];
}
inline bool is_floating(DType t) { return t == DType::float32 || t == DType::float64; }

// NumPy 2 promotion. A weak value (a Python scalar) gives way to any other of its kind or above.
inline DType promote(DType a, bool a_weak, DType b, bool b_weak) {
    if (a == b) return a;
    if (a_weak != b_weak) {
        const DType weak = a_weak ? a : b, strong = a_weak ? b : a;
        const bool fits = is_floating(strong) || (strong == DType::int64 && !is_floating(weak));
        if (fits) return strong;
        return is_floating(weak) ? DType::float64 : weak;
    }
    const DType low = a < b ? a : b, high = a < b ? b : a;
    if (low == DType::int64 && high == DType::float32) return DType::float64;
    return high;
}

// The type a function of real numbers gives: integers and bools become float64.
inline DType to_floating(DType t) { return is_floating(t) ? t : DType::float64; }

// The C++ type behind a code: visit(dtype, [](auto zero) { using T = decltype(zero); ... })
template <class F> decltype(auto) visit(DType t, F&& f) {
    switch (t) {
        case DType::boolean: return f(uint8_t{});
        case DType::int64: return f(int64_t{});
        case DType::float32: return f(float{});
        default: return f(double{});
    }
}
template <class F> decltype(auto) visit_floating(DType t, F&& f) {
    if (t == DType::float32) return f(float{});
    if (t == DType::float64) return f(double{});
    throw TypeError(say("expected float32 or float64, got ", name(t)));
}

}  // namespace fg
