// Truth values drawn by Philox4x32-10, and permutations (core/random.hpp). Whole numbers only: every level gives the
// same.
#pragma once

#include "kernels/first_lanes.hpp"
#include "kernels/table.hpp"

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

// Numbers side by side: the compiler makes vectors of them, several of which hide how long a product takes. Few of
// those that do not fit 32 bits, which are of rows that hardly any machine holds: small code.
template <class Word> constexpr int permuted_together = sizeof(Word) == 4 ? 32 : 4;

template <class Word> FG_INLINE void permute_some(const Feistel& f, Word* numbers) {
    constexpr int together = permuted_together<Word>;
    uint32_t low[together], high[together];
    for (int k = 0; k < together; ++k) {
        low[k] = uint32_t(numbers[k]) & f.low_mask;
        high[k] = uint32_t(numbers[k] >> f.low_bits);
    }
    for (int r = 0; r < Feistel::rounds; r += 2) {
        for (int k = 0; k < together; ++k) high[k] ^= scramble(low[k] ^ f.keys[r]) & f.high_mask;
        for (int k = 0; k < together; ++k) low[k] ^= scramble(high[k] ^ f.keys[r + 1]) & f.low_mask;
    }
    for (int k = 0; k < together; ++k) numbers[k] = Word(high[k]) << f.low_bits | low[k];
}

// Those that land behind `last` wait until there are enough of them to go on with.
template <class Word> FG_OUT_OF_LINE void permute_words(const Feistel& f, int64_t first, int64_t count, int64_t* out) {
    constexpr int together = permuted_together<Word>;
    const Word last = Word(f.n - 1);
    Word waiting[2 * together];
    int64_t places[2 * together];
    int waits = 0;
    const auto keep_waiting = [&](Word number, int64_t place) {
        waiting[waits] = number;
        places[waits++] = place;
    };
    const auto go_on = [&](int n) {
        Word numbers[together] = {};
        int64_t to[together];
        waits -= n;
        for (int k = 0; k < n; ++k) {
            numbers[k] = waiting[waits + k];
            to[k] = places[waits + k];
        }
        permute_some(f, numbers);
        for (int k = 0; k < n; ++k) {
            out[to[k]] = int64_t(numbers[k]);
            if (numbers[k] > last) keep_waiting(numbers[k], to[k]);
        }
    };
    for (int64_t i = 0; i < count; i += together) {
        const int some = int(smaller(count - i, together));
        Word numbers[together];
        for (int k = 0; k < together; ++k) numbers[k] = Word(first + i) + Word(k);
        permute_some(f, numbers);
        Word behind = 0;
        for (int k = 0; k < together; ++k) behind |= Word(numbers[k] > last);
        if (some == together)
            for (int k = 0; k < together; ++k) out[i + k] = int64_t(numbers[k]);
        else
            for (int k = 0; k < some; ++k) out[i + k] = int64_t(numbers[k]);
        if (behind == 0) continue;
        for (int k = 0; k < some; ++k)
            if (numbers[k] > last) keep_waiting(numbers[k], i + k);
        while (waits >= together) go_on(together);
    }
    while (waits > 0) go_on(int(smaller(waits, together)));
}

inline void permute(const Feistel& f, int64_t first, int64_t count, int64_t* out) {
    if (f.n <= int64_t(1) << 32) permute_words<uint32_t>(f, first, count, out);
    else permute_words<uint64_t>(f, first, count, out);
}

}  // namespace
}  // namespace fg::kernels
