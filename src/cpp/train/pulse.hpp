// Pulse: looking up from a native loop now and then, for signals and deadlines.
#pragma once

#include <chrono>
#include <functional>

namespace fg {

// Calls `poll` about every 50 ms, whatever the pace of the loop around it.
class Pulse {
public:
    using Clock = std::chrono::steady_clock;
    explicit Pulse(const std::function<void()>& poll) : poll_(poll), next_(Clock::now() + interval) {}
    Clock::time_point operator()() {
        const auto now = Clock::now();
        if (now >= next_) {
            if (poll_) poll_();
            next_ = now + interval;
        }
        return now;
    }

private:
    static constexpr auto interval = std::chrono::milliseconds(50);
    const std::function<void()>& poll_;
    Clock::time_point next_;
};

}  // namespace fg
