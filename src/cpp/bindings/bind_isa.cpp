// The ISA level that the kernels run at.
#include "kernels/table.hpp"

#include "bindings/py_tensor.hpp"

namespace fg {

void bind_isa(py::module_& m) {
    kernels::table();  // an unknown FASTGRAD_ISA is an error now, not at the first op
    m.def(
        "isa", [] { return kernels::table().isa; }, "The ISA level in use.");
    m.def(
        "available_isa",
        [] {
            py::list levels;
            for (const char* const* level = kernels::available_levels(); *level; ++level) levels.append(*level);
            return levels;
        },
        "ISA levels of this build and CPU, best first.");
    m.def(
        "isa_is_fused", [] { return kernels::table().fused; }, "Whether the level has a fused multiply-add.");
}

}  // namespace fg
