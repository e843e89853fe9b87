// Running one op on memory found through bases.
#include "tape/step.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "core/pool.hpp"
#include "core/scratch.hpp"
#include "tape/apply.hpp"

namespace fg {
namespace {

constexpr int few = 8;

}  // namespace

int64_t parts_for(double nanoseconds) {
    constexpr double worth_a_part = 20e3, worth_cutting = 60e3;  // see core/pool.hpp
    constexpr double most = 64;
    return nanoseconds < worth_cutting ? 1 : int64_t(std::min(most, nanoseconds / worth_a_part));
}

int64_t rows_for_part(int64_t rows, int64_t most_parts) {
    constexpr int64_t few_rows = 64, unit = 16;
    const int64_t threads = std::min<int64_t>(threads_now(), most_parts);
    if (threads == 1) return rows;
    // Two for each, where there are rows enough: threads are not equally fast.
    const int64_t parts = std::min(rows >= 2 * threads * few_rows ? 2 * threads : threads, most_parts);
    return (rows + parts * unit - 1) / (parts * unit) * unit;
}

void make_shared(const Prepared& prepared, const void* const* in, int64_t bytes, void* shared) {
    constexpr int64_t worth_a_part = 64 << 10;  // bytes
    const int64_t parts = std::max<int64_t>(std::min<int64_t>(bytes / worth_a_part, threads_now()), 1);
    parallel_for(parts, [&](int64_t part) { prepared.share(in, part, parts, shared); });
}

int64_t bytes_read(const View& view) {
    int64_t n = itemsize(view.dtype);
    for (int i = 0; i < view.shape.size(); ++i)
        if (view.strides[i] != 0 || view.shape[i] == 0) n *= view.shape[i];
    return n;
}

bool RegionPlaces::reads(int base) const {
    return std::any_of(in.begin(), in.end(), [&](const Operand& operand) { return operand.at.base == base; });
}

OpStep::OpStep(const Op& op, const Attrs& attrs, std::vector<Operand> in, const Operand& out,
               std::unique_ptr<Prepared> prepared)
    : op_(op), attrs_(attrs), in_(std::move(in)), out_(out), prepared_(std::move(prepared)) {
    if (prepared_) {
        nanoseconds_ = prepared_->row_ns * double(prepared_->rows);
        const int64_t parts = parts_for(nanoseconds_);
        parts_ = parts;
        work_bytes_ = prepared_->work_bytes(prepared_->rows);
        if (parts > 1) shared_bytes_ = prepared_->shared_bytes();
    }
    work_ = prepared_ ? prepared_->row_work * double(prepared_->rows) : double(out.view.size());
    bytes_ = bytes_read(out.view);
    for (const Operand& operand : in_) bytes_ += bytes_read(operand.view);
}

void OpStep::find_inputs(Bases bases, const void** in) const {
    for (size_t i = 0; i < in_.size(); ++i) in[i] = in_[i].at.in(bases);
}

int64_t OpStep::run_prepared(Bases bases, int64_t first, int64_t count, const void* shared) const {
    const void* in[few];
    find_inputs(bases, in);
    char* const out = out_.at.in(bases) + first * prepared_->row_size * itemsize(out_.view.dtype);
    return prepared_->run(in, out, first, count, work_bytes_ ? scratch(work_bytes_) : nullptr, shared);
}

void FindingStep::resolve(Resolver& resolver, Calls& calls) const {
    struct FindingCall : Call {
        const FindingStep* step;
        Bases bases;

        static void call(const Call& c) { as<FindingCall>(c).step->run(as<FindingCall>(c).bases); }
    };
    auto& call = calls.add<FindingCall>();
    call.step = this;
    call.bases = resolver.bases();
}

// A prepared op, all rows at once, where something may be wrong with the numbers.
struct OpStep::PreparedCall : Call {
    const OpStep* step;
    Bases bases;
    char* out;
    void* work;
    const void* in[few];

    static void call(const Call& c) {
        const auto& it = as<PreparedCall>(c);
        const Prepared& prepared = *it.step->prepared_;
        const int64_t status = prepared.run(it.in, it.out, 0, prepared.rows, it.work, nullptr);
        if (status >= 0) it.step->fail(it.bases, status);
    }
};

// An op by its run, the views of its operands at hand.
class OpStep::ResolvedViews final : public ResolvedStep {
public:
    ResolvedViews(const OpStep& step, Resolver& resolver)
        : step_(step), bases_(resolver.bases()), out_(step.out_.view) {
        for (const Operand& operand : step.in_) views_.push_back(operand.view);
        for (size_t i = 0; i < views_.size(); ++i) {
            pointers_.push_back(&views_[i]);
            resolver.follow(step.in_[i].at, &views_[i].data);
        }
        resolver.follow(step.out_.at, &out_.data);
    }
    void run() override {
        const int64_t status = step_.op_.run(step_.op_, step_.attrs_, pointers_, out_);
        if (status >= 0) step_.fail(bases_, status);
    }

private:
    const OpStep& step_;
    Bases bases_;
    std::vector<View> views_;
    std::vector<const View*> pointers_;
    View out_;
};

void OpStep::resolve(Resolver& resolver, Calls& calls) const {
    if (!prepared_) return calls.add(std::make_unique<ResolvedViews>(*this, resolver));
    if (!in_one_go()) return FindingStep::resolve(resolver, calls);
    const auto find = [&](auto& call, const void** in) {
        for (size_t i = 0; i < in_.size(); ++i) resolver.follow(in_[i].at, in + i);
        resolver.follow(out_.at, &call.out);
        call.work = work_bytes_ ? resolver.work() : nullptr;
    };
    if (const Prepared::Whole whole = prepared_->whole(); whole.kernel) {
        PlannedCall& call = PlannedCall::add(calls, int(in_.size()));
        call.kernel = whole.kernel;
        call.plan = whole.plan;
        find(call, call.in());
    } else {
        auto& call = calls.add<PreparedCall>();
        call.step = this;
        call.bases = resolver.bases();
        find(call, call.in);
    }
}

bool OpStep::overwrites(int result, int operand) const {
    if (!op_.replaces_first || out_.at.base != result || in_[0].at.base != operand || in_[0].at.offset) return false;
    for (size_t i = 1; i < in_.size(); ++i)
        if (in_[i].at.base == operand) return false;
    return in_[0].view.contiguous() && in_[0].view.shape == out_.view.shape;
}

bool OpStep::reads(int base) const {
    return std::any_of(in_.begin(), in_.end(), [&](const Operand& operand) { return operand.at.base == base; });
}

void OpStep::run_rows(Bases bases, int64_t rows, int64_t first, int64_t count, const void* shared) const {
    const int64_t each = prepared_->rows / rows, status = run_prepared(bases, first * each, count * each, shared);
    if (status >= 0) fail(bases, status);
}

void OpStep::share(Bases bases, void* shared) const {
    const void* in[few];
    find_inputs(bases, in);
    make_shared(*prepared_, in, shared_bytes_, shared);
}

void OpStep::run(Bases bases) const {
    // Parts cost some reading twice: a single thread does without. The bits are the same, see Prepared::run.
    const int64_t rows = prepared_->rows, together = rows_for_part(rows, parts_);
    void* const shared = together < rows && shared_bytes_ ? shared_scratch(shared_bytes_) : nullptr;
    if (shared) share(bases, shared);
    std::atomic<int64_t> status{-1};
    parallel_for((rows + together - 1) / together, [&](int64_t part) {
        const int64_t first = part * together, count = std::min(together, rows - first);
        const int64_t found = run_prepared(bases, first, count, shared);
        if (found >= 0) status = found;
    });
    if (status >= 0) fail(bases, status);
}

void OpStep::fail(Bases bases, int64_t status) const {
    std::vector<View> views;
    std::vector<const View*> pointers;
    for (const Operand& operand : in_) views.push_back(operand.in(bases));
    for (const View& view : views) pointers.push_back(&view);
    check_status(op_, attrs_, pointers, status);
    std::abort();  // check_status throws
}

}  // namespace fg
