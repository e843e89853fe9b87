// One line per family.
#include "ops/register.hpp"

#include "ops/assign.hpp"
#include "ops/contract.hpp"
#include "ops/convolve.hpp"
#include "ops/elementwise.hpp"
#include "ops/fft.hpp"
#include "ops/index.hpp"
#include "ops/linalg.hpp"
#include "ops/order.hpp"
#include "ops/random.hpp"
#include "ops/reduce.hpp"
#include "ops/ruled.hpp"
#include "ops/scan.hpp"
#include "ops/shape.hpp"
#include "ops/sorting.hpp"
#include "ops/special.hpp"
#include "ops/truth.hpp"

namespace fg {

void register_all_ops() {
    register_elementwise_ops();
    register_reduce_ops();
    register_truth_ops();
    register_contract_ops();
    register_shape_ops();
    register_index_ops();
    register_assign_ops();
    register_scan_ops();
    register_order_ops();
    register_sorting_ops();
    register_random_ops();
    register_ruled_ops();
    register_linalg_ops();
    register_spectral_ops();
    register_fft_ops();
    register_special_ops();
    register_convolve_ops();
}

}  // namespace fg
