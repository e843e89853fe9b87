// What the kernel tests share: the levels of this CPU, repeatable numbers, and memory whose edges are watched.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "check.hpp"
#include "kernels/table.hpp"

namespace fg::test {

inline std::vector<const kernels::KernelTable*> all_levels() {
    std::vector<const kernels::KernelTable*> tables;
    for (const char* const* name = kernels::available_levels(); *name; ++name)
        tables.push_back(kernels::find_table(*name));
    return tables;
}

// Numbers in [-1, 1), the same ones on every run.
class Numbers {
public:
    explicit Numbers(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
    std::uint64_t bits() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }
    double next() { return double(bits() >> 11) * 0x1p-52 - 1; }
    int below(int n) { return int(bits() % std::uint64_t(n)); }

private:
    std::uint64_t state_;
};

template <class T> bool same_bits(T a, T b) {
    return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof(T)) == 0;
}
template <class T> bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!same_bits(a[i], b[i])) return false;
    return true;
}

// Scratch of exactly as many bytes as a kernel asked for, 64-byte aligned, full of NaNs, between two fences.
class Scratch {
public:
    explicit Scratch(std::int64_t bytes) : bytes_(std::size_t(bytes)), memory_(bytes_ + 3 * fence, char(0xff)) {
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.data() + fence);
        begin_ = fence + (64 - address % 64) % 64;
    }
    void* get() { return memory_.data() + begin_; }
    bool fences_stand() const {
        for (std::size_t i = 0; i < memory_.size(); ++i)
            if ((i < begin_ || i >= begin_ + bytes_) && memory_[i] != char(0xff)) return false;
        return true;
    }

private:
    static constexpr std::size_t fence = 128;
    std::size_t bytes_, begin_;
    std::vector<char> memory_;
};

// n numbers between fences of NaN, so that reading past either end shows in the result and writing there is seen.
template <class T> class Fenced {
public:
    explicit Fenced(std::int64_t n, T fill = 0)
        : n_(std::size_t(n)), memory_(n_ + 2 * fence, std::numeric_limits<T>::quiet_NaN()) {
        for (std::size_t i = 0; i < n_; ++i) memory_[fence + i] = fill;
    }
    Fenced(std::int64_t n, Numbers& numbers) : Fenced(n) {
        for (std::size_t i = 0; i < n_; ++i) memory_[fence + i] = T(numbers.next());
    }
    T* data() { return memory_.data() + fence; }
    T& operator[](std::int64_t i) { return memory_[fence + std::size_t(i)]; }
    std::vector<T> values() const { return {memory_.begin() + fence, memory_.end() - fence}; }
    bool fences_stand() const {
        for (std::size_t i = 0; i < fence; ++i)
            if (!std::isnan(memory_[i]) || !std::isnan(memory_[fence + n_ + i])) return false;
        return true;
    }

private:
    static constexpr std::ptrdiff_t fence = 24;
    std::size_t n_;
    std::vector<T> memory_;
};

}  // namespace fg::test
