// How ops that go along one axis, or pick by position, read their operands.
#pragma once

#include "core/tensor.hpp"

namespace fg {

// A contiguous value as (outer, n, inner), by the axis (from the end) that has n numbers.
struct AlongAxis {
    int64_t outer = 1, n = 1, inner = 1;

    AlongAxis(const Dims& shape, int64_t axis_from_end) {
        const int axis = shape.size() + int(axis_from_end);
        for (int i = 0; i < shape.size(); ++i) (i < axis ? outer : i == axis ? n : inner) *= shape[i];
    }
};

// Contiguous numbers of an operand; `held` keeps a copy alive where one was needed.
inline const char* packed(const View& v, Tensor& held) {
    if (v.contiguous()) return v.as<char>();
    held = Tensor::empty(v.dtype, v.shape);
    copy(v, held.view());
    return held.view().as<char>();
}

}  // namespace fg
