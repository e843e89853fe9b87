// Holds the list of ops.
#include "tape/registry.hpp"

#include <cstring>

namespace fg {
namespace {

std::vector<const Op*>& list() {
    static auto& ops = *new std::vector<const Op*>;
    return ops;
}

}  // namespace

void register_op(const Op& op) { list().push_back(&op); }
const std::vector<const Op*>& all_ops() { return list(); }

const Op& find_op(const char* name) {
    for (const Op* op : list())
        if (std::strcmp(op->name, name) == 0) return *op;
    throw ValueError(say("there is no op named '", name, "'"));
}

}  // namespace fg
