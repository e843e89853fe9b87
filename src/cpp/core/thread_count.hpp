// How many threads one computation may use, and who said so.
#pragma once

#include <string>

namespace fg {

constexpr int max_threads = 1024;

// At first what FASTGRAD_NUM_THREADS says, else the CPUs this process may use: its affinity and the CPU quota of its
// control group, rounded up. Throws ValueError when the variable is not a number from 1 to max_threads.
int num_threads();
void set_num_threads(int count);

// While it stands, one of the loops that run at the same time and share the threads out.
class LoopRuns {
public:
    LoopRuns();
    ~LoopRuns();
    LoopRuns(const LoopRuns&) = delete;
    LoopRuns& operator=(const LoopRuns&) = delete;
};
// How many of the threads a computation takes now: all of them, or its share where several loops run.
int threads_now();
// In the child of a fork none of the others runs on.
void forget_loops();

const char* num_threads_source();

// The CPU quota of the control groups this process is in, rounded up; 0 when there is none. Reads the files of Linux
// under root + "/proc/self/cgroup" and root + "/sys/fs/cgroup".
int cgroup_cpus(const std::string& root);

}  // namespace fg
