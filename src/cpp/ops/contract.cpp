// Matrix products.
#include "ops/contract.hpp"

#include "core/pool.hpp"
#include "core/scratch.hpp"
#include "kernels/table.hpp"
#include "ops/batching.hpp"
#include "ops/elementwise.hpp"
#include "ops/shape.hpp"
#include "tape/node.hpp"
#include "tape/registry.hpp"

namespace fg {
namespace {

Dims without_last_two(const Dims& d) {
    Dims out = d;
    out.erase(out.size() - 1);
    out.erase(out.size() - 1);
    return out;
}

// a (..., m, k) @ b (..., k, n) -> (..., m, n)
Meta infer_matmul(const Op&, const Attrs&, Views in) {
    const Dims &a = in[0]->shape, &b = in[1]->shape;
    if (a.at_end(1) != b.at_end(2))
        throw ValueError(say("matmul: shapes ", a, " and ", b, " do not fit: the left operand has ", a.at_end(1),
                             " columns, the right one ", b.at_end(2), " rows"));
    Dims batch;
    if (!broadcast(without_last_two(a), without_last_two(b), batch))
        throw ValueError(say("matmul: the leading axes of shapes ", a, " and ", b, " do not broadcast"));
    batch.push_back(a.at_end(2));
    batch.push_back(b.at_end(1));
    return {in[0]->dtype, false, batch};
}

// Multiply-adds worth a chunk: some 25 us of an AVX2 core in float32. From two chunks on a second core wins where it
// still spins (best of many runs): 128 x 128 x 128 went from 53 to 33 us, 256 x 256 x 256 from 371 to 218, 1024 x 1024
// x 1024 from 25.1 to 13.7 ms.
constexpr int64_t chunk_work = 1 << 20;
constexpr int64_t plenty_of_chunks = 16;

// How the products of a batch go to threads: in blocks of C, or several together where they are small. Blocks begin
// large, since each packs what it reads for itself (1024 x 1024 x 1024 in blocks of 256 x 256 costs one core some 10 %
// more than at one go), and are halved until there are plenty. The kernel's promise makes every cut give the same bits
// but one: a single column is summed in another order, so none is ever cut off.
struct Blocks {
    int64_t rows, columns;         // of a block
    int64_t down = 1, across = 1;  // blocks of a product
    int64_t together;              // blocks in a chunk

    Blocks(const kernels::GemmSize& s, int64_t products) : rows(s.m), columns(s.n), together(products) {
        const int64_t work = s.m * s.n * s.k;
        if (threads_now() == 1 || products * work < 2 * chunk_work) return;
        rows = std::min<int64_t>(s.m, 256);
        columns = std::min<int64_t>(s.n, 512);
        count(s);
        while (products * down * across < plenty_of_chunks && rows * columns * s.k >= 2 * chunk_work) {
            if (columns >= 128 && (columns >= rows || rows < 32)) columns = (columns / 2 + 63) / 64 * 64;
            else if (rows >= 32) rows = (rows / 2 + 15) / 16 * 16;
            else break;
            count(s);
        }
        together = std::max<int64_t>(down * across == 1 ? chunk_work / work : 1, 1);
    }

private:
    void count(const kernels::GemmSize& s) {
        down = (s.m + rows - 1) / rows;
        across = std::max<int64_t>((s.n - 1 + columns - 1) / columns, 1);  // the last may have one column more
    }
};

int64_t run_matmul(const Op&, const Attrs&, Views in, const View& out) {
    if (out.size() == 0) return -1;
    const View &a = *in[0], &b = *in[1];
    const kernels::GemmSize size{out.shape.at_end(2), out.shape.at_end(1), a.shape.at_end(1)};
    const Dims batch = without_last_two(out.shape);
    const Dims a_strides = broadcast_strides(without_last_two(a.shape), without_last_two(a.strides), batch);
    const Dims b_strides = broadcast_strides(without_last_two(b.shape), without_last_two(b.strides), batch);
    const int64_t products = element_count(batch);
    visit_floating(out.dtype, [&](auto zero) {
        using T = decltype(zero);
        const auto& kernel = kernels::numbers<T>(kernels::table());
        // Rows from i on and columns from j on, as many as the plan says, of one product.
        const auto multiply = [&](const kernels::GemmPlan<T>& plan, int64_t product, int64_t i, int64_t j) {
            int64_t rest = product, a_offset = i * plan.a_row, b_offset = j * plan.b_col;
            for (int axis = batch.size() - 1; axis >= 0; --axis) {
                const int64_t position = rest % batch[axis];
                rest /= batch[axis];
                a_offset += position * a_strides[axis];
                b_offset += position * b_strides[axis];
            }
            plan.run(a.as<T>() + a_offset, b.as<T>() + b_offset,
                     out.as<T>() + product * size.m * size.n + i * size.n + j, scratch(kernel.gemm_scratch(plan.size)));
        };
        const auto plan_for = [&](int64_t m, int64_t n) {
            return kernel.gemm_plan({m, n, size.k}, a.strides.at_end(2), a.strides.at_end(1), b.strides.at_end(2),
                                    b.strides.at_end(1), size.n);
        };
        const Blocks cut(size, products);
        const int64_t blocks = cut.down * cut.across, all = products * blocks;
        parallel_for((all + cut.together - 1) / cut.together, [&](int64_t chunk) {
            const int64_t first = chunk * cut.together, end = std::min(first + cut.together, all);
            kernels::GemmPlan<T> plan = plan_for(cut.rows, cut.columns);
            for (int64_t block = first; block < end; ++block) {
                const int64_t down = block % blocks / cut.across, across = block % cut.across;
                const int64_t i = down * cut.rows, j = across * cut.columns;
                const int64_t m = down == cut.down - 1 ? size.m - i : cut.rows;
                const int64_t n = across == cut.across - 1 ? size.n - j : cut.columns;
                if (m != plan.size.m || n != plan.size.n) plan = plan_for(m, n);
                multiply(plan, block / blocks, i, j);
            }
        });
    });
    return -1;
}

// One product of matrices, by rows of the output.
template <class T> class PreparedMatmul final : public Prepared {
public:
    PreparedMatmul(const View& a, const View& b, const View& out)
        : kernels_(kernels::numbers<T>(kernels::table())),
          plan_(kernels_.gemm_plan({out.shape[0], out.shape[1], a.shape[1]}, a.strides[0], a.strides[1], b.strides[0],
                                   b.strides[1], out.shape[1])) {
        const kernels::GemmSize& size = plan_.size;
        aligned = true;
        rows = size.m;
        row_size = size.n;
        row_work = double(size.n) * double(size.k);
        row_ns = row_work * double(sizeof(T)) / 4 * kernels::table().product_ns;
        // Each go reads all of B: one that does not stay near is read seldom.
        grain = size.k * size.n * int64_t(sizeof(T)) > (1 << 20) ? 512 : 96;
    }
    int64_t shared_bytes() const override { return kernels_.gemm_packed_bytes(plan_.size, plan_.b_row, plan_.b_col); }
    void share(const void* const* in, int64_t part, int64_t parts, void* shared) const override {
        kernels_.gemm_pack(plan_.size, static_cast<const T*>(in[1]), plan_.b_row, plan_.b_col, part, parts, shared);
    }
    int64_t run(const void* const* in, void* out, int64_t first, int64_t count, void* work,
                const void* shared) const override {
        if (shared || count != rows) run_part(in, out, first, count, work, shared);
        else plan_.kernel(&plan_, in, out, work);
        return -1;
    }
    Whole whole() const override { return {plan_.kernel, &plan_}; }
    int64_t work_bytes(int64_t count) const override {
        return kernels_.gemm_scratch({count, plan_.size.n, plan_.size.k});
    }

private:
    void run_part(const void* const* in, void* out, int64_t first, int64_t count, void* work,
                  const void* shared) const {
        const kernels::GemmPlan<T>& p = plan_;
        const T *const all = static_cast<const T*>(in[0]), *const a = all + first * p.a_row;
        const T* const b = static_cast<const T*>(in[1]);
        T* const c = static_cast<T*>(out);
        const kernels::GemmSize part{count, p.size.n, p.size.k};
        if (shared) kernels_.gemm_packed(part, a, p.a_row, p.a_col, shared, c, p.ldc, work);
        else if (p.size.n == 1 && p.a_col == 1 && p.b_row == 1)
            kernels_.column_part(rows, p.size.k, first, count, all, p.a_row, b, c);
        else kernels_.gemm(part, a, p.a_row, p.a_col, b, p.b_row, p.b_col, c, p.ldc, work);
    }

    const kernels::NumberKernels<T>& kernels_;
    kernels::GemmPlan<T> plan_;  // of all rows
};

std::unique_ptr<Prepared> prepare_matmul(const Op&, const Attrs&, Views in, const View& out) {
    if (out.shape.size() != 2 || out.size() == 0) return nullptr;
    return visit_floating(out.dtype, [&](auto zero) -> std::unique_ptr<Prepared> {
        return std::make_unique<PreparedMatmul<decltype(zero)>>(*in[0], *in[1], out);
    });
}

// a (m, k) @ b (k, 1) by rows of b, with contiguous columns of a: the gradient of a linear model's weights.
template <class T> class AccumulatedColumn final : public Accumulated {
public:
    AccumulatedColumn(const View& a, const View& b)
        : m_(a.shape[0]), a_column_(a.strides[1]), kernels_(kernels::numbers<T>(kernels::table())) {
        rows = b.shape[0];
        row_bytes = m_ * int64_t(sizeof(T));
        grain = 16;
        block = kernels::column_block;
        row_work = double(m_);
        row_ns = row_work * double(sizeof(T)) / 4 * 0.05;
    }
    void add(const void* const* in, int64_t first, int64_t count, void* state) const override {
        kernels_.column_add(m_, rows, first, count, static_cast<const T*>(in[0]), a_column_,
                            static_cast<const T*>(in[1]), state);
    }
    void finish(const void* state, void* out) const override {
        kernels_.column_join(m_, rows, state, static_cast<T*>(out), 1);
    }
    int64_t state_bytes() const override { return kernels_.column_sums_bytes(m_, rows); }

private:
    int64_t m_, a_column_;
    const kernels::NumberKernels<T>& kernels_;
};

std::unique_ptr<Accumulated> accumulate_matmul(const Op&, const Attrs&, Views in, const View& out) {
    const View &a = *in[0], &b = *in[1];
    if (out.shape.size() != 2 || out.shape[1] != 1 || out.size() == 0 || b.size() == 0) return nullptr;
    if (a.strides[0] != 1 || b.strides[0] != 1) return nullptr;
    return visit_floating(out.dtype, [&](auto zero) -> std::unique_ptr<Accumulated> {
        return std::make_unique<AccumulatedColumn<decltype(zero)>>(a, b);
    });
}

// The last two axes exchanged.
Tensor flipped(const Tensor& x) {
    Dims axes;
    for (int i = 0; i + 2 < x.ndim(); ++i) axes.push_back(i);
    axes.push_back(x.ndim() - 1);
    axes.push_back(x.ndim() - 2);
    return transpose(x, axes);
}

Tensor vjp_matmul(const Pullback& p, int arg) {
    const Tensor g = arg == 0 ? matmul(p.grad(), flipped(p.in(1))) : matmul(flipped(p.in(0)), p.grad());
    return sum_to(g, p.meta(arg).shape);
}

// Fewer columns than this are cheaper moved than multiplied a few at a time.
constexpr int64_t few_columns = 16;

Tensor without_last(const Tensor& x) {
    Dims shape = x.shape();
    shape.erase(shape.size() - 1);
    return reshape(x, shape);
}

// Batches of small products. A column times a number for each example is elementwise (128 times 32 in float32: 1
// instead of 10 us); products begin with zero, so theirs is never negative.
Tensor multiplied(const Op& op, const Tensor& x, const Tensor& y) {
    if (x.shape().at_end(1) == 1 && y.shape().at_end(1) == 1) {
        const Tensor column = without_last(x) * without_last(y) + Tensor(0.0);
        Dims shape = column.shape();
        shape.push_back(1);
        return reshape(column, shape);
    }
    if (x.shape().at_end(1) == 1 && x.shape().at_end(2) == 1) return x * y + Tensor(0.0);
    return apply(op, {x, y});
}

// One operand for all examples makes one product for all of them, their rows (or columns) beside one another.
Tensor batch_matmul(const Batching& b) {
    const int ndim = std::max(b.ndim(0), b.ndim(1));
    if (!b.batched(1)) return matmul(with_ndim(b.in(0), ndim), b.in(1));
    if (b.batched(0)) return multiplied(b.op(), with_ndim(b.in(0), ndim), with_ndim(b.in(1), ndim));
    if (ndim == 2 && b.out_shape().at_end(1) < few_columns) return flipped(matmul(flipped(b.in(1)), flipped(b.in(0))));
    return apply(b.op(), {b.in(0), with_ndim(b.in(1), ndim)});
}

constexpr int matmul_uses[] = {kernels::in1, kernels::in0};

const Op matmul_op = [] {
    Op op{};
    op.name = "matmul";
    op.doc = "Matrix product.";
    op.arity = 2;
    op.infer = infer_matmul;
    op.run = run_matmul;
    op.prepare = prepare_matmul;
    op.accumulate = accumulate_matmul;
    op.uses = matmul_uses;
    op.vjp = vjp_matmul;
    op.batch = batch_matmul;
    return op;
}();

Dims with_inserted(const Dims& shape, int place) {
    Dims out = shape;
    out.insert(place, 1);
    return out;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
    if (a.ndim() == 0 || b.ndim() == 0)
        throw ValueError(say("matmul: expected at least one dimension each, got shapes ", a.shape(), " and ", b.shape(),
                             "; multiply scalars with *"));
    const DType dtype = to_floating(promote(a.dtype(), a.weak(), b.dtype(), b.weak()));
    const bool row = a.ndim() == 1, column = b.ndim() == 1;
    const Tensor x = astype(row ? reshape(a, with_inserted(a.shape(), 0)) : a, dtype);
    const Tensor y = astype(column ? reshape(b, with_inserted(b.shape(), 1)) : b, dtype);
    Tensor out;
    if (x.ndim() > 2 && y.ndim() == 2) {
        // One product instead of many: rows of all batches under one another.
        Dims shape = x.shape();
        const int64_t rows = element_count(without_last_two(shape)) * shape.at_end(2);
        const Tensor product = apply(matmul_op, {reshape(x, {rows, shape.at_end(1)}), y});
        shape.at_end(1) = y.shape()[1];
        out = reshape(product, shape);
    } else {
        out = apply(matmul_op, {x, y});
    }
    if (!row && !column) return out;
    Dims shape = out.shape();
    if (column) shape.erase(shape.size() - 1);
    if (row) shape.erase(shape.size() - (column ? 1 : 2));
    return reshape(out, shape);
}

void register_contract_ops() { register_op(matmul_op); }

}  // namespace fg
