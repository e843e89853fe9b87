// The table of kernels: what every ISA level offers, as plain function pointers. The only way into kernels/.
//
// A kernel takes raw pointers and sizes, allocates nothing, throws nothing, and returns a status where
// something can go wrong with the numbers: -1 is fine, anything else is the offending position.
#pragma once

#include <cstdint>

#include "kernels/elementwise/chain.hpp"

namespace fg::kernels {

using std::int64_t;
using std::uint32_t;
using std::uint64_t;

// Numbers in a block of sums: over k of a product with one column, see gemm/column.hpp; of a sum, see reduce.hpp. They
// change bits.
constexpr int64_t column_block = 4096, sum_block = 1024;

// Stand-ins for T in scratch sizes: how many bytes a kernel wants, 64-byte aligned, before it is called.
struct GemmSize {
    int64_t m, n, k;
};

struct AdamStep {
    double lr, beta1, beta2, eps, weight_decay;
    double bias_correction1, bias_correction2;  // 1 - beta^t
    bool decoupled;                             // AdamW: decay the parameter, not the gradient
    bool maximize;
};

struct SgdStep {
    double lr, momentum, dampening, weight_decay;
    bool nesterov, first, maximize;  // first: the momentum buffer holds nothing yet
};

struct RmspropStep {
    double lr, alpha, eps, weight_decay, momentum;
    bool centered, maximize;
};

struct AdagradStep {
    double rate, eps, weight_decay;  // rate: lr / (1 + (t - 1) lr_decay)
    bool maximize;
};

struct AdadeltaStep {
    double lr, rho, eps, weight_decay;
    bool maximize;
};

struct NadamStep {
    double lr, beta1, beta2, eps, weight_decay;
    double gradient_share, average_share;  // of the momentum schedule, over its bias corrections
    double bias_correction2;               // 1 - beta2^t
    bool decoupled, maximize;
};

struct LionStep {
    double lr, beta1, beta2, weight_decay;
    bool maximize;
};

// A count cut into parts, all of one size or one more; the bigger ones come first.
struct Cut {
    int64_t parts, size, bigger;
};

// A block of A: element (r, k) at p[r * row + k * step].
template <class T> struct Rows {
    const T* p;
    int64_t row, step;
};

// A panel of B: row k is some vectors at p[k * step], the last of them `last` lanes wide.
template <class T> struct Panel {
    const T* p;
    int64_t step;
    int last;
};

// c = or += a @ b for as many rows and vectors as the tile has.
template <class T> using Tile = void (*)(int64_t k, const Rows<T>& a, const Panel<T>& b, T* c, int64_t ldc, bool add);

// How a panel of so many columns is made: the rows, and the tile of the bigger parts of them and of the others.
template <class T> struct PanelPlan {
    Tile<T> bigger, other;
    Cut rows;
    int width, last;
};
// How a block of a product is made, panel by panel: those that are wider, the others, and the last.
template <class T> struct BlockPlan {
    int64_t panels, wider;
    PanelPlan<T> kinds[3];
};

// All of what a plan is for: out from in, with some memory to work in.
using PlannedKernel = void (*)(const void* plan, const void* const* in, void* out, void* work);

// How products of one size and layout are made, found once for many of them.
template <class T> struct GemmPlan {
    GemmSize size;
    int64_t a_row, a_col, b_row, b_col, ldc;
    PlannedKernel kernel;
    BlockPlan<T> block;  // of a product that is one

    void run(const T* a, const T* b, T* c, void* scratch) const {
        const void* const in[] = {a, b};
        kernel(this, in, c, scratch);
    }
};

// Kernels that exist for float and double.
template <class T> struct NumberKernels {
    // c (m, n; rows ldc apart) = a (m, k) @ b (k, n); any strides on a and b, so transposes are free.
    // Bits depend on k and n only: per output one fused multiply-add chain over each block of k, blocks added in order.
    void (*gemm)(GemmSize size, const T* a, int64_t a_row, int64_t a_col, const T* b, int64_t b_row, int64_t b_col,
                 T* c, int64_t ldc, void* scratch);
    int64_t (*gemm_scratch)(GemmSize size);  // bytes
    // The same in two steps.
    GemmPlan<T> (*gemm_plan)(GemmSize size, int64_t a_row, int64_t a_col, int64_t b_row, int64_t b_col, int64_t ldc);
    // The same for some rows at a time of a product that has size.m in all: b is packed once for them, where that pays
    // (else 0 bytes). Then size.m is the number of rows at hand, and scratch that of gemm.
    int64_t (*gemm_packed_bytes)(GemmSize size, int64_t b_row, int64_t b_col);
    void (*gemm_pack)(GemmSize size, const T* b, int64_t b_row, int64_t b_col, int64_t part, int64_t parts,
                      void* packed);  // one of so many parts of it
    void (*gemm_packed)(GemmSize size, const T* a, int64_t a_row, int64_t a_col, const void* packed, T* c, int64_t ldc,
                        void* scratch);
    // c (m, 1) = a @ b with contiguous columns of a, for rows of b as they come: into `sums`, column_sums_bytes(m, k)
    // of memory, `count` of k from `first` on, a multiple of 16 like all counts but the last. Those of different blocks
    // of column_block may be added at the same time, those of one block come in order. The bits of gemm. While some are
    // added, as much of a that follows is fetched.
    int64_t (*column_sums_bytes)(int64_t m, int64_t k);
    void (*column_add)(int64_t m, int64_t k, int64_t first, int64_t count, const T* a, int64_t a_col, const T* b,
                       void* sums);
    void (*column_join)(int64_t m, int64_t k, const void* sums, T* c, int64_t ldc);
    // Some rows of c (all, 1) = a @ b with contiguous rows of a and b, with the bits of gemm; c is where the first of
    // them goes. Where they are a small part of a large a, some of the rows behind them are fetched: those that
    // column_add leaves when it adds as many of the same a.
    void (*column_part)(int64_t all, int64_t k, int64_t first, int64_t count, const T* a, int64_t a_row, const T* b,
                        T* c);

    // x is (outer, n, inner), its rows `row` >= inner numbers apart and otherwise contiguous; out is contiguous (outer,
    // inner). Fixed tree over n: one where row is 1, another for columns of longer rows.
    void (*sum)(int64_t outer, int64_t n, int64_t inner, int64_t row, const T* x, T* out);
    // The sum of one row of n numbers as these come, some at a time, into sum_lanes_bytes(n) of memory: `count` from
    // `first` on, a multiple of 64 like all counts but the last. Those of different blocks of sum_block may be added at
    // the same time, those of one block come in order.
    int64_t (*sum_lanes_bytes)(int64_t n);
    void (*sum_add)(int64_t first, int64_t count, const T* x, void* lanes);
    T (*sum_join)(int64_t n, const void* lanes);
    void (*max)(int64_t outer, int64_t n, int64_t inner, int64_t row, const T* x, T* out);  // n >= 1; a NaN wins
    void (*logsumexp)(int64_t outer, int64_t n, int64_t inner, int64_t row, const T* x, T* out);

    // Flat optimizer updates over n contiguous numbers. Return -1, or the first position whose new value is not finite.
    int64_t (*sgd)(int64_t n, T* param, const T* grad, T* momentum_buffer, const SgdStep& step);
    int64_t (*adam)(int64_t n, T* param, const T* grad, T* exp_avg, T* exp_avg_sq, const AdamStep& step);
    // momentum_buffer and grad_avg are read only where momentum is not 0 and where it is centered.
    int64_t (*rmsprop)(int64_t n, T* param, const T* grad, T* square_avg, T* momentum_buffer, T* grad_avg,
                       const RmspropStep& step);
    int64_t (*adagrad)(int64_t n, T* param, const T* grad, T* sum, const AdagradStep& step);
    int64_t (*adadelta)(int64_t n, T* param, const T* grad, T* square_avg, T* acc_delta, const AdadeltaStep& step);
    int64_t (*nadam)(int64_t n, T* param, const T* grad, T* exp_avg, T* exp_avg_sq, const NadamStep& step);
    int64_t (*lion)(int64_t n, T* param, const T* grad, T* exp_avg, const LionStep& step);
};

// One elementwise op at one dtype: n numbers, in[i] with step 0 (one value for all) or 1.
// backward[i]: out = grad * (partial derivative with respect to argument i); its inputs are
// grad, then whatever the op saves (inputs, output), in the order of ElementwiseInfo.
using ElementwiseKernel = void (*)(int64_t n, const void* const* in, const int64_t* step, void* out);

struct ElementwiseKernels {
    // Indexed by dtype code (see core/dtype.hpp): bool, int64, float32, float64; null where the op is not defined.
    ElementwiseKernel forward[4];
    ElementwiseKernel backward[max_elementwise_arity][4];
};

// The alternating Feistel network of core/random.hpp (Permutation), over the numbers below 2^bits, and those below n.
struct Feistel {
    static constexpr int rounds = 8;

    int64_t n;
    int low_bits;
    uint32_t low_mask, high_mask;
    uint32_t keys[rounds];
};

struct KernelTable {
    const char* isa;    // "baseline", "avx2", "avx512", "neon"
    bool fused;         // fused multiply-add: bits equal those of every other fused level
    double product_ns;  // about what a multiply-add takes in a large product of floats
    ElementwiseKernels elementwise[elementwise_count];
    ElementwiseKernel chains[chain_count][2];    // of float, of double
    ElementwiseKernel row_ops[row_op_count][2];  // the same
    NumberKernels<float> f32;
    NumberKernels<double> f64;
    // out[i]: whether word i of Philox4x32-10 is at most `last`, counted from the blocks `first` of a key (2) and a
    // step.
    void (*bernoulli)(uint64_t first, int64_t n, uint64_t step, const uint32_t* key, uint32_t last, bool* out);
    // Where the network takes first, first + 1, ..., gone on with until it lands below n.
    void (*permute)(const Feistel& network, int64_t first, int64_t count, int64_t* out);
};

template <class T> const NumberKernels<T>& numbers(const KernelTable& t);
template <> inline const NumberKernels<float>& numbers<float>(const KernelTable& t) { return t.f32; }
template <> inline const NumberKernels<double>& numbers<double>(const KernelTable& t) { return t.f64; }

// The table in use: the best level this CPU has, or the one FASTGRAD_ISA names. Chosen once.
const KernelTable& table();

// The table of a level by name; null when this build or this CPU does not have it.
const KernelTable* find_table(const char* isa);

// Names of the levels this build and this CPU have, best first, null-terminated.
const char* const* available_levels();

}  // namespace fg::kernels
