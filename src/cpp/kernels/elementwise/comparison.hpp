// Comparisons and truth values: they give bool, and no gradient passes.
#pragma once

#include "kernels/elementwise/formula.hpp"

namespace fg::kernels {

struct Less {
    static constexpr Entry entry{"less", "a < b.", "less", Domain::ordered, false};
    static constexpr int uses[] = {nothing, nothing};
    template <class V> static auto f(V a, V b) { return a < b; }
};
struct LessEqual {
    static constexpr Entry entry{"less_equal", "a <= b.", "less_equal", Domain::ordered, false};
    static constexpr int uses[] = {nothing, nothing};
    template <class V> static auto f(V a, V b) { return a <= b; }
};
struct Greater {
    static constexpr Entry entry{"greater", "a > b.", "greater", Domain::ordered, false};
    static constexpr int uses[] = {nothing, nothing};
    template <class V> static auto f(V a, V b) { return a > b; }
};
struct GreaterEqual {
    static constexpr Entry entry{"greater_equal", "a >= b.", "greater_equal", Domain::ordered, false};
    static constexpr int uses[] = {nothing, nothing};
    template <class V> static auto f(V a, V b) { return a >= b; }
};
struct Equal {
    static constexpr Entry entry{"equal", "a == b.", "equal", Domain::ordered, false};
    static constexpr int uses[] = {nothing, nothing};
    template <class V> static auto f(V a, V b) { return a == b; }
};
struct NotEqual {
    static constexpr Entry entry{"not_equal", "a != b.", "not_equal", Domain::ordered, false};
    static constexpr int uses[] = {nothing, nothing};
    template <class V> static auto f(V a, V b) { return a != b; }
};
struct LogicalAnd {
    static constexpr Entry entry{"logical_and", "True where a and b both hold.", "logical_and", Domain::logical, false};
    static constexpr int uses[] = {nothing, nothing};
    template <class M> static M f(M a, M b) { return a & b; }
};
struct LogicalOr {
    static constexpr Entry entry{"logical_or", "True where a or b holds.", "logical_or", Domain::logical, false};
    static constexpr int uses[] = {nothing, nothing};
    template <class M> static M f(M a, M b) { return a | b; }
};
struct LogicalNot {
    static constexpr Entry entry{"logical_not", "True where a does not hold.", "logical_not", Domain::logical, false};
    static constexpr int uses[] = {nothing};
    template <class M> static M f(M a) { return !a; }
};

using ComparisonOps =
    OpList<Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual, LogicalAnd, LogicalOr, LogicalNot>;

}  // namespace fg::kernels
