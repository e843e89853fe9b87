// Adding up what several steps need and do.
#include "tape/group_step.hpp"

#include <algorithm>

#include "core/scratch.hpp"
#include "core/thread_count.hpp"

namespace fg {

GroupStep::GroupStep(RowSteps steps, const char* between) : steps_(std::move(steps)), between_(between), shared_at_{0} {
    for (const auto& step : steps_) {
        work_ += step->work();
        bytes_ += step->bytes();
        nanoseconds_ += step->nanoseconds();
        shared_at_.push_back(shared_at_.back() + aligned(step->shared_bytes()));
    }
}

StepInfo GroupStep::info() const {
    StepInfo info = steps_.back()->info();
    info.ops.clear();
    for (const auto& step : steps_) info.ops += (info.ops.empty() ? "" : between_) + step->info().ops;
    info.work = work_;
    info.bytes = bytes_;
    return info;
}

bool GroupStep::reads(int base) const {
    return std::any_of(steps_.begin(), steps_.end(), [&](const auto& step) { return step->reads(base); });
}

char* GroupStep::share_all(Bases bases) const {
    if (shared_at_.back() == 0) return nullptr;
    char* const memory = static_cast<char*>(shared_scratch(shared_at_.back()));
    for (size_t i = 0; i < steps_.size(); ++i)
        if (steps_[i]->shared_bytes()) steps_[i]->share(bases, memory + shared_at_[i]);
    return memory;
}

class GroupStep::OneByOne final : public ResolvedStep {
public:
    OneByOne(const GroupStep& group, Resolver& resolver) : group_(group), bases_(resolver.bases()) {
        for (const auto& step : group.steps_) step->resolve(resolver, calls_);
    }
    void run() override {
        if (threads_now() > 1) return group_.run(bases_);
        calls_.run();
    }

private:
    const GroupStep& group_;
    Bases bases_;
    Calls calls_;
};

void GroupStep::resolve_one_by_one(Resolver& resolver, Calls& calls) const {
    calls.add(std::make_unique<OneByOne>(*this, resolver));
}

int64_t GroupStep::most_work_bytes() const {
    int64_t bytes = 0;
    for (const auto& step : steps_) bytes = std::max(bytes, step->resolved_work_bytes());
    return bytes;
}

}  // namespace fg
