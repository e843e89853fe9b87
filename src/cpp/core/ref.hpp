// Ref<T>: an intrusive, atomic reference count. Half the size of a shared_ptr and one allocation less.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace fg {

class RefCounted {
public:
    RefCounted() = default;
    RefCounted(const RefCounted&) = delete;
    RefCounted& operator=(const RefCounted&) = delete;
    virtual ~RefCounted() = default;

    void retain() const { count_.fetch_add(1, std::memory_order_relaxed); }
    // True when the caller held the last reference and must dispose of the object.
    bool release() const { return count_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
    int64_t use_count() const { return count_.load(std::memory_order_acquire); }
    // How the object goes when nobody holds it; graph nodes override it to go without recursion.
    virtual void dispose() { delete this; }

private:
    mutable std::atomic<int64_t> count_{0};
};

template <class T> class Ref {
public:
    Ref() = default;
    Ref(std::nullptr_t) {}
    explicit Ref(T* p) : p_(p) {
        if (p_) p_->retain();
    }
    Ref(const Ref& o) : Ref(o.p_) {}
    Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
    template <class U> Ref(const Ref<U>& o) : Ref(static_cast<T*>(o.get())) {}
    Ref& operator=(Ref o) noexcept {
        std::swap(p_, o.p_);
        return *this;
    }
    ~Ref() {
        if (p_ && p_->release()) p_->dispose();
    }

    T* get() const { return p_; }
    T* operator->() const { return p_; }
    T& operator*() const { return *p_; }
    explicit operator bool() const { return p_ != nullptr; }
    friend bool operator==(const Ref& a, const Ref& b) { return a.p_ == b.p_; }
    friend bool operator!=(const Ref& a, const Ref& b) { return a.p_ != b.p_; }

private:
    T* p_ = nullptr;
};

template <class T, class... Args> Ref<T> make_ref(Args&&... args) { return Ref<T>(new T(std::forward<Args>(args)...)); }

}  // namespace fg
