// Random numbers from a counter: any of them can be computed on its own, and no state moves from one to the next.
//
// The bits are the same on every machine and at every ISA level: nothing here calls libm or depends on vector width.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "kernels/table.hpp"

namespace fg {

using PhiloxBlock = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
PhiloxBlock philox(PhiloxBlock counter, PhiloxKey key);

// Names a sequence of numbers: the user's seed, who draws (numbered in creation order), and how often it has drawn
// before.
struct RandomKey {
    uint64_t seed = 0, stream = 0, step = 0;
};

// The key of one round of what draws from a stream again and again: another seed, so that its streams begin at 0.
RandomKey key_of_round(const RandomKey& key, uint64_t round, uint32_t part = 0);

// Hands out the streams of a seed one after the other, none twice, to any thread.
class Generator {
public:
    explicit Generator(uint64_t seed, uint64_t stream = 0) : next_{seed, stream, 0} {}

    // The key of the first of so many streams; the others follow it.
    RandomKey take(uint64_t streams);
    // Where it stands; goes there.
    RandomKey state() const;
    void set(uint64_t seed, uint64_t stream);

private:
    mutable std::mutex mutex_;
    RandomKey next_;
};

// The one of fg.manual_seed; its first seed is the system's.
Generator& global_generator();

// Element i of a key's sequence goes to out[i]; it depends on the key and i only, so a shorter draw is a prefix.
// T is float or double.

// [low, high); low when they are equal.
template <class T> void fill_uniform(const RandomKey& key, double low, double high, int64_t n, T* out);
// Box-Muller on the logarithm and sine below, rounded to T at the end.
template <class T> void fill_normal(const RandomKey& key, double mean, double deviation, int64_t n, T* out);
// True with probability p, which is rounded to a multiple of 2^-32. out[0] is element `first`, a multiple of 4.
void fill_bernoulli(const RandomKey& key, double p, int64_t first, int64_t n, bool* out);
// low <= x <= last, every value equally likely (Lemire's multiplication, with rejection).
void fill_integers(const RandomKey& key, int64_t low, int64_t last, int64_t n, int64_t* out);

// A permutation of 0..n-1 with random access. Small ones are drawn exactly and kept; larger ones are never written
// down: an alternating Feistel network over the next power of two, walked until it lands below n (at most twice on
// average).
class Permutation {
public:
    Permutation(int64_t n, uint64_t seed, uint64_t epoch);

    int64_t size() const { return n_; }
    // Where i goes, 0 <= i < size().
    int64_t at(int64_t i) const;
    // at(first), at(first + 1), ...: several times quicker than one by one.
    void fill(int64_t first, int64_t count, int64_t* out) const;

private:
    static constexpr int small = 64;  // networks below this width shuffle visibly unevenly

    int64_t n_;
    kernels::Feistel network_{};
    uint8_t drawn_[small] = {};
};

}  // namespace fg
