#include "launch/checkpoint_diff.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>

#include "launch/checkpoint_state.h"
#include "launch/counted.h"
#include "parallel/checkpoint/compare.h"

namespace tokenwerk {
namespace {

void print_line(const std::string& what, const std::string& text) {
  fmt::print("  {:<8} {}\n", what, text);
}

/// The texts from a little before the first difference on: a recipe is long.
std::string excerpt(const std::string& text, const std::string& other) {
  constexpr std::size_t before = 24, width = 60;
  const auto place = std::ranges::mismatch(text, other).in1 - text.begin();
  const auto first = static_cast<std::size_t>(
      std::max<std::ptrdiff_t>(place - static_cast<std::ptrdiff_t>(before), 0));
  const std::string part = text.substr(first, width);
  return (first > 0 ? "..." : "") + part + (first + width < text.size() ? "..." : "");
}

/// Prints each value of two states that is not the same in both; returns how many.
int print_state(const std::string& a, const std::string& b) {
  const auto left = comparable_state(a), right = comparable_state(b);
  std::set<std::string> names;
  for (const auto* values : {&left, &right})
    for (const auto& [name, text] : *values) names.insert(name);
  const auto text = [](const std::map<std::string, std::string>& values, const std::string& name) {
    const auto place = values.find(name);
    return place == values.end() ? "nothing" : place->second;
  };
  int count = 0;
  for (const std::string& name : names) {
    const std::string mine = text(left, name), yours = text(right, name);
    if (mine == yours) continue;
    ++count;
    print_line("state",
               fmt::format("{}: {} and {}", name, excerpt(mine, yours), excerpt(yours, mine)));
  }
  return count;
}

void print_array(const ArrayComparison& array) {
  const auto& [name, a, b, values] = array;
  if (!a) return print_line("only in", "B: " + name);
  if (!b) return print_line("only in", "A: " + name);
  if (!(a->shape == b->shape))
    print_line("shape", fmt::format("{}: {} and {}", name, a->shape.text(), b->shape.text()));
  if (a->dtype != b->dtype)
    print_line("dtype", fmt::format("{}: {} and {}", name, name_of(a->dtype), name_of(b->dtype)));
  if (values.differing > 0)
    print_line("values", fmt::format("{}: {} of {} elements, by {:.3g} at most, relative {:.3g}",
                                     name, values.differing, a->shape.count(),
                                     values.largest_absolute, values.largest_relative));
}

/// What to show first: arrays that cannot be compared, then those that are farthest apart.
double distance(const ArrayComparison& array) {
  return array.comparable() ? array.values.largest_absolute : INFINITY;
}

/// Prints arrays that differ and the sum of it all; returns how many differ.
std::size_t print_arrays(const std::vector<ArrayComparison>& arrays) {
  constexpr std::size_t most = 20;
  std::vector<ArrayComparison> different;
  Index elements = 0;
  for (const ArrayComparison& array : arrays) {
    if (!array.equal()) different.push_back(array);
    if (array.a) elements += array.a->shape.count();
  }
  if (different.empty()) {
    fmt::print("equal: {}, {}, bit for bit\n", count_of(std::ssize(arrays), "array"),
               count_of(elements, "element"));
    return 0;
  }
  std::ranges::stable_sort(different, std::greater(), distance);
  fmt::print("different: {} of {}\n", different.size(), count_of(std::ssize(arrays), "array"));
  for (std::size_t i = 0; i < std::min(most, different.size()); ++i) print_array(different[i]);
  if (different.size() > most) print_line("", fmt::format("and {} more", different.size() - most));
  if (std::ranges::any_of(different, &ArrayComparison::comparable))
    print_line("", "relative: of the larger of two elements, |a - b| / max(|a|, |b|), at most");
  return different.size();
}

}  // namespace

bool print_checkpoint_diff(const std::filesystem::path& a, const std::filesystem::path& b,
                           DiffScope scope) {
  const CheckpointSummary left = inspect_checkpoint(resolve_checkpoint(a));
  const CheckpointSummary right = inspect_checkpoint(resolve_checkpoint(b));
  fmt::print("A: {}\nB: {}\n", left.folder.string(), right.folder.string());
  bool equal = print_arrays(compare_checkpoints(left.folder, right.folder)) == 0;
  if (scope == DiffScope::arrays) return equal;
  if (left.step != right.step) {
    print_line("step", fmt::format("{} and {}", left.step, right.step));
    equal = false;
  }
  return print_state(left.state_json, right.state_json) == 0 && equal;
}

}  // namespace tokenwerk
