// Copying numbers from any layout and type to any other.
#include <algorithm>
#include <cstring>

#include "core/tensor.hpp"

namespace fg {
namespace {

// NumPy's conversions: a float is cut towards zero, anything but zero is true.
template <class To, class From, bool to_bool> struct Convert {
    static To apply(From x) {
        if constexpr (to_bool) return To(x != From(0));
        else return static_cast<To>(x);
    }
};

// Not inlined into itself, axis by axis for every pair of types: that took 100 kB of the wheel.
template <class To, class From, bool to_bool>
__attribute__((noinline)) void copy_axis(const From* from, To* to, const Dims& shape, const Dims& in, const Dims& out,
                                         int axis) {
    const int64_t n = shape[axis], si = in[axis], so = out[axis];
    if (axis + 1 == shape.size()) {
        if constexpr (std::is_same_v<To, From> && !to_bool) {
            if (si == 1 && so == 1) {
                std::memcpy(to, from, size_t(n) * sizeof(To));
                return;
            }
        }
        for (int64_t i = 0; i < n; ++i) to[i * so] = Convert<To, From, to_bool>::apply(from[i * si]);
        return;
    }
    if constexpr (std::is_same_v<To, From> && !to_bool) {
        // Each number several times, as repeat has it: a call for every number would take longer than the copies.
        const int64_t copies = shape[axis + 1];
        if (axis + 2 == shape.size() && in[axis + 1] == 0 && out[axis + 1] == 1) {
            for (int64_t i = 0; i < n; ++i) std::fill_n(to + i * so, copies, from[i * si]);
            return;
        }
    }
    for (int64_t i = 0; i < n; ++i) copy_axis<To, From, to_bool>(from + i * si, to + i * so, shape, in, out, axis + 1);
}

// Drops axes of size 1 and joins axes that lie one after the other in both layouts: fewer, longer loops.
void coalesce(Dims& shape, Dims& a, Dims& b) {
    Dims s, x, y;
    for (int i = 0; i < shape.size(); ++i) {
        if (shape[i] == 1) continue;
        const int last = s.size() - 1;
        if (last >= 0 && x[last] == a[i] * shape[i] && y[last] == b[i] * shape[i]) {
            s[last] *= shape[i];
            x[last] = a[i];
            y[last] = b[i];
        } else {
            s.push_back(shape[i]);
            x.push_back(a[i]);
            y.push_back(b[i]);
        }
    }
    if (s.empty()) {
        s.push_back(1);
        x.push_back(1);
        y.push_back(1);
    }
    shape = s;
    a = x;
    b = y;
}

// Numbers along both sides of a tile: what it reads and writes fits L1.
constexpr int64_t tile = 16;

// Two axes, of which each lies one after the other in one of the layouts, tile by tile: either way alone would use one
// number of each cache line. Bits stands for any type of its size.
template <class Bits>
void copy_tiles(const Bits* from, Bits* to, int64_t rows, int64_t columns, int64_t to_row, int64_t from_column) {
    for (int64_t i = 0; i < rows; i += tile)
        for (int64_t j = 0; j < columns; j += tile) {
            const int64_t last_row = std::min(i + tile, rows), last_column = std::min(j + tile, columns);
            for (int64_t r = i; r < last_row; ++r)
                for (int64_t c = j; c < last_column; ++c) to[r * to_row + c] = from[r + c * from_column];
        }
}

// False, and nothing done, where no two axes are exchanged.
bool copy_transposed(const View& from, const View& to, const Dims& shape, const Dims& in, const Dims& out) {
    int rows = -1, columns = -1;
    for (int i = 0; i < shape.size(); ++i) {
        if (in[i] == 1) rows = i;
        if (out[i] == 1) columns = i;
    }
    if (rows < 0 || columns < 0 || rows == columns || in[columns] == 0 || shape[rows] < 4 || shape[columns] < 4)
        return false;
    const int64_t item = itemsize(to.dtype), each = shape[rows] * shape[columns], count = element_count(shape) / each;
    Dims position = Dims::filled(shape.size(), 0);
    int64_t read = 0, written = 0;
    for (int64_t n = 0; n < count; ++n) {
        const auto copy_one = [&](auto bits) {
            using Bits = decltype(bits);
            copy_tiles(from.as<Bits>() + read, to.as<Bits>() + written, shape[rows], shape[columns], out[rows],
                       in[columns]);
        };
        if (item == 8) copy_one(uint64_t());
        else if (item == 4) copy_one(uint32_t());
        else copy_one(uint8_t());
        for (int axis = shape.size() - 1; axis >= 0; --axis) {  // on to the next of the other axes
            if (axis == rows || axis == columns) continue;
            read += in[axis];
            written += out[axis];
            if (++position[axis] < shape[axis]) break;
            read -= in[axis] * shape[axis];
            written -= out[axis] * shape[axis];
            position[axis] = 0;
        }
    }
    return true;
}

}  // namespace

void copy(const View& from, const View& to) {
    const int64_t count = element_count(from.shape);
    if (count == 0) return;
    if (from.dtype == to.dtype && from.contiguous() && to.contiguous()) {
        std::memcpy(to.data, from.data, size_t(count * itemsize(to.dtype)));
        return;
    }
    Dims shape = from.shape, in = from.strides, out = to.strides;
    coalesce(shape, in, out);
    if (from.dtype == to.dtype && copy_transposed(from, to, shape, in, out)) return;
    visit(from.dtype, [&](auto from_zero) {
        visit(to.dtype, [&](auto to_zero) {
            using From = decltype(from_zero);
            using To = decltype(to_zero);
            if (to.dtype == DType::boolean) copy_axis<To, From, true>(from.as<From>(), to.as<To>(), shape, in, out, 0);
            else copy_axis<To, From, false>(from.as<From>(), to.as<To>(), shape, in, out, 0);
        });
    });
}

Tensor contiguous(const Tensor& t) {
    if (t.view().contiguous()) return t;
    Tensor out = Tensor::empty(t.dtype(), t.shape());
    copy(t.view(), out.view());
    out.impl()->view.weak = t.weak();
    return out;
}

}  // namespace fg
