// Scratch: working memory for kernels, some growing blocks per thread.
#pragma once

#include <cstdint>

namespace fg {

// At least `bytes`, 64-byte aligned, valid until this thread asks again.
void* scratch(int64_t bytes);

// A second block, for what a thread makes before it cuts its work into parts: their scratch leaves it alone.
void* shared_scratch(int64_t bytes);

// A third one, for what steps that a thread runs together hand on.
void* window_scratch(int64_t bytes);

}  // namespace fg
