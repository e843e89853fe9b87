// parallel_for: independent pieces of one computation, run by a pool of threads that the caller joins.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

#include "core/thread_count.hpp"

namespace fg {

using Chunk = void (*)(void* context, int64_t chunk);

// body(context, chunk) for every chunk in [0, chunks).
void run_chunks(int64_t chunks, Chunk body, void* context);

// f(chunk) once for every chunk in [0, chunks), on at most num_threads() threads, the calling one included; returns
// when all are done. Where threads_now() is 1, the calling one does all. Each thread has neighbouring chunks, the same
// in every call with as many; who is done helps the others. They run under the caller's rounding and denormal modes.
// When some throw, the exception of the lowest one reaches the caller, and chunks above it that had not started never
// do.
//
// Inside a chunk, or while another thread has the pool, everything runs on the calling thread: nothing ever waits
// for the pool. A chunk is worth having from about 25 us on: the next thread starts after 0.5 us while it spins, after
// 40 to 60 us (on a virtual machine) once it sleeps. To keep the same bits on any number of threads, cut by the size of
// the problem, never by num_threads().
template <class F> void parallel_for(int64_t chunks, F&& f) {
    using Body = std::remove_reference_t<F>;
    const Chunk body = [](void* context, int64_t chunk) { (*static_cast<Body*>(context))(chunk); };
    void* const context = const_cast<void*>(static_cast<const void*>(std::addressof(f)));
    if (chunks == 1) body(context, 0);
    else run_chunks(chunks, body, context);
}

}  // namespace fg
