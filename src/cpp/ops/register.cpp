// One line per family.
#include "ops/register.hpp"

#include "ops/contract.hpp"
#include "ops/elementwise.hpp"
#include "ops/index.hpp"
#include "ops/order.hpp"
#include "ops/random.hpp"
#include "ops/reduce.hpp"
#include "ops/ruled.hpp"
#include "ops/scan.hpp"
#include "ops/shape.hpp"

namespace fg {

void register_all_ops() {
    register_elementwise_ops();
    register_reduce_ops();
    register_contract_ops();
    register_shape_ops();
    register_index_ops();
    register_scan_ops();
    register_order_ops();
    register_random_ops();
    register_ruled_ops();
}

}  // namespace fg
