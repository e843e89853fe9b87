// Truth values drawn by Philox4x32-10, and permutations (core/random.hpp). Whole numbers only: every level gives the
// same.
#pragma once

#include "kernels/table.hpp"
#include "kernels/vec.hpp"

namespace fg::kernels {
namespace {

// A word in the lower half of each lane, whatever above it: the upper half of a product is read by a shift, the lower
// one where it lies.
using Words = uint64_native;
constexpr int word_lanes = vector_bytes / 8;

// Four truth values a lane, and where value w stands in one.
typedef uint32_t FourBytes __attribute__((vector_size(vector_bytes / 2)));
constexpr int byte_of(int w) { return 8 * (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? w : 3 - w); }

// Products of the lower halves.
FG_INLINE Words low_products(Words a, uint32_t b) {
#if defined(__AVX512F__)
    return (Words)_mm512_maskz_mul_epu32(all_lanes_8, (__m512i)a, _mm512_set1_epi64(b));
#elif defined(__AVX2__)
    return (Words)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#elif defined(__SSE2__)
    return (Words)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x(b));
#else
    return (a & 0xffffffffu) * uint64_t(b);
#endif
}

// Blocks side by side hide how long a product takes.
constexpr int block_vectors = 3;
constexpr int blocks_together = block_vectors * word_lanes;

// The four words of blocks first, first + 1, ...; out[4 k + w]: whether word w of block k is at most `last`.
FG_INLINE void bernoulli_blocks(uint64_t first, uint64_t step, uint32_t key0, uint32_t key1, uint32_t last, bool* out) {
    Words c[block_vectors][4];
    for (int v = 0; v < block_vectors; ++v) {
        Words counter;
        for (int lane = 0; lane < word_lanes; ++lane) counter[lane] = first + uint64_t(v * word_lanes + lane);
        c[v][0] = counter;
        c[v][1] = counter >> 32;
        c[v][2] = Words{} + step;
        c[v][3] = Words{} + (step >> 32);
    }
    for (int round = 0; round < 10; ++round) {
        for (Words(&w)[4] : c) {
            const Words a = low_products(w[0], 0xd2511f53u), b = low_products(w[2], 0xcd9e8d57u);
            w[0] = (b >> 32) ^ w[1] ^ uint64_t(key0);
            w[1] = b;
            w[2] = (a >> 32) ^ w[3] ^ uint64_t(key1);
            w[3] = a;
        }
        key0 += 0x9e3779b9u;
        key1 += 0xbb67ae85u;
    }
    for (int v = 0; v < block_vectors; ++v) {
        Words bytes{};
        for (int w = 0; w < 4; ++w) bytes |= (~(uint64_t(last) - (c[v][w] & 0xffffffffu)) >> 63) << byte_of(w);
        const auto four = __builtin_convertvector(bytes, FourBytes);
        memcpy(out + 4 * v * word_lanes, &four, sizeof four);
    }
}

inline void bernoulli(uint64_t first, int64_t n, uint64_t step, const uint32_t* key, uint32_t last, bool* out) {
    constexpr int together = 4 * blocks_together;
    int64_t i = 0;
    for (; i + together <= n; i += together)
        bernoulli_blocks(first + uint64_t(i) / 4, step, key[0], key[1], last, out + i);
    if (i == n) return;
    bool rest[together];
    bernoulli_blocks(first + uint64_t(i) / 4, step, key[0], key[1], last, rest);
    memcpy(out + i, rest, size_t(n - i));
}

// Scrambles all bits of a word (Wellons' lowbias32).
FG_INLINE uint32_t scramble(uint32_t x) {
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

// Numbers side by side: the compiler makes vectors of them, several of which hide how long a product takes.
constexpr int permuted_together = 32;

FG_INLINE void permute_some(const Feistel& f, int64_t* numbers) {
    uint32_t low[permuted_together], high[permuted_together];
    for (int k = 0; k < permuted_together; ++k) {
        low[k] = uint32_t(numbers[k]) & f.low_mask;
        high[k] = uint32_t(uint64_t(numbers[k]) >> f.low_bits);
    }
    for (int r = 0; r < Feistel::rounds; r += 2) {
        for (int k = 0; k < permuted_together; ++k) high[k] ^= scramble(low[k] ^ f.keys[r]) & f.high_mask;
        for (int k = 0; k < permuted_together; ++k) low[k] ^= scramble(high[k] ^ f.keys[r + 1]) & f.low_mask;
    }
    for (int k = 0; k < permuted_together; ++k) numbers[k] = int64_t(uint64_t(high[k]) << f.low_bits | low[k]);
}

// Those that land at n or above wait until there are enough of them to go on with.
inline void permute(const Feistel& f, int64_t first, int64_t count, int64_t* out) {
    int64_t numbers[permuted_together], waiting[2 * permuted_together], places[2 * permuted_together];
    int waits = 0;
    const auto go_on = [&](int n) {
        int64_t from[permuted_together] = {};
        int64_t to[permuted_together];
        for (int k = 0; k < n; ++k) {
            from[k] = waiting[waits - n + k];
            to[k] = places[waits - n + k];
        }
        waits -= n;
        permute_some(f, from);
        for (int k = 0; k < n; ++k) {
            out[to[k]] = from[k];
            if (from[k] < f.n) continue;
            waiting[waits] = from[k];
            places[waits++] = to[k];
        }
    };
    for (int64_t i = 0; i < count; i += permuted_together) {
        const int some = int(count - i < permuted_together ? count - i : permuted_together);
        for (int k = 0; k < permuted_together; ++k) numbers[k] = first + i + (k < some ? k : 0);
        permute_some(f, numbers);
        for (int k = 0; k < some; ++k) {
            out[i + k] = numbers[k];
            if (numbers[k] < f.n) continue;
            waiting[waits] = numbers[k];
            places[waits++] = i + k;
        }
        while (waits >= permuted_together) go_on(permuted_together);
    }
    while (waits > 0) go_on(waits < permuted_together ? waits : permuted_together);
}

}  // namespace
}  // namespace fg::kernels
