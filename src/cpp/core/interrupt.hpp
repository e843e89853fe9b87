// Stopping endless computations: a check that the program around the core sets, called now and then by native loops.
#pragma once

#include <chrono>
#include <cstdint>

namespace fg {

// Throws what shall end the computation. Null: there is none.
using InterruptCheck = void (*)();
void set_interrupt_check(InterruptCheck check);
void check_interrupt();

// Counts the rounds of a loop and checks about every 50 ms. The clock is looked at as seldom as the rounds allow: it
// costs as much as a short one.
class Patience {
public:
    void round() {
        if (++rounds_ >= wait_) look();
    }

private:
    using Clock = std::chrono::steady_clock;

    void look();

    int64_t rounds_ = 0, wait_ = 16;
    Clock::time_point last_ = {};
};

}  // namespace fg
