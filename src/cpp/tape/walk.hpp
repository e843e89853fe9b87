// Reading an operand of any layout in the logical order of a shape it broadcasts to.
#pragma once

#include <algorithm>
#include <cstring>

#include "core/tensor.hpp"

namespace fg {

// Copies `count` numbers, from logical position `start` on, to contiguous memory. strides: those of `shape`, zero where
// the operand is repeated.
template <class T>
void gather_block(const T* data, const Dims& shape, const Dims& strides, int64_t start, int64_t count, T* to) {
    Dims position = Dims::filled(shape.size(), 0);
    const T* p = data;
    for (int axis = shape.size() - 1; axis >= 0; --axis) {
        position[axis] = start % shape[axis];
        start /= shape[axis];
        p += position[axis] * strides[axis];
    }
    const int last = shape.size() - 1;
    while (count > 0) {
        const int64_t run = std::min(count, shape[last] - position[last]);
        const int64_t step = strides[last];
        if (step == 1) std::memcpy(to, p, size_t(run) * sizeof(T));
        else if (step == 0) std::fill_n(to, run, *p);
        else
            for (int64_t i = 0; i < run; ++i) to[i] = p[i * step];
        to += run;
        count -= run;
        if (count == 0) return;
        p -= position[last] * step;
        position[last] = 0;
        for (int axis = last - 1; axis >= 0; --axis) {
            p += strides[axis];
            if (++position[axis] < shape[axis]) break;
            p -= position[axis] * strides[axis];
            position[axis] = 0;
        }
    }
}

}  // namespace fg
