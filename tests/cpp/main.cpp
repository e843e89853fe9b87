// The C++ test program: runs the suites below, or those named on the command line.
#include <cstdio>
#include <cstring>
#include <exception>

#include "check.hpp"
#include "kernels/table.hpp"

// test_math.cpp, compiled once per ISA level.
extern "C" {
int test_math_baseline();
int test_math_avx2();
int test_math_avx512();
int test_math_neon();
}

int suite_chain();
int suite_gemm();
int suite_optimizer();
int suite_pool();
int suite_program();
int suite_random();
int suite_reduce();

namespace {

int passed = 0, failed = 0;

int suite_math() {
    struct Level {
        const char* name;
        int (*run)();
    };
    const Level levels[] = {
#if defined(__x86_64__)
        {"baseline", test_math_baseline},
        {"avx2", test_math_avx2},
#if !defined(FG_WITHOUT_AVX512)
        {"avx512", test_math_avx512},
#endif
#elif defined(__aarch64__)
        {"neon", test_math_neon},
#else
        {"baseline", test_math_baseline},
#endif
    };
    int runs = 0;
    for (const char* const* name = fg::kernels::available_levels(); *name; ++name)
        for (const Level& level : levels)
            if (std::strcmp(level.name, *name) == 0) runs += level.run() == 0;
    CHECK(runs > 0);
    return 0;
}

// A suite uses CHECK and returns 0; anything else means that it could not finish.
struct Suite {
    const char* name;
    int (*run)();
};
const Suite suites[] = {
    {"math", suite_math},     {"gemm", suite_gemm}, {"optimizer", suite_optimizer}, {"reduce", suite_reduce},
    {"random", suite_random}, {"pool", suite_pool}, {"program", suite_program},     {"chain", suite_chain},
};

bool wanted(const char* name, int argc, char** argv) {
    for (int i = 1; i < argc; ++i)
        if (std::strcmp(argv[i], name) == 0) return true;
    return argc == 1;
}

}  // namespace

bool fg::test::check(bool ok, const char* condition, const char* file, int line) {
    ++(ok ? passed : failed);
    if (!ok) std::printf("%s:%d: failed: %s\n", file, line, condition);
    return ok;
}

int main(int argc, char** argv) {
    for (const Suite& suite : suites) {
        if (!wanted(suite.name, argc, argv)) continue;
        try {
            CHECK(suite.run() == 0);
        } catch (const std::exception& e) {
            std::printf("suite %s threw: %s\n", suite.name, e.what());
            ++failed;
        }
        std::fflush(stdout);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed != 0 || passed == 0;
}
