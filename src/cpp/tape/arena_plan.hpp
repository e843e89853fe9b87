// ArenaPlan: offsets in one growing block, for values that live for a while.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>

namespace fg {

// First hole that fits; holes join when freed.
class ArenaPlan {
public:
    int64_t take(int64_t bytes) {
        for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
            if (hole->second < bytes) continue;
            const auto [offset, size] = *hole;
            holes_.erase(hole);
            if (size > bytes) holes_[offset + bytes] = size - bytes;
            return offset;
        }
        const int64_t offset = end_;
        end_ += bytes;
        return offset;
    }
    void give_back(int64_t offset, int64_t bytes) {
        auto after = holes_.emplace(offset, bytes).first;
        const auto next = std::next(after);
        if (next != holes_.end() && offset + bytes == next->first) {
            after->second += next->second;
            holes_.erase(next);
        }
        if (after == holes_.begin()) return;
        const auto before = std::prev(after);
        if (before->first + before->second != offset) return;
        before->second += after->second;
        holes_.erase(after);
    }
    int64_t end() const { return end_; }

private:
    std::map<int64_t, int64_t> holes_;  // offset -> bytes
    int64_t end_ = 0;
};

}  // namespace fg
