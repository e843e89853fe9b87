// Body: a recording that a region runs again and again, on memory that the region finds for it.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "tape/frame.hpp"

namespace fg {

// Records what f makes of inputs of these metas, as the body of a region. f gets and gives tensors.
Recording record_body(Span<Meta> inputs, const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& f);

// While the gradient of a body is recorded: uses the body on variables, and gives what flows to those at `to` from its
// outputs `of`, whose gradients are `seeds`; null where nothing does.
std::vector<Tensor> flows_through_body(const Recording& body, Span<Tensor> variables, const std::vector<int>& to,
                                       const std::vector<int>& of, Span<Tensor> seeds);

// What stands for a kind of region where an op is named.
Op region_op(const char* name, const char* doc);

// The key at some numbers, further on by so many streams.
RandomKey key_from(const void* numbers, int64_t draw);

// Something made when it is first asked for, and kept. Its lock is only ever tried: where another thread holds it (or
// held it as the process forked), the caller makes one for itself.
template <class T> class Kept {
public:
    template <class Make> Ref<T> get(Make make) const {
        std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
        if (lock && kept_) return kept_;
        if (lock) lock.unlock();  // what is made may ask for this again
        Ref<T> made = make();
        if (lock.try_lock() && !kept_) kept_ = made;
        return made;
    }

private:
    mutable std::mutex mutex_;
    mutable Ref<T> kept_;
};

// What gradients of a region were made, for which outputs and inputs. The lock is as in Kept.
template <class T> class KeptGradients {
public:
    using Chosen = std::vector<bool>;

    template <class Make> std::shared_ptr<const T> get(const Chosen& given, const Chosen& wanted, Make make) const {
        const auto key = std::make_pair(given, wanted);
        {
            const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
            if (lock)
                if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
        }
        const std::shared_ptr<const T> made = make();
        const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
        if (lock) kept_.emplace(key, made);
        return made;
    }

private:
    mutable std::mutex mutex_;
    mutable std::map<std::pair<Chosen, Chosen>, std::shared_ptr<const T>> kept_;
};

// Working memory of a step, one piece after the other.
class WorkPlan {
public:
    int64_t take(int64_t bytes) {
        const int64_t at = bytes_;
        bytes_ += aligned(bytes);
        return at;
    }
    int64_t pointers(size_t count) { return take(int64_t(count * sizeof(char*))); }
    int64_t bytes() const { return bytes_; }

private:
    int64_t bytes_ = 0;
};

// The operands of a region's step from some place on, contiguous: others are copied to its working memory.
class ContiguousOperands {
public:
    ContiguousOperands(const std::vector<Operand>& operands, size_t first, WorkPlan& plan);
    // Where their numbers are; of a stack, its memory.
    const char* const* find(const std::vector<Operand>& operands, Bases bases, char* work) const;

private:
    size_t first_;
    std::vector<int64_t> copied_to_;  // -1: it is contiguous
    int64_t pointers_at_;
};

// The stacks inside a region.
Stack* const* find_stacks(int first, int count, Bases bases, char* pointers);

// A recording ready to run. Its results are contiguous.
class BodyCode : public RefCounted {
public:
    explicit BodyCode(const Recording& recording);

    int64_t arena_bytes() const { return lowered_.arena_bytes; }  // of a Run
    int stacks() const { return lowered_.bases.stack_count; }
    double work() const { return work_; }  // of one run, as StepInfo has it
    int64_t bytes() const { return bytes_; }
    // The input that a result merely hands on, or -1.
    int handed_on(int result) const { return handed_on_[size_t(result)]; }
    int results() const { return int(results_.size()); }
    int64_t result_bytes(int result) const { return results_[size_t(result)].bytes; }
    std::string steps_text() const;

    // Whether a result may be made in the very memory of an input.
    bool overwrites(int result, int input) const;

    // The memory of runs one after the other, for one thread.
    class Run {
    public:
        // On memory of the body's, or, without, on its own.
        explicit Run(const BodyCode& code, char* arena = nullptr)
            : code_(code),
              frame_(code.lowered_, arena),
              targets_(code.results_.size()),
              inputs_(code.lowered_.bases.inputs) {}

        void input(int i, const void* data) { frame_.place(inputs_ + i, data); }
        // Where a result goes: to contiguous memory that no input lies in, unless it overwrites that.
        void output(int i, void* data) {
            const int base = code_.results_[size_t(i)].base;
            if (base >= 0) frame_.place(base, data);
            else targets_[size_t(i)] = static_cast<char*>(data);
        }
        void stacks(Stack* const* stacks) {
            const BasePlan& plan = code_.lowered_.bases;
            for (int i = 0; i < plan.stack_count; ++i) frame_.place(plan.stacks + i, stacks[i]);
        }
        bool draws() const { return code_.lowered_.bases.key >= 0; }
        void key(const RandomKey& key) { frame_.set_key(key); }
        void run() {
            frame_.run();
            for (int i : code_.copied_) copy_out(i);
        }

    private:
        void copy_out(int i) const;

        const BodyCode& code_;
        Frame frame_;
        std::vector<char*> targets_;  // of results that are copied
        int inputs_;
    };

private:
    struct Result {
        int base;  // it is made in place there; -1: it is copied
        int64_t bytes;
        Operand operand;
        bool contiguous;
    };

    Lowered lowered_;
    std::vector<Result> results_;
    std::vector<int> copied_, handed_on_;
    int64_t bytes_ = 0;
    double work_ = 0;
};

}  // namespace fg
