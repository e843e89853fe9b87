// The number of threads: the environment, the scheduler's affinity and the control group's quota.
#include "core/thread_count.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/error.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

namespace fg {
namespace {

struct Count {
    int threads;
    const char* source;
};

int affinity_cpus() {
#if defined(__linux__)
    // The kernel refuses a set smaller than its own.
    for (int room = 1024; room <= 1024 * 1024; room *= 4) {
        cpu_set_t* set = CPU_ALLOC(room);
        if (!set) break;
        const size_t bytes = CPU_ALLOC_SIZE(room);
        const int cpus = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (cpus > 0) return cpus;
    }
#endif
    return int(std::thread::hardware_concurrency());  // 0 where nobody knows
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

// "<quota> <period>" in microseconds; "max" or -1 is no quota.
int quota_cpus(const std::string& text) {
    std::istringstream words(text);
    int64_t quota = 0, period = 0;
    if (!(words >> quota >> period) || quota <= 0 || period <= 0) return 0;
    return int(std::min<int64_t>((quota - 1) / period + 1, max_threads));
}

int smaller_limit(int a, int b) { return a == 0 || b == 0 ? a + b : std::min(a, b); }

// The least quota of a group and those it lies in. A container sees its own group as the root while its path may be
// the host's: folders that are not there say nothing.
template <class Read> int least_quota(std::string group, const Read& read) {
    if (group == "/") group.clear();
    int cpus = read(group);
    while (!group.empty()) {
        const size_t slash = group.rfind('/');
        group.resize(slash == std::string::npos ? 0 : slash);
        cpus = smaller_limit(cpus, read(group));
    }
    return cpus;
}

Count from_machine() {
    const int cpus = affinity_cpus(), quota = cgroup_cpus("");
    const int threads = smaller_limit(cpus, quota);
    if (quota != 0 && threads == quota && quota != cpus) return {threads, "the CPU quota of this process"};
    return {std::min(std::max(threads, 1), max_threads), "the CPUs this process may use"};
}

Count from_environment() {
    const char* text = std::getenv("FASTGRAD_NUM_THREADS");
    if (!text || !*text) return from_machine();
    int count = 0;
    bool number = true;
    for (const char* c = text; *c && number; ++c) {
        number = *c >= '0' && *c <= '9';
        count = std::min(count * 10 + (*c - '0'), max_threads + 1);
    }
    if (!number || count < 1 || count > max_threads)
        throw ValueError(say("FASTGRAD_NUM_THREADS is '", text, "'; expected a whole number from 1 to ", max_threads));
    return {count, "FASTGRAD_NUM_THREADS"};
}

std::atomic<int> threads{0};  // 0: nobody asked yet
std::atomic<int> loops{0};
std::atomic<const char*> source{""};

}  // namespace

int cgroup_cpus(const std::string& root) {
    const std::string mount = root + "/sys/fs/cgroup";
    std::ifstream groups(root + "/proc/self/cgroup");
    int cpus = 0;
    // hierarchy:controllers:/group; version 2 is hierarchy 0 without controllers.
    for (std::string line; std::getline(groups, line);) {
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
        int quota = 0;
        if (controllers.empty()) {
            quota = least_quota(group,
                                [&](const std::string& g) { return quota_cpus(first_line(mount + g + "/cpu.max")); });
        } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
            quota = least_quota(group, [&](const std::string& g) {
                const std::string folder = mount + "/cpu" + g;
                return quota_cpus(first_line(folder + "/cpu.cfs_quota_us") + " " +
                                  first_line(folder + "/cpu.cfs_period_us"));
            });
        }
        cpus = smaller_limit(cpus, quota);
    }
    return cpus;
}

int num_threads() {
    const int known = threads.load(std::memory_order_relaxed);
    if (known != 0) return known;
    const Count found = from_environment();
    int nobody = 0;
    if (threads.compare_exchange_strong(nobody, found.threads)) source = found.source;
    return threads;
}

void set_num_threads(int count) {
    if (count < 1 || count > max_threads)
        throw ValueError(say("set_num_threads: expected 1 to ", max_threads, " threads, got ", count));
    threads = count;
    source = "set_num_threads";
}

LoopRuns::LoopRuns() { loops.fetch_add(1, std::memory_order_relaxed); }
LoopRuns::~LoopRuns() { loops.fetch_sub(1, std::memory_order_relaxed); }

void forget_loops() { loops = 0; }

int threads_now() {
    const int all = num_threads(), sharers = loops.load(std::memory_order_relaxed);
    return sharers <= 1 ? all : std::max(all / sharers, 1);
}

const char* num_threads_source() {
    num_threads();
    return source;
}

}  // namespace fg
