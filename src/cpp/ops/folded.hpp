// How reductions read their operand.
#pragma once

#include "core/tensor.hpp"

namespace fg {

// The input as contiguous (outer, n, inner) with n reduced: as it lies when the reduced axes stand together, else
// from a copy with the reduced axes last. Which of the two depends on the logical shape alone, and so do the bits.
struct Folded {
    int64_t outer = 1, n = 1, inner = 1;
    bool as_it_lies = false;
    Tensor copy_;
    const void* data;

    Folded(const View& in, const Dims& axes, bool copies = true) : data(in.data) {
        const int ndim = in.shape.size();
        Dims kept, reduced;
        for (int i = 0; i < ndim; ++i) (axes.contains(i - ndim) ? reduced : kept).push_back(i);
        bool together = true;
        for (int i = 0; i + 1 < reduced.size(); ++i) together &= reduced[i + 1] == reduced[i] + 1;
        View arranged = in;
        if (together) {
            for (int i = 0; i < ndim; ++i) {
                if (axes.contains(i - ndim)) n *= in.shape[i];
                else (reduced.empty() || i < reduced[0] ? outer : inner) *= in.shape[i];
            }
            as_it_lies = in.contiguous();
            if (as_it_lies) return;
        } else {
            for (int i = 0; i < ndim; ++i) {
                const int from = int(i < kept.size() ? kept[i] : reduced[i - kept.size()]);
                arranged.shape[i] = in.shape[from];
                arranged.strides[i] = in.strides[from];
                (i < kept.size() ? outer : n) *= arranged.shape[i];
            }
        }
        if (!copies) return;
        copy_ = Tensor::empty(in.dtype, arranged.shape);
        copy(arranged, copy_.view());
        data = copy_.view().data;
    }
};

}  // namespace fg
