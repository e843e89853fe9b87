// DerivativeRule: a derivative that somebody wrote by hand, attached to values however these were computed.
#pragma once

#include <vector>

#include "core/tensor.hpp"

namespace fg {

// Whoever implements it may call Python; nothing here knows.
class DerivativeRule : public RefCounted {
public:
    // What flows to each input of the function, from what flows to its outputs and what was kept for this; an empty
    // tensor where nothing flows. Written over Tensor, so that it is run, recorded or differentiated again as the
    // caller likes.
    virtual std::vector<Tensor> pull(Span<Tensor> kept, Span<Tensor> grads) const = 0;
    // For messages.
    virtual const char* name() const = 0;
};

}  // namespace fg
