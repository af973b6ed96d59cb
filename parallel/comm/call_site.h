#pragma once
/// Where in the source ranks call something together, for messages about a rank that does not.

#include <source_location>
#include <string>

namespace tokenwerk {

/// A function that takes one as its last argument, by default CallSite::current(), knows its
/// caller; a function that works for another one passes its own caller on.
using CallSite = std::source_location;

/// "parallel/data/gradient_reducer.cpp:104"; a file of another source tree keeps its path.
[[nodiscard]] std::string text_of(const CallSite& site);

}  // namespace tokenwerk
