// When to look at the clock, and calling the check.
#include "core/interrupt.hpp"

#include <atomic>

namespace fg {
namespace {

std::atomic<InterruptCheck> the_check{nullptr};

}  // namespace

void set_interrupt_check(InterruptCheck check) { the_check = check; }

void check_interrupt() {
    if (const InterruptCheck check = the_check) check();
}

void Patience::look() {
    constexpr auto between = std::chrono::milliseconds(50);
    constexpr int64_t longest_wait = 1 << 16;
    const auto now = Clock::now();
    if (last_ == Clock::time_point{}) {  // a short loop sees the clock once at most
        last_ = now;
        rounds_ = 0;
        return;
    }
    const auto elapsed = now - last_;
    if (elapsed < between / 8 && wait_ < longest_wait) wait_ *= 2;
    else if (elapsed > between) wait_ = wait_ > 1 ? wait_ / 2 : 1;
    rounds_ = 0;
    last_ = now;
    static thread_local Clock::time_point last_check = {};
    if (now - last_check < between) return;
    last_check = now;
    check_interrupt();
}

}  // namespace fg
