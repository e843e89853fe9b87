// The thread pool. Threads start when first needed, are never joined, and do not survive a fork: the child leaves the
// pool it inherits as it lies and makes its own.
#include "core/pool.hpp"

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#define FG_POSIX_THREADS 1
#include <pthread.h>
#include <signal.h>
#endif

namespace fg {
namespace {

using std::chrono::microseconds;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// Where threads wait for a condition that others make true by sequentially consistent writes: they spin for a while,
// since work comes in bursts, then sleep.
class Gate {
public:
    template <class Ready> void wait(microseconds patience, const Ready& ready) {
        const auto end = std::chrono::steady_clock::now() + patience;
        do {
            for (int i = 0; i < 16; ++i, relax())
                if (ready()) return;
            // Where no core is free, those waited for may need this one: without it, a job there costs 30 us more.
            std::this_thread::yield();
        } while (std::chrono::steady_clock::now() < end);
        std::unique_lock<std::mutex> lock(mutex_);
        ++sleepers_;  // before looking again: either this thread sees the condition, or wake sees this thread
        while (!ready()) condition_.wait(lock);
        --sleepers_;
    }
    // At most so many of those who sleep.
    void wake(int count) {
        count = std::min(count, sleepers_.load());
        if (count <= 0) return;
        { const std::lock_guard<std::mutex> lock(mutex_); }  // who was about to sleep does so now
        for (int i = 0; i < count; ++i) condition_.notify_one();
    }

private:
    std::mutex mutex_;
    std::condition_variable condition_;
    std::atomic<int> sleepers_{0};
};

// Signals are the program's own threads' business, but for those that a thread brings on itself.
class SignalsBlocked {
public:
#if defined(FG_POSIX_THREADS)
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        for (int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&all, own);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
#endif
};

class Pool {
public:
    // False when the pool is in use: by another thread, or by the one that asks.
    bool run(int64_t chunks, Chunk body, void* context) {
        if (busy_.exchange(true)) return false;
        resize(num_threads() - 1);
        body_ = body;
        context_ = context;
        failed_ = chunks;
        share_out(chunks);
        std::fegetenv(&modes_);
        state_ += one_job;  // opens the job
        work_.wake(int(std::min<int64_t>(chunks - 1, max_threads)));
        run_chunks(0);
        state_ += one_job;  // closes it: who comes late stays outside
        done_.wait(caller_patience, [this] { return inside(state_) == 0; });
        const std::exception_ptr error = std::move(error_);
        error_ = nullptr;
        busy_ = false;
        if (error) std::rethrow_exception(error);
        return true;
    }

private:
    static constexpr microseconds worker_patience{100}, caller_patience{100};

    // State: number of the job (odd: open) * one_job + threads inside.
    static constexpr uint64_t one_job = 1 << 16;
    static uint64_t job(uint64_t state) { return state / one_job; }
    static uint64_t inside(uint64_t state) { return state % one_job; }
    static bool open(uint64_t state) { return job(state) % 2 == 1; }

    void resize(int wanted) {
        wanted_ = wanted;
        if (workers_ > wanted) work_.wake(max_threads);  // they see that they are too many
        if (workers_ >= wanted) return;
        const SignalsBlocked inherited;
        while (workers_ < wanted) {
            const int number = ++workers_;
            try {
                std::thread([this, number] { serve(number); }).detach();
            } catch (const std::exception&) {  // no more threads to be had: fewer will do
                --workers_;
                return;
            }
        }
    }

    bool leaves() {
        int count = workers_;
        while (count > wanted_)
            if (workers_.compare_exchange_weak(count, count - 1)) return true;
        return false;
    }

    // Neighbouring chunks for each thread, the same ones in each job of a size: what a thread has made lies in its own
    // cache, and it is the one to read it in the next job. Who is done takes over from others.
    void share_out(int64_t chunks) {
        shares_count_ = int(std::min<int64_t>({chunks, num_threads(), most_shares}));
        for (int s = 0; s < shares_count_; ++s) {
            shares_[s].next.store(chunks * s / shares_count_, std::memory_order_relaxed);
            shares_[s].end = chunks * (s + 1) / shares_count_;
        }
    }

    // Into the job of that state, unless it has been closed.
    bool enters(uint64_t state) {
        for (const uint64_t wanted = job(state); open(state) && job(state) == wanted;)
            if (state_.compare_exchange_weak(state, state + 1)) return true;
        return false;
    }

    // The life of a worker. Those that others have left may share a number.
    void serve(int number) {
        uint64_t state = 0, last = 0;
        for (;;) {
            work_.wait(worker_patience, [&] {
                state = state_;
                return (open(state) && job(state) != last) || workers_ > wanted_;
            });
            if (leaves()) return;
            if (job(state) == last || !enters(state)) continue;
            last = job(state);
            std::fesetenv(&modes_);
            run_chunks(number);
            const uint64_t left = --state_;
            if (!open(left) && inside(left) == 0) done_.wake(1);
        }
    }

    void run_chunks(int number) {
        for (int i = 0; i < shares_count_; ++i) {
            Share& share = shares_[(number + i) % shares_count_];
            while (share.next.load(std::memory_order_relaxed) < share.end) {
                const int64_t chunk = share.next.fetch_add(1, std::memory_order_relaxed);
                if (chunk >= share.end) break;
                if (chunk > failed_) continue;  // those below it run, so that the lowest failure is found
                try {
                    body_(context_, chunk);
                } catch (...) {
                    fail(chunk);
                }
            }
        }
    }

    void fail(int64_t chunk) {
        const std::lock_guard<std::mutex> lock(failure_);
        if (chunk >= failed_) return;
        failed_ = chunk;
        error_ = std::current_exception();
    }

    std::atomic<bool> busy_{false};
    std::atomic<int> workers_{0}, wanted_{0};
    std::atomic<uint64_t> state_{0};
    Gate work_, done_;

    // The job: written while none is open and nobody inside.
    Chunk body_ = nullptr;
    void* context_ = nullptr;
    struct alignas(64) Share {
        std::atomic<int64_t> next{0};  // chunk to start
        int64_t end = 0;
    };
    static constexpr int64_t most_shares = 64;
    Share shares_[most_shares];
    int shares_count_ = 0;
    std::fenv_t modes_;

    std::mutex failure_;
    std::atomic<int64_t> failed_{0};
    std::exception_ptr error_;
};

// Never destroyed: its threads may sleep in it until the process is gone.
std::atomic<Pool*> current{nullptr};

Pool& pool() {
    Pool* found = current;
    if (found) return *found;
    auto made = std::make_unique<Pool>();
    return current.compare_exchange_strong(found, made.get()) ? *made.release() : *found;
}

#if defined(FG_POSIX_THREADS)
// In the child of a fork there are no workers, and any lock of the pool may be held by a thread that is no more.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] {
    current = nullptr;
    forget_loops();
});
#endif

}  // namespace

void run_chunks(int64_t chunks, Chunk body, void* context) {
    if (chunks > 1 && threads_now() > 1 && pool().run(chunks, body, context)) return;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) body(context, chunk);
}

}  // namespace fg
