// Finding the operands of all steps.
#include "tape/frame.hpp"

#include <algorithm>

namespace fg {

class Frame::Finding final : public Resolver {
public:
    explicit Finding(Frame& frame) : frame_(frame) {}
    Bases bases() const override { return frame_.bases_.data(); }
    char* work() const override { return static_cast<char*>(frame_.work_->data()); }

private:
    void follow_address(const Address& address, void* at) override {
        const Follower follower{address.base, at, address.offset};
        if (char* const memory = frame_.bases_[size_t(address.base)]) follower.write(memory);
        else frame_.followers_.push_back(follower);
    }

    Frame& frame_;
};

// The arena, the key and tensors from outside stay where they are; what has no place yet moves.
Frame::Frame(const Lowered& lowered, char* arena) : bases_(size_t(lowered.bases.count), nullptr) {
    if (!arena) {
        arena_ = Storage::allocate(lowered.arena_bytes);
        arena = static_cast<char*>(arena_->data());
    }
    bases_[0] = arena;
    if (const int key = lowered.bases.key; key >= 0) bases_[size_t(key)] = reinterpret_cast<char*>(key_);
    for (const auto& [base, tensor] : lowered.bases.from_outside) bases_[size_t(base)] = tensor.view().as<char>();
    int64_t work_bytes = 0;
    for (const auto& step : lowered.steps) work_bytes = std::max(work_bytes, step->resolved_work_bytes());
    work_ = Storage::allocate(work_bytes);

    Finding finding(*this);
    for (const auto& step : lowered.steps) {
        begins_.push_back(calls_.end());
        step->resolve(finding, calls_);
    }
    begins_.push_back(calls_.end());
    std::stable_sort(followers_.begin(), followers_.end(),
                     [](const Follower& a, const Follower& b) { return a.base < b.base; });
    first_follower_.resize(bases_.size() + 1);
    int f = 0;
    for (size_t base = 0; base <= bases_.size(); ++base) {
        while (f < int(followers_.size()) && followers_[size_t(f)].base < int(base)) ++f;
        first_follower_[base] = f;
    }
}

}  // namespace fg
