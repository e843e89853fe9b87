// Prepared concatenate and embed.
#include "ops/pieces.hpp"

#include <cstring>

namespace fg {
namespace {

constexpr int most_pieces = 4;    // what a run of steps by block finds its operands in
constexpr int64_t long_row = 16;  // numbers: shorter pieces of a row are not worth a step of their own
constexpr double byte_ns = 0.05;  // about what it takes to copy one

constexpr int64_t block_bytes = 16 << 10;  // of rows that pieces are written to in turn, while they are in L1

// Short ones without a call.
void copy_bytes(char* to, const char* from, int64_t bytes) {
    if (bytes > 32 || bytes % 4 != 0) {
        std::memcpy(to, from, size_t(bytes));
        return;
    }
    for (; bytes >= 8; bytes -= 8, to += 8, from += 8) std::memcpy(to, from, 8);
    if (bytes) std::memcpy(to, from, 4);
}

// The output is (outer, length, inner), the pieces lie next to each other along the middle axis.
class Joined final : public Prepared {
public:
    Joined(int axis, Views in, const View& out) : length_(out.shape[axis]) {
        int64_t outer = 1, inner = 1, end = 0;
        for (int i = 0; i < axis; ++i) outer *= out.shape[i];
        for (int i = axis + 1; i < out.shape.size(); ++i) inner *= out.shape[i];
        for (const View* piece : in) ends_[pieces_++] = end += piece->shape[axis];
        inner_bytes_ = inner * itemsize(out.dtype);
        const bool fine = outer == 1 || inner >= long_row;
        positions_ = fine ? 1 : length_;
        rows = fine ? outer * length_ : outer;
        row_size = positions_ * inner;
        row_work = double(row_size);
        row_ns = double(positions_ * inner_bytes_) * byte_ns;
        if (outer > 1) return;
        for (int k = 0; k < pieces_; ++k) {
            const int64_t begin = k ? ends_[k - 1] * inner : 0;
            if (begin < ends_[k] * inner) stretches_.push_back({begin, ends_[k] * inner, k, -begin});
        }
    }

    std::vector<Stretch> stretches() const override { return stretches_; }

    int64_t run(const void* const* in, void* out, int64_t first, int64_t count, void*, const void*) const override {
        char* to = static_cast<char*>(out);
        int64_t left = count * positions_;
        int64_t o = first * positions_ / std::max<int64_t>(length_, 1), position = first * positions_ - o * length_;
        for (int k = 0; left > 0; ++k) {
            if (k == pieces_) {
                k = 0;
                ++o;
                position = 0;
            }
            const int64_t begin = k ? ends_[k - 1] : 0, take = std::min(ends_[k] - position, left);
            if (take <= 0) continue;
            const int64_t from = o * (ends_[k] - begin) + position - begin;
            copy_bytes(to, static_cast<const char*>(in[k]) + from * inner_bytes_, take * inner_bytes_);
            to += take * inner_bytes_;
            position += take;
            left -= take;
        }
        return -1;
    }
    int64_t work_bytes(int64_t) const override { return 0; }

private:
    int64_t length_, inner_bytes_ = 0;
    int64_t positions_ = 1;  // along the middle axis, in a row
    int64_t ends_[most_pieces];
    int pieces_ = 0;
    std::vector<Stretch> stretches_;
};

// Where an operand goes along one axis: its i-th to start + i * step.
struct Spread {
    int64_t size, start, step, stride;

    // The i that goes to a position, or -1.
    int64_t at(int64_t position) const {
        const int64_t there = position - start, i = there / step;
        return i * step == there && i >= 0 && i < size ? i : -1;
    }
    // The least i that goes to `first` or beyond it, in the direction of the step.
    int64_t from(int64_t first) const { return std::max<int64_t>((first - start + step - 1) / step, 0); }
};

// A row of the output is its last axis; of a single axis, a number.
template <class T> class Embedded final : public Prepared {
public:
    Embedded(const Attrs& a, const View& in, const View& out) {
        const int ndim = out.shape.size(), whole = ndim - a.shape.size();
        for (int i = 0; i < ndim; ++i) {
            Spread axis{in.shape[i], 0, 1, in.strides[i]};
            if (i >= whole) axis.start = a.starts[i - whole], axis.step = a.steps[i - whole];
            if (axis.step < 0) {  // the same from the other end
                axis.start += (axis.size - 1) * axis.step;
                begin_ += (axis.size - 1) * axis.stride;
                axis.step = -axis.step;
                axis.stride = -axis.stride;
            }
            (i + 1 < ndim ? leading_[leading_count_++] : last_) = axis;
            if (i + 1 < ndim) shape_.push_back(out.shape[i]);
        }
        empty_ = in.size() == 0;
        length_ = ndim == 1 ? 1 : out.shape[ndim - 1];
        rows = out.size() / std::max<int64_t>(length_, 1);
        row_size = length_;
        row_work = double(row_size);
        row_ns = row_work * double(sizeof(T)) * byte_ns;
        if (empty_) {
            stretches_.push_back({0, out.size(), -1, 0});
        } else if (is_one_stretch(in, out)) {
            const Spread& outermost = leading_count_ ? leading_[0] : last_;
            const int64_t begin = outermost.start * (out.size() / out.shape[0]), end = begin + in.size();
            if (begin > 0) stretches_.push_back({0, begin, -1, 0});
            stretches_.push_back({begin, end, 0, -begin});
            if (end < out.size()) stretches_.push_back({end, out.size(), -1, 0});
        }
    }

    std::vector<Stretch> stretches() const override { return stretches_; }

    int64_t run(const void* const* in, void* out, int64_t first, int64_t count, void*, const void*) const override {
        T* to = static_cast<T*>(out);
        std::memset(to, 0, size_t(count * row_size) * sizeof(T));
        if (empty_) return -1;
        const T* const from = static_cast<const T*>(in[0]) + begin_;
        if (leading_count_ == 0) {
            spread(from, first, count, to);
            return -1;
        }
        for (int64_t r = first; r < first + count; ++r, to += length_) {
            int64_t rest = r, offset = 0;
            bool there = true;
            for (int i = leading_count_ - 1; i >= 0 && there; --i) {
                const int64_t found = leading_[i].at(rest % shape_[i]);
                rest /= shape_[i];
                there = found >= 0;
                offset += found * leading_[i].stride;
            }
            if (there) spread(from + offset, 0, length_, to);
        }
        return -1;
    }
    int64_t work_bytes(int64_t) const override { return 0; }

private:
    // Whether the operand lies as it is somewhere among the zeros.
    bool is_one_stretch(const View& in, const View& out) const {
        for (int i = 0; i < in.shape.size(); ++i) {
            const Spread& axis = i < leading_count_ ? leading_[i] : last_;
            const bool in_order = axis.size == 1 || (axis.step == 1 && axis.stride > 0);
            if (!in_order || (i > 0 && axis.size != out.shape[i])) return false;
        }
        return in.contiguous();
    }

    // What falls on positions first..first+count of the last axis.
    void spread(const T* from, int64_t first, int64_t count, T* to) const {
        const int64_t begin = last_.from(first), end = std::min(last_.from(first + count), last_.size);
        if (begin >= end) return;
        T* const place = to + last_.start + begin * last_.step - first;
        if (last_.step == 1 && last_.stride == 1) {
            std::memcpy(place, from + begin, size_t(end - begin) * sizeof(T));
            return;
        }
        for (int64_t i = begin; i < end; ++i) place[(i - begin) * last_.step] = from[i * last_.stride];
    }

    Spread leading_[max_ndim], last_{};
    int leading_count_ = 0;
    Dims shape_;         // of the leading axes
    int64_t begin_ = 0;  // of the operand, in numbers
    int64_t length_ = 1;
    bool empty_ = false;
    std::vector<Stretch> stretches_;
};

}  // namespace

int64_t run_concatenate(const Op&, const Attrs& a, Views in, const View& out) {
    if (out.size() == 0) return -1;  // whose strides may not be
    const int axis = out.shape.size() + int(a.axes[0]);
    const int64_t step = out.strides[axis] * itemsize(out.dtype), row = out.shape[axis] * step;
    int64_t rows = 1;  // of each piece, which lie together in the output
    for (int i = 0; i < axis; ++i) rows *= out.shape[i];
    bool plain = true;
    for (const View* piece : in) plain &= piece->contiguous() && piece->dtype == out.dtype;
    const int64_t together = plain ? std::max<int64_t>(block_bytes / row, 1) : rows;
    for (int64_t first = 0; first < rows; first += together) {
        const int64_t count = std::min(together, rows - first);
        char* to = out.as<char>() + first * row;
        for (const View* piece : in) {
            const int64_t bytes = piece->shape[axis] * step;
            const char* const from = piece->as<char>() + first * bytes;
            if (plain) {
                for (int64_t r = 0; r < count; ++r) copy_bytes(to + r * row, from + r * bytes, bytes);
            } else {
                View place = out;
                place.shape = piece->shape;
                place.data = to;
                copy(*piece, place);
            }
            to += bytes;
        }
    }
    return -1;
}

std::unique_ptr<Prepared> prepare_concatenate(const Op&, const Attrs& attrs, Views in, const View& out) {
    if (in.size() > most_pieces || out.size() == 0) return nullptr;
    for (const View* piece : in)
        if (!piece->contiguous() || piece->dtype != out.dtype) return nullptr;
    return std::make_unique<Joined>(out.shape.size() + int(attrs.axes[0]), in, out);
}

std::unique_ptr<Prepared> prepare_embed(const Op&, const Attrs& attrs, Views in, const View& out) {
    if (out.shape.empty() || out.size() == 0) return nullptr;
    return visit(out.dtype, [&](auto zero) -> std::unique_ptr<Prepared> {
        return std::make_unique<Embedded<decltype(zero)>>(attrs, *in[0], out);
    });
}

}  // namespace fg
