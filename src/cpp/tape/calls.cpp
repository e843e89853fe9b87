// The memory of calls.
#include "tape/calls.hpp"

#include <algorithm>

namespace fg {
namespace {

struct StepCall : Call {
    ResolvedStep* step;

    static void call(const Call& c) { as<StepCall>(c).step->run(); }
};

}  // namespace

void Calls::add(std::unique_ptr<ResolvedStep> step) {
    steps_.push_back(std::move(step));
    add<StepCall>().step = steps_.back().get();
}

void* Calls::take(size_t bytes) {
    constexpr size_t usual = 1024, unit = 16;
    bytes = (bytes + unit - 1) / unit * unit;
    if (bytes > left_) {
        left_ = std::max(usual, bytes);
        memory_.push_back(Storage::allocate(int64_t(left_)));
    }
    char* const end = static_cast<char*>(memory_.back()->data()) + memory_.back()->bytes();
    char* const at = end - left_;
    left_ -= bytes;
    return at;
}

}  // namespace fg
