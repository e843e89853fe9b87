// What this machine can do at most: fused multiply-adds per second and bytes read per second, on a given number of
// threads. Built by the bench with -O3 -march=native and called through ctypes; every function returns after a fixed
// amount of work, so that the harness times it like any contestant, in the same turns.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

template <class T> struct VecOf { typedef T type __attribute__((vector_size(vector_bytes))); };
template <class T> using Vec = typename VecOf<T>::type;

// Two FMA units of latency 4 or 5 want at least 10 independent chains; 16 registers hold 12 and two constants.
constexpr int chains = 12;

volatile double sink;

template <class T> void fma_chain(std::int64_t rounds, double* out) {
    constexpr int lanes = vector_bytes / sizeof(T);
    Vec<T> acc[chains];
    for (int c = 0; c < chains; ++c) acc[c] = Vec<T>{} + T(c + 1);
    Vec<T> scale = Vec<T>{} + T(0.999), shift = Vec<T>{} + T(0.001);
    for (std::int64_t r = 0; r < rounds; ++r) {
        // The empty asm hides the constants from the optimizer: nothing is folded over rounds.
#if defined(__x86_64__)
        asm volatile("" : "+x"(scale), "+x"(shift));
#else
        asm volatile("" : "+w"(scale), "+w"(shift));
#endif
#pragma GCC unroll 12
        for (int c = 0; c < chains; ++c) acc[c] = acc[c] * scale + shift;
    }
    double total = 0;
    for (int c = 0; c < chains; ++c)
        for (int l = 0; l < lanes; ++l) total += double(acc[c][l]);
    *out = total;
}

// Software prefetch is part of the limit: on huge pages it read 21 GB/s where plain loads got 15 (one core of a Xeon,
// AVX-512).
constexpr std::size_t prefetch_bytes = 2048;

void read_bytes(const char* data, std::size_t bytes, double* out) {
    using V = Vec<std::int64_t>;
    constexpr int streams = 8;
    V acc[streams] = {};
    const std::size_t step = streams * sizeof(V);
    std::size_t i = 0;
    for (; i + step <= bytes; i += step) {
#pragma GCC unroll 8
        for (int s = 0; s < streams; ++s) {
            V v;
            __builtin_prefetch(data + i + s * sizeof(V) + prefetch_bytes);
            std::memcpy(&v, data + i + s * sizeof(V), sizeof(V));
            acc[s] ^= v;
        }
    }
    std::int64_t total = 0;
    for (; i < bytes; ++i) total ^= data[i];
    for (int s = 0; s < streams; ++s)
        for (std::size_t l = 0; l < sizeof(V) / 8; ++l) total ^= acc[s][l];
    *out = double(total);
}

template <class Work> void on_threads(int threads, Work work) {
    std::vector<double> results(std::size_t(threads) * 8);  // a cache line each
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back([&, t] { work(t, &results[std::size_t(t) * 8]); });
    work(0, &results[0]);
    for (auto& other : others) other.join();
    for (double r : results) sink = r;
}

template <class T> double fma_run(int threads, std::int64_t rounds) {
    on_threads(threads, [rounds](int, double* out) { fma_chain<T>(rounds, out); });
    return 2.0 * (vector_bytes / sizeof(T)) * chains * double(rounds) * threads;
}

}  // namespace

// Each returns the floating-point operations done.
extern "C" double limits_fma_float32(int threads, std::int64_t rounds) { return fma_run<float>(threads, rounds); }
extern "C" double limits_fma_float64(int threads, std::int64_t rounds) { return fma_run<double>(threads, rounds); }

// Reads every byte of `data` once, cut into one contiguous part a thread.
extern "C" void limits_read(int threads, const void* data, std::int64_t bytes) {
    if (bytes < 1 << 20) threads = 1;  // below this, starting a thread costs more than the reading
    const std::int64_t part = bytes / threads / 64 * 64;
    on_threads(threads, [=](int t, double* out) {
        const std::int64_t begin = t * part, end = t + 1 == threads ? bytes : begin + part;
        read_bytes(static_cast<const char*>(data) + begin, std::size_t(end - begin), out);
    });
}

extern "C" int limits_vector_bytes() { return vector_bytes; }
