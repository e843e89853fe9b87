// Scratch: working memory for kernels, one growing block per thread.
#pragma once

#include <cstdint>

namespace fg {

// At least `bytes`, 64-byte aligned, valid until this thread asks again.
void* scratch(int64_t bytes);

}  // namespace fg
