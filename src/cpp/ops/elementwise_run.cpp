// The walk over memory for elementwise kernels.
#include "ops/elementwise_run.hpp"

#include "tape/walk.hpp"

#include "core/pool.hpp"

namespace fg {
namespace {

constexpr int max_operands = kernels::max_elementwise_arity + 2;  // backward: gradient, arguments, output
constexpr int64_t block = 1024;                                   // numbers; five double operands fit L1
// Numbers worth a chunk. From two on a second core wins where it still spins: exp of 65536 float32 went from 22 to 14
// us, of 65536 float64 from 69 to 36. A sum of two arrays of 65536 gains nothing yet, of twice as many float32 22 to 15
// us.
constexpr int64_t chunk = 32 * block;

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

    // Whether kernels read every operand as it lies.
    bool plain() const {
        bool yes = shape.size() == 1;
        for (int k = 0; yes && k < operands; ++k) yes = strides[k][0] == 0 || strides[k][0] == 1;
        return yes;
    }
    // Numbers gathered at a time: whole rows where they fit.
    int64_t block_length() const {
        const int64_t row = shape.at_end(1);
        return row < block ? block / row * row : block;
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

void run_plain(kernels::ElementwiseKernel kernel, const Loop& loop, Views in, const View& out, int64_t start,
               int64_t end) {
    const void* data[max_operands];
    int64_t step[max_operands];
    for (int k = 0; k < loop.operands; ++k) {
        step[k] = loop.strides[k][0];
        data[k] = in[k]->as<char>() + start * step[k] * itemsize(in[k]->dtype);
    }
    kernel(end - start, data, step, out.as<char>() + start * itemsize(out.dtype));
}

// From the beginning of a block on.
void run_gathered(kernels::ElementwiseKernel kernel, const Loop& loop, Views in, const View& out, int64_t start,
                  int64_t end) {
    const void* data[max_operands];
    int64_t step[max_operands];
    alignas(storage_alignment) char blocks[max_operands][block * sizeof(double)];
    const int64_t row = loop.shape.at_end(1), length = loop.block_length();
    bool ready[max_operands] = {};
    for (; start < end; start += length) {
        const int64_t count = std::min(length, end - start);
        for (int k = 0; k < loop.operands; ++k) {
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

}  // namespace

void run_elementwise(kernels::ElementwiseKernel kernel, Views in, const View& out) {
    const int64_t n = out.size();
    if (n == 0) return;
    const Loop loop(in, out);
    const auto run = [&](int64_t start, int64_t end) {
        if (loop.plain()) run_plain(kernel, loop, in, out, start, end);
        else run_gathered(kernel, loop, in, out, start, end);
    };
    if (n < 2 * chunk) return run(0, n);
    const int64_t step = chunk / loop.block_length() * loop.block_length();
    parallel_for((n + step - 1) / step, [&](int64_t i) { run(i * step, std::min(n, (i + 1) * step)); });
}

}  // namespace fg
