// Buffers: offsets in the working memory of a step, for values that live while a block is on its way.
#pragma once

#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

namespace fg {

// One that has been given back serves again, the latest first, for it is still in L1.
class Buffers {
public:
    explicit Buffers(int64_t begin = 0) : end_(begin) {}

    int64_t take(int64_t bytes) {
        for (auto i = idle_.rbegin(); i != idle_.rend(); ++i)
            if (i->first == bytes) {
                const int64_t offset = i->second;
                idle_.erase(std::next(i).base());
                return offset;
            }
        return take_new(bytes);
    }
    int64_t take_new(int64_t bytes) {
        end_ += bytes;
        return end_ - bytes;
    }
    void give_back(int64_t offset, int64_t bytes) { idle_.emplace_back(bytes, offset); }
    int64_t end() const { return end_; }

private:
    std::vector<std::pair<int64_t, int64_t>> idle_;  // bytes, offset
    int64_t end_;
};

}  // namespace fg
