#include "launch/checkpoint_diff.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "parallel/checkpoint/compare.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* nothing = "nothing";

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

/// Prints each leaf of two JSON trees that is not the same in both; returns how many.
int print_state(const std::string& a, const std::string& b) {
  const Json left = Json::parse(a).flatten(), right = Json::parse(b).flatten();
  const auto text = [](const Json& leaves, const std::string& key) {
    return leaves.contains(key) ? leaves.at(key).dump() : nothing;
  };
  int count = 0;
  const auto compare = [&](const std::string& key) {
    const std::string mine = text(left, key), yours = text(right, key);
    if (mine == yours) return;
    ++count;
    print_line("state", fmt::format("{}: {} and {}", key.substr(key.empty() ? 0 : 1),
                                    excerpt(mine, yours), excerpt(yours, mine)));
  };
  for (const auto& [key, value] : left.items()) compare(key);
  for (const auto& [key, value] : right.items())
    if (!left.contains(key)) compare(key);
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

/// Prints arrays that differ and the sum of it all; returns how many differ.
std::ptrdiff_t print_arrays(const std::vector<ArrayComparison>& arrays) {
  const auto different = std::ranges::count(arrays, false, &ArrayComparison::equal);
  if (different > 0) fmt::print("different: {} of {} arrays\n", different, arrays.size());
  Index elements = 0;
  for (const ArrayComparison& array : arrays) {
    if (!array.equal()) print_array(array);
    if (array.a) elements += array.a->shape.count();
  }
  if (different == 0)
    fmt::print("equal: {} arrays, {} elements, bit for bit\n", arrays.size(), elements);
  return different;
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
