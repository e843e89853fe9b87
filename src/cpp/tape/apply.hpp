// apply: the one way an op is used, whether it runs now, is recorded, or also becomes part of a gradient graph.
#pragma once

#include <vector>

#include "tape/op.hpp"

namespace fg {

Tensor apply(const Op& op, Span<Tensor> in, const Attrs& attrs = {});
template <size_t n> Tensor apply(const Op& op, const Tensor (&in)[n], const Attrs& attrs = {}) {
    return apply(op, Span<Tensor>(in), attrs);
}

// The way a region is used. `draw`: see Attrs.
std::vector<Tensor> apply_region(const Ref<Region>& region, Span<Tensor> in, int64_t draw = 0);

// Whether uses of ops are remembered for backward: per thread, on at first.
bool grad_enabled();
class GradMode {
public:
    explicit GradMode(bool enabled);
    ~GradMode();
    GradMode(const GradMode&) = delete;
    GradMode& operator=(const GradMode&) = delete;

private:
    bool before_;
};
void set_grad_enabled(bool enabled);

// Throws what `op.fault` says when run returned a position.
void check_status(const Op& op, const Attrs& attrs, Views in, int64_t status);

}  // namespace fg
