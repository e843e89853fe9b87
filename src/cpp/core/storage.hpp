// Storage: the bytes behind tensors, their owner, and a version that moves when they are written in place.
#pragma once

#include <functional>

#include "core/ref.hpp"

namespace fg {

constexpr int64_t storage_alignment = 64;

class Storage : public RefCounted {
public:
    // Own memory, aligned for the widest vectors, not initialised. Throws std::bad_alloc.
    static Ref<Storage> allocate(int64_t bytes);
    // Memory somebody else owns: `release` is called once, when the last tensor lets go, on whatever thread does.
    static Ref<Storage> borrow(void* data, int64_t bytes, std::function<void()> release);
    ~Storage() override;

    void* data() const { return data_; }
    int64_t bytes() const { return bytes_; }
    bool borrowed() const { return bool(release_); }

    // Written in place so far: a value saved for backward remembers the version it saw.
    uint32_t version() const { return version_.load(std::memory_order_relaxed); }
    // Writers of one storage take turns, as those of an array do: no need to lock the bus, which costs a small step.
    void bump_version() { version_.store(version() + 1, std::memory_order_relaxed); }

private:
    Storage() = default;

    void* data_ = nullptr;
    void* block_ = nullptr;  // what malloc gave; null when borrowed
    int64_t bytes_ = 0;
    std::function<void()> release_;
    std::atomic<uint32_t> version_{0};
};

}  // namespace fg
