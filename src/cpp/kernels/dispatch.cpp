// Chooses the kernel table once: the best level of this CPU, or the one FASTGRAD_ISA names.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/table.hpp"

namespace fg::kernels {

#if defined(__x86_64__)
extern const KernelTable baseline_table, avx2_table, avx512_table;
#elif defined(__aarch64__)
extern const KernelTable neon_table;
#else
extern const KernelTable baseline_table;
#endif

namespace {

struct Level {
    const KernelTable* table;
    bool supported;
};

constexpr int max_levels = 3;

// Portable first; each later entry overrides those before it where the CPU has it.
struct Levels {
    Level list[max_levels];
    int count = 0;

    Levels() {
#if defined(__x86_64__)
        __builtin_cpu_init();
        add(baseline_table, true);
        add(avx2_table, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
#if !defined(FG_WITHOUT_AVX512)
        add(avx512_table, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                              __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"));
#endif
#elif defined(__aarch64__)
        add(neon_table, true);
#else
        add(baseline_table, true);
#endif
    }
    void add(const KernelTable& t, bool supported) { list[count++] = {&t, supported}; }
};

const Levels& levels() {
    static const Levels all;
    return all;
}

struct Names {
    const char* list[max_levels + 1] = {};

    Names() {
        int n = 0;
        for (int i = levels().count - 1; i >= 0; --i)
            if (levels().list[i].supported) list[n++] = levels().list[i].table->isa;
    }
};

const KernelTable& choose() {
    const char* forced = std::getenv("FASTGRAD_ISA");
    if (!forced || !*forced) return *find_table(available_levels()[0]);
    if (const KernelTable* t = find_table(forced)) return *t;
    std::string names;
    for (const char* const* n = available_levels(); *n; ++n) names += std::string(names.empty() ? "" : ", ") + *n;
    throw std::runtime_error(std::string("FASTGRAD_ISA is '") + forced + "', but this build and CPU have: " + names);
}

}  // namespace

const KernelTable& table() {
    static const KernelTable& chosen = choose();
    return chosen;
}

const KernelTable* find_table(const char* isa) {
    for (int i = 0; i < levels().count; ++i)
        if (levels().list[i].supported && std::strcmp(levels().list[i].table->isa, isa) == 0)
            return levels().list[i].table;
    return nullptr;
}

const char* const* available_levels() {
    static const Names names;
    return names.list;
}

}  // namespace fg::kernels
