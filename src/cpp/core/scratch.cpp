// Per-thread working memory.
#include "core/scratch.hpp"

#include "core/storage.hpp"

namespace fg {

namespace {

void* grown(Ref<Storage>& block, int64_t bytes) {
    if (!block || block->bytes() < bytes) {
        block = Ref<Storage>();  // the old one may serve the new one's request
        block = Storage::allocate(bytes);
    }
    return block->data();
}

}  // namespace

void* scratch(int64_t bytes) {
    thread_local Ref<Storage> block;
    return grown(block, bytes);
}

void* shared_scratch(int64_t bytes) {
    thread_local Ref<Storage> block;
    return grown(block, bytes);
}

void* window_scratch(int64_t bytes) {
    thread_local Ref<Storage> block;
    return grown(block, bytes);
}

}  // namespace fg
