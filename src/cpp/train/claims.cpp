// Marking and unmarking. The marks are flags of the tensors: no lock that another thread could hold at a fork, and in a
// child made while a parent trains, the model stays marked.
#include "train/claims.hpp"

#include <stdexcept>

namespace fg {

void claim(Span<Tensor> params) {
    for (int i = 0; i < params.size(); ++i) {
        if (!params[size_t(i)].impl()->claimed.exchange(true)) continue;
        release({params.data(), size_t(i)});
        throw std::runtime_error(
            "the model is being trained already, by a fit or a training step in another thread or around this "
            "callback; wait for its end, or train a copy.deepcopy of the model");
    }
}

void release(Span<Tensor> params) {
    for (const Tensor& p : params) p.impl()->claimed = false;
}

}  // namespace fg
