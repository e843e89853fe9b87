// Laying a blockwise run out, and running it.
#include "tape/blockwise.hpp"

#include <cstddef>
#include <cstring>
#include <numeric>

#include "core/pool.hpp"
#include "core/scratch.hpp"
#include "tape/buffers.hpp"
#include "tape/walk.hpp"

namespace fg {
namespace {

constexpr int64_t usual_block = 1024;     // numbers: five operands of doubles fit L1
constexpr int64_t near_bytes = 24 << 10;  // twice as many, where no more are touched with them
constexpr int64_t smallest_block = 128, most_buffer_bytes = 128 * 1024;
constexpr int64_t producer_bytes = 32 * 1024;  // of rows made before the elementwise ops follow
constexpr int max_operands = kernels::max_elementwise_arity + 2;

// Sizes of 1 say nothing about a layout.
void drop_single_axes(Dims& shape, Dims& strides) {
    Dims s, t;
    for (int i = 0; i < shape.size(); ++i) {
        if (shape[i] == 1) continue;
        s.push_back(shape[i]);
        t.push_back(strides[i]);
    }
    shape = s;
    strides = t;
}

// Axes that are walked as one become one.
void join_axes(Dims& shape, Dims& strides) {
    drop_single_axes(shape, strides);
    Dims s, t;
    for (int i = 0; i < shape.size(); ++i) {
        if (i && t.at_end(1) == strides[i] * shape[i]) {
            s.at_end(1) *= shape[i];
            t.at_end(1) = strides[i];
        } else {
            s.push_back(shape[i]);
            t.push_back(strides[i]);
        }
    }
    shape = s;
    strides = t;
}

enum class Pattern { contiguous, single, every_row, per_row, scattered };

// How an operand runs through a shape; `row` tells the length of a row for every_row and per_row, and `stride` how far
// apart the numbers of per_row lie.
struct Found {
    Pattern pattern = Pattern::scattered;
    int64_t row = 0, stride = 0;
};

Found find_pattern(const View& view, const Dims& target) {
    Dims shape = target, strides = broadcast_strides(view.shape, view.strides, target);
    drop_single_axes(shape, strides);
    const int n = shape.size();
    if (is_contiguous(shape, strides)) return {Pattern::contiguous};
    const auto is_zero = [](int64_t s) { return s == 0; };
    if (std::all_of(strides.begin(), strides.end(), is_zero)) return {Pattern::single};
    int zeros = 0;
    while (strides[zeros] == 0) ++zeros;
    if (zeros) {  // repeated along the first axes: the others have to be contiguous
        int64_t row = 1;
        for (int i = n - 1; i >= zeros; --i) {
            if (strides[i] != row) return {};
            row *= shape[i];
        }
        return {Pattern::every_row, row};
    }
    int last = n;
    int64_t row = 1;
    while (strides[last - 1] == 0) row *= shape[--last];
    if (last == n) return {};
    const int64_t stride = strides[last - 1];
    int64_t expected = stride;
    for (int i = last - 1; i >= 0; --i) {
        if (strides[i] != expected) return {};
        expected *= shape[i];
    }
    return {Pattern::per_row, row, stride};
}

// Bytes of one number of each value that the blocks read or write.
int64_t bytes_touched(const BlockwisePlan& plan, bool has_producer) {
    std::vector<char> touched(plan.values.size(), 0);
    for (size_t u = has_producer; u < plan.uses.size(); ++u) {
        for (int v : plan.operands_of(plan.uses[u])) touched[size_t(v)] = 1;
        touched[size_t(plan.uses[u].out)] = 1;
    }
    int64_t bytes = 0;
    for (size_t v = 0; v < touched.size(); ++v) bytes += touched[v] ? itemsize(plan.values[v].view->dtype) : 0;
    return bytes;
}

// The kernel of a use of a matrix and a row that repeats, or null.
kernels::ElementwiseKernel row_kernel(const BlockwisePlan& plan, const BlockwisePlan::Use& use) {
    const View& out = *plan.values[size_t(use.out)].view;
    const int found = kernels::find_row_op(use.op->formula, use.chained ? use.chained->formula : -1);
    if (found < 0 || !is_floating(out.dtype)) return nullptr;
    for (int v : plan.operands_of(use))
        if (plan.values[size_t(v)].view->dtype != out.dtype) return nullptr;
    const BlockwisePlan::Value& matrix = plan.values[size_t(plan.operands_of(use)[0])];
    if (matrix.in_memory && find_pattern(*matrix.view, plan.shape).pattern != Pattern::contiguous) return nullptr;
    return kernels::table().row_ops[found][out.dtype == DType::float64];
}

}  // namespace

Blockwise::Blockwise(BlockwisePlan&& plan) : producer_(std::move(plan.producer)), shape_(plan.shape) {
    // Fewer numbers at a time where many values are on their way at once.
    const bool few = 2 * usual_block * bytes_touched(plan, producer_ != nullptr) <= near_bytes;
    for (int64_t most = few ? 2 * usual_block : usual_block;; most /= 2) {
        lay_out(plan, most);
        assign_buffers(plan);
        if (buffers_bytes_ <= most_buffer_bytes || most <= smallest_block) break;
    }
    dtype_ = plan.values[size_t(plan.uses.back().out)].view->dtype;
    for (const BlockwisePlan::Value& v : plan.values) bytes_ += v.in_memory ? bytes_read(*v.view) : 0;
    uses_.reserve(plan.uses.size());
    for (const BlockwisePlan::Use& use : plan.uses) {
        if (producer_ && &use == &plan.uses[0]) {
            work_ += producer_->row_work * double(producer_->rows);
            producer_op_ = use.op;
            producer_operands_ = use.operand_count;
            producer_out_ = use.out;
            continue;
        }
        work_ += double(numbers_) * (use.chained ? 2 : 1);
        const bool by_row = use.operand_count == 2 && values_[size_t(plan.operands_of(use)[1])].step > 1;
        uses_.push_back({by_row ? row_kernel(plan, use) : use.kernel, use.op, use.chained, use.first_operand,
                         use.operand_count, use.out});
    }
    operands_ = std::move(plan.operands);
    if (in_one_go()) find_places();
}

void Blockwise::find_places() {
    const auto add = [&](int v) {
        const Value& value = values_[size_t(v)];
        if (value.buffer < 0) places_.push_back({value.at.base, int(value.step), value.at.offset});
        else places_.push_back({-1, int(value.step), value.buffer});
    };
    for (const Use& use : uses_) {
        for (int k = 0; k < use.operand_count; ++k) add(operands_[size_t(use.first_operand + k)]);
        add(use.out);
    }
}

StepInfo Blockwise::info() const {
    StepInfo info{producer_op_ ? producer_op_->name : "", dtype_, shape_, work_, bytes_};
    for (const Use& use : uses_) {
        if (use.chained) info.add(*use.chained);
        info.add(*use.op);
    }
    return info;
}

// Chooses rows and blocks, and finds the way to each value that is in memory.
void Blockwise::lay_out(const BlockwisePlan& plan, int64_t most) {
    numbers_ = element_count(plan.shape);
    row_ = producer_ ? producer_->row_size : 0;
    const auto by_block = [&](size_t v) {  // the producer has its own way to its operands
        if (!plan.values[v].in_memory) return false;
        if (!producer_) return true;
        const Span<int> its = plan.operands_of(plan.uses[0]);
        return std::find(its.begin(), its.end(), int(v)) == its.end();
    };
    for (size_t v = 0; v < plan.values.size(); ++v)
        if (!row_ && by_block(v)) row_ = find_pattern(*plan.values[v].view, plan.shape).row;
    if (!row_) row_ = std::max<int64_t>(numbers_, 1);
    block_ = row_ <= most ? most / row_ * row_ : most;
    block_ = std::max<int64_t>(std::min(block_, numbers_), 1);
    if (producer_) {
        const int64_t item = itemsize(plan.values[size_t(plan.uses[0].out)].view->dtype);
        rows_made_ = producer_bytes / (producer_->row_size * item);
        rows_made_ = std::max<int64_t>(std::min(std::max(rows_made_, producer_->grain), producer_->rows), 1);
    }
    cut(plan);
    if (producer_ && (parts_ > 1 || rows_made_ < producer_->rows)) shared_bytes_ = producer_->shared_bytes();
    values_.assign(plan.values.size(), {});
    copied_.clear();
    for (size_t i = 0; i < values_.size(); ++i) {
        values_[i].at = plan.values[i].at;
        values_[i].in_memory = plan.values[i].in_memory;
        if (by_block(i)) place_in_memory(plan, int(i));
    }
}

// Parts are whole rows of the producer, or whole blocks.
void Blockwise::cut(const BlockwisePlan& plan) {
    const double made = producer_ ? producer_->row_ns * double(producer_->rows) : 0;
    nanoseconds_ = made + number_ns * double(numbers_) * double(plan.uses.size());
    const int64_t parts = parts_for(nanoseconds_);
    part_ = std::max<int64_t>(numbers_, 1);
    if (parts == 1) return;
    if (producer_) parts_ = std::max<int64_t>(std::min(parts, producer_->rows / 16), 1);
    else part_ = ((numbers_ + parts - 1) / parts + block_ - 1) / block_ * block_;
}

// Whether all that reads a value takes it as a row that repeats.
bool Blockwise::has_row_form(const BlockwisePlan& plan, int index) const {
    constexpr int64_t worthwhile = 64;  // bytes; below, most lanes would be empty
    if (row_ * itemsize(plan.values[size_t(index)].view->dtype) < worthwhile) return false;
    return std::all_of(plan.uses.begin() + (producer_ ? 1 : 0), plan.uses.end(), [&](const BlockwisePlan::Use& use) {
        const Span<int> in = plan.operands_of(use);
        const auto reads = std::count(in.begin(), in.end(), index);
        return reads == 0 || (reads == 1 && in.size() == 2 && in[1] == index && row_kernel(plan, use));
    });
}

void Blockwise::place_in_memory(const BlockwisePlan& plan, int index) {
    const View& view = *plan.values[size_t(index)].view;
    const Dims& shape = plan.shape;
    Value& value = values_[size_t(index)];
    const int64_t item = itemsize(view.dtype);
    const Found found = find_pattern(view, shape);
    const bool fits = found.row == row_, whole_rows = block_ > row_;
    if (found.pattern == Pattern::contiguous) {
        value.per_number = item;
    } else if (found.pattern == Pattern::single) {
        value.step = 0;
    } else if (found.pattern == Pattern::every_row && fits && !whole_rows) {
        value.per_column = item;
    } else if (found.pattern == Pattern::every_row && fits && has_row_form(plan, index)) {
        value.step = row_;
    } else if (found.pattern == Pattern::per_row && fits && !whole_rows) {
        value.per_row = found.stride * item;
        value.step = 0;
    } else {
        Dims full = broadcast_strides(view.shape, view.strides, shape), sizes = shape;
        join_axes(sizes, full);
        const bool once = found.pattern == Pattern::every_row && fits;
        copied_.push_back({index, view.dtype, sizes, full, once});
    }
}

// For each value the one in whose place it is made. A result is made where the use that reads it last leaves its own:
// kernels work in place, and what is touched fits the first cache more often.
std::vector<int> Blockwise::find_homes(const BlockwisePlan& plan, const std::vector<size_t>& last_read) const {
    std::vector<int> homes(values_.size());
    std::iota(homes.begin(), homes.end(), 0);
    const auto item = [&](int v) { return itemsize(plan.values[size_t(v)].view->dtype); };
    for (size_t u = plan.uses.size(); u-- > (producer_ ? 1 : 0);) {
        const int home = homes[size_t(plan.uses[u].out)];
        const bool in_memory = plan.values[size_t(home)].in_memory;
        if (in_memory && values_[size_t(home)].per_number != item(home)) continue;
        for (int v : plan.operands_of(plan.uses[u])) {
            if (plan.values[size_t(v)].in_memory || last_read[size_t(v)] != u || item(v) != item(home)) continue;
            // The producer makes other parts at a time than fit a buffer of a block.
            if (producer_ && v == plan.uses[0].out && !in_memory) continue;
            homes[size_t(v)] = home;
            break;
        }
    }
    return homes;
}

// Buffers for copies and for results that nobody outside reads; one that has been read for the last time serves again.
void Blockwise::assign_buffers(const BlockwisePlan& plan) {
    Buffers buffers;
    const auto block_bytes = [&](int v) { return aligned(block_ * itemsize(plan.values[size_t(v)].view->dtype)); };
    for (const Copied& copied : copied_) values_[size_t(copied.value)].buffer = buffers.take(block_bytes(copied.value));
    std::vector<size_t> last_read(values_.size(), 0);
    for (size_t u = 0; u < plan.uses.size(); ++u)
        for (int v : plan.operands_of(plan.uses[u])) last_read[size_t(v)] = u;
    const std::vector<int> homes = find_homes(plan, last_read);
    for (size_t u = 0; u < plan.uses.size(); ++u) {
        const bool produced = producer_ && u == 0;
        const int out = plan.uses[u].out, home = homes[size_t(out)];
        Value &value = values_[size_t(out)], &place = values_[size_t(home)];
        if (plan.values[size_t(home)].in_memory) {
            value.at = place.at;
            value.per_number = place.per_number;
        } else if (produced) {
            value.per_number = itemsize(plan.values[size_t(out)].view->dtype);
            value.buffer = buffers.take(aligned(rows_made_ * producer_->row_size * value.per_number));
        } else {
            if (place.buffer < 0) place.buffer = buffers.take(block_bytes(home));
            value.buffer = place.buffer;
        }
        if (produced) continue;  // its operands are not read by block
        for (int v : plan.operands_of(plan.uses[u])) {
            const bool in_block = values_[size_t(v)].buffer >= 0 && values_[size_t(v)].per_number == 0;
            const bool temporary = in_block && !plan.values[size_t(v)].in_memory && homes[size_t(v)] == v;
            if (!temporary || last_read[size_t(v)] != u) continue;
            buffers.give_back(values_[size_t(v)].buffer, block_bytes(v));
            last_read[size_t(v)] = plan.uses.size();  // once, even where it is read twice
        }
    }
    buffers_bytes_ = buffers.end();
    places_at_ = buffers_bytes_ + (producer_ ? aligned(producer_->work_bytes(rows_made_)) : 0);
    work_bytes_ = places_at_ + int64_t(values_.size() * sizeof(char*));
}

void Blockwise::copy(const Copied& copied, Bases bases, char* to, int64_t first, int64_t count) const {
    const char* const from = values_[size_t(copied.value)].at.in(bases);
    visit(copied.dtype, [&](auto zero) {
        using T = decltype(zero);
        gather_block(reinterpret_cast<const T*>(from), copied.shape, copied.strides, first, count,
                     reinterpret_cast<T*>(to));
    });
}

// Fills a block with one row, again and again. Short rows go without a call each.
void Blockwise::repeat_row(const Copied& copied, Bases bases, char* to) const {
    constexpr int64_t piece = 16, few_pieces = 16;
    const char* const row = values_[size_t(copied.value)].at.in(bases);
    const int64_t size = row_ * itemsize(copied.dtype), bytes = block_ * itemsize(copied.dtype);
    if (size % piece == 0 && size <= few_pieces * piece) {
        for (int64_t at = 0; at < size; at += piece) {
            char numbers[piece];
            std::memcpy(numbers, row + at, piece);
            for (int64_t done = at; done < bytes; done += size) std::memcpy(to + done, numbers, piece);
        }
        return;
    }
    std::memcpy(to, row, size_t(size));
    for (int64_t done = size; done < bytes; done *= 2) std::memcpy(to + done, to, size_t(std::min(done, bytes - done)));
}

void Blockwise::run_block(char* const* places, int64_t first, int64_t count) const {
    const int64_t row = block_ > row_ || values_.empty() ? 0 : first / row_, column = first - row * row_;
    const auto place = [&](int v) {
        const Value& value = values_[size_t(v)];
        return places[v] + first * value.per_number + column * value.per_column + row * value.per_row;
    };
    const void* data[max_operands];
    int64_t step[max_operands];
    for (const Use& use : uses_) {
        for (int k = 0; k < use.operand_count; ++k) {
            const int v = operands_[size_t(use.first_operand + k)];
            data[k] = place(v);
            step[k] = values_[size_t(v)].step;
        }
        use.kernel(count, data, step, place(use.out));
    }
}

void Blockwise::find_producer_in(Bases bases, const void** in) const {
    for (int k = 0; k < producer_operands_; ++k) in[k] = values_[size_t(operands_[size_t(k)])].at.in(bases);
}

void Blockwise::share(Bases bases, void* shared) const {
    const void* in[max_operands];
    find_producer_in(bases, in);
    make_shared(*producer_, in, shared_bytes_, shared);
}

void Blockwise::run(Bases bases) const {
    if (numbers_ == 0) return;
    void* const shared = shared_bytes_ ? shared_scratch(shared_bytes_) : nullptr;
    if (shared) share(bases, shared);
    const int64_t numbers = producer_ ? rows_for_part(producer_->rows, parts_) * producer_->row_size : part_;
    parallel_for((numbers_ + numbers - 1) / numbers, [&](int64_t part) {
        run_part(bases, shared, part * numbers, std::min((part + 1) * numbers, numbers_));
    });
}

void Blockwise::run_part(Bases bases, const void* shared, int64_t part_begin, int64_t part_end) const {
    char* const buffers = static_cast<char*>(scratch(work_bytes_));
    char** const places = reinterpret_cast<char**>(buffers + places_at_);
    for (size_t v = 0; v < values_.size(); ++v)
        places[v] = values_[v].buffer < 0 ? values_[v].at.in(bases) : buffers + values_[v].buffer;
    for (const Copied& c : copied_)
        if (c.once) repeat_row(c, bases, places[c.value]);

    const int64_t made = producer_ ? rows_made_ * producer_->row_size : part_end - part_begin;
    for (int64_t begin = part_begin; begin < part_end; begin += made) {
        const int64_t end = std::min(begin + made, part_end);
        if (producer_) {
            const void* in[max_operands];
            find_producer_in(bases, in);
            const Value& out = values_[size_t(producer_out_)];
            char* const to = out.buffer < 0 ? places[producer_out_] + begin * out.per_number : buffers + out.buffer;
            const int64_t row = producer_->row_size;
            producer_->run(in, to, begin / row, (end - begin) / row, buffers + buffers_bytes_, shared);
            if (out.buffer >= 0) places[producer_out_] = to - begin * out.per_number;
        }
        // Blocks begin at whole rows, or end with one.
        for (int64_t first = begin; first < end;) {
            int64_t count = std::min(block_, end - first);
            if (block_ <= row_) count = std::min(count, row_ - first % row_);
            for (const Copied& c : copied_)
                if (!c.once) copy(c, bases, places[c.value], first, count);
            run_block(places, first, count);
            first += count;
        }
    }
}

// The copies that the blocks begin with, where one does.
struct Blockwise::CopyCall : Call {
    const Blockwise* step;
    Bases bases;
    char* work;

    static void call(const Call& c) {
        const auto& it = as<CopyCall>(c);
        for (const Copied& copied : it.step->copied_) {
            char* const to = it.work + it.step->values_[size_t(copied.value)].buffer;
            if (copied.once) it.step->repeat_row(copied, it.bases, to);
            else it.step->copy(copied, it.bases, to, 0, it.step->numbers_);
        }
    }
};

void Blockwise::resolve_producer(Resolver& resolver, Calls& calls) const {
    Prepared::Whole whole = producer_->whole();
    if (!whole.kernel) whole = Prepared::by_run(*producer_);
    PlannedCall& call = PlannedCall::add(calls, producer_operands_);
    call.kernel = whole.kernel;
    call.plan = whole.plan;
    call.work = resolver.work() + buffers_bytes_;
    for (int k = 0; k < producer_operands_; ++k)
        resolver.follow(values_[size_t(operands_[size_t(k)])].at, call.in() + k);
    const Value& made = values_[size_t(producer_out_)];
    if (made.buffer < 0) resolver.follow(made.at, &call.out);
    else call.out = resolver.work() + made.buffer;
}

// Where one block does, a call after the other, every operand found beforehand: small steps take as long to find theirs
// as to compute.
void Blockwise::resolve(Resolver& resolver, Calls& calls) const {
    if (places_.empty()) return FindingStep::resolve(resolver, calls);
    if (producer_) resolve_producer(resolver, calls);
    if (!copied_.empty()) {
        auto& call = calls.add<CopyCall>();
        call.step = this;
        call.bases = resolver.bases();
        call.work = resolver.work();
    }
    const Place* place = places_.data();
    const auto find = [&](const Place& p, auto* at) {
        if (p.base < 0) *at = resolver.work() + p.offset;
        else resolver.follow({p.base, p.offset}, at);
    };
    for (const Use& use : uses_) {
        ElementwiseCall& call = ElementwiseCall::add(calls, use.operand_count);
        call.kernel = use.kernel;
        call.count = numbers_;
        for (int k = 0; k < use.operand_count; ++k, ++place) {
            find(*place, call.data() + k);
            call.step[k] = place->step;
        }
        find(*place++, &call.out);
    }
}

bool Blockwise::reads(int base) const {
    return std::any_of(values_.begin(), values_.end(),
                       [&](const Value& v) { return v.in_memory && v.at.base == base; });
}

bool Blockwise::overwrites(int result, int operand) const {
    const auto lies_behind = [&](int v, int base) {
        return values_[size_t(v)].in_memory && values_[size_t(v)].at.base == base;
    };
    for (int k = 0; k < producer_operands_; ++k)
        if (lies_behind(operands_[size_t(k)], operand)) return false;  // each of its rows is made from many
    const auto is_made_behind = [&](int v, int base) {
        return values_[size_t(v)].buffer < 0 && values_[size_t(v)].at.base == base;
    };
    bool written = producer_ && is_made_behind(producer_out_, result);
    for (const Use& use : uses_) {
        for (int k = 0; k < use.operand_count; ++k) {
            const int v = operands_[size_t(use.first_operand + k)];
            if (!lies_behind(v, operand)) continue;
            const Value& value = values_[size_t(v)];
            const bool in_place = value.per_number > 0 && value.buffer < 0 && value.at.offset == 0;
            if (written || !in_place) return false;
        }
        written |= is_made_behind(use.out, result);
    }
    return written;
}

}  // namespace fg
