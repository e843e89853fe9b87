// Laying a sliding window out, and moving it.
#include "tape/sliding.hpp"

#include <algorithm>
#include <cstring>

#include "core/pool.hpp"
#include "core/scratch.hpp"
#include "tape/buffers.hpp"

namespace fg {
namespace {

constexpr int64_t largest_window = 512, smallest_window = 2 * most_behind;  // numbers
constexpr int64_t most_buffer_bytes = 24 << 10;                             // with operands in memory they fill L1
constexpr int64_t aligned_numbers = 8;  // lags are multiples of it, so that most operands begin at whole registers
constexpr int64_t zero_bytes = 8;       // at the beginning of the working memory: a zero of any type
constexpr int max_operands = kernels::max_elementwise_arity + 2;

int64_t rounded(int64_t numbers) { return (numbers + aligned_numbers - 1) / aligned_numbers * aligned_numbers; }
constexpr int in_work = -1;  // as a base: the working memory

struct Place {
    Address at;
    int64_t step = 1;   // for the kernel
    int64_t moves = 0;  // bytes, for a number passed
};

}  // namespace

struct Sliding::KernelPlaces {
    kernels::ElementwiseKernel kernel;
    Place out, in[max_operands];
    int operands;
};

Pace follow(const std::vector<Followed>& followed) {
    Pace pace;
    for (const Followed& f : followed) pace.lag = std::max(pace.lag, f.pace.lag + f.shift);
    pace.lag = rounded(pace.lag);
    for (const Followed& f : followed)
        pace.behind = std::max(pace.behind, f.pace.behind + pace.lag - f.pace.lag - f.shift);
    return pace;
}

Sliding::Sliding(SlidingPlan&& plan) : reads_(std::move(plan.reads)) {
    for (SlidingPlan::Use& use : plan.uses) uses_.push_back({std::move(use)});
    for (const SlidingPlan::Value& v : plan.values) {
        values_.push_back({v.at, itemsize(v.view->dtype), v.view->size(), v.made, v.in_memory, -1, {}});
        if (v.in_memory) bytes_ += bytes_read(*v.view);
    }
    shape_ = plan.values[size_t(uses_.back().out)].view->shape;
    dtype_ = plan.values[size_t(uses_.back().out)].view->dtype;
    for (const Use& use : uses_) work_ += double(values_[size_t(use.out)].size) * (use.chained ? 2 : 1);
    find_parts();
    find_paces();
    find_events();
    lay_out();
    const int64_t parts = parts_for(number_ns * work_);
    part_ = ((end_ + parts - 1) / parts + window_ - 1) / window_ * window_;
}

// What is put together and read by kernels alone, these find the parts of.
void Sliding::find_parts() {
    for (size_t u = 0; u < uses_.size(); ++u)
        if (Value& out = values_[size_t(uses_[u].out)]; !uses_[u].kernel && !out.in_memory) out.parts = int(u);
    for (const Use& use : uses_)
        if (!use.kernel)
            for (int k = 0; k < use.read_count; ++k)
                values_[size_t(reads_[size_t(use.first_read + k)].value)].parts = -1;
    for (Value& v : values_)
        if (v.parts >= 0) v.made = false;
    for (Use& use : uses_)
        for (int k = 0; k < use.read_count; ++k)
            use.reads_parts |= values_[size_t(reads_[size_t(use.first_read + k)].value)].parts >= 0;
}

template <class F> void Sliding::for_sources(const Use& use, F&& f) {
    for (int k = 0; k < use.read_count; ++k) {
        const SlidingPlan::Read& read = reads_[size_t(use.first_read + k)];
        const int parts = values_[size_t(read.value)].parts;
        if (parts < 0) {
            f(read.value, read.shift);
            continue;
        }
        const Use& whole = uses_[size_t(parts)];
        for (int p = 0; p < whole.read_count; ++p) {
            const SlidingPlan::Read& part = reads_[size_t(whole.first_read + p)];
            f(part.value, read.shift + part.shift);
        }
    }
}

void Sliding::find_paces() {
    for (const Use& use : uses_) {
        Value& out = values_[size_t(use.out)];
        if (!out.made) continue;
        std::vector<Followed> followed;
        for_sources(use, [&](int v, int64_t shift) {
            if (values_[size_t(v)].made) followed.push_back({values_[size_t(v)].pace, shift});
        });
        out.pace = follow(followed);
        end_ = std::max(end_, out.size + out.pace.lag);
        behind_ = std::max(behind_, rounded(out.pace.behind));
    }
    for (auto use = uses_.rbegin(); use != uses_.rend(); ++use) {
        const Value& out = values_[size_t(use->out)];
        if (!out.made) continue;
        for_sources(*use, [&](int index, int64_t shift) {
            Value& v = values_[size_t(index)];
            if (!v.made) return;
            const int64_t back = out.pace.lag - v.pace.lag - shift;
            v.history = std::max(v.history, rounded(back));
            v.needed_from = std::max(v.needed_from, out.needed_from + back);
        });
    }
}

void Sliding::find_events() {
    for (const Use& use : uses_) {
        const Value& out = values_[size_t(use.out)];
        if (!out.made) continue;
        events_.push_back(out.pace.lag);
        events_.push_back(out.pace.lag + out.size);
        for (int k = 0; k < use.read_count; ++k) {
            const SlidingPlan::Read& read = reads_[size_t(use.first_read + k)];
            const int parts = values_[size_t(read.value)].parts;
            if (parts < 0) continue;
            for (const Stretch& s : uses_[size_t(parts)].stretches)
                events_.push_back(s.end - read.shift + out.pace.lag);
        }
        for (const Stretch& s : use.stretches) events_.push_back(s.end + out.pace.lag);
    }
    std::sort(events_.begin(), events_.end());
}

// Buffers hold the window and the history of a value. What has none, and has been read for the last time, makes room.
void Sliding::lay_out() {
    std::vector<size_t> last_reads(values_.size(), 0);
    for (size_t u = 0; u < uses_.size(); ++u) for_sources(uses_[u], [&](int v, int64_t) { last_reads[size_t(v)] = u; });
    const int64_t least = std::max(smallest_window, 2 * behind_);
    for (window_ = std::max(largest_window, least);; window_ = std::max(window_ / 2, least)) {
        Buffers buffers(aligned(zero_bytes));
        std::vector<size_t> last_read = last_reads;
        const auto bytes_of = [&](const Value& v) { return aligned((window_ + v.history) * v.item); };
        for (size_t u = 0; u < uses_.size(); ++u) {
            Value& out = values_[size_t(uses_[u].out)];
            if (!out.made) continue;
            if (!out.in_memory) out.buffer = buffers.take(bytes_of(out));
            for_sources(uses_[u], [&](int v, int64_t) {
                const Value& value = values_[size_t(v)];
                if (!value.made || value.in_memory || value.history || last_read[size_t(v)] != u) return;
                buffers.give_back(value.buffer, bytes_of(value));
                last_read[size_t(v)] = uses_.size();  // once, even where it is read twice
            });
        }
        const int64_t filled = buffers.end();
        for (Value& v : values_)  // for the first window of a part
            if (v.made && v.in_memory) v.buffer = buffers.take_new(bytes_of(v));
        work_bytes_ = buffers.end();
        if (filled <= most_buffer_bytes || window_ == least) break;
    }
}

StepInfo Sliding::info() const {
    StepInfo info{"", dtype_, shape_, work_, bytes_};
    for (const Use& use : uses_) {
        if (use.chained) info.add(*use.chained);
        info.add(*use.op);
    }
    return info;
}

bool Sliding::reads(int base) const {
    return std::any_of(values_.begin(), values_.end(),
                       [&](const Value& v) { return v.in_memory && v.at.base == base; });
}

// The times of a part, for one thread. What it needs of earlier times, which are another part's, it makes for itself:
// in its first window nothing is made in memory, and what belongs there is copied.
template <class Sink> class Sliding::Window {
public:
    Window(const Sliding& step, Sink& sink, int64_t begin, int64_t end)
        : step_(step), sink_(sink), begin_(begin), end_(end), time_(begin > 0 ? begin - step.behind_ : 0) {}

    void run() {
        sink_.clear({in_work, 0}, zero_bytes);
        if (begin_ > 0) run_apart();
        while (time_ < end_) {
            const auto event = std::upper_bound(step_.events_.begin(), step_.events_.end(), time_);
            const int64_t steady = event == step_.events_.end() ? end_ : std::min(*event, end_);
            if (steady - time_ >= least_steady) {
                run_steady(steady);
            } else {
                const int64_t until = std::min(time_ + step_.window_, end_);
                run_through(until, 0);
                slide(until);
            }
        }
    }

private:
    static constexpr int64_t least_steady = 64;

    // Of a number of a value.
    Address place(const Value& v, int64_t number) const {
        if (!step_.is_buffered(v, apart_)) return {v.at.base, v.at.offset + number * v.item};
        return {in_work, v.buffer + (number + v.pace.lag + v.history - time_) * v.item};
    }
    Address place(int v, int64_t number) const { return place(step_.values_[size_t(v)], number); }
    int64_t moves(int v) const {
        const Value& value = step_.values_[size_t(v)];
        return step_.is_buffered(value, apart_) ? 0 : value.item;
    }

    // All uses up to a time, each from when it is needed on.
    void run_through(int64_t until, int64_t needed_at) {
        for (const Use& use : step_.uses_) {
            const Value& out = step_.values_[size_t(use.out)];
            if (!out.made) continue;
            const int64_t from = std::max(time_, needed_at - out.needed_from);
            int64_t first = std::max<int64_t>(from - out.pace.lag, 0);
            const int64_t last = std::min(until - out.pace.lag, out.size);
            if (first < last && !use.kernel) put_together(use, first, last);
            if (!use.kernel) continue;
            for (KernelPlaces call; first < last;) {
                const int64_t end = find(use, first, last, call);
                sink_.run(call, end - first);
                first = end;
            }
        }
    }

    void run_apart() {
        const int64_t until = std::min(time_ + step_.window_, end_);
        apart_ = true;
        run_through(until, begin_);
        for (const Value& v : step_.values_) {
            if (!v.made || !v.in_memory) continue;
            const int64_t first = std::max<int64_t>(begin_ - v.pace.lag, 0),
                          last = std::min(until - v.pace.lag, v.size);
            if (first < last)
                sink_.copy({v.at.base, v.at.offset + first * v.item}, place(v, first), (last - first) * v.item);
        }
        apart_ = false;
        slide(until);
    }

    // Nothing begins or ends before `until`: each use goes on as it is.
    void run_steady(int64_t until) {
        std::vector<KernelPlaces> calls;
        calls.reserve(step_.uses_.size());
        bool kernels_only = true;
        for (const Use& use : step_.uses_) {
            const Value& out = step_.values_[size_t(use.out)];
            const int64_t first = time_ - out.pace.lag;
            if (!out.made || first < 0 || first >= out.size) continue;
            if (use.kernel) find(use, first, first + 1, calls.emplace_back());
            else kernels_only = false;
        }
        while (time_ < until) {
            const int64_t next = std::min(time_ + step_.window_, until), numbers = next - time_;
            if (!kernels_only) run_through(next, 0);
            else
                for (KernelPlaces& call : calls) {
                    sink_.run(call, numbers);
                    call.out.at.offset += numbers * call.out.moves;
                    for (int k = 0; k < call.operands; ++k) call.in[k].at.offset += numbers * call.in[k].moves;
                }
            slide(next);
        }
    }

    void slide(int64_t next) {
        for (const Value& v : step_.values_)
            if (v.history && step_.is_buffered(v) && next < end_)
                sink_.copy({in_work, v.buffer}, {in_work, v.buffer + (next - time_) * v.item}, v.history * v.item);
        time_ = next;
    }

    void put_together(const Use& use, int64_t first, int64_t last) {
        const int64_t item = step_.values_[size_t(use.out)].item;
        for (const Stretch& s : use.stretches) {
            const int64_t from = std::max(first, s.begin), until = std::min(last, s.end);
            if (from >= until) continue;
            if (s.operand < 0) {
                sink_.clear(place(use.out, from), (until - from) * item);
            } else {
                const SlidingPlan::Read& read = step_.reads_[size_t(use.first_read + s.operand)];
                sink_.copy(place(use.out, from), place(read.value, from + read.shift), (until - from) * item);
            }
        }
    }

    // A use from number `first` on, for as long as it goes on like that, at most up to `last`.
    int64_t find(const Use& use, int64_t first, int64_t last, KernelPlaces& call) const {
        call.kernel = use.kernel;
        call.operands = use.read_count;
        call.out = {place(use.out, first), 1, moves(use.out)};
        for (int k = 0; k < use.read_count; ++k) {
            const SlidingPlan::Read& read = step_.reads_[size_t(use.first_read + k)];
            const int parts = step_.values_[size_t(read.value)].parts;
            if (parts < 0) {
                const int64_t step = read.single ? 0 : 1;
                call.in[k] = {place(read.value, read.shift + step * first), step, step * moves(read.value)};
                continue;
            }
            const Use& whole = step_.uses_[size_t(parts)];
            const int64_t number = first + read.shift;
            const auto s = std::find_if(whole.stretches.begin(), whole.stretches.end(),
                                        [&](const Stretch& part) { return number < part.end; });
            last = std::min(last, s->end - read.shift);
            if (s->operand < 0) {
                call.in[k] = {{in_work, 0}, 0, 0};
            } else {
                const SlidingPlan::Read& part = step_.reads_[size_t(whole.first_read + s->operand)];
                call.in[k] = {place(part.value, number + part.shift), 1, moves(part.value)};
            }
        }
        return last;
    }

    const Sliding& step_;
    Sink& sink_;
    const int64_t begin_, end_;
    int64_t time_;
    bool apart_ = false;  // nothing is made in memory
};

// What a window comes by is done.
class Sliding::Running {
public:
    Running(Bases bases, char* work) : bases_(bases), work_(work) {}

    void run(const KernelPlaces& call, int64_t numbers) const {
        const void* data[max_operands];
        int64_t step[max_operands];
        for (int k = 0; k < call.operands; ++k) {
            data[k] = at(call.in[k].at);
            step[k] = call.in[k].step;
        }
        call.kernel(numbers, data, step, at(call.out.at));
    }
    void copy(const Address& to, const Address& from, int64_t bytes) const {
        std::memmove(at(to), at(from), size_t(bytes));
    }
    void clear(const Address& to, int64_t bytes) const { std::memset(at(to), 0, size_t(bytes)); }

private:
    char* at(const Address& a) const { return a.base == in_work ? work_ + a.offset : a.in(bases_); }

    Bases bases_;
    char* work_;
};

// Bytes that are copied, or, from nowhere, cleared.
struct Sliding::MoveCall : Call {
    int64_t bytes;
    char* out;
    const void* from;

    static void call(const Call& c) {
        const auto& it = as<MoveCall>(c);
        if (it.from) std::memmove(it.out, it.from, size_t(it.bytes));
        else std::memset(it.out, 0, size_t(it.bytes));
    }
};

// What a window comes by becomes calls.
class Sliding::Listing {
public:
    Listing(Resolver& resolver, Calls& calls) : resolver_(resolver), calls_(calls) {}

    void run(const KernelPlaces& places, int64_t numbers) const {
        ElementwiseCall& call = ElementwiseCall::add(calls_, places.operands);
        call.kernel = places.kernel;
        call.count = numbers;
        find(places.out.at, &call.out);
        for (int k = 0; k < places.operands; ++k) {
            find(places.in[k].at, call.data() + k);
            call.step[k] = places.in[k].step;
        }
    }
    void copy(const Address& to, const Address& from, int64_t bytes) const { find(from, &move(to, bytes).from); }
    void clear(const Address& to, int64_t bytes) const { move(to, bytes); }

private:
    MoveCall& move(const Address& to, int64_t bytes) const {
        auto& call = calls_.add<MoveCall>();
        call.bytes = bytes;
        find(to, &call.out);
        return call;
    }
    template <class T> void find(const Address& a, T** at) const {
        if (a.base == in_work) *at = resolver_.work() + a.offset;
        else resolver_.follow(a, at);
    }

    Resolver& resolver_;
    Calls& calls_;
};

void Sliding::resolve(Resolver& resolver, Calls& calls) const {
    if (!is_short()) return FindingStep::resolve(resolver, calls);
    Listing listing(resolver, calls);
    Window<Listing>(*this, listing, 0, end_).run();
}

void Sliding::run(Bases bases) const {
    const int64_t part = threads_now() == 1 ? std::max<int64_t>(end_, 1) : part_;
    parallel_for((end_ + part - 1) / part, [&](int64_t i) {
        Running running(bases, static_cast<char*>(scratch(work_bytes_)));
        Window<Running>(*this, running, i * part, std::min((i + 1) * part, end_)).run();
    });
}

}  // namespace fg
