// Finding drafts that gain by running together: they read the rows of one large operand, or each other's neighbours.
#include "tape/grouping.hpp"

#include <algorithm>
#include <map>
#include <queue>

#include "tape/sliding.hpp"

namespace fg {
namespace {

constexpr int64_t least_numbers = 512;  // of a slide: fewer are near all the time
constexpr int sets_looked_at = 8;
constexpr int64_t least_rows = 32;  // that threads share
constexpr double crumb_ns = 1000;   // for a step on average, see worth_sharing

class Grouping {
public:
    explicit Grouping(const Drafts& drafts) : drafts_(drafts) {
        const size_t count = drafts.all.size();
        for (size_t d = 0; d < count; ++d) groups_.order.push_back(int(d));
        groups_.of = groups_.order;
        groups_.kinds.assign(count, Kind::single);
        groups_.sums.assign(count, false);
    }

    Groups run() {
        find_streams();
        find_slides();
        find_layers();
        find_rowwise();
        find_independent();
        return std::move(groups_);
    }

private:
    const Draft& draft(int d) const { return drafts_.all[size_t(d)]; }
    bool is_single(int d) const { return groups_.kinds[size_t(d)] == Kind::single; }

    // Makes each set of drafts a group, if there is an order in which all groups come after what they read.
    void unite(const std::vector<std::vector<int>>& sets, Kind kind) {
        if (sets.empty()) return;
        const Groups before = groups_;
        for (const std::vector<int>& members : sets)
            for (int m : members) {
                groups_.of[size_t(m)] = members.back();
                groups_.kinds[size_t(m)] = kind;
            }
        if (!sort()) groups_ = before;
    }

    // False, and the order as it was, if there is none.
    bool sort() {
        const size_t count = drafts_.all.size();
        std::vector<std::vector<int>> groups(count), readers(count);
        std::vector<int> waits_for(count, 0), order;
        for (size_t d = 0; d < count; ++d) {
            const int group = groups_.of[d];
            groups[size_t(group)].push_back(int(d));
            drafts_.for_operands(int(d), [&](const Use&, size_t, int made) {
                if (made < 0 || groups_.of[size_t(made)] == group) return;
                readers[size_t(groups_.of[size_t(made)])].push_back(group);
                ++waits_for[size_t(group)];
            });
        }
        std::priority_queue<int, std::vector<int>, std::greater<>> ready;
        for (size_t g = 0; g < count; ++g)
            if (!groups[g].empty() && waits_for[g] == 0) ready.push(int(g));
        while (!ready.empty()) {
            const size_t group = size_t(ready.top());
            ready.pop();
            order.insert(order.end(), groups[group].begin(), groups[group].end());
            for (int reader : readers[group])
                if (--waits_for[size_t(reader)] == 0) ready.push(reader);
        }
        if (order.size() < count) return false;
        groups_.order = std::move(order);
        return true;
    }

    // --- streams

    void find_streams() {
        for (int d = 0; d < int(drafts_.all.size()); ++d) {
            std::vector<int> members = find_stream(d);
            if (members.empty()) continue;
            const std::vector<int> sums = find_sums(d, members);
            members.insert(members.end(), sums.begin(), sums.end());
            unite({members}, Kind::streamed);
            for (int sum : sums) groups_.sums[size_t(sum)] = !is_single(sum);
        }
    }

    // Those that make the rows that an accumulating draft adds up, in order, if one of them reads its large operand,
    // too.
    std::vector<int> find_stream(int sum) {
        const Use& use = drafts_.uses[size_t(draft(sum).first)];
        if (!use.instruction->op->accumulate || !draft(sum).alone()) return {};
        const int large = drafts_.root(drafts_.inputs_of(use)[0]);
        const View& view = drafts_.slot(large).view;
        if (view.size() * itemsize(view.dtype) < stream_bytes) return {};
        const auto accumulated = drafts_.accumulate(use);
        if (!accumulated) return {};
        const int64_t rows = accumulated->rows;
        std::vector<int> members{sum};
        const auto is_member = [&](int d) { return std::find(members.begin(), members.end(), d) != members.end(); };
        const auto reads_by_rows = [&](int d, const Use& u, size_t operand) {
            return has_rows(drafts_.inputs_of(u)[operand], rows) &&
                   (d == sum ? operand > 0 : matches_rows(d, u, operand));
        };
        for (size_t m = 0; m < members.size(); ++m)
            drafts_.for_operands(members[m], [&](const Use& u, size_t k, int made) {
                if (made >= 0 && !is_member(made) && goes_by_rows(made, rows) && reads_by_rows(members[m], u, k))
                    members.push_back(made);
            });
        bool reads_large = false, fits = true;
        for (int d : members)
            drafts_.for_operands(d, [&](const Use& u, size_t k, int made) {
                const bool by_rows = reads_by_rows(d, u, k);
                if (by_rows && drafts_.root(drafts_.inputs_of(u)[k]) == large) reads_large = true;
                if (made != d && is_member(made) && (!by_rows || !is_single(made))) fits = false;
            });
        if (!reads_large || !fits) return {};
        members.erase(members.begin());
        std::sort(members.begin(), members.end());
        return members;
    }

    // That draft, and those that add up all of what one of the makers makes, if none of these reads the sum.
    std::vector<int> find_sums(int sum, const std::vector<int>& makers) const {
        const int64_t rows = draft(makers[0]).shape[0];
        const auto is_maker = [&](int made) { return std::binary_search(makers.begin(), makers.end(), made); };
        const auto adds_up = [&](int d) {
            const Use& use = drafts_.uses[size_t(draft(d).first)];
            if (d == sum) return true;
            if (!is_single(d) || is_maker(d) || !draft(d).alone()) return false;
            if (!use.instruction->op->accumulate || use.input_count != 1) return false;
            const int value = drafts_.inputs_of(use)[0];
            if (!is_maker(drafts_.maker(value))) return false;
            const auto accumulated = drafts_.accumulate(use);
            return accumulated && accumulated->rows == rows && has_rows(value, rows);
        };
        std::vector<int> sums, read;
        for (int maker : makers)
            drafts_.for_operands(maker, [&](const Use&, size_t, int made) { read.push_back(made); });
        for (int d = makers[0]; d < int(drafts_.all.size()); ++d)
            if (adds_up(d) && std::find(read.begin(), read.end(), d) == read.end()) sums.push_back(d);
        return sums;
    }

    // --- rowwise

    // A draft that makes large rows, with those that make something of each of them. These may not read one another:
    // what is made of other rows is not there yet.
    void find_rowwise() {
        std::map<int, std::vector<int>> found;  // by the draft that makes the rows
        for (int d = 0; d < int(drafts_.all.size()); ++d) {
            const int made = made_by_large_rows(d);
            if (made < 0) continue;
            std::vector<int>& members = found[made];
            if (members.empty()) members.push_back(made);
            bool fits = true;
            drafts_.for_operands(d, [&](const Use&, size_t, int maker) {
                fits &= maker == made || std::find(members.begin(), members.end(), maker) == members.end();
            });
            if (fits) members.push_back(d);
        }
        for (const auto& [made, members] : found)
            if (std::all_of(members.begin(), members.end(), [&](int m) { return is_single(m); }))
                unite({members}, Kind::rowwise);
    }

    // The draft whose large rows, one by one, another makes something of, and nothing else of that draft; or -1.
    int made_by_large_rows(int d) const {
        const Draft& reader = draft(d);
        const Use& use = drafts_.uses[size_t(reader.first)];
        const Op& op = *use.instruction->op;
        if (!is_single(d) || !reader.prepared || !reader.prepared->aligned || op.fault ||
            reader.prepared->shared_bytes())
            return -1;
        const int first = drafts_.inputs_of(use)[0], made = drafts_.maker(first);
        if (made < 0 || !is_single(made) || !draft(made).prepared) return -1;
        const Dims& shape = draft(made).shape;
        const View& rows = drafts_.slot(first).view;
        if (shape.size() < 2 || shape[0] < 2 || !draft(made).elementwise || !draft(made).prepared->aligned) return -1;
        const bool whole = drafts_.root(first) == first && rows.shape == shape && rows.contiguous();
        if (!whole || rows.size() * itemsize(rows.dtype) < stream_bytes) return -1;
        const int64_t all = reader.prepared->rows * reader.prepared->row_size;
        if (reader.prepared->rows % shape[0] != 0 || 4 * all > rows.size()) return -1;  // it makes little of each
        bool fits = true;
        drafts_.for_operands(d, [&](const Use& u, size_t k, int maker) {
            if (maker == made && !(drafts_.is_first(reader, u) && k == 0)) fits = false;
        });
        return fits ? made : -1;
    }

    // Whether row i of a value is row i of the memory it reads.
    bool has_rows(int value, int64_t rows) const {
        const View &view = drafts_.slot(value).view, &base = drafts_.slot(drafts_.root(value)).view;
        return view.shape.size() > 0 && view.shape[0] == rows && drafts_.slot(value).offset == 0 &&
               view.strides[0] * rows == base.size() && rearranges(view, base);
    }
    // Whether a draft makes its rows one by one.
    bool makes_rows(int index, int64_t rows) const {
        const Draft& d = draft(index);
        if (!d.elementwise || d.shape.size() == 0 || d.shape[0] != rows) return false;
        return !d.prepared || (d.prepared->aligned && d.prepared->rows % rows == 0);
    }
    // And whether each needs nothing but itself.
    bool goes_by_rows(int index, int64_t rows) const {
        return makes_rows(index, rows) && !(draft(index).prepared && draft(index).prepared->shared_bytes());
    }
    // Whether for that it reads the same rows of an operand that has them.
    bool matches_rows(int index, const Use& use, size_t operand) const {
        if (draft(index).prepared && drafts_.is_first(draft(index), use)) return operand == 0;
        return drafts_.slot(drafts_.inputs_of(use)[operand]).view.shape.size() == draft(index).shape.size();
    }

    // --- layers

    // Drafts that make the rows of a batch, one behind the other, and take long enough for threads to share them.
    void find_layers() {
        struct Layers {
            int64_t rows = 0;
            double nanoseconds = 0;
            std::vector<int> members;
        };
        const auto has_layers = [&](int d) {
            const Draft& made = draft(d);
            return made.shape.size() > 1 && made.shape[0] >= least_rows && makes_rows(d, made.shape[0]);
        };
        const std::vector<Layers> all = line_up<Layers>(has_layers, [&](int d, Layers& layers) {
            const int64_t rows = draft(d).shape[0];
            if (!layers.members.empty() && (layers.rows != rows || !follows(d, layers.members, rows))) return false;
            layers.rows = rows;
            layers.nanoseconds += nanoseconds(d);
            return true;
        });
        unite(worth_sharing(all), Kind::rowwise);
    }

    // About how long a draft takes.
    double nanoseconds(int d) const {
        const Prepared* const prepared = draft(d).prepared.get();
        return prepared ? prepared->row_ns * double(prepared->rows) : number_ns * double(element_count(draft(d).shape));
    }
    // Sets whose work threads share: enough of it, and not in crumbs, for which finding operands takes longer.
    template <class Set> static std::vector<std::vector<int>> worth_sharing(const std::vector<Set>& sets) {
        std::vector<std::vector<int>> found;
        for (const Set& set : sets)
            if (set.members.size() > 1 && parts_for(set.nanoseconds) > 1 &&
                set.nanoseconds >= crumb_ns * double(set.members.size()))
                found.push_back(set.members);
        return found;
    }

    // --- independent drafts

    // Products and reductions alone: what goes over memory number by number gains more by coming right behind what it
    // reads.
    void find_independent() {
        struct Set {
            double nanoseconds = 0;
            std::vector<int> members;
        };
        const auto can_be_cut = [&](int d) {
            return draft(d).prepared && draft(d).elementwise && nanoseconds(d) >= crumb_ns;
        };
        const std::vector<Set> all = line_up<Set>(can_be_cut, [&](int d, Set& set) {
            bool reads = false;
            drafts_.for_operands(d, [&](const Use&, size_t, int made) {
                reads |= made != d && std::binary_search(set.members.begin(), set.members.end(), made);
            });
            if (!reads) set.nanoseconds += nanoseconds(d);
            return !reads;
        });
        unite(worth_sharing(all), Kind::independent);
    }

    // Whether a draft reads some of those drafts, and the same rows alone.
    bool follows(int d, const std::vector<int>& members, int64_t rows) const {
        bool reads = false, fits = true;
        drafts_.for_operands(d, [&](const Use& use, size_t k, int made) {
            if (made == d || !std::binary_search(members.begin(), members.end(), made)) return;
            reads = true;
            fits &= has_rows(drafts_.inputs_of(use)[k], rows) && matches_rows(d, use, k);
        });
        return reads && fits;
    }

    // --- sets that come one after the other

    // Each draft that `fits` goes to the last set that comes after all it reads and that it can `join`, and otherwise
    // begins one. Sets come at positions 2, 4 and so on, the other drafts between them.
    template <class Set, class Fits, class Join> std::vector<Set> line_up(const Fits& fits, const Join& join) const {
        std::vector<Set> sets;
        std::vector<bool> taken(drafts_.all.size());
        for (size_t d = 0; d < taken.size(); ++d) taken[d] = is_single(int(d)) && fits(int(d));
        if (std::find(taken.begin(), taken.end(), true) == taken.end()) return sets;
        std::vector<int> position(drafts_.all.size());
        const auto set_of = [&](int d, int earliest) {
            const int least = std::max({earliest / 2 - 1, int(sets.size()) - sets_looked_at, 0});
            for (int s = int(sets.size()) - 1; s >= least; --s)
                if (2 * (s + 1) >= earliest && join(d, sets[size_t(s)])) return s;
            sets.emplace_back();
            join(d, sets.back());
            return int(sets.size()) - 1;
        };
        for (int d = 0; d < int(drafts_.all.size()); ++d) {
            int earliest = 1;
            drafts_.for_operands(d, [&](const Use& use, size_t k, int made) {
                if (made >= 0 && made != d) earliest = std::max(earliest, position[size_t(made)]);
                const int after = drafts_.slot(drafts_.inputs_of(use)[k]).after;
                if (after >= 0) earliest = std::max(earliest, position[size_t(after)] | 1);
            });
            if (!taken[size_t(d)]) {
                position[size_t(d)] = earliest | 1;
                continue;
            }
            const int s = set_of(d, earliest);
            sets[size_t(s)].members.push_back(d);
            position[size_t(d)] = 2 * (s + 1);
        }
        return sets;
    }

    // --- slides

    struct Slide {
        int64_t numbers = 0;
        std::vector<int> members;
        bool shifted = false;  // whether one of them reads another ahead or behind
    };

    void find_slides() {
        const auto is_long = [](const Draft& d) { return element_count(d.shape) >= least_numbers; };
        paces_.assign(drafts_.slots.size(), {});
        const std::vector<Slide> slides =
            line_up<Slide>([&](int d) { return is_long(draft(d)) && is_line(d); },
                           [&](int d, Slide& slide) {
                               const int64_t numbers = element_count(draft(d).shape);
                               if (slide.members.empty()) slide.numbers = numbers;
                               return std::abs(slide.numbers - numbers) <= most_behind && join(d, slide);
                           });
        std::vector<std::vector<int>> found;
        for (const Slide& slide : slides)
            if (slide.shifted) found.push_back(slide.members);
        unite(found, Kind::sliding);
    }

    // Finds the paces of a draft in a slide; false, and nothing is changed, if it would be too far behind another, or
    // reads what is there only when all is.
    bool join(int d, Slide& slide) {
        const auto is_member = [&](int other) {
            return other == d || std::binary_search(slide.members.begin(), slide.members.end(), other);
        };
        bool shifted = false, fits = true;
        drafts_.for_uses(draft(d), [&](const Use& use) {
            std::vector<Followed> followed;
            drafts_.for_lines(draft(d), use, [&](int value, int64_t shift, bool single) {
                const int made = drafts_.slot(value).draft;
                if (made < 0 || !is_member(made)) return;
                if (single) fits = false;
                followed.push_back({paces_[size_t(value)], shift});
                shifted |= shift != 0;
            });
            const Pace pace = paces_[size_t(use.instruction->output)] = follow(followed);
            if (pace.lag > most_behind || pace.behind > most_behind) fits = false;
        });
        if (fits) slide.shifted |= shifted;
        return fits;
    }

    bool is_line(int d) const {
        bool fits = true;
        drafts_.for_uses(draft(d), [&](const Use& use) {
            if (fits) fits = drafts_.for_lines(draft(d), use, [](int, int64_t, bool) {});
        });
        return fits;
    }

    const Drafts& drafts_;
    Groups groups_;
    std::vector<Pace> paces_;  // of each value, in its draft's slide
};

}  // namespace

Groups group(const Drafts& drafts) { return Grouping(drafts).run(); }

}  // namespace fg
