// Philox against its published answers, numbers against their promises, permutations against counting.
#include <cmath>
#include <cstring>
#include <vector>

#include "check.hpp"
#include "core/error.hpp"
#include "core/random.hpp"
#include "kernel_testing.hpp"

namespace {

using fg::Permutation;
using fg::RandomKey;

// Random123's kat_vectors, philox4x32 with 10 rounds.
void test_known_answers() {
    CHECK(fg::philox({0, 0, 0, 0}, {0, 0}) == fg::PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(fg::philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
          fg::PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(fg::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          fg::PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

// At every level, from any block on: one word of Philox a value.
void test_truth_values() {
    const uint32_t key[] = {11, 22};
    for (const fg::kernels::KernelTable* level : fg::test::all_levels())
        for (int64_t n : {1, 3, 4, 95, 96, 97, 1000}) {
            const uint64_t first = (1ull << 32) - 20, step = 5ull << 32 | 7;
            const uint32_t last = 1u << 30;
            std::vector<char> out(size_t(n) + 1, 2);
            level->bernoulli(first, n, step, key, last, reinterpret_cast<bool*>(out.data()));
            bool same = out[size_t(n)] == 2;
            for (int64_t i = 0; i < n; ++i) {
                const uint64_t block = first + uint64_t(i) / 4;
                const auto words = fg::philox({uint32_t(block), uint32_t(block >> 32), 7, 5}, {11, 22});
                same &= out[size_t(i)] == char(words[size_t(i % 4)] <= last);
            }
            CHECK(same);
        }
    bool all[9] = {}, none[9] = {true, true, true, true, true, true, true, true, true};
    fg::fill_bernoulli({1, 2, 3}, 1, 0, 9, all);
    fg::fill_bernoulli({1, 2, 3}, 0, 0, 9, none);
    for (int i = 0; i < 9; ++i) CHECK(all[i] && !none[i]);
}

template <class T, class Fill> void test_sequences(const Fill& fill) {
    const int64_t n = 37;
    std::vector<T> whole(n), prefix(n), other(n);
    fill(RandomKey{1, 2, 3}, n, whole.data());
    for (int64_t m = 0; m <= n; ++m) {
        fill(RandomKey{1, 2, 3}, m, prefix.data());
        bool same = true;
        for (int64_t i = 0; i < m; ++i) same &= prefix[size_t(i)] == whole[size_t(i)];
        CHECK(same);
    }
    const RandomKey others[] = {{2, 2, 3},          {1, 3, 3},          {1, 2, 4},
                                {1ull << 32, 2, 3}, {1, 1ull << 32, 3}, {1, 2, 1ull << 32}};
    for (const RandomKey& key : others) {
        fill(key, n, other.data());
        int equal = 0;
        for (size_t i = 0; i < size_t(n); ++i) equal += other[i] == whole[i];
        CHECK(equal < n / 2);
    }
}

// Mean and variance of n independent numbers lie within five standard errors.
template <class T> void test_moments(const std::vector<T>& x, double mean, double variance, double fourth) {
    double sum = 0, squares = 0;
    for (T v : x) sum += double(v) - mean;
    for (T v : x) squares += (double(v) - mean) * (double(v) - mean);
    const double n = double(x.size());
    CHECK(std::fabs(sum / n) < 5 * std::sqrt(variance / n));
    CHECK(std::fabs(squares / n - variance) < 5 * std::sqrt((fourth - variance * variance) / n));
}

template <class T> void test_real_numbers() {
    const int64_t n = 200000;
    std::vector<T> x(n);
    fg::fill_uniform<T>({7, 0, 0}, 0, 1, n, x.data());
    test_moments(x, 0.5, 1.0 / 12, 1.0 / 80);
    bool inside = true;
    for (T v : x) inside &= v >= 0 && v < 1;
    CHECK(inside);

    // Bounds so near that rounding would reach the end.
    const T low = T(1), high = std::nextafter(std::nextafter(low, T(2)), T(2));
    fg::fill_uniform<T>({7, 0, 0}, double(low), double(high), n, x.data());
    inside = true;
    for (T v : x) inside &= v >= low && v < high;
    CHECK(inside);
    fg::fill_uniform<T>({7, 0, 0}, 3, 3, n, x.data());
    CHECK(x[0] == T(3) && x[size_t(n - 1)] == T(3));

    fg::fill_normal<T>({7, 0, 0}, 2, 3, n, x.data());
    test_moments(x, 2, 9, 243);
    bool finite = true;
    for (T v : x) finite &= std::isfinite(v);
    CHECK(finite);
}

void test_integers() {
    const int64_t n = 60000;
    std::vector<int64_t> x(n);
    fg::fill_integers({3, 0, 0}, -2, 3, n, x.data());
    int64_t counts[6] = {};
    for (int64_t v : x)
        if (CHECK(v >= -2 && v <= 3)) ++counts[v + 2];
    double chi_squared = 0;
    for (int64_t c : counts) chi_squared += double((c - n / 6) * (c - n / 6)) / double(n / 6);
    CHECK(chi_squared < 25.7);  // 1 in 10,000 with 5 degrees of freedom

    fg::fill_integers({3, 0, 0}, 5, 5, 3, x.data());
    CHECK(x[0] == 5 && x[1] == 5 && x[2] == 5);
    // A range of 3/4 of all numbers rejects every fourth attempt or so.
    fg::fill_integers({3, 0, 0}, INT64_MIN / 2, INT64_MAX, n, x.data());
    int64_t low = 0;
    for (int64_t v : x) {
        CHECK(v >= INT64_MIN / 2);
        low += v < 0;
    }
    CHECK(std::fabs(double(low) - double(n) / 3) < 5 * std::sqrt(double(n) * 2 / 9));
    fg::fill_integers({3, 0, 0}, INT64_MIN, INT64_MAX, n, x.data());
    low = 0;
    for (int64_t v : x) low += v < 0;
    CHECK(std::fabs(double(low) - double(n) / 2) < 5 * std::sqrt(double(n) / 4));
}

// The network of a permutation by its definition, a number at a time.
int64_t walked(const fg::kernels::Feistel& f, int64_t i) {
    const auto scramble = [](uint32_t x) {
        x = (x ^ x >> 16) * 0x7feb352du;
        x = (x ^ x >> 15) * 0x846ca68bu;
        return x ^ x >> 16;
    };
    do {
        uint32_t low = uint32_t(i) & f.low_mask, high = uint32_t(uint64_t(i) >> f.low_bits);
        for (int r = 0; r < fg::kernels::Feistel::rounds; r += 2) {
            high ^= scramble(low ^ f.keys[r]) & f.high_mask;
            low ^= scramble(high ^ f.keys[r + 1]) & f.low_mask;
        }
        i = int64_t(uint64_t(high) << f.low_bits | low);
    } while (i >= f.n);
    return i;
}

// At every level, of sizes on both sides of what fits 32 bits: many that land at once, and half that do not.
void test_networks() {
    for (int bits : {7, 20, 31, 32, 33, 40, 62})
        for (int64_t n : {int64_t(1) << bits, (int64_t(1) << bits) - 1, (int64_t(1) << (bits - 1)) + 1}) {
            fg::kernels::Feistel f{n, bits / 2, 0, 0, {}};
            f.low_mask = uint32_t((uint64_t(1) << f.low_bits) - 1);
            f.high_mask = uint32_t((uint64_t(1) << (bits - f.low_bits)) - 1);
            for (int r = 0; r < fg::kernels::Feistel::rounds; ++r) f.keys[r] = 0x9e3779b9u * uint32_t(r + bits);
            for (const fg::kernels::KernelTable* level : fg::test::all_levels())
                for (int64_t count : {1, 31, 32, 33, 64}) {
                    const int64_t first = n - count;  // at its end, where 32 bits would go round
                    std::vector<int64_t> out(size_t(count) + 1, -7);
                    level->permute(f, first, count, out.data());
                    bool same = out.back() == -7;
                    for (int64_t i = 0; i < count; ++i) same &= out[size_t(i)] == walked(f, first + i);
                    CHECK(same);
                }
        }
}

void test_permutations() {
    for (int64_t n : {1, 2, 3, 63, 64, 65, 127, 128, 129, 1000, 4096, 5000}) {
        const Permutation p(n, 42, 7);
        CHECK(p.size() == n);
        std::vector<bool> seen(size_t(n), false);
        std::vector<int64_t> all(static_cast<size_t>(n));
        p.fill(0, n, all.data());
        bool onto = true, same = true;
        for (int64_t i = 0; i < n; ++i) {
            const int64_t to = p.at(i);
            onto &= to >= 0 && to < n && !seen[size_t(to)];
            seen[size_t(to)] = true;
            same &= all[size_t(i)] == to;
        }
        CHECK(onto);
        CHECK(same);
        int64_t part[20] = {};
        const int64_t first = n / 3, count = n - first < 20 ? n - first : 20;
        p.fill(first, count, part);
        for (int64_t i = 0; i < count; ++i) CHECK(part[i] == all[size_t(first + i)]);
    }
    const Permutation huge(int64_t(1) << 62, 1, 1);
    CHECK(huge.at(0) != huge.at(1) && huge.at((int64_t(1) << 62) - 1) >= 0);

    // Over many epochs every pair of the first two is equally likely: an exact shuffle, and a network.
    for (int64_t n : {6, 70}) {
        const int epochs = 100000;
        std::vector<int> counts(size_t(n * n), 0);
        for (int e = 0; e < epochs; ++e) {
            const Permutation p(n, 5, uint64_t(e));
            ++counts[size_t(p.at(0) * n + p.at(1))];
        }
        const double pairs = double(n * (n - 1)), expected = epochs / pairs;
        double chi_squared = 0;
        for (int64_t k = 0; k < n * n; ++k) {
            const int c = counts[size_t(k)];
            if (k / n == k % n) CHECK(c == 0);
            else chi_squared += (c - expected) * (c - expected) / expected;
        }
        CHECK(std::fabs(chi_squared - (pairs - 1)) < 5 * std::sqrt(2 * (pairs - 1)));
    }
    bool refused = false;
    try {
        const Permutation none(0, 1, 1);
    } catch (const fg::ValueError&) {
        refused = true;
    }
    CHECK(refused);
}

// FNV-1a over the bytes, little-endian.
template <class T> uint64_t hash(const std::vector<T>& x) {
    uint64_t h = 0xcbf29ce484222325;
    for (const T& v : x) {
        uint64_t bits = 0;
        std::memcpy(&bits, &v, sizeof v);
        for (size_t i = 0; i < sizeof v; ++i) h = (h ^ (bits >> 8 * i & 0xff)) * 0x100000001b3;
    }
    return h;
}

// The same bits on every machine, compiler and ISA level.
void test_bits() {
    const RandomKey key{20240229, 11, 5};
    const int64_t n = 10000;
    std::vector<float> f(n);
    std::vector<double> d(n);
    std::vector<int64_t> i(n);
    fg::fill_uniform<float>(key, -1, 3, n, f.data());
    CHECK(hash(f) == 0x78569b2f856158e0);
    fg::fill_uniform<double>(key, -1, 3, n, d.data());
    CHECK(hash(d) == 0xb169b5964b545705);
    fg::fill_normal<float>(key, 1, 2, n, f.data());
    CHECK(hash(f) == 0x8fd09575b4ab2ea3);
    fg::fill_normal<double>(key, 1, 2, n, d.data());
    CHECK(hash(d) == 0x6aa0d7b373e9fae1);
    fg::fill_integers(key, -1000, 1000, n, i.data());
    CHECK(hash(i) == 0xb345d43101300f49);
    Permutation(n, key.seed, 9).fill(0, n, i.data());
    CHECK(hash(i) == 0x33811259cdb47b21);
    i.resize(50);
    Permutation(50, key.seed, 9).fill(0, 50, i.data());
    CHECK(hash(i) == 0xc415c933d9c877e4);
}

}  // namespace

int suite_random() {
    test_known_answers();
    test_sequences<float>(
        [](const RandomKey& key, int64_t n, float* out) { fg::fill_uniform<float>(key, 0, 1, n, out); });
    test_sequences<double>(
        [](const RandomKey& key, int64_t n, double* out) { fg::fill_uniform<double>(key, 0, 1, n, out); });
    test_sequences<float>(
        [](const RandomKey& key, int64_t n, float* out) { fg::fill_normal<float>(key, 0, 1, n, out); });
    test_sequences<double>(
        [](const RandomKey& key, int64_t n, double* out) { fg::fill_normal<double>(key, 0, 1, n, out); });
    test_sequences<int64_t>(
        [](const RandomKey& key, int64_t n, int64_t* out) { fg::fill_integers(key, 0, 1 << 30, n, out); });
    test_real_numbers<float>();
    test_real_numbers<double>();
    test_integers();
    test_truth_values();
    test_networks();
    test_permutations();
    test_bits();
    return 0;
}
