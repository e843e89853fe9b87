// Updating parameters: each in the order of its memory, by one kernel call.
#include "train/optimizer.hpp"

#include <algorithm>
#include <cmath>

namespace fg {
namespace {

// Whether the numbers fill their memory without gaps or overlaps, the axes in any order.
bool is_dense(const View& v) {
    Dims shape, strides;
    for (int i = 0; i < v.shape.size(); ++i) {
        if (v.shape[i] == 1) continue;
        int at = 0;
        while (at < strides.size() && strides[at] >= v.strides[i]) ++at;
        shape.insert(at, v.shape[i]);
        strides.insert(at, v.strides[i]);
    }
    return is_contiguous(shape, strides);
}

// Values laid out in memory as `like` is, where that is dense; else row by row.
Tensor empty_like(const Tensor& like) {
    Tensor t = Tensor::empty(like.dtype(), like.shape());
    return is_dense(like.view()) ? t.with_view(like.shape(), like.strides(), 0) : t;
}

// Axes of size 1 may have any stride.
bool same_layout(const Tensor& a, const Tensor& b) {
    if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
    for (int i = 0; i < a.ndim(); ++i)
        if (a.shape()[i] != 1 && a.strides()[i] != b.strides()[i]) return false;
    return true;
}

Tensor laid_out_as(const Tensor& t, const Tensor& model) {
    if (same_layout(t, model)) return t;
    Tensor out = empty_like(model);
    copy(t.view(), out.view());
    return out;
}

Tensor zeros_like(const Tensor& like) {
    Tensor t = empty_like(like);
    std::fill_n(t.view().as<char>(), t.size() * itemsize(t.dtype()), char(0));
    return t;
}

template <class T> T* numbers_of(const Tensor& t) { return t.view().as<T>(); }

// One parameter as the kernels see it.
template <class T> struct Numbers {
    int64_t n;
    T* param;
    const T* grad;
    T* slot[ParameterTable::max_slots];
};
template <class T> const kernels::NumberKernels<T>& kernel(const Numbers<T>&) {
    return kernels::numbers<T>(kernels::table());
}

}  // namespace

ParameterTable::ParameterTable(std::vector<Tensor> params) {
    for (size_t i = 0; i < params.size(); ++i) {
        const Tensor& p = params[i];
        if (p.traced())
            throw ValueError(say("params[", i, "] is a value of a recording; an optimizer needs tensors with numbers"));
        if (!p.is_leaf())
            throw ValueError(say("params[", i, "] was computed by '", p.impl()->creator->op_name(),
                                 "'; an optimizer can only update leaf tensors"));
        if (!is_floating(p.dtype()))
            throw TypeError(say("params[", i, "] is ", name(p.dtype()), "; expected float32 or float64"));
        if (p.impl()->storage->borrowed())
            throw ValueError(say("params[", i,
                                 "] lies in the memory of an array (fastgrad.asarray), which an optimizer must "
                                 "not write to; make it with fastgrad.tensor, which copies"));
        for (size_t k = 0; k < i; ++k)
            if (params[k].impl() == p.impl())
                throw ValueError(say("params[", i, "] is the same tensor as params[", k, "]"));
        Segment segment;
        segment.param = p;
        segments_.push_back(std::move(segment));
    }
}

int64_t ParameterTable::element_count() const {
    int64_t n = 0;
    for (const Segment& s : segments_) n += s.param.size();
    return n;
}

std::vector<Tensor> ParameterTable::gradients() const {
    std::vector<Tensor> out;
    out.reserve(segments_.size());
    for (const Segment& s : segments_) out.emplace_back(s.param.impl()->grad);
    return out;
}

void ParameterTable::zero_grad() {
    for (const Segment& s : segments_) s.param.impl()->grad = Ref<TensorImpl>();
}

// update(numbers, steps, whether the slots held nothing before) -> the kernel's status
template <class Update> bool ParameterTable::update(Span<Tensor> gradients, int slots, const Update& update) {
    if (gradients.size() != int(segments_.size()))
        throw ValueError(say("expected ", segments_.size(), " gradients, one a parameter, got ", gradients.size()));
    for (int i = 0; i < gradients.size(); ++i) {
        const Tensor& g = gradients[size_t(i)];
        if (!g) continue;
        if (g.traced())
            throw RecordingError(
                say("the gradient of params[", i, "] is a value of a recording and has no numbers yet"));
        if (g.shape() != segments_[size_t(i)].param.shape())
            throw ValueError(say("the gradient of params[", i, "] has shape ", g.shape(), ", expected the parameter's ",
                                 segments_[size_t(i)].param.shape()));
    }
    // Everything that may run out of memory comes before the first write.
    struct Work {
        Tensor numbers, slope;
        Tensor slots[max_slots];
        bool first = false;
    };
    std::vector<Work> work(segments_.size());
    for (size_t i = 0; i < segments_.size(); ++i) {
        if (!gradients[i]) continue;
        const Segment& s = segments_[i];
        Work& w = work[i];
        w.numbers = is_dense(s.param.view()) ? s.param : contiguous(s.param);
        w.slope = laid_out_as(gradients[i], w.numbers);
        w.first = !s.slots[0];
        for (int k = 0; k < slots; ++k)
            w.slots[k] = s.slots[k] ? laid_out_as(s.slots[k], w.numbers) : zeros_like(w.numbers);
    }
    bool finite = true;
    for (size_t i = 0; i < segments_.size(); ++i) {
        if (!gradients[i]) continue;
        Segment& s = segments_[i];
        Work& w = work[i];
        for (int k = 0; k < slots; ++k) s.slots[k] = w.slots[k];
        ++s.steps;
        visit_floating(s.param.dtype(), [&](auto zero) {
            using T = decltype(zero);
            Numbers<T> numbers{w.numbers.size(), numbers_of<T>(w.numbers), numbers_of<T>(w.slope), {}};
            for (int k = 0; k < slots; ++k) numbers.slot[k] = numbers_of<T>(s.slots[k]);
            finite &= update(numbers, s.steps, w.first) < 0;
        });
        if (w.numbers.impl() != s.param.impl()) copy(w.numbers.view(), s.param.view());
        s.param.impl()->storage->bump_version();
    }
    return finite;
}

bool ParameterTable::sgd(Span<Tensor> gradients, kernels::SgdStep step) {
    return update(gradients, step.momentum != 0 ? 1 : 0, [&](const auto& numbers, int64_t, bool first) {
        step.first = first;
        return kernel(numbers).sgd(numbers.n, numbers.param, numbers.grad, numbers.slot[0], step);
    });
}

bool ParameterTable::adam(Span<Tensor> gradients, kernels::AdamStep step) {
    return update(gradients, 2, [&](const auto& numbers, int64_t t, bool) {
        step.bias_correction1 = 1.0 - std::pow(step.beta1, double(t));
        step.bias_correction2 = 1.0 - std::pow(step.beta2, double(t));
        return kernel(numbers).adam(numbers.n, numbers.param, numbers.grad, numbers.slot[0], numbers.slot[1], step);
    });
}

bool ParameterTable::rmsprop(Span<Tensor> gradients, const kernels::RmspropStep& step) {
    const int slots = step.centered ? 3 : step.momentum != 0 ? 2 : 1;
    return update(gradients, slots, [&](const auto& numbers, int64_t, bool) {
        const auto& slot = numbers.slot;
        return kernel(numbers).rmsprop(numbers.n, numbers.param, numbers.grad, slot[0], slot[1], slot[2], step);
    });
}

bool ParameterTable::adagrad(Span<Tensor> gradients, kernels::AdagradStep step, double lr_decay, double first_sum) {
    const double lr = step.rate;
    return update(gradients, 1, [&](const auto& numbers, int64_t t, bool first) {
        if (first) std::fill_n(numbers.slot[0], numbers.n, first_sum);
        step.rate = lr / (1.0 + double(t - 1) * lr_decay);
        return kernel(numbers).adagrad(numbers.n, numbers.param, numbers.grad, numbers.slot[0], step);
    });
}

bool ParameterTable::adadelta(Span<Tensor> gradients, const kernels::AdadeltaStep& step) {
    return update(gradients, 2, [&](const auto& numbers, int64_t, bool) {
        return kernel(numbers).adadelta(numbers.n, numbers.param, numbers.grad, numbers.slot[0], numbers.slot[1], step);
    });
}

bool ParameterTable::nadam(Span<Tensor> gradients, kernels::NadamStep step, double momentum_decay) {
    const auto momentum_at = [&](int64_t t) {
        return step.beta1 * (1.0 - 0.5 * std::pow(0.96, double(t) * momentum_decay));
    };
    return update(gradients, 2, [&](const auto& numbers, int64_t t, bool) {
        // The product of all momenta so far, which soon is nothing beside 1.
        double product = 1.0;
        for (int64_t i = 1; i <= t && product > 1e-20; ++i) product *= momentum_at(i);
        const double now = momentum_at(t), next = momentum_at(t + 1);
        step.gradient_share = (1.0 - now) / (1.0 - product);
        step.average_share = next / (1.0 - product * next);
        step.bias_correction2 = 1.0 - std::pow(step.beta2, double(t));
        return kernel(numbers).nadam(numbers.n, numbers.param, numbers.grad, numbers.slot[0], numbers.slot[1], step);
    });
}

bool ParameterTable::lion(Span<Tensor> gradients, const kernels::LionStep& step) {
    return update(gradients, 1, [&](const auto& numbers, int64_t, bool) {
        return kernel(numbers).lion(numbers.n, numbers.param, numbers.grad, numbers.slot[0], step);
    });
}

void ParameterTable::restore(int segment, int64_t steps, Span<Tensor> slots) {
    if (segment < 0 || segment >= int(segments_.size()))
        throw IndexError(say("parameter ", segment, " of ", segments_.size()));
    if (slots.size() > max_slots)
        throw ValueError(say("a parameter has at most ", max_slots, " slots, got ", slots.size()));
    Segment& s = segments_[size_t(segment)];
    Tensor taken[max_slots];
    for (int k = 0; k < slots.size(); ++k) {
        if (!slots[size_t(k)]) continue;
        if (slots[size_t(k)].shape() != s.param.shape())
            throw ValueError(say("the state of params[", segment, "] has shape ", slots[size_t(k)].shape(),
                                 ", expected the parameter's ", s.param.shape()));
        taken[k] = empty_like(s.param);
        copy(slots[size_t(k)].view(), taken[k].view());
    }
    s.steps = steps;
    for (int k = 0; k < max_slots; ++k) s.slots[k] = taken[k];
}

}  // namespace fg
