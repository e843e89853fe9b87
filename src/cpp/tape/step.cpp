// Running one op on memory found through bases.
#include "tape/step.hpp"

#include <cstdlib>

#include "core/scratch.hpp"
#include "tape/apply.hpp"

namespace fg {
namespace {

constexpr int few = 8;

// The operands as an op's run sees them.
class FoundViews {
public:
    FoundViews(const std::vector<Operand>& operands, Bases bases) {
        if (operands.size() > few) {
            more_.resize(operands.size());
            more_pointers_.resize(operands.size());
        }
        View* const views = more_.empty() ? few_ : more_.data();
        pointers_ = more_.empty() ? few_pointers_ : more_pointers_.data();
        for (size_t i = 0; i < operands.size(); ++i) {
            views[i] = operands[i].in(bases);
            pointers_[i] = &views[i];
        }
    }
    FoundViews(const FoundViews&) = delete;
    FoundViews& operator=(const FoundViews&) = delete;
    const View* const* pointers() const { return pointers_; }

private:
    View few_[few];
    const View* few_pointers_[few];
    std::vector<View> more_;
    std::vector<const View*> more_pointers_;
    const View** pointers_;
};

}  // namespace

int64_t bytes_read(const View& view) {
    int64_t n = itemsize(view.dtype);
    for (int i = 0; i < view.shape.size(); ++i)
        if (view.strides[i] != 0 || view.shape[i] == 0) n *= view.shape[i];
    return n;
}

OpStep::OpStep(const Op& op, const Attrs& attrs, std::vector<Operand> in, const Operand& out,
               std::unique_ptr<Prepared> prepared)
    : op_(op),
      attrs_(attrs),
      in_(std::move(in)),
      out_(out),
      prepared_(std::move(prepared)),
      work_bytes_(prepared_ ? prepared_->work_bytes(prepared_->rows) : 0) {
    info_ = {op.name, out.view.dtype, out.view.shape, 0, bytes_read(out.view)};
    info_.work = prepared_ ? prepared_->row_work * double(prepared_->rows) : double(out.view.size());
    for (const Operand& operand : in_) info_.bytes += bytes_read(operand.view);
}

void OpStep::run(Bases bases) const {
    if (prepared_) {
        const void* in[few];
        for (size_t i = 0; i < in_.size(); ++i) in[i] = in_[i].at.in(bases);
        void* const work = work_bytes_ ? scratch(work_bytes_) : nullptr;
        const int64_t status = prepared_->run(in, out_.at.in(bases), 0, prepared_->rows, work);
        if (status >= 0) fail(bases, status);
        return;
    }
    const FoundViews views(in_, bases);
    const View out = out_.in(bases);
    const int64_t status = op_.run(op_, attrs_, Views(views.pointers(), in_.size()), out);
    if (status >= 0) fail(bases, status);
}

void OpStep::fail(Bases bases, int64_t status) const {
    const FoundViews views(in_, bases);
    check_status(op_, attrs_, Views(views.pointers(), in_.size()), status);
    std::abort();  // check_status throws
}

}  // namespace fg
