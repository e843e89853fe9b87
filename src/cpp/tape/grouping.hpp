// Grouping: which drafts run together as one step, and in which order.
#pragma once

#include "tape/drafts.hpp"

namespace fg {

enum class Kind {
    single,       // a draft by itself
    streamed,     // tape/streamed.hpp: some add up what the others make of the rows of a large operand
    rowwise,      // tape/rowwise.hpp: they make rows, each of the same row of the ones before
    sliding,      // tape/sliding.hpp: they read one another some places ahead or behind
    independent,  // tape/independent.hpp: they read nothing of one another
};

constexpr int64_t stream_bytes = 1 << 20;  // an operand of fewer stays near between two steps that read it

struct Groups {
    std::vector<int> order;   // drafts, in the order they run in, those of a group one after the other
    std::vector<int> of;      // of each draft, a number of its group
    std::vector<Kind> kinds;  // of each draft's group
    std::vector<bool> sums;   // whether a draft adds up what others of its group make

    bool together(Kind kind, int draft, int other) const {
        return kinds[size_t(draft)] == kind && of[size_t(draft)] == of[size_t(other)];
    }
    // f(the drafts of a group) for all groups in order.
    template <class F> void for_each(F&& f) const {
        for (size_t i = 0, end; i < order.size(); i = end) {
            for (end = i + 1; end < order.size() && of[size_t(order[i])] == of[size_t(order[end])];) ++end;
            f(Span<int>(order.data() + i, end - i));
        }
    }
};

Groups group(const Drafts& drafts);

}  // namespace fg
