// Nests of dicts, lists and tuples: taken apart into leaves and put together again.
#pragma once

#include "bindings/convert.hpp"

namespace fg {

// Adds the leaves in order (of dicts by sorted key, as JAX does) and returns what is left of the nest without them:
// a mark for a leaf, None for None, else (type, keys of a dict or None, one for each item). Structures are hashable;
// equal ones hold leaves at equal places.
py::object flatten(const py::handle& nest, std::vector<py::object>& leaves);

// The nest of that structure; takes as many leaves as there are in it.
py::object unflatten(const py::handle& structure, const py::object*& leaf, const py::object* end);

// The keys of a dict in the order of its leaves.
py::tuple sorted_keys(const py::handle& dict);

void bind_nest(py::module_& m);

}  // namespace fg
