// The walk over memory for elementwise kernels.
#include "ops/elementwise_run.hpp"

#include "tape/walk.hpp"

namespace fg {
namespace {

constexpr int max_operands = kernels::max_elementwise_arity + 2;  // backward: gradient, arguments, output
constexpr int64_t block = 1024;                                   // numbers; five double operands fit L1

// Axes of the loop, outermost first, with one row of strides per operand. Axes that every operand walks alike are
// joined.
struct Loop {
    Dims shape;
    Dims strides[max_operands];
    int operands = 0;

    Loop(Views in, const View& out) : operands(in.size()) {
        Dims full[max_operands];
        for (int k = 0; k < operands; ++k) full[k] = broadcast_strides(in[k]->shape, in[k]->strides, out.shape);
        for (int axis = 0; axis < out.shape.size(); ++axis) {
            if (out.shape[axis] == 1) continue;
            if (joins(full, axis, out.shape[axis])) {
                shape.at_end(1) *= out.shape[axis];
                for (int k = 0; k < operands; ++k) strides[k].at_end(1) = full[k][axis];
            } else {
                shape.push_back(out.shape[axis]);
                for (int k = 0; k < operands; ++k) strides[k].push_back(full[k][axis]);
            }
        }
        if (!shape.empty()) return;
        shape.push_back(1);
        for (int k = 0; k < operands; ++k) strides[k].push_back(0);
    }

private:
    bool joins(const Dims* full, int axis, int64_t size) const {
        if (shape.empty()) return false;
        for (int k = 0; k < operands; ++k)
            if (strides[k].at_end(1) != full[k][axis] * size) return false;
        return true;
    }
};

// Whether reading whole rows of the last axis again and again gives the operand: a bias added to every row.
bool repeats_rows(const Dims& strides) {
    for (int axis = 0; axis + 1 < strides.size(); ++axis)
        if (strides[axis] != 0) return false;
    return true;
}

}  // namespace

void run_elementwise(kernels::ElementwiseKernel kernel, Views in, const View& out) {
    const int64_t n = out.size();
    if (n == 0) return;
    const void* data[max_operands];
    int64_t step[max_operands];
    const Loop loop(in, out);
    const int operands = loop.operands;
    if (loop.shape.size() == 1) {
        bool plain = true;
        for (int k = 0; k < operands; ++k) {
            data[k] = in[k]->data;
            step[k] = loop.strides[k][0];
            plain &= step[k] == 0 || step[k] == 1;
        }
        if (plain) return kernel(n, data, step, out.data);
    }

    alignas(storage_alignment) char blocks[max_operands][block * sizeof(double)];
    const int64_t row = loop.shape.at_end(1);
    const int64_t length = row < block ? block / row * row : block;  // whole rows where they fit
    bool ready[max_operands] = {};
    for (int64_t start = 0; start < n; start += length) {
        const int64_t count = std::min(length, n - start);
        for (int k = 0; k < operands; ++k) {
            const bool same = repeats_rows(loop.strides[k]);
            if (same && loop.strides[k].at_end(1) == 0) {
                data[k] = in[k]->data;
                step[k] = 0;
                continue;
            }
            step[k] = 1;
            if (is_contiguous(loop.shape, loop.strides[k])) {
                data[k] = in[k]->as<char>() + start * itemsize(in[k]->dtype);
                continue;
            }
            data[k] = blocks[k];
            if (ready[k]) continue;
            visit(in[k]->dtype, [&](auto zero) {
                using T = decltype(zero);
                gather_block(in[k]->as<T>(), loop.shape, loop.strides[k], start, count,
                             reinterpret_cast<T*>(blocks[k]));
            });
            ready[k] = same && row < block;
        }
        kernel(count, data, step, out.as<char>() + start * itemsize(out.dtype));
    }
}

}  // namespace fg
