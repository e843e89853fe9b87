// The number of threads of the pool.
#include "bindings/convert.hpp"
#include "core/thread_count.hpp"

namespace fg {

void bind_threads(py::module_& m) {
    num_threads();  // a FASTGRAD_NUM_THREADS that makes no sense is an error now, not at the first large op
    m.def(
        "max_threads", [] { return max_threads; }, "The most that may be asked for.");
    m.def("num_threads", num_threads, "How many threads one computation may use.");
    m.def("set_num_threads", set_num_threads, py::arg("count"), "From the next computation on.");
    m.def("threads_now", threads_now, "How many a computation takes now: fewer where several loops train.");
    m.def("num_threads_source", num_threads_source, "Who decided on that number.");
}

}  // namespace fg
