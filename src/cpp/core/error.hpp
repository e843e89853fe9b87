// Errors the core throws; the bindings turn each into the Python exception of the same meaning.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace fg {

struct ValueError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};
struct TypeError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};
struct IndexError : std::out_of_range {
    using std::out_of_range::out_of_range;
};
// A value that does not exist yet was asked for while recording.
struct RecordingError : std::runtime_error {
    using std::runtime_error::runtime_error;
};
// A gradient that cannot be had: freed values, a value changed since it was saved, nothing that requires a gradient.
struct GradientError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// say("axis ", 3, " is out of range") -> std::string
template <class... Parts> std::string say(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
}

}  // namespace fg
