// Builds one level's table from the shared sources. Included once by each isa/*.cpp, which names the level:
//   #define FG_ISA avx2
#include "kernels/elementwise/loops.hpp"
#include "kernels/gemm.hpp"
#include "kernels/optimizer.hpp"
#include "kernels/random.hpp"
#include "kernels/reduce.hpp"

#define FG_NAME_(level) level##_table
#define FG_NAME(level) FG_NAME_(level)
#define FG_TEXT_(level) #level
#define FG_TEXT(level) FG_TEXT_(level)

namespace fg::kernels {
namespace {

template <class T> constexpr NumberKernels<T> number_kernels() {
    return {gemm<T>,
            gemm_scratch<T>,
            gemm_plan<T>,
            gemm_packed_bytes<T>,
            gemm_pack<T>,
            gemm_packed<T>,
            column_sums_bytes<T>,
            column_add<T>,
            column_join<T>,
            column_part<T>,
            sum<T>,
            sum_lanes_bytes<T>,
            sum_add<T>,
            sum_join<T>,
            max<T>,
            logsumexp<T>,
            sgd<T>,
            adam<T>,
            rmsprop<T>,
            adagrad<T>,
            adadelta<T>,
            nadam<T>,
            lion<T>};
}

constexpr KernelTable build_table() {
    KernelTable t{};
    t.isa = FG_TEXT(FG_ISA);
    t.fused = has_fma;
    t.product_ns = 0.2 / Vec<float>::size;
    fill_elementwise(t.elementwise, ElementwiseOps{});
    fill_chains(t.chains, Chains{});
    fill_row_ops(t.row_ops, RowOps{});
    t.f32 = number_kernels<float>();
    t.f64 = number_kernels<double>();
    t.bernoulli = bernoulli;
    t.permute = permute;
    return t;
}

}  // namespace

extern const KernelTable FG_NAME(FG_ISA);
// Constant-initialised: nothing of this file runs before dispatch has chosen it.
constexpr KernelTable FG_NAME(FG_ISA) = build_table();

}  // namespace fg::kernels
