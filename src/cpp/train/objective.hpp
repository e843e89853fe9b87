// Objective: a recorded value and its gradient, seen as a function of one flat vector.
#pragma once

#include "tape/program.hpp"

namespace fg {

class Objective {
public:
    // program: parts of x in, all of one floating dtype; out come the value, of one number, and then the gradient of
    // each part.
    explicit Objective(Ref<Program> program);

    int64_t size() const { return size_; }
    DType dtype() const { return dtype_; }
    // x: contiguous (n,). Writes the gradient to `gradient`, contiguous (n,), and returns the value.
    double operator()(const Tensor& x, const Tensor& gradient) const;

private:
    Ref<Program> program_;
    DType dtype_;
    int64_t size_ = 0;
};

}  // namespace fg
