// The thread pool: every chunk once, exceptions, nesting, callers side by side, changing numbers of threads; the
// control group's quota.
#include <atomic>
#include <cfenv>
#include <cstdio>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.hpp"
#include "core/error.hpp"
#include "core/pool.hpp"

#if defined(__linux__)
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using fg::parallel_for;
using std::int64_t;

// Whether each of so many chunks runs exactly once, and what they wrote is there afterwards.
bool all_run_once(int64_t chunks) {
    std::vector<int> runs(std::size_t(chunks), 0);  // not atomic: a chunk is one thread's own
    parallel_for(chunks, [&](int64_t chunk) { ++runs[std::size_t(chunk)]; });
    for (int count : runs)
        if (count != 1) return false;
    return true;
}

void test_every_chunk_once() {
    for (int threads : {1, 2, 3, 8, 33}) {
        fg::set_num_threads(threads);
        CHECK(fg::num_threads() == threads);
        for (int64_t chunks : {0, 1, 2, 3, 7, 8, 9, 64, 1000}) {
            bool right = true;
            for (int repeat = 0; repeat < 20; ++repeat) right &= all_run_once(chunks);
            CHECK(right);
        }
    }
}

void test_no_more_threads_than_asked_for() {
    for (int threads : {4, 2, 3}) {
        fg::set_num_threads(threads);
        std::atomic<int> now{0}, most{0};
        for (int repeat = 0; repeat < 20; ++repeat)
            parallel_for(50, [&](int64_t) {
                const int here = ++now;
                for (int seen = most; here > seen && !most.compare_exchange_weak(seen, here);) continue;
                std::this_thread::sleep_for(std::chrono::microseconds(50));
                --now;
            });
        CHECK(most <= threads);
        CHECK(most >= 2);
    }
}

void test_changing_the_number_of_threads() {
    bool right = true;
    for (int repeat = 0; repeat < 300; ++repeat) {
        fg::set_num_threads(1 + repeat * 7 % 9);
        right &= all_run_once(20);
    }
    CHECK(right);
}

void test_the_lowest_exception_arrives() {
    for (int threads : {1, 2, 8}) {
        fg::set_num_threads(threads);
        for (int repeat = 0; repeat < 50; ++repeat) {
            std::atomic<int> started{0};
            std::string caught;
            try {
                parallel_for(1000, [&](int64_t chunk) {
                    ++started;
                    // The lowest is once the last to fail, once not.
                    if (chunk == 10 + repeat % 2) std::this_thread::sleep_for(std::chrono::microseconds(100));
                    if (chunk >= 10) throw std::runtime_error(std::to_string(chunk));
                });
            } catch (const std::runtime_error& e) {
                caught = e.what();
            }
            CHECK(caught == "10");
            CHECK(started >= 11);
            CHECK(started < 1000);
            CHECK(all_run_once(100));  // the pool is as good as before
        }
    }
}

void test_nested() {
    fg::set_num_threads(4);
    std::vector<int> runs(12 * 30, 0);
    std::atomic<int> elsewhere{0};
    parallel_for(12, [&](int64_t outer) {
        const auto self = std::this_thread::get_id();
        parallel_for(30, [&](int64_t inner) {
            elsewhere += std::this_thread::get_id() != self;
            ++runs[std::size_t(outer * 30 + inner)];
        });
    });
    CHECK(elsewhere == 0);
    bool right = true;
    for (int count : runs) right &= count == 1;
    CHECK(right);

    bool caught = false;
    try {
        parallel_for(4, [](int64_t) { parallel_for(4, [](int64_t) { throw std::logic_error("inner"); }); });
    } catch (const std::logic_error&) {
        caught = true;
    }
    CHECK(caught);
}

void test_callers_side_by_side() {
    fg::set_num_threads(3);
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 6; ++caller)
        callers.emplace_back([&wrong, caller] {
            for (int repeat = 0; repeat < 200; ++repeat) {
                wrong += !all_run_once(1 + (repeat + caller) % 40);
                if (repeat % 50 == caller) fg::set_num_threads(2 + caller);
            }
        });
    for (std::thread& caller : callers) caller.join();
    CHECK(wrong == 0);
}

// A chunk on another thread rounds as the caller does.
void test_rounding_mode() {
    fg::set_num_threads(2);
    const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TONEAREST};
    for (int mode : modes) {
        std::fesetround(mode);
        std::atomic<int> other{0};
        parallel_for(20, [&](int64_t) {
            other += std::fegetround() != mode;
            std::this_thread::sleep_for(std::chrono::microseconds(20));
        });
        CHECK(other == 0);
    }
}

void test_refused_numbers() {
    fg::set_num_threads(2);
    for (int threads : {0, -1, fg::max_threads + 1}) {
        bool refused = false;
        try {
            fg::set_num_threads(threads);
        } catch (const fg::ValueError&) {
            refused = true;
        }
        CHECK(refused);
    }
    CHECK(fg::num_threads() == 2);
    CHECK(std::string(fg::num_threads_source()) == "set_num_threads");
}

#if defined(__linux__)

// The child of a fork has no workers, and makes its own.
void test_fork() {
    fg::set_num_threads(3);
    CHECK(all_run_once(50));
    std::atomic<bool> stop{false};
    std::thread busy([&stop] {
        while (!stop) all_run_once(20);
    });
    for (int repeat = 0; repeat < 50; ++repeat) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(60);
            _exit(all_run_once(50) && all_run_once(3) ? 0 : 1);
        }
        int status = -1;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
    stop = true;
    busy.join();
}

// Workers leave the program's signals to its own threads.
void test_signals_go_to_the_caller() {
    fg::set_num_threads(4);
    CHECK(all_run_once(50));
    sigset_t user, before;
    sigemptyset(&user);
    sigaddset(&user, SIGUSR1);  // would end the process if a worker took it
    pthread_sigmask(SIG_BLOCK, &user, &before);
    kill(getpid(), SIGUSR1);
    CHECK(all_run_once(50));
    int got = 0;
    CHECK(sigwait(&user, &got) == 0);
    CHECK(got == SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Files under a folder of their own.
class FakeRoot {
public:
    FakeRoot() {
        char name[] = "/tmp/fastgrad_test_XXXXXX";
        path = mkdtemp(name);
    }
    ~FakeRoot() {
        for (auto file = made_.rbegin(); file != made_.rend(); ++file) std::remove(file->c_str());
        std::remove(path.c_str());
    }
    void write(const std::string& name, const std::string& text) {
        for (std::size_t slash = name.find('/', 1); slash != std::string::npos; slash = name.find('/', slash + 1))
            if (mkdir((path + name.substr(0, slash)).c_str(), 0700) == 0) made_.push_back(path + name.substr(0, slash));
        std::ofstream(path + name) << text;
        made_.push_back(path + name);
    }
    std::string path;

private:
    std::vector<std::string> made_;
};

struct GroupCase {
    int cpus;
    std::vector<std::pair<const char*, const char*>> files;
};

void test_control_groups() {
    const char *own = "/proc/self/cgroup", *root = "/sys/fs/cgroup/cpu.max";
    const GroupCase cases[] = {
        {0, {}},
        {0, {{own, "0::/\n"}}},
        {0, {{own, "0::/\n"}, {root, "max 100000\n"}}},
        {2, {{own, "0::/\n"}, {root, "200000 100000\n"}}},
        {2, {{own, "0::/\n"}, {root, "150000 100000\n"}}},
        {1, {{own, "0::/\n"}, {root, "1000 100000\n"}}},
        {0, {{own, "0::/\n"}, {root, "nonsense\n"}}},
        {0, {{own, "nonsense"}, {root, "150000 100000\n"}}},
        {3,
         {{own, "0::/a/b\n"},
          {root, "max 100000\n"},
          {"/sys/fs/cgroup/a/cpu.max", "300000 100000\n"},
          {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"}}},
        {2, {{own, "0::/a\n"}, {root, "200000 100000\n"}, {"/sys/fs/cgroup/a/cpu.max", "800000 100000\n"}}},
        {4, {{own, "0::/host/path\n"}, {root, "400000 100000\n"}}},
        {5,
         {{own, "7:memory:/m\n3:cpuacct,cpu:/a\n0::/\n"},
          {"/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "450000\n"},
          {"/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n"}}},
        {0,
         {{own, "3:cpu:/\n"},
          {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
          {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}},
        {0,
         {{own, "3:cpuset:/\n"},
          {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"},
          {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}}},
    };
    for (const GroupCase& one : cases) {
        FakeRoot fake;
        for (const auto& [name, text] : one.files) fake.write(name, text);
        if (!CHECK(fg::cgroup_cpus(fake.path) == one.cpus))
            std::printf("  expected %d, got %d\n", one.cpus, fg::cgroup_cpus(fake.path));
    }
}

#endif

}  // namespace

int suite_pool() {
    test_every_chunk_once();
    test_no_more_threads_than_asked_for();
    test_changing_the_number_of_threads();
    test_the_lowest_exception_arrives();
    test_nested();
    test_callers_side_by_side();
    test_rounding_mode();
    test_refused_numbers();
#if defined(__linux__)
    test_fork();
    test_signals_go_to_the_caller();
    test_control_groups();
#endif
    return 0;
}
