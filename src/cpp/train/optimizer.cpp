// Updating parameters: each in the order of its memory, by one kernel call.
#include "train/optimizer.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "core/pool.hpp"

namespace fg {
namespace {

Dims axes_by_stride(const View& v) {
    Dims axes;
    for (int i = 0; i < v.shape.size(); ++i) {
        int at = 0;
        while (at < axes.size() && v.strides[int(axes[at])] >= v.strides[i]) ++at;
        axes.insert(at, i);
    }
    return axes;
}

// Whether the numbers fill their memory without gaps or overlaps, the axes in any order.
bool is_dense(const View& v) {
    Dims shape, strides;
    for (int64_t axis : axes_by_stride(v)) {
        if (v.shape[int(axis)] == 1) continue;
        shape.push_back(v.shape[int(axis)]);
        strides.push_back(v.strides[int(axis)]);
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

// Tensors of one dtype one after the other in one block, each laid out as the one it is like; of several dtypes, a
// block each time it changes.
class FlatBlock {
public:
    void add(const Tensor& like) { sizes_.push_back({like.dtype(), like.size() * itemsize(like.dtype())}); }
    void allocate() {
        for (size_t i = 0; i < sizes_.size(); ++i) {
            if (i == 0 || sizes_[i].first != sizes_[i - 1].first) bytes_.push_back(0);
            bytes_.back() += sizes_[i].second;
        }
    }
    // In the order they were added; zero.
    Tensor take(const Tensor& like) {
        const size_t i = taken_++;
        if (i == 0 || sizes_[i].first != sizes_[i - 1].first) {
            block_ = Storage::allocate(bytes_[blocks_++]);
            std::memset(block_->data(), 0, size_t(block_->bytes()));
            offset_ = 0;
        }
        char* const data = static_cast<char*>(block_->data()) + offset_;
        offset_ += sizes_[i].second;
        const Dims strides = is_dense(like.view()) ? like.strides() : contiguous_strides(like.shape());
        return Tensor::on_storage(block_, data, like.dtype(), like.shape(), strides);
    }

private:
    std::vector<std::pair<DType, int64_t>> sizes_;
    std::vector<int64_t> bytes_;
    Ref<Storage> block_;
    size_t taken_ = 0, blocks_ = 0;
    int64_t offset_ = 0;
};

// Whether all new values are finite. Large parameters are updated a part at a time, on several threads.
template <class Step, class T> bool update_all(const Step& step, const Numbers<T>& numbers, int64_t t, bool first) {
    constexpr int64_t worth_a_part = 16 << 10, unit = 16;  // numbers
    const int64_t parts = numbers.n / worth_a_part;
    if (parts <= 1) return update_one(step, numbers, t, first) < 0;
    const int64_t part = (numbers.n + parts * unit - 1) / (parts * unit) * unit;
    std::atomic<bool> finite{true};
    parallel_for((numbers.n + part - 1) / part, [&](int64_t i) {
        Numbers<T> some = numbers;
        some.n = std::min(part, numbers.n - i * part);
        some.param += i * part;
        some.grad += i * part;
        for (T*& slot : some.slot)
            if (slot) slot += i * part;
        if (update_one(step, some, t, first) >= 0) finite = false;
    });
    return finite;
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

void ParameterTable::check(Span<Tensor> gradients) const {
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
}

// update(numbers, steps, whether the slots held nothing before) -> whether all is finite
template <class Update> bool ParameterTable::update(Span<Tensor> gradients, int slots, const Update& update) {
    check(gradients);
    // Everything that may run out of memory comes before the first write.
    work_.resize(segments_.size());
    for (size_t i = 0; i < segments_.size(); ++i) {
        if (!gradients[i]) continue;
        const Segment& s = segments_[i];
        Work& w = work_[i];
        w.numbers = is_dense(s.param.view()) ? s.param : contiguous(s.param);
        w.slope = laid_out_as(gradients[i], w.numbers);
        w.first = !s.has_slots();
        for (int k = 0; k < slots; ++k)
            w.slots[k] = s.slots[k] ? laid_out_as(s.slots[k], w.numbers) : zeros_like(w.numbers);
    }
    bool finite = true;
    for (size_t i = 0; i < segments_.size(); ++i) {
        if (!gradients[i]) continue;
        Segment& s = segments_[i];
        Work& w = work_[i];
        for (int k = 0; k < slots; ++k) s.slots[k] = w.slots[k];
        s.blank &= slots == 0;
        ++s.steps;
        visit_floating(s.param.dtype(), [&](auto zero) {
            using T = decltype(zero);
            Numbers<T> numbers{w.numbers.size(), numbers_of<T>(w.numbers), numbers_of<T>(w.slope), {}};
            for (int k = 0; k < slots; ++k) numbers.slot[k] = numbers_of<T>(s.slots[k]);
            finite &= update(numbers, s.steps, w.first);
        });
        if (w.numbers.impl() != s.param.impl()) copy(w.numbers.view(), s.param.view());
        s.param.impl()->storage->bump_version();
        w = Work();  // holds on to no gradient
    }
    return finite;
}

bool ParameterTable::step(Span<Tensor> gradients, const Rule& rule) {
    return std::visit(
        [&](const auto& step) {
            return update(gradients, slot_count(step), [&](const auto& numbers, int64_t t, bool first) {
                return update_all(step, numbers, t, first);
            });
        },
        rule.step);
}

// Slots for every parameter, zero where there were none; those of all parameters in one block.
void ParameterTable::make_slots(int count) {
    ++layout_;
    for (int k = 0; k < count; ++k) {
        FlatBlock block;
        for (const Segment& s : segments_) block.add(s.param);
        block.allocate();
        for (size_t i = 0; i < segments_.size(); ++i) {
            Segment& s = segments_[i];
            const Tensor slot = block.take(s.param);
            if (s.slots[k]) copy_numbers(s.slots[k], slot);
            else s.blank |= k == 0;
            s.slots[k] = slot;
        }
    }
}

ParameterTable::Bound::Bound(ParameterTable& table, std::vector<Tensor> gradients)
    : table_(table), gradients_(std::move(gradients)) {
    table_.check(gradients_);
    for (size_t i = 0; i < gradients_.size(); ++i) {
        if (!gradients_[i]) continue;
        if (!same_layout(gradients_[i], table_.segments_[i].param))
            throw ValueError(say("the gradient of params[", i, "] does not lie in memory as the parameter does"));
        updated_.push_back(int(i));
        Storage* const storage = table_.segments_[i].param.impl()->storage.get();
        if (std::find(storages_.begin(), storages_.end(), storage) == storages_.end()) storages_.push_back(storage);
    }
}

void ParameterTable::Bound::bind(int slots) {
    for (const Segment& s : table_.segments_)
        if (slots && !s.slots[slots - 1]) {
            table_.make_slots(slots);
            break;
        }
    runs_.clear();
    for (size_t u = 0; u < updated_.size(); ++u) {
        const Segment& s = table_.segments_[size_t(updated_[u])];
        const Tensor& g = gradients_[size_t(updated_[u])];
        Run run{s.param.dtype(), s.param.size(), s.param.view().data, g.view().data, {}, int(u), 1};
        for (int k = 0; k < slots; ++k) run.slots[k] = s.slots[k].view().data;
        const auto follows = [&](const void* next, const void* before) {
            return next == static_cast<const char*>(before) + runs_.back().n * itemsize(run.dtype);
        };
        bool joins = u > 0 && runs_.back().dtype == run.dtype && follows(run.param, runs_.back().param) &&
                     follows(run.grad, runs_.back().grad);
        for (int k = 0; joins && k < slots; ++k) joins = follows(run.slots[k], runs_.back().slots[k]);
        const Segment& before = table_.segments_[size_t(updated_[u ? u - 1 : 0])];
        if (joins && before.steps == s.steps && before.has_slots() == s.has_slots()) {
            runs_.back().n += run.n;
            ++runs_.back().count;
        } else {
            runs_.push_back(run);
        }
    }
    slots_ = slots;
    layout_ = table_.layout_;
}

bool ParameterTable::Bound::step(const Rule& rule) {
    return std::visit(
        [&](const auto& step) {
            const int slots = slot_count(step);
            if (slots != slots_ || layout_ != table_.layout_) bind(slots);
            for (Storage* storage : storages_) storage->bump_version();
            bool finite = true;
            for (const Run& run : runs_) {
                const Segment& head = table_.segments_[size_t(updated_[size_t(run.first)])];
                const int64_t steps = head.steps + 1;
                const bool first = !head.has_slots();
                for (int u = run.first; u < run.first + run.count; ++u) {
                    Segment& s = table_.segments_[size_t(updated_[size_t(u)])];
                    s.steps = steps;
                    s.blank &= slots == 0;
                }
                visit_floating(run.dtype, [&](auto zero) {
                    using T = decltype(zero);
                    Numbers<T> numbers{run.n, static_cast<T*>(run.param), static_cast<const T*>(run.grad), {}};
                    for (int k = 0; k < slots; ++k) numbers.slot[k] = static_cast<T*>(run.slots[k]);
                    finite &= update_all(step, numbers, steps, first);
                });
            }
            return finite;
        },
        rule.step);
}

ParameterTable ParameterTable::clone() const {
    ParameterTable copied;
    FlatBlock block;
    for (const Segment& s : segments_) block.add(s.param);
    block.allocate();
    for (const Segment& s : segments_) {
        Segment own;
        own.param = block.take(s.param);
        copy_numbers(s.param, own.param);
        for (int k = 0; k < max_slots; ++k)
            if (s.has_slots() && s.slots[k]) own.slots[k] = copy_like(s.slots[k]);
        own.steps = s.steps;
        copied.segments_.push_back(std::move(own));
    }
    return copied;
}

void ParameterTable::copy_from(const ParameterTable& other) {
    // Memory first, so that running out of it changes nothing.
    std::vector<Tensor> fresh;
    for (size_t i = 0; i < segments_.size(); ++i)
        for (int k = 0; k < max_slots; ++k) {
            const Tensor &from = other.segments_[i].slots[k], &own = segments_[i].slots[k];
            fresh.push_back(!from || !other.segments_[i].has_slots() ? Tensor()
                            : own && same_layout(own, from)          ? own
                                                                     : empty_like(from));
        }
    ++layout_;
    for (size_t i = 0; i < segments_.size(); ++i) {
        Segment& s = segments_[i];
        const Segment& from = other.segments_[i];
        copy_numbers(from.param, s.param);
        s.param.impl()->storage->bump_version();
        for (int k = 0; k < max_slots; ++k) {
            s.slots[k] = fresh[i * max_slots + size_t(k)];
            if (s.slots[k]) copy_numbers(from.slots[k], s.slots[k]);
        }
        s.blank = false;
        s.steps = from.steps;
    }
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
    ++layout_;
    s.steps = steps;
    s.blank = false;
    for (int k = 0; k < max_slots; ++k) s.slots[k] = taken[k];
}

bool is_dense(const Tensor& t) { return is_dense(t.view()); }

bool has_layout_of(const Tensor& t, const Tensor& like) { return same_layout(t, like); }

Dims memory_order(const Tensor& t) { return axes_by_stride(t.view()); }

Tensor from_memory_order(const Tensor& t, const Tensor& like) {
    Dims strides = Dims::filled(like.ndim(), 0);
    const Dims axes = axes_by_stride(like.view());
    for (int i = 0; i < axes.size(); ++i) strides[int(axes[i])] = t.strides()[i];
    return t.with_view(like.shape(), strides, 0);
}

void copy_numbers(const Tensor& from, const Tensor& to) {
    if (same_layout(from, to) && is_dense(to.view()))
        std::memcpy(to.view().data, from.view().data, size_t(to.size() * itemsize(to.dtype())));
    else copy(from.view(), to.view());
}

Tensor copy_like(const Tensor& t) {
    Tensor out = empty_like(t);
    copy_numbers(t, out);
    return out;
}

}  // namespace fg
