// Branch: one of two recordings, as a condition says.
//
// Inputs: the key if it draws, the condition, bool (), and what both read.
#pragma once

#include "tape/body.hpp"
#include "tape/region.hpp"

namespace fg {

class Branch final : public Region {
public:
    using Body = std::shared_ptr<const Recording>;
    Branch(Body if_true, Body if_false);

    const Op& op() const override;
    std::vector<Tensor> run(Span<Tensor> in, int64_t draw) const override;
    Ref<Region> for_gradient() const override { return Ref<Region>(const_cast<Branch*>(this)); }
    bool keeps_input(int) const override { return true; }
    bool keeps_output(int) const override { return false; }
    std::vector<Tensor> vjp(const Node& node, Span<Tensor> grads, const std::vector<bool>& wanted) const override;
    std::vector<bool> reached_from(const std::vector<bool>& inputs) const override;
    Reduced reduced(const std::vector<bool>& live) const override;
    std::vector<BatchedValue> batched(Span<BatchedValue> in, int64_t draw, int64_t size) const override;
    int64_t work_bytes(Span<const View*> in) const override;
    int stacks() const override;
    std::unique_ptr<Step> step(int64_t draw, RegionPlaces places) const override;
    std::string text(const std::string& indent) const override;

    bool draws() const { return bodies_[0]->key() >= 0 || bodies_[1]->key() >= 0; }
    int first_operand() const { return int(draws()) + 1; }

private:
    friend class BranchStep;
    struct Code;
    struct Call;
    struct Reverse;

    std::shared_ptr<const Reverse> make_reverse(const std::vector<bool>& given, const std::vector<bool>& wanted) const;
    Ref<Code> code() const;

    Body bodies_[2];         // if true, if false
    Kept<RefCounted> code_;  // a Code
    KeptGradients<Reverse> reverses_;
};

}  // namespace fg
