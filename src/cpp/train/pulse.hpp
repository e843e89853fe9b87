// Pulse: looking up from a native loop now and then, for signals and deadlines.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>

namespace fg {

// Calls `poll` about every 50 ms, whatever the pace of the loop around it. Where calls follow one another within
// microseconds, the clock is looked at now and then only: it takes as long as a small step.
class Pulse {
public:
    using Clock = std::chrono::steady_clock;
    explicit Pulse(const std::function<void()>& poll) : poll_(poll), next_(Clock::now() + interval) {}
    Clock::time_point operator()() {
        if (--skipped_ > 0) return now_;
        const auto now = Clock::now();
        between_looks_ = now - now_ < dense ? std::min(2 * between_looks_, most_skipped) : 1;
        skipped_ = between_looks_;
        now_ = now;
        if (now >= next_) {
            if (poll_) poll_();
            next_ = now + interval;
        }
        return now;
    }

private:
    static constexpr auto interval = std::chrono::milliseconds(50);
    static constexpr auto dense = std::chrono::microseconds(100);
    static constexpr int most_skipped = 64;
    const std::function<void()>& poll_;
    Clock::time_point next_, now_ = next_ - interval;
    int between_looks_ = 1, skipped_ = 1;
};

}  // namespace fg
