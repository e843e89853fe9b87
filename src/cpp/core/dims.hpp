// Dims: a short list of sizes, strides or axes, and the shape arithmetic that every op shares.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <string>

#include "core/error.hpp"

namespace fg {

constexpr int max_ndim = 8;

class Dims {
public:
    Dims() = default;
    Dims(std::initializer_list<int64_t> values) {
        for (int64_t v : values) push_back(v);
    }
    Dims(const Dims& other) noexcept { *this = other; }
    Dims& operator=(const Dims& other) noexcept {
        size_ = other.size_;
        for (int i = 0; i < size_; ++i) v_[i] = other.v_[i];
        return *this;
    }
    static Dims filled(int n, int64_t value) {
        Dims d;
        for (int i = 0; i < n; ++i) d.push_back(value);
        return d;
    }

    int size() const { return size_; }
    bool empty() const { return size_ == 0; }
    int64_t operator[](int i) const { return v_[i]; }
    int64_t& operator[](int i) { return v_[i]; }
    // Counted from the end: at_end(1) is the last one.
    int64_t at_end(int i) const { return v_[size_ - i]; }
    int64_t& at_end(int i) { return v_[size_ - i]; }
    const int64_t* begin() const { return v_; }
    const int64_t* end() const { return v_ + size_; }
    int64_t* begin() { return v_; }
    int64_t* end() { return v_ + size_; }
    void push_back(int64_t value) {
        if (size_ == max_ndim) throw ValueError(say("tensors have at most ", max_ndim, " dimensions"));
        v_[size_++] = value;
    }
    void erase(int i) {
        std::copy(v_ + i + 1, v_ + size_, v_ + i);
        --size_;
    }
    void insert(int i, int64_t value) {
        push_back(value);
        std::rotate(v_ + i, v_ + size_ - 1, v_ + size_);
    }
    bool contains(int64_t value) const { return std::find(begin(), end(), value) != end(); }
    friend bool operator==(const Dims& a, const Dims& b) {
        return a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin());
    }
    friend bool operator!=(const Dims& a, const Dims& b) { return !(a == b); }

private:
    int size_ = 0;
    int64_t v_[max_ndim];  // the first size_ count
};

// As Python writes a shape: (3,), (2, 4), ().
inline std::string text(const Dims& d) {
    std::string s = "(";
    for (int i = 0; i < d.size(); ++i) s += (i ? ", " : "") + std::to_string(d[i]);
    return s + (d.size() == 1 ? ",)" : ")");
}
inline std::ostream& operator<<(std::ostream& out, const Dims& d) { return out << text(d); }

// Product of the sizes; sizes whose product does not fit are refused before anything is allocated.
inline int64_t element_count(const Dims& shape) {
    int64_t n = 1;
    bool zero = false, overflow = false;
    for (int64_t s : shape) {
        zero |= s == 0;
        overflow |= __builtin_mul_overflow(n, s, &n);
    }
    if (zero) return 0;
    if (overflow) throw ValueError(say("shape ", shape, " has more elements than an int64 can count"));
    return n;
}

// Row-major strides, in elements.
inline Dims contiguous_strides(const Dims& shape) {
    Dims strides = shape;
    int64_t step = 1;
    for (int i = shape.size() - 1; i >= 0; --i) {
        strides[i] = step;
        step *= std::max<int64_t>(shape[i], 1);
    }
    return strides;
}

inline bool is_contiguous(const Dims& shape, const Dims& strides, int first_axis = 0) {
    if (shape.contains(0)) return true;
    int64_t step = 1;
    for (int i = shape.size() - 1; i >= first_axis; --i) {
        if (shape[i] != 1 && strides[i] != step) return false;
        step *= shape[i];
    }
    return true;
}

// The common shape by NumPy's rule; false when there is none.
inline bool broadcast(const Dims& a, const Dims& b, Dims& out) {
    if (a == b) {
        out = a;
        return true;
    }
    const Dims& longer = a.size() >= b.size() ? a : b;
    const Dims& shorter = a.size() >= b.size() ? b : a;
    Dims result = longer;
    for (int i = 1; i <= shorter.size(); ++i) {
        const int64_t x = longer.at_end(i), y = shorter.at_end(i);
        if (x != y && x != 1 && y != 1) return false;
        result.at_end(i) = x == 1 ? y : x;
    }
    out = result;
    return true;
}

// Strides that let a value of `shape` be read as one of `target`: zero along broadcast axes.
inline Dims broadcast_strides(const Dims& shape, const Dims& strides, const Dims& target) {
    Dims out = Dims::filled(target.size(), 0);
    for (int i = 1; i <= shape.size(); ++i)
        out.at_end(i) = shape.at_end(i) == 1 && target.at_end(i) != 1 ? 0 : strides.at_end(i);
    return out;
}

}  // namespace fg
