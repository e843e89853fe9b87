// Few: an array whose length is known when it is made, in place where that is short. A call that makes several vectors
// of one number each takes longer over their memory than over the numbers.
#pragma once

#include <cstddef>
#include <memory>

namespace fg {

template <class T, int in_place> class Few {
public:
    // So many of T().
    explicit Few(size_t size) : size_(size), items_(size <= in_place ? here() : Allocator().allocate(size)) {
        try {
            std::uninitialized_value_construct_n(items_, size_);
        } catch (...) {
            free();
            throw;
        }
    }
    ~Few() {
        std::destroy_n(items_, size_);
        free();
    }
    Few(const Few&) = delete;
    Few& operator=(const Few&) = delete;

    size_t size() const { return size_; }
    T* data() { return items_; }
    const T* data() const { return items_; }
    T& operator[](size_t i) { return items_[i]; }
    const T& operator[](size_t i) const { return items_[i]; }
    T* begin() { return items_; }
    T* end() { return items_ + size_; }

private:
    using Allocator = std::allocator<T>;
    T* here() { return reinterpret_cast<T*>(memory_); }
    void free() {
        if (items_ != here()) Allocator().deallocate(items_, size_);
    }

    size_t size_;
    T* items_;
    alignas(T) std::byte memory_[size_t(in_place) * sizeof(T)];
};

}  // namespace fg
