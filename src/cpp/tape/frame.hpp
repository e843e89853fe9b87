// Frame: the memory that runs of what was lowered use one after the other, every step's operands found in it.
#pragma once

#include <cstring>

#include "tape/lowering.hpp"

namespace fg {

// For one thread. What was lowered stays.
class Frame {
public:
    // On lowered.arena_bytes of memory, or, without, on its own.
    explicit Frame(const Lowered& lowered, char* arena = nullptr);
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    Bases bases() const { return bases_.data(); }
    // The memory of an input, an output or a stack, until it is placed elsewhere.
    void place(int base, const void* data) {
        char* const at = static_cast<char*>(const_cast<void*>(data));
        bases_[size_t(base)] = at;
        for (int f = first_follower_[size_t(base)]; f < first_follower_[size_t(base) + 1]; ++f)
            followers_[size_t(f)].write(at);
    }
    // Of the draws of the next run.
    void set_key(const RandomKey& key) {
        key_[0] = int64_t(key.seed);
        key_[1] = int64_t(key.stream);
    }
    void run() const { calls_.run(); }
    // One of the steps.
    void run_step(size_t i) const { Calls::run(*begins_[i], *begins_[i + 1]); }

private:
    class Finding;
    // An address to be kept up to date.
    struct Follower {
        int base;
        void* at;  // of a pointer, whatever to
        int64_t offset;

        void write(char* memory) const {
            char* const address = memory + offset;
            std::memcpy(at, &address, sizeof address);
        }
    };

    Ref<Storage> arena_, work_;
    std::vector<char*> bases_;
    int64_t key_[2] = {};
    Calls calls_;
    std::vector<const Call* const*> begins_;  // where the calls of each step begin, and the end
    std::vector<Follower> followers_;         // by base
    std::vector<int> first_follower_;         // of each base, and the end
};

}  // namespace fg
