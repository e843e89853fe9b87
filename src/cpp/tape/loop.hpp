// Loop: a body run for each row of some values, or while a condition holds.
//
// Inputs: the key if it draws, the length if that is counted, then the carries at the start, the xs (n, ...) and the
// constants. The body makes of carries, rows of the xs and constants the next carries and rows of the ys. Outputs: the
// last carries, the number of rounds if a condition decides it, and the ys (n, ...).
#pragma once

#include "tape/body.hpp"
#include "tape/region.hpp"

namespace fg {

enum class Length {
    fixed,        // known while recording
    counted,      // that of a stack, or a number, among the inputs
    conditional,  // as long as the condition holds; there are no xs, and the ys are stacks
};

struct LoopParts {
    Length length = Length::fixed;
    int64_t rounds = 0;           // of a fixed one
    int64_t most = -1;            // rounds of a conditional one; -1: any number
    bool reverse = false;         // from the last row to the first
    bool draws_reversed = false;  // the first round draws what the last one of another loop drew
    int carries = 0, xs = 0;
    std::shared_ptr<const Recording> body;       // closed
    std::shared_ptr<const Recording> condition;  // of carries and constants
    std::vector<int> stack_of;  // of each carry, which of the ys are its values before each round, or -1
};

class Loop final : public Region {
public:
    explicit Loop(LoopParts parts);

    const Op& op() const override;
    std::vector<Tensor> run(Span<Tensor> in, int64_t draw) const override;
    Ref<Region> for_gradient() const override;
    bool keeps_input(int i) const override;
    bool keeps_output(int i) const override;
    std::vector<Tensor> vjp(const Node& node, Span<Tensor> grads, const std::vector<bool>& wanted) const override;
    std::vector<bool> reached_from(const std::vector<bool>& inputs) const override;
    Reduced reduced(const std::vector<bool>& live) const override;
    std::vector<BatchedValue> batched(Span<BatchedValue> in, int64_t draw, int64_t size) const override;
    int64_t work_bytes(Span<const View*> in) const override;
    int stacks() const override;
    std::unique_ptr<Step> step(int64_t draw, RegionPlaces places) const override;
    std::string text(const std::string& indent) const override;

    // Where the inputs and outputs of a kind begin.
    int first_carry() const { return int(draws()) + int(parts_.length == Length::counted); }
    int first_x() const { return first_carry() + parts_.carries; }
    int first_constant() const { return first_x() + parts_.xs; }
    int first_y() const { return parts_.carries + int(parts_.length == Length::conditional); }
    int constants() const { return int(parts_.body->inputs().size()) - parts_.carries - parts_.xs; }
    int ys() const { return int(parts_.body->outputs().size()) - parts_.carries; }
    bool draws() const;

private:
    friend class LoopStep;
    struct Code;
    struct Call;
    struct Running;
    struct Reverse;

    Meta body_input(int i) const { return parts_.body->values()[size_t(parts_.body->inputs()[size_t(i)])].meta; }
    std::vector<bool> active_inputs(const std::vector<bool>& inputs) const;
    std::vector<bool> carries_that_count(const std::vector<bool>& given, const std::vector<bool>& active,
                                         const std::vector<int>& made) const;
    std::shared_ptr<const Reverse> make_reverse(const std::vector<bool>& given, const std::vector<bool>& wanted) const;
    Reduced whole() const;
    Ref<Code> code() const;
    int64_t execute(const Code& code, Running& running, Call& call) const;

    LoopParts parts_;
    Kept<Region> for_gradient_;
    Kept<RefCounted> code_;  // a Code
    KeptGradients<Reverse> reverses_;
};

// While one lives, loops of this thread end after some rounds: what profile makes up may never end one.
class RoundLimit {
public:
    explicit RoundLimit(int64_t rounds);
    ~RoundLimit();
    RoundLimit(const RoundLimit&) = delete;
    RoundLimit& operator=(const RoundLimit&) = delete;
};

// The sum of two stacks of one length.
Tensor add_stacks(const Tensor& a, const Tensor& b);

}  // namespace fg
