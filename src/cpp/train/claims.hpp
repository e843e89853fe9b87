// Claims: one training at a time for each parameter.
#pragma once

#include "core/tensor.hpp"

namespace fg {

// Marks all tensors as being trained; throws, marking none, when one of them is so already.
void claim(Span<Tensor> params);
void release(Span<Tensor> params);

class Claim {
public:
    explicit Claim(Span<Tensor> params) : params_(params) { claim(params_); }
    ~Claim() { release(params_); }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

private:
    Span<Tensor> params_;
};

}  // namespace fg
