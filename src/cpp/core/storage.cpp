// Allocation of tensor memory. Large freed blocks are kept for a while: on a virtual machine the first touch of
// a fresh page costs more than the arithmetic done on it, and training asks for the same sizes again and again.
#include "core/storage.hpp"

#include <cstdlib>
#include <mutex>
#include <new>

namespace fg {
namespace {

constexpr int64_t large_block = 64 * 1024;  // below, malloc's own caches are quicker than a lock
constexpr int64_t kept_bytes_limit = 256 * 1024 * 1024;
constexpr int kept_blocks_limit = 32;

struct KeptBlock {
    void* block;
    int64_t bytes;
};

// Oldest first. Never destroyed: tensors may outlive static destructors at interpreter exit. The lock is only ever
// tried: when another thread holds it (or held it as the process forked), malloc serves instead.
struct KeptBlocks {
    std::mutex mutex;
    KeptBlock blocks[kept_blocks_limit];
    int count = 0;
    int64_t bytes = 0;

    void* take(int64_t wanted) {
        std::unique_lock<std::mutex> lock(mutex, std::try_to_lock);
        if (!lock) return nullptr;
        for (int i = count - 1; i >= 0; --i) {
            if (blocks[i].bytes != wanted) continue;
            void* block = blocks[i].block;
            remove(i);
            return block;
        }
        return nullptr;
    }
    void keep(void* block, int64_t size) {
        std::unique_lock<std::mutex> lock(mutex, std::try_to_lock);
        if (!lock) return std::free(block);
        while (count == kept_blocks_limit || (count && bytes + size > kept_bytes_limit)) {
            std::free(blocks[0].block);
            remove(0);
        }
        blocks[count++] = {block, size};
        bytes += size;
    }
    void clear() {
        std::unique_lock<std::mutex> lock(mutex, std::try_to_lock);
        while (lock && count) {
            std::free(blocks[0].block);
            remove(0);
        }
    }
    void remove(int i) {
        bytes -= blocks[i].bytes;
        for (--count; i < count; ++i) blocks[i] = blocks[i + 1];
    }
};

KeptBlocks& kept_blocks() {
    static KeptBlocks& blocks = *new KeptBlocks;
    return blocks;
}

int64_t block_size(int64_t bytes) { return bytes + storage_alignment; }

}  // namespace

Ref<Storage> Storage::allocate(int64_t bytes) {
    Ref<Storage> s(new Storage);
    const int64_t size = block_size(bytes);
    if (bytes >= large_block) s->block_ = kept_blocks().take(size);
    if (!s->block_) s->block_ = std::malloc(size_t(size));
    if (!s->block_) {
        kept_blocks().clear();
        s->block_ = std::malloc(size_t(size));
    }
    if (!s->block_) throw std::bad_alloc();
    const auto address = reinterpret_cast<uintptr_t>(s->block_);
    s->data_ = reinterpret_cast<void*>((address + storage_alignment - 1) & ~uintptr_t(storage_alignment - 1));
    s->bytes_ = bytes;
    return s;
}

Ref<Storage> Storage::borrow(void* data, int64_t bytes, std::function<void()> release) {
    Ref<Storage> s(new Storage);
    s->data_ = data;
    s->bytes_ = bytes;
    s->release_ = std::move(release);
    return s;
}

Storage::~Storage() {
    if (release_) release_();
    if (!block_) return;
    if (bytes_ >= large_block && bytes_ <= kept_bytes_limit) kept_blocks().keep(block_, block_size(bytes_));
    else std::free(block_);
}

}  // namespace fg
