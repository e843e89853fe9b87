// How many threads one computation may use, and who said so.
#pragma once

#include <string>

namespace fg {

constexpr int max_threads = 1024;

// At first what FASTGRAD_NUM_THREADS says, else the CPUs this process may use: its affinity and the CPU quota of its
// control group, rounded up. Throws ValueError when the variable is not a number from 1 to max_threads.
int num_threads();
void set_num_threads(int count);
// That number, or 1 for a thread that keeps to itself, as several do that share the cores out.
int threads_here();
void keep_to_this_thread();
const char* num_threads_source();

// The CPU quota of the control groups this process is in, rounded up; 0 when there is none. Reads the files of Linux
// under root + "/proc/self/cgroup" and root + "/sys/fs/cgroup".
int cgroup_cpus(const std::string& root);

}  // namespace fg
