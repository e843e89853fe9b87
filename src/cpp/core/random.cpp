// Philox, and numbers and permutations made from it.
#include "core/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "core/error.hpp"

namespace fg {
namespace {

// What a key is derived for: sequences and permutations of one seed have nothing to do with each other.
enum Purpose : uint32_t { sequence = 0, permutation = 1, round_of_loop = 2 };

uint32_t low_word(uint64_t x) { return uint32_t(x); }
uint32_t high_word(uint64_t x) { return uint32_t(x >> 32); }
uint64_t join(uint32_t low, uint32_t high) { return uint64_t(high) << 32 | low; }

PhiloxBlock derive(uint64_t seed, uint64_t name, uint32_t part, Purpose purpose) {
    return philox({low_word(name), high_word(name), part, purpose}, {low_word(seed), high_word(seed)});
}

// The blocks of four words of one sequence, in any order.
class Blocks {
public:
    explicit Blocks(const RandomKey& key) : step_(key.step) {
        const PhiloxBlock derived = derive(key.seed, key.stream, 0, sequence);
        key_ = {derived[0], derived[1]};
    }
    PhiloxBlock operator()(uint64_t i) const {
        return philox({low_word(i), high_word(i), low_word(step_), high_word(step_)}, key_);
    }
    const PhiloxKey& key() const { return key_; }

private:
    PhiloxKey key_;
    uint64_t step_;
};

double unit(uint32_t low, uint32_t high) { return double(join(low, high) >> 11) * 0x1p-53; }  // [0, 1)

// Natural logarithm of x in (0, 1], to about an ulp: x = m 2^e with m near 1, log m = 2 atanh((m - 1) / (m + 1)).
double logarithm(double x) {
    uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    int e = int(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
    double m;
    std::memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        ++e;
    }
    const double s = (m - 1.0) / (m + 1.0), z = s * s;
    double series = 0.0;
    for (int k = 21; k >= 3; k -= 2) series = (series + 1.0 / k) * z;
    return (2.0 * s + 2.0 * s * series) + double(e) * 0.6931471805599453;
}

// cos and sin of 2 pi t for t in [0, 1): the nearest quarter turn, and Taylor series on what is left (at most pi / 4).
void turn(double t, double& cosine, double& sine) {
    const int quarter = int(t * 4.0 + 0.5);
    const double x = (t - quarter * 0.25) * 6.283185307179586, z = x * x;
    double s = 0.0, c = 0.0;
    for (int k = 17; k >= 3; k -= 2) s = (1.0 + s) * (-z / double(k * (k - 1)));
    for (int k = 16; k >= 2; k -= 2) c = (1.0 + c) * (-z / double(k * (k - 1)));
    s = x + x * s;
    c = 1.0 + c;
    switch (quarter & 3) {
        case 0: cosine = c, sine = s; break;
        case 1: cosine = -s, sine = c; break;
        case 2: cosine = -c, sine = -s; break;
        default: cosine = s, sine = -c; break;
    }
}

// Two independent standard normal numbers from u in (0, 1] and t in [0, 1).
void box_muller(double u, double t, double* out) {
    const double radius = std::sqrt(-2.0 * logarithm(u));
    double cosine, sine;
    turn(t, cosine, sine);
    out[0] = radius * cosine;
    out[1] = radius * sine;
}

// Calls make(block, numbers) for each block and scales what it leaves in `numbers` into out.
template <int per_block, class T, class Make, class Scale>
void fill(const RandomKey& key, int64_t n, T* out, const Make& make, const Scale& scale) {
    const Blocks blocks(key);
    double numbers[per_block];
    for (int64_t i = 0; i < n; i += per_block) {
        make(blocks(uint64_t(i / per_block)), numbers);
        const int count = int(n - i < per_block ? n - i : per_block);
        for (int k = 0; k < count; ++k) out[i + k] = scale(numbers[k]);
    }
}

}  // namespace

PhiloxBlock philox(PhiloxBlock c, PhiloxKey key) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = uint64_t(c[0]) * 0xd2511f53u, b = uint64_t(c[2]) * 0xcd9e8d57u;
        c = {high_word(b) ^ c[1] ^ key[0], low_word(b), high_word(a) ^ c[3] ^ key[1], low_word(a)};
        key[0] += 0x9e3779b9u;
        key[1] += 0xbb67ae85u;
    }
    return c;
}

RandomKey key_of_round(const RandomKey& key, uint64_t round, uint32_t part) {
    const PhiloxBlock of_stream = derive(key.seed, key.stream, part, round_of_loop);
    const PhiloxBlock words =
        philox({low_word(round), high_word(round), part, round_of_loop}, {of_stream[0], of_stream[1]});
    return {join(words[0], words[1]), 0, 0};
}

RandomKey Generator::take(uint64_t streams) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const RandomKey first = next_;
    next_.stream += streams;
    return first;
}

RandomKey Generator::state() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return next_;
}

void Generator::set(uint64_t seed, uint64_t stream) {
    const std::lock_guard<std::mutex> lock(mutex_);
    next_ = {seed, stream, 0};
}

Generator& global_generator() {
    static auto& generator = *new Generator([] {
        std::random_device system;
        return join(uint32_t(system()), uint32_t(system()));
    }());
    return generator;
}

template <class T> void fill_uniform(const RandomKey& key, double low, double high, int64_t n, T* out) {
    constexpr bool single = sizeof(T) == 4;
    const T first = T(low), width = T(high) - first, end = T(high);
    const T last = end > first ? std::nextafter(end, first) : first;  // rounding may reach the end
    const auto scale = [=](double u) {
        const T x = first + T(u) * width;
        return x < end ? x : last;
    };
    const auto make = [](const PhiloxBlock& w, double* u) {
        if constexpr (single) {
            for (int k = 0; k < 4; ++k) u[k] = double(w[size_t(k)] >> 8) * 0x1p-24;
        } else {
            u[0] = unit(w[0], w[1]);
            u[1] = unit(w[2], w[3]);
        }
    };
    fill<single ? 4 : 2>(key, n, out, make, scale);
}

template <class T> void fill_normal(const RandomKey& key, double mean, double deviation, int64_t n, T* out) {
    constexpr bool single = sizeof(T) == 4;
    const auto scale = [=](double z) { return T(mean + deviation * z); };
    const auto make = [](const PhiloxBlock& w, double* z) {
        if constexpr (single) {
            box_muller((double(w[0]) + 1.0) * 0x1p-32, double(w[1]) * 0x1p-32, z);
            box_muller((double(w[2]) + 1.0) * 0x1p-32, double(w[3]) * 0x1p-32, z + 2);
        } else {
            box_muller(unit(w[0], w[1]) + 0x1p-53, unit(w[2], w[3]), z);
        }
    };
    fill<single ? 4 : 2>(key, n, out, make, scale);
}

template void fill_uniform(const RandomKey&, double, double, int64_t, float*);
template void fill_uniform(const RandomKey&, double, double, int64_t, double*);
template void fill_normal(const RandomKey&, double, double, int64_t, float*);
template void fill_normal(const RandomKey&, double, double, int64_t, double*);

void fill_bernoulli(const RandomKey& key, double p, int64_t first, int64_t n, bool* out) {
    const auto bound = uint64_t(p * 0x1p32 + 0.5);  // how many of the 2^32 words are true
    if (bound == 0) return std::fill(out, out + n, false);
    kernels::table().bernoulli(uint64_t(first) / 4, n, key.step, Blocks(key).key().data(), uint32_t(bound - 1), out);
}

void fill_integers(const RandomKey& key, int64_t low, int64_t last, int64_t n, int64_t* out) {
    __extension__ using Wide = unsigned __int128;
    const Blocks blocks(key);
    const uint64_t count = uint64_t(last) - uint64_t(low) + 1;  // 0: all 2^64
    const uint64_t rejected = count ? (0 - count) % count : 0;
    for (int64_t i = 0; i < n; ++i) {
        // A number takes half a block; further attempts read blocks that no number begins in.
        for (uint64_t attempt = 0;; ++attempt) {
            const PhiloxBlock w = blocks(uint64_t(i) / 2 | attempt << 48);
            const uint64_t word = i % 2 ? join(w[2], w[3]) : join(w[0], w[1]);
            const Wide product = Wide(word) * count;
            if (count && uint64_t(product) < rejected) continue;
            out[i] = int64_t(uint64_t(low) + (count ? uint64_t(product >> 64) : word));
            break;
        }
    }
}

Permutation::Permutation(int64_t n, uint64_t seed, uint64_t epoch) : n_(n) {
    if (n < 1) throw ValueError(say("a permutation needs at least one element, got ", n));
    const auto words = [&](int part) { return derive(seed, epoch, uint32_t(part), permutation); };
    if (n <= small) {
        // Fisher and Yates, from the inside out; the multiplication's bias is below 2^-57.
        __extension__ using Wide = unsigned __int128;
        for (int i = 0; i < n; ++i) {
            const PhiloxBlock w = words(i);
            const int j = int(uint64_t(Wide(join(w[0], w[1])) * unsigned(i + 1) >> 64));
            drawn_[i] = drawn_[j];
            drawn_[j] = uint8_t(i);
        }
        return;
    }
    int bits = 7;
    while (bits < 63 && (int64_t(1) << bits) < n) ++bits;
    network_.n = n;
    network_.low_bits = bits / 2;
    network_.low_mask = uint32_t((uint64_t(1) << network_.low_bits) - 1);
    network_.high_mask = uint32_t((uint64_t(1) << (bits - network_.low_bits)) - 1);
    for (int r = 0; r < kernels::Feistel::rounds; r += 4) {
        const PhiloxBlock w = words(r);
        for (int k = 0; k < 4; ++k) network_.keys[r + k] = w[size_t(k)];
    }
}

int64_t Permutation::at(int64_t i) const {
    int64_t to;
    fill(i, 1, &to);
    return to;
}

void Permutation::fill(int64_t first, int64_t count, int64_t* out) const {
    if (n_ > small) return kernels::table().permute(network_, first, count, out);
    for (int64_t i = 0; i < count; ++i) out[i] = drawn_[first + i];
}

}  // namespace fg
