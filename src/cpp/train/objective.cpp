// Evaluating a recording over a flat vector.
#include "train/objective.hpp"

namespace fg {
namespace {

const Meta& input_meta(const Recording& r, size_t i) { return r.values()[size_t(r.inputs()[i])].meta; }
const Meta& output_meta(const Recording& r, size_t i) { return r.values()[size_t(r.outputs()[i])].meta; }

}  // namespace

Objective::Objective(Ref<Program> program) : program_(std::move(program)) {
    const Recording& r = program_->recording();
    const size_t parts = r.inputs().size();
    if (parts == 0 || r.outputs().size() != parts + 1)
        throw ValueError(say("an objective of ", parts, " parts has to return its value and as many gradients, got ",
                             r.outputs().size(), " outputs"));
    dtype_ = input_meta(r, 0).dtype;
    for (size_t i = 0; i < parts; ++i) {
        const Meta &part = input_meta(r, i), &gradient = output_meta(r, i + 1);
        if (!is_floating(part.dtype) || part.dtype != dtype_ || gradient.shape != part.shape)
            throw ValueError(say("part ", i, " is ", name(part.dtype), part.shape, " and its gradient ",
                                 name(gradient.dtype), gradient.shape,
                                 "; expected one floating dtype, and gradients of the parts' shapes"));
        size_ += element_count(part.shape);
    }
    if (element_count(output_meta(r, 0).shape) != 1)
        throw ValueError(say("an objective has to return one number, got shape ", output_meta(r, 0).shape));
}

double Objective::operator()(const Tensor& x, const Tensor& gradient) const {
    if (x.dtype() != dtype_ || x.shape() != Dims{size_} || !x.view().contiguous())
        throw ValueError(
            say("x must be contiguous ", name(dtype_), "(", size_, ",), got ", name(x.dtype()), x.shape()));
    const Recording& r = program_->recording();
    std::vector<Tensor> parts;
    int64_t offset = 0;
    for (size_t i = 0; i < r.inputs().size(); ++i) {
        const Dims& shape = input_meta(r, i).shape;
        parts.push_back(x.with_view(shape, contiguous_strides(shape), offset));
        offset += element_count(shape);
    }
    const std::vector<Tensor> out = program_->run(parts);
    offset = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
        copy(out[i + 1].view(), gradient.with_view(parts[i].shape(), parts[i].strides(), offset).view());
        offset += parts[i].size();
    }
    return out[0].item();
}

}  // namespace fg
