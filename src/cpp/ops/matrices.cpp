// Parts of matrices, as operations, and how a matrix is refused.
#include "ops/matrices.hpp"

#include <cmath>

#include "ops/along_axis.hpp"

namespace fg {
namespace {

bool is_finite(const View& matrices, int64_t position) {
    Tensor held;
    const char* numbers = packed(matrices, held);
    const int64_t size = matrices.shape.at_end(1) * matrices.shape.at_end(2);
    return visit_floating(matrices.dtype, [&](auto zero) {
        const auto* x = reinterpret_cast<const decltype(zero)*>(numbers) + position * size;
        for (int64_t i = 0; i < size; ++i)
            if (!std::isfinite(x[i])) return false;
        return true;
    });
}

// Where `keeps(row, column)`, the numbers of x; elsewhere 0.
template <class Keeps> Tensor masked(const Tensor& x, Keeps keeps) {
    const int64_t rows = x.shape().at_end(2), columns = x.shape().at_end(1);
    const Tensor mask = Tensor::empty(DType::boolean, {rows, columns});
    auto* m = mask.view().as<uint8_t>();
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) *m++ = keeps(i, j);
    return select(mask, x, Tensor(0.0));
}

Tensor with_ones(const Tensor& x, int before_last, int at_end) {
    Dims shape = x.shape();
    for (int i = 0; i < before_last; ++i) shape.insert(shape.size() - 1, 1);
    for (int i = 0; i < at_end; ++i) shape.push_back(1);
    return reshape(x, shape);
}

}  // namespace

void refuse_matrix(const char* op, const char* lacks, const View& matrices, int64_t position) {
    const bool one = matrices.shape.size() == 2;
    const std::string which = one ? "the matrix of shape " : say("matrix ", position, " of the batch of shape ");
    throw MatrixError(say(op, ": ", which, matrices.shape, " ",
                          is_finite(matrices, position) ? lacks : "holds numbers that are not finite"));
}

void check_matrix(const char* op, const Dims& shape) {
    if (shape.size() < 2) throw ValueError(say(op, ": expected a matrix (..., m, n), got shape ", shape));
}
void check_square(const char* op, const Dims& shape) {
    if (shape.size() < 2 || shape.at_end(1) != shape.at_end(2))
        throw ValueError(say(op, ": expected a square matrix (..., n, n), got shape ", shape));
}

Tensor turned(const Tensor& x) {
    Dims axes;
    for (int i = 0; i < x.ndim(); ++i) axes.push_back(i);
    std::swap(axes.at_end(1), axes.at_end(2));
    return transpose(x, axes);
}

Tensor part(const Tensor& x, int axis_from_end, int64_t start, int64_t length) {
    Dims starts = Dims::filled(x.ndim(), 0), lengths = x.shape();
    starts.at_end(axis_from_end) = start;
    lengths.at_end(axis_from_end) = length;
    return slice(x, starts, Dims::filled(x.ndim(), 1), lengths);
}

Tensor lower_part(const Tensor& x, int64_t diagonal) {
    return masked(x, [=](int64_t i, int64_t j) { return j - i <= diagonal; });
}
Tensor upper_part(const Tensor& x, int64_t diagonal) {
    return masked(x, [=](int64_t i, int64_t j) { return j - i >= diagonal; });
}
Tensor on_diagonal(const Tensor& x) {
    Dims shape = x.shape();
    shape.push_back(x.shape().at_end(1));
    return masked(broadcast_to(as_column(x), shape), [](int64_t i, int64_t j) { return i == j; });
}
Tensor symmetrised(const Tensor& x) { return Tensor(0.5) * (x + turned(x)); }

Tensor as_row(const Tensor& x) { return with_ones(x, 1, 0); }
Tensor as_column(const Tensor& x) { return with_ones(x, 0, 1); }
Tensor as_single(const Tensor& x) { return with_ones(x, 0, 2); }

}  // namespace fg
