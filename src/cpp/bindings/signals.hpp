// Looking at pending signals from a native loop that holds no GIL.
#pragma once

#include "bindings/convert.hpp"

namespace fg {

// Throws the exception a handler raised: KeyboardInterrupt after Ctrl-C. Handlers run on the main thread only.
inline void raise_pending_signals() {
    const WithGil held;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

}  // namespace fg
