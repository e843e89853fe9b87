// The loop of full-batch descent and its update rules.
#include "train/descent.hpp"

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "train/optimizer.hpp"

namespace fg {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto poll_interval = std::chrono::milliseconds(50);

// A value so far from the first that the first no longer shows in it.
constexpr double hopeless_growth = 0x1p53;

// The largest magnitude; infinite when some entry is not finite.
double largest(const Tensor& t) {
    return visit_floating(t.dtype(), [&](auto zero) {
        using T = decltype(zero);
        const T* v = t.view().as<T>();
        T most = 0;
        bool finite = true;
        for (int64_t i = 0, n = t.size(); i < n; ++i) {
            const T a = std::fabs(v[i]);
            finite &= a <= std::numeric_limits<T>::max();
            most = a > most ? a : most;
        }
        return finite ? double(most) : std::numeric_limits<double>::infinity();
    });
}

Tensor copy_of(const Tensor& t) {
    Tensor out = Tensor::empty(t.dtype(), t.shape());
    copy(t.view(), out.view());
    return out;
}

// The points passed through, row after row.
class Path {
public:
    void add(const Tensor& x) {
        const int64_t n = x.size();
        if (!rows_ || used_ == rows_.shape()[0]) {
            Tensor more = Tensor::empty(x.dtype(), {used_ ? 2 * used_ : 64, n});
            if (used_) std::memcpy(more.view().data, rows_.view().data, size_t(used_ * n * itemsize(x.dtype())));
            rows_ = more;
        }
        copy(x.view(), rows_.with_view({n}, {1}, used_ * n).view());
        ++used_;
    }
    Tensor rows() const { return rows_ ? rows_.with_view({used_, rows_.shape()[1]}, rows_.strides(), 0) : Tensor(); }

private:
    Tensor rows_;
    int64_t used_ = 0;
};

// Methods that scale by squared gradients: mean <- kept mean + added g^2, x <- x - lr g / (sqrt(mean) + eps).
void scaled_step(const DescentOptions& o, double kept, double added, const Tensor& x, const Tensor& gradient,
                 const Tensor& mean) {
    visit_floating(x.dtype(), [&](auto zero) {
        using T = decltype(zero);
        T *to = x.view().as<T>(), *m = mean.view().as<T>();
        const T* g = gradient.view().as<T>();
        const T keep = T(kept), add = T(added), lr = T(o.lr), eps = T(o.eps);
        for (int64_t i = 0, n = x.size(); i < n; ++i) {
            m[i] = keep * m[i] + add * (g[i] * g[i]);
            to[i] -= lr * g[i] / (std::sqrt(m[i]) + eps);
        }
    });
}

// The update rules; the first four are the optimizers' own kernels, so that training and descending agree.
class Stepper {
public:
    Stepper(const DescentOptions& options, const Tensor& x)
        : options_(options), x_(x), table_({x}), mean_(Tensor::zeros(x.dtype(), x.shape())) {}

    void operator()(const Tensor& gradient) {
        const DescentOptions& o = options_;
        const Tensor gradients[] = {gradient};
        switch (o.method) {
            case DescentMethod::gd: table_.step(gradients, sgd(0, false)); break;
            case DescentMethod::momentum: table_.step(gradients, sgd(o.momentum, false)); break;
            case DescentMethod::nesterov: table_.step(gradients, sgd(o.momentum, true)); break;
            case DescentMethod::adam:
                table_.step(gradients, {kernels::AdamStep{o.lr, o.beta1, o.beta2, o.eps, 0, 0, 0, false, false}});
                break;
            case DescentMethod::rmsprop: scaled_step(o, o.alpha, 1 - o.alpha, x_, gradient, mean_); break;
            case DescentMethod::adagrad: scaled_step(o, 1, 1, x_, gradient, mean_); break;
        }
    }

private:
    Rule sgd(double momentum, bool nesterov) const {
        return {kernels::SgdStep{options_.lr, momentum, 0, 0, nesterov, true, false}};
    }

    const DescentOptions& options_;
    Tensor x_;
    ParameterTable table_;
    Tensor mean_;
};

}  // namespace

DescentMethod descent_method(const std::string& name) {
    constexpr const char* names[] = {"gd", "momentum", "nesterov", "adam", "rmsprop", "adagrad"};
    std::string all;
    for (const char* const& known : names) {
        if (name == known) return DescentMethod(&known - names);
        all += (all.empty() ? "" : ", ") + std::string(known);
    }
    throw ValueError(say("unknown method '", name, "'; expected one of ", all));
}

const char* name(DescentEnd end) {
    constexpr const char* names[] = {"converged", "max_iter", "diverged", "callback"};
    return names[int(end)];
}

DescentResult descend(const Tensor& start, const DescentOptions& options, const DescentHooks& hooks) {
    DescentResult r;
    r.x = copy_of(start);
    r.gradient = Tensor::zeros(start.dtype(), start.shape());
    r.value = hooks.evaluate(r.x, r.gradient);
    r.evaluations = 1;
    double slope = largest(r.gradient);
    const double first = r.value;
    Path path;
    const auto keep = [&] {
        if (!options.keep_path) return;
        path.add(r.x);
        r.path_values.push_back(r.value);
    };
    keep();

    // Where the step led is looked at before it counts.
    Tensor x = copy_of(r.x), gradient = copy_of(r.gradient);
    Stepper step(options, x);
    auto next_poll = Clock::now() + poll_interval;
    for (;;) {
        if (!std::isfinite(r.value) || !std::isfinite(slope)) {  // only where it began
            r.end = DescentEnd::diverged;
            r.worst = r.value;
            break;
        }
        if (slope <= options.tol) {
            r.end = DescentEnd::converged;
            break;
        }
        if (r.steps == options.max_iter) {
            r.end = DescentEnd::max_iter;
            break;
        }
        step(gradient);
        const double value = hooks.evaluate(x, gradient);
        ++r.evaluations;
        slope = largest(gradient);
        if (!std::isfinite(value) || !std::isfinite(slope)) {
            r.end = DescentEnd::diverged;
            r.worst = value;
            break;
        }
        copy(x.view(), r.x.view());
        copy(gradient.view(), r.gradient.view());
        r.value = value;
        ++r.steps;
        keep();
        if (std::fabs(value - first) > hopeless_growth * std::fmax(1.0, std::fabs(first))) {
            r.end = DescentEnd::diverged;
            r.worst = value;
            break;
        }
        if (hooks.on_step && !hooks.on_step(r.steps, r.x, r.value, r.gradient)) {
            r.end = DescentEnd::stopped;
            break;
        }
        if (hooks.poll && Clock::now() >= next_poll) {
            hooks.poll();
            next_poll = Clock::now() + poll_interval;
        }
    }
    r.path = path.rows();
    return r;
}

}  // namespace fg
