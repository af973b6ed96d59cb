#pragma once
/// "Did you mean": the known word that takes the fewest typing mistakes to become what was written.

#include <string_view>
#include <vector>

namespace tokenwerk {

/// How many letters must be inserted, removed, replaced or swapped with their neighbour to turn one
/// word into the other (the restricted distance of Damerau, 1964).
[[nodiscard]] int edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to the word, the first of equals; empty if there are no candidates.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       const std::vector<std::string_view>& candidates);

}  // namespace tokenwerk
