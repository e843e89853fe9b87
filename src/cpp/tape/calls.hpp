// Calls: what a replay does, native calls one after the other, each with its operands found.
//
// They lie side by side in memory: small steps take as long to find their way as to compute.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "core/storage.hpp"
#include "kernels/table.hpp"

namespace fg {

// One of them. What `run` reads follows in memory, last of all where its operands are.
struct Call {
    void (*run)(const Call&);
    const Call* next;  // of the last: null

    template <class Kind> static const Kind& as(const Call& call) { return static_cast<const Kind&>(call); }
};

// What runs in its own way, on what it owns. For one thread.
class ResolvedStep {
public:
    virtual ~ResolvedStep() = default;
    virtual void run() = 0;
};

class Calls {
public:
    Calls() = default;
    Calls(const Calls&) = delete;
    Calls& operator=(const Calls&) = delete;

    // Appends one with so many bytes behind it; it stays where it is. What Kind::call does is what it is for.
    template <class Kind> Kind& add(size_t more = 0) {
        static_assert(std::is_trivially_destructible_v<Kind>, "nobody destroys it");
        Kind* const call = new (take(sizeof(Kind) + more)) Kind{};
        call->run = Kind::call;
        *end_ = call;
        end_ = &call->next;
        return *call;
    }
    void add(std::unique_ptr<ResolvedStep> step);

    // Where the next one will be found.
    const Call* const* end() const { return end_; }
    void run() const { run(first_, nullptr); }
    static void run(const Call* call, const Call* end);

private:
    void* take(size_t bytes);

    const Call* first_ = nullptr;
    const Call** end_ = &first_;
    std::vector<Ref<Storage>> memory_;
    size_t left_ = 0;  // bytes of the last of it
    std::vector<std::unique_ptr<ResolvedStep>> steps_;
};

// An elementwise kernel. Where its operands are follows, then how each goes on.
struct ElementwiseCall : Call {
    kernels::ElementwiseKernel kernel;
    int64_t count;
    char* out;
    int64_t* step;

    static ElementwiseCall& add(Calls& calls, int operands) {
        auto& call = calls.add<ElementwiseCall>(size_t(operands) * (sizeof(const void*) + sizeof(int64_t)));
        call.step = reinterpret_cast<int64_t*>(call.data() + operands);
        return call;
    }
    const void** data() { return reinterpret_cast<const void**>(this + 1); }
    const void* const* data() const { return reinterpret_cast<const void* const*>(this + 1); }
    static void call(const Call& c) {
        const auto& it = as<ElementwiseCall>(c);
        it.kernel(it.count, it.data(), it.step, it.out);
    }
};

// All of what a plan is for. Where its operands are follows.
struct PlannedCall : Call {
    kernels::PlannedKernel kernel;
    const void* plan;
    char* out;
    void* work;

    static PlannedCall& add(Calls& calls, int operands) {
        return calls.add<PlannedCall>(size_t(operands) * sizeof(const void*));
    }
    const void** in() { return reinterpret_cast<const void**>(this + 1); }
    const void* const* in() const { return reinterpret_cast<const void* const*>(this + 1); }
    static void call(const Call& c) {
        const auto& it = as<PlannedCall>(c);
        it.kernel(it.plan, it.in(), it.out, it.work);
    }
};

// Small steps are mostly made of two kinds, which are called without a jump on the way.
inline void Calls::run(const Call* call, const Call* end) {
    for (; call != end; call = call->next) {
        if (call->run == PlannedCall::call) PlannedCall::call(*call);
        else if (call->run == ElementwiseCall::call) ElementwiseCall::call(*call);
        else call->run(*call);
    }
}

}  // namespace fg
