// Letting go of the GIL and taking it back, also from threads that outlive the interpreter.
#pragma once

#include <Python.h>

#include <chrono>
#include <thread>

namespace fg {

// Before 3.14, taking the GIL from a daemon thread of an interpreter that is shutting down ends the thread by
// unwinding its stack, which no destructor survives. Such a thread stops here instead and goes with the process.
template <class Take> void take_gil(Take take) noexcept {
    try {
        take();
    } catch (...) {
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
}

class WithoutGil {
public:
    WithoutGil() : thread_(PyEval_SaveThread()) {}
    ~WithoutGil() {
        take_gil([this] { PyEval_RestoreThread(thread_); });
    }
    WithoutGil(const WithoutGil&) = delete;
    WithoutGil& operator=(const WithoutGil&) = delete;

private:
    PyThreadState* thread_;
};

// From any thread, whether it holds the GIL or not.
class WithGil {
public:
    WithGil() {
        take_gil([this] { state_ = PyGILState_Ensure(); });
    }
    ~WithGil() { PyGILState_Release(state_); }
    WithGil(const WithGil&) = delete;
    WithGil& operator=(const WithGil&) = delete;

private:
    PyGILState_STATE state_;
};

}  // namespace fg
