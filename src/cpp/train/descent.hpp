// Full-batch descent: steps down a function whose value and gradient someone else evaluates.
#pragma once

#include <functional>
#include <vector>

#include "core/tensor.hpp"

namespace fg {

enum class DescentMethod { gd, momentum, nesterov, adam, rmsprop, adagrad };
// By the name it has here; ValueError listing all when there is none.
DescentMethod descent_method(const std::string& name);

struct DescentOptions {
    DescentMethod method = DescentMethod::gd;
    double lr = 0.1;
    double momentum = 0.9;              // momentum, nesterov
    double beta1 = 0.9, beta2 = 0.999;  // adam
    double alpha = 0.99;                // rmsprop: how much of the average of squares stays
    double eps = 1e-8;                  // adam, rmsprop, adagrad
    int64_t max_iter = 1000;
    double tol = 1e-8;  // converged once no entry of the gradient is larger
    bool keep_path = false;
};

struct DescentHooks {
    // Writes the gradient at x, (n,) of x's dtype, and returns the value.
    std::function<double(const Tensor& x, const Tensor& gradient)> evaluate;
    // After each step, with what was found there; false stops. May be empty.
    std::function<bool(int64_t steps, const Tensor& x, double value, const Tensor& gradient)> on_step;
    // About every 50 ms: throws to interrupt. May be empty.
    std::function<void()> poll;
};

enum class DescentEnd { converged, max_iter, diverged, stopped };
const char* name(DescentEnd end);

struct DescentResult {
    Tensor x, gradient;  // (n,), where the last good step led
    double value = 0;
    int64_t steps = 0;  // that led to x
    int64_t evaluations = 0;
    DescentEnd end = DescentEnd::max_iter;
    double worst = 0;  // diverged: the value that ended it, maybe not finite
    Tensor path;       // (steps + 1, n), when kept
    std::vector<double> path_values;
};

// start: (n,) float32 or float64, not written to. A step to where the value or the gradient is not finite is not
// counted: the result is then the point before it.
DescentResult descend(const Tensor& start, const DescentOptions& options, const DescentHooks& hooks);

}  // namespace fg
